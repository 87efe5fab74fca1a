#!/usr/bin/env python3
"""Turns web/ and the few files that it takes from npm into one C++ table (src/web/assets.h).

    web_assets.py --web web --modules build/web/npm --out build/web/assets.cc

The packages of web/package-lock.json are installed into MODULES by npm, which checks their hashes;
that happens once for each content of the lock file, so a later build needs no network. With
--given MODULES is taken as it is: somebody else has put node_modules there.
"""
import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# Path of the page: file of a package.
VENDOR = {
    "vendor/preact.js": "preact/dist/preact.mjs",
    "vendor/hooks.js": "preact/hooks/dist/hooks.mjs",
    "vendor/htm.js": "htm/dist/htm.module.js",
    "vendor/uplot.js": "uplot/dist/uPlot.iife.min.js",
    "vendor/uplot.css": "uplot/dist/uPlot.min.css",
}
PACKAGES = ("preact", "htm", "uplot")


class AssetError(Exception):
    pass


def read(path):
    with open(path, "rb") as file:
        return file.read()


def install(web, folder):
    """npm ci in FOLDER, unless it has been done for this very lock file."""
    done = os.path.join(folder, "installed-lock.json")
    wanted = read(os.path.join(web, "package-lock.json"))
    if os.path.exists(done) and read(done) == wanted:
        return
    if not shutil.which("npm"):
        raise AssetError("the status page needs npm: apt-get install nodejs npm")
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(web, name), folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssetError(
            result.stdout + result.stderr +
            "\nThe packages of web/package-lock.json could not be installed. The first build "
            "needs the npm registry; later ones do not.\nWithout a network, put their "
            "node_modules into a folder and configure with -DVMQ_WEB_MODULES=FOLDER.")
    with open(done, "wb") as file:
        file.write(wanted)


def own_files(web):
    """What of web/ is part of the page: no tests, documents or package files."""
    found = {}
    for folder, subfolders, names in os.walk(web):
        subfolders[:] = sorted(name for name in subfolders if name != "node_modules")
        for name in sorted(names):
            if name.endswith(".test.js") or os.path.splitext(name)[1] not in CONTENT_TYPES:
                continue
            path = os.path.join(folder, name)
            found[os.path.relpath(path, web).replace(os.sep, "/")] = read(path)
    return found


def vendor_files(modules):
    found = {}
    for path, source in VENDOR.items():
        text = read(os.path.join(modules, "node_modules", source)).decode()
        text = re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", text)
        # A browser finds modules by address, and the page allows no inline import map.
        text, count = re.subn(r'(from\s*)"preact"', r'\1"./preact.js"', text)
        if count != (1 if path == "vendor/hooks.js" else 0):
            raise AssetError(f"{source}: its imports are not as expected; see vendor_files()")
        found[path] = text.encode()
    return found


def licences(modules):
    parts = ["The status page contains these works, each under its own licence.\n"]
    for package in PACKAGES:
        text = read(os.path.join(modules, "node_modules", package, "LICENSE")).decode()
        parts.append(f"\n---- {package} ----\n\n{text.strip()}\n")
    return "".join(parts).encode()


def literal(data):
    """C++ string literals, some lines. Octal escapes, as a hexadecimal one has no end."""
    lines = []
    for begin in range(0, len(data), 512):
        escaped = "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in "\"\\?" else f"\\{byte:03o}"
            for byte in data[begin:begin + 512])
        lines.append(f'    "{escaped}"')
    return "\n".join(lines) or '    ""'


def table(files):
    rows = []
    for path in sorted(files):
        data = files[path]
        packed = gzip.compress(data, 9, mtime=0)
        kind = CONTENT_TYPES[os.path.splitext(path)[1]]
        etag = hashlib.sha256(data).hexdigest()[:16]
        rows.append(f'  {{"{path}", "{kind}", "\\"{etag}\\"",\n'
                    f"   std::string_view(\n{literal(data)}, {len(data)}),\n"
                    f"   std::string_view(\n{literal(packed)}, {len(packed)})}},\n")
    return ("// Made by tools/web_assets.py from web/.\n#include \"web/assets.h\"\n\n"
            "namespace vmq::web {\n\nnamespace {\n\n"
            f"constexpr Asset ASSETS[] = {{\n{''.join(rows)}}};\n\n}}  // namespace\n\n"
            "std::span<const Asset> assets() { return ASSETS; }\n\n}  // namespace vmq::web\n")


def without_slash(page):
    """The page for the address /status, of which status/app.js stands beside it, not app.js."""
    text, count = re.subn(r'((?:href|src)=")(?=[a-z])', r"\1status/", page.decode())
    if count == 0:
        raise AssetError("index.html names no file; see without_slash()")
    return text.encode()


def collect(web, modules):
    files = {**own_files(web), **vendor_files(modules)}
    files["status.html"] = without_slash(files["index.html"])
    files["licences.txt"] = licences(modules)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--web", required=True)
    parser.add_argument("--modules", required=True)
    parser.add_argument("--given", action="store_true")
    parser.add_argument("--out", help="the C++ file")
    parser.add_argument("--folder", help="write the files here as well, for a server of files")
    options = parser.parse_args()
    try:
        if not options.given:
            install(options.web, options.modules)
        files = collect(options.web, options.modules)
    except (AssetError, OSError) as error:
        sys.exit(f"web_assets: {error}")
    for path, data in files.items() if options.folder else ():
        target = os.path.join(options.folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)
    if options.out:
        with open(options.out, "w", encoding="ascii") as file:
            file.write(table(files))


if __name__ == "__main__":
    main()
