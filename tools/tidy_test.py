#!/usr/bin/env python3
"""Every rule of tidy.py has a tree that breaks it and nothing else; a good tree passes."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

GOOD = {
    "README.md": "# A house\n\n```\n# not a title\n```\n",
    "src/rooms.txt": "base:\nmqtt:\nstore:\nstore/rocks: store\ncore: mqtt # why\nnet: core mqtt\n",
    "src/mqtt/README.md": "# mqtt\n",
    "src/mqtt/CMakeLists.txt": "vmq_room(mqtt SOURCES a.cc TESTS a_test.cc)\n",
    "src/mqtt/a.h": "#pragma once\n",
    "src/mqtt/a.cc": '#include "mqtt/a.h"\n#include "base/x.h"\n// std::thread in a comment\n'
                     'const char* text = "time(0) /* {";\nconstexpr int count = 1\'000;\n',
    "src/mqtt/a_test.cc": "#include <thread>\n",
    "src/net/README.md": "# net\n",
    "src/net/CMakeLists.txt": "vmq_room(net SOURCES loop.cc)\n",
    "src/net/loop.cc": '#include <sys/epoll.h>\n#include "core/x.h"\n',
}


def long_function(lines, above=""):
    return above + "int f(int x) {\n" + "  ++x;\n" * (lines - 2) + "}\n"


class Rules(unittest.TestCase):
    def findings(self, changes):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**GOOD, **changes}.items():
                if text is None:
                    continue
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            return tidy.Tidy(root).run()

    def expect(self, changes, path, line, rule):
        findings = self.findings(changes)
        self.assertEqual([(path, line, rule)], [finding[:3] for finding in findings], findings)

    def expect_clean(self, changes):
        self.assertEqual([], self.findings(changes))

    def test_a_good_tree_passes(self):
        self.expect_clean({})

    def test_long_lines_are_found_in_characters_not_bytes(self):
        self.expect({"src/mqtt/a.h": "#pragma once\n// " + "x" * 98 + "\n"},
                    "src/mqtt/a.h", 2, "line-length")
        self.expect_clean({"src/mqtt/a.h": "#pragma once\n// " + "é" * 97 + "\n"})

    def test_long_files_are_found(self):
        long = "#pragma once\n" + "int x;\n" * 650
        self.expect({"src/mqtt/a.h": long}, "src/mqtt/a.h", 1, "file-length")
        self.expect_clean({"src/mqtt/a.h": "// tidy: long because one table.\n" + long})
        longer = "// tidy: long because one table.\n#pragma once\n" + "int x;\n" * 800
        self.expect({"src/mqtt/a.h": longer}, "src/mqtt/a.h", 1, "file-length")
        self.expect_clean({"src/mqtt/a.h": "// tidy: generated\n" + longer})

    def test_long_functions_are_found(self):
        self.expect({"src/mqtt/a.cc": "\n" + long_function(71)},
                    "src/mqtt/a.cc", 2, "function-length")
        self.expect_clean({"src/mqtt/a.cc": long_function(70)})
        self.expect_clean({"src/mqtt/a.cc": long_function(90, "// tidy: long because a table.\n")})

    def test_long_members_in_namespaces_and_tests_are_found(self):
        member = "namespace a {\nclass B : public C {\n public:\n" + long_function(71) + "};\n}\n"
        self.expect({"src/mqtt/a.cc": member}, "src/mqtt/a.cc", 4, "function-length")
        test = "TEST(Room, does) {\n" + "  f();\n" * 80 + "}\n"
        self.expect({"src/mqtt/a_test.cc": test}, "src/mqtt/a_test.cc", 1, "function-length")

    def test_long_tables_and_types_are_no_functions(self):
        self.expect_clean({"src/mqtt/a.cc": "const Row rows[] = {\n" + "  {f(1)},\n" * 90 + "};\n"})
        self.expect_clean({"src/mqtt/a.cc": "struct S {\n" + "  int x = 0;\n" * 90 + "};\n"})

    def test_edges_that_rooms_txt_does_not_allow_are_found(self):
        self.expect({"src/mqtt/a.cc": '#include "core/x.h"\n'}, "src/mqtt/a.cc", 1, "room-edge")
        self.expect({"src/net/loop.cc": '#include "store/x.h"\n'},
                    "src/net/loop.cc", 1, "room-edge")

    def test_a_room_inside_a_room_is_its_own(self):
        self.expect({"src/store/rocks/r.cc": '#include "store/rocks/r.h"\n#include "core/x.h"\n',
                     "src/store/rocks/README.md": "# rocks\n",
                     "src/store/rocks/CMakeLists.txt": "vmq_room(rocks SOURCES r.cc)\n"},
                    "src/store/rocks/r.cc", 2, "room-edge")

    def test_an_include_without_its_room_is_found(self):
        self.expect({"src/mqtt/a.cc": '#include "a.h"\n'}, "src/mqtt/a.cc", 1, "include")

    def test_unknown_rooms_and_circles_are_found(self):
        self.expect({"src/rooms.txt": GOOD["src/rooms.txt"] + "x: nowhere\n"},
                    "src/rooms.txt", 7, "rooms")
        findings = self.findings({"src/rooms.txt": "base:\nmqtt: core\ncore: mqtt\nnet: core\n"})
        self.assertEqual({"rooms"}, {finding[2] for finding in findings})
        self.expect({"src/attic/README.md": "# attic\n", "src/attic/y.h": "#pragma once\n"},
                    "src/attic/y.h", 1, "rooms")

    def test_banned_headers_of_pure_rooms_are_found(self):
        for header in ("thread", "ctime", "random", "filesystem", "sys/socket.h", "atomic",
                       "openssl/evp.h", "fstream"):
            with self.subTest(header=header):
                self.expect({"src/mqtt/a.cc": f"#include <{header}>\n"},
                            "src/mqtt/a.cc", 1, "pure-room")

    def test_banned_calls_of_pure_rooms_are_found(self):
        for call in ("auto t = std::chrono::steady_clock::now();", "auto t = time(nullptr);",
                     "std::random_device d;", 'auto* p = getenv("X");', "thread_local int x;",
                     "printf(x);"):
            with self.subTest(call=call):
                self.expect({"src/mqtt/a.cc": call + "\n"}, "src/mqtt/a.cc", 1, "pure-room")

    def test_a_file_that_says_why_may_do_io(self):
        self.expect_clean({"src/mqtt/a.cc": "// tidy: shell because files.\n#include <fstream>\n"})

    def test_a_lock_outside_its_one_header_is_found(self):
        self.expect({"src/net/loop.cc": "#include <mutex>\n"}, "src/net/loop.cc", 1, "lock")
        self.expect_clean({"src/base/lock.h": "#pragma once\n#include <mutex>\n",
                           "src/base/README.md": "# base\n"})
        self.expect({"src/base/README.md": "# base\n",
                     "src/base/other.h": "#pragma once\n#include <mutex>\n"},
                    "src/base/other.h", 2, "lock")

    def test_heavy_libraries_in_headers_are_found(self):
        self.expect({"src/net/x.h": "#pragma once\n#include <rocksdb/db.h>\n"},
                    "src/net/x.h", 2, "heavy-header")

    def test_unfinished_words_are_found(self):
        self.expect({"src/mqtt/a.cc": "// FIX" + "ME\n"}, "src/mqtt/a.cc", 1, "fixme")
        self.expect({"src/mqtt/a.cc": "// TO" + "DO: later\n"}, "src/mqtt/a.cc", 1, "todo")
        self.expect_clean({"src/mqtt/a.cc": "// TO" + "DO(#12): later\n"})

    def test_blanks_and_tabs_are_found(self):
        self.expect({"README.md": "# A house \n"}, "README.md", 1, "blanks")
        self.expect({"README.md": "# A house\n\n\tx\n"}, "README.md", 3, "tab")
        self.expect({"README.md": "# A house"}, "README.md", 1, "blanks")

    def test_a_room_without_readme_is_found(self):
        self.expect({"src/mqtt/README.md": None}, "src/mqtt/README.md", 1, "readme")

    def test_a_document_has_one_title(self):
        self.expect({"docs/a.md": "# One\n\n# Two\n"}, "docs/a.md", 3, "title")
        self.expect({"docs/a.md": "text\n"}, "docs/a.md", 1, "title")

    def test_a_header_without_pragma_is_found(self):
        self.expect({"src/mqtt/a.h": "int x;\n"}, "src/mqtt/a.h", 1, "pragma-once")

    def test_dead_files_are_found(self):
        self.expect({"src/mqtt/b.cc": "int b;\n"}, "src/mqtt/b.cc", 1, "dead-file")
        self.expect_clean({"fuzz/x_fuzz.cc": "int b;\n",
                           "fuzz/CMakeLists.txt": "foreach(n x_fuzz)\n add(${n}.cc)\n"})


if __name__ == "__main__":
    unittest.main()
