// STOW-RS (PS3.18 10.5), by bodies that curl and a few lines of our own send: what is stored is there, what is not is told with its reason.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { attribute, dataDir, filesUnder, must, needsData, phantomFiles, Service, sleep, temporaryFolder, until } from '../lib/service.mjs';
import { grey, makeObject } from '../lib/objects.mjs';

const BOUNDARY = 'kakehashi-7MA4YWxk';
let service;
before(async () => { service = await Service.start({ settings: { dicomweb: { facility: 'clinic' } } }); });
after(() => service.stop());

const part = (bytes, type = 'application/dicom') => Buffer.concat([Buffer.from(`--${BOUNDARY}\r\nContent-Type: ${type}\r\n\r\n`), bytes, Buffer.from('\r\n')]);
const body = (parts) => Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);
const multipart = { 'content-type': `multipart/related; type="application/dicom"; boundary=${BOUNDARY}` };

async function store(bytes, { study, headers = multipart, on = service } = {}) {
    const answer = await on.request(`/dicomweb/studies${study ? `/${study}` : ''}`, { method: 'POST', headers, body: bytes });
    const json = answer.body.length > 0 ? JSON.parse(answer.body) : null;
    const items = (tag) => json?.[tag]?.Value ?? [];
    return { code: answer.code, headers: answer.headers, json, failed: items('00081198'), stored: items('00081199'), others: items('0008119A') };
}

const small = (more = []) => makeObject([...grey({ rows: 4, columns: 4 }), ...more, '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16']);
const uidOf = (item) => item['00081155'].Value[0];
const reason = (item) => item['00081197'].Value[0];

test('a study of several parts is stored, listed under its hospital and durable', async () => {
    const files = phantomFiles(6);
    const uids = Object.values(await attribute('0008,0018', files));
    const answer = await store(body(files.map((file) => part(fs.readFileSync(file)))));
    assert.equal(answer.code, 200);
    assert.equal(answer.headers['content-type'], 'application/dicom+json');
    assert.deepEqual(answer.stored.map(uidOf).sort(), [...uids].sort());
    assert.deepEqual([answer.failed, answer.others], [[], []]);
    assert.match(answer.json['00081190'].Value[0], new RegExp(`^http://127\\.0\\.0\\.1:${service.httpPort}/dicomweb/studies/[0-9.]+$`));
    for (const item of answer.stored) assert.match(item['00081190'].Value[0], /\/studies\/[0-9.]+\/series\/[0-9.]+\/instances\/[0-9.]+$/);
    assert.deepEqual(Object.keys(await service.objects('clinic')).sort(), [...uids].sort());
    await service.kill();
    await service.launch();
    assert.deepEqual(Object.keys(await service.objects('clinic')).sort(), [...uids].sort(), 'after kill -9');
    await service.must(['check']);
});

test('the same again is harmless; other bytes under the same UID are a warning', async () => {
    const one = await small();
    const bytes = fs.readFileSync(one.file);
    assert.equal((await store(body([part(bytes)]))).code, 200);
    const again = await store(body([part(bytes), part(bytes)]));
    assert.equal(again.code, 200);
    assert.equal(again.stored.length, 2);
    const other = Buffer.from(bytes);
    other[other.length - 2] ^= 1;
    const conflict = await store(body([part(other)]));
    assert.equal(conflict.code, 202);
    assert.equal(conflict.stored[0]['00081196'].Value[0], 0xb00e);
});

test('each part has its own result', async () => {
    const [first, second, third] = [await small(), await small(), await small()];
    const cut = fs.readFileSync(second.file).subarray(0, 300);
    const answer = await store(body([part(fs.readFileSync(first.file)), part(Buffer.from('no DICOM at all')), part(cut),
        part(fs.readFileSync(third.file), 'application/octet-stream')]));
    assert.equal(answer.code, 202);
    assert.deepEqual(answer.stored.map(uidOf), [first.uid]);
    assert.equal(answer.failed.length + answer.others.length, 3);
    for (const item of [...answer.failed, ...answer.others]) assert.equal(reason(item), 0xc000);
    const none = await store(body([part(Buffer.from('no DICOM at all'))]));
    assert.equal(none.code, 409);
    assert.equal(none.json['00081190'], undefined);
});

test('objects of another study than the address names are refused one by one', async () => {
    const [mine, other] = [await small(), await small()];
    const answer = await store(body([part(fs.readFileSync(mine.file)), part(fs.readFileSync(other.file))]), { study: `${mine.uid}.1` });
    assert.equal(answer.code, 202);
    assert.deepEqual(answer.stored.map(uidOf), [mine.uid]);
    assert.deepEqual(answer.failed.map((item) => [uidOf(item), reason(item)]), [[other.uid, 43265]]);
    assert.equal((await service.objects('clinic'))[other.uid], undefined);
    assert.equal((await store(body([part(fs.readFileSync(other.file))]), { study: '../../etc' })).code, 404);
    assert.equal((await store(body([part(fs.readFileSync(other.file))]), { study: '..%2f..' })).code, 400);
    assert.equal((await store(body([part(fs.readFileSync(other.file))]), { study: 'not-a-uid' })).code, 400);
});

test('bodies that are not what they should be', async () => {
    const one = await small();
    const whole = body([part(fs.readFileSync(one.file))]);
    const cases = [
        ['another type', { 'content-type': 'application/json' }, whole, 415],
        ['no type', {}, whole, 415],
        ['no inner type', { 'content-type': `multipart/related; boundary=${BOUNDARY}` }, whole, 415],
        ['an inner type that is not served', { 'content-type': `multipart/related; type="text/plain"; boundary=${BOUNDARY}` }, whole, 415],
        ['no boundary', { 'content-type': 'multipart/related; type="application/dicom"' }, whole, 400],
        ['a boundary that is none', { 'content-type': 'multipart/related; type="application/dicom"; boundary="a\\"b"' }, whole, 400],
        ['another boundary', { 'content-type': 'multipart/related; type="application/dicom"; boundary=other' }, whole, 400],
        ['an empty body', multipart, Buffer.alloc(0), 400],
        ['no parts', multipart, Buffer.from(`--${BOUNDARY}--`), 400],
        ['it breaks off in the first part', multipart, whole.subarray(0, whole.length - 40), 400],
    ];
    for (const [name, headers, bytes, code] of cases) assert.equal((await store(bytes, { headers })).code, code, name);
    const broken = await store(Buffer.concat([part(fs.readFileSync(one.file)), part(Buffer.from('x')).subarray(0, 60)]));
    assert.equal(broken.code, 202, 'what came whole before a body breaks off is stored and told of');
    assert.deepEqual(broken.stored.map(uidOf), [one.uid]);
    assert.equal(broken.others.length, 1);
});

test('curl sends, with a length and chunked', async () => {
    const folder = temporaryFolder('kh-stow');
    for (const [name, lines] of [['length', []], ['chunked', ['-H', 'Transfer-Encoding: chunked']]]) {
        const one = await small();
        fs.writeFileSync(path.join(folder, name), body([part(fs.readFileSync(one.file))]));
        const sent = await must('curl', ['-sS', '-f', '-X', 'POST', '-H', `Content-Type: ${multipart['content-type']}`, ...lines, '--data-binary', `@${path.join(folder, name)}`,
            `${service.url}/dicomweb/studies`]);
        assert.equal(JSON.parse(sent.out)['00081199'].Value.length, 1, name);
    }
});

test('a sender that goes away leaves nothing half', async () => {
    const one = await small();
    const bytes = fs.readFileSync(one.file);
    const incoming = path.join(service.dir, 'data', 'incoming');
    for (const share of [0.2, 0.6, 0.95]) {
        const whole = body([part(bytes)]);
        const socket = net.connect(service.httpPort, '127.0.0.1');
        socket.write(`POST /dicomweb/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${multipart['content-type']}\r\nContent-Length: ${whole.length}\r\n\r\n`);
        socket.write(whole.subarray(0, Math.floor(whole.length * share)));
        await sleep(100);
        socket.destroy();
    }
    await until('incoming is empty', () => fs.readdirSync(incoming).length === 0);
    assert.equal((await service.objects('clinic'))[one.uid], undefined);
});

test('a large object costs no memory', async () => {
    const folder = temporaryFolder('kh-stow-large');
    const frames = 192; // 96 MiB
    const one = await makeObject([...grey({ rows: 512, columns: 512 }), `(0028,0008) IS [${frames}]`,
        `(7fe0,0010) OW =${(() => { const file = path.join(folder, 'pixels'); fs.writeFileSync(file, Buffer.alloc(frames * 512 * 1024, 7)); return file; })()}`]);
    const resident = () => Number(/RssAnon:\s+(\d+)/.exec(fs.readFileSync(`/proc/${service.role('web').pid}/status`, 'utf8'))[1]);
    const before = resident();
    const answer = await store(body([part(fs.readFileSync(one.file))]));
    assert.equal(answer.code, 200);
    assert.ok(resident() - before < 16 * 1024, `${resident() - before} KiB more`);
});

test('every real file is stored or refused as the import does it', { skip: needsData }, async () => {
    const files = filesUnder(dataDir).filter((file) => !/\.(tsv|md|txt)$/.test(file)).filter((file) => fs.statSync(file).size < 32 << 20);
    const imported = await Service.start();
    const stowed = await Service.start();
    try {
        await imported.command(['import', ...files], { seconds: 240 });
        let stored = 0;
        for (let at = 0; at < files.length; at += 20) {
            const answer = await store(body(files.slice(at, at + 20).map((file) => part(fs.readFileSync(file)))), { on: stowed });
            stored += answer.stored.length;
        }
        const expected = Object.keys(await imported.objects()).sort();
        assert.deepEqual(Object.keys(await stowed.objects()).sort(), expected);
        assert.ok(stored >= expected.length);
    } finally {
        await imported.stop();
        await stowed.stop();
    }
});

/** Equal, or but for preamble and meta information. */
const sameDataSet = (one, other) => {
    const size = Math.min(one.length, other.length) - 600;
    return one.equals(other) || (size > 0 && one.subarray(-size).equals(other.subarray(-size)));
};
/** Real files that are not stored, and why: the Failure Reason, and words of the log. DCMTK finds no `lacks` in them either. */
const refused = [
    { code: 0xc000, words: /SOPClassUID \(0008,0016\) is missing/, lacks: '0008,0016',
        files: [
            'charset/chrSQEncoding.dcm', 'charset/chrSQEncoding1.dcm', 'dcm4che/no_preamble_dicm_in_data', 'fo-dicom/GH340.dcm',
            'pydicom/UN_sequence.dcm', 'pydicom/empty_charset_LEI.dcm', 'pydicom/meta_missing_tsyntax.dcm', 'pydicom/nested_priv_SQ.dcm',
            'pydicom/no_meta_group_length.dcm', 'pydicom/priv_SQ.dcm',
        ] },
    { code: 0xc000, words: /SOPInstanceUID \(0008,0018\) is missing/, lacks: '0008,0018',
        files: [
            'pydicom-data/JLSL_RGB_ILV0.dcm', 'pydicom-data/JLSL_RGB_ILV1.dcm', 'pydicom-data/JLSL_RGB_ILV2.dcm', 'pydicom-data/JLSN_RGB_ILV0.dcm',
        ] },
    { code: 0xc000, words: /SOPInstanceUID \(0008,0018\) is missing or longer than 64 characters/, files: ['gsps/jpeg2000-multiframe-multifragments.dcm'] }, // 67
    { code: 0xc000, words: /StudyInstanceUID \(0020,000D\) is missing/, lacks: '0020,000d',
        files: [
            'fo-dicom/GH220.dcm', 'fo-dicom/GH223.dcm', 'fo-dicom/GH487.dcm', 'pydicom/JPEGLSNearLossless_08.dcm',
            'pydicom/JPEGLSNearLossless_16.dcm', 'pydicom/SC_rgb_jls_lossy_line.dcm', 'pydicom/SC_rgb_jls_lossy_sample.dcm',
            'pydicom-data/HTJ2KLossless_08_RGB.dcm', 'pydicom-data/HTJ2K_08_RGB.dcm', 'pydicom-data/JLSL_08_07_0_1F.dcm',
            'pydicom-data/JLSL_16_15_1_1F.dcm',
        ] },
    { code: 0x0122, words: /a DICOMDIR is not stored as an object/,
        files: [
            'dcm4che/DICOMDIR', 'mr-hitachi-spine/DICOMDIR', 'pydicom/dicomdirtests/DICOMDIR', 'pydicom/dicomdirtests/DICOMDIR-bigEnd',
            'pydicom/dicomdirtests/DICOMDIR-empty.dcm', 'pydicom/dicomdirtests/DICOMDIR-implicit', 'pydicom/dicomdirtests/DICOMDIR-nopatient',
            'pydicom/dicomdirtests/DICOMDIR-reordered', 'pydicom/dicomdirtests/TINY_ALPHA/DICOMDIR',
        ] },
    { code: 0x0122, words: /Color Palette Storage.* is not a storage class/, files: ['pydicom/palettes/fall.dcm', 'pydicom/palettes/pet.dcm'] },
    { code: 0xc000, words: /\(0055,040E\): followed by \(FFFE,E000\) at byte 1320/, files: ['fo-dicom/FreezePattern.dcm'] },
    { code: 0xc000, words: /\(2031,0028\): length 20300/, files: ['fo-dicom/GH179B.dcm'] },
    { code: 0xc000, words: /ProcessingFunction \(0018,5020\): followed by \(FFFE,E000\) at byte 1136/, files: ['fo-dicom/GH364.dcm'] },
    { code: 0xc000, words: /ReferencedImageSequence \(0008,1140\): nested deeper than 16 sequences/, files: ['generated/deep_sequence.dcm'] },
    { code: 0xc000, words: /the file is empty/, files: ['generated/empty.dcm'] },
    { code: 0xc000, words: /the file ends at byte 132/, files: ['generated/only_preamble.dcm'] },
    { code: 0xc000, words: /not a DICOM file: no DICM at byte 128, and no attribute at byte 0/, files: ['generated/text_not_dicom.dcm'] },
    { code: 0xc000, words: /\(07A1,0010\): followed by 6 bytes/, files: ['generated/trunc_at_pixel_tag.dcm'] },
    { code: 0xc000, words: /\(01F1,1044\): length 644/, files: ['generated/trunc_in_header.dcm'] },
    { code: 0xc000, words: /DirectoryRecordSequence \(0004,1220\): an item of 248 bytes/, files: ['pydicom/dicomdirtests/DICOMDIR-nooffset'] },
    { code: 0xc000, words: /not a DICOM file: no DICM at byte 128, and no attribute at byte 0/, files: ['pydicom/no_meta.dcm'] },
    { code: 0xc000, words: /BeamSequence \(300A,00B0\): length 976/, files: ['pydicom/rtplan_truncated.dcm'] },
    { code: 0xc000, words: /SOPInstanceUID \(0008,0018\) is not a UID/, files: ['pydicom-data/bad_sequence.dcm'] },
];

test('every real file is stored and comes back byte for byte, or is refused for a reason that is known', { skip: needsData }, async () => {
    const all = await Service.start();
    try {
        const sent = {}; // {address: [bytes, ...]}, in the order they were sent
        const notStored = {};
        for (const file of filesUnder(dataDir).filter((name) => !/\.(tsv|md|txt|py)$|SHA256SUMS$|\/licences\//.test(name))) {
            const bytes = fs.readFileSync(file);
            const answer = await store(body([part(bytes)]), { on: all });
            const [item] = answer.stored;
            if (!item) { notStored[path.relative(dataDir, file)] = reason([...answer.failed, ...answer.others][0]); continue; }
            const before = (sent[new URL(item['00081190'].Value[0]).pathname] ??= []);
            const known = before.length === 0 || before.some((one) => sameDataSet(one, bytes));
            assert.equal(item['00081196']?.Value[0], known ? undefined : 0xb00e, `${file}: a warning where its UID is known with other bytes`);
            before.push(bytes);
        }
        for (const [address, files] of Object.entries(sent)) {
            const answer = await all.request(address, { headers: { accept: 'application/dicom; transfer-syntax=*' } });
            assert.equal(answer.code, 200, address);
            assert.ok(answer.body.equals(files[0]), `${address}, of ${files.length} files: the first that came`);
        }
        assert.ok(Object.keys(sent).length > 280, `${Object.keys(sent).length} objects`);
        const reasons = all.log.match(/refused, reason .*/g); // in the order they were sent
        assert.deepEqual(Object.keys(notStored).sort(), refused.flatMap(({ files }) => files).sort());
        for (const { code, words, lacks, files } of refused) {
            for (const file of files) {
                assert.equal(notStored[file], code, file);
                assert.match(reasons[Object.keys(notStored).indexOf(file)], words, file);
            }
            if (lacks) assert.deepEqual(await attribute(lacks, files.map((file) => path.join(dataDir, file))), {}, `${words}: DCMTK finds none either`);
        }
    } finally { await all.stop(); }
});
