// R18: a copy made as docs/operations.md says while images come in holds all that was answered before it began, and more; an index.db put
// back from an older copy learns of all that came since. Nothing that was answered with success is lost or written over.
//
// KH_LONG=1: 20 copies.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, must, phantomFiles, progress, removeFolder, Service, sleep, storescu, temporaryFolder } from '../lib/service.mjs';

const copies = process.env.KH_LONG ? 20 : 3;
const perPart = 24; // images
const nodes = [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']];
const files = phantomFiles(4 * perPart);
const part = (number) => files.slice(number * perPart, (number + 1) * perPart);

async function assertHolds(service, uids) {
    const held = await service.objects('hospital');
    for (const uid of uids) assert.ok(uid in held, 'an object answered with success is gone');
    for (const object of Object.values(held)) assert.equal(object.problem, null);
    return Object.keys(held).length;
}

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

const copyIndex = (service, to) => must('sqlite3', [path.join(service.dir, 'data/index.db'), `.backup ${to}`]);

async function sendAll(service, number, uidOf) {
    const { code, acknowledged, output } = await storescu(service.dicomPort, part(number));
    assert.equal(code, 0, output.slice(-2000));
    return acknowledged.map((file) => uidOf[file]);
}

test(`a copy made while images come in, ${copies} times`, async (t) => {
    const uidOf = await attribute('0008,0018', files);
    let copied = 0;
    for (let round = 0; round < copies; round++) {
        const service = await Service.start({ nodes });
        const before = await sendAll(service, 0, uidOf);
        const sending = storescu(service.dicomPort, files.slice(perPart));
        const folder = temporaryFolder('kh-copy');
        const data = path.join(folder, 'data');
        fs.mkdirSync(data);
        await sleep(30 * (round % 5));
        await copyIndex(service, path.join(data, 'index.db'));
        await sleep(100);
        await must('cp', ['-a', path.join(service.dir, 'data/kakehashi.id'), path.join(service.dir, 'data/objects.reserved'), path.join(service.dir, 'data/objects'), data]);
        assert.equal((await sending).code, 0);
        await service.stop();
        const copy = await Service.start({ dir: folder });
        copied += await assertHolds(copy, before);
        await assertClean(copy);
        const later = [...await sendAll(copy, 3, uidOf), ...before];
        await assertHolds(copy, later);
        await copy.stop();
        await assertClean(copy);
        for (const each of [service, copy]) removeFolder(each.dir);
        progress(`copies while images come in: ${round + 1} of ${copies}`);
    }
    t.diagnostic(`${copied} images in ${copies} copies, of which ${copies * perPart} had been answered before`);
    assert.ok(copied > copies * perPart, 'nothing came in while a copy was made: it tested nothing');
});

test('an index.db put back from before the last two starts learns of what came since', async () => {
    const uidOf = await attribute('0008,0018', files);
    const service = await Service.start({ nodes });
    const index = path.join(service.dir, 'data/index.db');
    const acknowledged = await sendAll(service, 0, uidOf);
    await copyIndex(service, `${index}.copy`);
    for (const number of [1, 2]) { // each start hands out ids of a block of its own
        await service.stop();
        await service.launch();
        acknowledged.push(...await sendAll(service, number, uidOf));
    }
    await service.kill();
    for (const log of ['-wal', '-shm']) fs.rmSync(`${index}${log}`, { force: true });
    fs.renameSync(`${index}.copy`, index);
    await service.launch();
    assert.match(service.log, /index\.db is older than objects\//);
    assert.match(service.log, new RegExp(`${2 * perPart} objects were stored without their row and have it now`));
    assert.equal(await assertHolds(service, acknowledged), 3 * perPart);
    acknowledged.push(...await sendAll(service, 3, uidOf));
    assert.equal(await assertHolds(service, acknowledged), 4 * perPart);
    await assertClean(service);
    await service.stop();
    removeFolder(service.dir);
});
