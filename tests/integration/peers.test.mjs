// R8: peers that hang, drip, stop reading or go without a word. Each has a deadline of its own; whoever else calls is served meanwhile. The
// deadlines are seconds here; KH_LONG=1: those of the configuration as it comes.
// R17: many associations, after which the bridge holds what it held before. 2,000; KH_LONG=1: 100,000.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { filesUnder, freePort, listens, phantomFiles, run, Service, sleep, start, storescu, temporaryFolder, until } from '../lib/service.mjs';
import { associateRequest, ctStorage, dataPdu, Peer, storeRequest } from '../lib/upper_layer.mjs';

const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];
const associationsAllowed = 100;

const deadlines = process.env.KH_LONG ? {} : { associate_timeout: '2 s', pdu_timeout: '2 s', idle_timeout: '6 s' };

async function assertEcho(service, t) {
    const begin = Date.now();
    const echo = await run('echoscu', ['-aet', 'STORESCU', '-aec', 'KAKEHASHI', '127.0.0.1', String(service.dicomPort)]);
    t.diagnostic(`echo: ${Date.now() - begin} ms`);
    assert.equal(echo.code, 0, echo.output);
}

/** What hangs in different ways; each resolves once it does. */
const ways = [
    ['nothing is said', async (port) => Peer.connect(port)],
    ['half a request', async (port) => { const peer = await Peer.connect(port); peer.send(associateRequest().subarray(0, 40)); return peer; }],
    ['a request byte by byte', async (port) => drip(await Peer.connect(port), associateRequest())],
    ['no message', async (port) => Peer.associate(port)],
    ['half a message', async (port) => { const peer = await Peer.associate(port, { abstractSyntax: ctStorage }); peer.send(storeRequest('1.2.3.1').subarray(0, 30)); return peer; }],
    ['a command without its data set', async (port) => { const peer = await Peer.associate(port, { abstractSyntax: ctStorage }); peer.send(storeRequest('1.2.3.2')); return peer; }],
    ['a data set that drips', async (port) => {
        const peer = await Peer.associate(port, { abstractSyntax: ctStorage });
        peer.send(storeRequest('1.2.3.3'));
        return drip(peer, dataPdu(Buffer.alloc(8000), { last: false }));
    }],
];

function drip(peer, bytes) {
    let at = 0;
    const timer = setInterval(() => { peer.send(bytes.subarray(at, at + 1)); at = (at + 1) % bytes.length; }, 100);
    peer.closed.then(() => clearInterval(timer));
    return peer;
}

test('99 of 100 associations hang: the hundredth is served; each that hangs is ended at its deadline', async (t) => {
    const limits = { associations: associationsAllowed, associations_per_address: associationsAllowed };
    const service = await Service.start({ settings: { dicom: { ...limits, ...deadlines } }, nodes: [scanner] });
    t.after(() => service.stop());
    const hanging = [];
    const associated = ways.slice(3);
    for (let i = 0; i < associationsAllowed - 1; i++) hanging.push(await associated[i % associated.length][1](service.dicomPort));
    for (const [, hang] of ways.slice(0, 3)) for (let i = 0; i < 20; i++) hanging.push(await hang(service.dicomPort));
    await assertEcho(service, t);
    await until('every one that hung is ended', () => hanging.every((peer) => peer.ended), { seconds: process.env.KH_LONG ? 200 : 20 });
    assert.deepEqual(filesUnder(path.join(service.dir, 'data/incoming')), []);
    await assertEcho(service, t);
    const sent = await storescu(service.dicomPort, phantomFiles(8));
    assert.equal(sent.acknowledged.length, 8, sent.output.slice(-2000));
});

/** Half open, as seen from here: the system acknowledges what its buffers hold, the program reads nothing more. */
test('receivers that stop reading are given up at their deadline, by C-GET and by C-MOVE; then all is fetched', { timeout: 600000 }, async (t) => {
    const files = phantomFiles(54); // 28 MB, more than what the buffers of two sockets hold
    const port = await freePort();
    const reader = ['reader', '--ae-title', 'READER', '--host', '127.0.0.1', '--port', String(port), '--facility', 'hospital', '--may', 'find,move'];
    const service = await Service.start({ settings: { dicom: deadlines }, nodes: [scanner, reader], files, facility: 'hospital' });
    t.after(() => service.stop());
    const [study] = await service.studies();
    const [taken, stored] = [temporaryFolder('kh-get'), temporaryFolder('kh-move')];
    const wanted = ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${study.uid}`];
    const called = ['127.0.0.1', String(service.dicomPort)];
    const move = () => run('movescu', ['-v', ...wanted, '-aem', 'READER', ...called], { seconds: 300 });

    const get = start('getscu', [...wanted, '-od', taken, ...called]);
    await until('the first object came', () => fs.readdirSync(taken).length > 0, { everyMs: 1 });
    process.kill(get.pid, 'SIGSTOP');
    assert.ok(fs.readdirSync(taken).length < files.length, 'all of it came before it was stopped: nothing was tested');
    const archive = start('storescp', ['-od', stored, String(port)]);
    t.after(() => process.kill(-archive.pid, 'SIGKILL'));
    await until('storescp listens', () => listens(port));
    const moving = move();
    await until('the first object came', () => fs.readdirSync(stored).length > 0, { everyMs: 1 });
    process.kill(archive.pid, 'SIGSTOP');
    await assertEcho(service, t);
    assert.notEqual((await moving).code, 0, 'what was not taken is told');
    await until('both are given up', async () => (await service.json('/api/admin/associations')).active === 0, { seconds: 200 });
    process.kill(get.pid, 'SIGKILL');
    process.kill(archive.pid, 'SIGCONT');
    await assertEcho(service, t);
    const again = await move();
    assert.equal(again.code, 0, again.output.slice(-2000));
    assert.equal(fs.readdirSync(stored).length, files.length);
});

test('one more than may be is told so at once, and gets its place when another ends', async (t) => {
    const service = await Service.start({ settings: { dicom: { associations: 4, associations_per_address: 4 } }, nodes: [scanner] });
    t.after(() => service.stop());
    const held = [];
    for (let i = 0; i < 4; i++) held.push(await Peer.associate(service.dicomPort));
    const fifth = await Peer.connect(service.dicomPort);
    fifth.send(associateRequest());
    const { type, body } = await fifth.receive();
    assert.equal(type, 3, 'A-ASSOCIATE-RJ');
    assert.deepEqual([...body.subarray(1, 4)], [2, 3, 2], 'transient, by the service provider (presentation), local limit exceeded (PS3.8 9.3.4)');
    await held.pop().release();
    const next = await until('a place is free', () => Peer.associate(service.dicomPort).catch(() => null));
    assert.equal(await next.echo(), 0);
    for (const one of [...held, next]) assert.equal(await one.echo(7), 0);
});

function look(service) {
    const { pid } = service.role('bridge');
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return {
        pid,
        residentMb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024,
        threads: Number(/Threads:\s+(\d+)/.exec(status)[1]),
        descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
        mappings: fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length,
    };
}

/** Associations one after another on `lanes` lines at once: echoed and released, aborted by a closed socket, refused. */
async function manyAssociations(service, count, lanes) {
    await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
        for (let i = lane; i < count; i += lanes) {
            if (i % 10 === 0) {
                const stranger = await Peer.connect(service.dicomPort);
                stranger.send(associateRequest({ calling: 'STRANGER' }));
                assert.equal((await stranger.receive()).type, 3);
                stranger.socket.destroy();
                continue;
            }
            const peer = await Peer.associate(service.dicomPort);
            assert.equal(await peer.echo(1 + (i % 60000)), 0);
            if (i % 10 === 1) peer.socket.destroy();
            else await peer.release();
        }
    }));
}

const associations = process.env.KH_LONG ? 100000 : 2000;
test(`${associations} associations leave nothing behind`, async (t) => {
    const readers = 2; // connections to the index are opened as they are needed, two descriptors each
    const service = await Service.start({ settings: { storage: { readers } }, nodes: [scanner] });
    t.after(() => service.stop());
    await manyAssociations(service, 400, 8);
    await sleep(300);
    const before = look(service);
    await manyAssociations(service, associations, 8);
    const after = await until('all of them are gone', () => { const now = look(service); return now.descriptors <= before.descriptors + 2 * readers && now; });
    t.diagnostic(`${before.residentMb.toFixed(1)} to ${after.residentMb.toFixed(1)} MB, ${after.descriptors} descriptors, ${after.threads} threads, ${after.mappings} mappings`);
    assert.equal(after.pid, before.pid);
    assert.ok(after.threads <= before.threads, `${before.threads} threads became ${after.threads}`);
    assert.ok(after.mappings <= before.mappings + 8, `${before.mappings} mappings became ${after.mappings}`);
    assert.ok(after.residentMb <= before.residentMb + 8, `${before.residentMb} MB became ${after.residentMb}`);
});
