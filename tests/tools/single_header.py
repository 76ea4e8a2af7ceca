#!/usr/bin/env python3
"""Makes one header of many: all that bora/bora.hpp includes, in order, the headers of other libraries first.

    single_header.py INCLUDE_FOLDER OUTPUT

A header of another library that is included under an #if stays where it is. A header of bora that is included under an
#if (a backend) is written there, with a guard, and again wherever else it may be needed. Definitions that a program may take
from elsewhere (BORA_EXTERN_FILES) stand in the one header always.
"""
import os
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r"\s*#\s*include\s*<([^>]+)>")
DEFINITIONS = re.compile(r"#if !defined\(BORA_EXTERN_FILES\)\n((?:#include [^\n]*\n)+)#endif\n")
HEAD = """\
// bora {version} in one header: language models as C++ types. Needs C++20, Highway (-lhwy) and nlohmann-json.
// Made by a script from the headers that bora/bora.hpp includes; change those instead.
//
// SPDX-License-Identifier: Apache-2.0
// Licensed under the Apache License, Version 2.0; a copy is at https://www.apache.org/licenses/LICENSE-2.0
#pragma once
"""


class SingleHeader:
    def __init__(self, include):
        self.include = Path(include)
        self.system = set()       # headers of others that are included whatever is defined
        self.conditional = set()  # headers of bora that are included under an #if
        self.written = set()      # headers of bora that stand outside every #if

    def text(self, root):
        self.expand(root)  # to learn which headers are conditional, and what all need
        self.written.clear()
        body = self.expand(root)
        system = "".join(f"#include <{name}>\n" for name in sorted(self.system))
        return HEAD.format(version=self.version()) + system + body

    def version(self):
        text = self.read("bora/core/abi.hpp", "the version")
        return ".".join(re.search(rf"#define BORA_VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR", "PATCH"))

    def read(self, name, wanted_by):
        try:
            return DEFINITIONS.sub(r"\1", (self.include / name).read_text(encoding="utf-8"))
        except OSError as error:
            sys.exit(f"single_header.py: {name}, wanted by {wanted_by}: {error.strerror}")

    def expand(self, name, wanted_by="the command line", under_if=False):
        """The text of a header of bora and all that it includes, as it must stand here."""
        if name in self.written:
            return ""
        if under_if:
            self.conditional.add(name)
        else:
            self.written.add(name)
        text, depth = "", 0
        for line in self.read(name, wanted_by).splitlines(keepends=True):
            word = re.match(r"\s*#\s*(if|endif)", line)
            if word:
                depth += 1 if word[1] == "if" else -1
            if line.strip() != "#pragma once":
                text += self.line(line, name, under_if or depth > 0)
        if depth != 0:
            sys.exit(f"single_header.py: {name}: {depth} #if without #endif")
        return self.guarded(name, text) if name in self.conditional else f"\n// {name}\n{text}"

    def line(self, line, name, under_if):
        found = INCLUDE.match(line)
        if not found:
            return line
        if found[1].startswith("bora/"):
            return self.expand(found[1], name, under_if)
        if found[1] in self.system:
            return ""
        if under_if:
            return line
        self.system.add(found[1])
        return ""

    @staticmethod
    def guarded(name, text):
        macro = "BORA_SINGLE_" + re.sub(r"\W", "_", name.removeprefix("bora/")).upper()
        return f"\n// {name}\n#ifndef {macro}\n#define {macro}\n{text}#endif  // {macro}\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    output = Path(sys.argv[2])
    text = SingleHeader(sys.argv[1]).text("bora/bora.hpp")
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(output.name + ".part")
    beside.write_text(re.sub(r"\n{3,}", "\n\n", text), encoding="utf-8")
    os.replace(beside, output)


if __name__ == "__main__":
    main()
