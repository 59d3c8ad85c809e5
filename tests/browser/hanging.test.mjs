// Studies of each kind hang in a real browser as the rules say: mammograms face each other, PET beside CT, runs of ultrasound, two projections; series that come
// while somebody reads hang in places that are free; what a person has saved hangs again, also with a prior of another hospital; tiles that turn together.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { bytesFile, grey, makeObject, stackOf, words } from '../lib/objects.mjs';
import { dataDir, must, needsData, Service, storescu, until } from '../lib/service.mjs';

const SIDE = 32;
const UID = `1.2.392.200036.9999.87.${process.pid}`;
const PICTURES = {};
const REAL = dataDir ? ['fo-dicom/GH133.dcm', 'highdicom/dx_image.dcm', 'pydicom-data/RG1_J2KI.dcm', 'pydicom/dicomdirtests/77654033/CR1/6154'].map((name) => path.join(dataDir, name)) : [];
let service, browser;
let series = 0;

/** Grey rising to the right and, by half, downwards: turned or mirrored it is another picture. */
function ramp(frames = 1) {
    PICTURES[frames] ??= bytesFile(words(Array.from({ length: SIDE * SIDE * frames }, (_, at) => 40 * (at % SIDE) + 20 * (Math.floor(at / SIDE) % SIDE))));
    return PICTURES[frames];
}

/** Files of a series. study: its number; lines: of every object; slices: with a place in the patient. */
async function makeSeries(study, modality, description, { lines = [], slices = 0, frames = 1, date = '20260915', sopClass = 'CTImageStorage', hospital = 'Kita Hospital', about = '' } = {}) {
    const uid = `${UID}.${study}.${++series}`;
    const files = [];
    for (let n = 0; n < Math.max(1, slices); n++) {
        const place = slices > 0 ? [`(0020,0032) DS [0\\0\\${5 * n}]`, '(0020,0037) DS [1\\0\\0\\0\\1\\0]', `(0020,0052) UI [${UID}.${study}.99]`, '(0028,0030) DS [1\\1]', '(0018,0050) DS [5]'] : [];
        const many = frames > 1 ? [`(0028,0008) IS [${frames}]`, '(0018,1063) DS [50]'] : [];
        const { file } = await makeObject([`(0008,0016) UI =${sopClass}`, `(0008,0020) DA [${date}]`, '(0008,0030) TM [101500]', `(0008,0080) LO [${hospital}]`, `(0008,1030) LO [${about}]`, `(0008,103e) LO [${description}]`,
            '(0010,0010) PN [Hanging^Test]', '(0010,0020) LO [HANG-1]', `(0020,000d) UI [${UID}.${study}]`, `(0020,000e) UI [${uid}]`, `(0020,0011) IS [${series}]`, `(0020,0013) IS [${n + 1}]`, ...place, ...many, ...lines,
            '(0028,1050) DS [1000]', '(0028,1051) DS [2000]', ...grey({ rows: SIDE, columns: SIDE, stored: 12 }), `(7fe0,0010) OW =${ramp(frames)}`], { modality });
        files.push(file);
    }
    return files;
}
const brain = (study, description, more) => makeSeries(study, 'MR', description, { slices: 5, sopClass: 'MRImageStorage', about: 'Brain', ...more });
const send = async (...lists) => {
    const { code } = await storescu(service.dicomPort, lists.flat());
    assert.equal(code, 0);
};
const get = async (target) => (await fetch(service.url + target)).json();
const studyOf = (number) => until(`study ${number}`, async () => (await get('/api/studies?limit=100')).studies.find((one) => one.uid === `${UID}.${number}`));

before(async () => {
    service = await Service.start({ files: REAL, nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'city-hospital']] });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});
beforeEach(() =>
    until('settings as nobody chose any', async () => {
        const { version } = await get('/api/settings');
        const headers = { 'content-type': 'application/json', origin: service.url };
        return (await fetch(`${service.url}/api/settings`, { method: 'POST', headers, body: JSON.stringify({ version, settings: {} }) })).ok;
    }),
);

async function open(number, options = {}) {
    const study = await studyOf(number);
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, { language: 'en', ...options });
    await at.pictureReady(page);
    await at.eventually(page, 'the parts', () => document.querySelector('[data-action="simple"]'));
    return page;
}
/** Wait until the tiles show series of these descriptions, null for an empty one. */
async function hangs(page, number, layout, wanted) {
    const study = await studyOf(number);
    const seen = async () => {
        const { series_list: list } = await get(`/api/studies/${study.id}`);
        const names = new Map(list.map((one) => [one.id, one.description]));
        const place = await page.evaluate(() => ({ layout: document.querySelector('.grid').dataset.layout, search: location.search, ready: [...document.querySelectorAll('.tile .picture-area')].every((area) => area.dataset.state === 'ready') }));
        const tiles = /tiles=([^&]*)/.exec(place.search)?.[1].split('_') ?? [];
        return { layout: place.layout, ready: place.ready, names: tiles.map((one) => (one ? (names.get(Number(one.split('.')[0])) ?? 'another study') : null)) };
    };
    let last;
    await until(`${layout} ${wanted}`, async () => {
        last = await seen();
        return last.ready && last.layout === layout && JSON.stringify(last.names) === JSON.stringify(wanted);
    }, { seconds: 20, everyMs: 100 }).catch((error) => assert.fail(`${error.message}; there is ${JSON.stringify(last)}`));
}
const tile = (page, n) => page.locator('.tile').nth(n);
const letters = (page, n) => tile(page, n).locator('.edge').evaluateAll((all) => Object.fromEntries(all.map((one) => [one.dataset.edge, one.textContent])));
const lettersAre = (page, n, wanted) =>
    until(`letters of tile ${n}: ${JSON.stringify(wanted)}`, async () => {
        const found = await letters(page, n);
        return Object.entries(wanted).every(([side, text]) => found[side] === text);
    });

/** Where the picture of a tile lies on its canvas: columns that are drawn, of all. */
const extent = (page, n) =>
    tile(page, n).locator('canvas.picture').evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
        const drawn = [...Array(canvas.width).keys()].filter((x) => data[4 * x + 3] > 0);
        return { left: drawn[0], right: canvas.width - 1 - drawn.at(-1), width: drawn.length };
    });
/** Words of the corners of a tile that lie on its picture. */
const wordsOver = (page, n) =>
    tile(page, n).evaluate((element) => {
        const canvas = element.querySelector('canvas.picture');
        const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
        const drawn = [...Array(canvas.width).keys()].filter((x) => data[4 * x + 3] > 0);
        const { left, width } = canvas.getBoundingClientRect();
        const [from, to] = [drawn[0], drawn.at(-1)].map((x) => left + (x * width) / canvas.width);
        const range = document.createRange();
        return [...element.querySelectorAll('.corner div')].filter((line) => {
            range.selectNodeContents(line);
            const box = range.getBoundingClientRect();
            return box.width > 0 && box.right > from && box.left < to;
        }).map((line) => line.textContent);
    });
const edgesAre = (page, n, wanted) =>
    at.soon(() => extent(page, n), ({ left, right }) => (wanted === 'middle' ? left > 20 && Math.abs(left - right) <= 1 : wanted === 'left' ? left === 0 && right > 20 : right === 0 && left > 20));

test('of real projections side, view and orientation are those that DCMTK reads', { skip: needsData }, async () => {
    for (const file of REAL) {
        const { out } = await must('dcmdump', ['-q', '+L', '-Un', '+P', '0008,0018', '+P', '0018,5101', '+P', '0020,0020', '+P', '0020,0062', file]);
        const value = (tag) => new RegExp(`^\\(${tag}\\) \\S+ \\[([^\\]]*)\\]`, 'm').exec(out)?.[1].trim() ?? '';
        const { object } = await stackOf(service, value('0008,0018'));
        assert.equal(object.view_position, value('0018,5101'), file);
        assert.equal((object.patient_orientation ?? []).join('\\'), value('0020,0020'), file);
        assert.equal(object.laterality, value('0020,0062'), file);
    }
});

test('mammograms: four views, right beside left, faced, by what they tell of side and view, whatever they are called and however they were delivered', async () => {
    const view = (side, position, told, lines = []) => makeSeries(1, 'MG', `${side}${position} picture`, { sopClass: 'DigitalMammographyXRayImageStorageForPresentation', lines: [`(0020,0062) CS [${side}]`, `(0020,0020) CS [${told}]`, ...lines] });
    const coded = (code) => ['(0054,0220) SQ', '(fffe,e000) na', `(0008,0100) SH [${code}]`, '(0008,0102) SH [SCT]', '(0008,0104) LO [view]', '(fffe,e00d) na', '(fffe,e0dd) na'];
    const fine = '(0018,1164) DS [0.1\\0.1]'; // Imager Pixel Spacing: those of the right breast are twice as large
    const coarse = '(0018,1164) DS [0.2\\0.2]';
    await send(
        await view('L', 'MLO', 'A\\FR', [fine, ...coded('399368009')]),
        await view('R', 'CC', 'P\\L', ['(0018,5101) CS [CC]', coarse]),
        await view('R', 'MLO', 'A\\FL', ['(0018,5101) CS [MLO]', coarse]), // delivered the other way round
        await view('L', 'CC', 'A\\R', [fine, ...coded('399162004')]),
    );
    const page = await open(1);
    await hangs(page, 1, '2x2', ['RCC picture', 'LCC picture', 'RMLO picture', 'LMLO picture']);
    for (const n of [0, 1, 2, 3]) await lettersAre(page, n, { [n % 2 === 0 ? 'right' : 'left']: 'P' }); // the chest walls meet in the middle
    for (const n of [0, 1, 2, 3]) await edgesAre(page, n, n % 2 === 0 ? 'right' : 'left');
    const widths = await Promise.all([0, 1, 2, 3].map(async (n) => (await extent(page, n)).width));
    for (const n of [0, 2]) assert.ok(Math.abs(widths[n] / widths[n + 1] - 2) < 0.03, `a millimetre is as long on both sides: ${widths}`);
    for (const n of [0, 1, 2, 3]) {
        await at.soon(() => wordsOver(page, n), [], 'no word lies on the breast');
        await at.soon(() => tile(page, n).locator('.corner.bottom.right').innerText(), new RegExp(`${n % 2 === 0 ? 'Right' : 'Left'} {2}${n < 2 ? 'CC' : 'MLO'}`));
    }
    await at.shot(page, 'hanging-mg');
    await tile(page, 0).locator('.picture-area').dblclick();
    await edgesAre(page, 0, 'middle'); // alone
    await tile(page, 0).locator('.picture-area').dblclick();
    await edgesAre(page, 0, 'right');
    // turned about by the reader, the chest wall is still at the edge that it points to
    await tile(page, 1).locator('.picture-area').click();
    await page.keyboard.press('h');
    await edgesAre(page, 1, 'right');
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a mammogram that does not tell where its chest wall is stays in the middle', async () => {
    const view = (side, position) => makeSeries(21, 'MG', `${side}${position} untold`, { sopClass: 'DigitalMammographyXRayImageStorageForPresentation', lines: [`(0020,0062) CS [${side}]`, `(0018,5101) CS [${position}]`] });
    await send(await view('R', 'CC'), await view('L', 'CC'), await view('R', 'MLO'), await view('L', 'MLO'));
    const page = await open(21);
    await hangs(page, 21, '2x2', ['RCC untold', 'LCC untold', 'RMLO untold', 'LMLO untold']);
    for (const n of [0, 1, 2, 3]) await edgesAre(page, n, 'middle');
    await at.closePage(page);
});

test('PET and CT hang side by side and follow each other by position', async () => {
    await send(
        await makeSeries(2, 'PT', 'WB PET', { slices: 6, sopClass: 'PositronEmissionTomographyImageStorage' }),
        await makeSeries(2, 'CT', 'Low dose CT', { slices: 6 }),
    );
    const page = await open(2);
    await hangs(page, 2, '1x2', ['Low dose CT', 'WB PET']);
    await tile(page, 0).locator('.picture-area').click();
    await page.keyboard.press('Home');
    await at.eventually(page, 'both at the first slice', () => [...document.querySelectorAll('.picture-area')].every((area) => area.dataset.slice === '1'));
    await at.closePage(page);
});

test('four runs of ultrasound hang in four; two projections of CR and DX side by side', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map((n) => makeSeries(3, 'US', `Run ${n}`, { frames: 8, sopClass: 'UltrasoundMultiframeImageStorage' })));
    await send(...runs);
    await send(await makeSeries(4, 'CR', 'Hand AP', { sopClass: 'ComputedRadiographyImageStorage' }), await makeSeries(4, 'CR', 'Hand lateral', { sopClass: 'ComputedRadiographyImageStorage' }));
    const echo = await open(3);
    const order = (await get(`/api/studies/${(await studyOf(3)).id}`)).series_list.map((one) => one.description);
    await hangs(echo, 3, '2x2', order);
    await at.closePage(echo);
    const hand = await open(4);
    await at.eventually(hand, 'two', () => document.querySelector('.grid').dataset.layout === '1x2' && document.querySelectorAll('.picture-area[data-state=ready]').length === 2);
    await at.closePage(hand);
});

test('a study that is still arriving: hung anew while nobody has done anything', async () => {
    await send(await brain(5, 'AX T2'), await brain(5, 'AX T1'));
    const page = await open(5);
    await at.eventually(page, 'one picture', () => document.querySelector('.grid').dataset.layout === '1x1');
    await send(await brain(5, 'AX FLAIR'), await brain(5, 'AX DWI b1000'));
    await hangs(page, 5, '2x2', ['AX T2', 'AX FLAIR', 'AX DWI b1000', 'AX T1']);
    await at.closePage(page);
});

test('a study that is still arriving: what hangs stays once the reader has done something, and what comes takes the place that is free', async () => {
    await send(await brain(6, 'AX T2'), await brain(6, 'AX T1'), await brain(6, 'AX FLAIR'));
    const page = await open(6);
    await hangs(page, 6, '2x2', ['AX T2', 'AX FLAIR', null, 'AX T1']);
    await tile(page, 0).locator('.picture-area').click();
    await page.keyboard.press('End');
    await at.eventually(page, 'the last slice', () => document.querySelector('.picture-area').dataset.slice === '5');
    await send(await brain(6, 'AX DWI b1000'));
    await hangs(page, 6, '2x2', ['AX T2', 'AX FLAIR', 'AX DWI b1000', 'AX T1']);
    assert.equal(await tile(page, 0).locator('.picture-area').getAttribute('data-slice'), '5');
    assert.equal(await tile(page, 0).evaluate((one) => one.classList.contains('active')), true);
    await send(await brain(6, 'COR T1')); // nowhere is room
    await at.eventually(page, 'it is in the strip', () => document.querySelectorAll('.thumb').length === 5);
    await hangs(page, 6, '2x2', ['AX T2', 'AX FLAIR', 'AX DWI b1000', 'AX T1']);
    await at.closePage(page);
});

test('a turned picture turns alone; linked, those that follow it turn along, as seen on the screen, and come back with it', async () => {
    const page = await open(6);
    await hangs(page, 6, '2x2', ['AX T2', 'AX FLAIR', 'AX DWI b1000', 'AX T1']);
    await tile(page, 0).locator('.picture-area').click();
    for (const n of [0, 1, 2, 3]) await lettersAre(page, n, { left: 'R', top: 'A' });
    await page.keyboard.press('r');
    await lettersAre(page, 0, { top: 'R', right: 'A' });
    for (const n of [1, 2, 3]) await lettersAre(page, n, { left: 'R', top: 'A' });
    await page.keyboard.press('Escape');
    await lettersAre(page, 0, { left: 'R', top: 'A' });
    await page.click('[data-menu=sync]');
    await page.click('[data-action="sync.turn"]');
    await tile(page, 1).locator('.picture-area').click();
    await page.keyboard.press('h');
    for (const n of [0, 1, 2, 3]) await lettersAre(page, n, { left: 'L', top: 'A' });
    await page.keyboard.press('r');
    for (const n of [0, 1, 2, 3]) await lettersAre(page, n, { top: 'L', right: 'A' });
    await page.keyboard.press('Escape');
    for (const n of [0, 1, 2, 3]) await lettersAre(page, n, { left: 'R', top: 'A' });
    await until('kept', async () => (await get('/api/settings')).settings.layout?.sync?.turn === true);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

const menu = async (page, action) => {
    await page.click('[data-menu=layout]');
    await page.locator(`[data-action="${action}"]`).waitFor();
};
const kept = (what, look) => until(what, async () => look((await get('/api/settings')).settings.layout ?? {}));

test('rows and columns by a drag or by two digits are kept for studies of the kind, and forgotten when one says so', async () => {
    const page = await open(6);
    await hangs(page, 6, '2x2', ['AX T2', 'AX FLAIR', 'AX DWI b1000', 'AX T1']);
    await menu(page, 'layout.1x1');
    const middle = async (action) => {
        const box = await page.locator(`[data-action="${action}"]`).boundingBox();
        return [box.x + box.width / 2, box.y + box.height / 2];
    };
    await page.mouse.move(...(await middle('layout.1x1')));
    await page.mouse.down();
    await page.mouse.move(...(await middle('layout.1x3')), { steps: 4 });
    await page.locator('.layout-told', { hasText: '1 × 3' }).waitFor();
    await at.shot(page, 'hanging-picker');
    await page.mouse.up();
    await at.eventually(page, 'one row of three', () => document.querySelector('.grid').dataset.layout === '1x3');
    await kept('one row of three', ({ grids, rules }) => JSON.stringify(Object.values(grids ?? {})) === '[[1,3]]' && Object.values(rules ?? {})[0] === 'grid');
    await at.closePage(page);
    await send(await brain(7, 'AX T2'), await brain(7, 'AX FLAIR'), await brain(7, 'AX T1'));
    const other = await open(7);
    await hangs(other, 7, '1x3', ['AX T2', 'AX FLAIR', 'AX T1']);
    await other.click('[data-menu=layout]');
    await other.locator('.layout-choice').first().focus();
    await other.keyboard.press('2');
    await other.keyboard.press('1');
    await at.eventually(other, 'two rows', () => document.querySelector('.grid').dataset.layout === '2x1');
    await kept('two rows', ({ grids }) => JSON.stringify(Object.values(grids ?? {})) === '[[2,1]]');
    await menu(other, 'hang.forget');
    await other.click('[data-action="hang.forget"]');
    await hangs(other, 7, '2x2', ['AX T2', 'AX FLAIR', null, 'AX T1']);
    await kept('nothing', ({ grids, rules }) => Object.keys(grids ?? {}).length === 0 && Object.keys(rules ?? {}).length === 0);
    assert.deepEqual(other.troubles, []);
    await at.closePage(other);
});

test('what is on the screen is saved as one’s own and hangs again, in another study with a prior of another hospital', async () => {
    await send(await brain(8, 'T1 axial', { date: '20260101', hospital: 'Minami Hospital' }), await brain(8, 'T2 axial', { date: '20260101', hospital: 'Minami Hospital' }));
    const page = await open(7); // its prior: study 8
    await at.eventually(page, 'the prior is listed', () => document.querySelectorAll('.strip-study.prior').length >= 1);
    await menu(page, 'hang.besidePrior');
    await page.click('[data-action="hang.besidePrior"]');
    await at.eventually(page, 'the prior', () => document.querySelector('.tile:nth-child(2).prior .picture-area')?.dataset.state === 'ready');
    await menu(page, 'hang.save');
    await page.click('[data-action="hang.save"]');
    await kept('saved', ({ own, rules }) => Object.values(own ?? {}).length === 1 && Object.values(rules ?? {})[0] === 'own');
    await at.closePage(page);
    await send(await brain(9, 'FLAIR COR', { date: '20260801' }), await brain(9, 'T2 TSE AX', { date: '20260801' }));
    const next = await open(9);
    await at.eventually(next, 'as it was saved', () => document.querySelector('.grid').dataset.layout === '1x2' && document.querySelectorAll('.picture-area[data-state=ready]').length === 2);
    await at.eventually(next, 'the current one', () => /This study/.test(document.querySelectorAll('.tile-name')[0].textContent));
    await at.eventually(next, 'its prior', () => /^Prior/.test(document.querySelectorAll('.tile-name')[1].textContent));
    await menu(next, 'hang.own');
    assert.equal(await next.getAttribute('[data-action="hang.own"]', 'aria-checked'), 'true');
    await next.keyboard.press('Escape');
    assert.deepEqual(next.troubles, []);
    await at.closePage(next);
});
