// What is said of objects after they came: deleted, taken back by the hospital, corrected; seen by stock programs and by a browser's
// requests, and undone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, filesUnder, must, phantomFiles, run, Service, storescu, temporaryFolder } from '../lib/service.mjs';

const files = phantomFiles(8);
const nodes = [['reader', '--ae-title', 'READER', '--facility', 'clinic', '--may-query'], ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']];
const facts = async (file) => (await must('dcmdump', ['-q', '-Un', file])).out;

async function start(t) {
    const service = await Service.start({ nodes });
    t.after(() => service.stop());
    const sent = await storescu(service.dicomPort, files);
    assert.equal(sent.acknowledged.length, files.length, sent.output);
    return service;
}

async function find(service, keys = []) {
    const { output } = await run('findscu', ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', '0020,000d', '-k', '0020,1208', ...keys, '127.0.0.1', String(service.dicomPort)]);
    return output.match(/Find Response: \d+ \(Pending\)/g)?.length ?? 0;
}

async function get(service, uid) {
    const folder = temporaryFolder();
    await run('getscu', ['-S', '+B', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', folder, '-k', '0008,0052=STUDY', '-k', `0020,000d=${uid}`, '127.0.0.1', String(service.dicomPort)]);
    return filesUnder(folder);
}

const studyUid = async () => Object.values(await attribute('0020,000d', files.slice(0, 1)))[0];

test('a deleted study is nowhere, sent again it stays so, and undo brings it back', async (t) => {
    const service = await start(t);
    const uid = await studyUid();
    const [study] = await service.studies();
    const targets = await service.tiles(study.id);
    assert.equal((await service.request(targets[0])).code, 200);
    const series = (await service.json(`/api/studies/${study.id}`)).series_list[0];

    const refused = await service.command(['change', 'delete', '--study', uid]);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /--reason/);
    const deleted = await service.must(['change', 'delete', '--study', uid, '--reason', 'sent to the wrong network', '--by', 'tester']);
    assert.match(deleted.out, /^ +1 .*deleted +hospital +8 +tester +sent to the wrong network$/m);
    assert.deepEqual(await service.studies(), []);
    assert.equal((await service.request(targets[0])).code, 404, 'a picture that was in memory');
    assert.equal((await service.json(`/api/series/${series.id}/stack`).catch((error) => ({ slices: [], error }))).slices.length, 0);
    assert.equal(await find(service), 0);
    assert.equal((await get(service, uid)).length, 0);
    const again = await storescu(service.dicomPort, files);
    assert.equal(again.acknowledged.length, files.length);
    assert.deepEqual(await service.studies(), []);
    assert.doesNotMatch(service.log, /wrong network/, 'reasons are for the index');

    await service.must(['change', 'undo', '1']);
    assert.equal((await service.studies())[0].objects, files.length);
    assert.equal((await service.request(targets[0])).code, 200);
    assert.equal(await find(service), 1);
    assert.match((await service.must(['change', 'list'])).out, /wrong network \(undone\)/);
    assert.equal((await service.command(['check'])).code, 0);
});

test('a corrected patient is found by the new name, and leaves with the old one told', async (t) => {
    const service = await start(t);
    const uid = await studyUid();
    const id = Object.values(await attribute('0010,0020', files.slice(0, 1)))[0];
    const before = await get(service, uid);
    assert.equal(before.length, files.length);
    for (const file of before) assert.doesNotMatch(await facts(file), /\(0400,0561\)/);

    await service.must(['change', 'patient', '--facility', 'hospital', '--patient', id, '--new-id', '0000042', '--name', 'Shusei^Hanako', '--ideographic', '修正^花子', '--reason', 'ID mistyped']);
    assert.equal(await find(service, ['-k', '0010,0020=0000042']), 1);
    assert.equal(await find(service, ['-k', `0010,0020=${id}`]), 0);
    assert.equal((await service.studies())[0].patient.id, '0000042');
    const after = await get(service, uid);
    assert.equal(after.length, files.length);
    const sopUid = await attribute('0008,0018', [...before, ...after]);
    for (const file of after) {
        const text = await facts(file);
        assert.match(text, /^\(0010,0020\) LO \[0000042/m);
        assert.match(text, /^\(0400,0561\) SQ/m);
        assert.match(text, new RegExp(`^ {8}\\(0010,0020\\) LO \\[${id.trim()}`, 'm'), 'the ID as it was');
        assert.match(text, /\(0400,0563\) LO \[KAKEHASHI/);
        assert.match(text, /\(0400,0565\) CS \[CORRECT/);
        // Everything else is what it was.
        const original = before.find((one) => sopUid[one] === sopUid[file]);
        const rest = (dump) => dump.split('\n').filter((line) => /^\(/.test(line) && !/^\((0002,|0008,0005|0010,0010|0010,0020|0400,|fffe,)/.test(line));
        assert.deepEqual(rest(text), rest(await facts(original)));
    }
    const bytes = fs.readFileSync(after[0]); // Debian's DCMTK knows no Japanese
    const name = bytes.subarray(bytes.indexOf('Shusei'), bytes.indexOf('Shusei') + 60);
    assert.match(new TextDecoder('iso-2022-jp').decode(name), /^Shusei\^Hanako=修正\^花子/);

    await service.must(['change', 'undo', '1']);
    const [one] = await get(service, uid);
    const original = before.find((file) => path.basename(file) === path.basename(one));
    assert.ok(fs.readFileSync(one).equals(fs.readFileSync(original)), 'as it came');
});

test('a rejection note hides what it names, now and later', async (t) => {
    const service = await start(t);
    const folder = temporaryFolder();
    const [study, series] = [await studyUid(), Object.values(await attribute('0020,000e', files.slice(0, 1)))[0]];
    const uids = Object.values(await attribute('0008,0018', files.slice(0, 2)));
    const id = Object.values(await attribute('0010,0020', files.slice(0, 1)))[0];
    const references = uids.flatMap((uid) => ['(fffe,e000) na', '(0008,1150) UI =CTImageStorage', `(0008,1155) UI [${uid}]`, '(fffe,e00d) na']);
    fs.writeFileSync(path.join(folder, 'note.dump'), ['(0002,0010) UI =LittleEndianExplicit', '(0008,0016) UI =KeyObjectSelectionDocumentStorage', '(0008,0018) UI [1.2.392.200036.9999.1.1]',
        '(0008,0060) CS [KO]', `(0010,0020) LO [${id}]`, `(0020,000d) UI [${study}]`, '(0020,000e) UI [1.2.392.200036.9999.1.2]',
        '(0040,a043) SQ', '(fffe,e000) na', '(0008,0100) SH [113037]', '(0008,0102) SH [DCM]', '(fffe,e00d) na', '(fffe,e0dd) na',
        '(0040,a375) SQ', '(fffe,e000) na', '(0008,1115) SQ', '(fffe,e000) na', '(0008,1199) SQ', ...references, '(fffe,e0dd) na',
        `(0020,000e) UI [${series}]`, '(fffe,e00d) na', '(fffe,e0dd) na', `(0020,000d) UI [${study}]`, '(fffe,e00d) na', '(fffe,e0dd) na', ''].join('\n'));
    await must('dump2dcm', ['-q', path.join(folder, 'note.dump'), path.join(folder, 'note.dcm')]);
    const sent = await storescu(service.dicomPort, [path.join(folder, 'note.dcm')], { extra: ['-R'] });
    assert.equal(sent.acknowledged.length, 1, sent.output);
    const held = await service.objects();
    for (const uid of uids) assert.ok(!(uid in held));
    assert.equal(Object.keys(held).length, files.length - 2);
    const list = await service.must(['change', 'list']);
    assert.match(list.out, /rejected +hospital +2 +hospital +rejected for patient safety reasons/);
    await storescu(service.dicomPort, files);
    assert.equal(Object.keys(await service.objects()).length, files.length - 2);
    await service.must(['change', 'undo', '1']);
    assert.equal(Object.keys(await service.objects()).length, files.length);
});
