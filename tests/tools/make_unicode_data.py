#!/usr/bin/env python3
"""Writes include/bora/text/unicode_data.hpp from the Unicode Character Database (Debian's package unicode-data).

    make_unicode_data.py /usr/share/unicode include/bora/text/unicode_data.hpp
"""
import re
import sys
from pathlib import Path

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()
LETTERS = "abcdefghijklmnopqrstuvwxyzABCD"


def read(folder):
    """General categories of all code points, {code: decomposition}, {code: combining class}."""
    category, decomposition, combining, first = ["Cn"] * 0x110000, {}, {}, None
    for line in (folder / "UnicodeData.txt").read_text().splitlines():
        code, name, kind, ccc, _, mapping = line.split(";")[:6]
        code = int(code, 16)
        if name.endswith(", First>"):
            first = code
        elif name.endswith(", Last>"):
            category[first:code + 1] = [kind] * (code + 1 - first)
        else:
            category[code] = kind
        if ccc != "0":
            combining[code] = int(ccc)
        if mapping and not mapping.startswith("<"):
            decomposition[code] = [int(c, 16) for c in mapping.split()]
    return category, decomposition, combining


def runs(values):
    """[(value, length)] of equal neighbours."""
    found = []
    for value in values:
        if found and found[-1][0] == value:
            found[-1][1] += 1
        else:
            found.append([value, 1])
    return found


def literals(text, width=112):
    """The text as adjacent string literals."""
    return "\n".join(f'    "{text[i:i + width]}"' for i in range(0, len(text), width)) + ";\n"


def main(folder, out):
    category, decomposition, combining = read(folder)
    excluded = {int(line.split()[0], 16) for line in (folder / "CompositionExclusions.txt").read_text().splitlines()
                if re.match(r"[0-9A-F]{4,}", line)}
    version = re.search(r"-([0-9.]+)\.txt", (folder / "CompositionExclusions.txt").read_text()).group(1)
    classes = "".join(LETTERS[CATEGORIES.index(c)] + (str(n) if n > 1 else "") for c, n in runs(category))
    parts, before = [], 0
    for code, to in sorted(decomposition.items()):
        composes = len(to) == 2 and code not in excluded and code not in combining and to[0] not in combining
        parts.append(f"{code - before:x}{'=' if composes else '!'}{'+'.join(f'{c:x}' for c in to)}")
        before = code
    marks, before = [], 0
    for value, length in runs([combining.get(c, 0) for c in range(0x110000)]):
        if value:
            marks.append(f"{before:x}+{length:x}={value:x}")
            before = 0
        else:
            before = length
    out.write_text(f'''/// Unicode {version}'s general categories, canonical decompositions and combining classes, as text that
/// text/unicode.hpp reads. Written by tests/tools/make_unicode_data.py.
#pragma once
#include <bora/core/abi.hpp>
#include <string_view>

namespace bora {{ inline namespace BORA_ABI {{ namespace detail {{

/// Runs of code points of one category from 0: a letter, and the length where it is not 1. The letters a to z and A to
/// D stand for {", ".join(CATEGORIES)}.
inline constexpr std::string_view unicode_categories =
{literals(classes)}
/// Canonical decompositions, by code point: distance from the one before, = or ! (not composed again), code points.
inline constexpr std::string_view unicode_decompositions =
{literals(" ".join(parts))}
/// Runs of combining marks: distance from the end of the run before + length = combining class.
inline constexpr std::string_view unicode_combining_classes =
{literals(" ".join(marks))}
}}}}}}  // namespace bora::BORA_ABI::detail
''')


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
