#!/usr/bin/env python3
"""Deals the Wisconsin Diagnostic Breast Cancer data out to five hospitals' CSV files, and writes them once more together.

    make_sites.py wdbc_sklearn.csv [FOLDER]

The input is the file of Debian's python3-sklearn (sklearn/datasets/data/breast_cancer.csv): a first line of counts and class
names, then 569 rows of 30 numbers and the class, 0 = malignant. The hospitals differ in size, in the share of malignant
tumours, and, as real ones do, in how they write a table; together.csv has all rows in the study's own words, with a column for
the hospital, for the simulator. The same input gives the same files.
"""
import csv
import random
import sys
from pathlib import Path

SEED = 569
MEASURES = ["radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave_points",
            "symmetry", "fractal_dimension"]
FEATURES = [f"{m}_{kind}" for kind in ("mean", "error", "worst") for m in MEASURES]

# name: (rows, malignant). Together 569 and 212.
HOSPITALS = {
    "st-mary": (190, 53),
    "riverside": (140, 45),
    "lakeview": (110, 50),
    "hilltop": (80, 44),
    "eastgate": (49, 20),
}


def read(path):
    with open(path, newline="") as f:
        rows = list(csv.reader(f))[1:]
    if len(rows) != 569 or any(len(r) != 31 for r in rows):
        sys.exit(f"{path}: expected 569 rows of 31 values after the first line")
    return [(r[:30], "M" if r[30] == "0" else "B") for r in rows]


def write(folder, name, rows):
    label, codes, delimiter, decimal = "diagnosis", {"M": "M", "B": "B"}, ",", "."
    if name == "lakeview":  # a spreadsheet in a country of decimal commas
        delimiter, decimal = ";", ","
    if name == "hilltop":  # another laboratory's words
        label, codes = "finding", {"M": "malignant", "B": "benign"}
    with open(folder / f"{name}.csv", "w", newline="") as f:
        out = csv.writer(f, delimiter=delimiter, lineterminator="\r\n" if name == "lakeview" else "\n")
        out.writerow(["patient"] + FEATURES + [label])
        for number, (values, diagnosis) in enumerate(rows, 1):
            cells = [v.replace(".", decimal) for v in values]
            out.writerow([patient(name, number)] + cells + [codes[diagnosis]])


def patient(name, number):
    return f"{name[:2].upper()}{number:04d}"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = Path(sys.argv[2] if len(sys.argv) == 3 else Path(__file__).parent)
    rows = read(sys.argv[1])
    chance = random.Random(SEED)
    piles = {d: [r for r in rows if r[1] == d] for d in "MB"}
    for pile in piles.values():
        chance.shuffle(pile)
    together = csv.writer(open(folder / "together.csv", "w", newline=""), lineterminator="\n")
    together.writerow(["hospital", "patient"] + FEATURES + ["diagnosis"])
    for name, (size, malignant) in HOSPITALS.items():
        mine = [piles["M"].pop() for _ in range(malignant)] + [piles["B"].pop() for _ in range(size - malignant)]
        chance.shuffle(mine)
        write(folder, name, mine)
        together.writerows([name, patient(name, i)] + values + [diagnosis] for i, (values, diagnosis) in enumerate(mine, 1))
    assert not piles["M"] and not piles["B"]


if __name__ == "__main__":
    main()
