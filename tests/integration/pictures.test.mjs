// Pictures all the way from a file to an answer: overlays in compressed words, windows of each frame, what is said of loss, and clear words
// for what cannot be shown. Objects by dump2dcm, compressed by DCMTK's tools and OpenJPEG's; DCMTK reads the pictures back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { dataDir, must, needsData, Service, until } from '../lib/service.mjs';
import { bytesFile, fragments, grey, jpegPixels, makeObject, sequence, stackOf, words } from '../lib/objects.mjs';
import { decodeLossless } from '../../viewer/web/lossless.js';

const ROWS = 40;
const COLUMNS = 50;
let service;
before(async () => { service = await Service.start(); });
after(() => service.stop());

/** Import a file and find what came of it; some tools give what they compress a UID of its own. */
async function shownFile(file) {
    const before_ = new Set(Object.keys(await service.objects()));
    await service.must(['import', file]);
    const uid = Object.keys(await service.objects()).find((one) => !before_.has(one));
    assert.ok(uid, `${file} is new`);
    return stackOf(service, uid);
}
const shown = (object) => shownFile(object.file);

async function tile(place, frame = 0, query = '?q=100') {
    const answer = await service.request(place.tile(frame, query));
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 300));
    return { ...answer, lossy: answer.headers['x-kakehashi-lossy'], window: answer.headers['x-kakehashi-window'] };
}

async function lossless(place, frame = 0) {
    const answer = await service.request(place.lossless(frame));
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 300));
    const bytes = zlib.gunzipSync(answer.body);
    const slice = decodeLossless(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return { ...slice, values: [...slice.values], lossy: answer.headers['x-kakehashi-lossy'] };
}

/** PS3.3 C.11.2.1.2.1. */
const linear = (value, center, width) =>
    Math.floor(255 * Math.min(1, Math.max(0, (value - (center - 0.5)) / (width - 1) + 0.5)) + 0.5);

function near(picture, expected, within) {
    assert.equal(picture.pixels.length, expected.length);
    const off = expected.findIndex((value, index) => Math.abs(value - picture.pixels[index]) > within);
    assert.equal(off, -1, `pixel ${off} is ${picture.pixels[off]}, expected ${expected[off]}`);
}

// ---- overlays in unused bits

const ramp = Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i % COLUMNS) * 30 + Math.floor(i / COLUMNS) * 7) & 0xfff);
const marked = ramp.map((value, i) => {
    const [x, y] = [i % COLUMNS, Math.floor(i / COLUMNS)];
    return value | (x === y ? 0x8000 : 0) | ((x + y) % 11 === 0 ? 0x1000 : 0);
});
const embedded = (group, bit) => [`(${group},0010) US ${ROWS}`, `(${group},0011) US ${COLUMNS}`, `(${group},0040) CS [G]`, `(${group},0050) SS 1\\1`, `(${group},0100) US 16`, `(${group},0102) US ${bit}`];
const windowed = ['(0028,1050) DS [1000]', '(0028,1051) DS [2000]'];
const head = [...grey({ rows: ROWS, columns: COLUMNS }), ...windowed, ...embedded('6000', 12), ...embedded('6002', 15)];
const expected = marked.map((value) => (value & 0x9000 ? 255 : linear(value & 0xfff, 1000, 2000)));

async function openjpeg(args) {
    const raw = bytesFile(words(marked), 'rawl');
    await must('opj_compress', ['-i', raw, '-o', `${raw}.j2k`, '-F', `${COLUMNS},${ROWS},1,16,u`, ...args]);
    return fs.readFileSync(`${raw}.j2k`);
}

const native = () => makeObject([...head, `(7fe0,0010) OW =${bytesFile(words(marked))}`]);
async function compressed(tool, args) {
    const made = await native();
    await must(tool, [...args, made.file, `${made.file}.out`]);
    return { ...made, file: `${made.file}.out` };
}

for (const [name, make] of [
    ['native', native],
    ['RLE', () => compressed('dcmcrle', [])],
    ['JPEG lossless .70', () => compressed('dcmcjpeg', ['+e1'])],
    ['JPEG lossless .57', () => compressed('dcmcjpeg', ['+el'])],
    ['JPEG-LS', () => compressed('dcmcjpls', ['+el'])],
    ['JPEG 2000', async () => makeObject([...head, ...fragments([await openjpeg([])])], { syntax: 'JPEG2000LosslessOnly' })],
]) {
    test(`overlays in unused bits: ${name}`, async () => {
        const place = await shown(await make());
        near(await jpegPixels((await tile(place)).body), expected, 3);
        const slice = await lossless(place);
        assert.deepEqual(slice.values, ramp); // the value and nothing beside it
        assert.equal(slice.lossy, 'no');
        assert.equal(slice.hasTables, true);
    });
}

// DCMTK's encoder of cosines burns overlays in, so its stream is one of the values alone, under a header with overlays.
test('overlays in unused bits: a DCT has none', async () => {
    const made = await told([]);
    await must('dcmcjpeg', ['+ee', '+q', '100', made.file, `${made.file}.out`]);
    const stream = firstFragment(`${made.file}.out`, [0xff, 0xd8, 0xff]);
    const [bare, withOverlays] = await Promise.all([plain, head].map((lines) =>
        makeObject([...lines, ...fragments([stream])], { syntax: 'JPEGExtended:Process2+4' })));
    const [without, place] = [await shown(bare), await shown(withOverlays)];
    assert.deepEqual((await tile(place)).body, (await tile(without)).body);
});

// ---- what is said of loss

const plain = [...grey({ rows: ROWS, columns: COLUMNS }), ...windowed];
const pixels = () => `(7fe0,0010) OW =${bytesFile(words(ramp))}`;
const told = (lines) => makeObject([...plain, ...lines, pixels()]);
const numberIn = (text, name) => Number(new RegExp(`;${name}=([0-9.]+)`).exec(`;${text}`)?.[1]);

for (const [name, make, { manifest, ratio, source, method }] of [
    ['never lossy', () => told([]), { manifest: false, ratio: null, source: null, method: '' }],
    ['said to be never lossy', () => told(['(0028,2110) CS [00]']), { manifest: false, ratio: null, source: null, method: '' }],
    ['lossy before, by nobody knows how much', () => told(['(0028,2110) CS [01]']), { manifest: true, ratio: null, source: null, method: '' }],
    ['lossy twice', () => told(['(0028,2110) CS [01]', '(0028,2112) DS [10\\4.5]', '(0028,2114) CS [ISO_10918_1\\ISO_15444_1]']), { manifest: true, ratio: 10, source: 10, method: 'ISO_10918_1,ISO_15444_1' }],
]) {
    test(`loss of the source: ${name}`, async () => {
        const place = await shown(await make());
        assert.equal(place.object.lossy, manifest);
        assert.equal(place.object.lossy_ratio, ratio);
        const jpeg = await tile(place, 0, '?q=75');
        assert.equal(numberIn(jpeg.lossy, 'q'), 75);
        assert.equal(numberIn(jpeg.lossy, 'ratio'), Number((ROWS * COLUMNS / jpeg.body.length).toFixed(1)));
        const slice = await lossless(place);
        assert.equal(slice.lossy === 'no', !manifest);
        for (const text of [jpeg.lossy, slice.lossy]) {
            assert.equal(text.includes('source'), manifest, text);
            if (source) assert.equal(numberIn(text, 'source-ratio'), source);
            assert.equal(/source-method=([A-Z0-9_,]+)/.exec(text)?.[1] ?? '', method);
        }
    });
}

/** A stream's own bytes against those of the pixels. */
const sourceRatio = (stream) => ROWS * COLUMNS * 2 / (stream.length + (stream.length & 1));

for (const [name, syntax, make] of [
    ['irreversible JPEG 2000', 'JPEG2000', () => openjpeg(['-I', '-r', '8'])],
    ['irreversible JPEG 2000 under the lossless syntax', 'JPEG2000LosslessOnly', () => openjpeg(['-I', '-r', '8'])],
    ['near-lossless JPEG-LS under the lossless syntax', 'JPEGLSLossless', async () => {
        const made = await told([]);
        await must('dcmcjpls', ['+en', '+md', '3', made.file, `${made.file}.out`]);
        return firstFragment(`${made.file}.out`, [0xff, 0xd8, 0xff]);
    }],
    ['a DCT under a lossless syntax', 'JPEGLossless:Non-hierarchical-1stOrderPrediction', async () => {
        const made = await told([]);
        await must('dcmcjpeg', ['+ee', '+q', '90', made.file, `${made.file}.out`]);
        return firstFragment(`${made.file}.out`, [0xff, 0xd8, 0xff]);
    }],
]) {
    test(`loss by the codestream: ${name}`, async () => {
        const stream = await make();
        const lines = [...plain, '(0028,2110) CS [00]', ...fragments([stream])];
        const place = await shown(await makeObject(lines, { syntax }));
        for (const text of [(await tile(place)).lossy, (await lossless(place)).lossy]) {
            assert.match(text, /(^|;)source;source-ratio=/);
            assert.equal(numberIn(text, 'source-ratio'), Number(sourceRatio(stream).toPrecision(4)));
        }
    });
}

/** The last item of the file's pixel sequence, which begins with these bytes, up to the sequence's end. */
function firstFragment(file, begin) {
    const bytes = fs.readFileSync(file);
    const at = bytes.indexOf(Buffer.from(begin), bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0])));
    return bytes.subarray(at, at + bytes.readUInt32LE(at - 4));
}

// ---- frames, tables, letters

const lut = (explanation, first, entries) => [`(0028,3002) US ${entries.length}\\${first}\\8`, `(0028,3003) LO [${explanation}]`, `(0028,3006) OW =${bytesFile(words(entries))}`];

test('each frame has windows and VOI LUTs of its own, and they can be asked for', async () => {
    const falling = Array.from({ length: 100 }, (_, i) => 255 - i * 2);
    const frames = [0, 1, 2].map((n) => ramp.slice(0, 100).map((_, i) => i * 10 + n));
    const shared = sequence('(0028,9132)', [['(0028,1050) DS [500]', '(0028,1051) DS [1000]', '(0028,1055) LO [SHARED]']]);
    const own = sequence('(0028,9132)', [['(0028,1050) DS [100]', '(0028,1051) DS [50]', '(0028,1055) LO [OWN]', ...sequence('(0028,3010)', [lut('FALLING', 400, falling)])]]);
    const rescale = sequence('(0028,9145)', [['(0028,1052) DS [-1000]', '(0028,1053) DS [2]', '(0028,1054) LO [HU]']]);
    const object = await makeObject([
        ...grey({ rows: 10, columns: 10 }), '(0028,0008) IS [3]',
        ...sequence('(5200,9229)', [shared]), ...sequence('(5200,9230)', [[], own, rescale]),
        `(7fe0,0010) OW =${bytesFile(words(frames.flat()))}`]);
    const place = await shown(object);
    assert.deepEqual(place.slices.map((slice) => slice.windows.map((one) => one.explanation)), [['SHARED'], ['OWN', 'FALLING'], ['SHARED']]);
    assert.deepEqual(place.slices[1].windows[1], { center: 450, width: 100, explanation: 'FALLING', lut: 0 });
    for (const [frame, query, pixel] of [
        [0, '?q=100', (value) => linear(value, 500, 1000)],
        [1, '?q=100', (value) => linear(value, 100, 50)],
        [1, '?q=100&lut=0', (value) => falling[Math.min(99, Math.max(0, value - 400))]],
        [2, '?q=100', (value) => linear(value * 2 - 1000, 500, 1000)],
    ]) {
        const answer = await tile(place, frame, query);
        near(await jpegPixels(answer.body), frames[frame].map(pixel), 3);
        assert.equal(answer.window, query.includes('lut') ? '450,100' : frame === 1 ? '100,50' : '500,1000');
    }
    const none = await service.request(place.tile(0, '?lut=0'));
    assert.equal(none.code, 404);
    assert.match(JSON.parse(none.body).message, /VOI LUT 0 of this frame/);
});

for (const [name, value, expectedLetters] of [
    ['two values', '[L\\F]', ['L', 'F']],
    ['oblique', '[A\\FR]', ['A', 'FR']],
    ['one value', '[L]', null],
    ['three values', '[L\\F\\H]', null],
    ['empty', '(no value available)', null],
    ['absent', null, null],
]) {
    test(`Patient Orientation: ${name}`, async () => {
        const object = await makeObject([...(value ? [`(0020,0020) CS ${value}`] : []), ...plain, pixels()], { modality: 'DX' });
        assert.deepEqual((await shown(object)).object.patient_orientation, expectedLetters);
    });
}

// ---- one bit, and ICC

test('frames of 1 bit follow each other without a gap (PS3.5 8.1.1)', async () => {
    const bits = Array.from({ length: 3 * 15 }, (_, i) => (i * 7 + (i >> 2)) % 3 === 0 ? 1 : 0);
    const bytes = Buffer.alloc(6);
    bits.forEach((bit, i) => { bytes[i >> 3] |= bit << (i & 7); });
    const object = await makeObject([...grey({ rows: 3, columns: 5, allocated: 1, stored: 1 }), '(0028,0008) IS [3]', `(7fe0,0010) OB =${bytesFile(bytes)}`]);
    const place = await shown(object);
    for (let frame = 0; frame < 3; frame++) assert.deepEqual((await lossless(place, frame)).values, bits.slice(frame * 15, frame * 15 + 15), `frame ${frame}`);
});

test('an ICC profile changes no pixel, is kept in the file and is claimed nowhere', async () => {
    const profile = Buffer.alloc(600, 'profile that turns everything red');
    const colour = ['(0028,0002) US 3', '(0028,0004) CS [RGB]', '(0028,0006) US 0', '(0028,0010) US 8', '(0028,0011) US 8', '(0028,0100) US 8', '(0028,0101) US 8', '(0028,0102) US 7', '(0028,0103) US 0'];
    const data = `(7fe0,0010) OB =${bytesFile(Buffer.from(Array.from({ length: 192 }, (_, i) => (i * 37) & 0xff)))}`;
    const bare = await shown(await makeObject([...colour, data]));
    const made = await makeObject([...colour, `(0028,2000) OB =${bytesFile(profile)}`, data]);
    const place = await shown(made);
    const [without, withIt] = [await tile(bare), await tile(place)];
    assert.deepEqual(withIt.body, without.body);
    assert.equal(withIt.body.indexOf('ICC_PROFILE'), -1);
    assert.ok(!JSON.stringify(place.object).toLowerCase().includes('icc'));
    const kept = fs.readdirSync(path.join(service.dir, 'data', 'objects'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile()).map((entry) => fs.readFileSync(path.join(entry.path, entry.name)));
    assert.ok(kept.some((bytes) => bytes.equals(fs.readFileSync(made.file))));
});

// ---- what cannot be shown, and headers that lie

for (const [file, frame, words_] of [
    ['generated/rows_lie.dcm', 0, /PixelData \(7FE0,0010\) ends before frame 1 of 1/],
    ['generated/trunc_in_pixels.dcm', 0, /PixelData \(7FE0,0010\) ends before frame 1 of 1/],
    ['pydicom/MR_truncated.dcm', 0, /PixelData \(7FE0,0010\) ends before frame 1 of 1/],
]) {
    test(`no tool can show it: ${file}`, { skip: needsData }, async () => {
        // In a service of its own: these files are copies of one object.
        const alone = await Service.start({ files: [path.join(dataDir, file)] });
        try {
            const place = await stackOf(alone, Object.keys(await alone.objects())[0]);
            const answer = await alone.request(place.tile(frame));
            assert.equal(answer.code, 422, answer.body.toString().slice(0, 200));
            const { message } = JSON.parse(answer.body);
            assert.match(message, words_);
            assert.ok(!message.includes(dataDir) && !message.includes(alone.dir), message);
        } finally { await alone.stop(); }
    });
}

for (const [name, make, words_] of [
    ['an RLE frame cut short', () => compressed('dcmcrle', []).then((made) => cutLast(made, 900)), /RLE/],
    ['a JPEG frame with a hole', () => compressed('dcmcjpeg', ['+e1']).then((made) => cutLast(made, 600)), /JPEG|PixelData/],
    ['12 bits allocated', () => makeObject([...grey({ rows: ROWS, columns: COLUMNS, allocated: 12 }), pixels()]), /BitsAllocated \(0028,0100\) 12, expected 1, 8, 16, 32 or 64/],
    ['video', () => makeObject([...grey({ rows: ROWS, columns: COLUMNS, allocated: 8, stored: 8 }), ...fragments([Buffer.alloc(100, 1)])], { syntax: 'MPEG2MainProfile@MainLevel' }), /has no frames of its own/],
]) {
    test(`what cannot be shown is told why: ${name}`, async () => {
        const answer = await service.request((await shown(await make())).tile());
        assert.equal(answer.code, 422, answer.body.toString().slice(0, 200));
        assert.match(JSON.parse(answer.body).message, words_);
    });
}

/** The file with zeros in place of its last bytes: lengths stay as they were. */
function cutLast(made, count) {
    const bytes = fs.readFileSync(made.file);
    bytes.fill(0, bytes.length - count, bytes.length - 8);
    fs.writeFileSync(made.file, bytes);
    return made;
}

test('a codestream wins over a header that lies, and the log says so', async () => {
    const stream = await openjpeg([]);
    const lies = [...grey({ rows: ROWS, columns: COLUMNS, allocated: 8, stored: 8 }), '(0028,1050) DS [32768]', '(0028,1051) DS [65536]'];
    const place = await shown(await makeObject([...lies, ...fragments([stream])], { syntax: 'JPEG2000LosslessOnly' }));
    near(await jpegPixels((await tile(place)).body), marked.map((value) => linear(value, 32768, 65536)), 3);
    await until('the log tells it', () => service.log.includes('codestream of 1 samples of 16 bits, header says 1 of 8: the codestream is believed'));
});

test('a lossy codestream under a lossless syntax is told in the log', async () => {
    const made = await makeObject([...plain, ...fragments([await openjpeg(['-I', '-r', '8'])])], { syntax: 'JPEG2000LosslessOnly' });
    const alone = await Service.start({ files: [made.file] }); // a service that has warned lately waits a second
    try {
        assert.equal((await alone.request((await stackOf(alone, made.uid)).tile())).code, 200);
        await until('the log tells it', () => alone.log.includes('codestream of 1 samples of 16 bits, lossy, header says 1 of 12, lossless: the codestream is believed'));
    } finally { await alone.stop(); }
});

// The codestream is what is decoded: it wins over a header that says otherwise, and the log says so.
for (const [name, rows, columns] of [['one column more', ROWS, COLUMNS + 1], ['one row less', ROWS - 1, COLUMNS], ['rows for columns', COLUMNS, ROWS]]) {
    test(`a header that lies about the size of its codestream: ${name}`, async () => {
        const { file } = await makeObject([...grey({ rows, columns }), ...fragments([await openjpeg([])])], { syntax: 'JPEG2000LosslessOnly' });
        const seen = await shown({ file });
        const answer = await service.request(seen.tile());
        assert.equal(answer.code, 200, answer.body.toString().slice(0, 200));
        assert.deepEqual(jpegSize(answer.body), { rows: ROWS, columns: COLUMNS });
    });
}

/** Rows and columns of a JPEG: its SOF0 (ISO/IEC 10918-1 B.2.2). */
function jpegSize(bytes) {
    for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2))
        if (bytes[at + 1] === 0xc0) return { rows: bytes.readUInt16BE(at + 5), columns: bytes.readUInt16BE(at + 7) };
    return null;
}
