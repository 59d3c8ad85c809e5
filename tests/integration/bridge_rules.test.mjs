// Rules at work with Orthanc as hospital and as region: earlier studies come, a new one is sent on, what was there before is fetched.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, filesUnder, freePort, must, phantomFiles, program, Service, start, storescu, temporaryFolder, until } from '../lib/service.mjs';

const skip = spawnSync('Orthanc', ['--version']).status === 0 ? false : 'Orthanc is not installed';
const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];

async function startOrthanc(t, title, ourPort) {
    const dir = temporaryFolder('kh-orthanc');
    const [http, dicom] = [await freePort(), await freePort()];
    fs.writeFileSync(path.join(dir, 'orthanc.json'), JSON.stringify({
        Name: title, StorageDirectory: path.join(dir, 'db'), IndexDirectory: path.join(dir, 'db'), HttpPort: http, DicomPort: dicom, DicomAet: title,
        RemoteAccessAllowed: false, AuthenticationEnabled: false, DicomCheckModalityHost: false, DicomAlwaysAllowStore: true, Plugins: [],
        DicomModalities: { kakehashi: { AET: 'KAKEHASHI', Host: '127.0.0.1', Port: ourPort } },
    }));
    const child = start('Orthanc', [path.join(dir, 'orthanc.json')], { cwd: dir });
    t.after(() => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* gone */ } });
    const ask = async (url) => {
        const answer = await fetch(`http://127.0.0.1:${http}${url}`);
        if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
        return answer.json();
    };
    await until(`Orthanc ${title} answers`, () => {
        if (child.exitCode !== null) throw new Error(`Orthanc ended:\n${child.output.slice(-2000)}`);
        return ask('/system').catch(() => null);
    });
    return {
        dicom,
        instances: async () => (await ask('/instances')).length,
        fill: (files) => must('storescu', ['-aec', title, '127.0.0.1', String(dicom), ...files]),
        node: (name, facility) => [name, '--ae-title', title, '--facility', facility, '--host', '127.0.0.1', '--port', String(dicom)],
    };
}

/** A CT of today, an earlier one and an MR of the same person: {uid, date, modality, files} each. */
async function threeStudies() {
    const folder = temporaryFolder('kh-phantom');
    await must(program, ['phantom', '--ct-slices', '6', '--earlier-slices', '5', '--mr-slices', '4', path.join(folder, 'made')]);
    const files = filesUnder(path.join(folder, 'made'));
    const [uids, dates, modalities] = [await attribute('0020,000d', files), await attribute('0008,0020', files), await attribute('0008,0060', files)];
    const studies = new Map();
    for (const file of files) {
        const study = studies.get(uids[file]) ?? { uid: uids[file], date: dates[file], modality: modalities[file], files: [] };
        study.files.push(file);
        studies.set(study.uid, study);
    }
    const all = [...studies.values()].sort((a, b) => (a.date < b.date ? 1 : -1));
    const cts = all.filter((one) => one.modality === 'CT');
    const mr = all.find((one) => one.modality === 'MR');
    const person = Object.values(await attribute('0010,0020', cts[0].files))[0];
    await must('dcmodify', ['-nb', '-i', `(0010,0020)=${person}`, ...mr.files]);
    return { today: cts[0], earlier: cts[1], mr };
}

test('a new CT brings the earlier one from the hospital and is sent on to the region; then all the rest is fetched', { skip }, async (t) => {
    const { today, earlier, mr } = await threeStudies();
    const dicomPort = await freePort();
    const hospital = await startOrthanc(t, 'HOSPITAL', dicomPort);
    const region = await startOrthanc(t, 'REGION', dicomPort);
    await hospital.fill([...earlier.files, ...mr.files]);
    const service = await Service.start({
        dicomPort, nodes: [scanner, hospital.node('hospital-pacs', 'hospital'), region.node('region', 'region')], settings: { storage: { reserve: '1 MiB', quiet: '1 s' } },
    });
    t.after(() => service.stop());
    const events = service.events();
    t.after(() => events.close());
    await service.must(['rule', 'add', 'prefetch', 'priors', '--modality', 'CT', '--age-days', '36500']);
    await service.must(['rule', 'add', 'forward', 'on', '--node', 'region', '--source', 'scanner']);
    const sent = await storescu(service.dicomPort, today.files);
    assert.equal(sent.acknowledged.length, today.files.length, sent.output.slice(-2000));
    assert.equal((await service.studies()).find((one) => one.uid === today.uid).arriving, true);

    const find = async (uid) => (await service.studies()).find((one) => one.uid === uid);
    const came = await until('the earlier CT is here', async () => {
        const study = await find(earlier.uid);
        return study?.pull?.state === 'complete' && !study.arriving && study;
    });
    assert.equal(came.objects, earlier.files.length);
    await until('the region has the new CT', async () => await region.instances() === today.files.length);
    await until('it has arrived', async () => !(await find(today.uid)).arriving);
    assert.equal(await find(mr.uid), undefined, 'an MR is no earlier CT');
    await until('the send is told', () => events.list.some((one) => one.event === 'send'));

    const tested = await service.must(['rule', 'test', today.uid, '--ask']);
    assert.match(tested.out, /fires +priors/);
    assert.match(tested.out, new RegExp(`\\+ ${earlier.date} ${earlier.uid.replaceAll('.', '\\.')}: .*here already`));
    assert.match(tested.out, new RegExp(`- ${mr.date} ${mr.uid.replaceAll('.', '\\.')}: `));
    const queue = await service.must(['queue', '--all']);
    assert.match(queue.out, /^SEND/m);
    assert.match(queue.out, new RegExp(`complete +1 +region +${today.files.length}/${today.files.length}`));

    await service.must(['rule', 'add', 'backfill', 'past', '--node', 'hospital-pacs', '--from', mr.date, '--to', mr.date]);
    await until('the back-fill is done', async () => /stands +done, 100 %/.test((await service.must(['rule', 'show', 'past'])).out));
    assert.equal((await find(mr.uid)).objects, mr.files.length);
    await service.must(['rule', 'remove', 'past']);
    assert.doesNotMatch((await service.must(['rule', 'list'])).out, /past/);
});

test('kill -9 in the middle of sending on: the rest follows, the region has everything', { skip }, async (t) => {
    const files = phantomFiles(120);
    const dicomPort = await freePort();
    const region = await startOrthanc(t, 'REGION', dicomPort);
    const service = await Service.start({ dicomPort, nodes: [scanner, region.node('region', 'region')], settings: { storage: { reserve: '1 MiB', quiet: '1 s' } } });
    t.after(() => service.stop());
    await service.must(['rule', 'add', 'forward', 'on', '--node', 'region']);
    assert.equal((await storescu(service.dicomPort, files)).acknowledged.length, files.length);
    for (const part of [5, 40]) {
        await until(`the region has ${part} of them`, async () => await region.instances() >= part, { everyMs: 5 });
        await service.kill();
        await service.launch();
    }
    await until('the region has all of them', async () => await region.instances() === files.length, { seconds: 60 });
    await until('the send is complete', async () => /complete +1 +region +120\/120/.test((await service.must(['queue', '--all'])).out));
});

test('what makes no sense is refused, and a rule without a service is kept for the next', async () => {
    const dir = temporaryFolder('kh-rules');
    const common = ['--data-dir', path.join(dir, 'data')];
    const kakehashi = (...words) => spawnSync(program, [...words, ...common], { encoding: 'utf8' });
    assert.equal(kakehashi('rule', 'add', 'prefetch', 'a', '--at-once').status, 2);
    assert.equal(kakehashi('rule', 'add', 'prefetch', 'a', '--priors', '51').status, 2);
    assert.equal(kakehashi('rule', 'add', 'other', 'a').status, 2);
    const unknown = kakehashi('rule', 'add', 'forward', 'a', '--node', 'nobody');
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /no node of that name/);
    assert.equal(kakehashi('rule', 'add', 'prefetch', 'a', '--modality', 'CT').status, 0);
    assert.equal(kakehashi('rule', 'add', 'prefetch', 'a').status, 1, 'the name is taken');
    assert.match(kakehashi('rule', 'list').stdout, /^a: prefetch/m);
    assert.equal(kakehashi('rule', 'disable', 'a').status, 0);
    assert.match(kakehashi('rule', 'show', 'a').stdout, /not enabled/);
    assert.equal(kakehashi('rule', 'remove', 'a').status, 0);
    assert.equal(kakehashi('rule', 'show', 'a').status, 1);
    assert.equal(kakehashi('queue').stdout, 'nothing\n');
    assert.equal(kakehashi('queue', 'retry', 'pull', '0').status, 2);
    assert.equal(kakehashi('queue', 'retry', 'send', '7').status, 1);
});
