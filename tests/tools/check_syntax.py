#!/usr/bin/env python3
"""Compiles what a build folder would, without writing anything: compiler's warnings at a part of their cost.

    check_syntax.py BUILD_FOLDER FOLDER...

Every source below a FOLDER that BUILD_FOLDER/compile_commands.json names is compiled with -fsyntax-only, as many at a time
as there are cores, with the flags it has there.
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def without_output(command):
    """The words of a command that only checks."""
    words = shlex.split(command)
    at = words.index("-o")
    return words[:at] + words[at + 2:] + ["-fsyntax-only"]


def chosen(entries, folders):
    """{source: its first entry} of the sources below the folders."""
    sources = {}
    for entry in entries:
        source = Path(entry["directory"], entry["file"]).resolve()
        if any(folder in source.parents for folder in folders):
            sources.setdefault(source, entry)
    return sources


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    commands = Path(sys.argv[1], "compile_commands.json")
    folders = [Path(word).resolve() for word in sys.argv[2:]]
    sources = chosen(json.loads(commands.read_text()), folders)
    for folder in folders:
        if not any(folder in source.parents for source in sources):
            sys.exit(f"{commands}: names no source below {folder}, expected some")

    def check(entry):
        return subprocess.run(without_output(entry["command"]), cwd=entry["directory"], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, result in zip(sources, pool.map(check, sources.values())):
            good = result.returncode == 0 and not result.stdout
            failed += not good
            print(f"{'good' if good else 'BAD '} {os.path.relpath(source)}\n{result.stdout}", end="", flush=True)
    print(f"{len(sources) - failed} passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
