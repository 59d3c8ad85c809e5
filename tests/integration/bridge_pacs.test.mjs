// The DICOM side under real programs: many senders of the same objects (R9), a drain in the middle of a push (R15), silent peers (R8),
// and a PACS that goes away in the middle of a pull and comes back (R7).
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, filesUnder, freePort, Pacs, phantomFiles, run, Service, sleep, storescu, until } from '../lib/service.mjs';

const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

test('eight senders of the same objects at once: all succeed, each object is kept once', async (t) => {
    const service = await Service.start({ nodes: [scanner] });
    t.after(() => service.stop());
    const files = phantomFiles(process.env.KH_LONG ? 1000 : 24);
    const sent = await Promise.all(Array.from({ length: 8 }, () => storescu(service.dicomPort, files)));
    for (const one of sent) assert.equal(one.acknowledged.length, files.length, one.output.slice(-2000));
    assert.equal(Object.keys(await service.objects()).length, files.length);
    await assertClean(service);
});

test('eight senders of two kinds of bytes under the same UIDs: the first stays, the second lies beside, the log tells', async (t) => {
    const service = await Service.start({ nodes: [scanner] });
    t.after(() => service.stop());
    const count = 4;
    const kinds = [phantomFiles(count), phantomFiles(2 * count).slice(0, count)]; // the same identifiers, other pixels
    const [uids, others] = await Promise.all(kinds.map(async (files) => Object.values(await attribute('0008,0018', files)).sort()));
    assert.deepEqual(uids, others);
    const sent = await Promise.all(Array.from({ length: 8 }, (_, i) => storescu(service.dicomPort, kinds[i % 2], { extra: ['--no-halt'] })));
    for (const one of sent) assert.equal(one.acknowledged.length + one.refused.length, count, one.output.slice(-2000));
    assert.deepEqual(Object.keys(await service.objects()).sort(), uids);
    assert.equal(filesUnder(path.join(service.dir, 'data/objects')).length, count);
    assert.equal(filesUnder(path.join(service.dir, 'data/quarantine')).length, count, 'each second kind once');
    for (const uid of uids) assert.match(service.log, new RegExp(`warn .*${uid.replaceAll('.', '\\.')} again with other bytes: object \\d+ stays`));
    await assertClean(service);
});

test('SIGTERM in the middle of a push: what was answered is kept, and the service ends in order', async (t) => {
    const files = phantomFiles(120);
    const uidOf = await attribute('0008,0018', files);
    const service = await Service.start({ nodes: [scanner] });
    t.after(() => service.stop());
    for (let round = 0; round < 6; round++) {
        const sending = storescu(service.dicomPort, files.slice(round * 20, (round + 1) * 20));
        await sleep(20 + 25 * round);
        const end = await service.stop();
        assert.equal(end.code, 0, service.log.slice(-3000));
        const { acknowledged } = await sending;
        await service.launch();
        const held = await service.objects();
        for (const file of acknowledged) assert.ok(uidOf[file] in held, `round ${round}: an object answered with success is gone`);
    }
    await assertClean(service);
});

test('an echo comes through beside 300 silent connections', async (t) => {
    const service = await Service.start({ nodes: [scanner] });
    t.after(() => service.stop());
    const silent = Array.from({ length: 300 }, () => net.connect(service.dicomPort, '127.0.0.1'));
    for (const socket of silent) socket.on('error', () => {});
    await Promise.all(silent.map((socket) => new Promise((resolve) => { socket.once('connect', resolve); socket.once('error', resolve); })));
    const begin = Date.now();
    const echo = await run('echoscu', ['-aet', 'STORESCU', '-aec', 'KAKEHASHI', '127.0.0.1', String(service.dicomPort)]);
    t.diagnostic(`echo: ${Date.now() - begin} ms`);
    for (const socket of silent) socket.destroy();
    assert.equal(echo.code, 0, echo.output);
});

test('a PACS that goes away in the middle of a pull and comes back: the pull ends complete', async (t) => {
    const files = phantomFiles(300);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()] });
    t.after(() => service.stop());
    await service.must(['pull', 'PACS', '--all']);
    await until('some objects are here', async () => (await service.studies())[0]?.objects >= 20, { everyMs: 5 });
    process.kill(-pacs.child.pid, 'SIGKILL');
    await pacs.child.ended;
    await sleep(300);
    await pacs.launch();
    const [study] = await until('the pull ends', async () => {
        const studies = await service.studies();
        return studies[0]?.pull && !['waiting', 'running'].includes(studies[0].pull.state) ? studies : null;
    }, { seconds: 60 });
    assert.equal(study.pull.state, 'complete', `${study.pull.reason}\n${service.log.slice(-3000)}`);
    assert.equal(study.objects, files.length);
    await assertClean(service);
});
