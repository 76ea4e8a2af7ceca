#!/usr/bin/env python3
"""A pairwise covering list of models: every two values of different dimensions meet in at least one model.

    pairwise.py              print a list, to be spread over tests/model/covering_*_test.cpp
    pairwise.py FILE...      check that the models in these files (Covered<...>) cover every allowed pair, and that they
                             are no more than CI has time for

The values are the names of the policies in tests/model/covering.hpp, in the order of Covered's arguments. A list is at
least as long as the product of the two largest dimensions: what would make one too large is split, as feed-forward
layers are into how many, which and with what.
"""
import itertools
import random
import re
import sys

DIMENSIONS = {
    "heads": ["MultiHead", "Grouped", "MultiQuery"],
    "mask": ["Full", "Window"],
    "attention position": ["NoRotation", "Turned", "PartlyTurned", "LinearScaled", "NtkScaled", "YarnScaled",
                           "Llama3Scaled", "LinearBias", "BucketBias"],
    "attention options": ["Plain", "Biased", "Clipped", "BiasedClipped", "HeadsNormed", "WidthNormedCapped"],
    "norm": ["Rms", "RmsOffset", "Layer", "LayerNoBias", "LayerBare"],
    "experts": ["Dense", "Top1", "Top2", "Soft1", "Soft3"],
    "feed-forward": ["SwiGated", "GeGated", "GeGatedTanh", "MlpRelu", "MlpGelu", "MlpGeluTanh", "MlpSilu"],
    "feed-forward options": ["NoneBiased", "AllBiased"],
    "layers": ["Alike", "OtherAttention", "OtherFeedForward"],
    "residual": ["Sequential", "ParallelShared", "ParallelSeparate", "OutputNorms", "Sandwich"],
    "embedding position": ["Bare", "Learned", "Sinusoidal"],
    "head": ["Untied", "Tied", "TiedScaledCapped"],
}
VALUES = list(DIMENSIONS.values())
MOST_MODELS = 80
ALLOWED = set()  # of ((dimension, value), (dimension, value)); every two policies may meet
for a, b in itertools.combinations(range(len(VALUES)), 2):
    ALLOWED.update(((a, x), (b, y)) for x in VALUES[a] for y in VALUES[b])


def pairs(row):
    return set(itertools.combinations(enumerate(row), 2))


def grow(missing, rng):
    """A row that contains a missing pair and as many others as a greedy choice finds."""
    best = None
    for _ in range(40):
        (a, x), (b, y) = rng.choice(sorted(missing))
        row = [None] * len(VALUES)
        row[a], row[b] = x, y
        for d in rng.sample([d for d in range(len(VALUES)) if row[d] is None], len(VALUES) - 2):
            def gain(value):
                chosen = [(e, v) for e, v in enumerate(row) if v is not None]
                return sum(tuple(sorted([(d, value), other])) in missing for other in chosen)
            most = max(map(gain, VALUES[d]))
            free = VALUES[d] == DIMENSIONS["layers"] and most == 0
            row[d] = "Alike" if free else rng.choice([v for v in VALUES[d] if gain(v) == most])  # one kind to compile
        found = len(pairs(row) & missing)
        if best is None or found > best[0]:
            best = found, row
    return best[1]


def covering_list(seed=1):
    rng, missing, rows = random.Random(seed), set(ALLOWED), []
    while missing:
        rows.append(grow(missing, rng))
        missing -= pairs(rows[-1])
    return rows


def check(files):
    rows = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            for arguments in re.findall(r"Covered<([\w\s,]+)>", file.read()):
                rows.append([word.strip() for word in arguments.split(",")])
    unknown = [(row, value) for row in rows for value, known in zip(row, VALUES) if value not in known]
    missing = ALLOWED - set().union(*map(pairs, rows)) if rows else ALLOWED
    for row, value in unknown:
        print(f"unknown policy {value} in {', '.join(row)}")
    for (a, x), (b, y) in sorted(missing):
        print(f"no model has {x} and {y}")
    print(f"{len(rows)} models, {len(ALLOWED) - len(missing)} of {len(ALLOWED)} pairs")
    if len(rows) > MOST_MODELS:
        print(f"expected at most {MOST_MODELS} models")
    return 1 if unknown or missing or len(rows) > MOST_MODELS else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(check(sys.argv[1:]))
    for row in min((covering_list(seed) for seed in range(10)), key=len):
        print("Covered<" + ", ".join(row) + ">")
