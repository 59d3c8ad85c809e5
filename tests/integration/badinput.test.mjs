// Bad input by every door: a clear error, nothing half stored, and the association or connection goes on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { dataDir, filesUnder, must, needsData, phantomFiles, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';

let service;
let folder;
before(async () => {
    folder = temporaryFolder('kh-bad');
    service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], settings: { storage: { object: '1 MiB' } } });
});
after(() => service.stop());

const good = () => phantomFiles(8)[0];
const incoming = () => fs.readdirSync(path.join(service.dir, 'data', 'incoming'));

function writeCase(name, bytes) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, bytes);
    return file;
}

/** The good slice with one thing broken. */
function mutated(name, change) {
    const bytes = Buffer.from(fs.readFileSync(good()));
    return writeCase(name, change(bytes) ?? bytes);
}

/** Where the value of an explicit VR element with a 2-byte length begins; VR and length stand 4 bytes before. */
function valueOffset(bytes, group, element) {
    const tag = Buffer.from([group & 0xff, group >> 8, element & 0xff, element >> 8]);
    const at = bytes.indexOf(tag, 132);
    assert.ok(at > 0);
    return at + 8;
}

const cases = [
    ['empty', () => writeCase('empty', Buffer.alloc(0))],
    ['one byte', () => writeCase('one', Buffer.from([8]))],
    ['text', () => writeCase('text', 'This is no DICOM file.\n'.repeat(50))],
    ['only the preamble', () => writeCase('preamble', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]))],
    ['cut in the meta information', () => mutated('cut-meta', (bytes) => bytes.subarray(0, 200))],
    ['cut in the data set', () => mutated('cut-header', (bytes) => bytes.subarray(0, 700))],
    ['a length past the end', () => mutated('long', (bytes) => { bytes.writeUInt16LE(0xfffe, valueOffset(bytes, 0x0010, 0x0010) - 2); })],
    ['no SOP Instance UID', () => mutated('no-uid', (bytes) => { bytes.writeUInt16LE(0x0019, valueOffset(bytes, 0x0008, 0x0018) - 6); })],
    ['a SOP Instance UID that is a path', () => mutated('path-uid', (bytes) => { bytes.write('../../../', valueOffset(bytes, 0x0008, 0x0018), 'latin1'); })],
    ['larger than the limit', () => mutated('large', (bytes) => Buffer.concat([bytes, Buffer.alloc(1 << 20)]))],
];

for (const [name, make] of cases) {
    test(`import: ${name}`, async () => {
        const before = (await service.studies()).length;
        const result = await service.command(['import', make()]);
        assert.equal(result.code, 1, result.output);
        assert.match(result.out, /0 imported, 0 already here, 0 conflicts, 0 not DICOM, 1 refused/);
        assert.match(result.err, /: .{8,}/); // a reason, in words
        assert.equal((await service.studies()).length, before);
        assert.deepEqual(incoming(), []);
    });
}

test('storescu: a bad object among good ones is refused, the association goes on', async () => {
    const files = phantomFiles(8);
    // Well-formed for storescu, but not for us: no Study Instance UID.
    const bad = path.join(folder, 'no-study');
    fs.copyFileSync(files[1], bad);
    await must('dcmodify', ['-nb', '-ea', '(0020,000d)', bad]);
    const sent = await storescu(service.dicomPort, [files[0], bad, files[2]], { extra: ['-nh'] });
    assert.deepEqual(sent.acknowledged, [files[0], files[2]], sent.output.slice(-3000));
    assert.deepEqual(sent.refused, [bad]);
    assert.equal((await service.studies())[0].objects, 2);
    assert.deepEqual(incoming(), []);
});

test('noise on the DICOM port is answered by closing, and others are served', async () => {
    const noises = [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(4096, 0xff), Buffer.from([1, 0, 0xff, 0xff, 0xff, 0xff]), Buffer.from([1, 0, 0, 0, 0, 4, 0, 1, 0, 0])];
    for (const noise of noises) {
        await new Promise((resolve) => {
            const socket = net.connect(service.dicomPort, '127.0.0.1', () => socket.end(noise));
            socket.on('error', resolve).on('close', resolve).resume();
            socket.setTimeout(15000, () => socket.destroy());
        });
    }
    const sent = await storescu(service.dicomPort, [phantomFiles(8)[3]]);
    assert.equal(sent.code, 0, sent.output);
});

const requests = [
    ['GET /tiles/1/1-0/0/0/0.jpg?c=40 HTTP/1.1', 400],
    ['GET /tiles/999999/1-0/0/0/0.jpg HTTP/1.1', 404],
    ['GET /tiles/x/1-0/0/0/0.jpg HTTP/1.1', 400],
    ['GET /tiles/1/1-0/0/0/0.jpg?q=101 HTTP/1.1', 400],
    ['GET /api/studies?limit=0 HTTP/1.1', 400],
    ['GET /api/studies?limit=201 HTTP/1.1', 400],
    ['GET /api/studies?from=2026-01-01 HTTP/1.1', 400],
    ['GET /api/studies/99999999999999999999 HTTP/1.1', 400],
    ['GET /api/studies/0 HTTP/1.1', [400, 404]],
    ['GET /api/nothing HTTP/1.1', 404],
    ['POST /api/studies HTTP/1.1', 405],
    ['GET /web/../../etc/passwd HTTP/1.1', [400, 404]],
    ['GET /web/%2e%2e/%2e%2e/etc/passwd HTTP/1.1', [400, 404]],
    ['GET /api/studies%00x HTTP/1.1', 400],
    ['GET /api/studies?q=%ff%fe HTTP/1.1', 400],
];

/** The first line's status of a request sent as it stands. */
function raw(lines) {
    return new Promise((resolve, reject) => {
        let text = '';
        const socket = net.connect(service.httpPort, '127.0.0.1', () => socket.write(`${lines}\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
        socket.on('data', (data) => { text += data.toString('latin1'); });
        socket.on('error', reject);
        socket.on('close', () => resolve({ code: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }));
        socket.setTimeout(15000, () => socket.destroy(new Error(`no answer to ${lines}`)));
    });
}

for (const [line, expected] of requests) {
    test(`HTTP: ${line}`, async () => {
        const { code, text } = await raw(line);
        assert.ok([expected].flat().includes(code), `${code}: ${text.slice(0, 500)}`);
        assert.match(text, /"message": ?".+"/);
        assert.equal((await service.request('/health')).code, 200);
    });
}

test('every real file is taken or refused with a reason, and nothing dies', { skip: needsData }, async () => {
    const pids = service.roles().filter((role) => role.name !== 'decode').map((role) => role.pid);
    const files = ['broken', 'generated', 'fo-dicom', 'pydicom'].flatMap((name) => filesUnder(path.join(dataDir, name)))
        .filter((file) => path.basename(file) !== 'DICOMDIR');
    const result = await service.command(['import', '--facility', 'files', ...files], { seconds: 120 });
    const counts = /(\d+) imported, (\d+) already here, (\d+) conflicts, (\d+) not DICOM, (\d+) refused/.exec(result.out).slice(1).map(Number);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), files.length, result.out);
    assert.ok(counts[0] > 50, result.out);
    assert.equal(result.err.trim().split('\n').filter((line) => /: \S/.test(line)).length >= counts[4], true, result.err);
    // And each of them can be asked for: a picture, or the reason why there is none.
    for (const study of await service.studies()) {
        for (const target of await service.tiles(study.id)) {
            const answer = await service.request(target);
            assert.ok([200, 422].includes(answer.code), `${target}: ${answer.code} ${answer.body.toString().slice(0, 300)}`);
            if (answer.code === 422) assert.ok(JSON.parse(answer.body).message.length > 8);
        }
    }
    await until('no queue is left', async () => (await service.request('/health')).code === 200);
    assert.deepEqual(service.roles().filter((role) => role.name !== 'decode').map((role) => role.pid).sort(), pids.sort());
    assert.equal((await service.command(['check'])).code, 0);
    assert.deepEqual(incoming(), []);
});

test('real broken files by storescu: each is answered, the service goes on', { skip: needsData }, async () => {
    const files = [...filesUnder(path.join(dataDir, 'broken')), ...filesUnder(path.join(dataDir, 'generated'))];
    for (const file of files) await storescu(service.dicomPort, [file], { extra: ['-R'] });
    const sent = await storescu(service.dicomPort, [phantomFiles(8)[4]]);
    assert.equal(sent.code, 0, sent.output);
    assert.deepEqual(incoming(), []);
    assert.equal((await service.command(['check'])).code, 0);
});
