#!/usr/bin/env python3
"""Runs Doxygen over the headers and fails for each public name without a comment.

    check_doxygen.py PROJECT_FOLDER

What it passes over is listed in doxygen_filter.txt beside this script, each line with its reason. Doxygen 1.9 says
nothing of undocumented concepts, so they are looked for here.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WARNING = re.compile(r"(.*?):(\d+): (?:warning|error): (.*)")


def read_filter(text):
    """[(expression, reason)]; a line that is not both is an error."""
    rules = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        expression, _, reason = line.partition("   ")
        if not reason.strip():
            sys.exit(f"doxygen_filter.txt:{number}: no reason, expected one after three spaces")
        rules.append((re.compile(expression), reason.strip()))
    return rules


def run_doxygen(project, folder):
    """What Doxygen complains of, with the pages left out: only the reading is wanted."""
    doxyfile = (project / "docs" / "Doxyfile").read_text(encoding="utf-8")
    doxyfile += f"\nOUTPUT_DIRECTORY = {folder}\nGENERATE_HTML = NO\nGENERATE_XML = YES\n"
    run = subprocess.run(["doxygen", "-"], input=doxyfile, cwd=project / "docs", capture_output=True, text=True,
                         check=False)
    if run.returncode != 0:
        sys.exit(f"doxygen exited with {run.returncode}: {run.stderr.strip()}")
    if not list(Path(folder, "xml").glob("*.xml")):
        sys.exit("doxygen wrote nothing")
    return run.stderr


def complaints(output, rules):
    """(what is not passed over, expressions that passed over nothing)."""
    left, used = [], set()
    for line in dict.fromkeys(output.split("\n")):
        found = WARNING.match(line)
        if not found:
            continue
        matching = [e for e, _ in rules if e.fullmatch(found.group(3))]
        used.update(matching[:1])
        if not matching:
            left.append(line)
    return left, [e.pattern for e, _ in rules if e not in used]


def bare_concepts(name, text):
    """Concepts outside `detail` whose template line has no comment above it."""
    lines, inside, problems = text.split("\n"), False, []
    for i, line in enumerate(lines):
        inside = "namespace detail {" in line or (inside and line != "}  // namespace detail")
        found = re.match(r"concept (\w+)", line)
        if found and not inside and not (i >= 2 and lines[i - 2].startswith("///")):
            problems.append(f"{name}:{i + 1}: Concept {found.group(1)} is not documented.")
    return problems


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    project = Path(sys.argv[1]).resolve()
    rules = read_filter(Path(__file__).with_name("doxygen_filter.txt").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        left, unused = complaints(run_doxygen(project, folder), rules)
    for header in sorted((project / "include").rglob("*.hpp")):
        left += bare_concepts(header, header.read_text(encoding="utf-8"))
    left += [f"doxygen_filter.txt: nothing matches this any more: {pattern}" for pattern in unused]
    print("\n".join(left) or "every public name has a comment")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
