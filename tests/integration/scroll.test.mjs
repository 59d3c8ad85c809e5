// A reader scrolls: lossless slices against DCMTK's dump of the file, decoding ahead, small pictures.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LosslessReader } from '../../viewer/web/lossless.js';
import { attribute, dataDir, filesUnder, must, phantomFiles, Service, temporaryFolder, until } from '../lib/service.mjs';

const COMPRESSED = 12; // slices of the JPEG 2000 stack
const COMPRESSED_SERIES = '1.2.276.0.7230010.3.1.3.77';
let service;
let folder;
let files;

/** Grey files of 16 bits allocated: of scanners where there are such files, and generated. */
function greyFiles() {
    const real = dataDir
        ? [...filesUnder(path.join(dataDir, 'ct-philips-phantom')).slice(0, 3), ...filesUnder(path.join(dataDir, 'mr-hitachi-spine/DCMDT')).slice(0, 3)]
        : [];
    return [...real, ...phantomFiles(12).slice(0, 2)];
}

/** The same CT again as JPEG 2000, by GDCM, as a series of its own. */
async function compressedFiles() {
    const made = [];
    for (const [i, file] of phantomFiles(COMPRESSED).entries()) {
        const copy = path.join(folder, `j2k-${String(i).padStart(2, '0')}.dcm`);
        await must('gdcmconv', ['--j2k', file, copy]);
        await must('dcmodify', ['-nb', '-gin', '-ma', `(0020,000e)=${COMPRESSED_SERIES}`, copy]);
        made.push(copy);
    }
    return made;
}

before(async () => {
    folder = temporaryFolder('kh-pictures');
    files = greyFiles();
    service = await Service.start({ files: [...files, ...(await compressedFiles())] });
});
after(() => service.stop());

/** The stored values as DCMTK writes them out, low bits and sign as the file says. */
async function storedValues(file, object, bits) {
    const dump = fs.mkdtempSync(path.join(folder, 'dump-'));
    await must('dcmdump', ['-q', '+W', dump, file]);
    const raw = fs.readFileSync(path.join(dump, fs.readdirSync(dump).find((name) => name.endsWith('.raw'))));
    const signed = (await must('dcmdump', ['-q', '+P', '0028,0103', file])).out.includes('US 1');
    return Array.from({ length: object.rows * object.columns }, (_, i) => {
        const value = raw.readUInt16LE(2 * i) & (2 ** bits - 1);
        return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
    });
}

async function seriesWith(find) {
    for (const study of await service.studies()) {
        for (const series of (await service.json(`/api/studies/${study.id}`)).series_list) {
            const stack = await service.json(`/api/series/${series.id}/stack`);
            if (find(series, stack)) return { series, stack };
        }
    }
    throw new Error('there is no such series');
}

test('a lossless slice, undone as it arrives, is what DCMTK reads in the file', async () => {
    const uids = await attribute('0008,0018', files);
    for (const file of files) {
        const { series, stack } = await seriesWith((_, one) => one.objects.some((object) => object.sop_uid === uids[file]));
        const object = stack.objects.find((one) => one.sop_uid === uids[file]);
        const expected = await storedValues(file, object, object.bits_stored);
        const steps = [];
        const reader = new LosslessReader((picture) => steps.push(picture));
        const answer = await fetch(`${service.url}/tiles/${series.id}/${object.id}-0/lossless`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('x-kakehashi-lossy'), 'no');
        for await (const chunk of answer.body) reader.push(chunk);
        const slice = reader.end();
        assert.deepEqual([slice.rows, slice.columns], [object.rows, object.columns]);
        assert.ok(slice.values.every((value, i) => value === expected[i]), `${file} differs`);
        assert.deepEqual(steps.map((picture) => picture.step), [4, 2, 1]);
        for (const { step, rows, columns, values } of steps) {
            assert.deepEqual([rows, columns], [Math.ceil(object.rows / step), Math.ceil(object.columns / step)]);
            assert.ok(values.every((value, i) => value === expected[Math.floor(i / columns) * step * object.columns + (i % columns) * step]));
        }
    }
});

async function metrics() {
    const text = (await service.request('/metrics')).body.toString();
    return Object.fromEntries([...text.matchAll(/^kakehashi_(\w+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

test('a small picture of a compressed series is made of a frame decoded smaller', async () => {
    const { series } = await seriesWith((one) => one.uid === COMPRESSED_SERIES);
    const before = await metrics();
    const answer = await service.request(series.thumbnail);
    assert.equal(answer.code, 200);
    assert.equal(answer.headers['content-type'], 'image/jpeg');
    assert.equal((await metrics()).tiles_reduced_total, before.tiles_reduced_total + 1);
    assert.equal((await service.request(series.thumbnail, { headers: { 'If-None-Match': answer.headers.etag } })).code, 304);
});

test('a reader who scrolls through JPEG 2000 finds the frames decoded', async () => {
    const { series, stack } = await seriesWith((one) => one.uid === COMPRESSED_SERIES);
    const show = (i) => {
        const slice = stack.slices[i];
        return service.request(`/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg`, { headers: { 'X-Kakehashi-Reader': 'test' } });
    };
    assert.equal((await show(0)).code, 200);
    await until('all that follow are decoded', async () => (await metrics()).ahead_decoded_total === COMPRESSED - 1);
    const misses = (await metrics()).frame_cache_misses_total;
    for (let i = 1; i < COMPRESSED; i++) assert.equal((await show(i)).code, 200);
    await until('all were of use', async () => (await metrics()).ahead_used_total === COMPRESSED - 1);
    const now = await metrics();
    assert.equal(now.frame_cache_misses_total, misses);
    assert.equal(now.ahead_thrown_total, 0);
    assert.equal(now.ahead_bytes, 0);
});
