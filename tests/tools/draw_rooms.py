#!/usr/bin/env python3
"""Draws the rooms of include/bora/ and who includes whom, from the #include lines.

    draw_rooms.py INCLUDE_FOLDER PICTURE.svg           write the picture
    draw_rooms.py INCLUDE_FOLDER PICTURE.svg --check   fail where it is not what the includes say

A room stands right of all it includes; an arrow goes from a room to one that it includes. Arrows that follow from
others are left out (transitive reduction).
"""
import re
import sys
from html import escape
from pathlib import Path

HOLDS = {
    "core": "errors, memory, threads",
    "files": "whole or not at all",
    "simd": "kernels",
    "layers": "policies, both ways",
    "cache": "keys and values",
    "model": "specs, decoder, zoo",
    "io": "checkpoints",
    "infer": "sessions, sampling",
    "train": "gradients, trainer",
    "text": "tokenizers",
    "chat": "templates and turns",
    "data": "corpora, packing",
    "any": "models at run time",
    "eval": "measures",
    "align": "tuning to preferences",
    "dist": "many machines",
}
INCLUDE = re.compile(r"^\s*#\s*include\s*<bora/(\w+)/")
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE, LANE = 164, 52, 44, 22, 16, 14


def read_edges(include):
    """{room: rooms that its headers include}."""
    edges = {}
    for header in sorted((include / "bora").glob("*/**/*.hpp")):
        room = header.relative_to(include / "bora").parts[0]
        seen = edges.setdefault(room, set())
        for line in header.read_text(encoding="utf-8").split("\n"):
            found = INCLUDE.match(line)
            if found and found.group(1) != room:
                seen.add(found.group(1))
    return edges


def reach(edges, room):
    """Every room that `room` includes, through others too. Rooms in a circle reach themselves."""
    reached, open_rooms = set(), list(edges.get(room, ()))
    while open_rooms:
        current = open_rooms.pop()
        if current not in reached:
            reached.add(current)
            open_rooms += edges.get(current, ())
    return reached


def reduced(edges):
    """Only the arrows that do not follow from others."""
    all_reached = {room: reach(edges, room) for room in edges}
    return {room: {t for t in targets if not any(t in all_reached.get(o, ()) for o in targets - {t})}
            for room, targets in edges.items()}


def columns_of(edges):
    """Rooms by the length of the longest way to a room that includes nothing."""
    depth = {}

    def measure(room):
        if room not in depth:
            depth[room] = 0  # of a room in a circle, which check_rooms.py refuses
            depth[room] = 1 + max((measure(t) for t in edges.get(room, ())), default=-1)
        return depth[room]

    columns = {}
    for room in sorted(edges):
        columns.setdefault(measure(room), []).append(room)
    return [columns[d] for d in sorted(columns)]


def long_arrows(edges, columns):
    """Arrows that pass a column: they go below the boxes, and their rooms stand lowest in their columns."""
    column = {room: i for i, rooms in enumerate(columns) for room in rooms}
    return [(room, t) for room in sorted(edges) for t in sorted(edges[room]) if column[room] - column[t] > 1]


def places_of(columns):
    """{room: (x, y)} of the boxes' corners; columns are centred."""
    tallest = max(len(c) for c in columns)
    places = {}
    for i, column in enumerate(columns):
        top = EDGE + (tallest - len(column)) * (HEIGHT + GAP_Y) / 2
        for j, room in enumerate(column):
            places[room] = (EDGE + i * (WIDTH + GAP_X), top + j * (HEIGHT + GAP_Y))
    return places


def picture(edges):
    edges = reduced(edges)
    columns = columns_of(edges)
    long = long_arrows(edges, columns)
    for column in columns:
        column.sort(key=lambda room: (any(room in arrow for arrow in long), room))
    places = places_of(columns)
    width = 2 * EDGE + len(columns) * WIDTH + (len(columns) - 1) * GAP_X
    tallest = max(len(c) for c in columns)
    bottom = EDGE + tallest * HEIGHT + (tallest - 1) * GAP_Y
    height = bottom + EDGE + LANE * len(long)
    out = [
        "<!-- Made by tests/tools/draw_rooms.py from the #include lines; do not edit. -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" height="{height:g}" '
        'font-family="sans-serif" role="img" aria-label="The rooms of the library and who includes whom">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#556"/></marker></defs>',
        f'<rect width="{width}" height="{height:g}" fill="#fff"/>',
    ]
    for room in sorted(edges):
        x, y = places[room]
        for target in sorted(edges[room]):
            if (room, target) in long:
                continue
            to_x, to_y = places[target][0] + WIDTH, places[target][1] + HEIGHT / 2
            bend = (x - to_x) / 2
            out.append(f'<path d="M{x:g} {y + HEIGHT / 2:g}C{x - bend:g} {y + HEIGHT / 2:g} {to_x + bend:g} {to_y:g} '
                       f'{to_x + 1:g} {to_y:g}" fill="none" stroke="#556" marker-end="url(#head)"/>')
    for i, (room, target) in enumerate(long):
        lane = bottom + LANE * (i + 1)
        start, end = places[room], places[target]
        out.append(f'<path d="M{start[0] + WIDTH / 2:g} {start[1] + HEIGHT:g}V{lane:g}H{end[0] + WIDTH / 2:g}'
                   f'V{end[1] + HEIGHT + 1:g}" fill="none" stroke="#556" stroke-linejoin="round" '
                   'marker-end="url(#head)"/>')
    for room in sorted(edges):
        x, y = places[room]
        out.append(f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#eef2fa" stroke="#556"/>')
        out.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 22:g}" text-anchor="middle" font-size="15" '
                   f'font-weight="bold" fill="#223">{escape(room)}</text>')
        out.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 40:g}" text-anchor="middle" font-size="12" '
                   f'fill="#445">{escape(HOLDS[room])}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--check"]):
        sys.exit(__doc__)
    include, file = Path(sys.argv[1]), Path(sys.argv[2])
    edges = read_edges(include)
    unknown = sorted(set(edges) - set(HOLDS))
    if not edges or unknown:
        sys.exit(f"{include}/bora: " + (f"{unknown[0]} is no known room: say in HOLDS what it holds" if unknown
                                        else "no rooms"))
    drawn = picture(edges)
    if sys.argv[3:]:
        if not file.exists() or file.read_text(encoding="utf-8") != drawn:
            sys.exit(f"{file} is not what the includes say; write it again: {sys.argv[0]} {include} {file}")
        print(f"{file} is what the includes say")
    else:
        file.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
