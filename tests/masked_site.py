"""A site's part in one masked attempt in another language: written from docs/SECURE-AGGREGATION.md, over the curves and ciphers of
tests/secagg_check.py. It makes every check of section 6 of that page; `Refused` says which one failed.

    site = Site(plan, attempt, own number, seed of its identity, what it knows)
    send(site.keys())
    send(site.shares(u1))
    y, octets = site.input(u2, x)
    send(site.survivors(u3))
    send(site.opening(signatures))

    tests/masked_site.py FILE.json ...    plays each site of a transcript (tests/vectors) by it: 0 when every octet agrees
"""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True  # tests leave nothing behind

from secagg_check import (BASE, D, L, M32, P, bitmap, chacha_stream, content, ed25519_public, ed25519_sign, h, kd, kx_keys, neighbours,
                          pack, point_add, point_multiply, point_octets, recover_x, rounds, scalar, stream_words, struct, tagged, u32,
                          x25519, x25519_base, xchacha_seal, CONSTANTS)

LOW_ORDER = {0, 1, P - 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
             39382357235489614581723060781553021112529911719440698176882885853963445705823}


class Refused(Exception):
    pass


def check(good, words):
    if not good:
        raise Refused(words)


# ---- what tests/secagg_check.py does not need: verifying, and opening
def point_from(octets):
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & 2**255 - 1
    check(y < P, "a point is not canonical")
    x = recover_x(y, sign)
    check((x * x * (D * y * y + 1) - (y * y - 1)) % P == 0 and not (x == 0 and sign), "no point")
    return x, y, 1, x * y % P


def ed25519_verify(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    x, y, z, t = point_from(public)
    minus = (P - x, y, z, P - t)
    return point_octets(point_add(point_multiply(s, BASE), point_multiply(k, minus))) == signature[:32]


def xchacha_open(key, ad, ct):
    nonce, sealed = ct[:24], ct[24:-16]
    s = rounds(CONSTANTS + struct.unpack("<8I", key) + struct.unpack("<4I", nonce[:16]))
    stream = chacha_stream(struct.pack("<8I", *(s[:4] + s[12:])), 1, bytes(4) + nonce[16:], len(sealed))
    text = bytes(a ^ b for a, b in zip(sealed, stream))
    return text if nonce + xchacha_seal(key, nonce, ad, text) == ct else None


class Plan:
    """octets: the plan's; invited: {number: public identity}; known: numbers that this hospital knows."""

    def __init__(self, octets, invited, colluders, quorum, words, bits, degree=0, share_t=0):
        self.octets, self.invited, self.quorum = octets, invited, quorum
        self.words, self.bits, self.degree = words, bits, degree
        self.threshold = (len(invited) + colluders) // 2 + 1
        self.share_t = share_t if degree else self.threshold
        check(self.threshold <= quorum <= len(invited) and quorum >= colluders + 2, "the quorum cannot be")


class Site:
    def __init__(self, plan, attempt, number, seed, known=(), min_known=0, draw=os.urandom):
        """attempt: federation, study hash, round, attempt, SHA-256 of the model (32 zeros: none)."""
        federation, study_hash, round_number, attempt_number, model = attempt
        self.plan, self.number, self.seed, self.draw = plan, number, seed, draw
        self.known, self.min_known = {number, *known}, min_known
        self.ctx = h(b"COHRTctx", federation, study_hash, struct.pack("<Q", round_number), u32(attempt_number), model,
                     h(b"COHRTpln", plan.octets))

    def draw_scalar(self):
        return int.from_bytes(self.draw(64), "little") % L

    def sign(self, tag, *parts):
        return ed25519_sign(self.seed, tagged(tag, *parts))

    def check_set(self, numbers, what):
        check(len(numbers) >= self.plan.quorum, "%d sites %s, the quorum is %d" % (len(numbers), what, self.plan.quorum))

    def check_known(self, numbers):
        check(len(self.known & set(numbers)) >= self.min_known, "too few of the sites are known")

    def check_neighbours(self, numbers):
        near = len(set(self.peers) & set(numbers))
        check(not self.plan.degree or near >= self.plan.share_t, "%d neighbours are left" % near)

    def keys(self):
        self.c_sk = self.draw(32)
        self.sigma, self.beta = self.draw_scalar(), self.draw_scalar()
        r = self.draw(32)
        self.s_sk = kd(self.sigma.to_bytes(32, "little"), b"COHRTssk", self.ctx)
        adv = u32(self.number) + x25519_base(self.c_sk) + x25519_base(self.s_sk) + r
        self.own = adv + self.sign(b"COHRTadv", self.ctx, adv)
        return self.own

    def take_u1(self, u1):
        check(u1 and len(u1) % 164 == 0, "a list of keys has %d octets" % len(u1))
        self.adv, seen = {}, set()
        for item in (u1[i:i + 164] for i in range(0, len(u1), 164)):
            number, keys = struct.unpack("<I", item[:4])[0], (item[4:36], item[36:68])
            check(number in self.plan.invited, "site %d is not invited" % number)
            check(not self.adv or number > max(self.adv), "site %d stands twice or out of order" % number)
            check(ed25519_verify(self.plan.invited[number], tagged(b"COHRTadv", self.ctx, item[:100]), item[100:]),
                  "site %d's keys are not signed by its identity for this attempt" % number)
            for key in keys:
                value = int.from_bytes(key, "little")
                check(value < P and value not in LOW_ORDER, "site %d's key is no key" % number)
                check(key not in seen, "site %d has a key that is there already" % number)
                seen.add(key)
            self.adv[number] = item[:100]
            check(number != self.number or item == self.own, "our keys are not as we sent them")
        check(self.number in self.adv, "our own keys are missing")

    def shares(self, u1):
        self.take_u1(u1)
        self.u1 = sorted(self.adv)
        self.check_set(self.u1, "are left")
        self.check_known(self.u1)
        parts = [part for i in range(0, len(u1), 164) for part in (u1[i:i + 100], u1[i + 100:i + 164])]
        if len(self.u1) > 256:
            level = [h(b"COHRTmkl", u1[i:i + 164]) for i in range(0, len(u1), 164)]
            while len(level) > 1:
                level = [h(b"COHRTmkn", *level[i:i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
            parts = level
        self.sid = h(b"COHRTsid", self.ctx, u32(len(self.u1)), *parts)
        self.x = {v: i + 1 for i, v in enumerate(self.u1)}
        self.peers = [self.u1[i] for i in neighbours(self.sid, len(self.u1), self.plan.degree)[self.x[self.number] - 1]]
        return self.deal()

    def deal(self):
        f, g = ([secret] + [self.draw_scalar() for _ in range(self.plan.share_t - 1)] for secret in (self.sigma, self.beta))
        listed = b""
        for v in self.peers:
            text = u32(self.number) + u32(v) + self.point(f, v) + self.point(g, v)
            nonce = self.draw(24)
            listed += u32(v) + nonce + xchacha_seal(self.sealing_keys(v)[1], nonce, self.label(self.number, v), text)
        self.held = {} if self.plan.degree else {self.number: (self.point(f, self.number), self.point(g, self.number))}
        cmt = h(b"COHRTbcm", self.sid, self.beta.to_bytes(32, "little"))
        return cmt + self.sign(b"COHRTps1", self.sid, u32(self.number), cmt, content(listed)) + listed

    def point(self, polynomial, v):
        return (sum(a * pow(self.x[v], i, L) for i, a in enumerate(polynomial)) % L).to_bytes(32, "little")

    def sealing_keys(self, v):  # receiving, sending
        pair = kx_keys(self.c_sk, self.adv[self.number][4:36], self.adv[v][4:36], self.number < v)
        return [kd(key, b"COHRTshr", self.sid) for key in pair]

    def label(self, sender, reader):
        return tagged(b"COHRTsad", self.sid, u32(sender), u32(reader), u32(self.x[reader]), u32(self.plan.share_t))

    def take_set(self, octets):
        numbers = [v for i, v in enumerate(self.u1) if octets[i // 8:] and octets[i // 8] >> i % 8 & 1]
        check(bitmap(numbers, self.u1) == octets, "a set of sites is no bitmap")
        return numbers

    def take_shares(self, v, ct):
        text = xchacha_open(self.sealing_keys(v)[0], self.label(v, self.number), ct)
        check(text is not None and text[:8] == u32(v) + u32(self.number), "the shares from site %d do not open" % v)
        check(all(int.from_bytes(text[i:i + 32], "little") < L for i in (8, 40)), "a share of site %d is no scalar" % v)
        self.held[v] = (text[8:40], text[40:])

    def mask(self, v):
        lo, hi = min(v, self.number), max(v, self.number)
        return kd(x25519(self.s_sk, self.adv[v][36:68]), b"COHRTmsk", self.sid, self.u2h, u32(lo), u32(hi), self.adv[lo][36:68],
                  self.adv[hi][36:68])

    def input(self, octets, x):
        """x: the plan's d words, check words and all. Gives y, and the message: its SHA-256 and the signature."""
        size = (len(self.u1) + 7) // 8
        self.u2, rest = self.take_set(octets[:size]), octets[size:]
        check(self.number in self.u2, "this site is not in U2")
        self.check_set(self.u2, "shared their secrets")
        self.check_neighbours(self.u2)
        self.u2h = h(b"COHRTu2h", self.sid, octets[:size])
        near = [v for v in self.peers if v in self.u2]
        check([rest[i:i + 4] for i in range(0, len(rest), 116)] == [u32(v) for v in near] and len(rest) == 116 * len(near),
              "not one ciphertext of each peer")
        for i, v in enumerate(near):
            self.take_shares(v, rest[116 * i + 4:116 * i + 116])
        own = kd(self.beta.to_bytes(32, "little"), b"COHRTslf", self.sid, self.u2h, u32(self.number))
        words = [w & M32 for w in x]
        for key, sign in [(own, 1)] + [(self.mask(v), 1 if v < self.number else -1) for v in near]:
            words = [(w + sign * m) & M32 for w, m in zip(words, stream_words(key, self.plan.words))]
        y = pack(words, self.plan.bits)
        del self.s_sk, self.c_sk, self.sigma, self.beta
        return y, content(y) + self.sign(b"COHRTinp", self.sid, self.u2h, u32(self.number), content(y))

    def survivors(self, octets):
        self.u3 = self.take_set(octets)
        check(set(self.u3) <= set(self.u2), "a survivor is not among those that shared")
        check(self.number in self.u3, "this site's vector is not in the sum")
        self.check_set(self.u3, "survive")
        self.check_known(self.u3)
        self.check_neighbours(self.u3)
        self.signed = tagged(b"COHRTu3s", self.sid, self.u2h, octets)
        return ed25519_sign(self.seed, self.signed)

    def opening(self, octets):
        items = [octets[i:i + 68] for i in range(0, len(octets), 68)]
        signers = [struct.unpack("<I", item[:4])[0] for item in items if len(item) == 68]
        check(len(octets) % 68 == 0 and len(items) >= self.plan.threshold, "%d signatures" % len(items))
        check(signers == sorted(set(signers)) and set(signers) <= set(self.u3), "who signed is not in U3, or stands twice")
        for number, item in zip(signers, items):
            check(ed25519_verify(self.plan.invited[number], self.signed, item[4:]), "site %d signed something else" % number)
        return b"".join(u32(v) + self.held[v][v in self.u3] for v in sorted(self.held) if v in self.u2)


# ---- a transcript
class Transcript:
    """Each site of it, drawing what the transcript has. Of a site that fell silent the fields from then on are missing."""

    def __init__(self, t):
        self.t, self.sites, self.compared, self.differ = t, {s["site"]: s for s in t["sites"]}, 0, 0
        invited = {u: self.octets(u, "identity_pk") for u in self.sites}
        self.plan = Plan(bytes.fromhex(t["plan"]), invited, t["n_C"], t["quorum"], t["d"], t["k"], t.get("degree", 0), t.get("share_t", 0))
        self.attempt = (bytes.fromhex(t["federation"]), bytes.fromhex(t["study_hash"]), t["round"], t["attempt"],
                        content(bytes.fromhex(t["model"])))
        self.players = {u: self.player(u) for u in self.sites}

    def octets(self, u, key):
        return bytes.fromhex(self.sites[u][key])

    def cts(self, u):
        return {int(v): bytes.fromhex(ct) for v, ct in sorted(self.sites[u].get("ct", {}).items(), key=lambda item: int(item[0]))}

    def player(self, u):
        drawn = [self.octets(u, "c_sk")] + [self.octets(u, k) + bytes(32) for k in ("sigma", "beta")] + [self.octets(u, "adv")[68:]]
        drawn += [bytes.fromhex(c) + bytes(32) for c in self.sites[u].get("coefficients", [])]
        drawn = iter(drawn + [ct[:24] for ct in self.cts(u).values()])
        return Site(self.plan, self.attempt, u, self.octets(u, "identity_seed"), draw=lambda n: next(drawn))

    def same(self, u, phase, made, expected):
        self.compared += 1
        if made != expected:
            self.differ += 1
            print("site %d: its message of phase %s differs" % (u, phase))

    def who(self, members, key):
        return [u for u in self.t[members] if key in self.sites[u]]

    def play(self):
        u1, u2, u3, said = self.t["U1"], self.t["U2"], self.t["U3"], {}
        for u in self.sites:
            said[u] = self.players[u].keys()
            self.same(u, "keys", said[u], self.octets(u, "adv") + self.octets(u, "adv_sig"))
        for u in self.who("U1", "ct"):
            listed = b"".join(u32(v) + ct for v, ct in self.cts(u).items())
            self.same(u, "shares", self.players[u].shares(b"".join(said[v] for v in u1)),
                      self.octets(u, "cmt") + self.octets(u, "phase1_sig") + listed)
        for u in self.who("U3", "y"):
            sealed = b"".join(u32(v) + self.cts(v)[u] for v in self.players[u].peers if v in u2)
            self.same(u, "input", b"".join(self.players[u].input(bitmap(u2, u1) + sealed, self.sites[u]["x"])),
                      b"".join(self.octets(u, key) for key in ("y", "y_hash", "phase2_sig")))
        signed = {u: self.players[u].survivors(bitmap(u3, u1)) for u in self.who("U3", "phase3_sig")}
        for u in signed:
            self.same(u, "survivors", signed[u], self.octets(u, "phase3_sig"))
        for u in self.who("U3", "answer"):
            answer = sorted((int(v), bytes.fromhex(a["share"])) for v, a in self.sites[u]["answer"].items())
            self.same(u, "opening", self.players[u].opening(b"".join(u32(v) + signed[v] for v in signed)),
                      b"".join(u32(v) + share for v, share in answer))


def main(paths):
    differ = 0
    for path in paths:
        with open(path) as file:
            t = Transcript(json.load(file))
        try:
            t.play()
        except Refused as why:
            print("%s: refused: %s" % (path, why))
            t.differ += 1
        print("%s: %d messages compared, %d differ" % (path, t.compared, t.differ))
        differ += t.differ
    return differ != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
