#!/usr/bin/env python3
"""Tests of the scripts that check the documentation: docs_tools_test.py"""
import re
import tempfile
import unittest
from pathlib import Path

import check_docs
import check_doxygen
import draw_rooms

SNIPPET = "int a;\n// [outer]\nvoid f() {\n  // [inner]\n  g();\n  // [/inner]\n}\n// [/outer]\n"


class CheckDocs(unittest.TestCase):
    def problems(self, page, snippet=SNIPPET, pages=True, **files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {"docs/page.md": page, "docs/snippets/a.cpp": snippet,
                               "include/bora/core/error.hpp": "struct Error;\n", **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return "\n".join(check_docs.check(root, [root / "docs/page.md"] if pages else []))

    def test_a_block_is_a_region_less_its_indent_and_marks(self):
        self.assertEqual(self.problems("```cpp\ng();\n```\n"), "")
        self.assertEqual(self.problems("```cpp\nvoid f() {\n  g();\n}\n```\n"), "")
        self.assertEqual(self.problems("- item\n\n  ```cpp\n  g();\n  ```\n"), "")
        self.assertIn("page.md:1: this block is no region", self.problems("```cpp\ng(1);\n```\n"))
        self.assertIn("differs from outer in line 2: '  h();', there '  g();'",
                      self.problems("```cpp\nvoid f() {\n  h();\n}\n```\n"))

    def test_other_words_for_cpp_are_no_way_round(self):
        for kind in "c++", "C++", "cxx", "hpp":
            self.assertIn("expected one of cpp", self.problems(f"```{kind}\ng(1);\n```\n"))
        self.assertIn("does not end", self.problems("```cpp\ng();\n"))

    def test_marks_come_in_pairs(self):
        self.assertIn("does not end", self.problems("", "// [a]\nint a;\n"))
        self.assertIn("did not begin", self.problems("", "// [/a]\n"))
        self.assertIn("begins twice", self.problems("", "// [a]\nx\n// [/a]\n// [a]\ny\n// [/a]\n"))

    def test_every_region_is_shown_but_the_readme_s(self):
        self.assertIn("region outer is shown by no page", self.problems("```cpp\ng();\n```\n", pages=False))
        readme = SNIPPET.replace("outer", "readme_outer")
        self.assertEqual(self.problems("```cpp\ng();\n```\n", readme, pages=False), "")

    def test_cmake_is_part_of_a_tested_file(self):
        files = {"tests/package/CMakeLists.txt": "find_package(bora)\nfoo()\n"}
        self.assertEqual(self.problems("```cmake\nfoo()\n```\n", **files), "")
        self.assertIn("no part of a CMakeLists.txt", self.problems("```cmake\nbar()\n```\n", **files))

    def test_links_lead_somewhere(self):
        self.assertEqual(self.problems("# A `b` c\n[x](snippets/a.cpp) [y](#a-b-c) [z](https://example.org/no)\n"), "")
        self.assertIn("gone.md is dead", self.problems("[x](gone.md)\n"))
        self.assertIn("no such heading", self.problems("# A\n[x](#b)\n"))
        self.assertIn("no such heading", self.problems("[x](other.md#b)\n", **{"docs/other.md": "# A\n"}))
        self.assertEqual(self.problems("```sh\n[x](gone.md)\n```\n"), "")

    def test_files_and_names_in_backquotes_exist(self):
        self.assertEqual(self.problems("`core/error.hpp` `include/bora/core/error.hpp` `bora::Error` `config.json`\n"), "")
        self.assertIn("core/gone.hpp does not exist", self.problems("`core/gone.hpp`\n"))
        self.assertIn("no header has the word Gone", self.problems("`bora::Gone<int>`\n"))

    def test_nothing_waits_to_be_filled_in(self):
        for word in "TODO", "FIXME", "TBD", "SMALL_RATIO":
            self.assertIn(f"page.md:2: {word} waits", self.problems(f"A page.\nIt takes {word}.\n"))
        self.assertIn("page.md:2: TODO waits", self.problems("```sh\n# TODO\n```\n"))
        self.assertEqual(self.problems("The ratio of TODOS and `HIT_RATIOS`.\n"), "")


class CheckDoxygen(unittest.TestCase):
    def test_a_filter_line_needs_a_reason(self):
        self.assertEqual(check_doxygen.read_filter("# x\n\nA b   why\n")[0][1], "why")
        with self.assertRaises(SystemExit):
            check_doxygen.read_filter("A b\n")

    def test_what_no_line_matches_is_left_and_what_matches_nothing_is_told(self):
        rules = check_doxygen.read_filter("Member a.*   why\nMember z   why\n")
        left, unused = check_doxygen.complaints("x.hpp:1: warning: Member ab\nx.hpp:2: warning: Member b\nnoise\n", rules)
        self.assertEqual(left, ["x.hpp:2: warning: Member b"])
        self.assertEqual(unused, ["Member z"])

    def test_concepts_have_comments_but_in_detail(self):
        bare = "template <class T>\nconcept A = true;\n"
        self.assertEqual(len(check_doxygen.bare_concepts("x.hpp", "namespace bora {\n\n" + bare)), 1)
        self.assertEqual(check_doxygen.bare_concepts("x.hpp", "namespace bora {\n/// One.\n" + bare), [])
        self.assertEqual(check_doxygen.bare_concepts("x.hpp", "namespace detail {\n\n" + bare), [])
        after = "namespace detail {\n}  // namespace detail\n\n" + bare
        self.assertEqual(len(check_doxygen.bare_concepts("x.hpp", after)), 1)


class DrawRooms(unittest.TestCase):
    EDGES = {"core": set(), "simd": {"core"}, "text": {"core"}, "model": {"simd", "core"}, "data": {"model", "text"}}

    def test_arrows_that_follow_from_others_are_left_out(self):
        self.assertEqual(draw_rooms.reduced(self.EDGES)["model"], {"simd"})
        self.assertEqual(draw_rooms.reduced(self.EDGES)["data"], {"model", "text"})

    def test_a_room_stands_right_of_all_it_includes(self):
        columns = draw_rooms.columns_of(draw_rooms.reduced(self.EDGES))
        self.assertEqual(columns, [["core"], ["simd", "text"], ["model"], ["data"]])
        self.assertEqual(draw_rooms.long_arrows(draw_rooms.reduced(self.EDGES), columns), [("data", "text")])

    def test_the_picture_changes_with_the_includes(self):
        drawn = draw_rooms.picture(self.EDGES)
        self.assertEqual(drawn, draw_rooms.picture(dict(reversed(self.EDGES.items()))))
        self.assertNotEqual(drawn, draw_rooms.picture({**self.EDGES, "data": {"model"}}))
        self.assertEqual(len(re.findall(r"<path d=\"M\d.*?marker-end", drawn)), 5)


if __name__ == "__main__":
    unittest.main()
