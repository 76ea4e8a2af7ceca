"""Prints a report of lcov by rooms: percentages, then the lines that were never run.

    coverage.py COVERAGE.info INCLUDE/bora
"""
import collections
import os
import sys


def read_counts(info):
    """How often each line of each file was run: {path: {line: count}}."""
    counts = collections.defaultdict(dict)
    path = None
    with open(info) as lines:
        for text in lines:
            key, _, value = text.rstrip("\n").partition(":")
            if key == "SF":
                path = os.path.realpath(value)
            elif key == "DA":
                line, count = value.split(",")[:2]
                counts[path][int(line)] = counts[path].get(int(line), 0) + int(count)
    return counts


def ranges_never_run(counts):
    """[(first, last)] of neighbouring lines without a run; lines without code do not part them."""
    ranges = []
    open_range = False
    for line in sorted(counts):
        if counts[line] > 0:
            open_range = False
        elif open_range:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
            open_range = True
    return ranges


def room_of(path, root):
    return os.path.relpath(path, root).split(os.sep)[0]


def percentage(run, all_lines):
    return 100.0 * run / all_lines if all_lines else 100.0


def report(counts, root):
    totals = collections.defaultdict(lambda: [0, 0])
    for path, lines in counts.items():
        for total in (totals[room_of(path, root)], totals["all"]):
            total[0] += sum(count > 0 for count in lines.values())
            total[1] += len(lines)
    for room in sorted(totals, key=lambda name: (name == "all", name)):
        run, all_lines = totals[room]
        yield f"{room:10} {percentage(run, all_lines):6.1f} %  {run} of {all_lines} lines"
    yield ""
    for path in sorted(counts):
        ranges = ranges_never_run(counts[path])
        if not ranges:
            continue
        with open(path) as file:
            source = file.read().splitlines()
        yield os.path.relpath(path, root)
        for first, last in ranges:
            lines = str(first) if first == last else f"{first}-{last}"
            yield f"  {lines:>9}  {source[first - 1].strip()[:100]}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root = os.path.realpath(sys.argv[2])
    counts = {path: lines for path, lines in read_counts(sys.argv[1]).items() if path.startswith(root + os.sep)}
    if not counts:
        sys.exit(f"{sys.argv[1]}: holds no line of {root}")
    print("\n".join(report(counts, root)))


if __name__ == "__main__":
    main()
