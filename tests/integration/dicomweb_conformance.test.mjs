// The conformance statement, the capabilities (OPTIONS, as WADL and JSON) and what the service does, held against each other: every resource with
// every method and every media type of the statement is tried over HTTP, and what the statement does not have is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { element, encapsulated, instance } from '../lib/part10.mjs';
import { must, root, Service, temporaryFolder } from '../lib/service.mjs';

const statement = fs.readFileSync(path.join(root, 'docs/conformance.md'), 'utf8');
const BOUNDARY = 'x';
let service, resources;
const kept = {}; // by what they are: {uid, study, series}

/** Rows of the table under a heading, as arrays of cells. */
function table(heading, head) {
    const section = statement.slice(statement.indexOf(`## ${heading}\n`));
    const from = section.indexOf(head);
    assert.ok(from > 0, `${heading}: no table ${head}`);
    const lines = section.slice(from).split('\n');
    return lines.slice(2, lines.findIndex((line) => !line.startsWith('|'))).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}
const list = (cell) => (cell ? cell.split(', ').map((one) => one.replace(/`/g, '')) : []);
const stated = () => table('DICOMweb: resources', '| method |').map(([method, resource, takes, gives, parameters]) => (
    { method, path: resource.replace(/`/g, '').slice(1), takes: list(takes), gives: list(gives), parameters: list(parameters) }));
const keys = () => table('DICOMweb: search (QIDO-RS)', '| tag |').map(([tag, keyword, matched, always, asked]) => (
    { tag: tag.replace(/[(),]/g, ''), keyword, matched: list(matched), always: list(always), asked: list(asked) }));

before(async () => {
    const folder = temporaryFolder('kh-conformance');
    const files = [];
    const keep = (name, one) => {
        kept[name] = one;
        files.push(path.join(folder, `${files.length}.dcm`));
        fs.writeFileSync(files.at(-1), one.bytes);
    };
    const full = ['00080050 SH A1', '00080080 LO Clinic', '00080090 PN Doctor^A', '00081030 LO Description', '0008103E LO Series', '00100030 DA 19700101', '00100040 CS O', '00180015 CS HEAD', '00181030 LO Protocol', '00080020 DA 20260101',
        '00080030 TM 101010', '00200010 SH S1', '00200011 IS 3', '00200060 CS L'].map((line) => line.split(' ')).map(([tag, vr, value]) => [parseInt(tag, 16), element(parseInt(tag, 16), vr, value)]);
    keep('grey', instance(full));
    keep('colour', instance([[0x00280002, element(0x00280002, 'US', 3)], [0x00280004, element(0x00280004, 'CS', 'RGB')], [0x00280006, element(0x00280006, 'US', 0)], [0x00280100, element(0x00280100, 'US', 8)],
        [0x00280101, element(0x00280101, 'US', 8)], [0x00280102, element(0x00280102, 'US', 7)], [0x7fe00010, element(0x7fe00010, 'OB', Buffer.alloc(192, 99))]]));
    keep('frames', instance([[0x00280008, element(0x00280008, 'IS', '2')], [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(256, 3))]]));
    // Codestreams go out as they came, whatever is in them.
    for (const [, syntax] of statement.matchAll(/^\| (1\.2\.840\.10008\.1\.2\.[0-9.]+) \| (?:image)/gm)) keep(syntax, instance([[0x7fe00010, encapsulated([Buffer.from('a codestream')])]], { syntax }));
    for (const syntax of ['1.2.840.10008.1.2.4.100', '1.2.840.10008.1.2.4.102', '1.2.840.10008.1.2.4.107']) keep(syntax, instance([[0x7fe00010, encapsulated([Buffer.from('a video')])]], { syntax }));
    keep('pdf', instance([[0x00420011, element(0x00420011, 'OB', Buffer.from('%PDF-1.4 '))], [0x00420012, element(0x00420012, 'LO', 'application/pdf')], [0x7fe00010, null]], { sopClass: '1.2.840.10008.5.1.4.1.1.104.1' }));
    keep('report', instance([[0x0040a040, element(0x0040a040, 'CS', 'CONTAINER')], [0x0040a050, element(0x0040a050, 'CS', 'SEPARATE')], [0x7fe00010, null]], { sopClass: '1.2.840.10008.5.1.4.1.1.88.11' }));
    const group = Buffer.concat([element(0x003a0005, 'US', 1), element(0x003a0010, 'UL', Buffer.from([4, 0, 0, 0])), element(0x003a001a, 'DS', '500'), element(0x54001004, 'US', 16), element(0x54001006, 'CS', 'SS'),
        element(0x54001010, 'OW', Buffer.alloc(8, 1))]);
    const item = Buffer.concat([Buffer.from([0xfe, 0xff, 0x00, 0xe0, group.length, 0, 0, 0]), group]);
    keep('waveform', instance([[0x54000100, element(0x54000100, 'SQ', item)], [0x7fe00010, null]], { sopClass: '1.2.840.10008.5.1.4.1.1.9.1.1' }));
    service = await Service.start({ files });
    resources = JSON.parse((await service.request('/dicomweb', { method: 'OPTIONS', headers: { accept: 'application/json' } })).body).resources;
});
after(() => service.stop());

function addressOf(resource, one) {
    const values = { study: one.study, series: one.series, instance: one.uid, frames: one === kept.frames ? '1,2' : '1', 'path*': one === kept.pdf ? '00420011' : '7FE00010' };
    return `/dicomweb/${resource.path}`.replace(/\{([a-z*]+)\}/g, (_, name) => values[name]).replace(/\/$/, '');
}
const queryOf = (resource, one) => (resource.path === 'wado' ? `?requestType=WADO&studyUID=${one.study}&seriesUID=${one.series}&objectUID=${one.uid}` : '');
const isSearch = (resource) => /(^|\/)(studies|series|instances)$/.test(resource.path);
/** The media type of an answer, as the statement writes it. */
function typeOf(answer) {
    const [type, ...parameters] = answer.headers['content-type'].split(';').map((one) => one.trim());
    return type === 'multipart/related' ? `${type}; ${parameters.find((one) => one.startsWith('type='))}` : type;
}
const ask = (resource, one, accept, method = 'GET') => service.request(addressOf(resource, one) + queryOf(resource, one), { method, headers: accept === null ? {} : { accept } });

test('the statement and the two forms of the capabilities say the same', async () => {
    const told = resources.map((one) => {
        const first = one.parameters.findIndex((name) => /^[A-Z]/.test(name));
        return { method: one.method, path: one.path, takes: one.takes, gives: one.representations, parameters: isSearch(one) && one.method === 'GET' ? one.parameters.slice(0, first) : one.parameters };
    });
    assert.deepEqual(stated(), told);
    const file = path.join(temporaryFolder('kh-wadl'), 'application.wadl');
    fs.writeFileSync(file, (await service.request('/dicomweb', { method: 'OPTIONS', headers: { accept: 'application/vnd.sun.wadl+xml' } })).body);
    const { out } = await must('python3', ['-c', `import sys, json, xml.etree.ElementTree as e
n = "{http://wadl.dev.java.net/2009/02}"
kinds = lambda m, part: [p.get("mediaType") for p in m.find(n + part).iter(n + "representation")]
print(json.dumps([[r.get("path"), m.get("name"), kinds(m, "request"), kinds(m, "response"), [p.get("name") for p in m.iter(n + "param")]] for r in e.parse(sys.argv[1]).getroot().iter(n + "resource") for m in r.iter(n + "method")]))`, file]);
    assert.deepEqual(JSON.parse(out), resources.map((one) => [one.path, one.method, one.takes, one.representations, one.parameters]));
});

test('every media type of the statement is given by every resource that has it, and no other', async () => {
    const everything = [...new Set(stated().flatMap((one) => one.gives))];
    assert.ok(everything.length > 20);
    for (const resource of stated().filter((one) => one.method === 'GET')) {
        const given = new Set();
        for (const [name, one] of Object.entries(kept)) {
            for (const type of everything) {
                const answer = await ask(resource, one, type);
                const what = `${resource.path} of ${name} as ${type}`;
                assert.ok([200, 400, 404, 406, 422].includes(answer.code), `${what}: ${answer.code} ${answer.body.toString('latin1').slice(0, 200)}`);
                if (answer.code !== 200) { assert.ok(JSON.parse(answer.body).message, what); continue; }
                const got = typeOf(answer);
                // Without a type in Accept that is served, WADO-URI gives what the object is.
                if (resource.path !== 'wado') assert.equal(got, type, what);
                assert.ok(resource.gives.includes(got), `${what}: ${got}`);
                given.add(got);
            }
        }
        assert.deepEqual([...given].sort(), [...resource.gives].sort(), resource.path);
        const none = await ask(resource, kept.grey, 'audio/mpeg');
        assert.equal(none.code, 406, resource.path);
        assert.ok(JSON.parse(none.body).message);
    }
});

test('the first type is the default', async () => {
    for (const resource of stated().filter((one) => one.method === 'GET')) {
        const several = resource.path.includes('{frames}/rendered') ? kept.frames : kept.grey;
        const answer = await ask(resource, several === kept.frames ? kept.grey : several, '*/*');
        assert.equal(answer.code, 200, `${resource.path}: ${answer.body.toString('latin1').slice(0, 200)}`);
        assert.equal(typeOf(answer), resource.gives[0], resource.path);
    }
    const described = await service.request('/dicomweb', { method: 'OPTIONS' });
    assert.equal(typeOf(described), stated().find((one) => one.method === 'OPTIONS').gives[0]);
});

test('every method of every resource: what the statement has is allowed, the others are 405', async () => {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];
    for (const target of new Set(stated().map((one) => one.path))) {
        const resource = stated().find((one) => one.path === target);
        const allowed = new Set(['OPTIONS', ...stated().filter((one) => one.path === target).flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))]);
        const options = await ask(resource, kept.grey, '*/*', 'OPTIONS');
        assert.deepEqual(options.headers.allow.split(', ').sort(), [...allowed].sort(), target);
        for (const method of methods) {
            const answer = await ask(resource, kept.grey, '*/*', method);
            if (!allowed.has(method)) {
                assert.equal(answer.code, 405, `${method} ${target}`);
                assert.deepEqual(answer.headers.allow.split(', ').sort(), [...allowed].sort(), `${method} ${target}`);
            } else if (method === 'POST') {
                assert.equal(answer.code, 415, target); // no body of a type that is taken
            } else {
                assert.equal(answer.code, 200, `${method} ${target}`);
            }
            if (method === 'HEAD' && allowed.has('HEAD')) {
                const got = await ask(resource, kept.grey, '*/*');
                assert.equal(typeOf(answer), typeOf(got), target);
                assert.equal(answer.body.length, 0);
            }
        }
    }
});

test('every type of a body that the statement takes is taken, and no other', async () => {
    const bodies = { 'multipart/related; type="application/dicom"': (one) => Buffer.concat([Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n`), one.bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]) };
    // Metadata alone, of an object without bulk data: as this service tells them, under another UID.
    const told = { 'application/dicom+json': '', 'application/dicom+xml': '' };
    const metadata = stated().find((one) => one.path.endsWith('{instance}/metadata'));
    told['application/dicom+json'] = (await ask(metadata, kept.report, 'application/dicom+json')).body.toString();
    told['application/dicom+xml'] = /<\?xml[^]*<\/NativeDicomModel>/.exec((await ask(metadata, kept.report, 'multipart/related; type="application/dicom+xml"')).body.toString())[0];
    for (const type of Object.keys(told))
        bodies[`multipart/related; type="${type}"`] = (one) => Buffer.from(`--${BOUNDARY}\r\nContent-Type: ${type}\r\n\r\n${told[type].replaceAll(kept.report.uid, one.uid)}\r\n--${BOUNDARY}--\r\n`);
    for (const resource of stated().filter((one) => one.method === 'POST')) {
        for (const type of resource.takes) {
            const one = instance();
            const answer = await service.request(addressOf(resource, one), { method: 'POST', headers: { 'content-type': `${type}; boundary=${BOUNDARY}` }, body: bodies[type](one) });
            assert.equal(answer.code, 200, `${resource.path} ${type}: ${answer.body}`);
            assert.ok(resource.gives.includes(typeOf(answer)));
        }
        assert.ok(resource.takes.includes('multipart/related; type="application/dicom"'));
        for (const type of ['application/dicom', 'multipart/form-data', 'multipart/related; type="application/pdf"', 'application/zip', 'text/plain'].filter((one) => !resource.takes.includes(one)))
            assert.equal((await service.request(addressOf(resource, kept.grey), { method: 'POST', headers: { 'content-type': `${type}; boundary=${BOUNDARY}` }, body: 'x' })).code, 415, type);
    }
});

test('keys match and attributes are returned at the levels that the statement says', async () => {
    const never = { DA: '18000101', TM: '000001', UI: '9.9.9', IS: '987654', CS: 'NEVER', PN: 'Nobody^Ever', other: 'never' };
    const kind = (keyword) => (/Date$/.test(keyword) ? 'DA' : /Time$/.test(keyword) ? 'TM' : /UID$/.test(keyword) ? 'UI' : /^(Series|Instance)Number$|^NumberOf/.test(keyword) ? 'IS' : /Name$/.test(keyword) ? 'PN' : /Modalit|Sex|Availability|BodyPart|Laterality/.test(keyword) ? 'CS' : 'other');
    const conditional = ['00080201', '00400244', '00400245', '00400275']; // "conditional ones when they have a value": this image has none
    const own = (level) => `StudyInstanceUID=${kept.grey.study}${level === 'studies' ? '' : `&SeriesInstanceUID=${kept.grey.series}`}`;
    assert.ok(keys().length > 30);
    for (const level of ['studies', 'series', 'instances']) {
        const [plain] = JSON.parse((await service.request(`/dicomweb/${level}?${own(level)}`)).body);
        assert.deepEqual(Object.keys(plain).sort(), keys().filter((one) => one.always.includes(level) && !conditional.includes(one.tag)).map((one) => one.tag).sort(), level);
        for (const one of keys()) {
            const asked = await service.request(`/dicomweb/${level}?${own(level)}&includefield=${one.keyword}`);
            assert.equal(one.tag in JSON.parse(asked.body)[0], !conditional.includes(one.tag) && (one.always.includes(level) || one.asked.includes(level)), `${level}: ${one.keyword}`);
            if (/^(Study|Series)InstanceUID$/.test(one.keyword)) continue;
            const found = await service.request(`/dicomweb/${level}?${own(level)}&${one.keyword}=${never[kind(one.keyword)]}`);
            assert.equal(found.code, one.matched.includes(level) ? 204 : 200, `${level}: ${one.keyword} matches`);
            if (!one.matched.includes(level)) assert.match(found.headers.warning, new RegExp(one.keyword));
        }
    }
});
