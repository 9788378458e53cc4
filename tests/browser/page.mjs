// Uses the page as a person does, in a real browser. Arguments: the address with #admin=, chromium's path, a folder
// in which playwright-core can be found. Where something has to happen at the hub it prints `wants: …` and waits for
// a line on stdin. With SCREENSHOTS set to a folder it leaves pictures there.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [address, executablePath, modules] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, 'x.js'))('playwright-core');
const origin = new URL(address).origin;
const pictures = process.env.SCREENSHOTS;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has something done at the hub. */
async function wants(what) {
  console.log(`wants: ${what}`);
  assert.equal((await answers.next()).value, 'done');
}

const profile = await mkdtemp(join(tmpdir(), 'model-cache-page-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
  viewport: { width: 1100, height: 800 },
  colorScheme: 'light',
});
const troubles = [];
context.setDefaultTimeout(30000);

function watched(page) {
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) troubles.push(`a request elsewhere: ${request.url()}`);
  });
  page.on('pageerror', (error) => troubles.push(`an error: ${error.message}`));
  page.on('console', (message) => {
    // Refusals that the test asks for are noted by the browser.
    if (message.type() === 'error' && !/the server responded with a status of 4/.test(message.text())) troubles.push(message.text());
  });
  return page;
}

/** The accessible row of a model. */
const row = (page, model) => page.locator('#models tr.entry', { has: page.getByRole('button', { name: model, exact: true }) });
const download = (page, state, text) => page.locator(`#downloads tr[data-state=${state}]`, { hasText: text });
const focused = (page) => page.evaluate(() => {
  const { activeElement: it } = document;
  return { text: it.textContent.trim() || it.getAttribute('aria-label') || it.id, outline: getComputedStyle(it).outlineStyle };
});

/** Presses Tab until something has the focus; every stop on the way must be visible. */
async function tabTo(page, text) {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (now.text !== 'model-cache' && !(await page.evaluate(() => document.activeElement === document.body))) {
      assert.notEqual(now.outline, 'none', `no focus to be seen on ${now.text}`);
    }
    if (now.text === text) return;
  }
  assert.fail(`${text} cannot be reached with Tab`);
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, name), fullPage: name !== 'page-phone.png' });
}

/** Without the token it shows what upstream lets everyone read. */
async function stranger() {
  // Upstream's word on a repository is known once somebody has asked for it.
  await (await fetch(`${origin}/org/model/resolve/main/config.json`)).arrayBuffer();
  const page = watched(await context.newPage());
  await page.goto(origin);
  await page.locator('html[data-ready]').waitFor();
  await row(page, 'org/model').waitFor();
  for (const hidden of ['#add', '#machine']) assert.equal(await page.locator(hidden).isVisible(), false, hidden);
  await row(page, 'org/model').getByRole('button').click();
  await page.getByText('config.json', { exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Pin' }).count(), 0);
  // A token that is not the admin's is told so, and is not kept.
  await page.getByRole('button', { name: 'Admin' }).click();
  await page.getByLabel('Admin token').fill('not-it');
  await page.keyboard.press('Enter');
  await page.getByText('That is not the admin token.').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  // The right one is.
  await page.getByLabel('Admin token').fill(new URLSearchParams(new URL(address).hash.slice(1)).get('admin'));
  await page.keyboard.press('Enter');
  await page.locator('#add').waitFor();
  await page.close();
}

async function load(page) {
  await page.goto(address);
  await page.locator('html[data-ready]').waitFor();
  assert.equal(page.url(), `${origin}/`, 'the token has left the address');
  await row(page, 'org/model').waitFor();
  await page.locator('#disk-chart svg polyline').waitFor({ state: 'attached' });
  assert.match(await page.locator('#store-count').textContent(), /^2 versions$/);
}

async function search(page) {
  const box = page.getByLabel('Search');
  await box.fill('gguf q4');
  await page.locator('#store-count', { hasText: '1 of 2' }).waitFor();
  await row(page, 'lab/Small-GGUF').getByText('Q4_K_M').waitFor();
  await box.fill('no such thing');
  await page.getByText('Nothing matches.').waitFor();
  await box.fill('');
  await row(page, 'org/model').waitFor();
  const names = () => page.locator('#models .open').allTextContents();
  await page.getByRole('button', { name: 'Model', exact: true }).click();
  assert.deepEqual(await names(), ['lab/Small-GGUF', 'org/model']);
  await page.getByRole('button', { name: 'Model', exact: true }).click();
  assert.deepEqual(await names(), ['org/model', 'lab/Small-GGUF']);
  assert.equal(await page.locator('th[data-key=model]').getAttribute('aria-sort'), 'descending');
}

async function fetches(page) {
  await wants('stall');
  await page.getByLabel('Model', { exact: true }).fill('lab/large');
  await page.keyboard.press('Enter');
  const whole = download(page, 'running', 'files');
  await whole.waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('#downloads progress')].some((bar) => bar.value >= 40));
  assert.match(await whole.textContent(), /lab\/large.* of 8\.0 MB/);
  await page.locator('#downloads td.number', { hasText: '/s' }).first().waitFor();
  // An error that the server finds at once, one with markup in it, and one that it finds when it asks.
  const markup = '<img src=x onerror="document.title=1">';
  await page.getByLabel('Model', { exact: true }).fill(markup);
  await page.keyboard.press('Enter');
  await page.locator('#add-problem .hint', { hasText: 'org/name' }).waitFor();
  assert.ok((await page.locator('#add-problem').textContent()).includes('<img'), 'a name is text');
  assert.equal(await page.locator('main img').count(), 0, 'a name is text');
  await page.getByLabel('Model', { exact: true }).fill('org/nothing');
  await page.keyboard.press('Enter');
  const failed = download(page, 'failed', 'org/nothing');
  await failed.locator('.hint', { hasText: 'check the name' }).waitFor();
  assert.equal(await page.locator('#add-problem').isVisible(), false);
  await look(page);
  await wants('release');
  await download(page, 'finished', 'lab/large').waitFor();
  await row(page, 'lab/large').waitFor();
  await page.locator('#hosts li', { hasText: 'good' }).first().waitFor();
  await page.locator('#live', { hasText: 'lab/large' }).waitFor({ state: 'attached' });
}

/** Light, dark and on a phone, while a download runs. */
async function look(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.evaluate(() => document.activeElement.blur());
  await picture(page, 'page-light.png');
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.notEqual(await background(), light);
  await picture(page, 'page-dark.png');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `${wide} pixels wide on a phone`);
  for (const control of ['#add button', '#search', '#models .open']) {
    // In one step: rows are drawn anew while a download runs.
    await page.waitForFunction((control) => {
      const box = document.querySelector(control)?.getBoundingClientRect();
      return box && box.width > 0 && box.left >= 0 && box.right <= 360;
    }, control);
  }
  await picture(page, 'page-phone.png');
  await page.setViewportSize({ width: 1100, height: 800 });
}

async function keyboard(page) {
  await page.evaluate(() => document.activeElement.blur());
  await tabTo(page, 'org/model');
  await page.keyboard.press('Enter');
  await page.getByText('config.json', { exact: true }).waitFor();
  await tabTo(page, 'Pin');
  await page.keyboard.press('Enter');
  await row(page, 'org/model').getByText('pinned').waitFor();
  assert.equal((await focused(page)).text, 'Unpin', 'the focus stays where it was');
  // What is pinned stays, and the page says why.
  await tabTo(page, 'Evict…');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Evict this version?' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.keyboard.press('Enter');
  await tabTo(page, 'Evict');
  await page.keyboard.press('Enter');
  await page.locator('.details .problem', { hasText: 'is pinned' }).waitFor();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await row(page, 'org/model').getByText('pinned').waitFor({ state: 'detached' });
  await tabTo(page, 'Evict…');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Evict');
  await page.keyboard.press('Enter');
  await row(page, 'org/model').waitFor({ state: 'detached' });
}

try {
  const page = watched(context.pages()[0] ?? (await context.newPage()));
  await stranger();
  await load(page);
  await search(page);
  await fetches(page);
  await keyboard(page);
  assert.deepEqual(troubles, []);
  console.log('all is well');
} finally {
  await context.close();
  await rm(profile, { recursive: true, force: true });
}
process.exit(0);
