// Who is not known stays outside, and the log says so.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { phantomFiles, program, run, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';

let service;
before(async () => { service = await Service.start({ nodes: [['scanner', '--ae-title', 'SCANNER', '--facility', 'hospital']] }); });
after(() => service.stop());

for (const address of ['0.0.0.0', '192.0.2.1']) {
    test(`HTTP on ${address} is refused`, async () => {
        const result = await run(program, ['serve', '--data-dir', temporaryFolder('kh-refused'), '--set', `http.address=${address}`]);
        assert.equal(result.code, 2);
        assert.match(result.err, /loopback/);
        assert.equal(result.out, '');
    });
}

test('an unknown calling AE title is refused and logged', async () => {
    const [file] = phantomFiles(8);
    const sent = await storescu(service.dicomPort, [file], { calling: 'STRANGER' });
    assert.notEqual(sent.code, 0);
    assert.equal(sent.acknowledged.length, 0);
    assert.match(sent.output, /Calling AE Title Not Recognized/i);
    await until('the refusal is logged', () => /STRANGER/.test(service.log));
    assert.equal((await service.studies()).length, 0);
});

test('a wrong called AE title is refused and logged', async () => {
    const [file] = phantomFiles(8);
    const sent = await storescu(service.dicomPort, [file], { calling: 'SCANNER', called: 'SOMEBODY' });
    assert.notEqual(sent.code, 0);
    assert.match(sent.output, /Called AE Title Not Recognized/i);
    await until('the refusal is logged', () => /SOMEBODY/.test(service.log));
    assert.equal((await service.studies()).length, 0);
});

test('a known caller is taken, and what it sends belongs to its hospital', async () => {
    const files = phantomFiles(8).slice(0, 2);
    const sent = await storescu(service.dicomPort, files, { calling: 'SCANNER' });
    assert.equal(sent.code, 0, sent.output);
    assert.deepEqual(sent.acknowledged, files);
    const [study] = await service.studies();
    assert.equal(study.objects, 2);
    assert.equal(study.facility, 'hospital');
});

/** Addresses on which something listens at this port, from /proc/net/tcp: the kernel writes them in its own byte order. */
function listeningOn(port) {
    const wanted = port.toString(16).toUpperCase().padStart(4, '0');
    return fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A' && fields[1]?.endsWith(`:${wanted}`))
        .map((fields) => fields[1].slice(0, 8).match(/../g).reverse().map((byte) => parseInt(byte, 16)).join('.'));
}

test('DICOM is on loopback until the first node is added, then on the configured address', async (t) => {
    const fresh = await Service.start({ settings: { dicom: { address: '0.0.0.0' } } });
    t.after(() => fresh.stop());
    assert.deepEqual(listeningOn(fresh.dicomPort), ['127.0.0.1']);
    assert.deepEqual(listeningOn(fresh.httpPort), ['127.0.0.1']);
    await fresh.must(['node', 'add', 'scanner', '--ae-title', 'SCANNER', '--facility', 'hospital']);
    await until('the configured address is open', () => listeningOn(fresh.dicomPort).join() === '0.0.0.0');
    const sent = await until('the bridge takes images', async () => {
        const attempt = await storescu(fresh.dicomPort, phantomFiles(8).slice(0, 1), { calling: 'SCANNER' });
        return attempt.code === 0 && attempt;
    });
    assert.equal(sent.acknowledged.length, 1);
    assert.deepEqual(listeningOn(fresh.httpPort), ['127.0.0.1']);
    // And so after the next start.
    await fresh.stop();
    await fresh.launch();
    assert.deepEqual(listeningOn(fresh.dicomPort), ['0.0.0.0']);
});

test('a page elsewhere cannot reach the service by a name of its own', async () => {
    const answer = await new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port: service.httpPort, path: '/api/studies', headers: { host: 'evil.example' } }, (response) => { response.resume(); resolve(response); }).on('error', reject);
    });
    assert.ok(answer.statusCode >= 400 && answer.statusCode < 500, String(answer.statusCode));
});
