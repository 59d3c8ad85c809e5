// The display check in a real browser: the pattern is there pixel for pixel, the answers lead to a verdict that is remembered, both languages.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { Service } from '../lib/service.mjs';

let service, browser;
before(async () => {
    service = await Service.start({});
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const shot = (page, name) => process.env.KH_SHOTS && page.screenshot({ path: path.join(process.env.KH_SHOTS, `${name}.png`) });
const answer = (page, name, value) => page.check(`[data-check=${name}] input[value=${value}]`);
const CHECKS = ['extremes', 'steps', 'corners', 'lines', 'letters', 'even', 'reflections'];

async function open(options) {
    const page = await at.openPage(browser, service.url, '/display', options);
    await page.locator('canvas.display-pattern').waitFor();
    return page;
}

for (const [language, width, height] of [['ja', 1280, 720], ['en', 2560, 1440], ['ja', 820, 1180], ['en', 820, 1180]]) {
    test(`the pattern is shown pixel for pixel, ${language}, ${width} x ${height}`, async () => {
        const page = await open({ language, width, height });
        const look = () => page.evaluate(() => {
            const canvas = document.querySelector('canvas.display-pattern');
            const box = canvas.getBoundingClientRect();
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const greys = new Set();
            for (let i = 0; i < data.length; i += 4) if (data[i] === data[i + 1] && data[i] === data[i + 2]) greys.add(data[i]);
            return { width: canvas.width, ratio: canvas.width / (box.width * devicePixelRatio), greys: greys.size, scrolls: document.body.scrollWidth > innerWidth };
        });
        const seen = await at.soon(look, (now) => now.greys === 256, 'a ramp over all levels');
        assert.equal(seen.ratio, 1);
        assert.equal(seen.scrolls, false);
        await at.soon(() => page.evaluate(() => document.documentElement.lang), language);
        assert.ok(!(await page.locator('.display').innerText()).includes('display.'), 'a text without words');
        await shot(page, `display-${language}-${width}`);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });
}

test('answers lead to a verdict with advice; the next visit knows of it', async () => {
    const page = await open({ language: 'en' });
    for (const name of CHECKS.slice(1)) await answer(page, name, 'yes');
    await at.soon(() => page.innerText('.display-verdict'), /One answer is missing/);
    await answer(page, 'extremes', 'no');
    await at.soon(() => page.innerText('.display-verdict.bad'), /dynamic contrast/);
    await answer(page, 'extremes', 'yes');
    await at.soon(() => page.innerText('.display-verdict.good'), /For reference in care/);
    await page.reload();
    await at.soon(() => page.innerText('.display-verdict.open'), /Last check .*nothing wrong/);
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});

test('arrow keys turn to even greys, which fill the board', async () => {
    const page = await open({ language: 'en' });
    const grey = () =>
        page.evaluate(() => {
            const canvas = document.querySelector('canvas.display-pattern');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return [...new Set(data.filter((_, i) => i % 4 === 0))];
        });
    await page.keyboard.press('ArrowRight');
    await at.soon(grey, [13]);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await at.soon(grey, [242]);
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});
