// Presentation states of others on the screen: chosen from a list, applied as a whole to the images that they name, pixel by pixel; told, and left again. And
// overlays that are switched off for a window.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { faults } from '../lib/look.mjs';
import { bytesFile, grey, makeObject, sequence, words } from '../lib/objects.mjs';
import { Service } from '../lib/service.mjs';
import { makeState } from '../lib/states.mjs';

const [ROWS, COLUMNS] = [100, 200];
const patch = (x, y) => x < 40 && y < 30;
const hounsfield = (x, y) => (patch(x, y) ? 900 : x * 5 - 400);
const VALUES = Array.from({ length: ROWS * COLUMNS }, (_, i) => hounsfield(i % COLUMNS, Math.floor(i / COLUMNS)) + 1024);
const CT = ['(0028,1052) DS [-1024]', '(0028,1053) DS [1]', '(0028,1054) LO [HU]', '(0028,1050) DS [40]', '(0028,1051) DS [400]'];
const STUDY = '1.2.392.200036.9999.88.55.1';
const SERIES = '1.2.392.200036.9999.88.55.2';
const PLANE = Buffer.alloc((ROWS * COLUMNS) / 8);
for (let x = 0; x < COLUMNS; x += 2) PLANE[(50 * COLUMNS + x) >> 3] |= 1 << (x & 7);
for (let y = 40; y < 60; y++) for (let x = 100; x < 140; x++) PLANE[(y * COLUMNS + x) >> 3] |= 1 << (x & 7);

let browser;
let service;
let study;
let uids;

/** An image of the stack, at a place along it. */
const image = (number, lines = []) =>
    makeObject([...grey({ rows: ROWS, columns: COLUMNS }), ...CT, `(0020,000d) UI [${STUDY}]`, `(0020,000e) UI [${SERIES}]`, `(0020,0013) IS [${number}]`,
        `(0020,0032) DS [0\\0\\${number * 5}]`, '(0020,0037) DS [1\\0\\0\\0\\1\\0]', '(0028,0030) DS [1\\1]', ...lines, `(7fe0,0010) OW =${bytesFile(words(VALUES))}`]);
const named = (label, words_, creator) => [`(0070,0080) CS [${label}]`, `(0070,0081) LO [${words_}]`, `(0070,0084) PN [${creator}]`, '(0008,0070) LO [Another]', '(0008,0080) LO [City Hospital]', '(0070,0082) DA [20240315]', '(0070,0083) TM [101500]'];
const area = (first, last, mode = 'SCALE TO FIT', more = []) => sequence('(0070,005a)', [[`(0070,0052) SL ${first}`, `(0070,0053) SL ${last}`, `(0070,0100) CS [${mode}]`, '(0070,0102) IS [1\\1]', ...more]]);
const voi = (center, width) => sequence('(0028,3110)', [[`(0028,1050) DS [${center}]`, `(0028,1051) DS [${width}]`, '(0028,1056) CS [LINEAR_EXACT]']]);
const graphic = (type, data, units = 'PIXEL', filled = 'N') => [`(0070,0005) CS [${units}]`, '(0070,0020) US 2', `(0070,0021) US ${data.split('\\').length / 2}`, `(0070,0022) FL ${data}`, `(0070,0023) CS [${type}]`, `(0070,0024) CS [${filled}]`];
const layers = sequence('(0070,0060)', [
    ['(0070,0002) CS [TOP]', '(0070,0062) IS [2]', '(0070,0401) US 35000\\54000\\51000'],
    ['(0070,0002) CS [GROUND]', '(0070,0062) IS [1]', '(0070,0066) US 65535'],
]);
const drawings = sequence('(0070,0001)', [
    ['(0070,0002) CS [TOP]', ...sequence('(0070,0009)', [graphic('CIRCLE', '100\\50\\110\\50', 'PIXEL', 'Y'), graphic('POLYLINE', '0.1\\0.1\\0.9\\0.1', 'DISPLAY')])],
    ['(0070,0002) CS [GROUND]', ...sequence('(0070,0009)', [graphic('ELLIPSE', '80\\50\\120\\50\\100\\30\\100\\70', 'PIXEL', 'Y')]),
        ...sequence('(0070,0008)', [['(0070,0004) CS [PIXEL]', '(0070,0006) ST [the lesion]', '(0070,0014) FL 100\\80', '(0070,0015) CS [Y]']])],
]);

before(async () => {
    const images = [await image(1), await image(2), await image(3, ['(6000,0010) US 100', '(6000,0011) US 200', '(6000,0040) CS [G]', '(6000,0050) SS 1\\1', '(6000,0100) US 1', '(6000,0102) US 0', `(6000,3000) OB =${bytesFile(PLANE)}`])];
    uids = images.map(({ uid }) => uid);
    const [, middle] = images;
    const states = [
        // turned by 90 degrees, then left and right exchanged: columns run down, rows to the right
        await makeState(middle.file, [...named('TURNED', 'a part, turned', 'Suzuki^Hanako'), ...voi(100, 1000), ...area('51\\1', '150\\100'), '(0070,0042) US 90', '(0070,0041) CS [Y]', '(2050,0020) CS [INVERSE]', ...layers, ...drawings]),
        await makeState(middle.file, [...named('ROUND', 'shutter and factor', 'Sato^Ichiro'), ...voi(0, 2000), ...area('1\\1', '200\\100', 'MAGNIFY', ['(0070,0103) FL 2']), '(0018,1600) CS [CIRCULAR]', '(0018,1610) IS [50\\100]', '(0018,1612) IS [40]', '(0018,1622) US 0',
            ...sequence('(0028,6100)', [['(0028,6101) CS [NONE]']])]),
        await makeState(middle.file, [...named('BROKEN', 'a window of no width', 'Nobody'), ...voi(0, 0)]),
    ];
    service = await Service.start({ files: [...images.map(({ file }) => file), ...states] });
    browser = await at.openBrowser();
    [study] = await service.studies();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

async function open(options = {}) {
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, { language: 'en', ...options });
    await at.pictureReady(page, 2);
    await at.eventually(page, 'the commands', () => document.querySelector('[data-action="states"]:not(:disabled)'));
    return page;
}

async function choose(page, label) {
    await page.keyboard.press('Shift+V');
    await page.locator('.state-choice', { hasText: label }).click();
}

/** The grey on the screen at CSS pixels from the middle of the picture area. */
const greyAt = (page, dx, dy) =>
    page.evaluate(([x, y]) => {
        const canvas = document.querySelector('.picture');
        const ratio = canvas.width / canvas.clientWidth;
        const { data } = canvas.getContext('2d').getImageData(Math.round(canvas.width / 2 + x * ratio), Math.round(canvas.height / 2 + y * ratio), 1, 1);
        return data[3] === 0 ? -1 : data[1];
    }, [dx, dy]);
const grey255 = (hu, center, width) => Math.floor(255 * Math.min(1, Math.max(0, (hu - center) / width + 0.5)) + 0.5);
const near = (value, expected, within = 3) => Math.abs(value - expected) <= within;
const boxOf = (page) => page.locator('.picture-area').first().boundingBox();
const chip = (page) => page.locator('.state-chip').first();

describe('a state of others', () => {
    test('is applied as a whole: window, inversion, turn, flip, area, what is drawn; and told', async () => {
        const page = await open();
        await choose(page, 'TURNED');
        await at.soon(() => chip(page).textContent(), /^TURNED – a part, turned · Suzuki Hanako$/);
        const box = await boxOf(page);
        const scale = Math.min(box.width, box.height) / 100;
        // picture columns run down, rows to the right; (100, 50) is in the middle
        for (const [x, y] of [[60, 20], [140, 20], [75, 90], [125, 95], [60, 90]])
            await at.soon(() => greyAt(page, (y + 0.5 - 50) * scale, (x + 0.5 - 100) * scale), (value) => near(value, 255 - grey255(hounsfield(x, y), 100, 1000)), `${x}, ${y}`);
        await at.soon(() => page.locator('.corner.bottom.left').first().textContent(), /C 100 {2}W 1[, ]?000|100.*1,?000/);
        const order = await page.locator('.state-ink').evaluateAll((all) => all.map((one) => one.dataset.layer));
        assert.deepEqual(order, ['GROUND', 'TOP']);
        const placed = await page.locator('.state-line.circle').boundingBox();
        assert.ok(near(placed.x + placed.width / 2, box.x + box.width / 2, 1) && near(placed.width, 20 * scale, 3), JSON.stringify(placed));
        const line = await page.locator('.state-line.polyline').boundingBox();
        assert.ok(near(line.width, 0.8 * 100 * scale, 4) && near(line.y, box.y + box.height / 2 - 0.4 * 100 * scale, 4), JSON.stringify(line));
        const [r, g, b] = (await page.locator('.state-ink[data-layer="TOP"]').evaluate((one) => getComputedStyle(one).color)).match(/\d+/g).map(Number);
        assert.ok(r > 150 && g < 90 && b < 120, `${r} ${g} ${b}`);
        assert.deepEqual(await page.locator('.state-text tspan').allTextContents(), ['the lesion']);
        assert.deepEqual(page.troubles, []);
        if (process.env.KH_SHOTS) await page.screenshot({ path: `${process.env.KH_SHOTS}/state_turned.png` });
        await at.closePage(page);
    });

    test('left by its button, by the list or by reset: the picture lies as it did, in its own window', async () => {
        const page = await open();
        const box = await boxOf(page);
        const scale = Math.min(box.width / COLUMNS, box.height / ROWS);
        const plain = async () => {
            for (const [x, y] of [[20, 15], [60, 60], [84, 60], [100, 10]])
                await at.soon(() => greyAt(page, (x + 0.5 - 100) * scale, (y + 0.5 - 50) * scale), (value) => near(value, grey255(hounsfield(x, y), 39.5, 399), 4), `${x}, ${y}`);
            await at.soon(() => chip(page).isVisible(), false);
        };
        await plain();
        const ways = [
            () => page.locator('.state-off').click(),
            () => page.keyboard.press('Escape'),
            () => choose(page, 'None'),
        ];
        for (const leave of ways) {
            await choose(page, 'TURNED');
            await at.soon(() => greyAt(page, 0, 0), (value) => near(value, 255 - grey255(hounsfield(100, 50), 100, 1000), 6));
            await leave();
            await plain();
        }
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });

    test('other images of the series stay as they are; the window in the reader\'s hands stands in place of the state\'s', async () => {
        const page = await open();
        await choose(page, 'TURNED');
        await at.soon(() => greyAt(page, 0, 0), (value) => near(value, 255 - grey255(hounsfield(100, 50), 100, 1000), 6));
        await page.keyboard.press('ArrowUp');
        await at.pictureReady(page, 1);
        const box = await boxOf(page);
        const scale = Math.min(box.width / COLUMNS, box.height / ROWS);
        await at.soon(() => greyAt(page, (84.5 - 100) * scale, (60.5 - 50) * scale), (value) => near(value, grey255(hounsfield(84, 60), 39.5, 399), 4));
        await at.soon(() => chip(page).textContent(), /not for this picture/);
        assert.equal(await page.locator('.state-ink').first().isVisible(), false);
        await page.keyboard.press('ArrowDown');
        await at.pictureReady(page, 2);
        await at.soon(() => page.locator('.state-ink').first().isVisible(), true);
        const side = Math.min(box.width, box.height) / 100;
        await at.soon(() => greyAt(page, (90.5 - 50) * side, (60.5 - 100) * side), (value) => near(value, 255 - grey255(hounsfield(60, 90), 100, 1000)));
        await page.keyboard.press('Shift+N');
        await page.locator('dialog input[name="center"]').fill('0');
        await page.locator('dialog input[name="width"]').fill('2000');
        await page.keyboard.press('Enter');
        await at.soon(() => greyAt(page, (90.5 - 50) * side, (60.5 - 100) * side), (value) => near(value, 255 - grey255(hounsfield(60, 90), 0, 2000), 4));
        await page.keyboard.press('r');
        await at.soon(() => chip(page).isVisible(), true);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });

    test('a shutter, a factor of enlargement; what is not applied is said beside the name, what cannot be is not offered', async () => {
        const page = await open();
        await page.keyboard.press('Shift+V');
        const round = page.locator('.state-choice', { hasText: 'ROUND' });
        await at.soon(() => round.textContent(), /shutter and factor.*Sato Ichiro · City Hospital · .*2024.*Not applied: mask subtraction$/);
        const broken = page.locator('.state-choice', { hasText: 'BROKEN' });
        await at.soon(() => broken.textContent(), /Cannot be applied: SoftcopyVOILUTSequence/);
        assert.equal(await broken.isDisabled(), true);
        assert.equal(await page.locator('.state-choice[aria-checked=true]').textContent(), 'None: the picture as it was delivered');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowDown');
        await at.soon(() => page.evaluate(() => document.activeElement.textContent), /ROUND/);
        await page.keyboard.press('Enter');
        await at.soon(() => page.locator('.corner.bottom.left').first().textContent(), /Zoom 200%/);
        for (const [x, y, seen] of [[100, 50, true], [120, 60, true], [145, 50, false], [100, 95, false], [122, 68, true]])
            await at.soon(() => greyAt(page, (x + 0.5 - 100) * 2, (y + 0.5 - 50) * 2), (value) => near(value, seen ? grey255(hounsfield(x, y), 0, 2000) : 0, 6), `${x}, ${y}`);
        if (process.env.KH_SHOTS) {
            await page.keyboard.press('Shift+V');
            await at.soon(() => page.locator('.state-choice').count(), 4);
            await page.screenshot({ path: `${process.env.KH_SHOTS}/states_list.png` });
        }
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });

    test('by touch, in Japanese', async () => {
        const page = await open({ language: 'ja', touch: true, width: 1024, height: 768 });
        const button = page.locator('[data-action="states"]').first();
        if (!(await button.isVisible())) await page.locator('[data-menu="more"]').tap();
        await page.locator('[data-action="states"]:visible').first().tap();
        await at.soon(() => page.locator('.state-choice', { hasText: 'ROUND' }).textContent(), /適用されないもの：マスク減算$/);
        const { height } = await page.locator('.state-choice', { hasText: 'TURNED' }).boundingBox();
        assert.ok(height >= 44);
        await page.locator('.state-choice', { hasText: 'TURNED' }).tap();
        await at.soon(() => chip(page).isVisible(), true);
        if (process.env.KH_SHOTS) await page.screenshot({ path: `${process.env.KH_SHOTS}/states_ja.png` });
        await page.locator('.state-off').tap();
        await at.soon(() => chip(page).isVisible(), false);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });

    for (const size of [{ width: 1280, height: 720 }, { width: 2560, height: 1440 }, { width: 820, height: 1180, touch: true }]) {
        for (const language of ['en', 'ja']) {
            test(`to the eye: ${size.width} x ${size.height}, ${language}`, async () => {
                const page = await open({ ...size, language });
                const looks = (where) => at.soon(async () => ({ where, faults: await faults(page, { touch: size.touch, language: null }) }), { where, faults: [] });
                await page.keyboard.press('Shift+V');
                await page.locator('.state-choice', { hasText: 'ROUND' }).waitFor();
                await looks('the list');
                await page.keyboard.press('Escape');
                await choose(page, 'TURNED');
                await at.soon(() => chip(page).isVisible(), true);
                await looks('the picture');
                assert.deepEqual(page.troubles, []);
                await at.closePage(page);
            });
        }
    }

    test('stored values: the window is moved here, turned as the state says; marks of the state are not drawn twice', async () => {
        const page = await open();
        await at.soon(() => page.locator('.mark').count(), (count) => count > 0);
        await choose(page, 'TURNED');
        await at.soon(() => page.locator('.picture-area').getAttribute('data-step'), 'exact');
        await at.soon(() => page.locator('.mark').count(), 0);
        const box = await boxOf(page);
        const side = Math.min(box.width, box.height) / 100;
        const here = () => greyAt(page, (90.5 - 50) * side, (60.5 - 100) * side);
        await at.soon(here, (value) => near(value, 255 - grey255(hounsfield(60, 90), 100, 1000), 2));
        const asked = [];
        page.on('request', (request) => asked.push(request.url()));
        await page.keyboard.press('w');
        await page.mouse.move(box.x + 300, box.y + 300);
        await page.mouse.down();
        await page.mouse.move(box.x + 400, box.y + 300, { steps: 5 });
        await page.mouse.up();
        await at.soon(() => page.locator('.corner.bottom.left').first().textContent(), /W 1,?500/); // 100 pixels of 400, twice as much to the right
        await at.soon(here, (value) => near(value, 255 - grey255(hounsfield(60, 90), 100, 1500), 2));
        assert.deepEqual(asked.filter((url) => /state=/.test(url) && /c=/.test(url)), [], 'nothing is asked of the service');
        await page.keyboard.press('Escape');
        await at.soon(() => page.locator('.mark').count(), (count) => count > 0);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });
});

describe('overlays of the file', () => {
    test('are switched off and on for all pictures of the window, and stay so in it', async () => {
        const page = await open();
        await page.keyboard.press('ArrowDown');
        await at.pictureReady(page, 3);
        const box = await boxOf(page);
        const scale = Math.min(box.width / COLUMNS, box.height / ROWS);
        const inPlane = () => greyAt(page, (110.5 - 100) * scale, (45.5 - 50) * scale);
        const without = grey255(hounsfield(60, 45), 39.5, 399);
        const beside = () => greyAt(page, (60.5 - 100) * scale, (45.5 - 50) * scale);
        await at.soon(inPlane, (value) => value > 250);
        assert.ok(near(await beside(), without, 4));
        await page.keyboard.press('1'); // a window in which the value under the overlay is not white itself
        await at.soon(inPlane, (value) => value > 250);
        await page.keyboard.press('Shift+T');
        await at.soon(() => page.locator('[data-action="overlays"]').first().getAttribute('aria-pressed'), 'false');
        await page.keyboard.press('Shift+N');
        await page.locator('dialog input[name="center"]').fill('500');
        await page.locator('dialog input[name="width"]').fill('2000');
        await page.keyboard.press('Enter');
        await at.soon(inPlane, (value) => near(value, grey255(hounsfield(110, 45), 499.5, 1999), 4));
        await page.keyboard.press('Shift+T');
        await at.soon(inPlane, (value) => value > 250);
        await page.keyboard.press('Shift+T');
        await page.reload();
        await at.pictureReady(page);
        await at.soon(() => page.locator('[data-action="overlays"]').first().getAttribute('aria-pressed'), 'false');
        const other = await open();
        await at.soon(() => other.locator('[data-action="overlays"]').first().getAttribute('aria-pressed'), 'true');
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
        await at.closePage(other);
    });
});
