#!/usr/bin/env python3
"""What an exported model says of each raw row of a CSV file: one probability a line.

    predict.py MODEL.safetensors ROWS.csv

Only what the file itself tells is used: the inputs in order, by name ("age", "cp=2" for a level, "age missing" for an indicator), with
mean, deviation and fill value. An empty cell is missing. Standard library only.
"""
import csv
import json
import math
import sys

from read_safetensors import predict, read


def raw_inputs(row, names):
    """The row as numbers in the order of the inputs; NA where the input's cell is missing."""
    values = []
    for name in names:
        column, _, level = name.partition("=")
        if name.endswith(" missing"):
            values.append(float(row[name[: -len(" missing")]] == ""))
        elif row[column] == "":
            values.append("NA")
        else:
            values.append(float(row[column] == level) if level else float(row[column]))
    return values


def main():
    metadata, tensors = read(sys.argv[1])
    names = [about["name"] for about in json.loads(metadata["inputs"])]
    with open(sys.argv[2], newline="") as file:
        for row in csv.DictReader(file):
            logits = predict(metadata, tensors, raw_inputs(row, names))
            assert metadata["link"] == "sigmoid" and len(logits) == 1
            print("%.9f" % (1 / (1 + math.exp(-logits[0]))))


main()
