// Presentation states of others: what their grey transforms, shutters and overlays make of a picture, pixel by pixel beside DCMTK's renderer of presentation
// states (dcmp2pgm), on images and states that DCMTK's tools made; what is told of them; states that are broken in one place; overlays that are switched off.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { bytesFile, grey, jpegPixels, makeObject, sequence, stackOf, words } from '../lib/objects.mjs';
import { dataDir, must, needsData, Service } from '../lib/service.mjs';
import { dcmtkPicture, makeState } from '../lib/states.mjs';

const [ROWS, COLUMNS] = [48, 64];
const VALUES = Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i % COLUMNS) * 61 + Math.floor(i / COLUMNS) * 17) % 4096);
let service;
before(async () => { service = await Service.start(); });
after(() => service?.stop());

/** An image and a state that DCMTK makes of it, changed: {file, uid, stateFile}. */
async function pair(imageLines, stateLines, { values = VALUES, mode = {}, gone = [] } = {}) {
    const image = await makeObject([...grey({ rows: ROWS, columns: COLUMNS, ...mode }), ...imageLines, `(7fe0,0010) OW =${bytesFile(words(values))}`]);
    return { ...image, stateFile: await makeState(image.file, stateLines, gone) };
}

async function stateOf(made) {
    await service.must(['import', made.file, made.stateFile]);
    const stack = await stackOf(service, made.uid);
    const { states } = await service.json(`/api/series/${stack.stack.series}/states`);
    return { ...stack, states, state: states[0] };
}

async function ours(stack, query) {
    const answer = await service.request(stack.tile(0, `?q=100${query}`));
    assert.equal(answer.code, 200, answer.body.toString());
    return { ...(await jpegPixels(answer.body)), headers: answer.headers };
}

function alike(got, expected, within) {
    assert.equal(got.pixels.length, expected.pixels.length);
    let worst = 0;
    let at = 0;
    expected.pixels.forEach((value, i) => { if (Math.abs(value - got.pixels[i]) > worst) { worst = Math.abs(value - got.pixels[i]); at = i; } });
    assert.ok(worst <= within, `pixel ${at % COLUMNS}, ${Math.floor(at / COLUMNS)}: ${got.pixels[at]}, DCMTK has ${expected.pixels[at]}`);
}

const voi = (center, width, more = []) => sequence('(0028,3110)', [[`(0028,1050) DS [${center}]`, `(0028,1051) DS [${width}]`, ...more]]);

const table = (tag, first, bits, entries) => sequence(tag, [[`(0028,3002) US ${entries.length}\\${first}\\${bits}`, `(0028,3006) US ${entries.join('\\')}`]]);
const falling = Array.from({ length: 4096 }, (_, i) => Math.round(65535 * (1 - (i / 4095) ** 2)));
const curve = Array.from({ length: 256 }, (_, i) => Math.round(255 * (i / 255) ** 1.4));
const CT = ['(0028,1052) DS [-1024]', '(0028,1053) DS [1]', '(0028,1054) LO [HU]'];

// DCMTK maps whole numbers by bit shifts where we round: one grey; what JPEG of quality 100 adds: one more.
const cases = [
    ['as DCMTK made it: no window means the whole range', CT, []],
    ['a window', CT, voi(40, 400)],
    ['a table instead of a window', [], sequence('(0028,3110)', [table('(0028,3010)', 0, 16, falling)])],
    ['a rescale of its own', CT, [...voi(1000, 2000), '(0028,1052) DS [0]', '(0028,1053) DS [2]', '(0028,1054) LO [US]']],
    ['inverse', CT, [...voi(40, 400), '(2050,0020) CS [INVERSE]']],
    ['a presentation LUT', CT, [...voi(500, 3000), ...table('(2050,0010)', 0, 8, curve)], { gone: ['(2050,0020)'] }],
    ['signed values', ['(0028,1052) DS [0]', '(0028,1053) DS [1]', '(0028,1054) LO [HU]'], voi(-200, 900), { mode: { stored: 16, signed: 1 }, values: VALUES.map((value) => value - 2048) }],
    ['MONOCHROME1 says nothing any more', [], voi(2000, 3000), { mode: { photometric: 'MONOCHROME1' } }],
];
for (const [name, imageLines, stateLines, options = {}] of cases) {
    test(`a state as DCMTK shows it: ${name}`, async () => {
        const made = await pair(imageLines, stateLines, options);
        const { state, ...stack } = await stateOf(made);
        const got = await ours(stack, `&state=${state.id}`);
        alike(got, await dcmtkPicture(made.file, made.stateFile), 3);
        assert.notEqual(got.headers.etag, (await ours(stack, '')).headers.etag);
    });
}

const white = (x, center, width) => Math.min(1, Math.max(0, (x - center) / width + 0.5));
const greyOf = (y) => Math.floor(255 * y + 0.5);
const expected = (formula) => ({ pixels: VALUES.map((stored, i) => formula(stored - 1024, i % COLUMNS, Math.floor(i / COLUMNS))) });

// What DCMTK's renderer leaves to a viewer is compared with the formulas of the standard.
test('a state with a function of its own: SIGMOID (PS3.3 C.11.2.1.3.1)', async () => {
    const made = await pair(CT, voi(300, 900, ['(0028,1056) CS [SIGMOID]']));
    const { state, ...stack } = await stateOf(made);
    alike(await ours(stack, `&state=${state.id}`), expected((x) => greyOf(1 / (1 + Math.exp((-4 * (x - 300)) / 900)))), 2);
});

test('shutters of a state: what is outside is its Shutter Presentation Value (PS3.3 C.7.6.11)', async () => {
    const made = await pair(CT, [...voi(40, 2000, ['(0028,1056) CS [LINEAR_EXACT]']), '(0018,1600) CS [RECTANGULAR\\CIRCULAR]', '(0018,1602) IS [5]', '(0018,1604) IS [60]',
        '(0018,1606) IS [3]', '(0018,1608) IS [40]', '(0018,1610) IS [24\\30]', '(0018,1612) IS [20]', '(0018,1622) US 32768']);
    const { state, ...stack } = await stateOf(made);
    const seen = (column, row) => column >= 5 && column <= 60 && row >= 3 && row <= 40 && (column - 30) ** 2 + (row - 24) ** 2 <= 400;
    const got = await ours(stack, `&state=${state.id}`);
    const want = expected((x, column, row) => (seen(column + 1, row + 1) ? greyOf(white(x, 40, 2000)) : 128));
    // JPEG rings at the edge of a shutter: only what is far from it is compared exactly, the rest by its mean.
    const far = (i) => [-2, -1, 0, 1, 2].every((d) => [-2, -1, 0, 1, 2].every((e) => seen((i % COLUMNS) + 1 + d, Math.floor(i / COLUMNS) + 1 + e) === seen((i % COLUMNS) + 1, Math.floor(i / COLUMNS) + 1)));
    want.pixels.forEach((value, i) => far(i) && assert.ok(Math.abs(value - got.pixels[i]) <= 4, `pixel ${i % COLUMNS}, ${Math.floor(i / COLUMNS)}: ${got.pixels[i]}, expected ${value}`));
    const lossless = await service.request(stack.lossless().concat(`?state=${state.id}`));
    assert.ok(zlib.gunzipSync(lossless.body)[9] & 16, 'the browser is told that it cannot make this picture');
});

test('tables one behind the other, in files of another maker', { skip: needsData }, async () => {
    const [file, stateFile] = ['imageForPrLUTs', 'prLUTs'].map((name) => path.join(dataDir, `gsps/${name}.dcm`));
    const { state, ...stack } = await stateOf({ file, stateFile, uid: '1.2.276.0.7230010.3.200.6.3.1' });
    assert.deepEqual([state.label, state.description, state.creator, state.facility, state.at, state.problem], ['XLUT_P03', 'scrambled modality lut / voi lut / presentation lut', 'Riesmeier Joerg', 'OFFIS', '2000-07-04T12:00:00', null]);
    alike(await ours(stack, `&state=${state.id}`), await dcmtkPicture(file, stateFile), 6);
});

test('overlays that a state activates are drawn, others of the image are not; a switch hides them all', { skip: needsData }, async () => {
    const [file, stateFile] = ['overlay', 'prOverlay'].map((name) => path.join(dataDir, `gsps/${name}.dcm`));
    const { state, ...stack } = await stateOf({ file, stateFile, uid: '1.2.276.0.7230010.3.200.12.1.1' });
    assert.equal(stack.object.overlays, true);
    const series = (await Promise.all((await service.studies()).map(({ id }) => service.json(`/api/studies/${id}`)))).flatMap((one) => one.series_list);
    assert.equal(series.find(({ id }) => id === stack.stack.series).opening.overlays, true, 'known before the stack is');
    assert.ok(series.some(({ opening }) => opening && opening.overlays === undefined));
    const [plain, hidden, applied, both] = [await ours(stack, ''), await ours(stack, '&overlays=0'), await ours(stack, `&state=${state.id}`), await ours(stack, `&state=${state.id}&overlays=0`)];
    const whites = ({ pixels }) => pixels.reduce((sum, value) => sum + (value > 245 ? 1 : 0), 0);
    assert.ok(whites(hidden) + 500 < whites(plain), `${whites(hidden)} of ${whites(plain)}`);
    assert.ok(whites(both) + 500 < whites(applied));
    alike(both, await dcmtkPicture(file, stateFile), 3);
    assert.equal(new Set([plain, hidden, applied, both].map((one) => one.headers.etag)).size, 4);
    const again = await service.request(stack.tile(0, '?q=100&overlays=0'), { headers: { 'if-none-match': hidden.headers.etag } });
    assert.equal(again.code, 304);
    const flags = async (query) => zlib.gunzipSync((await service.request(stack.lossless() + query)).body)[9];
    assert.deepEqual([(await flags('')) & 16, (await flags('?overlays=0')) & 16], [16, 0]);
});

test('a window in the hands of the reader stands in place of the state\'s; the rest of the state stays', async () => {
    const made = await pair(CT, [...voi(40, 400, ['(0028,1056) CS [LINEAR_EXACT]']), '(2050,0020) CS [INVERSE]']);
    const { state, ...stack } = await stateOf(made);
    const got = await ours(stack, `&c=500&w=2000&state=${state.id}`);
    assert.equal(got.headers['x-kakehashi-window'], '500,2000');
    alike(got, expected((x) => 255 - greyOf(white(x, 500, 2000))), 2);
    const lossless = zlib.gunzipSync((await service.request(`${stack.lossless()}?state=${state.id}`)).body);
    assert.deepEqual([lossless[9] & 16, lossless[9] & 4, lossless[10], lossless.readDoubleLE(40), lossless.readDoubleLE(48)], [0, 4, 1, 40, 400]);
});

test('asked badly', async () => {
    const made = await pair(CT, voi(40, 400));
    const other = await pair(CT, voi(40, 400));
    const { state, ...stack } = await stateOf(made);
    const elsewhere = await stateOf(other);
    const code = async (query) => (await service.request(stack.tile(0, `?q=80${query}`))).code;
    const [series, object] = state.id.split('-');
    assert.equal(await code(`&state=${state.id}`), 200);
    for (const bad of ['', 'x', '1', '1-', '-1', `${state.id}x`, '0-1', '1-99999999999999999999']) assert.equal(await code(`&state=${bad}`), 400, bad);
    for (const bad of ['2', 'no', '-1']) assert.equal(await code(`&overlays=${bad}`), 400, bad);
    assert.equal(await code(`&state=${series}-999999`), 404);
    assert.equal(await code(`&state=${stack.stack.series}-${object}`), 404, 'an object of another series');
    assert.equal(await code(`&state=${stack.stack.series}-${stack.object.id}`), 422, 'no presentation state');
    assert.equal(await code(`&state=${elsewhere.state.id}`), 404, 'it does not name this picture');
    const list = await service.request(`/api/series/${stack.stack.series}/states?state=${elsewhere.state.id}`);
    assert.equal(list.code, 404);
});

// One thing wrong: what a picture would be made wrong by is not applied, and says why; the rest is left out.
for (const [name, lines, gone, problem] of [
    ['a window of width 0', voi(40, 0), [], /SoftcopyVOILUTSequence/],
    ['a window without a centre', sequence('(0028,3110)', [['(0028,1051) DS [400]']]), [], /SoftcopyVOILUTSequence/],
    ['a slope of 0', [...voi(40, 400), '(0028,1053) DS [0]'], [], /RescaleSlope/],
    ['a slope without an intercept', voi(40, 400), ['(0028,1052)'], /RescaleSlope/],
    ['a table with too few entries', sequence('(0028,3110)', [sequence('(0028,3010)', [['(0028,3002) US 300\\0\\16', `(0028,3006) US ${curve.join('\\')}`]])]), [], /LUTData/],
    ['a table of 17 bits', sequence('(0028,3110)', [sequence('(0028,3010)', [['(0028,3002) US 256\\0\\17', `(0028,3006) US ${curve.join('\\')}`]])]), [], /LUTDescriptor/],
    ['a table without a descriptor', sequence('(0028,3110)', [sequence('(0028,3010)', [[`(0028,3006) US ${curve.join('\\')}`]])]), [], /LUTDescriptor/],
    ['an area without a corner', [...voi(40, 400), ...sequence('(0070,005a)', [['(0070,0052) SL 1\\1', '(0070,0100) CS [SCALE TO FIT]']])], [], null],
    ['a shutter without a radius', [...voi(40, 400), '(0018,1600) CS [CIRCULAR]', '(0018,1610) IS [24\\30]'], [], null],
    ['a turn of 45 degrees', [...voi(40, 400), '(0070,0042) US 45'], [], null],
    ['graphics of another dimension, units and type', [...voi(40, 400), ...sequence('(0070,0001)', [['(0070,0002) CS [L]', ...sequence('(0070,0009)', [
        ['(0070,0005) CS [MATRIX]', '(0070,0022) FL 1\\1\\2\\2', '(0070,0023) CS [POLYLINE]'], ['(0070,0005) CS [PIXEL]', '(0070,0022) FL 1\\1\\2\\2', '(0070,0023) CS [SPIRAL]'],
        ['(0070,0005) CS [PIXEL]', '(0070,0022) FL 1\\1', '(0070,0023) CS [CIRCLE]'], ['(0070,0005) CS [PIXEL]', '(0070,0022) FL 1\\1\\1e30\\2', '(0070,0023) CS [POLYLINE]']])]])], [], null],
]) {
    test(`a state with one thing wrong: ${name}`, async () => {
        const made = await pair(CT, lines, { gone });
        const { state, ...stack } = await stateOf(made);
        if (problem) {
            assert.match(state.problem, problem);
            const answer = await service.request(stack.tile(0, `?q=80&state=${state.id}`));
            assert.equal(answer.code, 422);
            assert.match(JSON.parse(answer.body).message, problem);
        } else {
            assert.equal(state.problem, null);
            assert.deepEqual([state.turns, state.areas.length], [0, name.includes('corner') ? 0 : 1]);
            alike(await ours(stack, `&state=${state.id}`), expected((x) => greyOf(white(x, 39.5, 399))), 3);
            const { state: drawn } = await service.json(`/api/series/${stack.stack.series}/states?state=${state.id}`);
            assert.deepEqual(drawn.drawn.flatMap(({ shapes }) => shapes), []);
        }
    });
}

test('a state that names no image, and one cut short, are not listed', async () => {
    const made = await pair(CT, voi(40, 400), { gone: ['(0008,1115)'] });
    assert.deepEqual((await stateOf(made)).states, []);
});

test('frames: a state is for those that it names', async () => {
    const image = await makeObject([...grey({ rows: ROWS, columns: COLUMNS }), ...CT, '(0028,0008) IS [3]', `(7fe0,0010) OW =${bytesFile(words([...VALUES, ...VALUES, ...VALUES]))}`]);
    const named = ['(0008,1150) UI =CTImageStorage', `(0008,1155) UI [${image.uid}]`, '(0008,1160) IS [2\\3]'];
    const stateFile = await makeState(image.file, [
        ...sequence('(0008,1115)', [[...sequence('(0008,1140)', [named]), `(0020,000e) UI [${image.uid}.2]`]]),
        ...sequence('(0028,3110)', [[...sequence('(0008,1140)', [[...named.slice(0, 2), '(0008,1160) IS [3]']]), '(0028,1050) DS [500]', '(0028,1051) DS [1000]'], ['(0028,1050) DS [40]', '(0028,1051) DS [400]']]),
        ...sequence('(0070,005a)', [['(0070,0052) SL 1\\1', `(0070,0053) SL ${COLUMNS}\\${ROWS}`, '(0070,0100) CS [SCALE TO FIT]', '(0070,0102) IS [1\\1]']]),
    ]);
    const { state, ...stack } = await stateOf({ ...image, stateFile });
    assert.deepEqual(state.images, [1, 2].map((frame) => ({ object: stack.object.id, frame, area: 0 })));
    const windows = [];
    for (const frame of [0, 1, 2]) {
        const answer = await service.request(stack.tile(frame, `?q=80&state=${state.id}`));
        windows.push(answer.code === 200 ? answer.headers['x-kakehashi-window'] : answer.code);
    }
    assert.deepEqual(windows, [404, '40,400', '500,1000']);
});

test('a colour state of a colour picture: its shutter, and nothing of grey', async () => {
    const pixels = Buffer.from(Array.from({ length: ROWS * COLUMNS * 3 }, (_, i) => (i % 3 === 0 ? 200 : i % 3 === 1 ? 60 : 120)));
    const image = await makeObject(['(0008,0016) UI =SecondaryCaptureImageStorage', ...grey({ rows: ROWS, columns: COLUMNS, allocated: 8, stored: 8, photometric: 'RGB' }).filter((line) => !line.startsWith('(0028,0002)')),
        '(0028,0002) US 3', '(0028,0006) US 0', `(7fe0,0010) OB =${bytesFile(pixels)}`]);
    const grayscale = await makeObject([...grey({ rows: ROWS, columns: COLUMNS }), `(7fe0,0010) OW =${bytesFile(words(VALUES))}`]);
    const stateFile = await makeState(grayscale.file, ['(0008,0016) UI =ColorSoftcopyPresentationStateStorage', `(0020,000d) UI [${image.uid}.1]`, '(0018,1600) CS [RECTANGULAR]', '(0018,1602) IS [17]', '(0018,1604) IS [48]', '(0018,1606) IS [1]', `(0018,1608) IS [${ROWS}]`,
        ...sequence('(0008,1115)', [[...sequence('(0008,1140)', [['(0008,1150) UI =SecondaryCaptureImageStorage', `(0008,1155) UI [${image.uid}]`]]), `(0020,000e) UI [${image.uid}.2]`]]), '(0028,2000) OB 00\\01'], ['(2050,0020)']);
    const { state, ...stack } = await stateOf({ ...image, stateFile });
    assert.deepEqual(state.not_applied, ['profile']);
    const got = await ours(stack, `&state=${state.id}`);
    const at = (x, y) => [...got.pixels.subarray(3 * (y * COLUMNS + x), 3 * (y * COLUMNS + x) + 3)];
    assert.ok([200, 60, 120].every((value, i) => Math.abs(at(32, 20)[i] - value) < 4), String(at(32, 20)));
    assert.ok(at(4, 20).every((value) => value < 4), String(at(4, 20)));
});

test('a picture taken along is the one that the state makes, and says whose state it is', async () => {
    const made = await pair(CT, [...voi(40, 2000), '(2050,0020) CS [INVERSE]', '(0070,0080) CS [LABEL]', '(0070,0084) PN [Suzuki^Hanako]']);
    const { state, ...stack } = await stateOf(made);
    const take = async (query) => service.request(`/api/series/${stack.stack.series}/${stack.object.id}-0/picture?purpose=care${query}`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', origin: service.url } });
    const read = async (query) => {
        const answer = await take(query);
        assert.equal(answer.code, 200, answer.body.toString());
        const file = bytesFile(answer.body, 'png');
        await must('sh', ['-c', 'pngtopnm "$1" > "$1.pnm"', 'sh', file]);
        const bytes = fs.readFileSync(`${file}.pnm`);
        const [header, width] = /^P5\s+(\d+)\s+\d+\s+255\s/.exec(bytes.subarray(0, 64).toString('latin1'));
        const picture = Math.round((Number(width) * ROWS) / COLUMNS) * Number(width);
        const pixels = bytes.subarray(header.length);
        return { picture: pixels.subarray(0, picture), band: pixels.subarray(picture), width: Number(width) };
    };
    const [applied, plain] = [await read(`&state=${state.id}`), await read('&c=40&w=2000')];
    const off = applied.picture.reduce((most, value, i) => Math.max(most, Math.abs(value - (255 - plain.picture[i]))), 0);
    assert.ok(off <= 1, `${off}`);
    const ink = ({ band }) => band.reduce((sum, value) => sum + (value > 200 ? 1 : 0), 0);
    assert.ok(ink(applied) > ink(plain) + 100, 'more words');
    assert.equal((await take('&state=x')).code, 400);
});
