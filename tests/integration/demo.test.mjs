// The main job: a CT comes out of a hospital's PACS by C-FIND and C-MOVE, whole, once, in order.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { attribute, ctFiles, Pacs, Service, freePort } from '../lib/service.mjs';

test('a CT is pulled out of a PACS and is shown; a second pull changes nothing', async (t) => {
    const files = ctFiles();
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()] });
    t.after(() => service.stop());

    const pull = await service.must(['pull', 'PACS', '--all', '--wait']);
    assert.match(pull.out, new RegExp(`${files.length}/${files.length} images`));
    const [study, ...others] = await service.studies();
    assert.equal(others.length, 0);
    assert.equal(study.objects, files.length);
    assert.equal(study.pull.state, 'complete');
    assert.equal(study.pull.expected, files.length);
    assert.equal(study.pull.received, files.length);

    const uids = Object.values(await attribute('0008,0018', files)).sort();
    assert.equal(uids.length, files.length);
    assert.deepEqual(Object.keys(await service.objects()).sort(), uids);

    const again = await service.must(['pull', 'PACS', '--all', '--wait']);
    assert.equal(again.code, 0);
    const [same] = await service.studies();
    assert.equal(same.objects, files.length);
    assert.equal(same.last_arrival, study.last_arrival);
    assert.equal((await service.command(['check'])).code, 0);

    const detail = await service.json(`/api/studies/${study.id}`);
    const stack = await service.json(`/api/series/${detail.series_list.at(-1).id}/stack`);
    const locations = stack.slices.map((slice) => slice.location_mm);
    const numbers = stack.slices.map((slice) => stack.objects[slice.object].instance);
    assert.equal(stack.order, 'position');
    // By position, in the direction in which the hospital numbered them: from the head down in the generated CT.
    const way = Math.sign(locations.at(-1) - locations[0]);
    assert.deepEqual(locations, [...locations].sort((a, b) => way * (a - b)));
    assert.ok(numbers.at(-1) > numbers[0]);
    for (const target of await service.tiles(study.id)) {
        const tile = await service.request(target);
        assert.equal(tile.code, 200, `${target}: ${tile.body.toString().slice(0, 200)}`);
        assert.equal(tile.headers['content-type'], 'image/jpeg');
        assert.ok(tile.body.length > 1000);
    }
});

test('objects are kept byte for byte as the data set came', async (t) => {
    const files = ctFiles().slice(0, 3);
    const service = await Service.start({ files });
    t.after(() => service.stop());
    const { filesUnder } = await import('../lib/service.mjs');
    // A Part 10 file's data set begins behind its meta information, whose length stands at byte 140 (PS3.10 7.1).
    const dataSet = (file) => { const bytes = fs.readFileSync(file); return bytes.subarray(144 + bytes.readUInt32LE(140)).toString('base64'); };
    const stored = filesUnder(`${service.dir}/data/objects`).map(dataSet).sort();
    assert.deepEqual(stored, files.map(dataSet).sort());
});
