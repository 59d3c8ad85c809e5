// The page's own files have addresses that hold their version: kept by the browser, never of two versions in one page, and a page that was open across an
// upgrade loads itself anew when it needs one that is not there any more.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

const FILE = /\/web\/([0-9a-f]{16})\//;
let service, browser;

before(async () => {
    service = await Service.start({ files: ctFiles() });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const rows = (page) => page.locator('tr[data-study]').first();
/** Goes there as a link of ours does. */
const go = (page, path) => page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
}, path);

async function listPage() {
    const page = await at.openPage(browser, service.url, '/studies');
    await rows(page).waitFor();
    const prepared = () => page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/viewer.js')));
    await until('what the next click needs is here', prepared);
    return page;
}

test('all files of a page are of one version, and the next page asks for none of them', async () => {
    const page = await listPage();
    const files = () => page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/web/')).map(({ name, transferSize }) => ({ name, transferSize })));
    const first = await files();
    assert.ok(first.length > 20);
    assert.equal(new Set(first.map(({ name }) => FILE.exec(name)?.[1])).size, 1, first.map(({ name }) => name).join(' '));
    await page.goto(`${service.url}/studies`);
    await rows(page).waitFor();
    const here = new Set(first.map(({ name }) => name)); // whole: one that was under way when the page was left has to be asked for
    const again = (await files()).filter(({ name }) => here.has(name));
    assert.ok(again.length > 10);
    assert.deepEqual(again.filter(({ transferSize }) => transferSize > 0), []);
    await page.context().close();
});

test('scripts and styles are served without what is for readers of the sources, everything else as it is', async () => {
    const sources = path.resolve(import.meta.dirname, '../../viewer/web');
    const names = fs.readdirSync(sources, { recursive: true }).filter((name) => /\.(js|css|svg)$/.test(name));
    assert.ok(names.length > 120, `${names.length} files`);
    for (const name of names) {
        const file = path.join(sources, name);
        const expected = name.endsWith('.svg') ? fs.readFileSync(file, 'utf8') : execFileSync('sed', ['-E', '-f', path.join(sources, 'slim.sed'), file], { encoding: 'utf8' });
        const answer = await fetch(`${service.url}/web/${name}`);
        assert.equal(answer.status, 200, name);
        assert.ok((await answer.text()) === expected, name);
    }
});

/** The service is upgraded: of the version that the page has it knows nothing. back(): the page that is loaded now is of the new one. */
async function upgrade(page) {
    let old = true;
    await page.route(FILE, (route) => (old ? route.fulfill({ status: 404, body: '' }) : route.continue()));
    return () => (old = false);
}

test('a page that was open across an upgrade is loaded anew when it needs another file, and says so', async () => {
    const page = await listPage();
    const back = await upgrade(page);
    await page.route('**/display', (route) => {
        back();
        return route.continue();
    });
    await go(page, '/display');
    await page.locator('.renewed').waitFor();
    assert.equal(new URL(page.url()).pathname, '/display');
    assert.match(await page.textContent('.renewed'), /更新/);
    await page.locator('.renewed').waitFor({ state: 'detached' });
    await page.context().close();
});

test('a file that is missing for another reason does not load the page over and over', async () => {
    const page = await listPage();
    await upgrade(page);
    let documents = 0;
    page.on('request', (request) => (documents += Number(request.isNavigationRequest())));
    await page.evaluate(() => sessionStorage.setItem('kakehashi.renewed', String(Date.now())));
    const asked = page.waitForResponse((response) => response.request().method() === 'HEAD');
    await go(page, '/display');
    await asked;
    await page.waitForTimeout(500);
    assert.equal(documents, 0);
    await page.context().close();
});
