// Runs in a real browser: what a run tells of how it is played comes with the stack and is how it plays. The order of the frames is looked at, never the time.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { bytesFile, grey, makeObject, stackOf } from '../lib/objects.mjs';
import { dataDir, must, needsData, Service, until } from '../lib/service.mjs';

const ROWS = 48, COLUMNS = 64;
const REAL = dataDir ? ['multiframe/jpeg8bit.dcm', 'pydicom/examples_ybr_color.dcm', 'dcm4che/US-PAL-8-10x-echo'].map((name) => path.join(dataDir, name)) : [];
let service, browser;
const made = {};

/** A run whose frame n is of grey 10 + 20 n. lines: how it is played. */
function run(frames, lines, modality) {
    const pixels = Buffer.alloc(ROWS * COLUMNS * frames);
    for (let n = 0; n < frames; n++) pixels.fill(10 + 20 * n, ROWS * COLUMNS * n, ROWS * COLUMNS * (n + 1));
    const sopClass = modality === 'US' ? 'UltrasoundMultiframeImageStorage' : 'XRayAngiographicImageStorage';
    return makeObject([`(0008,0016) UI =${sopClass}`, '(0008,0020) DA [20260915]', `(0028,0008) IS [${frames}]`, ...lines, '(0028,1050) DS [128]', '(0028,1051) DS [256]', ...grey({ rows: ROWS, columns: COLUMNS, allocated: 8, stored: 8 }),
        `(7fe0,0010) OB =${bytesFile(pixels)}`], { modality });
}

before(async () => {
    made.vector = await run(6, ['(0028,0009) AT (0018,1065)', '(0018,1065) DS [0\\40\\80\\40\\80\\60]', '(0008,2142) IS [2]', '(0008,2143) IS [5]', '(0018,1244) US 1'], 'US');
    made.even = await run(5, ['(0028,0009) AT (0018,1063)', '(0018,1063) DS [50]', '(0018,1244) US 0'], 'XA');
    made.recommended = await run(3, ['(0008,2144) IS [10]', '(0018,0040) IS [30]', '(0018,1063) DS [33]'], 'XA');
    made.silent = await run(3, [], 'US');
    service = await Service.start({ files: [...Object.values(made).map(({ file }) => file), ...REAL] });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});
beforeEach(() =>
    until('settings as nobody chose any', async () => {
        const { version } = await service.json('/api/settings');
        const headers = { 'content-type': 'application/json', origin: service.url };
        return (await fetch(`${service.url}/api/settings`, { method: 'POST', headers, body: JSON.stringify({ version, settings: {} }) })).ok;
    }),
);

const about = async ({ uid }) => (await stackOf(service, uid)).object;

test('the stack tells times, trim and sequencing as the object has them', async () => {
    const vector = await about(made.vector);
    assert.deepEqual([vector.frame_times_ms, vector.frame_time_ms, vector.trim, vector.playback], [[0, 40, 80, 40, 80, 60], 60, [2, 5], 'swing']);
    const even = await about(made.even);
    assert.deepEqual([even.frame_times_ms, even.frame_time_ms, even.trim, even.playback], [undefined, 50, undefined, 'loop']);
    assert.equal((await about(made.recommended)).frame_time_ms, 100);
    assert.equal((await about(made.silent)).frame_time_ms, null);
});

test('of real runs the time is the one that DCMTK reads', { skip: needsData }, async () => {
    let runs = 0;
    for (const file of REAL) {
        const { out } = await must('dcmdump', ['-q', '+L', '+P', '0008,0018', '+P', '0018,1063', file]);
        const uid = /\(0008,0018\)[^[]*\[([^\]]*)\]/.exec(out)[1];
        const time = Number(/\(0018,1063\)[^[]*\[([^\]]*)\]/.exec(out)[1]);
        assert.ok(time > 0);
        assert.equal((await about({ uid })).frame_time_ms, time, file);
        runs++;
    }
    assert.equal(runs, REAL.length);
});

/** The page of a run, its bar there; what is on the screen is noted from now on. */
async function open({ uid }) {
    const { stack } = await stackOf(service, uid);
    const page = await at.openPage(browser, service.url, `/studies/${stack.study}`, { language: 'en' });
    await at.pictureReady(page);
    await page.locator('.cine-bar').waitFor();
    await page.evaluate(() => {
        const area = document.querySelector('.picture-area');
        globalThis.noted = [Number(area.dataset.slice)]; // it may be set once more as it is
        new MutationObserver(() => {
            if (area.dataset.slice && globalThis.noted.at(-1) !== Number(area.dataset.slice)) globalThis.noted.push(Number(area.dataset.slice));
        }).observe(area, { attributes: true, attributeFilter: ['data-slice'] });
    });
    return page;
}
/** The first `count` frames that come on the screen once it plays. */
async function played(page, count) {
    const from = await page.evaluate(() => globalThis.noted.length);
    await page.keyboard.press('Shift+c');
    await at.eventually(page, `${count} frames`, ([start, wanted]) => globalThis.noted.length >= start + wanted, [from, count]);
    await page.keyboard.press('Shift+c');
    return page.evaluate(([start, wanted]) => globalThis.noted.slice(start, start + wanted), [from, count]);
}
const pressed = (page, name) => page.getAttribute(`[data-cine=${name}]`, 'aria-pressed');
const rate = (page, wanted) => at.eventually(page, wanted, (text) => document.querySelector('.cine-rate').innerText.endsWith(text), wanted);

test('a run with a vector plays at its mean rate, within its trim, to and fro as it asks; no frame is left out', async () => {
    const page = await open(made.vector);
    await rate(page, '17 fps'); // 1000 / 60
    assert.equal(await pressed(page, 'swing'), 'true');
    // it opens in its middle, the fourth of six
    assert.deepEqual(await played(page, 10), [5, 4, 3, 2, 3, 4, 5, 4, 3, 2]);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a run that asks for nothing else goes round; to and fro, once, and another speed are the reader’s choice', async () => {
    const page = await open(made.even);
    await rate(page, '20 fps');
    assert.equal(await pressed(page, 'swing'), 'false');
    assert.deepEqual(await played(page, 7), [4, 5, 1, 2, 3, 4, 5]);
    await page.keyboard.press('Home');
    await at.pictureReady(page, 1);
    await page.click('[data-cine=swing]');
    await page.evaluate(() => {
        const slider = document.querySelector('.cine-bar input');
        slider.value = '40';
        slider.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await rate(page, '40 fps');
    await page.locator('.picture-area').focus();
    assert.deepEqual(await played(page, 9), [2, 3, 4, 5, 4, 3, 2, 1, 2]);
    await page.click('[data-cine=swing]');
    await page.click('[data-cine=loop]');
    await page.locator('.picture-area').focus();
    await page.keyboard.press('Home');
    await at.pictureReady(page, 1);
    await page.keyboard.press('Shift+c');
    await at.eventually(page, 'the end', () => document.querySelector('.picture-area').dataset.slice === '5' && document.querySelector('.toolbar [data-action=cine]').getAttribute('aria-pressed') === 'false');
    await at.closePage(page);
});

test('the rate that is recommended for display comes before the others; of a run that tells none it is ours', async () => {
    for (const [object, words] of [[made.recommended, '10 fps'], [made.silent, '12 fps']]) {
        const page = await open(object);
        await rate(page, words);
        assert.deepEqual(await played(page, 5), [3, 1, 2, 3, 1]);
        await at.closePage(page);
    }
});
