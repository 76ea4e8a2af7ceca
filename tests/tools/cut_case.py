#!/usr/bin/env python3
"""Copies a case of expected numbers with its largest matrices reduced to projections: cut_case.py CASE OUT PREFIX...

CASE holds config.json, model.safetensors and expected.safetensors. In OUT's expected.safetensors each F32 matrix
[rows, cols] whose name starts with a PREFIX is replaced by projections.NAME, F32 [2, rows]: the sums over c of
matrix[r, c] cos(c) and of matrix[r, c] sin(c), in double precision, rounded once. No column has both weights near 0, so an
error in any element is seen at nearly its size.
"""
import json
import math
import shutil
import struct
import sys
from pathlib import Path


def read(path):
    """{name: (dtype, shape, bytes)} of a safetensors file."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]])
            for name, t in header.items()}


def write(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def projections(matrix, cols):
    """[2, rows] of a row-major matrix."""
    rows = [matrix[at:at + cols] for at in range(0, len(matrix), cols)]
    return [math.fsum(x * weight(c) for c, x in enumerate(row)) for weight in (math.cos, math.sin) for row in rows]


def reduced(tensors, prefixes):
    """The tensors, with projections in the place of matrices whose names start with one of the prefixes."""
    result = {}
    for name, (dtype, shape, data) in tensors.items():
        if dtype == "F32" and len(shape) == 2 and name.startswith(prefixes):
            values = projections(struct.unpack(f"<{len(data) // 4}f", data), shape[1])
            result["projections." + name] = ("F32", [2, shape[0]], struct.pack(f"<{len(values)}f", *values))
        else:
            result[name] = (dtype, shape, data)
    return result


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    case, out, prefixes = Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:])
    out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(case / name, out / name)
    write(out / "expected.safetensors", reduced(read(case / "expected.safetensors"), prefixes))


if __name__ == "__main__":
    main()
