#!/usr/bin/env python3
"""Checks the pages of the documentation against the code.

    check_docs.py PROJECT_FOLDER [PAGE...]     without pages: docs/*.md

- A ```cpp block is byte-equal to a region of a file in docs/snippets/ or examples/, which CTest compiles and runs. A region lies
  between the lines `// [name]` and `// [/name]`, less its common indent and the marks of regions inside it. A region
  that no page shows is an error when all of docs/ is checked, unless its name begins with readme_. A ```cmake block of a
  page in docs/ is part of a CMakeLists.txt that is tested: those of docs/snippets/, examples/ and tests/package/.
- A relative link leads to a file, and what follows # to a heading there.
- A file named in `backquotes` with its folder exists.
- A name spelled `bora::…` in backquotes occurs in the headers.
- Nothing waits to be filled in: no TODO, FIXME or TBD, and no NAME_RATIO in a figure's place.
"""
import re
import sys
import textwrap
from pathlib import Path

MARK = re.compile(r"\s*// \[(/?)([\w-]+)\]\s*")
FENCE = re.compile(r"^(\s*)```(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"(`+)(.+?)\1")
FILE = re.compile(r"^\.{0,2}/?[\w.\-]+(?:/[\w.\-]+)+\.(?:hpp|cpp|py|md|sh|txt|cmake|svg)$")
PLACEHOLDER = re.compile(r"\b(?:[A-Z]+_RATIO|TODO|FIXME|TBD)\b")
KNOWN_BLOCKS = ("cpp", "cmake", "sh", "text", "json", "")


def regions_of(name, text):
    """{region: its text} of one file; problems as sentences."""
    regions, open_regions, problems = {}, {}, []
    for number, line in enumerate(text.split("\n"), 1):
        mark = MARK.fullmatch(line)
        if not mark:
            for lines in open_regions.values():
                lines.append(line)
        elif mark.group(1):
            if mark.group(2) not in open_regions:
                problems.append(f"{name}:{number}: region {mark.group(2)} ends but did not begin")
            else:
                lines = open_regions.pop(mark.group(2))
                regions[mark.group(2)] = textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
        elif mark.group(2) in regions or mark.group(2) in open_regions:
            problems.append(f"{name}:{number}: region {mark.group(2)} begins twice")
        else:
            open_regions[mark.group(2)] = []
    problems += [f"{name}: region {region} does not end" for region in open_regions]
    problems += [f"{name}: region {region} is empty" for region, body in regions.items() if not body.strip()]
    return regions, problems


def parts_of(text):
    """([(line number, info string, text of a block)], the prose with blocks blanked, problems)."""
    blocks, prose, opened, problems = [], [], None, []
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = (number, fence.group(2).strip(), len(fence.group(1)), [])
            prose.append("")
        elif opened is not None:
            if fence and not fence.group(2).strip():
                blocks.append((opened[0], opened[1], "".join(l[opened[2]:] + "\n" for l in opened[3])))
                opened = None
            else:
                opened[3].append(line)
            prose.append("")
        else:
            prose.append(line)
    if opened is not None:
        problems.append(f"{opened[0]}: a block does not end")
    return blocks, "\n".join(prose), problems


def anchors_of(text):
    """The anchors that GitHub makes of a page's headings."""
    anchors = []
    for line in parts_of(text)[1].split("\n"):
        if heading := re.match(r"#+ +(.*?) *#*$", line):
            words = re.sub(r"[^\w\- ]", "", heading.group(1).replace("`", "").lower())
            anchors.append(words.strip().replace(" ", "-"))
    return anchors


class Project:
    def __init__(self, root):
        self.root, self.problems, self.shown = root, [], set()
        self.regions = {}
        for file in sorted(f for folder in ("docs/snippets", "examples") for f in (root / folder).rglob("*.cpp")):
            found, problems = regions_of(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
            self.problems += problems
            self.problems += [f"{file.name}: region {name} is also in another file" for name in found.keys() & self.regions]
            self.regions.update(found)
        self.texts = set(self.regions.values())
        self.cmake = [f.read_text(encoding="utf-8") for folder in ("docs/snippets", "examples", "tests/package")
                      for f in sorted((root / folder).rglob("CMakeLists.txt"))]
        headers = (f.read_text(encoding="utf-8") for f in sorted((root / "include").rglob("*.hpp")))
        self.words = {word for text in headers for word in re.findall(r"\w+", text)}

    def check(self, page):
        text = page.read_text(encoding="utf-8")
        blocks, prose, problems = parts_of(text)
        name = page.relative_to(self.root).as_posix()
        self.problems += [f"{name}:{problem}" for problem in problems]
        for number, kind, body in blocks:
            self.check_block(f"{name}:{number}", kind, body, name.startswith("docs/"))
        for number, line in enumerate(text.split("\n"), 1):
            self.problems += [f"{name}:{number}: {word} waits to be filled in" for word in PLACEHOLDER.findall(line)]
        for number, line in enumerate(prose.split("\n"), 1):
            for target in LINK.findall(CODE.sub(" ", line)) + LINK.findall(line):
                self.check_link(f"{name}:{number}", page, target)
            for _, code in CODE.findall(line):
                self.check_code(f"{name}:{number}", page, code.strip())

    def check_block(self, where, kind, body, in_docs):
        if kind not in KNOWN_BLOCKS:
            self.problems.append(f"{where}: a block of '{kind}'; expected one of {', '.join(KNOWN_BLOCKS[:-1])}, or none")
        if kind == "cpp" and body not in self.texts:
            self.problems.append(f"{where}: this block is no region of a file in docs/snippets/ or examples/{self.nearest(body)}")
        if kind == "cpp":
            self.shown.add(body)
        if kind == "cmake" and in_docs and not any(body in text for text in self.cmake):
            self.problems.append(f"{where}: this block is no part of a CMakeLists.txt in docs/snippets/, examples/ or tests/package/")

    def nearest(self, body):
        """Of the region that shares most lines with a block, the first line that differs."""
        lines = body.split("\n")
        best = max(self.regions, key=lambda n: len(set(self.regions[n].split("\n")) & set(lines) - {"", "}"}), default=None)
        if best is None or not set(self.regions[best].split("\n")) & set(lines) - {"", "}"}:
            return ""
        theirs = self.regions[best].split("\n")
        at = next((i for i, (a, b) in enumerate(zip(lines, theirs)) if a != b), min(len(lines), len(theirs)))
        found, expected = ((l[at] if at < len(l) else "its end") for l in (lines, theirs))
        return f"; it differs from {best} in line {at + 1}: '{found}', there '{expected}'"

    def check_link(self, where, page, target):
        if re.match(r"[a-z]+:", target):
            return
        path, _, anchor = target.partition("#")
        file = page if not path else (page.parent / path)
        if not file.exists():
            self.problems.append(f"{where}: the link to {target} is dead")
        elif anchor and file.suffix == ".md" and anchor not in anchors_of(file.read_text(encoding="utf-8")):
            self.problems.append(f"{where}: {target}: there is no such heading")

    def check_code(self, where, page, code):
        if FILE.match(code):
            folders = (self.root, self.root / "include", self.root / "include" / "bora", page.parent)
            if not any((folder / code).exists() for folder in folders):
                self.problems.append(f"{where}: the file {code} does not exist")
        for qualified in re.findall(r"\bbora(?:::\w+)+", code):
            for word in qualified.split("::")[1:]:
                if word not in self.words:
                    self.problems.append(f"{where}: {qualified}: no header has the word {word}")


def check(root, pages=()):
    """Every broken rule, a sentence each."""
    project = Project(root)
    everything = not pages
    pages = list(pages) or sorted((root / "docs").glob("*.md"))
    if not pages:
        return [f"{root}/docs: no pages"]
    for page in pages:
        project.check(page)
    if everything:
        project.problems += [f"region {name} is shown by no page" for name, text in sorted(project.regions.items())
                             if text not in project.shown and not name.startswith("readme_")]
    return list(dict.fromkeys(project.problems))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1]).resolve()
    problems = check(root, [Path(page).resolve() for page in sys.argv[2:]])
    print("\n".join(problems) or "every page is true to the code")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
