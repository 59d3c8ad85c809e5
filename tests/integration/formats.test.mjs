// One object of each form that pixels come in, all the way to an answer: made by dump2dcm, its picture by the formulas of the standard.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { decodeLossless } from '../../viewer/web/lossless.js';
import { must, Service } from '../lib/service.mjs';
import { bytesFile, fragments, grey, jpegPixels, makeObject, sequence, stackOf, words } from '../lib/objects.mjs';

const ROWS = 12;
const COLUMNS = 16;
const COUNT = ROWS * COLUMNS;
let service;
before(async () => { service = await Service.start(); });
after(() => service.stop());

const each = (make) => Array.from({ length: COUNT }, (_, i) => make(i));
const window_ = (center, width, more = []) => [`(0028,1050) DS [${center}]`, `(0028,1051) DS [${width}]`, ...more];
const pixels = (bytes, vr = 'OW') => `(7fe0,0010) ${vr} =${bytesFile(bytes)}`;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const round = (value) => Math.floor(value + 0.5);

/** PS3.3 C.11.2.1.2.1, C.11.2.1.3.2, C.11.2.1.3.1. */
const linear = (x, c, w) => round(255 * clamp((x - (c - 0.5)) / (w - 1) + 0.5, 0, 1));
const exact = (x, c, w) => round(255 * clamp((x - c) / w + 0.5, 0, 1));
const sigmoid = (x, c, w) => round(255 / (1 + Math.exp((-4 * (x - c)) / w)));

/** Values of `stored` bits in words of `allocated`, up to High Bit, with noise in the other bits. */
function packed(values, allocated, stored, high) {
    const bytes = Buffer.alloc((values.length * allocated) / 8);
    values.forEach((value, i) => {
        const mask = 2n ** BigInt(stored) - 1n;
        const shift = BigInt(high + 1 - stored);
        const noise = (BigInt(i) * 0x9e3779b97f4a7c15n) & (2n ** BigInt(allocated) - 1n) & ~(mask << shift);
        const word = ((BigInt(value) & mask) << shift) | noise;
        for (let k = 0; k < allocated / 8; k++) bytes[(i * allocated) / 8 + k] = Number((word >> BigInt(8 * k)) & 0xffn);
    });
    return bytes;
}

const shape = (allocated, stored, high, signed, photometric) => grey({ rows: ROWS, columns: COLUMNS, allocated, stored, high, signed, photometric });
const colour = (photometric, planar = 0) => ['(0028,0002) US 3', `(0028,0004) CS [${photometric}]`, `(0028,0006) US ${planar}`, `(0028,0010) US ${ROWS}`, `(0028,0011) US ${COLUMNS}`, '(0028,0100) US 8', '(0028,0101) US 8', '(0028,0102) US 7', '(0028,0103) US 0'];
const swapped = (bytes, unit) => (unit === 2 ? Buffer.from(bytes).swap16() : Buffer.from(bytes).swap32());

/** A grey form: its values and the window they are seen through. */
function greyCase(name, { allocated, stored, high = stored - 1, signed = 0, photometric, values, center, width, extra = [], picture, exactly = true, syntax }) {
    return {
        name,
        syntax,
        lines: [...shape(allocated, stored, high, signed, photometric), ...window_(center, width), ...extra, pixels(packed(values, allocated, stored, high), allocated > 8 ? 'OW' : 'OB')].sort(byTag),
        values: exactly ? values : null,
        expected: values.map(picture ?? ((value) => linear(value, center, width))),
    };
}
const tagOf = (line) => line.slice(1, 10);
const byTag = (a, b) => (tagOf(a) < tagOf(b) ? -1 : tagOf(a) > tagOf(b) ? 1 : 0);

const twelve = each((i) => (i * 331) % 4096);
const signedTwelve = each((i) => ((i * 331) % 4096) - 2048);
const greys = [
    greyCase('8 bits', { allocated: 8, stored: 8, values: each((i) => (i * 7) & 255), center: 128, width: 256 }),
    greyCase('7 of 8 bits', { allocated: 8, stored: 7, values: each((i) => (i * 7) & 127), center: 64, width: 100 }),
    greyCase('signed 8 bits', { allocated: 8, stored: 8, signed: 1, values: each((i) => ((i * 7) & 255) - 128), center: 0, width: 200 }),
    greyCase('12 bits', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000 }),
    greyCase('12 bits, High Bit 15', { allocated: 16, stored: 12, high: 15, values: twelve, center: 2000, width: 3000 }),
    greyCase('10 bits, High Bit 13', { allocated: 16, stored: 10, high: 13, values: each((i) => (i * 53) % 1024), center: 500, width: 800 }),
    greyCase('signed 12 bits', { allocated: 16, stored: 12, signed: 1, values: signedTwelve, center: 40, width: 3000 }),
    greyCase('signed 9 bits, High Bit 12', { allocated: 16, stored: 9, high: 12, signed: 1, values: each((i) => ((i * 29) % 512) - 256), center: 0, width: 400 }),
    greyCase('16 bits', { allocated: 16, stored: 16, values: each((i) => (i * 5003) & 0xffff), center: 30000, width: 50000 }),
    greyCase('signed 16 bits', { allocated: 16, stored: 16, signed: 1, values: each((i) => ((i * 5003) & 0xffff) - 32768), center: 0, width: 60000 }),
    greyCase('32 bits', { allocated: 32, stored: 32, values: each((i) => i * 20000003), center: 2e9, width: 3e9, exactly: false }),
    greyCase('signed 32 bits', { allocated: 32, stored: 32, signed: 1, values: each((i) => (i - 90) * 20000003), center: 0, width: 3e9, exactly: false }),
    greyCase('20 of 32 bits, High Bit 25', { allocated: 32, stored: 20, high: 25, values: each((i) => (i * 5477) % 1048576), center: 500000, width: 900000, exactly: false }),
    greyCase('MONOCHROME1', { allocated: 16, stored: 12, photometric: 'MONOCHROME1', values: twelve, center: 2000, width: 3000, picture: (value) => 255 - linear(value, 2000, 3000) }),
    greyCase('LINEAR_EXACT', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, extra: ['(0028,1056) CS [LINEAR_EXACT]'], picture: (value) => exact(value, 2000, 3000) }),
    greyCase('SIGMOID', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 1000, extra: ['(0028,1056) CS [SIGMOID]'], picture: (value) => sigmoid(value, 2000, 1000) }),
    greyCase('shape IDENTITY', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, extra: ['(2050,0020) CS [IDENTITY]'] }),
    greyCase('shape INVERSE', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, extra: ['(2050,0020) CS [INVERSE]'], picture: (value) => 255 - linear(value, 2000, 3000) }),
    greyCase('rescale', { allocated: 16, stored: 12, values: twelve, center: 40, width: 3000, extra: ['(0028,1052) DS [-1024]', '(0028,1053) DS [0.5]'], picture: (value) => linear(value * 0.5 - 1024, 40, 3000) }),
    greyCase('padding value', { allocated: 16, stored: 12, photometric: 'MONOCHROME1', values: twelve, center: 2000, width: 3000, extra: [`(0028,0120) US ${twelve[5]}`], picture: (value) => (value === twelve[5] ? 0 : 255 - linear(value, 2000, 3000)) }),
    greyCase('padding range', { allocated: 16, stored: 12, photometric: 'MONOCHROME1', values: twelve, center: 2000, width: 3000, extra: ['(0028,0120) US 1000', '(0028,0121) US 1200'], picture: (value) => (value >= 1000 && value <= 1200 ? 0 : 255 - linear(value, 2000, 3000)) }),
    greyCase('padding range downwards, signed', { allocated: 16, stored: 12, signed: 1, photometric: 'MONOCHROME1', values: signedTwelve, center: 0, width: 3000, extra: ['(0028,0120) SS -1000', '(0028,0121) SS -1200'], picture: (value) => (value >= -1200 && value <= -1000 ? 0 : 255 - linear(value, 0, 3000)) }),
    greyCase('implicit little endian', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, syntax: 'LittleEndianImplicit' }),
    greyCase('big endian', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, syntax: 'BigEndianExplicit' }),
    greyCase('deflated', { allocated: 16, stored: 12, values: twelve, center: 2000, width: 3000, syntax: 'DeflatedLittleEndianExplicit' }),
];

/** dump2dcm reads no floats from a file: words get the tag and the VR of what they are. */
function rename(file, element, vr) {
    const bytes = fs.readFileSync(file);
    const at = bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57]));
    assert.ok(at > 0);
    bytes[at + 2] = element;
    bytes.write(vr, at + 4, 'latin1');
    fs.writeFileSync(file, bytes);
}

for (const [name, tag, vr, bytes] of [['float', 8, 'OF', 4], ['double float', 9, 'OD', 8]]) {
    const values = each((i) => Math.fround((i - 100) * 0.037));
    const raw = Buffer.alloc(COUNT * bytes);
    values.forEach((value, i) => (bytes === 4 ? raw.writeFloatLE(value, i * 4) : raw.writeDoubleLE(value, i * 8)));
    greys.push({
        name,
        lines: [...shape(bytes * 8, bytes * 8, bytes * 8 - 1, 0).slice(0, 4), `(0028,0100) US ${bytes * 8}`, ...window_(0, 5, ['(0028,1056) CS [LINEAR_EXACT]']), pixels(raw)],
        prepare: (made) => rename(made.file, tag, vr),
        values: null,
        expected: values.map((value) => exact(value, 0, 5)),
    });
}

async function answerOf({ lines, syntax, prepare }) {
    const made = await makeObject(lines, { ...(syntax && { syntax }), modality: 'OT' });
    if (prepare) await prepare(made);
    await service.must(['import', made.file]);
    const place = await stackOf(service, made.uid);
    const tile = await service.request(place.tile(0, '?q=100'));
    assert.equal(tile.code, 200, tile.body.toString().slice(0, 300));
    return { place, picture: await jpegPixels(tile.body) };
}

function near(picture, expected, within) {
    assert.equal(picture.pixels.length, expected.length);
    const off = expected.findIndex((value, index) => Math.abs(value - picture.pixels[index]) > within);
    assert.equal(off, -1, `sample ${off} is ${picture.pixels[off]}, expected ${expected[off]}`);
}

for (const one of greys) {
    test(`grey: ${one.name}`, async () => {
        const { place, picture } = await answerOf(one);
        near(picture, one.expected, 3);
        const slice = await service.request(place.lossless());
        if (!one.values) {
            assert.equal(slice.code, 422);
            return;
        }
        const bytes = zlib.gunzipSync(slice.body);
        assert.deepEqual([...decodeLossless(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).values], one.values);
    });
}

// ---- colour: smooth, so that what JPEG does to chroma stays small

const rgb = each((i) => [60 + (i % COLUMNS) * 8, 200 - Math.floor(i / COLUMNS) * 9, 40 + i]);
const byte = (value) => clamp(round(value), 0, 255);
/** PS3.3 C.7.6.3.1.2: of R G B, and back. */
const toYbr = ([r, g, b]) => [byte(0.299 * r + 0.587 * g + 0.114 * b), byte(-0.1687 * r - 0.3313 * g + 0.5 * b + 128), byte(0.5 * r - 0.4187 * g - 0.0813 * b + 128)];
const fromYbr = ([y, cb, cr]) => [byte(y + 1.402 * (cr - 128)), byte(y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)), byte(y + 1.772 * (cb - 128))];
const ybr = rgb.map(toYbr);
const planes = (samples) => Buffer.from([0, 1, 2].flatMap((k) => samples.map((sample) => sample[k])));
const interleaved = (samples) => Buffer.from(samples.flat());
/** Y Y Cb Cr, the chroma of the first of two pixels. */
const halfChroma = Buffer.from(each((i) => i).filter((i) => i % 2 === 0).flatMap((i) => [ybr[i][0], ybr[i + 1][0], ybr[i][1], ybr[i][2]]));

async function wavelet(args) {
    const file = bytesFile(Buffer.concat([Buffer.from(`P6\n${COLUMNS} ${ROWS}\n255\n`), interleaved(rgb)]), 'ppm');
    await must('opj_compress', ['-i', file, '-o', `${file}.j2k`, '-mct', '1', '-n', '3', ...args]);
    return fs.readFileSync(`${file}.j2k`);
}

const paletteBytes = (channel) => Array.from({ length: 200 }, (_, i) => [i, 255 - i, (i * 3) & 255][channel]);
const palette = (bits, first, entries) => ['1', '2', '3'].flatMap((k) => [`(0028,110${k}) US ${entries}\\${first}\\${bits}`]);
const index8 = each((i) => (i * 3) % 256);
const index16 = each((i) => 900 + ((i * 3) % 256));
const entry = (index, first) => clamp(index - first, 0, 199);

/** The high byte of entry number i of two equal entries and a line of 198 more to the end. */
const line = (from, to, i) => round(from + ((to - from) * Math.max(0, i - 1)) / 198) >> 8;

const colours = [
    { name: 'RGB by pixel', lines: [...colour('RGB'), pixels(interleaved(rgb), 'OB')], expected: rgb },
    { name: 'RGB by plane', lines: [...colour('RGB', 1), pixels(planes(rgb), 'OB')], expected: rgb },
    { name: 'YBR_FULL by pixel', lines: [...colour('YBR_FULL'), pixels(interleaved(ybr), 'OB')], expected: ybr.map(fromYbr) },
    { name: 'YBR_FULL by plane', lines: [...colour('YBR_FULL', 1), pixels(planes(ybr), 'OB')], expected: ybr.map(fromYbr) },
    { name: 'YBR_FULL_422 native', lines: [...colour('YBR_FULL_422'), pixels(halfChroma, 'OB')], expected: ybr.map((one, i) => fromYbr([one[0], ybr[i - (i % 2)][1], ybr[i - (i % 2)][2]])) },
    { name: 'YBR_RCT', stream: () => wavelet([]), photometric: 'YBR_RCT', syntax: 'JPEG2000LosslessOnly', expected: rgb },
    { name: 'YBR_ICT', stream: () => wavelet(['-I', '-r', '2']), photometric: 'YBR_ICT', syntax: 'JPEG2000', expected: rgb },
    { name: 'RGB said of an irreversible wavelet', stream: () => wavelet(['-I', '-r', '2']), photometric: 'RGB', syntax: 'JPEG2000', expected: rgb },
    {
        name: 'PALETTE COLOR of 8 bits', expected: index8.map((i) => [0, 1, 2].map((k) => paletteBytes(k)[entry(i, 20)])),
        lines: [...shape(8, 8, 7, 0, 'PALETTE COLOR'), ...palette(8, 20, 200), ...[0, 1, 2].map((k) => `(0028,120${k + 1}) OW =${bytesFile(Buffer.from(paletteBytes(k)))}`), pixels(Buffer.from(index8), 'OB')],
    },
    {
        name: 'PALETTE COLOR of 16 bits', expected: index16.map((i) => [0, 1, 2].map((k) => paletteBytes(k)[entry(i, 950)])),
        lines: [...shape(16, 16, 15, 0, 'PALETTE COLOR'), ...palette(16, 950, 200), ...[0, 1, 2].map((k) => `(0028,120${k + 1}) OW =${bytesFile(words(paletteBytes(k).map((value) => value * 257)))}`), pixels(words(index16))],
    },
    {
        // discrete 2 entries, then a line to the end; blue: a discrete pair, and that segment again 99 times
        name: 'PALETTE COLOR, segmented',
        expected: index8.map((i) => [line(0, 0xff00, entry(i, 0)), line(0xff00, 0, entry(i, 0)), entry(i, 0) % 2 ? 0x80 : 0x20]),
        lines: [...shape(8, 8, 7, 0, 'PALETTE COLOR'), ...palette(16, 0, 200),
            `(0028,1221) OW =${bytesFile(words([0, 2, 0, 0, 1, 198, 0xff00]))}`, `(0028,1222) OW =${bytesFile(words([0, 2, 0xff00, 0xff00, 1, 198, 0]))}`,
            `(0028,1223) OW =${bytesFile(words([0, 2, 0x2000, 0x8000, ...Array.from({ length: 99 }, () => [2, 1, 0, 0]).flat()]))}`, pixels(Buffer.from(index8), 'OB')],
    },
];

for (const one of colours) {
    test(`colour: ${one.name}`, async () => {
        const lines = one.lines ?? [...colour(one.photometric), ...fragments([await one.stream()])];
        const { place, picture } = await answerOf({ lines, syntax: one.syntax });
        assert.equal(picture.channels, 3);
        // Where neighbours jump the chroma of a JPEG is off by more: palettes are held to what one level of luminance allows on average.
        const jumps = one.name.startsWith('PALETTE');
        if (!jumps) near(picture, one.expected.flat(), 6);
        const mean = one.expected.flat().reduce((sum, value, i) => sum + Math.abs(value - picture.pixels[i]), 0) / (3 * COUNT);
        assert.ok(mean < 3, `off by ${mean} on average`);
        assert.equal((await service.request(place.lossless())).code, 422);
    });
}

test('grey with a supplemental palette', async () => {
    const table = (k) => bytesFile(words(paletteBytes(k).map((value) => value * 257)));
    const { picture } = await answerOf({
        lines: ['(0008,9205) CS [COLOR]', ...shape(16, 12, 11, 0), ...window_(500, 1000), ...palette(16, 1000, 200), ...[0, 1, 2].map((k) => `(0028,120${k + 1}) OW =${table(k)}`),
            pixels(words(each((i) => (i < COUNT / 2 ? i * 10 : 1000 + i - COUNT / 2))))],
    });
    const expected = each((i) => (i < COUNT / 2 ? Array(3).fill(linear(i * 10, 500, 1000)) : [0, 1, 2].map((k) => paletteBytes(k)[i - COUNT / 2])));
    const mean = expected.flat().reduce((sum, value, i) => sum + Math.abs(value - picture.pixels[i]), 0) / (3 * COUNT);
    assert.ok(mean < 3, `off by ${mean} on average`);
});

// ---- pixels that are not square

for (const [name, lines, aspect] of [
    ['square by spacing', ['(0028,0030) DS [0.5\\0.5]'], 1],
    ['by Pixel Spacing: rows further apart', ['(0028,0030) DS [0.5\\0.25]'], 2],
    ['by Pixel Aspect Ratio', ['(0028,0034) IS [3\\2]'], 1.5],
    ['spacing before ratio', ['(0028,0030) DS [0.5\\0.25]', '(0028,0034) IS [3\\2]'], 2],
    ['a ratio of 0', ['(0028,0034) IS [0\\2]'], 1],
    ['not told', [], 1],
]) {
    test(`pixel aspect: ${name}`, async () => {
        const { place } = await answerOf({ lines: [...shape(16, 12, 11, 0), ...window_(2000, 3000), ...lines, pixels(words(twelve))].sort(byTag) });
        assert.equal(place.object.pixel_aspect, aspect);
    });
}

test('a Modality LUT stands in place of the rescale', async () => {
    const table = Array.from({ length: 4096 }, (_, i) => (i * i) >> 8);
    const { picture } = await answerOf({
        lines: [...shape(16, 12, 11, 0), ...window_(30000, 60000), ...sequence('(0028,3000)', [['(0028,3002) US 4096\\0\\16', '(0028,3004) LO [US]', `(0028,3006) OW =${bytesFile(words(table))}`]]), pixels(words(twelve))],
    });
    near(picture, twelve.map((value) => linear(table[value], 30000, 60000)), 3);
});
