// Pictures over DICOMweb (PS3.18 8.3.5, 9, 10.4.1.1.3, 10.4.1.1.4): their values by the formulas of the standard and beside DCMTK's own pictures,
// read back by netpbm; what is asked badly is refused by name.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { attribute, dataDir, freePort, must, needsData, Pacs, phantomFiles, run, Service, temporaryFolder, until } from '../lib/service.mjs';
import { bytesFile, grey, jpegPixels, makeObject, sequence, words } from '../lib/objects.mjs';
import { partsOf } from '../lib/multipart.mjs';
import { element, instance } from '../lib/part10.mjs';

const ROWS = 40;
const COLUMNS = 60;
const VALUES = Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i % COLUMNS) * 50 + Math.floor(i / COLUMNS) * 23) % 4096);
let service;
before(async () => { service = await Service.start(); });
after(() => service.stop());

const base = (uid) => `/dicomweb/studies/${uid}.1/series/${uid}.2/instances/${uid}`;
const get = (target, accept = 'image/png', headers = {}) => service.request(target, { headers: { ...(accept && { accept }), ...headers } });
const message = (answer) => JSON.parse(answer.body).message;

/** {width, height, channels, pixels} of a PNG, GIF or JPEG, by netpbm. */
async function read(bytes, type, extra = []) {
    const tool = { 'image/png': 'pngtopnm', 'image/gif': 'giftopnm', 'image/jpeg': 'jpegtopnm' }[type];
    const file = bytesFile(bytes, type.slice(6));
    await must('sh', ['-c', `${tool} ${extra.join(' ')} "$1" > "$1.pnm"`, 'sh', file]);
    return pnm(`${file}.pnm`);
}
function pnm(file) {
    const bytes = fs.readFileSync(file);
    const [header, kind, width, height] = /^P([56])\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.subarray(0, 64).toString('latin1'));
    return { width: Number(width), height: Number(height), channels: kind === '6' ? 3 : 1, pixels: bytes.subarray(header.length, header.length + width * height * (kind === '6' ? 3 : 1)) };
}
const picture = async (answer, extra) => {
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 300));
    return read(answer.body, answer.headers['content-type'], extra);
};
const greyOf = (p) => (p.channels === 1 ? [...p.pixels] : Array.from({ length: p.width * p.height }, (_, i) => p.pixels[3 * i]));

function equal(p, expected, within = 0) {
    const got = greyOf(p);
    assert.equal(got.length, expected.length);
    const off = expected.findIndex((value, i) => Math.abs(value - got[i]) > within);
    assert.equal(off, -1, `pixel ${off} is ${got[off]}, expected ${expected[off]}`);
}

const clamp = (y) => Math.floor(255 * Math.min(1, Math.max(0, y)) + 0.5);
/** PS3.3 C.11.2.1.2.1, C.11.2.1.3.2, C.11.2.1.3.1. */
const functions = {
    linear: (x, c, w) => (x <= c - 0.5 - (w - 1) / 2 ? 0 : x > c - 0.5 + (w - 1) / 2 ? 255 : clamp((x - (c - 0.5)) / (w - 1) + 0.5)),
    'linear-exact': (x, c, w) => (x <= c - w / 2 ? 0 : x > c + w / 2 ? 255 : clamp((x - c) / w + 0.5)),
    sigmoid: (x, c, w) => clamp(1 / (1 + Math.exp((-4 * (x - c)) / w))),
};

async function stored(lines, options) {
    const made = await makeObject(lines, options);
    await service.must(['import', made.file]);
    return made;
}
const ramp = (more = [], values = VALUES) => stored([...grey({ rows: ROWS, columns: COLUMNS }), ...more, `(7fe0,0010) OW =${bytesFile(words(values))}`]);

const at = (values, x, y) => values[y * COLUMNS + x];
function cut(values, x, y, width, height, mirrorX = false, mirrorY = false) {
    const out = [];
    for (let j = 0; j < height; j++) for (let i = 0; i < width; i++) out.push(at(values, mirrorX ? x + width - 1 - i : x + i, mirrorY ? y + height - 1 - j : y + j));
    return out;
}

test('windows: each function over every value, on modality values', async () => {
    const { uid } = await ramp(['(0028,1052) DS [-1024]', '(0028,1053) DS [0.5]']);
    for (const [name, formula] of Object.entries(functions)) {
        for (const [center, width] of [[-300, 1200], [40.5, 399.5], [-1000, 2]]) {
            const p = await picture(await get(`${base(uid)}/rendered?window=${center},${width},${name}`));
            equal(p, VALUES.map((value) => formula(value * 0.5 - 1024, center, width)));
        }
    }
    equal(await picture(await get(`${base(uid)}/rendered?window=-1000%2C1%2Clinear`)), VALUES.map((value) => functions.linear(value * 0.5 - 1024, -1000, 1)));
});

test('viewports: regions, mirrored ones, sizes, all four levels', async () => {
    const { uid } = await ramp();
    const window = 'window=2048,4096,linear-exact';
    const shown = VALUES.map((value) => functions['linear-exact'](value, 2048, 4096));
    const study = `/dicomweb/studies/${uid}.1`;
    for (const place of [study, `${study}/series/${uid}.2`, base(uid), `${base(uid)}/frames/1`]) equal(await picture(await get(`${place}/rendered?${window}`)), shown);
    for (const [viewport, expected] of [
        ['20,10,5,7,20,10', cut(shown, 5, 7, 20, 10)],
        ['20,10,5,7,-20,10', cut(shown, 5, 7, 20, 10, true)],
        ['20,10,5,7,20,-10', cut(shown, 5, 7, 20, 10, false, true)],
        ['21,11,5,7,-21,-11', cut(shown, 5, 7, 21, 11, true, true)],
        ['60,40,,,,', shown],
        ['60,40,,,-60,', cut(shown, 0, 0, COLUMNS, ROWS, true)],
        ['1,1,59,39,1,1', [shown.at(-1)]],
    ]) equal(await picture(await get(`${base(uid)}/rendered?${window}&viewport=${viewport}`)), expected);
    for (const [viewport, width, height] of [['30,30', 30, 20], ['600,600', 600, 400], ['10,600', 10, 7], ['4096,40', 60, 40]]) {
        const p = await picture(await get(`${base(uid)}/rendered?viewport=${viewport}`));
        assert.deepEqual([p.width, p.height], [width, height], viewport);
    }
    const half = await picture(await get(`${base(uid)}/rendered?${window}&viewport=30,20`));
    const mean = [];
    for (let y = 0; y < ROWS; y += 2) for (let x = 0; x < COLUMNS; x += 2) mean.push(functions['linear-exact']((at(VALUES, x, y) + at(VALUES, x + 1, y) + at(VALUES, x, y + 1) + at(VALUES, x + 1, y + 1)) / 4, 2048, 4096));
    equal(half, mean, 1);
});

test('pixels that are not square become square', async () => {
    const { uid } = await ramp(['(0028,0034) IS [2\\1]']);
    const p = await picture(await get(`${base(uid)}/rendered`));
    assert.deepEqual([p.width, p.height], [COLUMNS, 2 * ROWS]);
});

test('JPEG, PNG and GIF show the same; what is lost is told', async () => {
    const { uid } = await ramp(['(0028,1050) DS [2048]', '(0028,1051) DS [4096]']);
    const png = await get(`${base(uid)}/rendered`);
    const expected = greyOf(await picture(png));
    equal(await picture(png), VALUES.map((value) => functions.linear(value, 2048, 4096)));
    const gif = await get(`${base(uid)}/rendered`, 'image/gif');
    equal(await picture(gif), expected);
    assert.deepEqual([png, gif].map((answer) => answer.headers['x-kakehashi-lossy']), ['no', 'no']);
    const sizes = [];
    for (const quality of [1, 50, 100]) {
        const jpeg = await get(`${base(uid)}/rendered?quality=${quality}`, 'image/jpeg');
        if (quality === 100) equal(await picture(jpeg), expected, 2);
        assert.match(jpeg.headers['x-kakehashi-lossy'], new RegExp(`^jpeg;q=${quality};ratio=`));
        sizes.push(jpeg.body.length);
    }
    assert.ok(sizes[0] < sizes[1] && sizes[1] < sizes[2], `${sizes}`);
});

test('colour: exact where there are up to 256 of them, near otherwise, and told', async () => {
    const [rows, columns] = [32, 64];
    const colour = (pixels) => stored(['(0028,0002) US 3', '(0028,0004) CS [RGB]', '(0028,0006) US 0', `(0028,0010) US ${rows}`, `(0028,0011) US ${columns}`,
        '(0028,0100) US 8', '(0028,0101) US 8', '(0028,0102) US 7', '(0028,0103) US 0', `(7fe0,0010) OB =${bytesFile(Buffer.from(pixels))}`], { modality: 'US' });
    const few = Array.from({ length: rows * columns }, (_, i) => [(i * 7) % 256, (i % 4) * 80, (i % 2) * 255]).map((rgb, i) => (i % 3 ? rgb : [9, 9, 9])).map(([r, g, b]) => [r & 0xf0, g, b]).flat();
    const many = Array.from({ length: rows * columns }, (_, i) => [i % 256, (i * 3 + (i >> 8) * 40) % 256, (i * 11) % 256]).flat();
    for (const [pixels, exact] of [[few, true], [many, false]]) {
        const { uid } = await colour(pixels);
        assert.deepEqual([...(await picture(await get(`${base(uid)}/rendered`))).pixels], pixels);
        const answer = await get(`${base(uid)}/rendered`, 'image/gif');
        const gif = await picture(answer);
        const off = (i) => [0, 1, 2].reduce((sum, c) => sum + (pixels[3 * i + c] - gif.pixels[3 * i + c]) ** 2, 0);
        assert.ok(Math.max(...Array.from({ length: rows * columns }, (_, i) => off(i))) <= (exact ? 0 : 3 * 26 ** 2));
        assert.equal(answer.headers['x-kakehashi-lossy'], exact ? 'no' : 'gif;colours=256');
        const mirrored = await picture(await get(`${base(uid)}/rendered?viewport=64,32,,,-64,`));
        assert.deepEqual([...mirrored.pixels.subarray(0, 3)], pixels.slice(63 * 3, 64 * 3));
    }
});

test('several frames: the middle one, each in a part, or one after the other', async () => {
    const frames = 5;
    const values = Array.from({ length: ROWS * COLUMNS * frames }, (_, i) => Math.floor(i / (ROWS * COLUMNS)) * 800 + (i % COLUMNS));
    const { uid } = await stored([...grey({ rows: ROWS, columns: COLUMNS }), `(0028,0008) IS [${frames}]`, '(0018,1063) DS [40]', '(0028,1050) DS [2048]', '(0028,1051) DS [4096]',
        `(7fe0,0010) OW =${bytesFile(words(values))}`]);
    const shown = (number) => values.slice((number - 1) * ROWS * COLUMNS, number * ROWS * COLUMNS).map((value) => functions.linear(value, 2048, 4096));
    equal(await picture(await get(`${base(uid)}/rendered`)), shown(3));
    equal(await picture(await get(`${base(uid)}/frames/5/rendered`)), shown(5));
    const animation = await get(`${base(uid)}/rendered`, 'image/gif');
    for (let number = 1; number <= frames; number++) equal(await picture(animation, [`-image=${number}`]), shown(number));
    assert.notEqual((await run('giftopnm', [`-image=${frames + 1}`, bytesFile(animation.body, 'gif')])).code, 0);
    assert.ok(animation.body.includes(Buffer.from([0x21, 0xf9, 4, 4, 4, 0])), 'each is shown for 40 ms');
    for (const [place, numbers] of [[`${base(uid)}/rendered`, [1, 2, 3, 4, 5]], [`${base(uid)}/frames/2,4/rendered`, [2, 4]]]) {
        const answer = await get(place, 'multipart/related; type="image/png"');
        const parts = partsOf(answer);
        assert.equal(parts.length, numbers.length);
        for (const [i, number] of numbers.entries()) {
            assert.equal(parts[i].headers['content-type'], 'image/png');
            equal(await read(parts[i].body, 'image/png'), shown(number));
            assert.match(parts[i].headers['content-location'], new RegExp(`/frames/${number}/rendered$`));
        }
    }
    assert.match((await get(`${base(uid)}/frames/1,2/rendered`, '*/*')).headers['content-type'], /^multipart\/related; type="image\/jpeg"/);
    assert.equal((await get(`${base(uid)}/frames/1,2/rendered`, 'image/jpeg')).code, 406);
    assert.equal((await get(`${base(uid)}/frames/6/rendered`)).code, 404);
    equal(await picture(await get(`/dicomweb/wado?requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2&objectUID=${uid}&frameNumber=2&contentType=image/png`)), shown(2));
    const small = await picture(await get(`${base(uid)}/frames/1,2/thumbnail?viewport=30,30`));
    assert.deepEqual([small.width, small.height], [30, 20]);
});

test('thumbnails are small, at all four levels, and without words', async () => {
    const { uid } = await stored([...grey({ rows: 300, columns: 200 }), `(7fe0,0010) OW =${bytesFile(words(Array(60000).fill(0)))}`]);
    const study = `/dicomweb/studies/${uid}.1`;
    for (const place of [study, `${study}/series/${uid}.2`, base(uid), `${base(uid)}/frames/1`]) {
        const answer = await get(`${place}/thumbnail?annotation=patient`, null);
        assert.equal(answer.headers['content-type'], 'image/jpeg');
        const p = await picture(answer);
        assert.deepEqual([p.width, p.height], [85, 128]);
        assert.ok(greyOf(p).every((value) => value === greyOf(p)[0]), 'nothing is written on it');
    }
    assert.equal((await get(`${study}/thumbnail?viewport=64,64,0,0,10,10`)).code, 400);
});

test('words are burned in on request, and only then', async () => {
    const black = [...grey({ rows: 512, columns: 512 }), '(0028,1050) DS [2048]', '(0028,1051) DS [4096]', `(7fe0,0010) OW =${bytesFile(words(Array(512 * 512).fill(0)))}`];
    const { uid } = await stored(['(0010,0010) PN [Yamada^Tarou=山田^太郎]', '(0008,0005) CS [ISO_IR 192]', ...black]);
    const lit = async (query) => greyOf(await picture(await get(`${base(uid)}/rendered${query}`))).map((value, i) => (value > 200 ? Math.floor(i / 512) : -1)).filter((row) => row >= 0);
    assert.deepEqual(await lit(''), []);
    const above = await lit('?annotation=patient');
    assert.ok(above.length > 100 && Math.max(...above) < 128, 'the patient stands above');
    const below = await lit('?annotation=technique');
    assert.ok(below.length > 100 && Math.min(...below) > 384, 'the technique below');
    assert.equal((await lit('?annotation=patient,technique')).length, above.length + below.length);
    const odd = await get(`${base(uid)}/rendered?annotation=patient,weather`);
    assert.equal(odd.headers.warning, '299 /dicomweb: The following annotation values are not supported: weather');
});

test('what is asked badly is refused by name', async () => {
    const { uid } = await ramp();
    for (const [query, code, words_, accept] of [
        ['window=40,400', 400, /window/], ['window=40,0,linear', 400, /window/], ['window=a,b,linear', 400, /window/], ['viewport=100000,100000', 400, /viewport/],
        ['viewport=4097,10', 400, /viewport/], ['viewport=10', 400, /viewport/], ['viewport=10,10,60,0,1,1', 400, /viewport/], ['quality=0', 400, /quality/, 'image/jpeg'],
        ['quality=101', 400, /quality/, 'image/jpeg'], ['quality=50', 400, /quality/, 'image/png'], ['iccprofile=maybe', 400, /iccprofile/], ['annotation=,', 400, /annotation/],
        ['', 406, /Accept/, null], ['', 406, /Accept/, 'image/jp2'], ['', 406, /Accept/, 'application/dicom'], ['', 406, /Accept/, 'image/png;q=0'], ['', 400, /Accept/, 'application/dicom, image/jpeg'],
        ['', 400, /Accept/, 'nonsense'], ['accept=image/*', 400, /accept/],
    ]) {
        const answer = await get(`${base(uid)}/rendered?${query}`, accept);
        assert.equal(answer.code, code, `${query} ${accept}: ${answer.body.toString().slice(0, 200)}`);
        assert.match(message(answer), words_);
    }
    for (const [target, code] of [[`/dicomweb/studies/${uid}.9/rendered`, 404], [`/dicomweb/studies/..%2f..%2fetc/rendered`, 400], [`${base(uid)}/frames/0/rendered`, 400], [`${base(uid)}/frames/x/rendered`, 400],
        [`${base(uid)}/frames/2/rendered`, 404], [`/dicomweb/studies/${uid}.1/series/${uid}.7/rendered`, 404], [`/dicomweb/studies/${uid}.1/series/${uid}.2/instances/${uid}.9/rendered`, 404]])
        assert.equal((await get(target)).code, code, target);
    const icc = await get(`${base(uid)}/rendered?iccprofile=srgb`);
    assert.deepEqual([icc.code, icc.headers.warning.slice(0, 30)], [200, '299 /dicomweb: The picture has']);
    assert.equal((await get(`${base(uid)}/rendered?iccprofile=no&unknown=1&Window=3`)).headers.warning, undefined);
});

test('what the client takes decides', async () => {
    const { uid } = await ramp();
    for (const [accept, query, type] of [['*/*', '', 'image/jpeg'], ['image/*', '', 'image/jpeg'], ['image/gif;q=0.5, image/png;q=0.9', '', 'image/png'], ['image/jpeg, image/png;q=0.1', '', 'image/jpeg'],
        ['*/*', 'accept=image/gif', 'image/gif'], ['image/png', 'accept=image/jp2', 'image/png'], ['text/html,image/avif,*/*;q=0.8', '', 'image/jpeg'], ['IMAGE/PNG', '', 'image/png']]) {
        const answer = await get(`${base(uid)}/rendered?${query}`, accept);
        assert.equal(answer.headers['content-type'], type, `${accept} ${query}`);
    }
});

test('validators: 304 for the same, another tag for another picture', async () => {
    const { uid } = await ramp();
    const tags = [];
    for (const query of ['', 'quality=50', 'viewport=10,10', 'viewport=60,40,,,-60,', 'window=1,2,linear', 'window=1,2,sigmoid']) {
        const answer = await get(`${base(uid)}/rendered?${query}`, 'image/jpeg');
        assert.match(answer.headers['cache-control'], /^private/);
        tags.push(answer.headers.etag);
        const again = await get(`${base(uid)}/rendered?${query}`, 'image/jpeg', { 'if-none-match': answer.headers.etag });
        assert.deepEqual([again.code, again.body.length, again.headers.etag], [304, 0, answer.headers.etag]);
    }
    assert.equal(new Set(tags).size, tags.length);
    assert.equal((await get(`${base(uid)}/rendered`, 'image/png', { 'if-none-match': tags[0] })).code, 200);
});

test('WADO-URI: pictures and objects by parameters', async () => {
    const { uid, file } = await ramp(['(0028,1050) DS [2048]', '(0028,1051) DS [4096]']);
    const wado = (query, accept = null) => get(`/dicomweb/wado?requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2&objectUID=${uid}&${query}`, accept);
    const shown = VALUES.map((value) => functions.linear(value, 2048, 4096));
    assert.equal((await wado('')).headers['content-type'], 'image/jpeg');
    equal(await picture(await wado('contentType=image/png')), shown);
    equal(await picture(await wado('contentType=image%2Fjp2%2Cimage%2Fgif')), shown);
    equal(await picture(await wado('', 'image/png')), shown);
    equal(await picture(await wado('contentType=image/png&windowCenter=100&windowWidth=200')), VALUES.map((value) => functions.linear(value, 100, 200)));
    equal(await picture(await wado('contentType=image/png&region=0.5,0.25,1,0.75')), cut(shown, 30, 10, 30, 20));
    for (const [query, width, height] of [['rows=20', 30, 20], ['columns=30', 30, 20], ['rows=10&columns=30', 15, 10], ['rows=80&columns=4096', 120, 80], ['rows=10&region=0.5,0.25,1,0.75', 15, 10]]) {
        const p = await picture(await wado(`contentType=image/png&${query}`));
        assert.deepEqual([p.width, p.height], [width, height], query);
    }
    const object = await wado('contentType=application/dicom');
    assert.deepEqual([object.code, object.headers['content-type']], [200, 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1']);
    assert.ok(object.body.equals(fs.readFileSync(file)));
    const implicit = await wado('contentType=application/dicom&transferSyntax=1.2.840.10008.1.2');
    assert.match((await must('dcmdump', ['+P', '0002,0010', bytesFile(implicit.body, 'dcm')])).out, /=LittleEndianImplicit/);
    assert.equal((await wado('contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.90')).code, 406);
    for (const [query, code, words_] of [['anonymize=yes', 501, /anonymize/], ['contentType=application/dicom&anonymize=yes', 501, /anonymize/], ['presentationUID=1.2&presentationSeriesUID=1.3', 501, /presentation/],
        ['windowCenter=1', 400, /windowCenter/], ['windowWidth=1', 400, /windowCenter/], ['windowCenter=1&windowWidth=0', 400, /windowWidth/], ['rows=0', 400, /rows/], ['rows=4097', 400, /rows/], ['columns=x', 400, /columns/],
        ['region=0,0,1', 400, /region/], ['region=0,0,0,1', 400, /region/], ['region=0,0,1.1,1', 400, /region/], ['region=-0.1,0,1,1', 400, /region/], ['imageQuality=101', 400, /imageQuality/], ['frameNumber=0', 400, /frameNumber/],
        ['frameNumber=2', 404, /frame/], ['contentType=video/mpeg', 406, /Accept/], ['contentType=image/*', 400, /contentType/], ['contentType=application/dicom&transferSyntax=x', 400, /transferSyntax/]]) {
        const answer = await wado(query);
        assert.equal(answer.code, code, query);
        assert.match(message(answer), words_, query);
    }
    for (const [query, code] of [['', 400], ['requestType=WADO', 400], ['requestType=wado', 400], [`requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2`, 400], [`requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2&objectUID=1.2.3`, 404],
        [`requestType=WADO&studyUID=${uid}.8&seriesUID=${uid}.2&objectUID=${uid}`, 404]]) assert.equal((await get(`/dicomweb/wado?${query}`, null)).code, code, query);
});

test('real files beside DCMTK\'s pictures', { skip: needsData }, async () => {
    for (const [name, args, query, within] of [
        ['pydicom/CT_small.dcm', ['+Ww', '40', '400'], 'window=40,400,linear', 1], ['pydicom/MR_small.dcm', ['+Ww', '600', '1600'], 'window=600,1600,linear', 1],
        ['pydicom/MR_small_RLE.dcm', ['+Ww', '600', '1600'], 'window=600,1600,linear', 1], ['pydicom/MR_small_jpeg_ls_lossless.dcm', ['+Ww', '600', '1600'], 'window=600,1600,linear', 1],
        ['pydicom/MR_small.dcm', ['+Ww', '600', '1600', '+Sxv', '128'], 'window=600,1600,linear&viewport=128,128', 40],
    ]) {
        const file = path.join(dataDir, name);
        if (!fs.existsSync(file)) continue;
        await service.must(['import', file]);
        const [study, series, uid] = await Promise.all(['0020,000d', '0020,000e', '0008,0018'].map(async (tag) => Object.values(await attribute(tag, [file]))[0]));
        const out = bytesFile(Buffer.alloc(0), 'pgm');
        const native = bytesFile(Buffer.alloc(0), 'dcm');
        await run('sh', ['-c', 'dcmdrle "$1" "$2" 2>/dev/null || dcmdjpls "$1" "$2" 2>/dev/null || dcmconv "$1" "$2"', 'sh', file, native]);
        await must('dcmj2pnm', ['-q', '+op', ...args, native, out]);
        const p = await picture(await get(`/dicomweb/studies/${study}/series/${series}/instances/${uid}/rendered?${query}`));
        const judge = pnm(out);
        assert.deepEqual([p.width, p.height], [judge.width, judge.height], name);
        if (within < 10) equal(p, greyOf(judge), within);
    }
});

test('what was deleted is not shown, what was corrected is shown corrected', async () => {
    const { file, uid } = await makeObject([...grey({ rows: 512, columns: 512 }), '(0010,0010) PN [Before^Name]', `(7fe0,0010) OW =${bytesFile(words(Array(512 * 512).fill(0)))}`]);
    await service.must(['import', '--facility', 'changed', file]);
    const asked = `${base(uid)}/rendered?annotation=patient`;
    const first = await get(asked);
    await service.must(['change', 'patient', '--facility', 'changed', '--patient', 'TEST', '--name', 'After^Name', '--reason', 'mistyped']);
    const second = await get(asked, 'image/png', { 'if-none-match': first.headers.etag });
    assert.equal(second.code, 200);
    assert.ok(!second.body.equals(first.body));
    await service.must(['change', 'delete', '--study', `${uid}.1`, '--reason', 'for the test']);
    for (const target of [asked, `/dicomweb/studies/${uid}.1/rendered`, `/dicomweb/studies/${uid}.1/thumbnail`, `/dicomweb/wado?requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2&objectUID=${uid}`])
        assert.equal((await get(target, 'image/png', { 'if-none-match': first.headers.etag })).code, 410, target);
});

test('a picture at its hospital is fetched and asked to come again', async (t) => {
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const files = phantomFiles(6);
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const own = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()] });
    t.after(() => own.stop());
    await own.must(['pull', 'PACS', '--all', '--wait']);
    const study = Object.values(await attribute('0020,000d', files.slice(0, 1)))[0];
    const ask = () => own.request(`/dicomweb/studies/${study}/rendered`, { headers: { accept: 'image/png' } });
    const before_ = await ask();
    await own.must(['evict', study]);
    const away = await ask();
    assert.deepEqual([away.code, Number(away.headers['retry-after']) > 0], [503, true]);
    const back = await until('it is here again', async () => { const again = await ask(); return again.code === 200 ? again : null; });
    assert.ok(back.body.equals(before_.body) || back.body.length > 1000);
});

test('many at once get each their own, or are told to come again', async () => {
    const { uid } = await ramp(['(0028,1050) DS [2048]', '(0028,1051) DS [4096]']);
    const accepts = ['image/png', 'image/gif', 'image/jpeg', 'multipart/related; type="image/png"'];
    const alone = await Promise.all(accepts.map((accept) => get(`${base(uid)}/rendered?annotation=patient,technique`, accept)));
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => get(`${base(uid)}/rendered?annotation=patient,technique`, accepts[i % 4])));
    for (const [i, answer] of answers.entries()) {
        assert.equal(answer.code, 200);
        if (i % 4 < 3) assert.ok(answer.body.equals(alone[i % 4].body), accepts[i % 4]);
        else assert.ok(partsOf(answer)[0].body.equals(alone[0].body));
    }
});

// ---- reports

const code = (value, scheme, meaning) => [`(0008,0100) SH [${value}]`, `(0008,0102) SH [${scheme}]`, `(0008,0104) LO [${meaning}]`];
const content = (relation, type, meaning, more = []) => [...(relation ? [`(0040,a010) CS [${relation}]`] : []), `(0040,a040) CS [${type}]`, ...sequence('(0040,a043)', [code('1', '99TEST', meaning)]), ...more];

test('reports as HTML, plain text and XML; their words are never markup', async () => {
    const hostile = '<script>alert("x")</script> & 5 < 6';
    const { uid, file } = await makeObject(['(0008,0005) CS [ISO_IR 192]', '(0010,0010) PN [Yamada^Tarou=山田^太郎]', ...content(null, 'CONTAINER', 'Findings', sequence('(0040,a730)', [
        content('CONTAINS', 'TEXT', '所見', [`(0040,a160) UT [${hostile}]`]),
        content('CONTAINS', 'NUM', 'Length', sequence('(0040,a300)', [[...sequence('(0040,08ea)', [code('mm', 'UCUM', 'millimeter')]), '(0040,a30a) DS [12.5]']])),
        content('CONTAINS', 'CODE', 'Grade', sequence('(0040,a168)', [code('2', '99TEST', 'Second & last')])),
        content('HAS OBS CONTEXT', 'PNAME', 'Observer', ['(0040,a123) PN [Suzuki^Hanako]']),
    ])), '(0040,a491) CS [COMPLETE]', '(0040,a493) CS [UNVERIFIED]'], { modality: 'SR' });
    const report = bytesFile(fs.readFileSync(file), 'dcm');
    await must('dcmodify', ['-nb', '-q', '-m', '(0008,0016)=1.2.840.10008.5.1.4.1.1.88.33', report]);
    await service.must(['import', report]);
    const html = await get(`${base(uid)}/rendered`, '*/*');
    assert.deepEqual([html.code, html.headers['content-type']], [200, 'text/html; charset=utf-8']);
    assert.ok(!html.body.toString().includes('<script'));
    for (const words_ of ['Findings', '所見', '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; 5 &lt; 6', 'Length</b> 12.5 mm', 'Second &amp; last', 'Suzuki^Hanako', 'UNVERIFIED', '山田']) assert.ok(html.body.toString().includes(words_), words_);
    const plain = (await get(`${base(uid)}/rendered`, 'text/plain')).body.toString();
    for (const words_ of [`  所見: ${hostile}\n`, '  Length: 12.5 mm\n', '  Grade: Second & last\n']) assert.ok(plain.includes(words_), words_);
    const xml = await get(`${base(uid)}/rendered`, 'text/xml');
    assert.equal(xml.headers['content-type'], 'text/xml; charset=utf-8');
    await must('python3', ['-c', 'import sys, xml.dom.minidom; d = xml.dom.minidom.parse(sys.argv[1]); assert len(d.getElementsByTagName("item")) == 5', bytesFile(xml.body, 'xml')]);
    assert.equal((await get(`${base(uid)}/rendered`, 'image/png')).code, 406);
    assert.equal((await get(`${base(uid)}/rendered`, 'text/html', { 'if-none-match': html.headers.etag })).code, 304);
    assert.equal((await get(`${base(uid)}/thumbnail`, '*/*')).code, 406);
    assert.equal((await get(`/dicomweb/wado?requestType=WADO&studyUID=${uid}.1&seriesUID=${uid}.2&objectUID=${uid}&contentType=text/html`, null)).headers['content-type'], 'text/html; charset=utf-8');
    assert.equal((await get(`${base(await ramp().then((made) => made.uid))}/rendered`, 'text/html')).code, 406, 'a picture has no words');
});

test('real reports: what DCMTK reads of them stands in ours', { skip: needsData }, async () => {
    for (const name of ['highdicom/sr_document.dcm', 'dcmjs/sample-sr.dcm']) {
        const file = path.join(dataDir, name);
        await service.must(['import', file]);
        const [study, series, uid] = await Promise.all(['0020,000d', '0020,000e', '0008,0018'].map(async (tag) => Object.values(await attribute(tag, [file]))[0]));
        const plain = (await get(`/dicomweb/studies/${study}/series/${series}/instances/${uid}/rendered`, 'text/plain')).body.toString();
        const { out } = await must('dsrdump', ['-q', '+Pl', file]);
        const concepts = [...out.matchAll(/<(?:[a-z -]+ )?(?:CONTAINER|TEXT|CODE|NUM|UIDREF|PNAME):\([^"\n]*"([^"\n]+)"\)=(?:"([^"\n]*)")?/g)];
        assert.ok(concepts.length > 10, name);
        for (const [, concept, value] of concepts) assert.ok(plain.includes(value === undefined ? concept : `${concept}: ${value}`), `${name}: ${concept} ${value}`);
    }
});

/** The profile of a JPEG, from its APP2 segments in their order. */
function profileOfJpeg(bytes) {
    const parts = [];
    for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + bytes.readUInt16BE(at + 2))
        if (bytes[at + 1] === 0xe2 && bytes.toString('latin1', at + 4, at + 16) === 'ICC_PROFILE\0') {
            assert.equal(bytes[at + 16], parts.length + 1);
            parts.push(bytes.subarray(at + 18, at + 2 + bytes.readUInt16BE(at + 2)));
        }
    return Buffer.concat(parts);
}
/** The same of a PNG. */
function profileOfPng(bytes) {
    for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
        if (bytes.toString('latin1', at + 4, at + 8) === 'iCCP') {
            const chunk = bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at));
            return zlib.inflateSync(chunk.subarray(chunk.indexOf(0) + 2));
        }
    return Buffer.alloc(0);
}
const needsLcms = spawnSync('transicc', ['-h']).error ? 'liblcms2-utils is not installed' : false;

test('profiles of colours: none, the own one, sRGB; what would have to be converted is refused', async () => {
    const colour = [[0x00280002, element(0x00280002, 'US', 3)], [0x00280004, element(0x00280004, 'CS', 'RGB')], [0x00280006, element(0x00280006, 'US', 0)], [0x00280100, element(0x00280100, 'US', 8)],
        [0x00280101, element(0x00280101, 'US', 8)], [0x00280102, element(0x00280102, 'US', 7)], [0x7fe00010, element(0x7fe00010, 'OB', Buffer.from(Array.from({ length: 192 }, (_, i) => i)))]];
    const folder = temporaryFolder('kh-profile');
    const keep = async (elements) => {
        const one = instance(elements);
        const file = path.join(folder, one.uid);
        fs.writeFileSync(file, one.bytes);
        await service.must(['import', '--facility', 'colours', file]);
        return `/dicomweb/studies/${one.study}/series/${one.series}/instances/${one.uid}`;
    };
    const plain = await keep(colour);
    const of = { 'image/jpeg': profileOfJpeg, 'image/png': profileOfPng };
    const ask = async (address, wish, type, code = 200) => {
        const answer = await get(`${address}/rendered${wish ? `?iccprofile=${wish}` : ''}`, type);
        assert.equal(answer.code, code, `${wish} ${type}: ${answer.body.toString('latin1').slice(0, 200)}`);
        return answer;
    };
    let srgb;
    for (const [type, read] of Object.entries(of)) {
        for (const wish of [null, 'no']) assert.equal(read((await ask(plain, wish, type)).body).length, 0);
        const own = await ask(plain, 'yes', type);
        assert.equal(read(own.body).length, 0);
        assert.match(own.headers.warning, /instance has none/);
        const given = await ask(plain, 'srgb', type);
        assert.equal(given.headers.warning, undefined);
        srgb = read(given.body);
        assert.equal(srgb.toString('latin1', 36, 40), 'acsp');
        assert.notEqual(given.headers.etag, own.headers.etag);
    }
    // The pixels are the same; DCMTK reads the JPEG, libpng's tool the PNG.
    const [without, within] = await Promise.all([null, 'srgb'].map(async (wish) => jpegPixels((await ask(plain, wish, 'image/jpeg')).body)));
    assert.equal(Buffer.compare(without.pixels, within.pixels), 0);
    const png = bytesFile((await ask(plain, 'srgb', 'image/png')).body, 'png');
    const pnm = spawnSync('pngtopnm', [png], { encoding: 'buffer' });
    assert.deepEqual([pnm.status, pnm.stderr.toString()], [0, '']);
    assert.equal(Buffer.compare(pnm.stdout.subarray(-192), Buffer.from(Array.from({ length: 192 }, (_, i) => i))), 0);
    if (!needsLcms) { // what a colour engine of others makes of it: sRGB in, sRGB out
        const file = bytesFile(srgb, 'icc');
        for (const rgb of ['255 255 255', '0 0 0', '128 64 200', '12 250 7']) {
            const { stdout } = spawnSync('transicc', ['-i', file, '-o', '*sRGB', '-t', '1', '-n'], { input: `${rgb.replace(/ /g, '\n')}\n`, encoding: 'utf8' });
            const got = stdout.match(/[0-9.]+/g).slice(-3).map(Number);
            rgb.split(' ').forEach((value, i) => assert.ok(Math.abs(got[i] - Number(value)) <= 1, `${rgb}: ${stdout}`));
        }
    }
    // A profile of another name, longer than a segment of a JPEG has room for.
    const scanner = Buffer.concat([srgb, Buffer.alloc(150000 + srgb.length % 2, 0x5a)]);
    scanner.writeUInt32BE(scanner.length, 0);
    Buffer.from('\0s\0c\0a\0n').copy(scanner, scanner.indexOf(Buffer.from('\0s\0R\0G\0B')));
    const named = await keep([...colour, [0x00282000, element(0x00282000, 'OB', scanner)]]), standard = await keep([...colour, [0x00282000, element(0x00282000, 'OB', srgb)]]);
    for (const [type, read] of Object.entries(of)) {
        assert.equal(Buffer.compare(read((await ask(named, 'yes', type)).body), scanner), 0, type);
        assert.equal(read((await ask(named, 'no', type)).body).length, 0);
        assert.match(JSON.parse((await ask(named, 'srgb', type, 400)).body).message, /iccprofile.*not converted/);
        for (const wish of ['yes', 'srgb']) assert.equal(Buffer.compare(read((await ask(standard, wish, type)).body), srgb), 0);
        for (const wish of ['adobergb', 'rommrgb', 'cmyk', '']) assert.match(JSON.parse((await ask(plain, wish || '%20', type, 400)).body).message, /iccprofile/);
    }
    for (const wish of ['yes', 'srgb']) assert.match(JSON.parse((await ask(plain, wish, 'image/gif', 400)).body).message, /iccprofile with image\/gif/);
    await ask(plain, 'no', 'image/gif');
    // Lies about itself, or of other colours: as if there were none.
    const cmyk = Buffer.from(srgb);
    cmyk.write('CMYK', 16);
    for (const bytes of [cmyk, srgb.subarray(0, 128), Buffer.alloc(200), Buffer.concat([srgb, Buffer.alloc(4)])]) {
        const address = await keep([...colour, [0x00282000, element(0x00282000, 'OB', bytes)]]);
        assert.match((await ask(address, 'yes', 'image/jpeg')).headers.warning, /instance has none/);
    }
    const grey8 = await keep([]);
    assert.match((await ask(grey8, 'yes', 'image/png')).headers.warning, /grey values have none/);
});
