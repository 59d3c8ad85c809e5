// S13: the record of access as DICOM audit messages (PS3.15 A.5) at a syslog server (RFC 5424 over RFC 5425): a receiver in Node that counts octets, and
// xmllint with the standard's schema. Nothing of the chains is missing there, whatever breaks: lines that are cut, a server that is away, kills.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Authority } from '../lib/certificates.mjs';
import { freePort, must, phantomFiles, Service, temporaryFolder, until } from '../lib/service.mjs';

const schema = fileURLToPath(new URL('../audit/dicom_audit.rng', import.meta.url));
const HEADER = /^<(84|85)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ kakehashi \d+ DICOM\+RFC3881 - \u{feff}<\?xml /u;

/** A syslog server by TLS. It keeps each whole frame; what is no frame is kept in `wrong`. */
class Receiver {
    constructor(options, port) { Object.assign(this, { options, port, frames: [], wrong: [], sockets: new Set(), connections: 0, cutAfter: Infinity }); }

    listen() {
        this.server = tls.createServer(this.options, (socket) => this.#take(socket));
        this.server.on('tlsClientError', () => {});
        return new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
    }

    #take(socket) {
        let bytes = Buffer.alloc(0);
        this.connections++;
        this.sockets.add(socket);
        socket.on('close', () => this.sockets.delete(socket));
        socket.on('error', () => {});
        socket.on('data', (part) => {
            bytes = Buffer.concat([bytes, part]);
            for (let space; (space = bytes.indexOf(0x20)) > 0;) {
                const length = bytes.subarray(0, space).toString();
                if (!/^[1-9][0-9]*$/.test(length)) { this.wrong.push(length); socket.destroy(); return; }
                if (bytes.length < space + 1 + Number(length)) break;
                this.frames.push(bytes.subarray(space + 1, space + 1 + Number(length)).toString());
                bytes = bytes.subarray(space + 1 + Number(length));
                if (this.frames.length >= this.cutAfter) { this.cutAfter = Infinity; socket.destroy(); return; }
            }
        });
    }

    close() {
        for (const socket of this.sockets) socket.destroy();
        return new Promise((resolve) => { this.server.close(resolve); });
    }

    /** "web:12" of each frame. */
    get records() { return this.frames.map((frame) => /urn:kakehashi:audit:([a-z]+:\d+)/.exec(frame)?.[1]); }
}

function authorities() {
    const folder = temporaryFolder('kh-syslog');
    const authority = new Authority(folder, 'logs');
    const server = authority.issue('localhost');
    const client = authority.issue('kakehashi');
    return { folder, authority, server, client, other: new Authority(folder, 'others') };
}

const files = (server) => ({ key: fs.readFileSync(server.key), cert: fs.readFileSync(server.certificate) });

async function records(service) {
    const { out } = await service.must(['audit', 'search', '--csv']);
    return out.trim().split('\r\n').slice(1).map((line) => line.split(',', 2).join(':'));
}

/** All that is recorded is there; every frame is one, and its XML fits the schema. */
async function assertAllThere(receiver, service) {
    const wanted = await records(service);
    await until('every record is at the receiver', () => { const there = new Set(receiver.records); return wanted.every((one) => there.has(one)); });
    assert.deepEqual(receiver.wrong, []);
    const folder = temporaryFolder('kh-syslog-xml');
    receiver.frames.forEach((frame, index) => {
        assert.match(frame, HEADER);
        fs.writeFileSync(path.join(folder, `${index}.xml`), frame.slice(frame.indexOf('<?xml')));
    });
    await must('sh', ['-c', `cd '${folder}' && ls | xargs xmllint --noout --relaxng '${schema}'`]);
    return wanted;
}

async function work(service) {
    const [study] = await service.studies();
    for (const tile of (await service.tiles(study.id)).slice(0, 3)) await service.request(tile);
    await service.request(`/api/studies?text=word${Math.random()}`);
    return study;
}

test('each record is a DICOM audit message at a syslog server that is verified, and that sees our certificate', async (t) => {
    const { authority, server, client } = authorities();
    const receiver = new Receiver({ ...files(server), ca: fs.readFileSync(authority.file), requestCert: true, rejectUnauthorized: true }, await freePort());
    await receiver.listen();
    t.after(() => receiver.close());
    const audit = { syslog_host: 'localhost', syslog_port: receiver.port, syslog_ca: authority.file, syslog_certificate: client.certificate, syslog_key: client.key, checkpoint: '1 s' };
    const service = await Service.start({ files: phantomFiles(3), settings: { audit } });
    t.after(() => service.stop());
    const study = await work(service);
    await assertAllThere(receiver, service);
    const accessed = receiver.frames.find((frame) => /csd-code="110103"/.test(frame) && frame.includes(`ParticipantObjectID="${study.uid}"`));
    assert.ok(accessed, 'Instances Accessed of the study');
    assert.match(accessed, /UserID="127\.0\.0\.1"/);
    for (const event of ['110100', '110108', '110112', '110107']) assert.ok(receiver.frames.some((frame) => frame.includes(`<EventID csd-code="${event}"`)), event);
    await until('a checkpoint comes, too', () => receiver.frames.some((frame) => frame.includes('<EventID csd-code="110101"')));
    assert.equal((await service.stop()).code, 0);
    assert.ok(receiver.frames.some((frame) => frame.includes('<EventTypeCode csd-code="110121"')), 'the end of the service is told before it ends');
});

test('a server that is away, lines that are cut, kills of ours: nobody waits, and nothing is missing', async (t) => {
    const { authority, server } = authorities();
    const receiver = new Receiver(files(server), await freePort());
    const service = await Service.start({ files: phantomFiles(3), settings: { audit: { syslog_host: '127.0.0.1', syslog_port: receiver.port, syslog_ca: authority.file } } });
    t.after(() => service.stop());
    await work(service);
    await until('the log says that it is away', () => /warn .*audit: syslog: .*cannot be reached; the record of access is kept/.test(service.log));
    await service.kill();
    await service.launch(); // with a server that is away still
    await work(service);
    await receiver.listen();
    t.after(() => receiver.close());
    await assertAllThere(receiver, service);

    for (let i = 1; i <= 3; i++) { // in the middle of what is sent
        receiver.cutAfter = receiver.frames.length + i;
        for (let k = 0; k < 5; k++) await work(service);
        await assertAllThere(receiver, service);
    }
    await work(service);
    await service.kill(); // sent and not noted as sent, or noted and not sent: it is there
    await service.launch();
    await assertAllThere(receiver, service);
    const place = path.join(service.dir, 'data', 'audit', 'syslog.place');
    await until('what was delivered is noted', () => fs.existsSync(place));
    await service.stop();
    const before = receiver.frames.length;
    await service.launch();
    const wanted = await assertAllThere(receiver, service);
    assert.ok(receiver.frames.length - before < wanted.length, 'what was delivered before does not all come again');
    fs.writeFileSync(place, 'no such place\n');
    await service.kill();
    receiver.frames.length = 0;
    await service.launch();
    await assertAllThere(receiver, service); // all from the beginning
});

test('a server whose certificate is not believed is told nothing', async (t) => {
    const { authority, server, other } = authorities();
    const cases = [
        ['of another authority', files(other.issue('localhost')), '127.0.0.1'],
        ['of another name', files(authority.issue('elsewhere', { hosts: 'DNS:elsewhere.example' })), 'localhost'],
        ['not for this address', files(authority.issue('named', { hosts: 'DNS:localhost' })), '127.0.0.1'],
        ['expired', files(authority.issue('late', { days: [-10, -1] })), 'localhost'],
        ['only TLS 1.1', { ...files(server), maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, 'localhost'],
    ];
    for (const [name, options, host] of cases) {
        const receiver = new Receiver(options, await freePort());
        await receiver.listen();
        const service = await Service.start({ files: [], settings: { audit: { syslog_host: host, syslog_port: receiver.port, syslog_ca: authority.file } } });
        t.after(() => service.stop());
        await until(`${name}: the log says why`, () => /warn .*audit: syslog: /.test(service.log));
        assert.deepEqual(receiver.frames, [], name);
        assert.equal((await service.request('/api/studies')).code, 200, `${name}: nobody waits for it`);
        await service.stop();
        await receiver.close();
    }
});
