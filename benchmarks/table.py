"""Prints the JSON of Google Benchmark as one table: python3 benchmarks/table.py FILE

Share is the time in which the machine could have done the work over the time taken; the last column says which limit
that is: its peak, its memory, or (for rows that fit) its second-level cache.
"""
import json
import re
import sys

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
SECONDS = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def in_units(value, unit):
    scale, letter = next(((s, u) for s, u in UNITS if value >= s), UNITS[-1])
    return f"{value / scale:.3g} {letter}{unit}"


def rate(run):
    """The rate that says most: tokens, else operations where they are the limit, else bytes."""
    for counter, unit in (("tokens", "tokens/s"), ("flops", "FLOP/s")):
        if counter in run and (counter == "tokens" or run.get("label") == "peak"):
            return in_units(run[counter], unit)
    return in_units(run["bytes"], "B/s") if "bytes" in run else ""


def medians(runs):
    """The medians of repeated runs, or the runs themselves where nothing was repeated."""
    aggregates = [r for r in runs if r.get("run_type") == "aggregate"]
    return [r for r in aggregates if r["aggregate_name"] == "median"] if aggregates else runs


def row(run):
    name = run.get("run_name", run["name"]).removesuffix("/real_time")
    backend = re.search(r"/backend:(\w+)", name)
    clock = "real_time" if run.get("run_name", run["name"]).endswith("/real_time") else "cpu_time"
    seconds = run[clock] * SECONDS[run["time_unit"]]
    share = f"{100 * run['share']:.0f} %" if "share" in run else ""
    return (re.sub(r"/backend:\w+", "", name).removeprefix("BM_"), backend.group(1) if backend else "",
            in_seconds(seconds), rate(run), share, run.get("label", ""))


def in_seconds(seconds):
    unit = next((u for u in ("s", "ms", "us") if seconds >= SECONDS[u]), "ns")
    return f"{seconds / SECONDS[unit]:.3g} {unit}"


def side_by_side(rows):
    """Backends of one benchmark follow one another, in the order in which benchmarks first appear."""
    order = {}
    for r in rows:
        order.setdefault(r[0], len(order))
    return sorted(rows, key=lambda r: (order[r[0]], r[1]))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    context = report["context"]
    print(f"{context['simd_target']}, {context['num_cpus']} cores")
    for key, value in context.items():
        found = re.fullmatch(r"threads_(\d+)_(\w+)", key)
        if found:
            print(f"  {found.group(1)} threads, {found.group(2)}: {value}")
    head = ("benchmark", "backend", "time", "rate", "share", "of")
    rows = side_by_side([row(r) for r in medians(report["benchmarks"])])
    width = [max(len(r[c]) for r in [head, *rows]) for c in range(len(head))]
    print()
    for r in [head, *rows]:
        left = (f"{r[0]:{width[0]}}", f"{r[1]:{width[1]}}")
        print("  ".join((*left, *(f"{r[c]:>{width[c]}}" for c in (2, 3, 4)), r[5])).rstrip())


if __name__ == "__main__":
    main()
