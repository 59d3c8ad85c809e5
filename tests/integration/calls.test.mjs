// R5 by another hand: strace makes the N-th call of each thread of the running bridge fail, or all from it on, while stock storescu pushes; a
// cross-check of tests/faults/test_calls.c, in which the calls are taken inside the process. No success for what is not there, the bridge does not
// die, nothing half is left, and the next push goes as ever.
//
// N: 1, 2, 4, 9 and all; KH_LONG=1: 1 to 30, and every error.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { grey, makeObject } from '../lib/objects.mjs';
import { filesUnder, Service, start, storescu, until } from '../lib/service.mjs';

const isLong = Boolean(process.env.KH_LONG);
const places = isLong ? [...Array.from({ length: 30 }, (_, i) => String(i + 1)), '1+', '5+'] : ['1', '2', '4', '9', '1+'];
const faults = [
    ['fsync,fdatasync', 'EIO', true], ['fsync,fdatasync', 'ENOSPC', false], ['pwrite64', 'ENOSPC', true], ['write,pwrite64', 'EIO', false],
    ['openat', 'EMFILE', true], ['openat', 'EIO', false], ['rename,renameat,renameat2', 'EIO', true], ['rename,renameat,renameat2', 'ENOSPC', false],
    ['accept,accept4', 'EMFILE', true], ['io_submit', 'EIO', true], ['fallocate', 'ENOSPC', true], ['io_getevents', 'EINVAL', true],
].filter(([, , always]) => always || isLong);

const needsTrace = (() => {
    const { status, error, stderr } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
    return status === 0 ? false : `strace cannot be used here: ${error?.message ?? stderr.trim()}`;
})();

/* Of more than a page: what has none does not go around the page cache. */
const small = () => makeObject([...grey({ rows: 40, columns: 50 }), `(7fe0,0010) OW ${Array.from({ length: 2000 }, (_, i) => i % 10).join('\\')}`]);

/** Calls of the running bridge fail until the answer's end() is called; its reply says how many did. */
async function inject(service, calls, error, when) {
    const tracer = start('strace', ['-f', '-p', String(service.role('bridge').pid), '-e', `trace=${calls}`, ...calls.split(',').flatMap((call) => ['-e', `inject=${call}:error=${error}:when=${when}`])]);
    await until('strace is attached', () => {
        if (tracer.exitCode !== null) throw new Error(tracer.output);
        return /attached/.test(tracer.err);
    }, { everyMs: 5 });
    tracer.end = async () => {
        process.kill(tracer.pid, 'SIGINT');
        await tracer.ended;
        return (tracer.err.match(/\(INJECTED\)/g) ?? []).length;
    };
    return tracer;
}

for (const [calls, error] of faults) test(`${calls} fail with ${error} in the running bridge, at ${places.length} places`, { skip: needsTrace }, async (t) => {
    const service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], settings: { storage: { reserve: '0 B' } } });
    t.after(() => service.stop());
    const bridge = service.role('bridge').pid;
    const answered = new Set();
    const assertHeld = async (what) => {
        const held = await service.objects();
        for (const uid of answered) assert.ok(uid in held, `${what}: an object answered with success is gone`);
        for (const object of Object.values(held)) assert.equal(object.problem, null, what);
    };
    let failed = 0;
    let refused = 0;
    for (const when of places) {
        const made = [await small(), await small(), await small()];
        const files = made.map(({ file }) => file);
        const tracer = await inject(service, calls, error, when);
        const sent = await storescu(service.dicomPort, files, { extra: ['--no-halt', '-ta', '10', '-td', '10'] });
        failed += await tracer.end();
        refused += files.length - sent.acknowledged.length;
        for (const { file, uid } of made) if (sent.acknowledged.includes(file)) answered.add(uid);
        assert.equal(service.role('bridge')?.pid, bridge, `${when}: the bridge died\n${service.log.slice(-3000)}`);
        await assertHeld(when);
        await until(`${when}: everything is taken again`, async () => (await storescu(service.dicomPort, files)).acknowledged.length === files.length, { everyMs: 100 });
        for (const { uid } of made) answered.add(uid);
        assert.deepEqual(filesUnder(path.join(service.dir, 'data/incoming')), [], when);
    }
    t.diagnostic(`${failed} calls failed, ${refused} objects refused`);
    assert.ok(failed > 0, 'no call failed, nothing was tested');
    assert.ok(fs.readdirSync(`/proc/${bridge}/fd`).length < 100, 'descriptors were kept');
    // A commit in doubt keeps its object's file, and the next start gives it its row.
    assert.equal((await service.stop()).code, 0);
    await service.launch();
    await assertHeld('after a start');
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
});
