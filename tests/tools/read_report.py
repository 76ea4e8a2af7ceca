#!/usr/bin/env python3
"""Names the cases that a JUnit report of CTest knows as skipped, then prints 'PASSED FAILED SKIPPED': read_report.py REPORT

A case is skipped where its test says 'skipped: …' at the beginning of a line, be it a test of CTest's own or one of many cases
in a program. Such a program counts as passed beside them; a test whose program is missing counts as failed.
"""
import sys
import xml.etree.ElementTree


def skipped_cases(output):
    """What was skipped, of the lines that say so; Catch2 indents them and breaks long ones."""
    cases, inside = [], False
    for line in output.splitlines():
        text = line.strip()
        if text.startswith("skipped: "):
            cases.append(text.removeprefix("skipped: "))
            inside = line.startswith(" ")
        elif inside and text and line.startswith(" "):
            cases[-1] += " " + text
        else:
            inside = False
    return cases


def read(report):
    """(passed, failed, [(test, what was skipped)])"""
    passed = failed = 0
    skipped = []
    for test in xml.etree.ElementTree.fromstring(report).iter("testcase"):
        cases = skipped_cases(test.findtext("system-out") or "")
        skipped += [(test.get("name"), case) for case in cases]
        if test.get("status") == "run":
            passed += 1
        elif not cases or test.get("status") == "fail":
            failed += 1
    return passed, failed, skipped


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", errors="replace") as report:
        passed, failed, skipped = read(report.read())
    for name, case in skipped:
        print(f"skipped in {name}: {case}")
    print(passed, failed, len(skipped))


if __name__ == "__main__":
    main()
