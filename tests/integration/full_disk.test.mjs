// R4 through the service's doors: the disk is full, below its reserve or below what is to be kept free, or the quota is reached, while stock
// storescu pushes, a client sends by STOW-RS, a pull runs and the index grows. Refused is refused as "out of resources" (PS3.4 GG.4-2), what
// was answered with success is there and readable, check is clean, and the service goes on by itself once there is room.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Disk, needsDisk } from '../lib/disk.mjs';
import { grey, makeObject } from '../lib/objects.mjs';
import { attribute, filesUnder, freePort, Pacs, phantomFiles, Service, storescu, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

const MIB = 1 << 20;
const OUT_OF_RESOURCES = 0xa700;
const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];
const unlimited = { storage: { reserve: '0 B' }, audit: { reserve: '2 MiB' }, dicomweb: { facility: 'clinic' } };
const goOn = { extra: ['--no-halt'] };

async function serviceOn(t, disk, { settings = unlimited, ...more } = {}) {
    fs.mkdirSync(disk.dir);
    const service = await Service.start({ dir: disk.dir, nodes: [scanner], settings, ...more });
    t.after(() => service.stop());
    return service;
}

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

const objectFiles = (service) => filesUnder(path.join(service.dir, 'data/objects')).length;
const incoming = (service) => filesUnder(path.join(service.dir, 'data/incoming'));

/** Every object answered with success is listed and its bytes come back as they were sent (the data set, by its length and its end). */
async function assertReadable(service, facility, uids) {
    const held = await service.objects(facility);
    for (const uid of uids) assert.ok(uid in held, 'an object answered with success is gone');
    for (const object of Object.values(held)) assert.equal(object.problem, null);
    for (const study of (await service.studies()).filter((one) => one.facility === facility))
        for (const target of (await service.tiles(study.id)).slice(0, 4)) assert.equal((await service.request(target)).code, 200, target);
}

function assertRefusedForRoom({ output }) {
    assert.match(output, /0xa700|Refused: ?Out ?Of ?Resources/i, output.slice(-2000));
}

/** The service looks at the disk ten times a second: pushed again until it has seen that the reserve is reached, or that there is room. */
async function assertRefusesAll(service, files) {
    const full = await until('everything is refused', async () => { const sent = await storescu(service.dicomPort, files, goOn); return sent.acknowledged.length === 0 && sent; }, { everyMs: 100 });
    assertRefusedForRoom(full);
}
async function assertTakesAll(service, files) {
    await until('everything is taken again', async () => (await storescu(service.dicomPort, files)).acknowledged.length === files.length, { everyMs: 100 });
}

const PUSHED = 6;
/** What is left free when the push begins, of objects that are 525 KB each, and how many must be refused at least. */
const places = [
    ['nothing', 0, PUSHED],
    ['a block', 4096, PUSHED],
    ['a part of an object', 200 << 10, PUSHED],
    ['an object, and nothing for its rows', 516 << 10, PUSHED],
    ['some objects and their rows', 2 * MIB, 2],
];

test('a disk that fills up during a push: A700, nothing lost, taken again when there is room', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(places.length * PUSHED);
    const uidOf = await attribute('0008,0018', files);
    const disk = Disk.make(t, 64 * MIB);
    const service = await serviceOn(t, disk);
    const held = [];
    for (const [index, [name, bytes, refusedAtLeast]] of places.entries()) {
        const part = files.slice(index * PUSHED, (index + 1) * PUSHED);
        disk.fill(bytes);
        const full = await storescu(service.dicomPort, part, goOn);
        assert.equal(full.acknowledged.length + full.refused.length, PUSHED, `${name}: each is answered\n${full.output.slice(-2000)}`);
        assert.ok(full.refused.length >= refusedAtLeast, `${name}: ${full.refused.length} refused`);
        assertRefusedForRoom(full);
        held.push(...full.acknowledged.map((file) => uidOf[file]));
        assert.deepEqual(incoming(service), [], `${name}: nothing half received is left`);
        assert.equal(objectFiles(service), held.length, name);
        await assertReadable(service, 'hospital', held);
        await assertClean(service);
        disk.clear();
        await assertTakesAll(service, part);
        held.push(...full.refused.map((file) => uidOf[file]));
        t.diagnostic(`${name}: ${full.acknowledged.length} of ${PUSHED} taken`);
    }
    await service.kill(); // what was taken on the full disk is durable
    await service.launch();
    await assertReadable(service, 'hospital', held);
    await assertClean(service);
});

test('a disk that is full for STOW-RS: failure reason A700 or 507, and stored when there is room', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(4);
    const uids = Object.values(await attribute('0008,0018', files));
    const disk = Disk.make(t, 48 * MIB);
    const service = await serviceOn(t, disk);
    let stored = [];
    for (const [name, bytes] of places) {
        disk.fill(bytes);
        const answer = await stow(service, files);
        const reasons = [...answer.failed.map(([, reason]) => reason), ...answer.others];
        assert.ok(answer.code === 507 || (answer.stored.length + reasons.length === files.length && [200, 202, 409].includes(answer.code)), `${name}: ${JSON.stringify(answer)}`);
        for (const reason of reasons) assert.equal(reason, OUT_OF_RESOURCES, name);
        stored = [...new Set([...stored, ...answer.stored])];
        assert.deepEqual(incoming(service), [], `${name}: nothing half received is left`);
        assert.deepEqual(Object.keys(await service.objects('clinic')).sort(), [...stored].sort(), name);
        await assertClean(service);
        disk.clear();
        t.diagnostic(`${name}: ${answer.code}, ${answer.stored.length} of ${files.length} stored`);
    }
    assert.ok(stored.length < files.length, 'the disk was never full: nothing was tested');
    const again = await until('it is taken again', async () => { const answer = await stow(service, files); return answer.code === 200 && answer; }, { everyMs: 100 });
    assert.deepEqual(again.stored.sort(), uids.sort());
    await assertReadable(service, 'clinic', uids);
    await assertClean(service);
});

test('an index that finds no room to grow: small objects fit, their rows do not', { skip: needsDisk }, async (t) => {
    const made = await Promise.all(Array.from({ length: 24 }, () => makeObject([...grey({ rows: 4, columns: 4 }), '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16'])));
    const files = made.map(({ file }) => file);
    const uidOf = Object.fromEntries(made.map(({ file, uid }) => [file, uid]));
    const disk = Disk.make(t, 48 * MIB);
    const service = await serviceOn(t, disk);
    disk.fill(512 << 10); // room for every object's file, and for the rows of some
    const full = await storescu(service.dicomPort, files, goOn);
    assert.ok(full.acknowledged.length > 0 && full.refused.length > 0, `${full.acknowledged.length} taken, ${full.refused.length} refused`);
    assertRefusedForRoom(full);
    assert.equal(objectFiles(service), full.acknowledged.length, 'a file without its row is taken away again');
    disk.fill();
    const added = []; // the log of the index has some room of its own; then a change is told as failed
    for (let i = 0; i === added.length && i < 100; i++)
        if ((await service.command(['node', 'add', `n${i}`, '--ae-title', `N${i}`, '--facility', 'hospital'])).code === 0) added.push(`n${i}`);
    assert.ok(added.length < 100, 'the disk was never full');
    const listed = (await service.must(['node', 'list'])).out;
    for (const name of added) assert.match(listed, new RegExp(`^${name} `, 'm'));
    assert.doesNotMatch(listed, new RegExp(`^n${added.length} `, 'm'));
    await assertClean(service);
    await assertReadable(service, 'hospital', full.acknowledged.map((file) => uidOf[file])); // without a block left: recorded in the reserve
    disk.clear();
    await assertTakesAll(service, files);
    await service.must(['node', 'add', `n${added.length}`, '--ae-title', `N${added.length}`, '--facility', 'hospital']);
    await assertReadable(service, 'hospital', Object.values(uidOf));
    await assertClean(service);
    t.diagnostic(`${full.acknowledged.length} of ${files.length} taken`);
});

test('a service that is started on a full disk shows what it has, and takes more when there is room', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(8);
    const uidOf = await attribute('0008,0018', files);
    const disk = Disk.make(t, 48 * MIB);
    const service = await serviceOn(t, disk);
    assert.equal((await storescu(service.dicomPort, files.slice(0, 4))).acknowledged.length, 4);
    disk.fill(600 << 10);
    await storescu(service.dicomPort, files.slice(4), goOn);
    const held = Object.keys(await service.objects());
    await service.kill(); // the log of the index is left as it is, on a disk that has no room to take it in
    disk.fill();
    const started = service.launch();
    started.catch(() => {});
    await until('what is here is shown', () => assertReadable(service, 'hospital', held).then(() => true, (error) => { if (error.code === 'ERR_ASSERTION') throw error; }));
    await until('the log says why nothing is taken in', () => /error bridge start: .*full.*until there is room/.test(service.log));
    disk.clear();
    await started;
    await assertTakesAll(service, files);
    await assertReadable(service, 'hospital', Object.values(uidOf));
    await assertClean(service);
});

test('a pull onto a full disk waits, says why, and ends complete when there is room', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(24);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const disk = Disk.make(t, 64 * MIB);
    fs.mkdirSync(disk.dir);
    const service = await Service.start({ dir: disk.dir, httpPort, dicomPort, nodes: [pacs.node()], settings: { ...unlimited, pull: { retry_first: '100 ms', retry_longest: '500 ms' } } });
    t.after(() => service.stop());
    disk.fill(6 * MIB);
    await service.must(['pull', 'PACS', '--all']);
    const waiting = await until('the pull waits for its next attempt', async () => {
        const [study] = await service.studies();
        return study?.pull?.state === 'waiting' && study.pull.reason !== '' && study;
    });
    assert.ok(waiting.objects > 0 && waiting.objects < files.length, `${waiting.objects} of ${files.length}`);
    assert.ok(waiting.pull.reason.length > 0);
    await assertClean(service);
    disk.clear();
    const study = await until('the pull ends', async () => (await service.studies()).find((one) => one.pull?.state === 'complete'));
    assert.equal(study.objects, files.length);
    await assertClean(service);
    t.diagnostic(`${waiting.objects} of ${files.length} came onto the full disk: ${waiting.pull.reason}`);
});

test('the reserve refuses before the disk is full, on both sides of it', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(4);
    const reserve = 8 * MIB;
    const disk = Disk.make(t, 48 * MIB);
    const service = await serviceOn(t, disk, { settings: { ...unlimited, storage: { reserve: `${reserve} B` } } });
    disk.fill(reserve - 4096);
    await assertRefusesAll(service, files.slice(0, 2));
    const held = objectFiles(service);
    assert.equal((await stow(service, files.slice(0, 1))).stored.length, 0);
    assert.equal(objectFiles(service), held);
    disk.clear();
    disk.fill(reserve + 3 * MIB);
    await assertTakesAll(service, files.slice(2));
    assert.ok(disk.free >= reserve, 'what is in reserve is left alone');
    await assertClean(service);
});

test('keep_free: what its hospital gives back makes room; when nothing may go, the reserve decides', { skip: needsDisk }, async (t) => {
    const [pulled, pushed] = [phantomFiles(24), phantomFiles(8)];
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files: pulled, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const disk = Disk.make(t, 96 * MIB);
    fs.mkdirSync(disk.dir);
    const settings = { storage: { reserve: '4 MiB', keep_free: '16 MiB', evict_idle: '0 ms', quiet: '1 s' } };
    const service = await Service.start({ dir: disk.dir, httpPort, dicomPort, nodes: [pacs.node(), ['scanner', '--ae-title', 'STORESCU', '--facility', 'elsewhere']], settings });
    t.after(() => service.stop());
    await service.must(['pull', 'PACS', '--all', '--wait']);
    await until('the study has arrived', async () => { const [study] = await service.studies(); return !study.arriving; });
    disk.fill(17 * MIB);
    assert.equal((await service.studies())[0].away ?? 0, 0, 'above keep_free nothing goes');
    disk.fill(14 * MIB);
    await until('the study has made room', async () => (await service.studies())[0].away === pulled.length);
    await until('its files are gone', () => disk.free > 16 * MIB);
    await assertTakesAll(service, pushed);
    disk.fill(12 * MIB);
    await assertTakesAll(service, pushed); // nothing is left that may go: the reserve decides, and there is more than that
    disk.fill(4 * MIB - 4096);
    await assertRefusesAll(service, phantomFiles(12).slice(8));
    const elsewhere = (await service.studies()).find((one) => one.facility === 'elsewhere');
    assert.ok(elsewhere.objects >= pushed.length && elsewhere.away === 0, 'what nobody gives back stays');
    await assertClean(service);
});

test('the quota to the byte: what fills it is taken, one byte less refuses the last, by C-STORE and by STOW-RS', async (t) => {
    const files = phantomFiles(3);
    const measured = await Service.start({ nodes: [scanner], settings: unlimited });
    t.after(() => measured.stop());
    assert.equal((await storescu(measured.dicomPort, files)).acknowledged.length, files.length);
    const bytes = (await measured.json('/health')).used_bytes;
    await measured.stop();
    for (const [quota, taken] of [[bytes, 3], [bytes - 1, 2]]) {
        const service = await Service.start({ nodes: [scanner], settings: { ...unlimited, storage: { quota: `${quota} B` } } });
        t.after(() => service.stop());
        const sent = await storescu(service.dicomPort, files, goOn);
        assert.equal(sent.acknowledged.length, taken, `quota ${quota}: ${sent.output.slice(-2000)}`);
        assert.equal((await service.json('/health')).used_bytes <= quota, true);
        if (taken < files.length) assertRefusedForRoom(sent);
        const more = await stow(service, files.slice(-1));
        assert.deepEqual([...more.failed.map(([, reason]) => reason), ...more.others], [OUT_OF_RESOURCES], 'of another hospital, so an object of its own');
        await assertClean(service);
        await service.stop();
    }
});
