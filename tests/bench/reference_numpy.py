#!/usr/bin/python3
"""Federated logistic regression as a researcher writes it in NumPy: what `make bench` holds the simulator's updates against.

    reference_numpy.py ROWS   ->   {"updates_per_second": 12345.6}

Per site: copy the global parameters, shuffle, plain SGD on batches of 32 with the gradient written out, add the weighted
parameters to a sum; per round of 10 sites: divide. One thread, float32, everything in memory, no evaluation. The figure is the
best of several seconds of rounds, in processor time. Exit code 69 where NumPy is missing (Debian: python3-numpy).
"""
import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
try:
    import numpy as np
except ImportError:
    sys.exit(69)

INPUTS, SITES, SITES_PER_ROUND, BATCH, RATE = 30, 100, 10, 32, np.float32(0.05)
SECONDS = 4


def train(w, b, x, y, chance):
    order = chance.permutation(len(x))
    for first in range(0, len(x), BATCH):
        rows = order[first : first + BATCH]
        xb, yb = x[rows], y[rows]
        error = 1 / (1 + np.exp(-(xb @ w + b))) - yb
        w -= RATE * (error @ xb) / len(rows)
        b -= RATE * error.mean()
    return b


def play_round(w, b, sites, chance):
    total_w, total_b, weights = np.zeros_like(w), np.float32(0), 0
    for x, y in sites:
        local = w.copy()
        total_b += len(x) * train(local, b, x, y, chance)
        total_w += len(x) * local
        weights += len(x)
    return total_w / np.float32(weights), np.float32(total_b / weights)


def main():
    rows = int(sys.argv[1])
    chance = np.random.default_rng(1)
    sites = []
    for _ in range(SITES):
        y = (chance.random(rows) < 0.5).astype(np.float32)
        sites.append(((chance.standard_normal((rows, INPUTS)) + y[:, None]).astype(np.float32), y))
    w, b = np.zeros(INPUTS, np.float32), np.float32(0)
    best, end = 0, time.process_time() + SECONDS
    while time.process_time() < end:
        chosen = [sites[i] for i in chance.choice(SITES, SITES_PER_ROUND, replace=False)]
        start = time.process_time()
        w, b = play_round(w, b, chosen, chance)
        best = max(best, SITES_PER_ROUND / (time.process_time() - start))
    print(json.dumps({"updates_per_second": best}))


main()
