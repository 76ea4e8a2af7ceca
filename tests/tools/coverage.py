"""Prints a report of lcov by rooms: percentages, then the lines that were never run.

    coverage.py COVERAGE.info INCLUDE/bora NOT_COVERED.txt ROOM...

In the ROOMs, each line that was never run must be explained in NOT_COVERED.txt, and what is explained there must not
have been run: 'file: part of the line: reason', one a line. A closing brace needs none: it stands for what an exception
destroys; nor does the head of a class, which stands for its implicit members.
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


def read_reasons(text):
    """[(file, part of a line)] of the lines that are explained."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(part.strip() for part in line.split(": "))[:2] for line in lines]


def complaints(counts, sources, reasons, rooms):
    """What is unexplained, and what is explained in vain. `counts` and `sources` are by relative path."""
    used = set()
    for path in sorted(counts):
        if path.split("/")[0] not in rooms:
            continue
        for line, count in sorted(counts[path].items()):
            text = sources[path][line - 1].strip()
            explained = {reason for reason in reasons if reason[0] == path and reason[1] in text}
            if count == 0:
                used |= explained
                if text.strip("} ;,)") and not text.startswith(("struct ", "class ")) and not explained:
                    yield f"{path}:{line} was never run: {text}"
    for path, part in reasons:
        if path.split("/")[0] in rooms and (path, part) not in used:
            yield f"{path}: '{part}' is explained, and is run or gone"


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    root = os.path.realpath(sys.argv[2])
    counts = {path: lines for path, lines in read_counts(sys.argv[1]).items() if path.startswith(root + os.sep)}
    if not counts:
        sys.exit(f"{sys.argv[1]}: holds no line of {root}")
    print("\n".join(report(counts, root)))

    by_name = {os.path.relpath(path, root): lines for path, lines in counts.items()}
    sources = {}
    for name in by_name:
        with open(os.path.join(root, name)) as file:
            sources[name] = file.read().splitlines()
    with open(sys.argv[3]) as file:
        found = list(complaints(by_name, sources, read_reasons(file.read()), sys.argv[4:]))
    print("\n".join(["", *found]))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
