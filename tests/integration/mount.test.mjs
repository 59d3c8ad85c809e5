// R11 through the service: another disk, an empty one, is mounted over the folder while the service runs, and before it starts. Nothing is written
// there, senders are refused, and all goes on when the right one is back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Disk, needsDisk } from '../lib/disk.mjs';
import { must, phantomFiles, program, run, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

/** A service whose data lies on a disk of its own, its configuration elsewhere. */
async function serviceOn(t, disk, service = {}) {
    const settings = { service: { data_dir: path.join(disk.folder, 'data'), ...service }, storage: { reserve: '0 B' } };
    const started = await Service.start({ dir: temporaryFolder('kh-service'), nodes: [scanner], settings });
    t.after(() => started.stop());
    return { service: started, settings };
}

test('an empty disk hides the folder of a running service: refused, nothing written, goes on when it is gone', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(8);
    const disk = Disk.make(t, 48 << 20);
    const { service } = await serviceOn(t, disk);
    assert.equal((await storescu(service.dicomPort, files.slice(0, 4))).acknowledged.length, 4);
    await must('mount', ['-t', 'tmpfs', 'kh-wrong-disk', disk.folder]);
    let hidden = true;
    t.after(() => hidden && run('umount', [disk.folder]));
    const refused = await storescu(service.dicomPort, files.slice(4), { extra: ['--no-halt'] });
    assert.deepEqual(refused.acknowledged, []);
    assert.match(refused.output, /0xa700|Refused: ?Out ?Of ?Resources/i);
    assert.deepEqual((await stow(service, files.slice(4, 5))).stored, []);
    assert.deepEqual(fs.readdirSync(disk.folder), [], 'nothing was written to the wrong disk');
    await must('umount', [disk.folder]);
    hidden = false;
    await until('everything is taken again', async () => (await storescu(service.dicomPort, files)).acknowledged.length === files.length, { everyMs: 100 });
    assert.equal(Object.keys(await service.objects('hospital')).length, files.length);
    await assertClean(service);
});

test('which archive is expected is known: an empty disk is not taken for a first start', { skip: needsDisk }, async (t) => {
    const files = phantomFiles(8);
    const disk = Disk.make(t, 48 << 20);
    const { service, settings } = await serviceOn(t, disk);
    assert.equal((await storescu(service.dicomPort, files)).acknowledged.length, files.length);
    const archive = fs.readFileSync(path.join(disk.folder, 'data/kakehashi.id'), 'utf8').trim();
    assert.match(archive, /^[0-9a-f]{32}$/);
    await service.stop();
    service.writeConfig({ ...settings, service: { ...settings.service, archive } });
    await must('mount', ['-t', 'tmpfs', 'kh-wrong-disk', disk.folder]);
    let hidden = true;
    t.after(() => hidden && run('umount', [disk.folder]));
    const refused = await run(program, ['serve', '--config', service.config]);
    assert.equal(refused.code, 1, refused.output);
    assert.match(refused.output, /is the disk mounted\?/);
    const command = await service.command(['node', 'add', 'late', '--ae-title', 'LATE', '--facility', 'hospital']);
    assert.notEqual(command.code, 0, 'a command does not begin one either');
    assert.deepEqual(fs.readdirSync(disk.folder), []);
    await must('umount', [disk.folder]);
    hidden = false;
    await service.launch();
    assert.equal(Object.keys(await service.objects('hospital')).length, files.length);
    await assertClean(service);
});
