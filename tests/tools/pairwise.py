#!/usr/bin/env python3
"""A pairwise covering list of models: every two values of different dimensions meet in at least one model.

    pairwise.py              print a list, to be spread over tests/model/covering_*_test.cpp
    pairwise.py FILE...      check that the models in these files (Covered<...>) cover every allowed pair

The values are the names of the policies in tests/model/covering.hpp, in the order of Covered's arguments.
"""
import itertools
import random
import re
import sys

DIMENSIONS = {
    "heads": ["MultiHead", "Grouped", "MultiQuery"],
    "mask": ["Full", "Window"],
    "attention position": ["NoRotation", "Turned", "PartlyTurned", "Stretched", "LinearBias", "BucketBias"],
    "attention options": ["Plain", "Biased", "Clipped", "BiasedClipped"],
    "norm": ["Rms", "Layer", "LayerNoBias", "LayerBare"],
    "feed-forward": ["Swi", "SwiBiased", "Ge", "MlpRelu", "MlpGeluBiased", "MlpGeluTanh", "MlpSilu", "Top1Swi",
                     "Top2Swi", "Soft1GeBiased", "Soft3MlpRelu"],
    "residual": ["Sequential", "ParallelShared", "ParallelSeparate"],
    "embedding position": ["Bare", "Learned", "Sinusoidal"],
    "head": ["Untied", "Tied"],
}
VALUES = list(DIMENSIONS.values())
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
            row[d] = rng.choice([v for v in VALUES[d] if gain(v) == most])
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
    return 1 if unknown or missing else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(check(sys.argv[1:]))
    for row in min((covering_list(seed) for seed in range(10)), key=len):
        print("Covered<" + ", ".join(row) + ">")
