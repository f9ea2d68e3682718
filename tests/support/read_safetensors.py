#!/usr/bin/env python3
"""Reads a safetensors file by the format's description alone, and repeats a prediction from a raw row.

    read_safetensors.py FILE VALUE...       raw values of one row, NA where one is missing

Prints the names with shapes and sums, then the logits. Standard library only; it shares no code with the writer.
"""
import json
import math
import struct
import sys


def unique(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "duplicate key"
    return dict(pairs)


def read(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    text = data[8 : 8 + length]
    assert len(text) == length and text[:1] == b"{" and length % 8 == 0
    header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    metadata = header.pop("__metadata__")
    assert all(isinstance(value, str) for value in metadata.values())
    body, at, tensors = data[8 + length :], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        assert entry["dtype"] == "F32" and begin == at and end == begin + 4 * count
        tensors[name] = (entry["shape"], struct.unpack("<%df" % count, body[begin:end]))
        at = end
    assert at == len(body)
    return metadata, tensors


def predict(metadata, tensors, raw):
    inputs = json.loads(metadata["inputs"])
    assert len(inputs) == len(raw)
    x = []
    for value, about in zip(raw, inputs):
        value = about["fill"] if value == "NA" else float(value)
        x.append((value - about["mean"]) / about["deviation"] if about["deviation"] else 0.0)
    number = 0
    for layer in json.loads(metadata["layers"]):
        if layer.startswith("dense"):
            (outputs, width), w = tensors["layer.%d.weight" % number]
            _, b = tensors["layer.%d.bias" % number]
            assert outputs == int(layer.split()[1]) and width == len(x)
            x = [b[o] + sum(w[o * width + i] * x[i] for i in range(width)) for o in range(outputs)]
            number += 1
        elif layer == "relu":
            x = [max(v, 0.0) for v in x]
        elif layer == "tanh":
            x = [math.tanh(v) for v in x]
        elif not layer.startswith("dropout"):
            assert layer == "sigmoid"
            x = [1 / (1 + math.exp(-v)) for v in x]
    return x


def main():
    metadata, tensors = read(sys.argv[1])
    print(metadata["format"], metadata["study"], metadata["round"], metadata["link"], json.loads(metadata["label"])["name"])
    for name, (shape, values) in tensors.items():
        print(name, shape, "%.6f" % sum(values))
    print("logits", " ".join("%.5f" % v for v in predict(metadata, tensors, sys.argv[2:])))


if __name__ == "__main__":
    main()
