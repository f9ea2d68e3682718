#!/usr/bin/env python3
"""Splits one CSV (or .csv.gz) into a file per value of a column: split_by_column.py FILE COLUMN FOLDER. Prints the values."""
import csv
import gzip
import sys
from pathlib import Path

path, column, folder = sys.argv[1:]
with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as f:
    rows = csv.DictReader(f)
    files = {}
    for row in rows:
        value = row[column]
        if value not in files:
            file = open(Path(folder) / f"{value}.csv", "w", newline="")
            files[value] = (file, csv.DictWriter(file, rows.fieldnames))
            files[value][1].writeheader()
        files[value][1].writerow(row)
for value, (file, _) in sorted(files.items()):
    file.close()
    print(value)
