// R4 of marks: the disk is full. A mark that was answered with 200 is there, one that was not is refused and told, and all goes on once there is room.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { Disk, needsDisk } from '../lib/disk.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

const MIB = 1 << 20;

test('a full disk: what was kept stays, what is not kept is refused, and there is room again', { skip: needsDisk }, async (t) => {
    const disk = Disk.make(t, 64 * MIB);
    fs.mkdirSync(disk.dir);
    const service = await Service.start({ dir: disk.dir, files: ctFiles().slice(0, 1), settings: { storage: { reserve: '0 B' }, audit: { reserve: '2 MiB' } } });
    t.after(() => service.stop());
    const [study] = await service.studies();
    const [series] = (await service.json(`/api/studies/${study.id}`)).series_list;
    const [object] = (await service.json(`/api/series/${series.id}/stack`)).objects;
    const kept = new Map();
    const save = async (id, version, text) => {
        const body = { kind: 'text', sop_uid: object.sop_uid, frame: 0, version, points: [[10, 20]], text };
        const answer = await service.request(`/api/studies/${study.id}/marks/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', origin: service.url }, body: JSON.stringify(body) });
        if (answer.code === 200) kept.set(id, text);
        return answer;
    };
    const assertKept = async () => {
        const marks = new Map((await service.json(`/api/studies/${study.id}/marks`)).marks.map((mark) => [mark.id, mark.text]));
        assert.deepEqual(Object.fromEntries(marks), Object.fromEntries(kept));
    };
    const first = randomUUID();
    assert.equal((await save(first, 0, 'before')).code, 200);
    for (const bytes of [0, 4096, 16384]) {
        disk.fill(bytes);
        let refused = null;
        const long = 'x'.repeat(1000); // a few of them take any room that is left in the file
        for (let i = 0; i < 400 && !refused; i++) {
            const answer = await save(randomUUID(), 0, long);
            if (answer.code !== 200) refused = answer;
        }
        assert.ok(refused, `${bytes} bytes free: all were kept`);
        assert.ok(refused.code >= 500, `${refused.code}: the browser tries again`);
        assert.ok(JSON.parse(refused.body).message.length > 0);
        await assertKept();
        disk.clear();
        await until('marks are kept again', async () => (await save(randomUUID(), 0, 'again')).code === 200, { everyMs: 200 });
        await assertKept();
    }
    await service.stop();
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
});
