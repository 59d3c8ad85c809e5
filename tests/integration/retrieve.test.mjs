// WADO-RS (PS3.18 10.4) by plain requests: what was stored comes back byte for byte, in other transfer syntaxes as DCMTK reads them, in parts
// and alone, with its validators, ranges and refusals.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { attribute, dataDir, filesUnder, must, needsData, phantomFiles, root, Service, temporaryFolder } from '../lib/service.mjs';

const EXPLICIT = '1.2.840.10008.1.2.1';
const MULTIPART = 'multipart/related; type="application/dicom"';
const AS_STORED = `${MULTIPART}; transfer-syntax=*`;
const needsPydicom = spawnSync('/usr/bin/python3', ['-c', 'import pydicom, numpy']).status === 0 ? false : 'python3-pydicom or python3-numpy is not installed';
let service, files, ids, withRealFiles;

/** A service that holds what of the real files the cache takes. */
async function realFiles() {
    if (!withRealFiles) {
        withRealFiles = await Service.start();
        await withRealFiles.command(['import', '--facility', 'real', dataDir], { seconds: 300 });
    }
    return withRealFiles;
}

/** {file: {study, series, instance}} as DCMTK reads them. */
async function idsOf(list) {
    const [study, series, instance] = await Promise.all(['0020,000d', '0020,000e', '0008,0018'].map((tag) => attribute(tag, list)));
    return Object.fromEntries(list.filter((file) => study[file] && series[file] && instance[file]).map((file) => [file, { study: study[file], series: series[file], instance: instance[file] }]));
}
const urlOf = ({ study, series, instance }) => `/dicomweb/studies/${study}${series ? `/series/${series}` : ''}${instance ? `/instances/${instance}` : ''}`;
const sha = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

/** [{headers, body}] by the boundary and, where there is one, each part's Content-Length. */
export function partsOf(answer) {
    const boundary = /boundary="?([^";]+)/.exec(answer.headers['content-type'])[1];
    const parts = [];
    let at = answer.body.indexOf(`--${boundary}`);
    for (;;) {
        const start = at + boundary.length + 2;
        if (answer.body.subarray(start, start + 2).toString() === '--') return parts;
        const blank = answer.body.indexOf('\r\n\r\n', start);
        const headers = Object.fromEntries(answer.body.subarray(start + 2, blank).toString().split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
        const end = blank + 4 + Number(headers['content-length']);
        parts.push({ headers, body: answer.body.subarray(blank + 4, end) });
        assert.equal(answer.body.subarray(end, end + boundary.length + 4).toString(), `\r\n--${boundary}`);
        at = end + 2;
    }
}
const get = (target, accept, headers = {}) => service.request(target, { headers: { ...(accept && { accept }), ...headers } });

before(async () => {
    files = phantomFiles(6);
    service = await Service.start({ files });
    ids = await idsOf(files);
});
after(async () => { await service.stop(); await withRealFiles?.stop(); });

test('a study, a series and an instance come back byte for byte', async () => {
    const expected = files.map((file) => sha(fs.readFileSync(file))).sort();
    const one = ids[files[0]];
    for (const target of [{ study: one.study }, { study: one.study, series: one.series }]) {
        const answer = await get(urlOf(target), AS_STORED);
        assert.equal(answer.code, 200);
        assert.equal(Number(answer.headers['content-length']), answer.body.length);
        assert.match(answer.headers['cache-control'], /^private/);
        const parts = partsOf(answer);
        assert.deepEqual(parts.map((part) => sha(part.body)).sort(), expected);
        for (const part of parts) {
            assert.equal(part.headers['content-type'], `application/dicom; transfer-syntax=${EXPLICIT}`);
            assert.match(part.headers['content-location'], new RegExp(`^http://127\\.0\\.0\\.1:${service.httpPort}/dicomweb/studies/${one.study}/series/`));
            assert.equal((await get(new URL(part.headers['content-location']).pathname, AS_STORED)).code, 200);
        }
    }
    for (const accept of [undefined, '*/*', MULTIPART, 'multipart/related; type=application/dicom', AS_STORED]) {
        const answer = await get(urlOf(one), accept);
        assert.equal(answer.code, 200, accept);
        assert.deepEqual(partsOf(answer).map((part) => sha(part.body)), [sha(fs.readFileSync(files[0]))]);
    }
    const single = await get(urlOf(one), 'application/dicom');
    assert.equal(single.headers['content-type'], `application/dicom; transfer-syntax=${EXPLICIT}`);
    assert.equal(sha(single.body), sha(fs.readFileSync(files[0])));
});

test('HEAD says how long it is', async () => {
    const one = ids[files[0]];
    for (const accept of ['application/dicom', AS_STORED]) {
        const [head, body] = [await service.request(urlOf(one), { method: 'HEAD', headers: { accept } }), await get(urlOf(one), accept)];
        assert.deepEqual([head.code, head.body.length, head.headers['content-length']], [200, 0, String(body.body.length)]);
    }
});

test('validators: what has not changed is not sent again', async () => {
    const one = ids[files[0]];
    for (const [target, accept] of [[one, 'application/dicom'], [{ study: one.study }, AS_STORED]]) {
        const { headers } = await get(urlOf(target), accept);
        const again = await get(urlOf(target), accept, { 'if-none-match': headers.etag });
        assert.deepEqual([again.code, again.body.length, again.headers.etag], [304, 0, headers.etag]);
        assert.equal((await get(urlOf(target), accept, { 'if-none-match': '"another"' })).code, 200);
    }
    const [plain, other] = [await get(urlOf(one), 'application/dicom'), await get(urlOf(one), 'application/dicom; transfer-syntax=1.2.840.10008.1.2')];
    assert.notEqual(plain.headers.etag, other.headers.etag);
});

test('ranges of a single part', async () => {
    const target = urlOf(ids[files[0]]);
    const bytes = fs.readFileSync(files[0]);
    const size = bytes.length;
    const { etag } = (await get(target, 'application/dicom')).headers;
    for (const [range, code, from, to] of [
        ['bytes=0-0', 206, 0, 1], ['bytes=132-1000', 206, 132, 1001], [`bytes=${size - 1}-`, 206, size - 1, size], [`bytes=0-${size}`, 206, 0, size],
        ['bytes=-10', 206, size - 10, size], [`bytes=-${size + 5}`, 206, 0, size], [`bytes=${size}-`, 416], ['bytes=-0', 416],
        ['bytes=5-4', 200, 0, size], ['bytes=0-1,4-5', 200, 0, size], ['lines=0-1', 200, 0, size], ['bytes=x', 200, 0, size], ['bytes=-', 200, 0, size],
    ]) {
        const answer = await get(target, 'application/dicom', { range });
        assert.equal(answer.code, code, range);
        if (code === 416) { assert.equal(answer.headers['content-range'], `bytes */${size}`); continue; }
        assert.ok(answer.body.equals(bytes.subarray(from, to)), range);
        if (code === 206) assert.equal(answer.headers['content-range'], `bytes ${from}-${to - 1}/${size}`);
    }
    assert.equal((await get(target, 'application/dicom', { range: 'bytes=0-1', 'if-range': etag })).code, 206);
    assert.equal((await get(target, 'application/dicom', { range: 'bytes=0-1', 'if-range': '"another"' })).code, 200);
});

test('what cannot be had is refused with its reason', async () => {
    const one = ids[files[0]];
    for (const [target, accept, code, word] of [
        [urlOf({ study: '1.2.3' }), AS_STORED, 404, /no such study/], [urlOf({ ...one, series: '1.2.3' }), AS_STORED, 404, /no such instance/],
        [urlOf({ study: one.study, series: '1.2.3' }), AS_STORED, 404, /no such series/], [urlOf({ ...one, instance: '1.2.3' }), AS_STORED, 404, /no such instance/],
        [urlOf({ study: '..%2f..%2fetc' }), AS_STORED, 400, /./], [urlOf({ study: 'passwd' }), AS_STORED, 400, /study/],
        [urlOf({ study: `1.${'2'.repeat(63)}` }), AS_STORED, 400, /study/], [urlOf({ study: `1.${'2'.repeat(62)}` }), AS_STORED, 404, /no such study/],
        [urlOf(one), 'image/jpeg', 406, /Accept/], [urlOf({ study: one.study }), 'application/dicom', 406, /Accept/],
        [urlOf(one), `${MULTIPART}; transfer-syntax=1.2.840.10008.1.2.4.90`, 406, /Accept/], [urlOf(one), 'nonsense', 400, /Accept/],
        [`${urlOf(one)}?accept=*/*`, '*/*', 400, /accept/], [`${urlOf(one)}?accept=application/dicom;q=5`, '*/*', 400, /accept/],
    ]) {
        const answer = await get(target, accept);
        assert.equal(answer.code, code, `${target} ${accept}: ${answer.body.subarray(0, 200)}`);
        assert.match(JSON.parse(answer.body).message, word);
    }
    assert.equal((await get(`${urlOf(one)}?accept=application/dicom`, '*/*')).headers['content-type'], `application/dicom; transfer-syntax=${EXPLICIT}`);
});

test('frames in parts and alone, their types and refusals', async () => {
    const one = ids[files[0]];
    const bytes = fs.readFileSync(files[0]);
    const pixels = bytes.subarray(bytes.length - 512 * 512 * 2);
    const at = (list) => `${urlOf(one)}/frames/${list}`;
    for (const accept of [undefined, '*/*', 'multipart/related; type="application/octet-stream"', 'multipart/related; type=application/octet-stream; transfer-syntax=*']) {
        const answer = await get(at(1), accept);
        assert.equal(answer.code, 200);
        assert.match(answer.headers['content-type'], /^multipart\/related; type="application\/octet-stream"; boundary=/);
        const [part, ...more] = partsOf(answer);
        assert.deepEqual([more.length, part.headers['content-type'], part.headers['content-location']],
            [0, `application/octet-stream; transfer-syntax=${EXPLICIT}`, `${service.url}${at(1)}`]);
        assert.ok(part.body.equals(pixels));
    }
    const single = await get(at(1), 'application/octet-stream');
    assert.deepEqual([single.code, single.headers['content-type']], [200, `application/octet-stream; transfer-syntax=${EXPLICIT}`]);
    assert.ok(single.body.equals(pixels));
    const range = await get(at(1), 'application/octet-stream', { range: 'bytes=100-199', 'if-range': single.headers.etag });
    assert.ok(range.code === 206 && range.body.equals(pixels.subarray(100, 200)));
    assert.equal((await get(at(1), 'application/octet-stream', { 'if-none-match': single.headers.etag })).code, 304);
    assert.ok(partsOf(await get(`${urlOf(one)}/pixeldata`, '*/*'))[0].body.equals(pixels));
    for (const [list, accept, code] of [[2, '*/*', 404], [4294967295, '*/*', 404], [4294967296, '*/*', 400], [0, '*/*', 400], [-1, '*/*', 400], ['1,1', '*/*', 400],
        ['2,1', '*/*', 400], ['1,', '*/*', 400], [',1', '*/*', 400], ['1;2', '*/*', 400], ['x', '*/*', 400], ['1%2C2', '*/*', 404], [1, 'image/jpeg', 406], [1, 'application/dicom', 406],
        [Array.from({ length: 1000 }, (_, i) => i + 1).join(','), '*/*', 404], [Array.from({ length: 1100 }, (_, i) => i + 1).join(','), '*/*', 414]]) {
        const answer = await get(at(list), accept);
        assert.equal(answer.code, code, `${list} ${answer.body.subarray(0, 200)}`);
        if (code === 400) assert.match(JSON.parse(answer.body).message, /^frames: /);
    }
});

test('first frames of real files, decoded, are what other decoders make of them', { skip: needsData || needsPydicom }, async () => {
    const folder = temporaryFolder('kh-frames');
    const real = await realFiles();
    const rows = fs.readFileSync(path.join(dataDir, 'expected.tsv'), 'utf8').trim().split('\n').map((line) => line.split('\t'));
    const column = (name) => rows[0].indexOf(name);
    const exact = rows.slice(1).filter((row) => row[column('exact')] === 'yes' && row[column('status')].startsWith('agree')).map((row) => [path.join(dataDir, row[0]), row[column('sha256')]]);
    const known = await idsOf(exact.map(([file]) => file));
    const lines = [];
    for (const [file] of exact.filter(([name]) => known[name])) {
        const stored = await real.request(urlOf(known[file]), { headers: { accept: 'application/dicom; transfer-syntax=*' } });
        if (stored.code !== 200 || sha(stored.body) !== sha(fs.readFileSync(file))) continue; // not taken, or another with its UIDs
        const answer = await real.request(`${urlOf(known[file])}/frames/1`, { headers: { accept: 'application/octet-stream' } });
        assert.equal(answer.code, 200, `${file}: ${answer.body.subarray(0, 300)}`);
        const fetched = path.join(folder, `${lines.length}.raw`);
        fs.writeFileSync(fetched, answer.body);
        lines.push(`${file}\t${fetched}`);
    }
    const { out } = await must('/usr/bin/python3', [path.join(root, 'tests/lib/frame_sums.py')], { input: `${lines.join('\n')}\n` });
    const sums = Object.fromEntries(out.trim().split('\n').map((line) => line.split('\t')));
    assert.deepEqual(exact.filter(([file, sum]) => sums[file] && sums[file] !== sum).map(([file]) => file), []);
    assert.ok(Object.keys(sums).length > 150, `${Object.keys(sums).length} files`);
});

test('every real file that the cache takes comes back byte for byte', { skip: needsData }, async () => {
    const real = await realFiles();
    const list = filesUnder(dataDir).filter((file) => !file.includes('/licences/'));
    const known = await idsOf(list);
    const sums = new Set(list.map((file) => sha(fs.readFileSync(file)))); // several have the same UIDs: one of those is held
    let same = 0;
    const wrong = [];
    for (const one of new Map(Object.values(known).map((value) => [urlOf(value), value])).values()) {
        const answer = await real.request(urlOf(one), { headers: { accept: 'application/dicom; transfer-syntax=*' } });
        if (answer.code === 404 || !Object.values(one).every((uid) => /^[0-9.]{1,64}$/.test(uid))) continue; // not taken
        if (answer.code === 200 && sums.has(sha(answer.body)) && answer.body.includes(one.instance)) same++;
        else wrong.push(`${urlOf(one)}: ${answer.code}, ${Object.keys(known).filter((file) => known[file].instance === one.instance)}`);
    }
    assert.deepEqual(wrong, []);
    assert.ok(same > 150, `${same} files`);
});
