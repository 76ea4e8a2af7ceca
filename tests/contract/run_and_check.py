#!/usr/bin/env python3
"""Runs a contract program on a reference case and compares what it wrote with what is expected.

    run_and_check.py --checker FILE --case FOLDER --output FILE --require PREFIX... -- PROGRAM [ARGUMENT...]

The program is run as PROGRAM FOLDER OUTPUT ARGUMENT...
"""
import argparse
import subprocess
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--checker", required=True)
parser.add_argument("--case", required=True)
parser.add_argument("--output", required=True, type=Path)
parser.add_argument("--require", required=True, nargs="+")
parser.add_argument("program", nargs="+")
args = parser.parse_args()

args.output.unlink(missing_ok=True)  # an old output must not pass for a new one
program, *rest = args.program
status = subprocess.run([program, args.case, str(args.output), *rest]).returncode
if status != 0:
    sys.exit(f"{program}: exit status {status}")
required = [word for prefix in args.require for word in ("--require", prefix)]
sys.exit(subprocess.run([sys.executable, args.checker, args.case, str(args.output), "--quiet", *required]).returncode)
