// STOW-RS of metadata and bulk data (PS3.18 10.5): what is put together is read by DCMTK and pydicom, real objects are taken apart by our own WADO-RS and sent
// to a second service, and what cannot be put together is refused for itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bodyOf, partsOf } from '../lib/multipart.mjs';
import { attribute, dataDir, filesUnder, must, needsData, root, Service, temporaryFolder, until } from '../lib/service.mjs';

const JSON_TYPE = 'application/dicom+json';
const XML_TYPE = 'application/dicom+xml';
const OCTETS = 'application/octet-stream';
const needsPydicom = spawnSync('/usr/bin/python3', ['-c', 'import pydicom']).status === 0 ? false : 'python3-pydicom is not installed';
const folder = temporaryFolder('kh-stow-metadata');
let service, count = 0;

before(async () => { service = await Service.start({ settings: { dicomweb: { facility: 'clinic', metadata: '1 MiB' } } }); });
after(() => service.stop());

const at = (vr, ...values) => ({ vr, Value: values });
/** A grey picture of 8 bits, its pixels at `uri`. */
function picture({ uid = `1.2.392.200036.9999.89.${process.pid}.${++count}`, study = `${uid}.1`, rows = 4, columns = 4, uri = `bulk/${uid}`, more = {} } = {}) {
    return {
        '00080005': at('CS', 'ISO_IR 192'), '00080016': at('UI', '1.2.840.10008.5.1.4.1.1.7'), '00080018': at('UI', uid), '00080060': at('CS', 'OT'),
        '00100010': at('PN', { Alphabetic: 'Yamada^Taro', Ideographic: '山田^太郎' }), '00100020': at('LO', 'TEST'), '0020000D': at('UI', study), '0020000E': at('UI', `${uid}.2`),
        '00200013': at('IS', 1), '00280002': at('US', 1), '00280004': at('CS', 'MONOCHROME2'), '00280010': at('US', rows), '00280011': at('US', columns), '00280100': at('US', 8),
        '00280101': at('US', 8), '00280102': at('US', 7), '00280103': at('US', 0), ...(uri && { '7FE00010': { vr: 'OB', BulkDataURI: uri } }), ...more,
    };
}
const uidOf = (set) => set['00080018'].Value[0];
const pixelsOf = (set, body = Buffer.alloc(set['00280010'].Value[0] * set['00280011'].Value[0], 7), type = OCTETS) => ({ type, location: set['7FE00010'].BulkDataURI, body });
const metadata = (...sets) => ({ type: JSON_TYPE, body: JSON.stringify(sets) });

async function store(parts, { study, headers = {}, kind = JSON_TYPE, on = service } = {}) {
    const request = bodyOf(kind, parts);
    const answer = await on.request(`/dicomweb/studies${study ? `/${study}` : ''}`, { method: 'POST', headers: { ...request.headers, ...headers }, body: request.body });
    const json = /json/.test(answer.headers['content-type'] ?? '') ? JSON.parse(answer.body) : null;
    const items = (tag) => json?.[tag]?.Value ?? [];
    return {
        ...answer, json, stored: items('00081199').map((item) => item['00081155'].Value[0]), warnings: items('00081199').map((item) => item['00081196']?.Value[0]),
        failed: items('00081198').map((item) => [item['00081155'].Value[0], item['00081197'].Value[0]]), others: items('0008119A').map((item) => item['00081197'].Value[0]),
    };
}

/** The whole object, as it is kept. */
async function objectOf(set, on = service) {
    const answer = await on.request(`/dicomweb/studies/${set['0020000D'].Value[0]}/series/${set['0020000E'].Value[0]}/instances/${uidOf(set)}`, { headers: { accept: 'application/dicom; transfer-syntax=*' } });
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 300));
    const file = path.join(folder, `${uidOf(set)}.dcm`);
    fs.writeFileSync(file, answer.body);
    return file;
}
const dump = async (file, ...tags) => (await must('dcmdump', ['-q', '+L', '-Un', '+U8', ...tags.flatMap((tag) => ['+P', tag]), file])).out;

test('JSON with bulk data becomes an object that DCMTK reads', async () => {
    const set = picture({ more: { '00281203': { vr: 'OW', BulkDataURI: 'more/1' }, '00880200': { vr: 'SQ', Value: [{}, { '00420011': { vr: 'OB', BulkDataURI: '../else' } }] } } });
    const answer = await store([metadata(set), { type: OCTETS, location: '/dicomweb/more/1', body: Buffer.from([1, 2, 3, 4]) }, pixelsOf(set, Buffer.from(Array.from({ length: 16 }, (_, i) => i))),
        { type: OCTETS, location: `${service.url}/else`, body: 'abc' }]);
    assert.equal(answer.code, 200, answer.body);
    assert.deepEqual(answer.stored, [uidOf(set)]);
    assert.match(answer.json['00081190'].Value[0], new RegExp(`/dicomweb/studies/${uidOf(set)}\\.1$`));
    const file = await objectOf(set);
    const text = await dump(file);
    for (const line of [/\(0002,0010\) UI \[1\.2\.840\.10008\.1\.2\.1\]/, /\(0002,0003\) UI \[1\.2\.392/, /\(0010,0010\) PN \[Yamada\^Taro=山田\^太郎\]/, /\(7fe0,0010\) OB 00\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f/,
        /\(0028,1203\) OW 0201\\0403/, /\(0042,0011\) OB 61\\62\\63\\00/]) assert.match(text, line);
    await service.kill();
    await service.launch();
    assert.ok((await service.objects('clinic'))[uidOf(set)], 'after kill -9');
});

test('several objects, one value for two of them, and the study of the address', async () => {
    const study = `1.2.392.200036.9999.89.${process.pid}.0`;
    const [one, two, other] = [picture({ study, uri: 'shared' }), picture({ study, uri: 'shared' }), picture()];
    const answer = await store([metadata(one, two, other), pixelsOf(one), pixelsOf(other)], { study });
    assert.equal(answer.code, 202);
    assert.deepEqual(answer.stored, [uidOf(one), uidOf(two)]);
    assert.deepEqual(answer.failed, [[uidOf(other), 0xa901]]);
    assert.equal((await service.objects('clinic'))[uidOf(other)], undefined);
});

test('the same again is harmless; other pixels are a warning', async () => {
    const set = picture();
    for (let i = 0; i < 2; i++) {
        const answer = await store([metadata(set), pixelsOf(set)]);
        assert.deepEqual([answer.code, answer.stored, answer.warnings], [200, [uidOf(set)], [undefined]]);
    }
    const other = await store([metadata(set), pixelsOf(set, Buffer.alloc(16, 8))]);
    assert.deepEqual([other.code, other.warnings], [202, [0xb00e]]);
});

test('each object has its own result', async () => {
    const good = picture();
    const [noBulk, short, early, badKey, noRows, large] = [picture(), picture(), picture(), picture({ more: { '0010': at('LO', 'x') } }), picture({ more: { '00280010': { vr: 'US' } } }),
        picture({ uri: null, more: { '00104000': at('LT', 'x'.repeat(1 << 20)) } })];
    const answer = await store([{ ...pixelsOf(early) }, metadata(noBulk, short, early, badKey), pixelsOf(short, Buffer.alloc(10)), metadata(good, noRows, {}, large), pixelsOf(good), pixelsOf(noRows, 'abcd'),
        { type: OCTETS, body: 'nobody' }]);
    assert.equal(answer.code, 202);
    assert.deepEqual(answer.stored, [uidOf(good)]);
    assert.deepEqual(answer.failed, [[uidOf(noBulk), 0xc000], [uidOf(short), 0xa900], [uidOf(early), 0xc000], [uidOf(badKey), 0xc000], [uidOf(noRows), 0xa900]]);
    assert.deepEqual(answer.others, [0xc000, 0xc000, 0xc000, 0xc000], 'an empty data set, one that is too large, and two parts that nobody named before');
    const none = await store([metadata(noBulk)]);
    assert.deepEqual([none.code, none.json['00081190']], [409, undefined]);
});

test('bodies and wishes that are not what they should be', async () => {
    const set = picture();
    const good = [metadata(set), pixelsOf(set)];
    for (const [name, parts, options, code] of [
        ['no data set', [{ type: JSON_TYPE, body: '[]' }], {}, 400],
        ['no JSON', [{ type: JSON_TYPE, body: 'hello' }], {}, 400],
        ['JSON that ends early', [{ type: JSON_TYPE, body: '[{}, ' }], {}, 202],
        ['Part 10 where JSON was announced', [{ type: 'application/dicom', body: 'x' }], {}, 409],
        ['a type that is not served', good, { kind: 'application/json' }, 415],
        ['an answer that is not given', good, { headers: { accept: 'application/dicom' } }, 406],
        ['an Accept that is none', good, { headers: { accept: 'nonsense' } }, 400],
    ]) {
        const answer = await store(parts, options);
        if (name === 'JSON that ends early') assert.deepEqual([answer.code, answer.others.length], [409, 2], name);
        else assert.equal(answer.code, code, name);
    }
    assert.equal((await service.objects('clinic'))[uidOf(set)], undefined);
});

test('answers as XML', async () => {
    const [one, two] = [picture(), picture()];
    for (const accept of [XML_TYPE, `${XML_TYPE};q=0.9, image/jpeg`, `${JSON_TYPE};q=0.1, ${XML_TYPE}`]) {
        const answer = await store([metadata(one, two), pixelsOf(one)], { headers: { accept } });
        assert.deepEqual([answer.code, answer.headers['content-type']], [202, XML_TYPE]);
        const file = path.join(folder, 'answer.xml');
        fs.writeFileSync(file, answer.body);
        const value = async (where) => (await must('xmllint', ['--xpath', `string(//*[@tag="${where}"]//*[@tag="00081155"])`, file])).out.trim();
        assert.deepEqual([await value('00081199'), await value('00081198')], [uidOf(one), uidOf(two)]);
    }
    assert.equal((await store([metadata(one), pixelsOf(one)], { headers: { accept: `${XML_TYPE};q=0.1, */*` } })).headers['content-type'], JSON_TYPE);
});

test('XML, a document for each object', async () => {
    const xml = (set) => `<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">${Object.entries(set).map(([tag, { vr, Value, BulkDataURI }]) =>
        `<DicomAttribute tag="${tag}" vr="${vr}">${BulkDataURI ? `<BulkData uri="${BulkDataURI}"/>` : vr === 'PN' ? '<PersonName number="1"><Alphabetic><FamilyName>Yamada</FamilyName></Alphabetic></PersonName>'
            : Value.map((value, i) => `<Value number="${i + 1}">${value}</Value>`).join('')}</DicomAttribute>`).join('')}</NativeDicomModel>`;
    const [one, two, bomb] = [picture(), picture(), picture()];
    const part = (set) => ({ type: XML_TYPE, body: xml(set) });
    const answer = await store([part(one), part(two), pixelsOf(one), pixelsOf(two),
        { type: XML_TYPE, body: `<!DOCTYPE a [<!ENTITY b "1">]>${xml(bomb).replace(/<\?.*\?>/, '')}` }], { kind: XML_TYPE });
    assert.equal(answer.code, 202);
    assert.deepEqual(answer.stored, [uidOf(one), uidOf(two)]);
    assert.deepEqual(answer.others, [0xc000]);
    assert.match(await dump(await objectOf(two)), /\(7fe0,0010\) OB 07\\07/);
});

test('a sender that goes away, or breaks off, leaves nothing half', async () => {
    const [one, two] = [picture(), picture()];
    const { headers, body } = bodyOf(JSON_TYPE, [metadata(one, two), pixelsOf(one), pixelsOf(two)]);
    const answer = await service.request('/dicomweb/studies', { method: 'POST', headers, body: body.subarray(0, body.length - 30) });
    assert.equal(answer.code, 202, answer.body);
    const json = JSON.parse(answer.body);
    assert.deepEqual(json['00081199'].Value.map((item) => item['00081155'].Value[0]), [uidOf(one)]);
    assert.equal(json['00081198'].Value[0]['00081155'].Value[0], uidOf(two));
    await until('incoming is empty', () => fs.readdirSync(path.join(service.dir, 'data', 'incoming')).length === 0);
});

test('large bulk data cost no memory', async () => {
    const set = picture({ rows: 512, columns: 1024, more: { '00280008': at('IS', 192) } }); // 96 MiB
    const resident = () => Number(/RssAnon:\s+(\d+)/.exec(fs.readFileSync(`/proc/${service.role('web').pid}/status`, 'utf8'))[1]);
    const start = resident();
    const answer = await store([metadata(set), pixelsOf(set, Buffer.alloc(192 * 512 * 1024, 5))]);
    assert.equal(answer.code, 200, answer.body);
    assert.ok(resident() - start < 16 * 1024, `${resident() - start} KiB more`);
});

/* ---- real objects, taken apart and put together again ---- */

/** Every address of bulk data in a data set, with its tag and depth. */
function* addressesOf(set, depth = 0) {
    for (const [tag, { BulkDataURI, vr, Value }] of Object.entries(set)) {
        if (BulkDataURI) yield { uri: BulkDataURI, isPixels: tag === '7FE00010' && depth === 0 };
        if (vr === 'SQ') for (const item of Value ?? []) yield* addressesOf(item, depth + 1);
    }
}

/** The parts of a value: native bytes, or the frames as they are stored. */
async function fetchValue(from, { uri, isPixels }) {
    const accept = isPixels ? `multipart/related; type="image/*"; transfer-syntax=*, multipart/related; type="${OCTETS}"; transfer-syntax=*, multipart/related; type="${OCTETS}"` : `multipart/related; type="${OCTETS}"`;
    const answer = await from.request(new URL(uri).pathname, { headers: { accept } });
    if (answer.code !== 200) return null;
    return partsOf(answer).map(({ headers, body }) => ({ type: headers['content-type'], location: uri, body }));
}

/** {uid: parts} of everything a service holds: metadata in the one form or the other, then values. */
async function takeApart(from, form) {
    const all = [];
    const studies = JSON.parse((await from.request('/dicomweb/studies?limit=1000')).body);
    for (const study of new Set(studies.map((one) => one['0020000D'].Value[0]))) {
        const target = `/dicomweb/studies/${study}/metadata`;
        const sets = JSON.parse((await from.request(target)).body);
        const documents = form === XML_TYPE ? partsOf(await from.request(target, { headers: { accept: `multipart/related; type="${XML_TYPE}"` } })).map((part) => part.body) : null;
        const documentOf = (set) => documents?.find((text) => new RegExp(`tag="00080018"[^>]*>\\s*<Value number="1">${uidOf(set)}<`).test(text)) ?? JSON.stringify([set]);
        for (const set of sets) {
            const values = await Promise.all([...addressesOf(set)].map((address) => fetchValue(from, address)));
            all.push({ uid: uidOf(set), set, parts: [{ type: form, body: documentOf(set) }, ...values.filter(Boolean).flat()], lacks: values.some((value) => !value) });
        }
    }
    return all;
}

/* Objects that are refused, and why: {UID: Failure Reason}. */
const refusedForReason = {
    '1.2.246.10.22143774.10001678204431056.11469.10637': 0xa900, // dcmjs/sample-op.dcm: a baseline JPEG under the transfer syntax of lossless ones
    '1.2.840.113619.2.227.10452012345105.2111150929121006.35': 0xa900, // fo-dicom/GH133.dcm: an icon that is compressed, its bytes given as application/octet-stream
    '1.3.6.1.4.1.5962.1.1.8.1.3.20040826185059.5457': 0xc000, // pydicom/JPEG2000-embedded-sequence-delimiter.dcm: a codestream with a delimiter in its header
    '1.9.999.999.99.9.9999.9999.20030818153516': 0xc000, // pydicom/badVR.dcm: a Number of Frames that is no number
};
/* Objects of which the judge does not say "same", and what it says. */
const explained = {
    '1.2.276.0.7230010.3.1.4.1787205428.2345.1071048146.1': 'unread\tOSError: No tag to read at file position 81994', // fo-dicom/GH177...: pydicom cannot read it
    '1.2.276.0.7230010.3.1.4.1819218265.9224.1717183568.223': 'other\t00100010 PN PN: value', // charset/chrGB2312.dcm: pydicom leaves the escape sequences of ISO 2022 IR 58 in the name
    '1.2.826.0.1.3680043.8.498.20261120.6': 'other\t00100010 PN PN: value', // generated/Undeclared_ShiftJIS.dcm: no character set is declared, we guess it
    '1.3.12.2.1107.5.2.47.182190.30000023110115420904200000309': 'other\t7FE00010 is in the other only', // fo-dicom/GH1339.dcm: pydicom ends before the pixels
    '1.2.840.113619.2.284.3.17442826.413.1388989542.640': 'other\t00280120 VR.SS SS: 718 and 1 values', // fo-dicom/GH179A.dcm: a VR of two blanks, behind which pydicom goes astray
    '999.999.01.23.45.6789': 'other\tCB0D0010 is in one only', // fo-dicom/CR-ModalitySequenceLUT.dcm: bytes behind the pixels that are no attribute
    '999.999.133.1996.1.1800.1.6.25': 'other\tE0290010 is in one only', // dcm4che/US-PAL-8-10x-echo: likewise
};

for (const form of [JSON_TYPE, XML_TYPE]) {
    test(`real objects, taken apart as ${form} and put together again, say the same`, { skip: needsData || needsPydicom }, async () => {
        const [from, to] = [await Service.start(), await Service.start()];
        try {
            await from.command(['import', dataDir], { seconds: 300 });
            const refused = {};
            const pairs = [];
            for (const { uid, set, parts } of await takeApart(from, form)) {
                const answer = await store(parts, { kind: form, on: to });
                if (answer.stored.length !== 1) { refused[uid] = answer.failed[0]?.[1] ?? answer.others[0]; continue; }
                const file = path.join(folder, `${uid}-${pairs.length}.from.dcm`);
                fs.renameSync(await objectOf(set, from), file);
                pairs.push([file, await objectOf(set, to)]);
            }
            const { out } = await must('/usr/bin/python3', [path.join(root, 'tests/lib/same_dataset.py')], { input: `${pairs.map((pair) => pair.join('\t')).join('\n')}\n`, seconds: 240 });
            const others = Object.fromEntries(out.trim().split('\n').map((line, i) => [path.basename(pairs[i][0]).split('-')[0], line]).filter(([, line]) => !line.startsWith('same')));
            console.log(`${pairs.length} objects, ${out.match(/^same/gm).length} say the same`);
            // of several files with one UID any may be the one that is here
            assert.deepEqual(Object.entries(refused).filter(([uid, code]) => refusedForReason[uid] !== code), [], to.log);
            assert.deepEqual(Object.entries(others).filter(([uid, verdict]) => explained[uid] !== verdict), []);
            assert.ok(pairs.length > 280, `${pairs.length} objects`);
        } finally {
            await from.stop();
            await to.stop();
        }
    });
}
