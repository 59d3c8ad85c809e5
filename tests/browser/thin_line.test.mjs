// The thin line in a real browser: the picture that is made here of stored values against the service's PNG of the same window, what is said of loss; small
// pictures first; a line that is cut with a study on the screen; what the page tells of its waits.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';
import { drag } from '../../viewer/web/window_level.js';

let service, browser, study, series, stack;

before(async () => {
    service = await Service.start({ files: ctFiles() });
    browser = await at.openBrowser();
    [study] = await service.studies();
    study = await service.json(`/api/studies/${study.id}`);
    series = study.series_list.find((one) => one.frames > 1);
    stack = await service.json(`/api/series/${series.id}/stack`);
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const middle = () => stack.slices.length >> 1;
const open = (options) => at.openPage(browser, service.url, `/studies/${study.id}?series=${series.id}&slice=${middle() + 1}`, { language: 'en', ...options });
const step = (page, name) => at.eventually(page, `a picture that is ${name}`, (wanted) => document.querySelector('.picture-area')?.dataset.step === wanted, name);

/** The service's picture of a window without JPEG in between, and ours on the canvas, pixel by pixel: {worst, mean, pixels}. */
function compare(page, index, window) {
    const slice = stack.slices[index];
    const object = stack.objects[slice.object];
    const query = `${window ? `window=${window.center},${window.width},linear&` : ''}accept=image/png`;
    const url = `/dicomweb/studies/${study.uid}/series/${series.uid}/instances/${object.sop_uid}/rendered?${query}`;
    return page.evaluate(
        async ([target, rows, columns]) => {
            const answer = await fetch(target);
            if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
            const picture = await createImageBitmap(await answer.blob(), { colorSpaceConversion: 'none' });
            const canvas = new OffscreenCanvas(columns, rows);
            const context = canvas.getContext('2d');
            context.drawImage(picture, 0, 0);
            const expected = context.getImageData(0, 0, columns, rows).data;
            const shown = document.querySelector('canvas.picture');
            const [left, top] = [Math.round((shown.width - columns) / 2), Math.round((shown.height - rows) / 2)];
            const got = shown.getContext('2d').getImageData(left, top, columns, rows).data;
            let [worst, sum] = [0, 0];
            for (let i = 0; i < expected.length; i += 4) {
                const off = Math.abs(expected[i] - got[i]);
                worst = Math.max(worst, off);
                sum += off;
            }
            return { worst, mean: sum / (rows * columns), width: picture.width };
        },
        [url, object.rows, object.columns],
    );
}

test('at rest the picture is made of the stored values: the same as the service\'s within a grey level, in each window, and not lossy', async () => {
    const page = await open({ width: 1600, height: 1200 });
    await step(page, 'exact');
    await page.keyboard.press('o'); // a pixel of the picture on each of the screen
    await at.pictureReady(page);
    for (const [key, window] of [['0', null], ['1', { center: 40, width: 400 }], ['2', { center: -600, width: 1500 }], ['4', { center: 400, width: 1800 }]]) {
        await page.keyboard.press(key);
        await at.pictureReady(page);
        await step(page, 'exact');
        const found = await at.soon(() => compare(page, middle(), window), (now) => now.worst <= 1, `key ${key}: not within a grey level`);
        assert.equal(found.width, stack.objects[stack.slices[middle()].object].columns);
        await at.soon(() => page.textContent('.lossy'), (words) => !words.includes('JPEG'));
    }
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('while it is not exact it says that it is lossy', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const route = (page) => page.route('**/lossless', (one) => held.then(() => one.continue()));
    const page = await open({ route });
    await step(page, 'full');
    await at.soon(() => page.textContent('.lossy'), /JPEG q80/);
    release();
    await step(page, 'exact');
    await at.soon(() => page.textContent('.lossy'), (words) => !words.includes('JPEG'));
    await at.closePage(page);
});

test('with the stored values here no window is asked of the service, not even while it is dragged', async () => {
    const page = await open();
    await step(page, 'exact');
    const slice = stack.slices[middle()];
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    const box = await page.locator('.picture-area').boundingBox();
    await page.keyboard.press('w');
    await page.mouse.move(box.x + 300, box.y + 300);
    await page.mouse.down();
    await page.mouse.move(box.x + 380, box.y + 260, { steps: 20 });
    await at.eventually(page, 'the picture follows', () => document.querySelector('.picture-area').dataset.step === 'exact');
    await page.mouse.up();
    await at.pictureReady(page);
    assert.deepEqual(asked.filter((url) => url.includes(`/${stack.objects[slice.object].id}-${slice.frame}/0/`) && !url.includes('batch')), []);
    await at.soon(() => page.getAttribute('.picture-area', 'data-step'), 'exact');
    await at.closePage(page);
});

/** In the page: the pointer goes by these steps from the middle of the picture, a frame or more for each; what the canvas shows meanwhile, and how it is
 *  filtered. A hand does not wait for a test: it is done in one go. */
const dragBy = (page, steps) =>
    page.evaluate(async (places) => {
        const area = document.querySelector('.picture-area');
        const canvas = area.querySelector('canvas.picture');
        const box = area.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        const press = (type, [dx, dy]) => area.dispatchEvent(new PointerEvent(type, { clientX: x + dx, clientY: y + dy, pointerId: 1, pointerType: 'mouse', button: 0, buttons: 1, bubbles: true, cancelable: true }));
        const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        area.setPointerCapture = () => {}; // of a pointer that no browser knows
        const found = [];
        press('pointerdown', [0, 0]);
        for (const place of places) {
            press('pointermove', place);
            await frame();
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let [sum, mix, lit] = [0, 0, 0];
            for (let i = 0; i < data.length; i += 4) {
                sum += data[i];
                mix = (Math.imul(mix, 31) + data[i]) | 0;
                lit += data[i] > 0 ? 1 : 0;
            }
            found.push({ sum, mix, lit, filter: canvas.style.filter, state: area.dataset.state });
        }
        return found;
    }, steps);

/** The greys of the canvas are remembered in the page; the most that one of them is off from those remembered before, null for the first time. */
const worstSince = (page) =>
    page.evaluate(() => {
        const canvas = document.querySelector('canvas.picture');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const before = globalThis.greysBefore;
        globalThis.greysBefore = data;
        if (!before) return null;
        let worst = 0;
        for (let i = 0; i < data.length; i += 4) worst = Math.max(worst, Math.abs(data[i] - before[i]));
        return worst;
    });

const SPIRAL = Array.from({ length: 40 }, (_, i) => [3 * i + 5, 60 * Math.sin(i / 6)]);

for (const stored of [true, false]) {
    test(`a window that is dragged is on the screen in every frame, made of ${stored ? 'stored values' : 'the JPEG'}; no frame is empty`, async () => {
        const route = stored ? undefined : (page) => page.route('**/lossless', (one) => one.abort());
        const page = await open({ route });
        await step(page, stored ? 'exact' : 'full');
        await at.eventually(page, 'the parts of the page', () => document.querySelector('.waits')?.textContent);
        await page.keyboard.press('w');
        const frames = await dragBy(page, SPIRAL);
        const moving = frames.slice(3); // the first of them makes ready
        const other = moving.filter(({ mix, filter }, i) => i > 0 && (mix !== moving[i - 1].mix || filter !== moving[i - 1].filter)).length;
        assert.ok(other >= 0.9 * (moving.length - 1), `${other} of ${moving.length} frames with another window`);
        assert.ok(frames.every(({ lit }) => lit > 1000), 'a picture in each frame');
        assert.ok(frames.every(({ state }) => state === 'ready'), frames.map(({ state }) => state).join(' '));
        if (stored) assert.ok(moving.filter(({ filter }) => filter === '').length >= 0.9 * moving.length, 'nothing is filtered');
        assert.deepEqual(page.troubles.filter((one) => stored || !one.includes('lossless')), []);
        await at.closePage(page);
    });
}

test('turned and mirrored, the window that is dragged is that of the picture at rest', async () => {
    const page = await open({ width: 1600, height: 1200 });
    await step(page, 'exact');
    await at.eventually(page, 'the parts of the page', () => document.querySelector('.waits')?.textContent);
    await page.keyboard.press('o');
    await page.keyboard.press('w');
    for (const turn of ['', 'r', 'h', 'r', 'v', 'r']) {
        if (turn) await page.keyboard.press(turn);
        await at.pictureReady(page);
        await worstSince(page);
        // Away and back: the same window, made the other way.
        const frames = await dragBy(page, [[40, 20], [60, 10], [30, 5], [0, 0]]);
        const off = await worstSince(page);
        assert.ok(off <= 1, `after "${turn}" a pixel of the drag is ${off} grey levels off`);
        assert.notEqual(frames[2].mix, frames[3].mix, 'the window was another one meanwhile');
        await page.evaluate(() => document.querySelector('.picture-area').dispatchEvent(new PointerEvent('pointerup', { pointerId: 1, pointerType: 'mouse', button: 0, bubbles: true })));
    }
    await at.closePage(page);
});

test('the exact picture follows when the hand rests, the button still held', async () => {
    const page = await open({ width: 1600, height: 1200 });
    await step(page, 'exact');
    await at.eventually(page, 'the parts of the page', () => document.querySelector('.waits')?.textContent);
    await page.keyboard.press('o');
    await page.keyboard.press('1'); // 40 / 400
    await page.keyboard.press('w');
    await dragBy(page, [[10, 0], [20, 10], [37, 23]]);
    const window = drag({ center: 40, width: 400 }, 37, 23);
    await at.eventually(page, 'the words of the window', (text) => document.querySelector('.corner.bottom.left').textContent.includes(text), String(window.width));
    const found = await compare(page, middle(), window);
    assert.ok(found.worst <= 1, `${found.worst} grey levels off, ${found.mean} in the mean`);
    await at.closePage(page);
});

/** A line of so many Mbit/s and ms, in Chromium's own emulation. */
async function thin(page, mbit, latency) {
    const client = await page.context().newCDPSession(page);
    await client.send('Network.enable');
    const rate = (mbit * 1e6) / 8;
    const set = (offline) => client.send('Network.emulateNetworkConditions', { offline, latency, downloadThroughput: rate, uploadThroughput: rate });
    await set(false);
    return { cut: () => set(true), mend: () => set(false) };
}

test('on a thin line small pictures of all slices come before the full ones, and no request asks for more than the line holds', async () => {
    const page = await at.openPage(browser, service.url, '/', { language: 'en', route: (one) => thin(one, 4, 40) }); // from the beginning: what the page itself took tells of the line
    await page.waitForSelector('main');
    const batches = [];
    page.on('request', (request) => {
        const found = /batch\?q=(\d+)&like=1&tiles=(.*)$/.exec(request.url());
        if (found) batches.push({ quality: Number(found[1]), tiles: decodeURIComponent(found[2]).split(',') });
    });
    await page.evaluate((id) => {
        history.pushState(null, '', `/studies/${id}`);
        dispatchEvent(new PopStateEvent('popstate'));
    }, study.id);
    await step(page, 'full');
    await until('full pictures are asked for', () => batches.some((one) => one.quality === 80));
    const small = batches.slice(0, batches.findIndex((one) => one.quality === 80));
    assert.ok(small.length > 0 && small.every((one) => one.quality === 50));
    assert.ok(new Set(small.flatMap((one) => one.tiles)).size >= stack.slices.length / 2, 'small ones of the stack first');
    assert.ok(batches.filter((one) => one.quality === 80).every((one) => one.tiles.length <= 8), 'full ones a few at a time');
    await at.closePage(page);
});

test('a line that is cut: what is here can be scrolled, what is not is said, and it goes on by itself', async () => {
    let line;
    const page = await open({ route: async (one) => (line = await thin(one, 4, 40)) }); // so thin that small pictures come first
    await at.wholeStack(page);
    await line.cut();
    for (const key of ['Home', 'PageDown', 'End']) {
        await page.keyboard.press(key);
        await at.pictureReady(page);
    }
    await page.keyboard.press('2'); // another window: that has to be asked for, of a slice without stored values here
    await page.waitForSelector('.line-trouble:not([hidden])');
    assert.notEqual(await page.getAttribute('.picture-area', 'data-slice'), '', 'the picture stays');
    await line.mend();
    await page.waitForSelector('.line-trouble', { state: 'hidden' });
    await at.pictureReady(page);
    await at.closePage(page);
});

test('the page tells how long its pictures took, and /metrics counts it', async () => {
    const count = async (name) => Number(new RegExp(`^kakehashi_reader_${name}_picture_seconds_count\\{site=""\\} (\\d+)$`, 'm').exec((await service.request('/metrics')).body.toString())?.[1] ?? 0);
    const [first, last] = [await count('first'), await count('last')];
    const page = await open();
    await at.pictureReady(page);
    await at.eventually(page, 'the words', () => /First picture \d+\.\d s\s+all \d+(\.\d)? s/.test(document.querySelector('.waits')?.textContent));
    await until('it is counted', async () => (await count('first')) === first + 1 && (await count('last')) === last + 1);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});
