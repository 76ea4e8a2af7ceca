#!/usr/bin/env python3
"""What each example program costs to build: seconds of compiler time, the compiler's peak memory, the program's size.

    measure_compile.py BUILD_FOLDER [PROGRAM...]

Compiles each source again with the build's own command, without ccache. Memory and size are held against
compile_budgets.txt beside this script; seconds are printed only, since they depend on the machine.
"""
import json
import os
import shlex
import sys
import tempfile
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


def compile_command(command, compiler, output):
    """The words of a compile command from the compiler on, writing to `output`."""
    words = shlex.split(command)
    words = words[words.index(compiler):]
    words[words.index("-o") + 1] = output
    return words


def run(words, folder):
    """(CPU seconds, peak MB) of a command and what it starts."""
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            os.execvp(words[0], words)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"failed: {shlex.join(words)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compiler_of(build):
    for line in (build / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("CMAKE_CXX_COMPILER:"):
            return line.partition("=")[2]
    sys.exit(f"{build}/CMakeCache.txt names no compiler")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = Path(sys.argv[1]).resolve()
    budgets = read_budgets(Path(__file__).with_name("compile_budgets.txt").read_text())
    compiler = compiler_of(build)

    # The objects of program NAME are in examples/CMakeFiles/NAME.dir/.
    sources = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        output = Path(words[words.index("-o") + 1])
        if output.parts[:2] == ("examples", "CMakeFiles"):
            sources.setdefault(output.parts[2].removesuffix(".dir"), []).append(entry)
    wanted = sys.argv[2:] or sorted(sources)
    if not wanted:
        print("no example programs")

    over = []
    print(f"{'program':24} {'seconds':>8} {'memory MB':>10} {'of':>6} {'size MB':>8} {'of':>5}")
    for name in wanted:
        seconds = memory = 0.0
        for entry in sources[name]:
            with tempfile.TemporaryDirectory() as folder:
                words = compile_command(entry["command"], compiler, str(Path(folder, "object.o")))
                s, m = run(words, entry["directory"])
            seconds, memory = seconds + s, max(memory, m)
        size = (build / "bin" / name).stat().st_size / 1e6
        memory_budget, size_budget = budgets.get(name, budgets["default"])
        print(f"{name:24} {seconds:8.1f} {memory:10.0f} {memory_budget:6.0f} {size:8.2f} {size_budget:5.1f}", flush=True)
        if memory > memory_budget or size > size_budget:
            over.append(name)
    for name in over:
        print(f"{name} costs more than its line in compile_budgets.txt allows")
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
