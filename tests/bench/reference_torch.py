#!/usr/bin/python3
"""Federated averaging as a researcher writes it in PyTorch: what `make bench` holds the simulator's updates against.

    reference_torch.py mlp|logistic ROWS   ->   {"updates_per_second": 1234.5}

One model object; per site: load the global state, shuffle, plain SGD on batches of 32, add the weighted state to a sum; per
round of 10 sites: divide. One thread, float32, everything in memory, no evaluation. The figure is the best of several seconds of
rounds, in processor time. Exit code 69 where PyTorch is missing (Debian: python3-torch).
"""
import json
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(69)

INPUTS, SITES, SITES_PER_ROUND, BATCH, RATE = 30, 100, 10, 32, 0.05
SECONDS = 4


def make_model(load):
    torch.manual_seed(1)
    if load == "logistic":
        return torch.nn.Linear(INPUTS, 1)
    return torch.nn.Sequential(
        torch.nn.Linear(INPUTS, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))


def train(model, x, y):
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    order = torch.randperm(len(x))
    for first in range(0, len(x), BATCH):
        rows = order[first : first + BATCH]
        optimizer.zero_grad()
        loss_of(model(x[rows]).squeeze(1), y[rows]).backward()
        optimizer.step()


def play_round(model, state, sites):
    total = {name: torch.zeros_like(value) for name, value in state.items()}
    weights = 0
    for x, y in sites:
        model.load_state_dict(state)
        train(model, x, y)
        for name, value in model.state_dict().items():
            total[name] += len(x) * value
        weights += len(x)
    return {name: value / weights for name, value in total.items()}


def main():
    load, rows = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    model = make_model(load)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    sites = []
    for _ in range(SITES):
        y = (torch.rand(rows) < 0.5).float()
        sites.append((torch.randn(rows, INPUTS) + y[:, None], y))
    best, end = 0, time.process_time() + SECONDS
    while time.process_time() < end:
        chosen = [sites[i] for i in torch.randperm(SITES)[:SITES_PER_ROUND]]
        start = time.process_time()
        state = play_round(model, state, chosen)
        best = max(best, SITES_PER_ROUND / (time.process_time() - start))
    print(json.dumps({"updates_per_second": best}))


main()
