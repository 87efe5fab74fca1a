#!/usr/bin/env python3
"""The house rules that a machine can check, as one test.

Prints one line a finding, FILE:LINE: RULE: what is wrong, and ends with status 1 if there is any.
Teach it a rule the second time a reviewer says it. Its own test is tidy_test.py: every rule has a
tree there that breaks it.

What a file can say for itself, in a comment:
  tidy: long because …       above a function, or within a file's first 20 lines
  tidy: generated            within the first 20 lines: lengths are not checked
  tidy: shell because …      within the first 20 lines: this file of a pure room does I/O
"""
import os
import re
import sys

LINE_MAX = 100
FILE_MAX = 800
FILE_EXPLAINED = 600
FUNCTION_MAX = 70
HEAD_LINES = 20

SKIPPED_FOLDERS = {"build", ".git", ".cache", "node_modules", "__pycache__", "corpus"}
CODE = (".cc", ".h")
LINE_CHECKED = (".cc", ".h", ".py")
TEXT = LINE_CHECKED + (".md", ".cmake", ".sh", "CMakeLists.txt")

PURE = {"base", "mqtt", "topic", "auth", "store", "config", "session", "core", "admin", "migrate",
        "cluster"}
PURE_BANNED_HEADERS = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|"
    r"atomic|ctime|time\.h|random|filesystem|fstream|iostream|cstdio|stdio\.h|unistd\.h|fcntl\.h|"
    r"pthread\.h|poll\.h|netdb\.h|(sys|net|arpa|netinet|rocksdb|openssl|boost)/.*)$")
PURE_BANNED_CALLS = [
    (re.compile(r"_clock\s*::\s*now\b|\bnow\s*\(\s*\)|\bclock_gettime\b|\bgettimeofday\b"
                r"|\btime\s*\(\s*(nullptr|NULL|0)\s*\)"), "reads a clock; take `Instant now`"),
    (re.compile(r"\brandom_device\b|\bs?rand\s*\(|\bgetrandom\b|\bmt19937"),
     "draws its own randomness; take an `Rng`"),
    (re.compile(r"\bgetenv\s*\("), "reads the environment"),
    (re.compile(r"\bthread_local\b|\bstd::j?thread\b|\bthis_thread\b|\bstd::async\b"),
     "knows threads; a pure room runs on one"),
    (re.compile(r"\bfopen\s*\(|\b[io]?fstream\b|\bstd::c(out|err|in)\b|\bf?printf\s*\("),
     "does I/O; return it as an effect"),
]
# The few files that wrap what is banned elsewhere, so that there is one place to look.
WRAPPERS = {
    "src/base/lock.h": {"mutex", "shared_mutex", "condition_variable"},
    "src/base/epoch.h": {"atomic"},
    "src/base/epoch.cc": {"atomic"},
    "src/base/ref.h": {"atomic"},
    "src/base/counter.h": {"atomic"},
    "src/base/expect.cc": {"cstdio"},
    "src/config/load_files.cc": {"fcntl.h", "sys/stat.h", "unistd.h"},
    "src/config/config_doc_main.cc": {"cstdio"},
}
# Arithmetic that happens to live in a library with sockets: hashing is as pure as our own code.
PURE_ALLOWED = {
    "auth": re.compile(r"^openssl/(evp|sha|crypto)\.h$|^argon2\.h$"),
    "cluster": re.compile(r"^openssl/(evp|hmac|crypto)\.h$"),
}
LOCK_HEADERS = {"mutex", "shared_mutex"}
# Where threads meet by design: rings and tickets, the store's threads (0010), commands and their
# callers, the client of etcd and its owner (0051).
LOCK_ROOMS = {"node", "store/rocks", "control", "http", "cluster/etcd"}
HEAVY_HEADERS = re.compile(r"^(boost|rocksdb|openssl|grpc|grpcpp|google)/|\.pb\.h$|^(regex|iostream)$|^fmt/(ranges|chrono|std)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tidy:
    """One run over one tree. Findings are (path, line, rule, text)."""

    def __init__(self, root):
        self.root = root
        self.findings = []
        self.rooms = {}

    def report(self, path, line, rule, text):
        self.findings.append((path, line, rule, text))

    def run(self):
        self.read_rooms()
        files = sorted(self.files())
        for path in files:
            if not path.endswith(TEXT) and path != "dev":
                continue
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                text = file.read()
            self.check_text(path, text)
            if path.endswith(".md"):
                self.check_title(path, text)
            if path.endswith(CODE):
                self.check_code(path, text)
        self.check_room_readmes(files)
        self.check_dead_files(files)
        self.findings.sort()
        return self.findings

    def files(self):
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    # Rooms.

    def read_rooms(self):
        path = "src/rooms.txt"
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.split("#")[0].strip()
                if not line:
                    continue
                name, colon, allowed = line.partition(":")
                if not colon:
                    self.report(path, number, "rooms", "expected `room: room room …`")
                    continue
                self.rooms[name.strip()] = (set(allowed.split()), number)
        for name, (allowed, number) in self.rooms.items():
            for other in sorted(allowed - set(self.rooms)):
                self.report(path, number, "rooms", f"`{name}` may include unknown room `{other}`")
            if self.reaches(allowed, name):
                self.report(path, number, "rooms", f"`{name}` includes itself through others")

    def reaches(self, start, target):
        seen, waiting = set(), list(start)
        while waiting:
            room = waiting.pop()
            if room == target:
                return True
            if room not in seen:
                seen.add(room)
                waiting.extend(self.rooms.get(room, (set(), 0))[0])
        return False

    def room_of(self, path):
        """The room that owns `mqtt/decode.h`, the longest name that is a prefix."""
        owners = [room for room in self.rooms if path.startswith(room + "/")]
        return max(owners, key=len) if owners else None

    # Text.

    def check_text(self, path, text):
        head = "\n".join(text.split("\n")[:HEAD_LINES])
        generated = "tidy: generated" in head
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                self.report(path, number, "blanks", "blank at the end of the line")
            if "\t" in line:
                self.report(path, number, "tab", "indent with blanks")
            if path.endswith(LINE_CHECKED) and len(line) > LINE_MAX and not generated:
                self.report(path, number, "line-length", f"{len(line)} columns, {LINE_MAX} allowed")
            if path.endswith(CODE) and re.search(r"\b(FIXME|XXX)\b", line):
                self.report(path, number, "fixme", "finish it, or open an issue")
            if path.endswith(CODE) and re.search(r"\bTODO\b(?!\(#\d+\))", line):
                self.report(path, number, "todo", "write TODO(#issue)")
        if text and not text.endswith("\n"):
            self.report(path, len(lines), "blanks", "no newline at the end of the file")
        if not path.endswith(LINE_CHECKED) or generated:
            return
        count = text.count("\n")
        if count > FILE_MAX:
            self.report(path, 1, "file-length", f"{count} lines, {FILE_MAX} allowed")
        elif count > FILE_EXPLAINED and "tidy: long because" not in head:
            self.report(path, 1, "file-length",
                        f"{count} lines; over {FILE_EXPLAINED} the top must say why it is one "
                        "thing (tidy: long because …)")

    def check_title(self, path, text):
        titles, fenced = [], False
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("```"):
                fenced = not fenced
            elif line.startswith("# ") and not fenced:
                titles.append(number)
        if len(titles) != 1:
            where = titles[1] if titles else 1
            self.report(path, where, "title", f"{len(titles)} titles; a document has one `# `")

    # C++.

    def check_code(self, path, text):
        head = "\n".join(text.split("\n")[:HEAD_LINES])
        if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
            self.report(path, 1, "pragma-once", "a header starts with #pragma once")
        if path.startswith("src/"):
            inside = path[len("src/"):]
        elif path.startswith("sim/"):
            inside = path
        else:
            return
        room = self.room_of(inside)
        if room is None:
            self.report(path, 1, "rooms", "this folder is no room of src/rooms.txt")
            return
        is_test = is_test_file(path)
        self.check_includes(path, text, room, is_test)
        pure = room in PURE and not is_test and "tidy: shell because" not in head
        if pure:
            self.check_pure_calls(path, text)
        if path.endswith(".cc") and "tidy: generated" not in head:
            self.check_functions(path, text)

    def check_includes(self, path, text, room, is_test):
        head = "\n".join(text.split("\n")[:HEAD_LINES])
        pure = room in PURE and "tidy: shell because" not in head
        allowed = {room, "base"} | self.rooms[room][0]
        for number, line in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, header = match.groups()
            if path.endswith(".h") and HEAVY_HEADERS.search(header):
                self.report(path, number, "heavy-header", f"<{header}> belongs into a .cc file")
            if is_test:
                continue
            if kind == '"':
                target = self.room_of(header)
                if target is None:
                    self.report(path, number, "include", f'"{header}": write "room/header.h"')
                elif target not in allowed:
                    self.report(path, number, "room-edge",
                                f"`{room}` may not include `{target}` (src/rooms.txt)")
                continue
            if header in WRAPPERS.get(path, ()):
                continue
            if header in LOCK_HEADERS and room not in LOCK_ROOMS:
                self.report(path, number, "lock", f"<{header}> is only in base/lock.h")
            elif room in PURE_ALLOWED and PURE_ALLOWED[room].match(header):
                continue
            elif pure and PURE_BANNED_HEADERS.match(header):
                self.report(path, number, "pure-room", f"<{header}> is banned in `{room}`")

    def check_pure_calls(self, path, text):
        wrapped = WRAPPERS.get(path, ())
        for number, line in enumerate(blank_out(text).split("\n"), 1):
            for pattern, why in PURE_BANNED_CALLS:
                if pattern.search(line) and not ("cstdio" in wrapped and "I/O" in why):
                    self.report(path, number, "pure-room", why)

    def check_functions(self, path, text):
        lines = text.split("\n")
        for first, last in functions(text):
            length = last - first + 1
            excused = any("tidy: long because" in line
                          for line in lines[max(0, first - 6):first + 2])
            if length > FUNCTION_MAX and not excused:
                self.report(path, first, "function-length",
                            f"{length} lines, {FUNCTION_MAX} allowed")

    # The tree.

    def check_room_readmes(self, files):
        folders = {os.path.dirname(path) for path in files
                   if path.startswith("src/") and path.endswith(CODE)}
        known = set(files)
        for folder in sorted(folders):
            room = self.room_of(folder[len("src/"):] + "/")
            if room and f"src/{room}/README.md" not in known:
                self.report(f"src/{room}/README.md", 1, "readme", "every room has a README.md")

    def check_dead_files(self, files):
        builds = {}
        for path in files:
            if os.path.basename(path) == "CMakeLists.txt":
                with open(os.path.join(self.root, path), encoding="utf-8") as file:
                    builds[os.path.dirname(path)] = file.read()
        for path in files:
            top = path.split("/")[0]
            if not path.endswith(".cc") or top not in ("src", "sim", "bench", "fuzz", "tests",
                                                       "tools"):
                continue
            if not any(mentions(builds.get(folder, ""), folder, path)
                       for folder in ancestors(path)):
                self.report(path, 1, "dead-file", "no CMakeLists.txt builds it")


def is_test_file(path):
    """Tests, their helpers and benchmarks may use threads, files and other rooms."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return bool(re.search(r"(^|_)(test|testing|bench|fuzz)(_|$)", stem))


def ancestors(path):
    folder = os.path.dirname(path)
    while True:
        yield folder
        if not folder:
            return
        folder = os.path.dirname(folder)


def mentions(build, folder, path):
    name = re.escape(os.path.basename(path))
    if re.search(r"(^|[\s\"(/])" + name + r"($|[\s\")])", build, re.M):
        return True
    stem = re.escape(os.path.splitext(os.path.basename(path))[0])
    return "}.cc" in build and re.search(r"(^|[\s\"(])" + stem + r"($|[\s\")])", build) is not None


LITERALS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|"""
    r"""(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.S)


def blank_out(text):
    """The text without comments, literals and preprocessor lines; every line keeps its number."""
    def erase(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = LITERALS.sub(erase, text)
    return re.sub(r"^[ ]*#(?:[^\n]*\\\n)*[^\n]*", erase, text, flags=re.M)


def functions(text):
    """(first line, last line) of every function body outside other functions, roughly.

    A brace opens a function when everything around it is a namespace or a type and the words before
    it, back to the last `;` or brace, hold a parameter list and no assignment.
    """
    text = blank_out(text)
    stack, found, begin = [], [], 0
    for match in re.finditer(r"[{};]", text):
        mark, at = match.group(0), match.start()
        if mark == "{":
            words = text[begin:at]
            kind = "block"
            if all(entry[0] == "scope" for entry in stack):
                if re.search(r"\b(namespace|class|struct|union|enum|extern)\b", words) \
                        and not re.search(r"\)\s*(const|noexcept|override|final|->|$)", words):
                    kind = "scope"
                elif "(" in words and not re.search(r"=\s*$", words):
                    kind = "function"
            label = re.match(r"\s*(?:(?:public|private|protected)\s*:\s*)?", words)
            start = begin + label.end()
            stack.append((kind, start))
        elif mark == "}" and stack:
            kind, start = stack.pop()
            if kind == "function":
                found.append((text.count("\n", 0, start) + 1, text.count("\n", 0, at) + 1))
        if not stack or all(entry[0] == "scope" for entry in stack):
            begin = at + 1
    return found


def main(arguments):
    root = arguments[1] if len(arguments) > 1 else os.path.join(os.path.dirname(__file__), "..")
    findings = Tidy(os.path.abspath(root)).run()
    for path, line, rule, text in findings:
        print(f"{path}:{line}: {rule}: {text}")
    if findings:
        print(f"{len(findings)} findings")
        return 1
    print("tidy")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
