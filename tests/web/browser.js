// A headless Chromium and the few things that the tests do with it.
import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";

const require = createRequire(join(process.env.MODULES, "anything.js"));
const puppeteer = require("puppeteer-core");
const axePath = require.resolve("axe-core/axe.min.js");

export const HOSTILE = '<img src=x onerror="window.hacked=1">';
const WAIT_MS = 20000;

export async function launch() {
  const options = ["--disable-gpu", "--disable-dev-shm-usage", "--force-prefers-reduced-motion"];
  // Chromium's sandbox refuses to run as root, as tests in containers do.
  if (process.getuid() === 0) options.push("--no-sandbox");
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM, headless: true, args: options, timeout: 60000,
  });
}

/** One tab of its own, with everything that it complains of in `complaints`. */
export class Tab {
  static async open(browser, base, { view = "overview", key, scheme, width = 1280 } = {}) {
    const tab = new Tab();
    tab.base = base;
    tab.context = await browser.createBrowserContext();
    tab.page = await tab.context.newPage();
    tab.page.setDefaultTimeout(WAIT_MS);
    tab.complaints = [];
    tab.listen();
    await tab.look({ scheme, width });
    if (key) {
      await tab.page.evaluateOnNewDocument((value) => {
        if (!sessionStorage.getItem("vmq-api-key")) sessionStorage.setItem("vmq-api-key", value);
      }, key);
    }
    await tab.page.goto(`${base}#/${view}`, { waitUntil: "load" });
    return tab;
  }

  listen() {
    this.page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) {
        this.complaints.push(`${message.text()} ${message.location()?.url ?? ""}`);
      }
    });
    this.page.on("pageerror", (error) => this.complaints.push(`${error.message}\n${error.stack}`));
  }

  async look({ scheme = "light", width = 1280, height = 900 }) {
    await this.page.setViewport({ width, height });
    await this.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  }

  async go(view) {
    await this.page.evaluate((name) => {
      location.hash = `#/${name}`;
    }, view);
  }

  close() {
    return this.context.close();
  }

  /** Waits until the page, or the part `within`, shows this text. */
  async sees(text, within = "body") {
    const shows = (wanted, selector) => {
      const find = (element) => element.innerText.includes(wanted);
      return [...document.querySelectorAll(selector)].some(find);
    };
    try {
      await this.page.waitForFunction(shows, { polling: 50 }, text, within);
    } catch {
      const shown = await this.page.$$eval(within, (all) => all.map((one) => one.innerText));
      assert.fail(`“${text}” is not shown in ${within}:\n${shown.join("\n---\n").slice(0, 4000)}`);
    }
  }

  /** Waits until this text is gone. */
  async misses(text, within = "body") {
    await this.page.waitForFunction((wanted, selector) =>
      ![...document.querySelectorAll(selector)].some((one) => one.innerText.includes(wanted)),
    { polling: 50 }, text, within);
  }

  /** The element of a role with this name, as a screen reader finds it. */
  async named(role, name) {
    return this.page.waitForSelector(`aria/${name}[role="${role}"]`);
  }

  async click(role, name) {
    const element = await this.named(role, name);
    await element.evaluate((one) => one.scrollIntoView({ block: "center" }));
    await element.click();
  }

  async fill(name, text, role = "textbox") {
    const element = await this.named(role, name);
    await element.evaluate((one) => {
      one.focus();
      one.select?.();
    });
    await this.page.keyboard.press("Backspace");
    await element.type(text);
  }

  async overflow() {
    return this.page.evaluate(() => {
      const root = document.documentElement;
      if (root.scrollWidth <= root.clientWidth) return [];
      return [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
        .filter((one) => !one.closest(".scroll, .hidden"))
        .slice(0, 5).map((one) => one.outerHTML.slice(0, 160));
    });
  }

  /** What axe-core finds against WCAG 2.2 AA and its best practices. */
  async accessibility() {
    const isThere = await this.page.evaluate(() => typeof window.axe === "object");
    if (!isThere) {
      const { readFile } = await import("node:fs/promises");
      // Evaluated through the debugger: the page's own policy takes no script from elsewhere.
      await this.page.evaluate(await readFile(axePath, "utf8"));
    }
    const violations = await this.page.evaluate(async () => {
      const { violations: found } = await window.axe.run(document);
      return found.map((one) => `${one.id} (${one.impact}): ${one.help}\n` +
        one.nodes.slice(0, 4).map((node) => `    ${node.html.slice(0, 200)}\n` +
          `      ${node.any.concat(node.all).map((check) => check.message).join(" ")}`).join("\n"));
    });
    return violations;
  }

  async isHacked() {
    return this.page.evaluate(() => window.hacked !== undefined ||
      document.querySelectorAll("main img, dialog img").length > 0);
  }

  shot(name) {
    return process.env.SHOTS
      ? this.page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true })
      : undefined;
  }
}
