// What is here against what its hospital has by now: Orthanc deletes a study and gives another to somebody else; it is noticed, followed, undone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noOrthanc as skip, pulledFromOrthanc, round, studyUid as uid } from '../lib/orthanc.mjs';
import { sleep, until } from '../lib/service.mjs';

const held = [[1, 'P-1'], [2, 'P-2'], [3, 'P-3'], [4, 'P-4']];

async function begin(t, compare) {
    const world = await pulledFromOrthanc(held, compare);
    t.after(world.stop);
    return world;
}

const post = async (service, target, body) => {
    const answer = await service.request(`/api/admin/${target}`, { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: service.url }, body: JSON.stringify(body) });
    return { code: answer.code, ...JSON.parse(answer.body) };
};
const patientOf = async (service, n) => (await service.studies()).find((study) => study.uid === uid(n))?.patient.id;

test('a study deleted there and one given to another patient are noticed; both are followed, and undone', { skip }, async (t) => {
    const { service, remove, rename } = await begin(t);
    let at = await round(service);
    assert.deepEqual([at.asked, at.same, at.believed], [4, 4, true], JSON.stringify(at));
    assert.match((await service.must(['finding'])).out, /no open findings/);

    await remove(1);
    await rename('P-2', 'P-3');
    at = await round(service, () => post(service, 'nodes/orthanc/compare', {}));
    assert.deepEqual([at.same, at.gone, at.patient, at.findings], [2, 1, 1, 1], JSON.stringify(at));
    await sleep(1100);
    at = await round(service);
    assert.deepEqual([at.same, at.known, at.gone, at.findings], [2, 1, 1, 1], JSON.stringify(at));

    const { findings, open } = await service.json('/api/admin/findings');
    assert.equal(open, 2);
    const gone = findings.find((one) => one.kind === 'gone');
    const merged = findings.find((one) => one.kind === 'patient');
    assert.equal(gone.study.uid, uid(1));
    assert.deepEqual([merged.study.uid, merged.here, merged.there], [uid(2), 'P-2', 'P-3']);
    assert.equal((await service.studies()).length, 4, 'a notice changes nothing');
    const list = (await service.must(['finding', 'list'])).out;
    assert.match(list, new RegExp(`^ +${gone.finding} .*orthanc +gone +open +${uid(1)}`, 'm'));
    assert.match(list, new RegExp(`^ +${merged.finding} .*orthanc +patient +open +${uid(2)} +P-2 here, P-3 there`, 'm'));

    // Followed: one over HTTP, one by the command.
    assert.equal((await service.request(`/api/admin/findings/${gone.finding}/apply`, { method: 'POST', headers: { Origin: 'http://elsewhere.example' }, body: '{}' })).code, 403);
    assert.equal((await post(service, `findings/${gone.finding}/apply`, {})).code, 400, 'who asks is missing');
    const applied = await post(service, `findings/${gone.finding}/apply`, { asked_by: 'tester', reason: 'retention' });
    assert.equal(applied.code, 200, JSON.stringify(applied));
    assert.equal((await service.studies()).length, 3);
    assert.equal((await post(service, `findings/${gone.finding}/apply`, { asked_by: 'tester' })).code, 409);
    await service.must(['finding', 'apply', String(merged.finding), '--by', 'tester']);
    assert.equal(await patientOf(service, 2), 'P-3');
    assert.match((await service.must(['change', 'list'])).out, /gone +hospital +2 +tester +retention/);

    // Undone by a person: the next round leaves it so.
    await service.must(['change', 'undo', String(applied.change)]);
    assert.equal((await service.studies()).length, 4);
    await sleep(1100);
    at = await round(service);
    assert.deepEqual([at.same, at.known, at.findings], [3, 1, 0], JSON.stringify(at));
    assert.equal((await service.studies()).length, 4);
    const all = (await service.json('/api/admin/findings?all=1')).findings;
    assert.deepEqual(all.map((one) => [one.kind, one.state, one.undone]).sort(), [['gone', 'applied', true], ['patient', 'applied', false]]);
    assert.doesNotMatch(service.log, /P-[1-4]\b/, 'patient IDs are for the index');
    const checked = await service.command(['check']);
    assert.equal(checked.code, 0, checked.output);
});

test('an object that is not there for a while is hidden, and shown when it is there again; each is undone', { skip }, async (t) => {
    const { service, takeOut } = await begin(t);
    const shown = async () => (await service.studies()).find((study) => study.uid === uid(1))?.objects;
    const list = async (all = '') => (await service.json(`/api/admin/findings${all}`)).findings;
    const putBack = await takeOut(1);
    await round(service);
    await sleep(1100);
    assert.equal((await round(service)).findings, 1);
    const [missing] = await list();
    assert.deepEqual([missing.kind, missing.missing, missing.study.uid], ['instances', 1, uid(1)]);
    assert.equal((await post(service, `findings/${missing.finding}/apply`, { asked_by: 'tester' })).code, 200);
    assert.equal(await shown(), 1);
    assert.equal((await round(service)).findings, 0);

    await putBack();
    await service.stop();
    await service.launch();
    assert.equal((await round(service)).findings, 1);
    assert.equal(await shown(), 1, 'a notice changes nothing');
    const [back] = await list();
    assert.deepEqual([back.kind, back.missing, back.state], ['reappeared', 1, 'open']);
    assert.match((await service.must(['finding'])).out, new RegExp(`^ +${back.finding} .*orthanc +reappeared +open +${uid(1)} +1 objects`, 'm'));
    await service.must(['finding', 'apply', String(back.finding), '--by', 'tester']);
    assert.equal(await shown(), 2);
    const [{ change, kind, objects }] = (await service.json('/api/admin/changes')).changes;
    assert.deepEqual([kind, objects], ['returned', 1]);
    await service.must(['change', 'undo', String(change)]);
    assert.equal(await shown(), 1);
    assert.deepEqual((await list('?all=1')).map((one) => [one.kind, one.state, one.undone]).sort(), [['instances', 'applied', false], ['reappeared', 'applied', true]]);
    const again = await post(service, `findings/${back.finding}/apply`, { asked_by: 'tester' });
    assert.equal(again.code, 200, JSON.stringify(again));
    assert.equal(await shown(), 2);
    assert.equal((await round(service)).same, 4);
    assert.deepEqual((await list('?all=1')).map((one) => one.state), ['over', 'over']);
    const checked = await service.command(['check']);
    assert.equal(checked.code, 0, checked.output);
});

test('followed without a person, across a restart; an archive that has nothing left hides nothing', { skip }, async (t) => {
    const { orthanc, service, remove, rename } = await begin(t, { gone: 'hide', merged: 'follow' });
    await remove(1);
    await rename('P-4', 'P-40');
    await round(service);
    assert.equal((await service.studies()).length, 4);
    await until('his only study: he has a new ID', async () => (await patientOf(service, 4)) === 'P-40'); // what follows a round comes after it
    await service.stop();
    await service.launch();
    await sleep(1100);
    await round(service);
    await until('the study is hidden', async () => (await service.studies()).length === 3);
    assert.deepEqual((await service.studies()).map((study) => study.uid).sort(), [uid(2), uid(3), uid(4)]);
    assert.match((await service.must(['finding', '--all'])).out, /gone +applied/);

    for (const n of [2, 3, 4]) await remove(n);
    for (let i = 0; i < 2; i++) {
        const at = await round(service);
        assert.deepEqual([at.gone, at.believed], [3, false], JSON.stringify(at));
        assert.match((await service.must(['compare'])).out, /orthanc .*not believed .*not one of 4 studies is there/);
        await sleep(1100);
    }
    assert.equal((await service.studies()).length, 3);

    orthanc.stop(); // nobody answers: no absence either
    await service.must(['compare', '--now']);
    await until('it is tried again', async () => /under way/.test((await service.must(['compare'])).out) && /the comparison waits/.test(service.log));
    assert.equal((await service.studies()).length, 3);
});
