// What the files of the page say about each other.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(here, { recursive: true })
  .filter((path) => path.endsWith(".js") && !path.endsWith(".test.js"));

test("every import names a file of the page", () => {
  assert.ok(files.length > 15);
  for (const path of files) {
    const text = readFileSync(join(here, path), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) {
      assert.match(from, /^\.{1,2}\//, `${path}: ${from}`);
      const target = normalize(join(dirname(path), from));
      if (target.startsWith("vendor/")) continue;
      assert.ok(existsSync(join(here, target)), `${path}: ${from}`);
    }
  }
});

test("no file turns text into markup or code", () => {
  const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet/;
  const code = /\beval\(|new Function/;
  for (const path of files) {
    const text = readFileSync(join(here, path), "utf8");
    assert.doesNotMatch(text, markup, path);
    assert.doesNotMatch(text, code, path);
  }
});

test("every colour of the light scheme has one in the dark scheme", () => {
  const style = readFileSync(join(here, "style.css"), "utf8");
  const [light, dark] = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) =>
    [...body.matchAll(/--([a-z-]+):/g)].map(([, name]) => name).sort());
  assert.deepEqual(light, dark);
});
