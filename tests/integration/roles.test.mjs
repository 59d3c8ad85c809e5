// kill -9 of each role under load: the others' work goes on, no event is lost, the role is back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { attribute, must, phantomFiles, removeFolder, Service, sleep, storescu, temporaryFolder, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

let service;
before(async () => {
    const files = phantomFiles(54);
    service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], files: files.slice(0, 10), facility: 'hospital' });
});
after(() => service.stop());

/** Kill the first role of this name; ms until another has its place. The promise is 100 ms, told here and measured in quiet by the benchmark. */
async function killRole(name) {
    const old = service.role(name);
    process.kill(old.pid, 'SIGKILL');
    const begin = process.hrtime.bigint();
    await until(`${name} is back`, () => { const now = service.roles().filter((role) => role.name === name); return now.length > 0 && !now.some((role) => role.pid === old.pid); }, { seconds: 5, everyMs: 2 });
    return Number(process.hrtime.bigint() - begin) / 1e6;
}

test('the bridge is killed: HTTP never notices, and the bridge takes images again', async (t) => {
    const [study] = await service.studies();
    const targets = await service.tiles(study.id);
    let stop = false;
    let answered = 0;
    const load = Promise.all([0, 1].map(async () => {
        while (!stop) {
            for (const target of ['/api/studies', targets[answered % targets.length]]) {
                const answer = await service.request(target);
                assert.equal(answer.code, 200, `${target}: ${answer.body.toString().slice(0, 200)}`);
                answered++;
            }
        }
    }));
    for (let i = 0; i < 3; i++) {
        await sleep(100);
        t.diagnostic(`bridge back after ${(await killRole('bridge')).toFixed(0)} ms`);
    }
    const before = answered;
    await until('HTTP goes on', () => answered > before + 20);
    stop = true;
    await load;
    const sent = await until('the bridge takes images', async () => {
        const attempt = await storescu(service.dicomPort, phantomFiles(54).slice(10, 12));
        return attempt.code === 0 && attempt;
    });
    assert.equal(sent.acknowledged.length, 2);
});

test('the web role is killed: C-STORE never notices, and no event is lost', async (t) => {
    const files = phantomFiles(54).slice(12);
    const events = service.events(0); // everything since the beginning
    t.after(() => events.close());
    await until('events come', () => events.list.length > 0);
    const sending = [0, 1].map((half) => storescu(service.dicomPort, files.filter((_, index) => index % 2 === half)));
    for (let i = 0; i < 3; i++) {
        await sleep(60);
        t.diagnostic(`web back after ${(await killRole('web')).toFixed(0)} ms`);
    }
    for (const sent of await Promise.all(sending)) {
        assert.equal(sent.code, 0, sent.output.slice(-2000));
        assert.equal(sent.refused.length, 0);
    }
    const [study] = await until('all images are listed', async () => {
        const studies = await service.studies().catch(() => []);
        return studies[0]?.objects === files.length + 12 && studies;
    });
    // One more, so that the last event is known to be the last.
    await service.must(['node', 'add', 'last', '--ae-title', 'LAST', '--facility', 'hospital']);
    await until('the last event comes', () => events.list.some((event) => event.event === 'node' && event.id > 10 && events.list.at(-1) === event));
    assert.ok(events.opened > 1, 'the stream was not broken');
    assert.ok(!events.list.some((event) => event.event === 'reload'));
    const ids = events.list.map((event) => event.id);
    assert.deepEqual(ids, [...new Set(ids)].sort((one, other) => one - other), 'in order, none twice');
    // Each event of the log was told, or overtaken by a later one of the same thing that was.
    const { out } = await must('sqlite3', ['-json', path.join(service.dir, 'data/index.db'), 'SELECT seq, kind, ref FROM event']);
    const told = new Set(ids);
    const log = JSON.parse(out);
    for (const { seq, kind, ref } of log)
        assert.ok(told.has(seq) || log.some((later) => later.seq > seq && later.kind === kind && later.ref === ref && told.has(later.seq)), `event ${seq} was never told`);
    assert.equal(study.objects, files.length + 12);
});

test('the bridge alone is killed in the middle of pushes and uploads: what was answered with success is there', async (t) => {
    const own = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], settings: { dicomweb: { facility: 'clinic' } } });
    t.after(() => own.stop());
    const files = phantomFiles(54);
    const uidOf = await attribute('0008,0018', files);
    const acknowledged = new Set();
    const stored = new Set();
    for (let round = 0; round < 6; round++) {
        const part = files.slice(round * 9, (round + 1) * 9);
        const pushing = storescu(own.dicomPort, part);
        const uploads = part.map((file) => stow(own, [file]).then((answer) => answer.stored, () => []));
        await sleep(40 + 30 * round);
        const { pid } = own.role('bridge');
        process.kill(pid, 'SIGKILL');
        for (const file of (await pushing).acknowledged) acknowledged.add(uidOf[file]);
        for (const uid of (await Promise.all(uploads)).flat()) stored.add(uid);
        await until('the bridge is back', () => (own.role('bridge')?.pid ?? pid) !== pid);
        await until('it takes images', async () => (await storescu(own.dicomPort, part)).acknowledged.length === part.length);
        for (const file of part) acknowledged.add(uidOf[file]);
        for (const [facility, uids] of [['hospital', acknowledged], ['clinic', stored]]) {
            const held = await own.objects(facility);
            for (const uid of uids) assert.ok(uid in held, `round ${round}: an object answered with success is gone`);
        }
    }
    t.diagnostic(`${stored.size} uploads were answered with success`);
    await own.must(['check']);
});

test('a decode worker is killed: pictures go on', async (t) => {
    const folder = temporaryFolder('kh-compressed');
    t.after(() => removeFolder(folder));
    for (const [index, file] of phantomFiles(54).slice(0, 12).entries()) await must('dcmcjpeg', ['+e1', file, path.join(folder, String(index))]);
    await service.must(['import', '--facility', 'compressed', folder]);
    const study = (await service.studies()).find((one) => one.facility === 'compressed');
    const targets = await service.tiles(study.id);
    assert.equal(targets.length, 12);
    const answers = [];
    const load = targets.map(async (target) => {
        // The frame that was with the killed worker may answer that it failed; asked again it comes.
        const answer = await until('the picture comes', async () => {
            const got = await service.request(target);
            return got.code === 200 && got;
        });
        answers.push(answer);
    });
    for (let i = 0; i < 3; i++) t.diagnostic(`decode back after ${(await killRole('decode')).toFixed(0)} ms`);
    await Promise.all(load);
    assert.equal(answers.length, 12);
    for (const answer of answers) assert.equal(answer.headers['content-type'], 'image/jpeg');
});
