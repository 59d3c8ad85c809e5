// R13: the wall clock of the service is set forward and back, by a second, by hours, by years, while it works. Every door answers as before:
// C-ECHO, C-STORE, C-FIND, C-GET, a pull that has to be tried again, what is sent on to a node, STOW-RS, QIDO-RS, pictures, commands, events in order. What waits
// waits by the monotonic clock; what has expired is refused; nothing that can be undone goes for good.
//
// 12 jumps; KH_LONG=1: 50. KH_SEED repeats a run.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Authority } from '../lib/certificates.mjs';
import { Clock, needsClock } from '../lib/clock.mjs';
import { grey, makeObject } from '../lib/objects.mjs';
import { freePort, listens, must, Pacs, phantomFiles, run, Service, sleep, start, storescu, temporaryFolder, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';
import { Peer } from '../lib/upper_layer.mjs';

const [HOUR, DAY, YEAR] = [3600, 86400, 365.25 * 86400];
const jumps = [1, -1, HOUR, -HOUR, 31 * DAY, -31 * DAY, YEAR, -YEAR, 10 * YEAR, -10 * YEAR, 10 * YEAR, 0];
const count = process.env.KH_LONG ? 50 : jumps.length;
const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'clinic', '--may', 'store,find,move'];

let seed = Number(process.env.KH_SEED ?? Date.now() % 1e9);
const firstSeed = seed;
function random() {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
}
/** The offsets one after another: those above, then any of them a little changed. */
const offset = (i) => (i < jumps.length ? jumps[i] : Math.round(jumps[Math.floor(random() * jumps.length)] * (0.5 + random())));

const object = () => makeObject([...grey({ rows: 4, columns: 4 }), '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16']);

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

/** Every door once, with objects that are new. */
async function assertWorks(service, clock, step) {
    const called = ['-aet', 'STORESCU', '-aec', 'KAKEHASHI', '127.0.0.1', String(service.dicomPort)];
    const [pushed, sent] = [await object(), await object()];
    await must('echoscu', called);
    assert.equal((await storescu(service.dicomPort, [pushed.file])).acknowledged.length, 1, `jump ${step}`);
    assert.deepEqual((await stow(service, [sent.file])).stored, [sent.uid]);
    const held = await service.objects('clinic');
    for (const uid of [pushed.uid, sent.uid]) assert.ok(uid in held);
    const study = (await service.studies()).find((one) => one.uid === `${pushed.uid}.1`);
    assert.ok(clock.agrees(study.last_arrival), `${study.last_arrival} is not what the clock says`);
    assert.equal((await service.request((await service.tiles(study.id))[0])).code, 200);
    assert.match((await must('findscu', ['-S', '-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${study.uid}`, '-k', 'PatientID', ...called])).output, /TEST/);
    const got = temporaryFolder('kh-get');
    await must('getscu', ['-S', '-od', got, '-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${study.uid}`, ...called]);
    assert.equal(fs.readdirSync(got).length, 1);
    const found = await service.request(`/dicomweb/studies?StudyInstanceUID=${study.uid}`, { headers: { accept: 'application/dicom+json' } });
    assert.equal(JSON.parse(found.body).length, 1);
    await service.must(['node', 'add', `n${step}`, '--ae-title', `N${step}`, '--facility', 'hospital']);
}

async function started(t, clock, { settings, nodes = [], ...more } = {}) {
    Object.assign(process.env, clock.env); // read when the service is started, and by nobody else
    try {
        const service = await Service.start({ nodes: [scanner, ...nodes], settings: { dicomweb: { facility: 'clinic' }, ...settings }, ...more });
        t.after(() => service.stop());
        return service;
    } finally {
        for (const name of Object.keys(clock.env)) delete process.env[name];
    }
}

test(`${count} jumps of the clock`, { skip: needsClock }, async (t) => {
    t.diagnostic(`KH_SEED=${firstSeed}`);
    const clock = new Clock();
    const files = phantomFiles(8);
    const [httpPort, dicomPort, storePort] = [await freePort(), await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const taken = temporaryFolder('kh-taken');
    const archive = start('storescp', ['-od', taken, String(storePort)]);
    t.after(() => process.kill(-archive.pid, 'SIGKILL'));
    await until('storescp listens', () => listens(storePort));
    const nodes = [pacs.node(), ['archive', '--ae-title', 'ARCHIVE', '--host', '127.0.0.1', '--port', String(storePort), '--facility', 'clinic']];
    const service = await started(t, clock, { httpPort, dicomPort, nodes, settings: { pull: { retry_first: '100 ms', retry_longest: '500 ms', attempts: 100 }, dicom: { idle_timeout: '3600 s' } } });
    await service.must(['rule', 'add', 'forward', 'on', '--node', 'archive', '--facility', 'clinic', '--at-once']);
    const events = service.events(0);
    t.after(() => events.close());
    await service.must(['pull', 'PACS', '--all', '--wait']);
    const uid = (await service.studies()).find((one) => one.facility === 'hospital').uid;
    for (let i = 0; i < count; i++) {
        const quiet = await Peer.associate(dicomPort);
        process.kill(-pacs.child.pid, 'SIGKILL');
        await pacs.child.ended;
        const tries = (service.log.match(/pull/g) ?? []).length;
        await service.must(['pull', 'PACS', '--study', uid]);
        await until('the pull was tried in vain', () => (service.log.match(/pull/g) ?? []).length > tries);
        clock.set(offset(i));
        await assertWorks(service, clock, i);
        assert.equal(await quiet.echo(), 0, 'an association that was quiet for a moment goes on');
        await quiet.release();
        await until('what came was sent on', () => fs.readdirSync(taken).length === 2 * (i + 1));
        await pacs.launch();
        const open = async () => (await service.json('/api/pulls')).pulls.filter((one) => one.state === 'waiting' || one.state === 'running');
        await until('the pull ends', async () => (await open()).length === 0);
        assert.equal((await service.json('/api/pulls')).pulls[0].state, 'complete');
        assert.equal((await service.json('/health')).status, 'ok');
    }
    await assertClean(service);
    const ids = events.list.map((one) => one.id).filter((id) => id !== null);
    assert.ok(ids.length > count);
    assert.deepEqual(ids, [...ids].sort((a, b) => a - b), 'events come in their order, whatever the clock says');
});

test('a peer that says nothing is ended at its deadline while the clock is set back', { skip: needsClock }, async (t) => {
    const clock = new Clock();
    const service = await started(t, clock, { settings: { dicom: { idle_timeout: '2 s', associate_timeout: '1 s' } } });
    const silent = [await Peer.connect(service.dicomPort), await Peer.associate(service.dicomPort)];
    clock.set(-10 * YEAR);
    await until('both are ended', () => silent.every((peer) => peer.ended), { seconds: 20 });
});

test('what was deleted comes back after a start under a clock that is years ahead', { skip: needsClock }, async (t) => {
    const clock = new Clock();
    const service = await started(t, clock);
    assert.equal((await storescu(service.dicomPort, phantomFiles(8))).acknowledged.length, 8);
    const [study] = await service.studies();
    const deleted = await service.must(['change', 'delete', '--study', study.uid, '--reason', 'by mistake']);
    clock.set(10 * YEAR);
    const old = service.role('bridge').pid;
    process.kill(old, 'SIGKILL');
    await until('the bridge is back and has looked round', async () => (service.role('bridge')?.pid ?? old) !== old && (await service.command(['change', 'list'])).code === 0);
    await sleep(2000); // its keeper looks once a second; what it must not do would be done by then
    clock.set(0);
    await service.must(['change', 'undo', /\d+/.exec(deleted.out)[0]]);
    assert.equal(Object.keys(await service.objects('clinic')).length, 8);
    for (const target of await service.tiles(study.id)) assert.equal((await service.request(target)).code, 200);
    await assertClean(service);
});

test('certificates expire by the wall clock, and a clock before their time refuses them too', { skip: needsClock }, async (t) => {
    const clock = new Clock();
    const folder = temporaryFolder('kh-clock-tls');
    const ca = new Authority(folder, 'region');
    const [ours, city] = [ca.issue('kakehashi'), ca.issue('city')];
    const tlsPort = await freePort();
    const service = await started(t, clock, {
        settings: { dicom: { tls_address: '127.0.0.1', tls_port: tlsPort, tls_certificate: ours.certificate, tls_key: ours.key, tls_client_ca: ca.file } },
        nodes: [['city', '--ae-title', 'CITYPACS', '--facility', 'city', '--tls', '--certificate', city.certificate]],
    });
    const echo = async () => (await run('echoscu', ['-aet', 'CITYPACS', '-aec', 'KAKEHASHI', '+tls', city.key, city.certificate, '+cf', ca.file, '127.0.0.1', String(tlsPort)])).code === 0;
    for (const [seconds, served] of [[0, true], [10 * YEAR, false], [0, true], [-10 * YEAR, false], [0, true]]) {
        clock.set(seconds);
        assert.equal(await echo(), served, `${seconds / YEAR} years from now`);
    }
});
