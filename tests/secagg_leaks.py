#!/usr/bin/env python3
"""Looks for what secure aggregation keeps secret, in the memory of a process or in files. What is looked for comes from transcripts
that tests/secagg_collect.py made of a run's own logs: vectors, X25519 keys, sigma and beta, their polynomials, shares, keys of masks. Not in memory:
shares that were released to open a sum.

    tests/secagg_leaks.py nowhere PID TRANSCRIPT ...     in none of the process's memory
    tests/secagg_leaks.py locked PID TRANSCRIPT ...      some, and only where a core dump would not have it
    tests/secagg_leaks.py files FOLDER TRANSCRIPT ...    in no file of the folder, as octets or in hex; not in "secrets", "sums"
    tests/secagg_leaks.py keys FOLDER TRANSCRIPT ...     the same but for vectors: a hospital keeps its own
0: as said; 1: a line for each that was found, or the search cannot see: a site's public identity must be found where it looks.
"""
import json
import os
import struct
import sys

from secagg_check import Check, kd, u32


def windows(x):
    """Parts of a vector that nobody else has: eight words, nearly all different from each other and from 0."""
    out = []
    for at in range(0, len(x) - 8, 8):
        part = x[at:at + 8]
        if len(set(part) - {0}) >= 6:
            out.append(struct.pack("<8i", *part))
    return out[:6]


def of_site(c, u):
    s = c.sites[u]
    for key in ("c_sk", "s_sk", "sigma", "beta"):
        yield key, c.hexed(u, key)
    for a in s["coefficients"]:
        yield "coefficient", bytes.fromhex(a)
    for part in windows(s.get("x", [])):
        yield "vector", part
    for v in c.peers[u] if "ct" in s else []:
        yield "share", c.share(u, "sigma", v)
        yield "share", c.share(u, "beta", v)
    if u in c.u2:
        yield "mask", kd(c.hexed(u, "beta"), b"COHRTslf", c.sid, c.u2h, u32(u))
        for v in c.u2:
            if u < v and v in c.peers[u]:
                yield "mask", c.pair_mask(c.hexed(u, "s_sk"), u, v)


def released(c):
    """Shares that sites gave to the coordinator to open a sum: they passed through the buffers of both networks."""
    return {bytes.fromhex(a["share"]) for s in c.sites.values() for a in s.get("answer", {}).values()}


def secrets(paths, but_released, vectors):
    found, public = {}, []
    for path in paths:
        with open(path, encoding="ascii") as f:
            c = Check(json.load(f))
        c.context()
        c.session()
        given = released(c) if but_released else ()
        for u in c.u1:
            for kind, octets in of_site(c, u):
                if octets in given or (kind == "vector" and not vectors):
                    continue
                found[octets] = "%s of site %d, %s" % (kind, u, os.path.basename(path))
        public = [c.hexed(u, "identity_pk") for u in c.sites]
    return found, public


def regions(pid):
    """(begin, end, whether a core dump leaves it out) of what the process may write."""
    out = []
    with open("/proc/%s/smaps" % pid, encoding="utf-8", errors="replace") as f:
        for line in f:
            first, *rest = line.split()
            if "-" in first and not first.endswith(":"):
                begin, end = (int(v, 16) for v in first.split("-"))
                out.append([begin, end, rest[0], False])
            elif first == "VmFlags:":
                out[-1][3] = "dd" in rest
    return [(b, e, dd) for b, e, rights, dd in out if rights.startswith("rw")]


def memory(pid):
    with open("/proc/%s/mem" % pid, "rb", buffering=0) as f:
        for begin, end, hidden in regions(pid):
            f.seek(begin)
            part, left = [], end - begin
            while left > 0:
                piece = f.read(min(left, 1 << 24))
                if not piece:
                    break
                part.append(piece)
                left -= len(piece)
            yield "%x-%x" % (begin, end), b"".join(part), hidden


def files(folder):
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if name not in ("secrets", "sums") and os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read(), False


def main(what, where, paths):
    in_files = what in ("files", "keys")
    found, public = secrets(paths, not in_files, what != "keys")
    bad, hidden, seen = 0, 0, 0
    for place, octets, is_hidden in files(where) if in_files else memory(where):
        seen += sum(k in octets or (in_files and k.hex().encode() in octets) for k in public)
        for needle, name in found.items():
            if needle not in octets and (not in_files or needle.hex().encode() not in octets):
                continue
            if what == "locked" and is_hidden:
                hidden += 1
            else:
                bad += 1
                print("found: %s: %s" % (place, name))
    print("%d secrets looked for, %d found where they may not be, %d in locked memory, %d public identities seen" % (
        len(found), bad, hidden, seen))
    if seen == 0 or len(found) == 0 or (what == "locked" and hidden == 0):
        print("the search does not see what must be there")
        return 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
