// From the list to the picture without a wait that need not be: what the click opens is on its way before it, the study is asked for by the click itself,
// and a page whose files are here is built in that turn.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

const LIST = /\/api\/studies\?/;
const VIEWER = /\/viewer\.js$/;
let service, browser;

before(async () => {
    service = await Service.start({ files: ctFiles() });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

/** Requests of that kind wait until release() is called; asked: how many did. */
function hold(pattern) {
    let release;
    const released = new Promise((resolve) => (release = resolve));
    const held = { release, asked: 0 };
    held.route = (page) => page.route(pattern, async (route) => {
        held.asked++;
        await released;
        await route.continue();
    });
    return held;
}

const link = (page) => page.locator('tr[data-study] a').first();

test('the study is asked for by the click, while the files that show it are still on their way', async () => {
    const held = hold(VIEWER);
    const page = await at.openPage(browser, service.url, '/studies', { route: held.route });
    const asked = page.waitForRequest((request) => /\/api\/studies\/\d+$/.test(request.url()));
    await link(page).click();
    await asked;
    assert.equal(await page.locator('main.viewer').count(), 0);
    held.release();
    await at.pictureReady(page);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('left before its files are here, a study does not come after all', async () => {
    const held = hold(VIEWER);
    const page = await at.openPage(browser, service.url, '/studies', { route: held.route });
    await link(page).click();
    await page.goBack();
    await link(page).waitFor();
    held.release();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    assert.equal(await page.locator('main.viewer').count(), 0);
    assert.equal(await page.locator('tr[data-study]').count() > 0, true);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a study whose files are here is built in the turn of its click, and asked for once', async () => {
    const page = await at.openPage(browser, service.url, '/studies');
    await link(page).waitFor();
    const has = (name) => page.evaluate((end) => performance.getEntriesByType('resource').some((one) => one.name.endsWith(end) && one.responseEnd > 0), name);
    for (const name of ['/viewer.js', '/viewer.css', '/lang/layout_ja.js', '/window_level.js']) await until(`${name} is here`, () => has(name));
    await page.evaluate(async () => {
        const { name } = performance.getEntriesByType('resource').find((one) => one.name.endsWith('/viewer.js'));
        await import(name);
        await new Promise((resolve) => setTimeout(resolve, 200));
    });
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const built = await page.evaluate(() => {
        document.querySelector('tr[data-study] a').click();
        return [...document.querySelectorAll('main.viewer .viewer-message')].map(({ hidden }) => hidden);
    });
    assert.deepEqual(built, [true], 'built, and with no mark of waiting before it lasts');
    await at.pictureReady(page);
    assert.equal(asked.filter((path) => /^\/api\/studies\/\d+$/.test(path)).length, 1, asked.join(' '));
    await at.closePage(page);
});

test('a study that is waited for is said to be opening', async () => {
    const held = hold(/\/api\/studies\/\d+$/);
    const page = await at.openPage(browser, service.url, '/studies', { route: held.route, language: 'en' });
    await link(page).click();
    await page.locator('.viewer-message .spinner').waitFor();
    assert.equal(await page.textContent('.viewer-message h1'), 'Opening the study');
    held.release();
    await at.pictureReady(page);
    assert.equal(await page.locator('.viewer-message').isHidden(), true);
    await at.closePage(page);
});

test('the files of the viewer are asked for as soon as the list is shown, and not before it', async () => {
    const held = hold(LIST);
    const early = hold(VIEWER);
    early.release();
    const route = async (page) => {
        await held.route(page);
        await early.route(page);
        await page.addInitScript(() => {
            const timer = globalThis.setTimeout;
            globalThis.setTimeout = (work, ms, ...more) => (ms === 100 ? 0 : timer(work, ms, ...more)); // the wait for a list that does not come
        });
    };
    const page = await at.openPage(browser, service.url, '/studies', { route });
    await until('the list is asked for', () => held.asked > 0);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
    assert.equal(early.asked, 0);
    held.release();
    await until('the viewer is asked for', () => early.asked > 0);
    await at.closePage(page);
});

test('a list that does not come holds nothing up', async () => {
    const held = hold(LIST);
    const early = hold(VIEWER);
    early.release();
    const page = await at.openPage(browser, service.url, '/studies', { route: async (one) => { await held.route(one); await early.route(one); } });
    await until('the viewer is asked for', () => early.asked > 0);
    assert.equal(await link(page).count(), 0);
    held.release();
    await at.closePage(page);
});
