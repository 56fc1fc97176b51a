// Drives one Firefox over WebDriver BiDi for `firefox.py`: one JSON request a
// line on stdin, one JSON answer a line on stdout, until stdin ends.

import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const [executablePath, callTimeout, userDataDir] = process.argv.slice(2);

/**
 * @typedef {object} Tab
 * @property {import('puppeteer-core').BrowserContext | undefined} context
 * @property {import('puppeteer-core').Page} page
 * @property {string[]} console
 */

/** @type {Map<number, Tab>} */
const tabs = new Map();
let lastTab = 0;

const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  userDataDir,
  headless: true,
  protocolTimeout: Number(callTimeout),
  // Everything but this machine goes to a proxy that is not there: a page that
  // asks for another host fails here as it would in a school's closed network.
  extraPrefsFirefox: {
    'network.proxy.type': 1,
    'network.proxy.http': '127.0.0.1',
    'network.proxy.http_port': 9,
    'network.proxy.ssl': '127.0.0.1',
    'network.proxy.ssl_port': 9,
    'network.proxy.no_proxies_on': '127.0.0.1, localhost',
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  },
});

const verbs = {
  async newPage() {
    // A container is forgotten with the browser.
    const context = userDataDir ? undefined : await browser.createBrowserContext();
    const page = await (context ?? browser).newPage();
    await page.setViewport({ width: 1280, height: 900 });
    const tab = { context, page, console: [] };
    page.on('console', message => tab.console.push(`${message.type()}: ${message.text()}`));
    tabs.set(++lastTab, tab);
    return lastTab;
  },
  async open({ page }, url) {
    await page.goto(url, { timeout: Number(callTimeout) });
  },
  async evaluate({ page }, source, args) {
    return (await page.evaluate(`(${source})(...${JSON.stringify(args)})`)) ?? null;
  },
  async screenshot({ page }, path) {
    await page.screenshot({ path });
  },
  async console(tab) {
    return tab.console;
  },
  async type({ page }, text) {
    await page.keyboard.type(text);
  },
  async press({ page }, keys) {
    for (const key of keys) await page.keyboard.down(key);
    for (const key of [...keys].reverse()) await page.keyboard.up(key);
  },
  async close(tab, id) {
    tabs.delete(id);
    await (tab.context ?? tab.page).close();
  },
};

/** Carry out one request: `{verb, tab, arguments}`. */
async function answer({ verb, tab, arguments: args }) {
  if (verb === 'newPage') return verbs.newPage();
  return verbs[verb](tabs.get(tab), ...args);
}

function say(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

say({ result: await browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ result: (await answer(JSON.parse(line))) ?? null });
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
}
await browser.close();
