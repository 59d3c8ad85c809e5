// QIDO-RS (PS3.18 10.6) and who is admitted to it, by plain requests: what comes back is what DCMTK reads in the files.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { attribute, must, phantomFiles, root, run, Service, temporaryFolder } from '../lib/service.mjs';

let service, files, study, series, instances;

const japanese = 'Yamada^Hanako=山田^花子=やまだ^はなこ';

/** A file whose data set has these values instead, as DCMTK writes them. */
async function changed(folder, source, name, values) {
    const file = path.join(folder, `${name}.dcm`);
    fs.copyFileSync(source, file);
    await must('dcmodify', ['-nb', '-gst', '-gse', '-gin', ...Object.entries(values).flatMap(([tag, value]) => ['-i', `(${tag})=${value}`]), file]);
    return file;
}

before(async () => {
    const folder = temporaryFolder('kh-qido');
    const ct = phantomFiles(6);
    const others = [
        await changed(folder, ct[0], 'hanako', { '0008,0005': 'ISO_IR 192', '0010,0010': japanese, '0010,0020': 'A-1', '0008,0020': '20240105', '0008,0050': 'ACC-1' }),
        await changed(folder, ct[1], 'taro', { '0008,0005': 'ISO_IR 192', '0010,0010': 'Yamada^Taro=山田^太郎=やまだ^たろう', '0010,0020': 'A-2', '0008,0020': '20240301', '0008,0050': 'A,C' }),
        await changed(folder, ct[2], 'smith', { '0010,0010': 'Smith^John^Q', '0010,0020': 'A-3', '0008,0020': '20251231', '0008,0060': 'MR' }),
    ];
    files = ct;
    service = await Service.start({ files: [...ct, ...others] });
    [study, series] = (await Promise.all(['0020,000d', '0020,000e'].map((tag) => attribute(tag, [ct[0]])))).map((values) => Object.values(values)[0]);
    instances = Object.values(await attribute('0008,0018', ct)).sort();
});
after(async () => { await service.stop(); });

const get = (target, headers = {}, on = service) => on.request(`/dicomweb${target}`, { headers });
async function found(target, headers) {
    const answer = await get(target, headers);
    assert.ok(answer.code === 200 || answer.code === 204, `${target}: ${answer.code} ${answer.body}`);
    return answer.code === 204 ? [] : JSON.parse(answer.body.toString());
}
const problem = (answer) => JSON.parse(answer.body.toString()).message;
const value = (match, tag) => match[tag]?.Value?.[0];
const patients = (matches) => matches.map((match) => value(match, '00100020')).sort();
const uids = (matches) => matches.map((match) => value(match, '00080018')).sort();

test('studies: everything that must be returned, as it stands in the files', async () => {
    const answer = await get(`/studies?StudyInstanceUID=${study}`);
    assert.equal(answer.headers['content-type'], 'application/dicom+json');
    const [match] = JSON.parse(answer.body.toString());
    assert.deepEqual(Object.keys(match), [...Object.keys(match)].sort());
    for (const tag of ['00080020', '00080030', '00080050', '00080061', '00080090', '00100010', '00100020', '00100030', '00100040', '0020000D', '00200010', '00201206', '00201208', '00080056', '00081190', '00100021'])
        assert.ok(match[tag]?.vr, tag);
    for (const [tag, key] of [['0008,0020', '00080020'], ['0008,0050', '00080050'], ['0010,0020', '00100020'], ['0010,0030', '00100030'], ['0020,0010', '00200010']])
        assert.equal(value(match, key) ?? '', Object.values(await attribute(tag, [files[0]]))[0] ?? '', tag);
    assert.deepEqual(match['00080061'], { vr: 'CS', Value: ['CT'] });
    assert.deepEqual(match['00201208'], { vr: 'IS', Value: [6] });
    assert.deepEqual(match['00080056'], { vr: 'CS', Value: ['ONLINE'] });
    assert.deepEqual(match['00100021'], { vr: 'LO', Value: ['local'] });
    assert.deepEqual(match['00081190'], { vr: 'UR', Value: [`${service.url}/dicomweb/studies/${study}`] });
    const [hanako] = await found('/studies?PatientID=A-1');
    assert.deepEqual(value(hanako, '00100010'), { Alphabetic: 'Yamada^Hanako', Ideographic: '山田^花子', Phonetic: 'やまだ^はなこ' });
});

test('the six resources', async () => {
    assert.equal((await found('/studies')).length, 4);
    assert.deepEqual((await found(`/studies/${study}/series`)).map((match) => [value(match, '0020000E'), value(match, '00080060'), value(match, '00201209')]), [[series, 'CT', 6]]);
    assert.equal((await found('/series')).length, 4);
    assert.deepEqual(uids(await found(`/studies/${study}/instances`)), instances);
    const below = await found(`/studies/${study}/series/${series}/instances`);
    assert.deepEqual(uids(below), instances);
    assert.equal((await found('/instances')).length, 9);
    for (const [tag, key] of [['0028,0010', '00280010'], ['0028,0011', '00280011'], ['0028,0100', '00280100']])
        assert.equal(value(below[0], key), Number(/ US (\d+)/.exec((await must('dcmdump', ['-q', '+P', tag, files[0]])).out)[1]), tag);
    assert.deepEqual(below[0]['00280008'], { vr: 'IS', Value: [1] });
    assert.equal(below[0]['00100010'], undefined, 'what the address names already is not repeated');
    assert.ok((await found('/instances'))[0]['00100010']);
    for (const match of [...below, ...await found('/series')])
        assert.equal((await service.request(new URL(value(match, '00081190')).pathname, { method: 'HEAD' })).code, 200);
});

const cases = [
    ['PatientID=A-1', ['A-1']], ['00100020=A-1', ['A-1']], ['00100020=A%2D1', ['A-1']], ['PatientID=A-*', ['A-1', 'A-2', 'A-3']], ['PatientID=A-%3F', ['A-1', 'A-2', 'A-3']],
    ['PatientID=a-1', []], ['PatientName=Smith%5EJohn%5EQ', ['A-3']], ['PatientName=smith*', ['A-3']], ['PatientName=Smith', []], ['PatientName=Yamada*', ['A-1', 'A-2']],
    [`PatientName=${encodeURIComponent('山田^花子')}`, ['A-1']], [`PatientName=${encodeURIComponent('ヤマダ*')}`, ['A-1', 'A-2']],
    ['PatientName=Hanako+Yamada&fuzzymatching=true', ['A-1']], ['PatientName=Yam&fuzzymatching=true', ['A-1', 'A-2']], ['PatientName=amada&fuzzymatching=true', []],
    ['PatientName=*amada*&fuzzymatching=true', ['A-1', 'A-2']], [`PatientName=${encodeURIComponent('山田花')}&fuzzymatching=true`, ['A-1']],
    [`PatientName=${encodeURIComponent('タロウ ヤマ')}&fuzzymatching=true`, ['A-2']], [`PatientName=${encodeURIComponent('ＹＡＭＡＤＡ')}&fuzzymatching=true`, ['A-1', 'A-2']],
    [`PatientName=${encodeURIComponent('花子 Yamada')}&fuzzymatching=true`, ['A-1']], ['PatientName=Yamada^Taro&fuzzymatching=false', ['A-2']],
    ['StudyDate=20240105', ['A-1']], ['StudyDate=20240105-20240301', ['A-1', 'A-2']], ['StudyDate=20240106-20240229', []], ['StudyDate=-20240301', ['A-1', 'A-2']],
    ['StudyDate=20251231-20251231', ['A-3']], ['AccessionNumber=ACC-1', ['A-1']], ['AccessionNumber=A%2CC', ['A-2']],
    ['ModalitiesInStudy=MR', ['A-3']], ['ModalitiesInStudy=MR,US', ['A-3']], ['ModalitiesInStudy=US%5CMR', ['A-3']], ['ModalitiesInStudy=US&ModalitiesInStudy=MR', ['A-3']],
    ['PatientID=', null], ['StudyInstanceUID=1.2.3', []],
];
for (const [query, expected] of cases)
    test(`match: ${decodeURIComponent(query)}`, async () => {
        const matches = await found(`/studies?${query}`);
        if (expected) assert.deepEqual(patients(matches), expected);
        else assert.equal(matches.length, 4);
    });

test('lists of UIDs with commas and backslashes', async () => {
    const some = instances.slice(0, 3);
    for (const list of [some.join(','), some.join('%2C'), some.join('%5C')])
        assert.deepEqual(uids(await found(`/instances?SOPInstanceUID=${list}`)), some);
});

test('limit and offset: the order stays, and what is left is told', async () => {
    const all = (await found(`/studies/${study}/instances`)).map((match) => value(match, '00080018'));
    const pages = [];
    for (let offset = 0; offset < 6; offset += 2) {
        const answer = await get(`/studies/${study}/instances?limit=2&offset=${offset}`);
        pages.push(...JSON.parse(answer.body.toString()).map((match) => value(match, '00080018')));
        assert.equal(answer.headers.warning, offset < 4 ? `299 Kakehashi: There are ${4 - offset} additional results that can be requested` : undefined);
    }
    assert.deepEqual(pages, all);
    const first = await get('/studies?limit=1');
    assert.match(first.headers.warning, /There are 3 additional results/);
    assert.equal((await get('/studies?limit=0')).code, 204);
    assert.equal((await get('/studies?offset=4')).code, 204);
});

test('compressed for those who take it, told once: gzip, Vary and entity tags', async () => {
    const plain = await get('/instances'), packed = await get('/instances', { 'accept-encoding': 'gzip' });
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
    assert.equal((await get('/instances', { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'], undefined);
    assert.equal((await get(`/studies/${study}/series`, { 'accept-encoding': 'gzip' })).headers['content-encoding'], undefined, 'a few bytes stay as they are');
    for (const answer of [plain, packed]) assert.match([answer.headers.vary].flat().join(', '), /Accept.*Accept-Encoding/);
    assert.match(plain.headers.etag, /^"[0-9a-f-]+"$/);
    assert.notEqual(plain.headers.etag, packed.headers.etag);
    assert.equal((await get('/instances', { 'if-none-match': plain.headers.etag })).code, 304);
    assert.equal((await get('/instances', { 'if-none-match': packed.headers.etag, 'accept-encoding': 'gzip' })).code, 304);
    assert.equal((await get('/instances', { 'if-none-match': packed.headers.etag })).code, 200, 'another form');
    assert.equal((await get('/instances?limit=3', { 'if-none-match': plain.headers.etag })).code, 200, 'other results');
    assert.equal((await get('/instances', { accept: 'application/json', 'if-none-match': plain.headers.etag })).code, 200, 'another type');
});

test('includefield: names, tags, lists, repeated and all', async () => {
    const [without] = await found(`/studies/${study}/series`);
    assert.equal(without['00180015'], undefined);
    for (const query of ['includefield=BodyPartExamined', 'includefield=00180015', 'includefield=00181030,00180015', 'includefield=00181030&includefield=BodyPartExamined', 'includefield=all', 'BodyPartExamined=']) {
        const [match] = await found(`/studies/${study}/series?${query}`);
        assert.ok(match['00180015'], query);
    }
    assert.ok((await found(`/studies/${study}/series?includefield=all`))[0]['00100010']);
});

test('what is not understood is refused by its name', async () => {
    for (const [query, name] of [['limit=-1', 'limit'], ['limit=x', 'limit'], ['offset=1.5', 'offset'], ['offset=10000001', 'offset'], ['fuzzymatching=yes', 'fuzzymatching'], ['NoSuchThing=1', 'NoSuchThing'], ['001000=1', '001000'],
        ['StudyDate=yesterday', 'StudyDate'], ['StudyInstanceUID=../../etc', 'StudyInstanceUID'], ['includefield=Nothing', 'includefield'], ['limit=1&limit=2', 'limit'], ['PatientID=1&PatientID=2', 'PatientID'],
        ['PatientID.PatientName=1', 'PatientID'], ['.PatientName=1', 'PatientName']]) {
        const answer = await get(`/studies?${query}`);
        assert.equal(answer.code, 400, query);
        assert.match(problem(answer), new RegExp(name), query);
    }
    assert.equal((await get('/studies/1.2..%2f3/series')).code, 400);
    assert.equal((await get('/studies/x/series')).code, 400);
    assert.equal((await get(`/studies/${study}/series?StudyInstanceUID=1.2`)).code, 400);
    const ignored = await get('/studies?PatientComments=x&RequestAttributesSequence.ScheduledProcedureStepID=1');
    assert.equal(ignored.code, 200);
    assert.match(ignored.headers.warning, /PatientComments, RequestAttributesSequence\.ScheduledProcedureStepID/);
});

const client = path.join(root, 'tests/browser/node_modules/dicomweb-client/build/dicomweb-client.js');
test('npm dicomweb-client searches and retrieves', { skip: fs.existsSync(client) ? false : 'dicomweb-client is not installed in tests/browser' }, async () => {
    const { out } = await must(process.execPath, ['--input-type=module', '-e', `
import http from 'node:http';
globalThis.XMLHttpRequest = class { // what the client uses of it
    headers = {}; readyState = 0; status = 0;
    open(method, url) { this.method = method; this.url = url; }
    setRequestHeader(name, value) { this.headers[name] = value; }
    getResponseHeader(name) { return this.answer?.headers[name.toLowerCase()] ?? null; }
    getAllResponseHeaders() { return Object.entries(this.answer.headers).map(([name, value]) => name + ': ' + value).join('\\r\\n'); }
    send(body) {
        http.request(this.url, { method: this.method, headers: this.headers }, (answer) => {
            const parts = []; this.answer = answer;
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => {
                const bytes = Buffer.concat(parts); this.status = answer.statusCode; this.readyState = 4;
                this.response = this.responseType === 'json' ? (bytes.length ? JSON.parse(bytes) : null) : this.responseType === 'arraybuffer' ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) : bytes.toString();
                this.onreadystatechange?.(); this.onload?.(); this.onloadend?.();
            });
        }).end(body);
    }
};
import { createRequire } from 'node:module';
const { api } = createRequire(${JSON.stringify(client)})(${JSON.stringify(client)});
const web = new api.DICOMwebClient({ url: ${JSON.stringify(`${service.url}/dicomweb`)} });
const studyInstanceUID = ${JSON.stringify(study)}, seriesInstanceUID = ${JSON.stringify(series)};
const sopInstanceUID = ${JSON.stringify(instances[0])};
const found = [await web.searchForStudies({ queryParams: { PatientID: 'A-1' } }), await web.searchForSeries({ studyInstanceUID }), await web.searchForInstances({ studyInstanceUID, seriesInstanceUID }), await web.retrieveSeriesMetadata({ studyInstanceUID, seriesInstanceUID })];
const frames = await web.retrieveInstanceFrames({ studyInstanceUID, seriesInstanceUID, sopInstanceUID, frameNumbers: [1] });
console.log(JSON.stringify([found.map((list) => list.length), frames.map((frame) => frame.byteLength)]));`]);
    assert.deepEqual(JSON.parse(out), [[1, 1, 6, 6], [512 * 512 * 2]]);
});

test('XML and the other forms, by Accept and by parameter', async () => {
    const xml = await get('/studies?PatientID=A-1', { accept: 'multipart/related; type="application/dicom+xml"' });
    assert.match(xml.headers['content-type'], /^multipart\/related; type="application\/dicom\+xml"; boundary=/);
    const file = path.join(temporaryFolder('kh-xml'), 'part.xml');
    fs.writeFileSync(file, xml.body.toString().split('\r\n\r\n')[1].split('\r\n--')[0]);
    const { out } = await must('python3', ['-c', `import sys, xml.etree.ElementTree as e
t = e.parse(sys.argv[1]).getroot()
print(t.tag, t.find("DicomAttribute[@tag='00100020']/Value").text, t.find("DicomAttribute[@tag='00100010']/PersonName/Ideographic/FamilyName").text)`, file]);
    assert.equal(out.trim(), 'NativeDicomModel A-1 山田');
    assert.equal((await get('/studies', { accept: 'application/json' })).headers['content-type'], 'application/json');
    assert.equal((await get('/studies?accept=application/json', { accept: 'application/dicom+json' })).headers['content-type'], 'application/json');
    assert.equal((await get('/studies', { accept: 'image/png' })).code, 406);
    const head = await service.request('/dicomweb/studies', { method: 'HEAD' });
    assert.deepEqual([head.code, head.body.length], [200, 0]);
});

test('tokens: without one 401, with rights to read no storing; hashed or plain', async () => {
    const folder = temporaryFolder('kh-tokens'), file = path.join(folder, 'tokens');
    const reader = 'reader-0123456789abcdef', writer = 'writer-0123456789abcdef';
    fs.writeFileSync(file, `# name rights token\nresearch read ${reader}\nmodality read,write sha256:${crypto.createHash('sha256').update(writer).digest('hex')}\n`, { mode: 0o600 });
    const guarded = await Service.start({ settings: { dicomweb: { tokens: file } } });
    try {
        for (const authorization of [undefined, 'Basic cmVhZGVy', 'Bearer', 'Bearer x', `Bearer ${reader}x`, `Bearer ${reader.slice(1)}`]) {
            const answer = await get('/studies', authorization ? { authorization } : {}, guarded);
            assert.equal(answer.code, 401, authorization);
            assert.match(answer.headers['www-authenticate'], /^Bearer realm="DICOMweb"/);
            assert.ok(problem(answer));
        }
        for (const token of [reader, writer]) assert.equal((await get('/studies', { authorization: `Bearer ${token}` }, guarded)).code, 204);
        const store = (token) => guarded.request('/dicomweb/studies', { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }, body: Buffer.from('x') });
        assert.equal((await store(reader)).code, 403);
        assert.equal((await store(writer)).code, 415);
        assert.equal((await guarded.request('/api/studies')).code, 200, 'the pages are not asked for tokens');
        assert.ok(!guarded.log.includes(reader) && !guarded.log.includes(writer));
    } finally { await guarded.stop(); }
    fs.chmodSync(file, 0o644);
    const open = await run(process.env.KH_BIN ?? 'build/dev/app/kakehashi', ['serve', '--config', guarded.config], { seconds: 20 });
    assert.notEqual(open.code, 0);
    assert.match(open.output, /tokens/);
});

test('pages of other sites: listed ones may read and store, others neither', async () => {
    const viewer = 'https://viewer.example';
    const shared = await Service.start({ settings: { dicomweb: { origins: `${viewer}, http://localhost:3000` } } });
    const ask = (method, headers) => shared.request('/dicomweb/studies', { method, headers, ...(method === 'POST' && { body: Buffer.from('x') }) });
    try {
        const preflight = await ask('OPTIONS', { origin: viewer, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' });
        assert.equal(preflight.code, 204);
        assert.equal(preflight.headers['access-control-allow-origin'], viewer);
        assert.match(preflight.headers['access-control-allow-methods'], /GET.*POST/);
        assert.match(preflight.headers['access-control-allow-headers'], /Authorization/);
        assert.equal(preflight.headers['access-control-allow-credentials'], undefined);
        const read = await ask('GET', { origin: viewer });
        assert.equal(read.headers['access-control-allow-origin'], viewer);
        assert.match(read.headers['access-control-expose-headers'], /Warning/);
        assert.match(read.headers.vary, /Origin/);
        for (const origin of ['https://viewer.example.evil', 'http://viewer.example', 'null', 'https://evil.example']) {
            assert.equal((await ask('GET', { origin })).headers['access-control-allow-origin'], undefined, origin);
            assert.equal((await ask('OPTIONS', { origin, 'access-control-request-method': 'POST' })).headers['access-control-allow-origin'], undefined, origin);
            assert.equal((await ask('POST', { origin, 'content-type': 'text/plain' })).code, 403, origin);
        }
        assert.equal((await ask('POST', { origin: viewer, 'content-type': 'text/plain' })).code, 415);
        assert.equal((await ask('POST', { 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' })).code, 403);
        assert.equal((await ask('POST', { 'content-type': 'text/plain' })).code, 415, 'programs name no origin');
    } finally { await shared.stop(); }
});

test('every address answers OPTIONS, and none when DICOMweb is switched off', async () => {
    for (const target of ['', '/studies', `/studies/${study}`, `/studies/${study}/series`, `/studies/${study}/series/${series}/instances`]) {
        const answer = await service.request(`/dicomweb${target}`, { method: 'OPTIONS' });
        assert.equal(answer.code, 200, target);
        assert.match(answer.headers.allow, /OPTIONS/, target);
    }
    const wadl = await service.request('/dicomweb', { method: 'OPTIONS' });
    assert.equal(wadl.headers['content-type'], 'application/vnd.sun.wadl+xml');
    const file = path.join(temporaryFolder('kh-wadl'), 'application.wadl');
    fs.writeFileSync(file, wadl.body);
    const { out } = await must('python3', ['-c', `import sys, json, xml.etree.ElementTree as e
n = "{http://wadl.dev.java.net/2009/02}"
t = e.parse(sys.argv[1]).getroot()
print(json.dumps([[r.get("path"), m.get("name"), [p.get("name") for p in m.iter(n + "param")], [p.get("mediaType") for p in m.find(n + "response").iter(n + "representation")]] for r in t.iter(n + "resource") for m in r.iter(n + "method")]))`, file]);
    const described = JSON.parse(out);
    const json = JSON.parse((await service.request('/dicomweb/studies', { method: 'OPTIONS', headers: { accept: 'application/json' } })).body.toString());
    assert.deepEqual(json.resources.map((one) => [one.path, one.method, one.parameters, one.representations]), described);
    for (const [resource, method, parameters, representations] of described) {
        assert.ok(representations.length > 0, `${method} ${resource}`);
        const target = `/dicomweb/${resource}`.replace('{study}', study).replace('{series}', series).replace('{instance}', instances[0]).replace('{frames}', '1').replace('{path*}', '7FE00010').replace(/\/$/, '');
        const allow = (await service.request(target, { method: 'OPTIONS' })).headers.allow;
        assert.ok(allow.split(', ').includes(method), `${method} ${resource}: ${allow}`);
        if (method === 'GET' && /(^|\/)(studies|series|instances)$/.test(resource))
            for (const name of parameters.filter((one) => /^[A-Z]/.test(one)))
                assert.ok(!/not applied/.test((await get(`/${resource.replace('{study}', study).replace('{series}', series)}?${name}=`)).headers.warning ?? ''), name);
    }
    assert.equal((await service.request('/dicomweb', { method: 'OPTIONS', headers: { accept: 'image/png' } })).code, 406);
    const off = await Service.start({ settings: { dicomweb: { enabled: 'no' } } });
    try { assert.equal((await get('/studies', {}, off)).code, 404); } finally { await off.stop(); }
});
