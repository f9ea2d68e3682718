#!/usr/bin/env python3
"""Makes transcripts of secure aggregation (the form of tests/vectors/secagg_*.json) out of what a run of the real programs wrote down: a
log of each hospital's client (tests/secret_log.c), and of the coordinator the sums (tests/sum_log.c).

    tests/secagg_collect.py FOLDER SUMS LOG ...     FOLDER/ROUND-ATTEMPT.json of each attempt that was opened, and their names
"""
import json
import struct
import sys

from secagg_check import L, bitmap, h, kd, tagged, u32


def read_log(path):
    """Attempts of one site: {(round, attempt): {...}}, and its identity key."""
    attempts, now, identity = {}, None, None
    with open(path, encoding="ascii") as f:
        for line in f:
            word, *rest = line.split()
            if word == "open":
                self, round_, attempt, colluders, quorum, d, k, degree, share_t = map(int, rest)
                now = {"self": self, "n_C": colluders, "quorum": quorum, "d": d, "k": k, "degree": degree,
                       "share_t": share_t, "draws": [], "sent": {}, "heard": {}, "pieces": {}}
                attempts[round_, attempt] = now
            elif word == "sites":
                now["invited"] = list(map(int, rest))
            elif word in ("federation", "study", "model", "plan"):
                now[word] = rest[0] if rest else ""
            elif word == "identity":
                identity = rest[0]
            elif word == "draw":
                now["draws"].append(bytes.fromhex(rest[0]))
            elif word == "mask":
                now["pieces"][int(rest[0])] = (bytes.fromhex(rest[1]), bytes.fromhex(rest[2]))
            else:
                now[word][rest[0]] = bytes.fromhex(rest[1] if len(rest) > 1 else "")
    return attempts, identity


def reduced(draw):
    return (int.from_bytes(draw, "little") % L).to_bytes(32, "little")


def members(octets, of):
    return [v for i, v in enumerate(of) if octets[i // 8] >> i % 8 & 1]


def items(octets, size):
    return [(struct.unpack_from("<I", octets, at)[0], octets[at + 4:at + size]) for at in range(0, len(octets), size)]


def vector(a):
    x = b"".join(a["pieces"][first][0] for first in sorted(a["pieces"]))
    y = b"".join(a["pieces"][first][1] for first in sorted(a["pieces"]))
    return list(struct.unpack("<%di" % (len(x) // 4), x)), y


def site_of(number, identity, a, ctx, t, u3):
    out = {"site": number, "identity_seed": identity[:64], "identity_pk": identity[64:]}
    if a is None:
        return out
    sigma, beta = reduced(a["draws"][1]), reduced(a["draws"][2])
    out.update(c_sk=a["draws"][0].hex(), sigma=sigma.hex(), beta=beta.hex(), s_sk=kd(sigma, b"COHRTssk", ctx).hex(),
               coefficients=[reduced(d).hex() for d in a["draws"][4:4 + 2 * (t - 1)]],
               adv=a["sent"]["keys"][:100].hex(), adv_sig=a["sent"]["keys"][100:].hex())
    sent = a["sent"]
    if "shares" in sent:
        out.update(cmt=sent["shares"][:32].hex(), phase1_sig=sent["shares"][32:96].hex(),
                   ct={str(v): ct.hex() for v, ct in items(sent["shares"][96:], 116)})
    x, y = vector(a)
    if x:
        out["x"] = x
    if "input" in sent:
        out.update(y=y.hex(), y_hash=sent["input"][:32].hex(), phase2_sig=sent["input"][32:].hex())
    if "survivors" in sent:
        out["phase3_sig"] = sent["survivors"].hex()
    if "opening" in sent:
        out["answer"] = {str(v): {"kind": "beta" if v in u3 else "sigma", "share": share.hex()}
                         for v, share in items(sent["opening"], 36)}
    return out


def transcript(number, logs, identities, total):
    """None when too few sites answered: the attempt gave no sum."""
    parts = {a["self"]: a for a in (log.get(number) for log in logs) if a is not None}
    answered = [a for a in parts.values() if "opening" in a["sent"]]
    if not answered or len(answered) < (len(answered[0]["invited"]) + answered[0]["n_C"]) // 2 + 1:
        return None
    a = answered[0]
    u1 = [v for v, _ in items(a["heard"]["shares"], 164)]
    u2 = members(a["heard"]["input"], u1)
    u3 = members(a["heard"]["survivors"], u1)
    t = (len(a["invited"]) + a["n_C"]) // 2 + 1
    ctx = h(b"COHRTctx", bytes.fromhex(a["federation"]), bytes.fromhex(a["study"]), struct.pack("<Q", number[0]),
            u32(number[1]), bytes.fromhex(a["model"]), h(b"COHRTpln", bytes.fromhex(a["plan"])))
    sid = h(b"COHRTsid", ctx, u32(len(u1)), *(part for v in u1 for part in (parts[v]["sent"]["keys"][:100],
                                                                           parts[v]["sent"]["keys"][100:])))
    u2h = h(b"COHRTu2h", sid, bitmap(u2, u1))
    out = {"federation": a["federation"], "study_hash": a["study"], "round": number[0], "attempt": number[1],
           "model_hash": a["model"], "plan": a["plan"], "d": a["d"], "k": a["k"], "n_C": a["n_C"], "t": t,
           "quorum": a["quorum"], "U1": u1, "U2": u2, "U3": u3, "ctx": ctx.hex(), "sid": sid.hex(), "u2h": u2h.hex(),
           "u3_message": tagged(b"COHRTu3s", sid, u2h, bitmap(u3, u1)).hex(),
           "sites": [site_of(v, identities[v], parts.get(v), ctx, a["share_t"] or t, u3) for v in a["invited"]],
           "sum": total + [len(u3), 0, 0, 0]}
    if a["degree"]:
        out.update(degree=a["degree"], share_t=a["share_t"])
    return out


def main(folder, sums, paths):
    with open(sums, encoding="ascii") as f:
        totals = [list(map(int, line.split()[1:])) for line in f]
    read = [read_log(path) for path in paths]
    identities = {a["self"]: identity for attempts, identity in read for a in attempts.values()}
    logs = [attempts for attempts, _ in read]
    for number in sorted(set(number for log in logs for number in log)):
        made = transcript(number, logs, identities, totals[0] if totals else [])
        if made is None:
            continue
        totals.pop(0)
        name = "%s/%d-%d.json" % (folder, *number)
        with open(name, "w", encoding="ascii") as f:
            json.dump(made, f)
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
