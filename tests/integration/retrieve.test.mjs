// WADO-RS (PS3.18 10.4) by plain requests: what was stored comes back byte for byte, in other transfer syntaxes as DCMTK reads them, in parts
// and alone, with its validators, ranges and refusals.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { attribute, dataDir, filesUnder, freePort, must, needsData, Pacs, phantomFiles, root, Service, temporaryFolder, until } from '../lib/service.mjs';
import { bytesFile, grey, makeObject, sequence, words } from '../lib/objects.mjs';
import { partsOf } from '../lib/multipart.mjs';
import { element, encapsulated, instance } from '../lib/part10.mjs';

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

test('metadata of every real file, and every address of bulk data in them', { skip: needsData }, async () => {
    const real = await realFiles();
    const known = await idsOf(filesUnder(dataDir).filter((file) => !file.includes('/licences/')));
    const wrong = [];
    let told = 0, given = 0;
    const urisIn = (value, found = []) => {
        if (Array.isArray(value)) value.forEach((one) => urisIn(one, found));
        else if (value && typeof value === 'object') Object.entries(value).forEach(([key, one]) => (key === 'BulkDataURI' ? found.push(one) : urisIn(one, found)));
        return found;
    };
    for (const [url, one] of new Map(Object.values(known).map((value) => [urlOf(value), value]))) {
        const answer = await real.request(`${url}/metadata`, { headers: { accept: 'application/dicom+json' } });
        if (answer.code === 404 || !Object.values(one).every((uid) => /^[0-9.]{1,64}$/.test(uid))) continue; // not taken
        if (answer.code !== 200) { wrong.push(`${url}: ${answer.code} ${answer.body.subarray(0, 200)}`); continue; }
        const [json] = JSON.parse(answer.body);
        assert.equal(json['00080018'].Value[0], one.instance);
        told++;
        for (const uri of urisIn(json)) {
            const bulk = await real.request(new URL(uri).pathname, { headers: { accept: 'multipart/related; type="application/octet-stream"; transfer-syntax=*' } });
            if (bulk.code === 200) given++;
            else wrong.push(`${uri}: ${bulk.code} ${bulk.body.subarray(0, 200)} ${Object.keys(known).filter((file) => known[file].instance === one.instance)}`);
        }
    }
    assert.deepEqual(wrong, []);
    const spine = Object.entries(known).filter(([file]) => file.includes('/mr-hitachi-spine/'));
    const zipped = await real.request(`${urlOf({ study: spine[0][1].study })}/metadata`, { headers: { 'accept-encoding': 'gzip' } });
    const plain = await real.request(`${urlOf({ study: spine[0][1].study })}/metadata`);
    assert.ok(zlib.gunzipSync(zipped.body).equals(plain.body), 'several series, compressed and not');
    assert.deepEqual(JSON.parse(plain.body).map((one) => one['00080018'].Value[0]).sort(), spine.map(([, one]) => one.instance).sort());
    assert.ok(told > 150 && given > 150, `${told} objects, ${given} addresses`);
});

test('real files in other transfer syntaxes are given in explicit VR little endian with the same samples', { skip: needsData || needsPydicom }, async () => {
    const folder = temporaryFolder('kh-native');
    const real = await realFiles();
    const rows = fs.readFileSync(path.join(dataDir, 'expected.tsv'), 'utf8').trim().split('\n').map((line) => line.split('\t'));
    const column = (name) => rows[0].indexOf(name);
    const exact = rows.slice(1).filter((row) => row[column('exact')] === 'yes' && row[column('status')].startsWith('agree') && row[column('ts')] !== EXPLICIT)
        .map((row) => [path.join(dataDir, row[0]), row[column('sha256')]]);
    const known = await idsOf(exact.map(([file]) => file));
    const lines = [];
    for (const [file] of exact.filter(([name]) => known[name])) {
        const stored = await real.request(urlOf(known[file]), { headers: { accept: 'application/dicom; transfer-syntax=*' } });
        if (stored.code !== 200 || sha(stored.body) !== sha(fs.readFileSync(file))) continue;
        const answer = await real.request(urlOf(known[file]), { headers: { accept: MULTIPART } });
        if (answer.code === 406) { // compressed pixels inside a private sequence
            assert.match(JSON.parse(answer.body).message, /holds compressed pixel data/);
            const [part] = partsOf(await real.request(urlOf({ study: known[file].study }), { headers: { accept: MULTIPART } })).filter(({ headers }) => headers['content-location'].endsWith(known[file].instance));
            assert.equal(sha(part.body), sha(stored.body), 'in a study it comes as it is');
            continue;
        }
        assert.equal(answer.code, 200, `${file}: ${answer.body.subarray(0, 300)}`);
        const [part] = partsOf(answer);
        assert.equal(part.headers['content-type'], `application/dicom; transfer-syntax=${EXPLICIT}`);
        const fetched = path.join(folder, `${lines.length}.dcm`);
        fs.writeFileSync(fetched, part.body);
        lines.push(`${file}\t${fetched}`);
    }
    const { out } = await must('/usr/bin/python3', [path.join(root, 'tests/lib/frame_sums.py')], { input: `${lines.join('\n')}\n` });
    const sums = Object.fromEntries(out.trim().split('\n').map((line) => line.split('\t')));
    assert.deepEqual(exact.filter(([file, sum]) => sums[file] && sums[file] !== sum).map(([file]) => file), []);
    assert.ok(Object.keys(sums).length > 20, `${Object.keys(sums).length} files`);
    const syntaxes = await must('dcmdump', ['-q', '-M', '+P', '0002,0010', ...filesUnder(folder)]);
    assert.equal(syntaxes.out.match(/=LittleEndianExplicit/g).length, lines.length);
});

test('bulk data by tag, inside items, alone and in parts', async () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 37) & 255));
    const lines = [...grey({ rows: 4, columns: 4 }), '(0009,0010) LO [KAKEHASHI TEST]', `(0009,1001) OB =${bytesFile(bytes)}`,
        ...sequence('(5400,0100)', [['(003a,021a) US 16'], ['(003a,021a) US 16', `(5400,1010) OW =${bytesFile(bytes)}`]]), `(7fe0,0010) OW =${bytesFile(words(Array.from({ length: 16 }, (_, i) => i * 100)))}`];
    const objects = [await makeObject(lines), await makeObject(lines, { syntax: 'BigEndianExplicit' }), await makeObject(lines, { syntax: 'DeflatedLittleEndianExplicit' })];
    await service.must(['import', '--facility', 'bulk', ...objects.map(({ file }) => file)]);
    for (const { uid } of objects) {
        const at = (name) => `${urlOf({ study: `${uid}.1`, series: `${uid}.2`, instance: uid })}/bulkdata/${name}`;
        for (const [name, expected] of [['00091001', bytes], ['54000100.2.54001010', bytes], ['54000100/2/54001010', bytes], ['54000100/2/003A021A', words([16])], ['7FE00010', words(Array.from({ length: 16 }, (_, i) => i * 100))]]) {
            const single = await get(at(name), 'application/octet-stream');
            assert.equal(single.code, 200, `${name} ${single.body}`);
            assert.ok(single.body.equals(expected), name);
            const [part, ...more] = partsOf(await get(at(name.toLowerCase()), undefined));
            assert.equal(more.length, 0);
            assert.ok(part.body.equals(expected), name);
            assert.equal((await get(at(name), 'application/octet-stream', { 'if-none-match': single.headers.etag })).code, 304);
            assert.ok((await get(at(name), 'application/octet-stream', { range: 'bytes=1-1' })).body.equals(expected.subarray(1, 2)));
        }
        for (const [name, code] of [['00091002', 404], ['54000100', 404], ['54000100/3/54001010', 404], ['00091001/1/00080018', 404], ['54000100/0/54001010', 400], ['xyz', 400], ['0009100', 400],
            ['000910011', 400], ['00091001/', 400], ['54000100/1', 400], ['54000100//54001010', 400], [Array(17).fill('54000100.1').join('.').concat('.00080018'), 400], [Array(16).fill('54000100.1').join('.').concat('.00080018'), 404]])
            assert.equal((await get(at(name), '*/*')).code, code, name);
        assert.equal((await get(at('00091001'), 'image/jpeg')).code, 406);
    }
});

test('metadata: what DCMTK reads of the attributes, and addresses that give the bulk data', async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 37) & 255));
    const object = await makeObject([...grey({ rows: 4, columns: 4 }), '(0009,0010) LO [KAKEHASHI TEST]', `(0009,1001) OB =${bytesFile(bytes)}`, '(0008,0005) CS [ISO_IR 192]', '(0010,0010) PN [Yamada^Taro=山田^太郎]',
        ...sequence('(5400,0100)', [['(003a,021a) US 16'], ['(003a,021a) US 16', `(5400,1010) OW =${bytesFile(bytes)}`]]), `(7fe0,0010) OW =${bytesFile(words(Array(16).fill(7)))}`]);
    await service.must(['import', '--facility', 'metadata', object.file]);
    const at = { study: `${object.uid}.1`, series: `${object.uid}.2`, instance: object.uid };
    for (const target of [at, { study: at.study, series: at.series }, { study: at.study }]) {
        const answer = await get(`${urlOf(target)}/metadata`, 'application/dicom+json');
        assert.deepEqual([answer.code, answer.headers['content-type']], [200, 'application/dicom+json']);
        const [json, ...more] = JSON.parse(answer.body);
        assert.equal(more.length, 0);
        assert.equal(json['00080018'].Value[0], object.uid);
        assert.deepEqual(json['00100010'].Value[0], { Alphabetic: 'Yamada^Taro', Ideographic: '山田^太郎' });
        assert.equal(json['00020010'], undefined);
        const uris = [json['00091001'].BulkDataURI, json['54000100'].Value[1]['54001010'].BulkDataURI];
        for (const uri of uris) {
            const bulk = await get(new URL(uri).pathname, 'application/octet-stream');
            assert.ok(bulk.code === 200 && bulk.body.equals(bytes), uri);
        }
        const pixels = await get(new URL(json['7FE00010'].BulkDataURI).pathname, 'application/octet-stream');
        assert.ok(pixels.body.equals(words(Array(16).fill(7))));
        assert.equal((await get(`${urlOf(target)}/metadata`, 'application/dicom+json', { 'if-none-match': answer.headers.etag })).code, 304);
    }
    const [zipped, plain] = [await get(`${urlOf(at)}/metadata`, undefined, { 'accept-encoding': 'gzip' }), await get(`${urlOf(at)}/metadata`)];
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.ok(zlib.gunzipSync(zipped.body).equals(plain.body));
    const [xml, ...others] = partsOf(await get(`${urlOf(at)}/metadata`, 'multipart/related; type="application/dicom+xml"'));
    assert.deepEqual([others.length, xml.headers['content-type']], [0, 'application/dicom+xml']);
    assert.match(xml.body.toString(), new RegExp(`<DicomAttribute[^>]*tag="00080018"[^>]*>\\s*<Value number="1">${object.uid}</Value>`));
    const parts = partsOf(await get(`${urlOf({ study: ids[files[0]].study })}/metadata`, 'multipart/related; type="application/dicom+xml"'));
    assert.equal(parts.length, files.length);
    const series = JSON.parse((await get(`${urlOf({ ...ids[files[0]], instance: undefined })}/metadata`, undefined)).body);
    assert.deepEqual(series.map((one) => one['00080018'].Value[0]).sort(), Object.values(ids).map((one) => one.instance).sort());
    for (const [target, accept, code] of [[urlOf({ study: '1.2.3' }), '*/*', 404], [urlOf({ study: 'x' }), '*/*', 400], [urlOf(at), 'image/jpeg', 406], [urlOf(at), 'application/json', 200]])
        assert.equal((await get(`${target}/metadata`, accept)).code, code);
});

test('what was deleted is not there, and what was corrected leaves corrected, under another tag', async () => {
    const object = await makeObject([...grey({ rows: 4, columns: 4 }), '(0010,0010) PN [Before^Name]', `(7fe0,0010) OW =${bytesFile(words(Array(16).fill(7)))}`]);
    await service.must(['import', '--facility', 'changed', object.file]);
    const target = urlOf({ study: `${object.uid}.1`, series: `${object.uid}.2`, instance: object.uid });
    const before = await get(target, 'application/dicom');
    assert.equal(sha(before.body), sha(fs.readFileSync(object.file)));
    await service.must(['change', 'patient', '--facility', 'changed', '--patient', 'TEST', '--name', 'After^Name', '--reason', 'mistyped']);
    for (const accept of ['application/dicom', AS_STORED, 'application/dicom; transfer-syntax=1.2.840.10008.1.2']) {
        const answer = await get(target, accept, { 'if-none-match': before.headers.etag });
        assert.equal(answer.code, 200);
        const file = bytesFile(accept === AS_STORED ? partsOf(answer)[0].body : answer.body, 'dcm');
        const { out } = await must('dcmdump', ['-q', '-Un', file]);
        assert.match(out, /\(0010,0010\) PN \[After\^Name\]/);
        assert.match(out, /\(0400,0561\) SQ/);
    }
    const study = await get(urlOf({ study: `${object.uid}.1` }), AS_STORED);
    assert.ok(partsOf(study)[0].body.includes('After^Name'));
    await service.must(['change', 'delete', '--study', `${object.uid}.1`, '--reason', 'for the test']);
    const series = urlOf({ study: `${object.uid}.1`, series: `${object.uid}.2` }), whole = urlOf({ study: `${object.uid}.1` });
    for (const path_ of [target, `${target}/frames/1`, `${target}/bulkdata/7FE00010`, `${target}/bulkdata/00100010`, `${target}/metadata`, `${target}/rendered`, `${target}/thumbnail`, `${target}/pixeldata`, `${target}/bulkdata`, whole, series,
        `${whole}/metadata`, `${whole}/rendered`, `${whole}/pixeldata`, `${series}/bulkdata`, `${series}/thumbnail`]) {
        const answer = await get(path_, '*/*');
        assert.equal(answer.code, 410, path_);
        assert.match(JSON.parse(answer.body).message, /taken away/);
    }
    // Only what was here itself: nothing is said of what is beside it.
    for (const path_ of [`${whole}/series/1.2.3`, `${series}/instances/1.2.3`, urlOf({ study: '1.2.3', series: `${object.uid}.2`, instance: object.uid })]) assert.equal((await get(path_, '*/*')).code, 404, path_);
    assert.equal((await service.request(`/dicomweb/studies?StudyInstanceUID=${object.uid}.1`)).code, 204, 'a search tells nothing of it');
    const id = /^ *(\d+)/.exec((await service.must(['change', 'list', '--study', `${object.uid}.1`, '--limit', '1'])).out.split('\n').find((line) => /delete/.test(line)))[1];
    await service.must(['change', 'undo', id]);
    assert.equal((await get(target, '*/*')).code, 200);
});

test('a study at its hospital is fetched and asked to come again', async (t) => {
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files: phantomFiles(6), peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const own = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()] });
    t.after(() => own.stop());
    await own.must(['pull', 'PACS', '--all', '--wait']);
    const one = ids[files[0]];
    await own.must(['evict', one.study]);
    for (const target of [urlOf({ study: one.study }), `${urlOf(one)}/frames/1`]) {
        const answer = await own.request(target, { headers: { accept: '*/*' } });
        assert.ok(answer.code === 503 ? Number(answer.headers['retry-after']) > 0 : answer.code === 200 || answer.code === 206, `${answer.code} ${answer.body.subarray(0, 100)}`);
        if (target === urlOf({ study: one.study })) assert.equal(answer.code, 503);
    }
    const answer = await until('it is here again', async () => {
        const again = await own.request(urlOf({ study: one.study }), { headers: { accept: AS_STORED } });
        return again.code === 200 ? again : null;
    });
    const pixels = (bytes) => sha(bytes.subarray(bytes.length - 512 * 512 * 2)); // the file's own header is ours
    assert.deepEqual(partsOf(answer).map((part) => pixels(part.body)).sort(), files.map((file) => pixels(fs.readFileSync(file))).sort());
});

test('memory stays flat while large studies go out, to fast and to slow clients', async () => {
    const frames = process.env.KH_LONG ? 2048 : 512; // of 512 x 512 x 16 bits
    const large = await Service.start();
    try {
        const raw = path.join(temporaryFolder('kh-large'), 'raw');
        const fd = fs.openSync(raw, 'w');
        for (let i = 0; i < frames; i++) fs.writeSync(fd, crypto.randomBytes(512 * 512 * 2));
        fs.closeSync(fd);
        const { file, uid } = await makeObject(['(0028,0008) IS [' + frames + ']', ...grey({ rows: 512, columns: 512, stored: 16 }), `(7fe0,0010) OW =${raw}`]);
        await large.must(['import', file]);
        const pid = large.role('web').pid;
        const megabytes = () => { const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8'); return ['RssAnon', 'RssShmem'].reduce((sum, key) => sum + Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)[1]) / 1024, 0); };
        const before = megabytes();
        const wanted = crypto.createHash('sha256').update(fs.readFileSync(file).subarray(0, 1 << 20)).digest('hex');
        let most = 0;
        const watch = setInterval(() => { most = Math.max(most, megabytes()); }, 20);
        const slow_ = Array.from({ length: 100 }, () => { const socket = net.connect(large.httpPort, '127.0.0.1'); socket.on('error', () => {}); socket.pause(); socket.write(`GET ${urlOf({ study: `${uid}.1` })} HTTP/1.1\r\nHost: localhost\r\n\r\n`); return socket; });
        const lengths = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
            http.get({ host: '127.0.0.1', port: large.httpPort, path: urlOf({ study: `${uid}.1`, series: `${uid}.2`, instance: uid }), headers: { accept: 'application/dicom' } }, (answer) => {
                let length = 0;
                const head = [];
                answer.on('data', (part) => { if (length < 1 << 20) head.push(part); length += part.length; });
                answer.on('end', () => resolve([length, crypto.createHash('sha256').update(Buffer.concat(head).subarray(0, 1 << 20)).digest('hex')]));
                answer.on('error', reject);
            }).on('error', reject);
        })));
        clearInterval(watch);
        for (const socket of slow_) socket.destroy();
        assert.deepEqual(lengths, Array(4).fill([fs.statSync(file).size, wanted]));
        // a block of 256 KiB each, and what the allocator keeps
        assert.ok(most - before < 64, `${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most`);
    } finally { await large.stop(); }
});

test('pixel data and bulk data of a study, a series and an instance', async () => {
    const study = `1.2.392.200036.9999.90.${process.pid}`;
    const of = (series, elements, more = {}) => instance([[0x0020000d, element(0x0020000d, 'UI', study)], [0x0020000e, element(0x0020000e, 'UI', `${study}.${series}`)], ...elements], more);
    const samples = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const native = of(1, [[0x00280008, element(0x00280008, 'IS', '2')], [0x00091001, element(0x00091001, 'OB', Buffer.alloc(5000, 9))], [0x7fe00010, element(0x7fe00010, 'OW', samples)]]);
    const coded = of(1, [[0x7fe00010, encapsulated([Buffer.from('no codestream!')])]], { syntax: '1.2.840.10008.1.2.4.50' });
    const document = of(2, [[0x00420011, element(0x00420011, 'OB', Buffer.alloc(3000, 0x25))], [0x00420012, element(0x00420012, 'LO', 'application/pdf')], [0x7fe00010, null]], { sopClass: '1.2.840.10008.5.1.4.1.1.104.1' });
    const folder = temporaryFolder('kh-values');
    for (const [name, one] of Object.entries({ native, coded, document })) {
        fs.writeFileSync(path.join(folder, name), one.bytes);
        await service.must(['import', '--facility', 'values', path.join(folder, name)]);
    }
    const at = (one, series) => urlOf({ study, series: `${study}.${series}`, instance: one.uid });
    const addresses = (parts) => parts.map((part) => part.headers['content-location'].slice(service.url.length)).sort();
    const parts = async (target, accept = '*/*') => {
        const answer = await get(target, accept);
        assert.equal(answer.code, 200, `${target}: ${answer.code} ${answer.body.toString('latin1').slice(0, 300)}`);
        return partsOf(answer);
    };
    const frames = [`${at(native, 1)}/frames/1`, `${at(native, 1)}/frames/2`, `${at(coded, 1)}/frames/1`];
    for (const target of [urlOf({ study }), urlOf({ study, series: `${study}.1` })]) {
        const found = await parts(`${target}/pixeldata`);
        assert.deepEqual(addresses(found), [...frames].sort());
        for (const part of found) {
            const expected = part.headers['content-location'].endsWith('/2') ? samples.subarray(128) : part.headers['content-location'].includes(native.uid) ? samples.subarray(0, 128) : Buffer.from('no codestream!');
            assert.equal(Buffer.compare(part.body, expected), 0);
            assert.match(part.headers['content-type'], part.headers['content-location'].includes(coded.uid) ? /transfer-syntax=1\.2\.840\.10008\.1\.2\.4\.50/ : /octet-stream/, 'what cannot be decoded goes as it is, and says so');
        }
    }
    const jpeg = await get(`${urlOf({ study })}/pixeldata`, 'multipart/related; type="image/jpeg"');
    assert.equal(jpeg.code, 206, 'the native one is not given so');
    assert.match(jpeg.headers.warning, /1 of 3 instances are not in this answer/);
    assert.deepEqual(addresses(partsOf(jpeg)), [`${at(coded, 1)}/frames/1`]);
    const values = { [`${at(native, 1)}/bulkdata/00091001`]: Buffer.alloc(5000, 9), [`${at(native, 1)}/bulkdata/7FE00010`]: samples, [`${at(coded, 1)}/frames/1`]: Buffer.from('no codestream!'), [`${at(document, 2)}/bulkdata/00420011`]: Buffer.alloc(3000, 0x25) };
    for (const [target, expected] of [[urlOf({ study }), Object.keys(values)], [urlOf({ study, series: `${study}.2` }), Object.keys(values).slice(3)], [at(native, 1), Object.keys(values).slice(0, 2)]]) {
        const found = await parts(`${target}/bulkdata`);
        assert.deepEqual(addresses(found), [...expected].sort(), target);
        for (const part of found) assert.equal(Buffer.compare(part.body, values[part.headers['content-location'].slice(service.url.length)]), 0, part.headers['content-location']);
    }
    const tagged = await get(`${urlOf({ study })}/bulkdata`, '*/*');
    assert.equal((await get(`${urlOf({ study })}/bulkdata`, '*/*', { 'if-none-match': tagged.headers.etag })).code, 304);
    for (const [target, accept, code] of [[`${urlOf({ study, series: `${study}.2` })}/pixeldata`, '*/*', 404], [`${urlOf({ study: '1.2.3' })}/pixeldata`, '*/*', 404], [`${urlOf({ study: 'x' })}/bulkdata`, '*/*', 400], [`${urlOf({ study })}/bulkdata`, 'image/png', 406],
        [`${urlOf({ study })}/pixeldata`, 'image/png', 406], [`${urlOf({ study })}/pixeldata`, 'application/octet-stream', 406]])
        assert.equal((await get(target, accept)).code, code, `${target} ${accept}`);
});

test('video, and what else is not decoded here, comes as it is stored', async () => {
    const stream = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff));
    const kept = { video: instance([[0x00280008, element(0x00280008, 'IS', '30')], [0x7fe00010, encapsulated([stream])]], { syntax: '1.2.840.10008.1.2.4.102' }),
        parted: instance([[0x00280008, element(0x00280008, 'IS', '30')], [0x7fe00010, encapsulated([stream.subarray(0, 3000), stream.subarray(3000)])]], { syntax: '1.2.840.10008.1.2.4.102.1' }),
        xl: instance([[0x7fe00010, encapsulated([stream])]], { syntax: '1.2.840.10008.1.2.4.112' }) };
    const folder = temporaryFolder('kh-video');
    for (const [name, one] of Object.entries(kept)) {
        fs.writeFileSync(path.join(folder, name), one.bytes);
        await service.must(['import', '--facility', 'video', path.join(folder, name)]);
        const at = { study: one.study, series: one.series, instance: one.uid };
        const syntax = { video: '1.2.840.10008.1.2.4.102', parted: '1.2.840.10008.1.2.4.102.1', xl: '1.2.840.10008.1.2.4.112' }[name];
        for (const accept of ['*/*', MULTIPART, AS_STORED, `${MULTIPART}; transfer-syntax=${syntax}`, 'application/dicom']) {
            const answer = await get(urlOf(at), accept);
            assert.equal(answer.code, 200, `${name} ${accept}: ${answer.body}`);
            const [part] = accept === 'application/dicom' ? [answer] : partsOf(answer);
            assert.match(part.headers['content-type'], new RegExp(`transfer-syntax=${syntax.replace(/\./g, '\\.')}$`), 'and says so');
            assert.equal(sha(part.body), sha(one.bytes), `${name} ${accept}`);
            assert.equal((await get(urlOf({ study: one.study }), accept === 'application/dicom' ? '*/*' : accept)).code, 200);
        }
        assert.equal((await get(urlOf(at), `${MULTIPART}; transfer-syntax=${EXPLICIT}`)).code, 406, 'what is named and cannot be given');
        if (name === 'xl') continue;
        for (const target of [`${urlOf(at)}/pixeldata`, `${urlOf(at)}/bulkdata/7FE00010`]) {
            for (const accept of ['*/*', 'video/mp4', 'multipart/related; type="video/mp4"', 'multipart/related; type="video/mp4"; transfer-syntax=*', 'application/octet-stream', 'multipart/related; type="application/octet-stream"']) {
                const answer = await get(target, accept);
                assert.equal(answer.code, 200, `${target} ${accept}: ${answer.body.toString().slice(0, 200)}`);
                const part = /^multipart/.test(answer.headers['content-type']) ? partsOf(answer)[0] : answer;
                assert.match(part.headers['content-type'], new RegExp(`^${accept.includes('octet') ? 'application/octet-stream' : 'video/mp4'}; transfer-syntax=${syntax.replace(/\./g, '\\.')}$`));
                assert.equal(sha(part.body), sha(stream), `${target} ${accept}`);
            }
            const some = await get(target, 'video/mp4', { range: 'bytes=2990-3009' });
            assert.deepEqual([some.code, sha(some.body)], [206, sha(stream.subarray(2990, 3010))], 'a player asks for parts');
            assert.equal((await get(target, 'video/mpeg2')).code, 406);
            assert.equal((await get(target, 'image/jpeg')).code, 406);
        }
        const all = partsOf(await get(`${urlOf({ study: one.study })}/bulkdata`, '*/*'));
        assert.deepEqual(all.map((part) => sha(part.body)), [sha(stream)]);
        assert.equal((await get(`${urlOf(at)}/frames/1`, '*/*')).code, 422, 'a video has no frames of its own');
    }
});

test('what metadata hold themselves is configured', async () => {
    const one = instance([[0x00091001, element(0x00091001, 'OB', Buffer.alloc(5000, 9))], [0x00091002, element(0x00091002, 'OB', Buffer.alloc(100, 8))], [0x00283006, element(0x00283006, 'US', Array(100).fill(7))]]);
    const file = path.join(temporaryFolder('kh-inline'), 'one');
    fs.writeFileSync(file, one.bytes);
    for (const [settings, inlined, numbers] of [[{ inline: '8 KiB', numbers: '64 B' }, ['00091001', '00091002'], false], [{ inline: '0 B', numbers: '1 KiB' }, [], true], [{}, ['00091002'], true]]) {
        const own = await Service.start({ files: [file], settings: { dicomweb: { carriers: 1, uploaders: 1, rewritten: '64 MiB', parts: 1, ...settings } } });
        try {
            const [all] = await own.json(`/dicomweb/studies/${one.study}/metadata`);
            for (const tag of ['00091001', '00091002', '00283006']) {
                const given = tag === '00283006' ? numbers : inlined.includes(tag);
                assert.equal('BulkDataURI' in all[tag], !given, `${JSON.stringify(settings)} ${tag}`);
                if (given) continue;
                const value = await own.request(all[tag].BulkDataURI.slice(own.url.length), { headers: { accept: 'application/octet-stream' } });
                assert.equal(value.body.length, { '00091001': 5000, '00091002': 100, '00283006': 200 }[tag]);
            }
        } finally { await own.stop(); }
    }
});
