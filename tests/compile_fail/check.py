#!/usr/bin/env python3
"""Compiles a source whose cases must not compile, and looks at what the compiler says of each.

    check.py SOURCE COMPILER FLAGS...

A case begins with a line that says what the compiler must answer:

    // expect: GroupedQueryAttention: kv_heads must divide heads    a sentence, or a part of one
    // expect: /deleted (function|constructor)/                     a regular expression
    // expect: compiles                                             no error

The first error of a case must be that sentence, and few may follow: those of the call that it makes impossible.
An error belongs to the case whose lines its notes point at.
"""
import re
import subprocess
import sys
from pathlib import Path

MOST_ERRORS = 4  # of a case; g++ says three times that a class template's arguments cannot be deduced


class Case:
    def __init__(self, line, expected):
        self.line, self.expected, self.errors = line, expected, []

    def problem(self):
        if self.expected == "compiles":
            return f"expected no error, found: {self.errors[0]}" if self.errors else None
        if not self.errors:
            return f"no error, expected: {self.expected}"
        regular = re.fullmatch(r"/(.+)/", self.expected)
        if regular:
            said = re.search(regular[1], self.errors[0])
        else:
            said = self.expected in self.errors[0].partition("bora: ")[2]
        if not said:
            return f"expected first: {self.expected}\n    found: {self.errors[0]}"
        if len(self.errors) > MOST_ERRORS:
            return f"{len(self.errors)} errors, expected at most {MOST_ERRORS}:\n    " + "\n    ".join(self.errors)
        return None


def read_cases(source):
    cases = []
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if found := re.match(r"// expect: (.+)", line):
            cases.append(Case(number, found[1]))
    return cases


def errors_with_lines(output, name):
    """Each error's text, and the line of the source that it comes from, or None."""
    line, found = None, []  # g++ says the line before the error, clang after it
    here = re.compile(rf"{re.escape(name)}:(\d+):")
    for text in output.splitlines():
        at = here.search(text)
        if re.search(r"(^|\s)(fatal )?error: ", text):
            found.append([text, int(at[1]) if at else line])
            line = None
        elif at and ("required" in text or "requested here" in text or "while" in text):
            if "note: " not in text:  # g++
                line = int(at[1])
            elif found and found[-1][1] is None:
                found[-1][1] = int(at[1])
    for before, error in zip(found, found[1:]):  # several errors of one place: it is said once
        error[1] = error[1] or before[1]
    return found


def main():
    source, command = Path(sys.argv[1]), sys.argv[2:]
    cases = read_cases(source)
    answer = subprocess.run(command + [str(source)], capture_output=True, text=True, encoding="utf-8")
    problems = []
    for text, line in errors_with_lines(answer.stderr, source.name):
        case = next((c for c in reversed(cases) if line is not None and c.line <= line), None)
        if case:
            case.errors.append(text)
        else:
            problems.append(f"an error of no case: {text}")
    problems += [f"{source.name}:{c.line}: {p}" for c in cases if (p := c.problem())]
    print("\n".join(problems))
    print(f"{source.name}: {len(cases)} cases, {len(problems)} problems")
    return 1 if problems or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
