// WADO-RS (PS3.18 10.4) by plain requests: what was stored comes back byte for byte, in other transfer syntaxes as DCMTK reads them, in parts
// and alone, with its validators, ranges and refusals.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { attribute, dataDir, filesUnder, needsData, phantomFiles, Service } from '../lib/service.mjs';

const EXPLICIT = '1.2.840.10008.1.2.1';
const MULTIPART = 'multipart/related; type="application/dicom"';
const AS_STORED = `${MULTIPART}; transfer-syntax=*`;
let service, files, ids;

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
after(() => service.stop());

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

test('every real file that the cache takes comes back byte for byte', { skip: needsData }, async () => {
    const real = await Service.start();
    try {
        const list = filesUnder(dataDir).filter((file) => !file.includes('/licences/'));
        await real.command(['import', '--facility', 'real', dataDir], { seconds: 300 });
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
    } finally { await real.stop(); }
});
