#!/usr/bin/env python3
"""Checks the rooms of include/bora: who includes whom, and what a header may look like.

    check_rooms.py INCLUDE_FOLDER

Each folder of include/bora/ is a room. The headers right in include/bora/ are umbrellas: #include lines only, and no
room includes one.
"""
import re
import sys
from pathlib import Path

# What each room may include; what those may include is allowed too. docs/rooms.svg shows what they do include.
MAY_INCLUDE = {
    "core": [],
    "files": ["core"],
    "simd": ["core"],
    "layers": ["core", "simd"],
    "cache": ["core", "simd"],
    "model": ["layers", "cache"],
    "io": ["model", "text", "files"],
    "infer": ["model", "files"],
    "train": ["model", "io"],
    "text": ["core", "files"],
    "data": ["text", "io"],
    "any": ["infer", "io"],
}
# Other libraries, and the only place that may include them.
ONLY_IN = {"nlohmann/": "io/json.hpp", "hwy/": "simd/", "xsimd/": "simd/", "pcre2.h": "text/pcre2.hpp"}
# Files stay mostly under USUAL lines: at most one in ten is longer, and none is longer than MOST.
USUAL, MOST = 400, 600

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def allowed(room):
    """Every room that `room` may reach, itself among them."""
    reached, open_rooms = set(), [room]
    while open_rooms:
        current = open_rooms.pop()
        if current not in reached:
            reached.add(current)
            open_rooms += MAY_INCLUDE[current]
    return reached


def without_comments(text):
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.S)


def check(include):
    """Every broken rule, a sentence each, for the headers under the folder `include`."""
    headers = {p.relative_to(include / "bora").as_posix(): p.read_text(encoding="utf-8")
               for p in sorted((include / "bora").rglob("*.hpp"))}
    problems, includes, long_files = [], {}, []
    if not headers:
        return [f"{include}/bora: no headers"]
    for name, text in headers.items():
        room = name.split("/")[0] if "/" in name else None
        lines = without_comments(text).split("\n")
        includes[name] = set()
        say = lambda number, sentence: problems.append(f"bora/{name}:{number}: {sentence}")

        if room is not None and room not in MAY_INCLUDE:
            say(1, f"'{room}' is no room; the rooms are {', '.join(MAY_INCLUDE)}")
            continue
        if not name.endswith("-inl.hpp") and "#pragma once" not in lines:
            say(1, "no #pragma once")
        if len(lines) > MOST:
            say(len(lines), f"{len(lines)} lines; no header has more than {MOST}")
        elif len(lines) > USUAL:
            long_files.append(f"{name} ({len(lines)})")

        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                if room is None and line.strip() not in ("", "#pragma once"):
                    say(number, "an umbrella holds #include lines only")
                continue
            quote, path = found.groups()
            for prefix, place in ONLY_IN.items():
                if path.startswith(prefix) and not name.startswith(place):
                    say(number, f"includes <{path}>; only {place} may include {prefix}")
            if quote == '"':
                say(number, f'includes "{path}"; write the full path in angle brackets, <bora/room/name.hpp>')
            if not path.startswith("bora/"):
                continue
            target = path.removeprefix("bora/")
            if target not in headers:
                say(number, f"includes <{path}>, which does not exist")
                continue
            includes[name].add(target)
            if room is None:
                continue
            if "/" not in target:
                say(number, f"includes the umbrella <{path}>; a room includes what it needs")
            elif target.split("/")[0] not in allowed(room):
                say(number, f"includes <{path}>; {room}/ may include {', '.join(sorted(allowed(room) - {room})) or 'no other room'}")

    if len(long_files) * 10 > max(len(headers), 10):
        problems.append(f"more than one header in ten has over {USUAL} lines: {', '.join(long_files)}")

    # Programs that only decode pay for nothing of training.
    reached, open_headers = set(), ["infer.hpp"]
    while open_headers:
        current = open_headers.pop()
        if current in includes and current not in reached:
            reached.add(current)
            open_headers += includes[current]
    problems += [f"bora/infer.hpp reaches bora/{n}" for n in sorted(reached) if n.startswith("train/")]
    return problems


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = check(Path(sys.argv[1]))
    print("\n".join(problems) or "every header keeps to its room")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
