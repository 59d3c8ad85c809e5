// Several pictures in a real browser: tiles, series by drag, priors, hanging, what follows what, reference lines against planes that DCMTK reads from the
// files, cine, windows by number and region, and the views for others' eyes.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { dataDir, filesUnder, must, needsData, program, run, Service, temporaryFolder, until } from '../lib/service.mjs';

let service, browser, ct, earlier, spine;
const spineFiles = dataDir ? filesUnder(path.join(dataDir, 'mr-hitachi-spine')).filter((file) => !file.endsWith('DICOMDIR')) : [];

before(async () => {
    const folder = path.join(temporaryFolder('kh-layout'), 'phantom');
    await must(program, ['phantom', '--ct-slices', '30', '--earlier-slices', '20', '--mr-slices', '0', folder]);
    service = await Service.start({ files: [...filesUnder(folder), ...spineFiles] });
    browser = await at.openBrowser();
    const { studies } = await get('/api/studies?limit=50');
    const cts = studies.filter((one) => one.modalities.includes('CT')).sort((a, b) => (a.date < b.date ? 1 : -1));
    [ct, earlier] = await Promise.all(cts.map(({ id }) => get(`/api/studies/${id}`)));
    const mr = studies.find((one) => one.modalities.includes('MR'));
    spine = mr && (await get(`/api/studies/${mr.id}`));
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

/** What an earlier test chose is forgotten; a page that it closed may still be saving. */
beforeEach(() =>
    until('settings as nobody chose any', async () => {
        const { version } = await get('/api/settings');
        const headers = { 'content-type': 'application/json', origin: service.url };
        return (await fetch(`${service.url}/api/settings`, { method: 'POST', headers, body: JSON.stringify({ version, settings: {} }) })).ok;
    }),
);

const get = async (target) => (await fetch(service.url + target)).json();
const grid = (page) => page.getAttribute('.grid', 'data-layout');
const stackOf = (study) => study.series_list.reduce((most, one) => (one.frames > most.frames ? one : most));
/** A page whose parts are all there; the layout that it comes to by itself. */
async function open(study, { layout, query = '', ...options } = {}) {
    const page = await at.openPage(browser, service.url, `/studies/${study.id}${query}`, options);
    await at.pictureReady(page);
    await at.eventually(page, 'the parts', () => document.querySelector('[data-action="simple"]') && document.querySelectorAll('.toolbar .cine').length > 0);
    const hung = (wanted) => document.querySelector('.grid').dataset.layout === wanted && document.querySelectorAll('.picture-area').length === 2;
    if (layout) await at.eventually(page, layout, hung, layout);
    await allReady(page);
    return page;
}
const allReady = (page) => at.eventually(page, 'all pictures', () => [...document.querySelectorAll('.tile:not([hidden]) .picture-area')].every((area) => area.dataset.state === 'ready'));
const slices = (page) => page.evaluate(() => [...document.querySelectorAll('.picture-area')].map((area) => Number(area.dataset.slice)));
const tile = (page, n) => page.locator('.tile').nth(n);
async function middleOf(locator) {
    const box = await locator.boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
}
async function pointerDrag(page, from, to) {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move((from[0] + to[0]) / 2, (from[1] + to[1]) / 2, { steps: 3 });
    await page.mouse.move(...to, { steps: 3 });
    await page.mouse.up();
}

test('a CT hangs beside its prior, each told whose it is; the prior’s series are in the strip', async () => {
    const page = await open(ct, { layout: '1x2', language: 'en' });
    const heads = await at.soon(() => page.locator('.tile-name').allTextContents(), (all) => all.length === 2 && all.every((one) => one !== ''));
    assert.match(heads[0], /^This study: 2026-09-15/);
    assert.match(heads[1], /^Prior: 2026-01-16 +8 months earlier/);
    await at.soon(() => page.locator('.strip-study.prior').count(), 1);
    await at.soon(() => page.locator(`.thumb[data-series="${stackOf(earlier).id}"][aria-current=true]`).count(), 1);
    assert.deepEqual(page.troubles, []);
    await at.shot(page, 'layout-en-prior');
    await at.closePage(page);
});

test('tiles: a menu makes them, a series is dragged into one, a double click makes one large and back, keys go to the active one', async () => {
    const page = await open(ct, { layout: '1x2' });
    await page.click('[data-menu=layout]');
    await at.shot(page, 'layout-ja-menu');
    await page.click('[data-action="layout.2x2"]');
    await at.eventually(page, 'two by two', () => document.querySelectorAll('.tile').length === 4);
    await pointerDrag(page, await middleOf(page.locator(`.thumb[data-series="${stackOf(ct).id}"]`)), await middleOf(tile(page, 3)));
    await at.eventually(page, 'the picture in the fourth tile', () => document.querySelectorAll('.tile')[3].querySelector('.picture-area')?.dataset.state === 'ready');
    await at.soon(() => tile(page, 3).evaluate((one) => one.classList.contains('active')), true);
    await allReady(page);
    const before = await tile(page, 0).locator('.picture-area').getAttribute('data-slice');
    await page.keyboard.press('Shift+s'); // nothing follows
    await page.keyboard.press('Home');
    await at.eventually(page, 'the first slice', () => document.querySelectorAll('.tile')[3].querySelector('.picture-area').dataset.slice === '1');
    await at.soon(() => tile(page, 0).locator('.picture-area').getAttribute('data-slice'), before);
    await page.mouse.dblclick(...(await middleOf(tile(page, 3))));
    await at.soon(() => grid(page), 'maximised');
    await at.soon(() => page.locator('.tile:visible').count(), 1);
    await page.mouse.dblclick(...(await middleOf(tile(page, 3))));
    await at.soon(() => grid(page), '2x2');
    await at.closePage(page);
});

test('a layout is in the address: a reload comes back to its tiles, series and slices', async () => {
    const page = await open(ct, { layout: '1x2' });
    await page.keyboard.press('Shift+s');
    await page.keyboard.press('Home');
    await at.eventually(page, 'the address', () => /layout=1x2&tiles=\d+\.\d+\.1_\d+\.\d+\.\d+/.test(location.search));
    const before = await slices(page);
    await page.reload();
    await at.eventually(page, 'both', () => document.querySelectorAll('.picture-area[data-state=ready]').length === 2);
    await at.soon(() => slices(page), before);
    await at.soon(() => grid(page), '1x2');
    await at.closePage(page);
});

test('a prior follows when a hand has linked it, by millimetres; that is kept', async () => {
    const page = await open(ct, { layout: '1x2', language: 'en' });
    const spaces = await Promise.all([ct, earlier].map(async (study) => (await get(`/api/series/${stackOf(study).id}/stack`)).objects[0].frame_of_reference));
    assert.notEqual(spaces[0], spaces[1], 'two examinations are two spaces');
    const stacks = await Promise.all([ct, earlier].map((study) => get(`/api/series/${stackOf(study).id}/stack`)));
    const first = await slices(page);
    const first0 = (wanted) => at.eventually(page, `slice ${wanted}`, (n) => document.querySelector('.picture-area').dataset.slice === String(n), wanted);
    await page.keyboard.press('ArrowDown');
    await first0(first[0] + 1);
    await at.soon(() => slices(page), [first[0] + 1, first[1]], 'not before it is linked');
    await page.keyboard.press('ArrowUp');
    await first0(first[0]);
    await page.keyboard.press('Shift+k');
    const depth = (stack, index) => stack.slices[index - 1].position[2];
    for (let n = 0; n < 4; n++) await page.keyboard.press('ArrowDown');
    await first0(first[0] + 4);
    await allReady(page);
    const wanted = depth(stacks[0], first[0] + 4) + depth(stacks[1], first[1]) - depth(stacks[0], first[0]);
    const nearest = stacks[1].slices.map((_, index) => Math.abs(depth(stacks[1], index + 1) - wanted));
    await at.soon(() => slices(page), [first[0] + 4, nearest.indexOf(Math.min(...nearest)) + 1]);
    await at.soon(() => tile(page, 1).locator('.tile-link').innerText(), /linked by hand|no slice/);
    await at.closePage(page);
});

/** (0020,0032), (0020,0037), (0028,0030) of each file of a series, by SOP Instance UID, as DCMTK reads them. */
async function planesByDcmtk(files) {
    const planes = {};
    for (const file of files) {
        const { out } = await run('dcmdump', ['-q', '+L', '+P', '0008,0018', '+P', '0020,0032', '+P', '0020,0037', '+P', '0028,0030', file]);
        const value = (tag) => new RegExp(`\\(${tag}\\)[^\\[]*\\[([^\\]]*)\\]`).exec(out)?.[1];
        const numbers = (tag) => value(tag)?.split('\\').map(Number);
        if (value('0008,0018')) planes[value('0008,0018').trim()] = { position: numbers('0020,0032'), orientation: numbers('0020,0037'), spacing: numbers('0028,0030') };
    }
    return planes;
}

test('reference lines of a spine lie where the planes cut, as DCMTK reads them from the files', { skip: needsData }, async () => {
    const page = await open(spine, { layout: '1x2', language: 'en' });
    const planes = await planesByDcmtk(spineFiles);
    const stackFor = async (series) => get(`/api/series/${series}/stack`);
    const series = await page.locator('.thumb[aria-current=true]').evaluateAll((all) => all.map((one) => Number(one.dataset.series)));
    const [sagittal, axial] = await Promise.all(series.map(stackFor));
    const middle = Math.floor(sagittal.slices.length / 2);
    const plane = planes[sagittal.objects[sagittal.slices[middle].object].sop_uid];
    assert.ok(Math.abs(plane.orientation[0]) < 0.5, 'the first tile is sagittal');
    const sop = await page.evaluate(() => Number(document.querySelectorAll('.picture-area')[1].dataset.slice) - 1);
    // slices of several directions may be shown in another order than the list's: the place is found by what is shown
    const layer = page.locator('.tile').nth(1).locator('.reference');
    await at.soon(() => layer.getAttribute('data-line'), 'yes');
    const ends = await layer.locator('line.over').first().evaluate((one) => ['x1', 'y1', 'x2', 'y2'].map((name) => Number(one.getAttribute(name))));
    const zoom = Number(/(\d+)%/.exec(await tile(page, 1).locator('.corner.bottom.left').innerText())[1]) / 100;
    assert.ok(sop >= 0 && zoom > 0);
    const normal = ([a, b, c, d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
    const dot = (p, q) => p.reduce((sum, value, i) => sum + value * q[i], 0);
    const n = normal(plane.orientation);
    // every point of the line, taken back into the patient by the axial slice's own attributes, lies in the sagittal plane
    const box = await tile(page, 1).locator('.picture-area').boundingBox();
    const found = axial.slices.some((slice) => {
        const other = planes[axial.objects[slice.object].sop_uid];
        const object = axial.objects[slice.object];
        const scale = Math.min(box.width / object.columns, box.height / object.rows);
        return [0, 2].every((at) => {
            const x = (ends[at] - box.width / 2) / scale + object.columns / 2 - 0.5;
            const y = (ends[at + 1] - box.height / 2) / scale + object.rows / 2 - 0.5;
            const point = other.position.map((value, i) => value + x * other.spacing[1] * other.orientation[i] + y * other.spacing[0] * other.orientation[i + 3]);
            return Math.abs(dot(n, point.map((value, i) => value - plane.position[i]))) < 0.5;
        });
    });
    assert.ok(found, `the line ${ends} is in no axial slice where the sagittal one is`);
    await at.shot(page, 'layout-en-lines');
    await page.keyboard.press('Shift+x');
    await at.eventually(page, 'no line', () => document.querySelectorAll('.reference[data-line=yes]').length === 0);
    await page.keyboard.press('Shift+x');
    await at.closePage(page);
});

test('Shift and a click bring the same point of the patient to all tiles of one space, and to no other', { skip: needsData }, async () => {
    const page = await open(spine, { layout: '1x2', language: 'en' });
    const box = await tile(page, 0).locator('.picture-area').boundingBox();
    await page.keyboard.down('Shift');
    await page.mouse.click(box.x + box.width * 0.55, box.y + box.height / 2);
    await page.keyboard.up('Shift');
    await at.eventually(page, 'crosses', () => document.querySelectorAll('.reference[data-cross=yes]').length === 2);
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, 100);
    await at.eventually(page, 'no crosses', () => document.querySelectorAll('.reference[data-cross=yes]').length === 0);
    await at.closePage(page);
    const two = await open(ct, { layout: '1x2' });
    const area = await tile(two, 0).locator('.picture-area').boundingBox();
    await two.keyboard.down('Shift');
    await two.mouse.click(area.x + area.width / 2, area.y + area.height / 2);
    await two.keyboard.up('Shift');
    await at.eventually(two, 'a cross where it was pressed only', () => document.querySelectorAll('.reference[data-cross=yes]').length === 1);
    await at.closePage(two);
});

const one = () => `?series=${stackOf(ct).id}&slice=15`;
const windowText = (page) => at.corner(page, 'bottom left');

test('cine plays and stops, to and fro; the slice moves by itself', async () => {
    const page = await open(ct, { query: one() });
    await page.keyboard.press('Shift+c');
    await at.eventually(page, 'it plays', () => Number(document.querySelector('.picture-area').dataset.slice) > 17);
    await at.shot(page, 'layout-ja-cine');
    await page.keyboard.press('Shift+c');
    await at.soon(() => page.getAttribute('.toolbar [data-action=cine]', 'aria-pressed'), 'false');
    await allReady(page);
    const stopped = await slices(page);
    await page.waitForTimeout(300);
    assert.deepEqual(await slices(page), stopped);
    await at.closePage(page);
});

test('a window by numbers, by a region of stored values, and presets that stay', async () => {
    const page = await open(ct, { query: one(), language: 'en' });
    await page.keyboard.press('Shift+n');
    await page.fill('.small-dialog [name=center]', '-500');
    await page.fill('.small-dialog [name=width]', '1400');
    await at.shot(page, 'layout-en-numbers');
    await page.keyboard.press('Enter');
    await at.eventually(page, 'the window', () => /C -500 +W 1,?400/.test(document.querySelector('.corner.bottom.left').innerText));
    await page.keyboard.press('Shift+w');
    const [x, y] = await middleOf(page.locator('.picture-area'));
    const answered = page.waitForResponse(/\/values\?kind=rectangle/);
    await pointerDrag(page, [x - 40, y - 30], [x + 40, y + 30]);
    const { mean } = await (await answered).json();
    await at.eventually(page, 'the window of the region', (wanted) => Math.abs(Number(/C (-?[\d.,]+)/.exec(document.querySelector('.corner.bottom.left').innerText)[1].replace(',', '')) - wanted) <= 1, mean);
    await page.click('.preset button[aria-haspopup]');
    await page.click('.menu [data-action=editPresets]');
    await page.fill('.preset-row:nth-child(1) input[type=text]', 'Mine');
    await page.fill('.preset-row:nth-child(1) input:nth-of-type(2)', '77');
    await at.shot(page, 'layout-en-presets');
    await page.click('.small-form-end .primary');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await at.pictureReady(page);
    await page.keyboard.press('1');
    await at.eventually(page, 'the preset', () => /C 77 +W 400/.test(document.querySelector('.corner.bottom.left').innerText));
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('true size follows the screen that was measured; the magnifier shows what is under the pointer', async () => {
    const page = await open(ct, { query: one() });
    const stack = await get(`/api/series/${stackOf(ct).id}/stack`);
    await page.keyboard.press('Shift+o');
    await page.fill('.small-dialog [name=card]', '428'); // 5 pixels a millimetre
    await at.shot(page, 'layout-ja-calibrate');
    await page.click('.small-form-end .primary');
    await at.pictureReady(page);
    const percent = async () => Number(/(\d+)%/.exec(await windowText(page))[1]);
    await at.soon(percent, (value) => Math.abs(value - 500 * stack.slices[0].spacing[1]) <= 1);
    await page.keyboard.press('f');
    await page.keyboard.press('Shift+g');
    await page.mouse.move(...(await middleOf(page.locator('.picture-area'))));
    await at.eventually(page, 'the glass', () => {
        const canvas = document.querySelector('.magnifier');
        return !canvas.hidden && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value, i) => i % 4 === 0 && value > 40);
    });
    await at.shot(page, 'layout-ja-magnifier');
    await at.closePage(page);
});

test('names are hidden, and what is shown to the patient is the picture and its slider only', async () => {
    const page = await open(ct, { query: one() });
    await page.keyboard.press('Shift+h');
    await at.soon(() => page.locator('.corner.top.left div').first().isVisible(), false);
    await at.soon(() => page.locator('.person').isVisible(), false);
    await at.shot(page, 'layout-ja-names');
    await page.keyboard.press('Shift+h');
    await at.soon(() => page.locator('.person').isVisible(), true);
    await page.keyboard.press('Shift+p');
    for (const part of ['.toolbar', '.strip', '.app-header', '.corner.top.left']) await at.soon(() => page.locator(part).isVisible(), false, part);
    await at.soon(() => page.locator('.slider').isVisible(), true);
    await allReady(page);
    // where it is from and that it is lossy is said there, too, small, and nothing else of the study
    const source = page.locator('.corner.top.right div');
    await at.soon(() => source.first().isVisible(), true);
    await at.soon(() => source.nth(1).isVisible(), false);
    assert.ok((await source.first().innerText()).trim().length > 0);
    await at.soon(() => page.locator('.corner.bottom.left div').first().isVisible(), false);
    const lossy = page.locator('.tile .lossy').first();
    await at.soon(async () => (await lossy.innerText()) === '' || (await lossy.isVisible()), true);
    const [words, out] = [await source.first().boundingBox(), await page.locator('.simple-out').boundingBox()];
    assert.ok(words.height < 24 && words.y < 60 && out.y > 300, 'not in the way');
    await at.shot(page, 'layout-ja-simple');
    await page.keyboard.press('Escape');
    await at.soon(() => page.locator('.toolbar').isVisible(), true);
    await at.closePage(page);
});

test('a second window of the browser scrolls along', async () => {
    const page = await open(ct, { query: one() });
    const popup = page.waitForEvent('popup');
    await page.keyboard.press('Shift+d');
    const second = await popup;
    await at.pictureReady(second);
    await at.eventually(second, 'its parts', () => document.querySelector('[data-action="simple"]'));
    await page.keyboard.press('Home');
    await at.eventually(second, 'the same slice', () => document.querySelector('.picture-area').dataset.slice === '1');
    await at.closePage(page);
});

/** Events are delivered by the test: in place of the worker that shares the service's stream. */
const ownEvents = (page) =>
    page.addInitScript(() => {
        globalThis.SharedWorker = class extends EventTarget {
            constructor() {
                super();
                this.port = Object.assign(new EventTarget(), { start() {}, close() {}, postMessage: () => {} });
                globalThis.deliver = (kind, data) => this.port.dispatchEvent(new MessageEvent('message', { data: { kind, data } }));
                setTimeout(() => this.port.dispatchEvent(new MessageEvent('message', { data: 'here' })), 0);
            }
        };
    });
const blank = (page) => page.evaluate(() => [...document.querySelectorAll('canvas.picture')].every((canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.every((value) => value === 0)));

test('a prior that is shut leaves the screen, the study stays; when the study is shut nothing stays [AZ-23]', async () => {
    const page = await open(ct, { layout: '1x2', language: 'en', route: ownEvents });
    await page.evaluate((id) => globalThis.deliver('closed', { study: id }), earlier.id);
    await at.eventually(page, 'one picture', () => document.querySelectorAll('.picture-area').length === 1);
    await at.soon(() => tile(page, 1).innerText(), /No longer open to you/);
    await at.soon(() => page.locator('.strip-study.prior').count(), 0);
    await at.pictureReady(page);
    await page.evaluate((id) => globalThis.deliver('closed', { study: id }), ct.id);
    await at.eventually(page, 'no picture', () => document.querySelectorAll('.picture-area').length === 0);
    assert.equal(await page.locator('.thumb').count(), 0);
    await at.soon(() => page.locator('.viewer-message').innerText(), /no longer open/);
    assert.ok(!(await page.locator('body').innerText()).includes('Kakuu'));
    await at.closePage(page);
});

test('a locked screen has no picture in any tile, and unlocked all are back', async () => {
    const session = (more) => ({ accounts: true, signed_in: true, locked: false, token: 't', idle_s: 900, locks_in_s: 900, ends_in_s: 36000, person: { login: 'd', name: 'Doctor', role: 'doctor', facility: { code: 'c', name: 'Clinic' } }, ...more });
    const page = await open(ct, {
        layout: '1x2',
        route: async (one) => {
            await ownEvents(one);
            await one.route(/\/api\/session$/, (route) => route.fulfill({ json: session() }));
            await one.route(/\/api\/session\/(alive|unlock)$/, (route) => route.fulfill({ json: session() }));
            await one.route(/\/api\/studies\/\d+$/, (route) => (one.locked ? route.fulfill({ status: 401, json: { error: 'locked', message: 'locked' } }) : route.continue()));
        },
    });
    page.locked = true;
    await page.evaluate((id) => globalThis.deliver('study', { study: id }), ct.id); // the page asks, and hears that it is locked
    await page.waitForSelector('.lock:not([hidden])');
    assert.equal(await blank(page), true);
    page.locked = false;
    await page.fill('.lock input', 'password');
    await page.click('.lock .primary');
    await page.waitForSelector('.lock', { state: 'hidden' });
    await allReady(page);
    await at.soon(() => blank(page), false);
    await at.closePage(page);
});

test('a tablet: everything fits, buttons are large enough, what has no room is in the menu at the end', async () => {
    for (const language of ['ja', 'en']) {
        const page = await open(ct, { layout: '1x2', width: 820, height: 1180, touch: true, language });
        const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        await at.soon(wide, (pixels) => pixels <= 0, 'the page is too wide');
        const past = () => page.evaluate(() => { const bar = document.querySelector('.toolbar'); return bar.scrollWidth - bar.clientWidth; });
        await at.soon(past, (pixels) => pixels <= 0, 'the toolbar is too wide');
        await page.click('[data-menu=more]');
        await at.soon(() => page.locator('.more .menu-item').count(), (count) => count > 3);
        await at.shot(page, `layout-${language}-820`);
        await at.closePage(page);
    }
});
