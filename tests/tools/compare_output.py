#!/usr/bin/env python3
"""compare_output.py EXPECTED_FILE COMMAND [ARGUMENT ...]: runs the command and compares what it prints, byte for byte,
with the file. Exit status 0 when they are equal."""
import subprocess
import sys
from pathlib import Path

if len(sys.argv) < 3:
    sys.exit(__doc__)
expected = Path(sys.argv[1]).read_bytes()
run = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
if run.returncode != 0:
    sys.exit(f"{sys.argv[2]} exited with {run.returncode}")
if run.stdout != expected:
    at = next((i for i, (a, b) in enumerate(zip(run.stdout, expected)) if a != b), min(len(run.stdout), len(expected)))
    sys.exit(f"differs at byte {at}: printed {run.stdout[at:at + 40]!r}, expected {expected[at:at + 40]!r} "
             f"({len(run.stdout)} bytes printed, {len(expected)} expected)")
print(f"equal: {len(expected)} bytes")
