#!/usr/bin/env python3
"""Asks `bora tokenize` for the ids of published tokenizers' texts, and for the texts of ids.

    check_tokenizers.py BORA REFERENCE_FOLDER

REFERENCE_FOLDER and its sibling `families` hold tokenizers/NAME with a tokenizer and cases.jsonl: rows of text, ids and
decoded.
"""
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def run(program, path, rows, *options):
    """The command's output, a value a row."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    command = [program, "tokenize", path, "--jsonl", *options]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{path}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def check(program, folder, scratch):
    """How many rows of a tokenizer differ."""
    path = folder
    for packed in folder.glob("*.gz"):
        path = scratch / folder.name
        path.mkdir()
        (path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    wrong = count = 0
    for file in sorted(folder.glob("*cases.jsonl")):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        for row, got in zip(rows, run(program, path, [{"text": row["text"]} for row in rows]), strict=True):
            wrong += row["ids"] != got["ids"]
        rows = [row for row in rows if "decoded" in row]
        for row, got in zip(rows, run(program, path, [{"ids": row["ids"]} for row in rows], "--decode"), strict=True):
            wrong += row["decoded"] != got["text"] or row["decoded"].encode() != bytes.fromhex(got["bytes"])
        count += len(rows)
    print(f"{folder.name}: {count} rows, {wrong} wrong")
    return wrong


def main(program, reference):
    folders = [f for root in (reference, reference.parent / "families") for f in sorted((root / "tokenizers").glob("*"))]
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(sum(check(program, folder, Path(scratch)) for folder in folders) != 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
