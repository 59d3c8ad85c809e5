// Room: studies go back to their hospital and come back on demand; the quota refuses what finds none; commands that show and steer it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { filesUnder, freePort, must, Pacs, phantomFiles, run, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';

const SLICES = 24;

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
}

const files = (service) => filesUnder(path.join(service.dir, 'data/objects')).length;

/** A service that has pulled its PACS's one study, which can therefore come again. */
async function pulled(t, settings = {}) {
    const [httpPort, dicomPort, storePort] = [await freePort(), await freePort(), await freePort()];
    const pacs = await Pacs.start({ files: phantomFiles(SLICES), peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const reader = ['READER', '--ae-title', 'READER', '--host', '127.0.0.1', '--port', String(storePort), '--facility', 'clinic', '--may-store', '--may-query'];
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node(), reader], settings });
    t.after(() => service.stop());
    await service.must(['pull', 'PACS', '--all', '--wait']);
    const [study] = await service.studies();
    assert.equal(study.objects, SLICES);
    return { pacs, service, study, storePort };
}

async function availability(service, uid) {
    const answer = await must('findscu', ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${uid}`,
        '-k', 'InstanceAvailability', '-k', 'RetrieveAETitle', '127.0.0.1', String(service.dicomPort)]);
    return /\(0008,0056\) CS \[(\w+)/.exec(answer.output)?.[1];
}

test('a study that was evicted is at the hospital, and an opened viewer brings it back under the same ids', async (t) => {
    const { service, study } = await pulled(t);
    const before = await service.objects();
    const tile = (await service.tiles(study.id))[3];
    assert.equal(await availability(service, study.uid), 'ONLINE');
    await service.must(['evict', study.uid]);
    assert.equal(files(service), 0);
    assert.equal((await service.json(`/api/studies/${study.id}`)).away, SLICES);
    assert.equal(await availability(service, study.uid), 'NEARLINE');
    assert.equal((await service.request(tile)).code, 503, 'not here');
    await assertClean(service);
    assert.match((await service.must(['storage'])).out, /at hospitals .* 1 studies/);

    const elsewhere = await service.request(`/api/studies/${study.id}/recall`, { method: 'POST', headers: { origin: 'http://elsewhere.example', 'content-type': 'application/json' } });
    assert.ok([401, 403].includes(elsewhere.code), `a page of another origin: ${elsewhere.code}`);
    const asked = await service.request(`/api/studies/${study.id}/recall`, { method: 'POST', headers: { origin: service.url, 'content-type': 'application/json' } });
    assert.equal(asked.code, 200, asked.body.toString());
    assert.ok(JSON.parse(asked.body).pull > 0);
    await until('it is here again', async () => (await service.json(`/api/studies/${study.id}`)).away === 0);
    assert.deepEqual(Object.entries(await service.objects()).map(([uid, one]) => [uid, one.id]).sort(), Object.entries(before).map(([uid, one]) => [uid, one.id]).sort());
    assert.equal((await service.request(tile)).code, 200);
    assert.equal(await availability(service, study.uid), 'ONLINE');
    await assertClean(service);
});

test('C-MOVE and C-GET of a study at its hospital fetch it first', async (t) => {
    const { pacs, service, study, storePort } = await pulled(t);
    const folder = temporaryFolder('kh-reader');
    await service.must(['evict', study.uid]);
    const moved = await run('movescu', ['-v', '-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-aem', 'READER', '+P', String(storePort), '-od', folder, '-k', 'QueryRetrieveLevel=STUDY',
        '-k', `StudyInstanceUID=${study.uid}`, '127.0.0.1', String(service.dicomPort)]);
    assert.equal(moved.code, 0, moved.output.slice(-2000));
    assert.equal(fs.readdirSync(folder).length, SLICES, service.log.slice(-3000));

    await service.must(['evict', study.uid]);
    const got = temporaryFolder('kh-get');
    const get = await run('getscu', ['-v', '-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', got, '-k', 'QueryRetrieveLevel=STUDY',
        '-k', `StudyInstanceUID=${study.uid}`, '127.0.0.1', String(service.dicomPort)]);
    assert.equal(get.code, 0, get.output.slice(-2000));
    assert.equal(fs.readdirSync(got).length, SLICES);

    await service.must(['evict', study.uid]);
    await pacs.stop();
    const gone = temporaryFolder('kh-gone');
    const refused = await run('getscu', ['-v', '-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', gone, '-k', 'QueryRetrieveLevel=STUDY',
        '-k', `StudyInstanceUID=${study.uid}`, '127.0.0.1', String(service.dicomPort)]);
    assert.equal(fs.readdirSync(gone).length, 0);
    assert.match(refused.output, /0xa702|Cannot perform|Failed/i, refused.output.slice(-1500));
});

test('what is pinned, and what nobody gives back, stays', async (t) => {
    const { service, study } = await pulled(t);
    await service.must(['pin', study.uid]);
    const pinned = await service.command(['evict', study.uid]);
    assert.equal(pinned.code, 1);
    assert.match(pinned.output, /pinned by person/);
    await service.must(['unpin', study.uid]);
    await service.must(['evict', study.uid]);
    await service.command(['node', 'add', 'scanner', '--ae-title', 'STORESCU', '--facility', 'elsewhere']);
    const other = phantomFiles(8);
    assert.equal((await storescu(service.dicomPort, other)).acknowledged.length, other.length);
    const pushed = (await service.studies()).find((one) => one.facility === 'elsewhere');
    const stays = await service.command(['evict', pushed.uid]);
    assert.equal(stays.code, 1);
    assert.match(stays.output, /no node is known/);
    assert.equal((await service.command(['evict', '1.2.3.4'])).code, 1);
    assert.equal((await service.command(['evict', 'x'])).code, 2);
});

test('over the quota, with nothing to evict, stock storescu hears A700, and what is whole stays', async (t) => {
    const sent = phantomFiles(SLICES);
    const bytes = fs.statSync(sent[0]).size;
    const service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], settings: { storage: { quota: `${Math.floor(bytes * 10.5)} B` } } });
    t.after(() => service.stop());
    const { acknowledged, refused, output } = await storescu(service.dicomPort, sent, { extra: ['--no-halt'] });
    assert.equal(acknowledged.length, 10, output.slice(-3000));
    assert.ok(refused.length > 0);
    assert.match(output, /0xa700|Refused: ?Out ?Of ?Resources/i);
    assert.equal(files(service), 10);
    await assertClean(service);
});
