// R12 through the service's doors: another process holds the lock of the index, or reads it without end. Who can wait waits; who would have
// to wait for more than 5 s is told to come again, by C-STORE as A700, by STOW-RS as failure reason A700, over HTTP as 503; reading, by
// DICOM and HTTP, goes on meanwhile; afterwards all works again by itself and nothing is lost or left behind.
//
// The lock is held for a second, then until everybody was refused; KH_LONG=1: for 1, 2 and 4 s, a minute, and the log is driven to its bound.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { holdLock, holdReading, logBytes } from '../lib/lock.mjs';
import { grey, makeObject } from '../lib/objects.mjs';
import { filesUnder, freePort, must, Pacs, phantomFiles, Service, sleep, storescu, temporaryFolder, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

const OUT_OF_RESOURCES = 0xa700;
const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital', '--may', 'store,find,move'];
const settings = { dicomweb: { facility: 'clinic' } };
const bySameOrigin = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
const LOG_MAX = 256 << 20;

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
    assert.deepEqual(filesUnder(path.join(service.dir, 'data/incoming')), []);
}

/** What only reads, through every door. */
async function assertReads(service, study, objects) {
    assert.equal((await service.json(`/api/studies/${study.id}`)).objects, objects);
    for (const target of (await service.tiles(study.id)).slice(0, 3)) assert.equal((await service.request(target)).code, 200, target);
    assert.equal((await service.request(`/dicomweb/studies/${study.uid}/metadata`, { headers: { accept: 'application/dicom+json' } })).code, 200);
    assert.equal((await service.request('/dicomweb/studies?limit=5', { headers: { accept: 'application/dicom+json' } })).code, 200);
    const called = ['-aet', 'STORESCU', '-aec', 'KAKEHASHI', '127.0.0.1', String(service.dicomPort)];
    await must('echoscu', called);
    const found = await must('findscu', ['-S', '-k', 'QueryRetrieveLevel=STUDY', '-k', 'StudyInstanceUID', ...called]);
    assert.match(found.output, new RegExp(study.uid.replaceAll('.', '\\.')));
    const folder = temporaryFolder('kh-get');
    await must('getscu', ['-S', '-od', folder, '-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${study.uid}`, ...called]);
    assert.equal(fs.readdirSync(folder).length, objects);
}

/** A service with some objects, and files that are still to come: pushed and sent over HTTP. */
async function prepared(t, nodes = []) {
    const files = phantomFiles(16);
    const service = await Service.start({ settings, nodes: [scanner, ...nodes] });
    t.after(() => service.stop());
    assert.equal((await storescu(service.dicomPort, files.slice(0, 4))).acknowledged.length, 4);
    const [study] = await service.studies();
    return { service, study, files };
}

const holdings = process.env.KH_LONG ? [1, 2, 4] : [1];
test(`the lock is held for ${holdings.join(', ')} s: everything waits and nothing fails`, async (t) => {
    const { service, files } = await prepared(t);
    for (const seconds of holdings) {
        const holder = await holdLock(service, seconds);
        const [pushed, sent, node] = await Promise.all([storescu(service.dicomPort, files.slice(4, 8)), stow(service, files.slice(8, 10)),
            service.command(['node', 'add', `n${seconds}`, '--ae-title', `N${seconds}`, '--facility', 'hospital'])]);
        await holder.letGo();
        assert.equal(pushed.acknowledged.length, 4, pushed.output.slice(-2000));
        assert.equal(sent.code, 200, JSON.stringify(sent));
        assert.equal(node.code, 0, node.output);
    }
    assert.equal(Object.keys(await service.objects('hospital')).length, 8);
    assert.equal(Object.keys(await service.objects('clinic')).length, 2);
    await assertClean(service);
});

test('the lock is held for longer than anybody waits: refused with a reason, reading goes on, then all is taken', async (t) => {
    const { service, study, files } = await prepared(t);
    const holder = await holdLock(service);
    const begin = Date.now();
    const pushes = [storescu(service.dicomPort, files.slice(4, 6), { extra: ['--no-halt'] }), storescu(service.dicomPort, files.slice(6, 7), { extra: ['--no-halt'] })];
    const sending = stow(service, files.slice(8, 10));
    const adding = service.command(['node', 'add', 'late', '--ae-title', 'LATE', '--facility', 'hospital']);
    const deleting = service.request(`/api/admin/studies/${study.id}/delete`, { method: 'POST', headers: bySameOrigin, body: JSON.stringify({ reason: 'wrong patient', asked_by: 'test' }) });
    await assertReads(service, study, 4);
    for (const { acknowledged, refused, output } of await Promise.all(pushes)) {
        assert.deepEqual(acknowledged, []);
        assert.ok(refused.length > 0, output.slice(-2000));
        assert.match(output, /0xa700|Refused: ?Out ?Of ?Resources/i);
    }
    const sent = await sending;
    assert.deepEqual(sent.stored, []);
    for (const reason of [...sent.failed.map(([, why]) => why), ...sent.others]) assert.equal(reason, OUT_OF_RESOURCES);
    const added = await adding;
    assert.equal(added.code, 1, added.output);
    assert.match(added.output, /locked|busy/i);
    const deleted = await deleting;
    assert.equal(deleted.code, 503, deleted.body.toString());
    assert.ok(Number(deleted.headers['retry-after']) > 0);
    t.diagnostic(`refused within ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    await assertReads(service, study, 4);
    if (process.env.KH_LONG) await sleep(60000);
    await holder.letGo();
    assert.equal((await service.json(`/api/studies/${study.id}`)).objects, 4, 'what was refused was not done');
    assert.equal((await storescu(service.dicomPort, files.slice(4, 8))).acknowledged.length, 4);
    assert.equal((await stow(service, files.slice(8, 10))).code, 200);
    await service.must(['node', 'add', 'late', '--ae-title', 'LATE', '--facility', 'hospital']);
    await assertClean(service);
});

test('a pull meets the lock: nothing is lost, it ends complete when the lock is gone', async (t) => {
    const files = phantomFiles(300);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()], settings: { pull: { retry_first: '100 ms', retry_longest: '500 ms' } } });
    t.after(() => service.stop());
    await service.must(['pull', 'PACS', '--all']);
    await until('some objects are here', async () => (await service.studies())[0]?.objects >= 2, { everyMs: 5 });
    const holder = await holdLock(service);
    const held = (await service.studies())[0].objects;
    await until('somebody was refused', () => /locked|busy/i.test(service.log));
    assert.equal((await service.studies())[0].objects, held);
    await holder.letGo();
    const study = await until('the pull ends', async () => (await service.studies()).find((one) => one.pull?.state === 'complete'));
    assert.equal(study.objects, files.length);
    assert.ok(held < files.length, 'the pull was over before the lock was taken: nothing was tested');
    await assertClean(service);
    t.diagnostic(`${held} of ${files.length} were here when the lock was taken`);
});

test('the lock is held while the service starts: it waits, and is ready when the lock is gone', async (t) => {
    const { service, study } = await prepared(t);
    await service.kill();
    const holder = await holdLock(service);
    const started = service.launch();
    started.catch(() => {});
    await until('what is here is shown', async () => (await service.request(`/api/studies/${study.id}`).catch(() => ({}))).code === 200);
    await holder.letGo();
    await started;
    await assertReads(service, study, 4);
    await assertClean(service);
});

const hospitals = process.env.KH_LONG ? 100 : 1; // the same objects are new ones at each
test('a reader that does not end: the log stays below 256 MiB, and is taken in when he is gone', { timeout: 1800000 }, async (t) => {
    const made = await Promise.all(Array.from({ length: 32 }, () => makeObject([...grey({ rows: 4, columns: 4 }), '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16'])));
    const { service, study } = await prepared(t, Array.from({ length: hospitals }, (_, i) => [`n${i}`, '--ae-title', `N${i}`, '--facility', `hospital${i}`]));
    const push = async (i) => {
        const { acknowledged, refused } = await storescu(service.dicomPort, made.map(({ file }) => file), { calling: `N${i}`, extra: ['--no-halt'] });
        return { acknowledged: acknowledged.length, refused: refused.length };
    };
    const reader = await holdReading(service);
    const before = logBytes(service);
    const answered = [];
    for (let i = 0; i < hospitals && !answered.some((one) => one.refused > 0); i++) {
        answered.push(await push(i));
        assert.ok(logBytes(service) <= LOG_MAX, `${logBytes(service)} bytes`);
    }
    t.diagnostic(`${answered.length} pushes, ${answered.at(-1).refused} refused, the log has ${(logBytes(service) / (1 << 20)).toFixed(1)} MiB`);
    assert.ok(logBytes(service) > before, 'nothing went into the log');
    await assertReads(service, study, 4);
    await reader.letGo();
    const held = (await service.json('/health')).objects;
    assert.ok(held >= 4 + answered.reduce((sum, one) => sum + one.acknowledged, 0), `${held} objects are here`);
    assert.equal((await push(answered.length - 1)).acknowledged, made.length);
    assert.equal((await service.json('/health')).objects, 4 + answered.length * made.length);
    await assertClean(service);
});
