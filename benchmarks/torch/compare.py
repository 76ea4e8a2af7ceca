"""Runs the same training in bora and in PyTorch by turns and prints how they compare.

    python3 benchmarks/torch/compare.py TRAIN_LLAMA [ROUNDS] [STEPS] [THREADS]

TRAIN_LLAMA is the program of benchmarks/train_llama.cpp. The first step of every run warms up and is left out. Fails when
the losses of the two differ: then they did not do the same work. The line of processor seconds is the one to read with one
thread on a busy machine.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

LOSS_TOLERANCE = 1e-4  # both sum in F32, in other orders


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with status {done.returncode}")
    return json.loads(done.stdout)


def fast_blas():
    """Debian's PyTorch takes the BLAS that it finds; the reference one is some thirty times slower than the others."""
    maps = Path("/proc/self/maps").read_text()
    return any(name in maps for name in ("openblas", "blis", "libmkl"))


def name_the_core():
    """OpenBLAS 0.3.21 takes processors that it does not know for a Pentium 4; with AVX-512 it is told what to run."""
    if " avx512bw " in Path("/proc/cpuinfo").read_text():
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


def check_losses(bora, torch):
    for step, (a, b) in enumerate(zip(bora["losses"], torch["losses"])):
        if not abs(a - b) <= LOSS_TOLERANCE * abs(b):
            sys.exit(f"step {step}: the losses differ: bora {a}, PyTorch {b}")


def main():
    program = sys.argv[1]
    given, defaults = [int(x) for x in sys.argv[2:5]], [3, 6, os.cpu_count()]
    rounds, steps, threads = given + defaults[len(given) :]
    name_the_core()
    import torch  # noqa: F401  loads the BLAS, for the check

    if not fast_blas():
        sys.exit("PyTorch runs on the reference BLAS here, which would be no opponent: install libopenblas0-openmp")
    here = Path(__file__).resolve().parent
    runs = {"bora": [], "PyTorch": []}
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "bora": [program, str(steps), str(threads), folder],
            "PyTorch": [sys.executable, str(here / "train_llama.py"), str(steps), str(threads), folder],
        }
        for turn in range(rounds):
            for name, command in commands.items():
                runs[name].append(run(command))
                seconds = runs[name][-1]["seconds"][1:]
                print(f"round {turn + 1}  {name:8} " + " ".join(f"{s:6.2f}" for s in seconds) + " s", flush=True)
            check_losses(runs["bora"][-1], runs["PyTorch"][-1])

    print(f"\n{runs['bora'][0]['program']} against {runs['PyTorch'][0]['program']}, "
          f"{runs['bora'][0]['parameters']} parameters, {threads} threads, "
          f"medians of {rounds * (steps - 1)} steps of {runs['bora'][0]['tokens']} tokens; equal losses")
    for key, what in (("seconds", "by the clock"), ("processor_seconds", "by processor seconds")):
        rate = {name: median(r["tokens"] / s for r in list_ for s in r[key][1:]) for name, list_ in runs.items()}
        print(f"{what:21} bora {rate['bora']:7.1f} tokens/s   PyTorch {rate['PyTorch']:7.1f} tokens/s   "
              f"ratio {rate['bora'] / rate['PyTorch']:.2f}")


if __name__ == "__main__":
    main()
