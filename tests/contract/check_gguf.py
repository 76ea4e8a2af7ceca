#!/usr/bin/env python3
"""Asks a program about GGUF cases and judges the answers.

    check_gguf.py PROGRAM ROOT MODE NAME OUTPUT     NAME: a block type, a case, '-' where there is none, or 'all'
"""
import json
import subprocess
import sys
from pathlib import Path

# Since April 2024 all experts of a layer are one tensor, which is what is written.
NOT_WRITTEN_AS_READ = {"mixtral-per-expert"}


def names(root, mode):
    """All that a mode can be asked of."""
    if mode == "values":
        return sorted(p.stem for p in (root / "blocks").glob("*.safetensors") if p.stem[0].isupper())
    if mode == "quantise":
        return sorted(p.stem[len("quantise-"):] for p in (root / "blocks").glob("quantise-*.safetensors"))
    files = {"texts": "texts.jsonl", "decode": "decode.jsonl"}.get(mode)
    cases = sorted(p.name for p in (root / "files").iterdir() if files is None or (p / files).exists())
    has_tensors = {c for c in cases if json.loads((root / "files" / c / "case.json").read_text()).get("tensors")}
    if files is None:
        cases = [c for c in cases if c in has_tensors]
    return [c for c in cases if mode != "written" or c not in NOT_WRITTEN_AS_READ]


def is_quantised(root, name):
    case = json.loads((root / "files" / name / "case.json").read_text())
    return any(t[1][0] not in "FB" for t in case["tensors"])


def ask(program, root, mode, name, output):
    subprocess.run([program, mode, root, name, output], check=True)
    if mode == "written":
        question = ["written", output, "--as", name]
    else:
        question = [mode] + ([] if name == "-" else [name]) + [output]
        if mode == "logits" and is_quantised(root, name):
            question.append("--int8-activations")
    run = subprocess.run([sys.executable, "-B", root / "check.py", *question], capture_output=True, text=True, check=False)
    wrong = [line for line in run.stdout.splitlines() if line.startswith("FAIL")]
    if run.returncode != 0:
        print(f"{mode} {name}:", *(wrong or [run.stdout, run.stderr]), sep="\n")
    return run.returncode == 0


def main():
    program, root, mode, name, output = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:6]
    asked = names(root, mode) if name == "all" else [name]
    if not asked:
        sys.exit(f"{root} has nothing for {mode}")
    right = [ask(program, root, mode, one, Path(f"{output}.{one}.out")) for one in asked]
    print(f"{mode}: {sum(right)} of {len(right)} right")
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
