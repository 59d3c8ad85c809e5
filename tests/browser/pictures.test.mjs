// What only some pictures have, in a real browser: a VOI LUT in the menu of windows, letters of a projection, what compression took away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { bytesFile, grey, makeObject, sequence, stackOf, words } from '../lib/objects.mjs';
import { Service } from '../lib/service.mjs';

const SIDE = 64;
let service, browser;
const objects = {};

const ramp = words(Array.from({ length: SIDE * SIDE }, (_, i) => ((i % SIDE) * 60) & 0xfff));
const falling = words(Array.from({ length: 3800 }, (_, i) => 255 - Math.floor(i / 15)));
const image = (lines) => [...lines, ...grey({ rows: SIDE, columns: SIDE }), '(0028,1050) DS [2000]', '(0028,1051) DS [4000]'];
const pixels = `(7fe0,0010) OW =${bytesFile(ramp)}`;

before(async () => {
    objects.tables = await makeObject([
        ...image([]),
        ...sequence('(0028,3010)', [['(0028,3002) US 3800\\0\\8', '(0028,3003) LO [STEEP]', `(0028,3006) OW =${bytesFile(falling)}`]]),
        pixels,
    ]);
    objects.chest = await makeObject(
        [...image(['(0020,0020) CS [L\\F]']), '(0028,2110) CS [01]', '(0028,2112) DS [12]', pixels],
        { modality: 'DX' },
    );
    objects.bare = await makeObject([...image([]), pixels], { modality: 'DX' });
    service = await Service.start({ files: Object.values(objects).map(({ file }) => file) });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

async function open(object) {
    const { stack } = await stackOf(service, object.uid);
    const page = await at.openPage(browser, service.url, `/studies/${stack.study}`);
    await at.pictureReady(page, 1);
    await page.click('[data-language=en]');
    await at.eventually(page, 'the page', () => document.documentElement.lang === 'en');
    await at.pictureReady(page, 1);
    return page;
}
const edges = (page) =>
    page.evaluate(() => ['left', 'right', 'top', 'bottom'].map((side) => document.querySelector(`.edge.at-${side}`).textContent).join(' '));

test('a VOI LUT is picked from the menu by its name, and 0 goes back', async () => {
    const page = await open(objects.tables);
    await at.soon(() => at.corner(page, 'bottom left'), /C 2,?000 +W 4,?000/);
    await page.click('.toolbar .tool.wide');
    await page.click('.menu-item:has-text("STEEP")');
    await at.eventually(page, 'the table', () => /VOI LUT STEEP/.test(document.querySelector('.corner.bottom.left').innerText));
    await at.pictureReady(page, 1);
    const asked = await page.evaluate(() => performance.getEntriesByType('resource').filter((one) => /[?&]lut=0&/.test(one.name)).length);
    assert.equal(asked, 1);
    await page.keyboard.press('0');
    await at.eventually(page, 'the own window', () => /C 2,?000/.test(document.querySelector('.corner.bottom.left').innerText));
    assert.deepEqual(page.troubles, []);
});

test('Patient Orientation gives a projection its letters, and they turn with it', async () => {
    const page = await open(objects.chest);
    await at.soon(() => edges(page), 'R L H F');
    await page.keyboard.press('h');
    await at.eventually(page, 'the flip', () => document.querySelector('.edge.at-right').textContent === 'R');
    await at.soon(() => edges(page), 'L R H F');
    await at.soon(() => at.corner(page, 'bottom left'), /Lossy source 12:1( +Lossy [\d.]+:1 \(JPEG q80\))?/);
});

test('without it nothing is said', async () => {
    const page = await open(objects.bare);
    await at.soon(() => edges(page), '   ');
});
