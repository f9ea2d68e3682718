#!/usr/bin/env python3
"""Checks a transcript of secure aggregation (tests/vectors/secagg_*.json) against the specification, sharing no code with the C:
curves, stream and authenticator are written out below from RFC 7748, 8032, 8439 and draft-irtf-cfrg-xchacha with Python's integers,
BLAKE2b and SHA come from hashlib. Every value is made again from the secrets; the sum is made as the coordinator makes it, from the
answers alone.

    tests/secagg_check.py FILE.json ...     0: all agree; 1: a line for each value that does not
"""
import hashlib
import json
import struct
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


# ---- X25519, RFC 7748 section 5
def x25519(scalar, point):
    k = int.from_bytes(scalar, "little") & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    out = (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")
    assert out != bytes(32), "X25519 gives zero"
    return out


def x25519_base(scalar):
    return x25519(scalar, (9).to_bytes(32, "little"))


# ---- Ed25519, RFC 8032 section 5.1, in extended coordinates
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x & 1 != sign else x


BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_multiply(k, p):
    q = (0, 1, 1, 0)
    while k:
        if k & 1:
            q = point_add(q, p)
        p, k = point_add(p, p), k >> 1
    return q


def point_octets(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def ed25519_expand(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & ~7 & (2**255 - 1) & ~(2**254) | 2**254, h[32:]


def ed25519_public(seed):
    return point_octets(point_multiply(ed25519_expand(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = ed25519_expand(seed)
    public = point_octets(point_multiply(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    big_r = point_octets(point_multiply(r, BASE))
    k = int.from_bytes(hashlib.sha512(big_r + public + message).digest(), "little") % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


# ---- ChaCha20 and Poly1305, RFC 8439; HChaCha20, draft-irtf-cfrg-xchacha-03 section 2.2
M32 = 0xFFFFFFFF


def quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & M32
        s[z] ^= s[x]
        s[z] = (s[z] << n | s[z] >> (32 - n)) & M32


def rounds(state):
    s = list(state)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(s, a, b, c, d)
    return s


CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def chacha_block(key, counter, nonce):
    state = CONSTANTS + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce)
    return struct.pack("<16I", *((a + b) & M32 for a, b in zip(rounds(state), state)))


def chacha_stream(key, counter, nonce, n):
    return b"".join(chacha_block(key, counter + i, nonce) for i in range((n + 63) // 64))[:n]


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(message), 16):
        acc = (acc + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def pad16(b):
    return b + bytes(-len(b) % 16)


def xchacha_seal(key, nonce, ad, text):
    state = CONSTANTS + struct.unpack("<8I", key) + struct.unpack("<4I", nonce[:16])
    s = rounds(state)
    subkey, inner = struct.pack("<8I", *(s[:4] + s[12:])), bytes(4) + nonce[16:]
    sealed = bytes(a ^ b for a, b in zip(text, chacha_stream(subkey, 1, inner, len(text))))
    lengths = struct.pack("<QQ", len(ad), len(sealed))
    return sealed + poly1305(chacha_block(subkey, 0, inner)[:32], pad16(ad) + pad16(sealed) + lengths)


# ---- the specification's own encoding
def fields(*parts):
    return b"".join(struct.pack("<I", len(p)) + p for p in parts)


def tagged(tag, *parts):
    return tag + fields(*parts)


def h(tag, *parts):
    return hashlib.blake2b(tagged(tag, *parts), digest_size=32).digest()


def kd(key, tag, *parts):
    return hashlib.blake2b(tagged(tag, *parts), digest_size=32, key=key).digest()


def u32(v):
    return struct.pack("<I", v)


def content(b):
    return hashlib.sha256(b).digest()


def bitmap(members, u1):
    out = bytearray((len(u1) + 7) // 8)
    for i, v in enumerate(u1):
        if v in members:
            out[i // 8] |= 1 << i % 8
    return bytes(out)


def stream_words(key, n):
    return struct.unpack("<%dI" % n, chacha_stream(key, 0, bytes(12), 4 * n))


def pack(words, k):
    bits = sum((w & (1 << k) - 1) << i * k for i, w in enumerate(words))
    return bits.to_bytes((len(words) * k + 7) // 8, "little")


def unpack(octets, n, k):
    bits = int.from_bytes(octets, "little")
    return [bits >> i * k & (1 << k) - 1 for i in range(n)]


def scalar(octets):
    v = int.from_bytes(octets, "little")
    assert v < L, "a scalar is not canonical"
    return v


def kx_keys(c_sk, own_pk, peer_pk, is_client):
    """crypto_kx of libsodium: (receiving, sending)."""
    client, server = (own_pk, peer_pk) if is_client else (peer_pk, own_pk)
    both = hashlib.blake2b(x25519(c_sk, peer_pk) + client + server).digest()
    return (both[:32], both[32:]) if is_client else (both[32:], both[:32])


def at_zero(points):
    total = 0
    for x, y in points:
        weight = 1
        for other, _ in points:
            if other != x:
                weight = weight * other * pow(other - x, L - 2, L) % L
        total += weight * y
    return total % L


def neighbours(sid, count, degree):
    """Ranks beside each rank; the complete graph when degree is 0 or large enough."""
    if degree == 0 or degree >= count - 1:
        return [[v for v in range(count) if v != u] for u in range(count)]
    key, order, draws, at = h(b"COHRTgrf", sid), list(range(count)), b"", 0
    for i in range(count, 1, -1):
        while True:
            if at + 4 > len(draws):
                draws += chacha_block(key, at // 64, bytes(12))
            product = struct.unpack_from("<I", draws, at)[0] * i
            at += 4
            if product & M32 >= (1 << 32) % i:
                break
        j = product >> 32
        order[i - 1], order[j] = order[j], order[i - 1]
    out = [[] for _ in range(count)]
    for place, rank in enumerate(order):
        for step in range(1, degree // 2 + 1):
            out[rank] += [order[(place + step) % count], order[(place - step) % count]]
    return [sorted(set(v)) for v in out]


class Check:
    def __init__(self, transcript):
        self.t = transcript
        self.compared = self.differ = 0
        self.sites = {s["site"]: s for s in transcript["sites"]}
        self.u1, self.u2, self.u3 = (transcript[k] for k in ("U1", "U2", "U3"))
        self.x = {v: i + 1 for i, v in enumerate(self.u1)}
        self.k, self.d = transcript["k"], transcript["d"]
        self.degree = transcript.get("degree", 0)
        self.share_t = transcript.get("share_t", transcript["t"])

    def same(self, where, key, made, expected):
        self.compared += 1
        made = made.hex() if isinstance(made, bytes) else made
        if made != expected:
            self.differ += 1
            print("%s: %s differs" % (where, key))

    def hexed(self, site, key):
        return bytes.fromhex(self.sites[site][key])

    def context(self):
        t = self.t
        n = len(t["sites"])
        self.same("all", "t", (n + t["n_C"]) // 2 + 1, t["t"])
        model = bytes.fromhex(t["model_hash"]) if "model_hash" in t else content(bytes.fromhex(t["model"]))
        self.ctx = h(b"COHRTctx", bytes.fromhex(t["federation"]), bytes.fromhex(t["study_hash"]),
                     struct.pack("<Q", t["round"]), u32(t["attempt"]), model,
                     h(b"COHRTpln", bytes.fromhex(t["plan"])))
        self.same("all", "ctx", self.ctx, t["ctx"])

    def keys(self, u):
        s = self.sites[u]
        seed = self.hexed(u, "identity_seed")
        self.same(u, "identity_pk", ed25519_public(seed), s["identity_pk"])
        s_sk = kd(self.hexed(u, "sigma"), b"COHRTssk", self.ctx)
        self.same(u, "s_sk", s_sk, s["s_sk"])
        adv = u32(u) + x25519_base(self.hexed(u, "c_sk")) + x25519_base(s_sk) + self.hexed(u, "adv")[68:]
        self.same(u, "adv", adv, s["adv"])
        self.same(u, "adv_sig", ed25519_sign(seed, tagged(b"COHRTadv", self.ctx, adv)), s["adv_sig"])

    def session(self):
        if len(self.u1) <= 256:
            parts = [self.hexed(u, k) for u in self.u1 for k in ("adv", "adv_sig")]
        else:
            level = [h(b"COHRTmkl", self.hexed(u, "adv") + self.hexed(u, "adv_sig")) for u in self.u1]
            while len(level) > 1:
                level = [h(b"COHRTmkn", *level[i:i + 2]) if i + 1 < len(level) else level[i]
                         for i in range(0, len(level), 2)]
            parts = level
        self.sid = h(b"COHRTsid", self.ctx, u32(len(self.u1)), *parts)
        self.same("all", "sid", self.sid, self.t["sid"])
        ranks = neighbours(self.sid, len(self.u1), self.degree)
        self.peers = {u: [self.u1[v] for v in ranks[i]] for i, u in enumerate(self.u1)}
        self.u2h = h(b"COHRTu2h", self.sid, bitmap(self.u2, self.u1))
        self.same("all", "u2h", self.u2h, self.t["u2h"])
        self.u3_message = tagged(b"COHRTu3s", self.sid, self.u2h, bitmap(self.u3, self.u1))
        self.same("all", "u3_message", self.u3_message, self.t["u3_message"])

    def share(self, u, which, v):
        """f_which of dealer u at x_v."""
        c = self.sites[u]["coefficients"]
        half = self.share_t - 1
        own = c[:half] if which == "sigma" else c[half:]
        value = 0
        for a in reversed([self.sites[u][which]] + own):
            value = (value * self.x[v] + scalar(bytes.fromhex(a))) % L
        return value.to_bytes(32, "little")

    def shares(self, u):
        s, listed = self.sites[u], b""
        if "ct" not in s:
            return
        self.same(u, "who has ciphertexts", sorted(map(int, s["ct"])), self.peers[u])
        for v in self.peers[u]:
            nonce = bytes.fromhex(s["ct"][str(v)])[:24]
            _, sending = kx_keys(self.hexed(u, "c_sk"), self.hexed(u, "adv")[4:36], self.hexed(v, "adv")[4:36], u < v)
            key = kd(sending, b"COHRTshr", self.sid)
            ad = tagged(b"COHRTsad", self.sid, u32(u), u32(v), u32(self.x[v]), u32(self.share_t))
            text = u32(u) + u32(v) + self.share(u, "sigma", v) + self.share(u, "beta", v)
            ct = nonce + xchacha_seal(key, nonce, ad, text)
            self.same(u, "ct to %d" % v, ct, s["ct"][str(v)])
            listed += u32(v) + ct
        cmt = h(b"COHRTbcm", self.sid, self.hexed(u, "beta"))
        self.same(u, "cmt", cmt, s["cmt"])
        message = tagged(b"COHRTps1", self.sid, u32(u), cmt, content(listed))
        self.same(u, "phase1_sig", ed25519_sign(self.hexed(u, "identity_seed"), message), s["phase1_sig"])

    def pair_mask(self, s_sk, u, v):
        lo, hi = min(u, v), max(u, v)
        shared = x25519(s_sk, self.hexed(v, "adv")[36:68])
        return kd(shared, b"COHRTmsk", self.sid, self.u2h, u32(lo), u32(hi), self.hexed(lo, "adv")[36:68],
                  self.hexed(hi, "adv")[36:68])

    def input(self, u):
        s = self.sites[u]
        words = [x & M32 for x in s["x"]]
        masks = [(kd(self.hexed(u, "beta"), b"COHRTslf", self.sid, self.u2h, u32(u)), 1)]
        masks += [(self.pair_mask(self.hexed(u, "s_sk"), u, v), 1 if v < u else -1)
                  for v in self.peers[u] if v in self.u2]
        for key, sign in masks:
            words = [(w + sign * m) & M32 for w, m in zip(words, stream_words(key, self.d))]
        y = pack(words, self.k)
        self.same(u, "y", y, s["y"])
        self.same(u, "y_hash", content(y), s["y_hash"])
        seed = self.hexed(u, "identity_seed")
        message = tagged(b"COHRTinp", self.sid, self.u2h, u32(u), content(y))
        self.same(u, "phase2_sig", ed25519_sign(seed, message), s["phase2_sig"])
        if "phase3_sig" in s:
            self.same(u, "phase3_sig", ed25519_sign(seed, self.u3_message), s["phase3_sig"])

    def held(self, u):
        own = [u] if self.degree == 0 else []
        return [v for v in sorted(self.peers[u] + own) if v in self.u2]

    def answer(self, u):
        given = self.sites[u].get("answer")
        if given is None:
            return
        self.same(u, "whom it answers about", sorted(map(int, given)), self.held(u))
        for v in self.held(u):
            kind = "beta" if v in self.u3 else "sigma"
            self.same(u, "kind of the share of %d" % v, kind, given[str(v)]["kind"])
            self.same(u, "share of %d" % v, self.share(v, kind, u), given[str(v)]["share"])

    def opened(self, v):
        """The secret of v from the answers alone."""
        points = [(self.x[u], scalar(bytes.fromhex(self.sites[u]["answer"][str(v)]["share"])))
                  for u in self.u3 if str(v) in self.sites[u].get("answer", {})]
        assert len(points) >= self.share_t, "too few answers about site %d" % v
        return at_zero(points[-self.share_t:]).to_bytes(32, "little")

    def sum(self):
        total = [0] * self.d
        for u in self.u3:
            total = [a + b for a, b in zip(total, unpack(self.hexed(u, "y"), self.d, self.k))]
        take = []
        for v in self.u3:
            beta = self.opened(v)
            self.same(v, "cmt of the opened beta", h(b"COHRTbcm", self.sid, beta), self.sites[v]["cmt"])
            take.append((kd(beta, b"COHRTslf", self.sid, self.u2h, u32(v)), 1))
        for v in self.u2:
            if v not in self.u3:
                s_sk = kd(self.opened(v), b"COHRTssk", self.ctx)
                self.same(v, "s_pk of the opened sigma", x25519_base(s_sk), self.sites[v]["adv"][72:136])
                take += [(self.pair_mask(s_sk, v, u), 1 if v < u else -1) for u in self.peers[v] if u in self.u3]
        for key, sign in take:
            total = [a - sign * m for a, m in zip(total, stream_words(key, self.d))]
        size, half = 1 << self.k, 1 << self.k - 1
        made = [(a + half) % size - half for a in total]
        self.same("all", "sum", made, self.t["sum"])
        plain = [sum(c) for c in zip(*(self.sites[u]["x"] for u in self.u3))]
        self.same("all", "sum of the plain vectors", [(a + half) % size - half for a in plain], self.t["sum"])

    def run(self):
        self.context()
        for u in self.u1:
            self.keys(u)
        self.session()
        for u in self.u1:
            self.shares(u)
        for u in self.u3:
            self.input(u)
            self.answer(u)
        self.sum()
        print("%d values compared, %d differ" % (self.compared, self.differ))
        return self.differ == 0


def main(paths):
    if not paths:
        print("usage: secagg_check.py FILE.json ...", file=sys.stderr)
        return 64
    good = True
    for path in paths:
        with open(path, encoding="ascii") as f:
            good &= Check(json.load(f)).run()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
