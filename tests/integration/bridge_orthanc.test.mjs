// Orthanc as the other side: it asks us and fetches from us, takes what we send, and is asked by C-GET.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, freePort, phantomFiles, Service, start, temporaryFolder, until } from '../lib/service.mjs';

const skip = spawnSync('Orthanc', ['--version']).status === 0 ? false : 'Orthanc is not installed';
const files = phantomFiles(12);

async function startOrthanc(dicomPort) {
    const dir = temporaryFolder('kh-orthanc');
    const [http, dicom] = [await freePort(), await freePort()];
    fs.writeFileSync(path.join(dir, 'orthanc.json'), JSON.stringify({
        Name: 'test', StorageDirectory: path.join(dir, 'db'), IndexDirectory: path.join(dir, 'db'), HttpPort: http, DicomPort: dicom, DicomAet: 'ORTHANC',
        RemoteAccessAllowed: false, AuthenticationEnabled: false, DicomAlwaysAllowGet: true, DicomCheckModalityHost: false, Plugins: [],
        DicomModalities: { kakehashi: { AET: 'KAKEHASHI', Host: '127.0.0.1', Port: dicomPort } },
    }));
    const child = start('Orthanc', [path.join(dir, 'orthanc.json')], { cwd: dir });
    const ask = async (url, body) => {
        const answer = await fetch(`http://127.0.0.1:${http}${url}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
        if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    };
    await until('Orthanc answers', async () => {
        if (child.exitCode !== null) throw new Error(`Orthanc ended:\n${child.output.slice(-2000)}`);
        return ask('/system').catch(() => null);
    });
    return { ask, dicom, child };
}

test('Orthanc finds our study and has it moved to itself; what we send it takes; it is asked by C-GET', { skip }, async (t) => {
    const dicomPort = await freePort();
    const orthanc = await startOrthanc(dicomPort);
    t.after(() => process.kill(-orthanc.child.pid, 'SIGKILL'));
    const node = ['orthanc', '--ae-title', 'ORTHANC', '--facility', 'hospital', '--host', '127.0.0.1', '--port', String(orthanc.dicom), '--may-query', '--retrieve', 'get'];
    const service = await Service.start({ dicomPort, nodes: [node], files, facility: 'hospital' });
    t.after(() => service.stop());
    const uid = Object.values(await attribute('0020,000d', files.slice(0, 1)))[0];

    const query = await orthanc.ask('/modalities/kakehashi/query', { Level: 'Study', Query: { StudyInstanceUID: '', NumberOfStudyRelatedInstances: '' } });
    const answers = await orthanc.ask(`/queries/${query.ID}/answers?expand&simplify`);
    assert.equal(answers.length, 1, service.log.slice(-2000));
    assert.equal(answers[0].StudyInstanceUID, uid);
    assert.equal(Number(answers[0].NumberOfStudyRelatedInstances), files.length);
    await orthanc.ask(`/queries/${query.ID}/retrieve`, { TargetAet: 'ORTHANC', Synchronous: true });
    assert.equal((await orthanc.ask('/instances')).length, files.length);

    const sent = await service.command(['send', 'orthanc', '--study', uid]);
    assert.equal(sent.code, 0, sent.output);

    const other = await Service.start({ nodes: [node.filter((word) => word !== '--may-query')] });
    t.after(() => other.stop());
    const pulled = await other.command(['pull', 'orthanc', '--study', uid, '--wait']);
    assert.equal(pulled.code, 0, pulled.output + other.log.slice(-2000));
    assert.equal((await other.studies())[0].objects, files.length);
});
