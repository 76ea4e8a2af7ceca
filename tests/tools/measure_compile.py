#!/usr/bin/env python3
"""What each example program costs to build: seconds of compiler time, the compiler's peak memory, the program's size.

    measure_compile.py --launch COMPILER...         runs the compiler and notes its cost beside the object: a launcher
    measure_compile.py BUILD_FOLDER [PROGRAM...]    prints what was noted

Memory and size are held against compile_budgets.txt beside this script; seconds are printed only, since they depend on
the machine.
"""
import os
import sys
from pathlib import Path


def read_budgets(text):
    """{program: (MB of compiler memory, MB of program)}"""
    budgets = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            name, memory, size = words
            budgets[name] = (float(memory), float(size))
    return budgets


def run(words):
    """(exit code, CPU seconds, peak MB) of a command and what it starts."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp(words[0], words)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def launch(words):
    code, seconds, memory = run(words)
    if code == 0 and "-o" in words:
        Path(words[words.index("-o") + 1] + ".cost").write_text(f"{seconds} {memory}\n")
    return code if code >= 0 else 1


def noted_costs(build):
    """{program: [(CPU seconds, peak MB) of each of its objects]}"""
    folder = build / "examples" / "CMakeFiles"
    costs = {}
    for file in sorted(folder.rglob("*.o.cost")):
        if file.with_suffix("").exists():
            program = file.relative_to(folder).parts[0].removesuffix(".dir")
            costs.setdefault(program, []).append(tuple(float(word) for word in file.read_text().split()))
    return costs


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--launch":
        sys.exit(launch(sys.argv[2:]))
    build = Path(sys.argv[1]).resolve()
    budgets = read_budgets(Path(__file__).with_name("compile_budgets.txt").read_text())
    costs = noted_costs(build)
    if not costs:
        sys.exit(f"{build}: no cost is noted, expected some beside the objects of the examples")

    over = []
    print(f"{'program':24} {'seconds':>8} {'memory MB':>10} {'of':>6} {'size MB':>8} {'of':>5}")
    for name in sys.argv[2:] or sorted(costs):
        seconds, memory = sum(s for s, _ in costs[name]), max(m for _, m in costs[name])
        program = build / "bin" / name  # what several programs share is a library
        size = program.stat().st_size / 1e6 if program.exists() else 0.0
        memory_budget, size_budget = budgets.get(name, budgets["default"])
        print(f"{name:24} {seconds:8.1f} {memory:10.0f} {memory_budget:6.0f} {size:8.2f} {size_budget:5.1f}", flush=True)
        if memory > memory_budget or size > size_budget:
            over.append(name)
    for name in over:
        print(f"{name} costs more than its line in compile_budgets.txt allows")
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
