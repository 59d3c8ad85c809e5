// orthanc.mjs - Orthanc as a hospital's PACS.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, must, phantomFiles, Service, start, storescu, temporaryFolder, until } from './service.mjs';

/** Why tests with it are skipped; false when it is there. */
export const noOrthanc = spawnSync('Orthanc', ['--version']).status === 0 ? false : 'Orthanc is not installed';

/** Orthanc, which may call us at dicomPort. ask(url, body, method): its REST API, GET without a body, else POST. */
export async function startOrthanc(dicomPort) {
    const dir = temporaryFolder('kh-orthanc');
    const [http, dicom] = [await freePort(), await freePort()];
    fs.writeFileSync(path.join(dir, 'orthanc.json'), JSON.stringify({
        Name: 'test', StorageDirectory: path.join(dir, 'db'), IndexDirectory: path.join(dir, 'db'), HttpPort: http, DicomPort: dicom, DicomAet: 'ORTHANC',
        RemoteAccessAllowed: false, AuthenticationEnabled: false, DicomAlwaysAllowGet: true, DicomCheckModalityHost: false, Plugins: [],
        DicomModalities: { kakehashi: { AET: 'KAKEHASHI', Host: '127.0.0.1', Port: dicomPort } },
    }));
    const child = start('Orthanc', [path.join(dir, 'orthanc.json')], { cwd: dir });
    const get = (url, options) => fetch(`http://127.0.0.1:${http}${url}`, options);
    const ask = async (url, body, method = body === undefined ? 'GET' : 'POST') => {
        const answer = await get(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
        if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    };
    await until('Orthanc answers', async () => {
        if (child.exitCode !== null) throw new Error(`Orthanc ended:\n${child.output.slice(-2000)}`);
        return ask('/system').catch(() => null);
    });
    const stop = () => {
        if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    return { ask, fetch: get, dicom, child, stop };
}

export const studyUid = (n) => `1.2.826.0.1.3680043.10.11.${n}`;

/** Two objects of each study: [[number, patient ID], ...]. */
async function makeStudies(studies) {
    const folder = temporaryFolder();
    const files = [];
    for (const [n, patient] of studies)
        for (const object of [1, 2]) {
            const file = path.join(folder, `${n}-${object}.dcm`);
            const uid = studyUid(n);
            fs.copyFileSync(phantomFiles(2)[0], file);
            await must('dcmodify', ['-nb', '-i', `(0020,000d)=${uid}`, '-i', `(0020,000e)=${uid}.1`, '-i', `(0008,0018)=${uid}.1.${object}`, '-i', `(0010,0020)=${patient}`, file]);
            files.push(file);
        }
    return files;
}

/** Such studies at Orthanc, and pulled from there, as from the hospital `hospital`; compared only when asked. remove(n): a study there; rename(from, to): a
 *  patient's ID there; takeOut(n): the second object of a study there, and what puts it back. */
export async function pulledFromOrthanc(studies, compare = {}) {
    const dicomPort = await freePort();
    const orthanc = await startOrthanc(dicomPort);
    let service = null;
    const stop = async () => {
        orthanc.stop();
        await service?.stop();
    };
    try {
        const sent = await storescu(orthanc.dicom, await makeStudies(studies), { called: 'ORTHANC' });
        if (sent.acknowledged.length !== 2 * studies.length) throw new Error(sent.output);
        const node = ['orthanc', '--ae-title', 'ORTHANC', '--facility', 'hospital', '--host', '127.0.0.1', '--port', String(orthanc.dicom), '--retrieve', 'get'];
        service = await Service.start({ dicomPort, nodes: [node], settings: { storage: { quiet: '1 s' }, compare: { every: '0 ms', apart: '1 s', ...compare } } });
        for (const [n] of studies) await service.must(['pull', 'orthanc', '--study', studyUid(n), '--wait']);
        await until('nothing is arriving', async () => (await service.studies()).every((study) => !study.arriving));
    } catch (error) {
        await stop();
        throw error;
    }
    const find = async (level, query) => (await orthanc.ask('/tools/find', { Level: level, Query: query }))[0];
    const remove = async (n) => orthanc.ask(`/studies/${await find('Study', { StudyInstanceUID: studyUid(n) })}`, undefined, 'DELETE');
    const rename = async (from, to) => orthanc.ask(`/patients/${await find('Patient', { PatientID: from })}/modify`,
        { Replace: { PatientID: to }, Keep: ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'], Force: true, KeepSource: false, Synchronous: true });
    const takeOut = async (n) => {
        const at = `/instances/${await find('Instance', { SOPInstanceUID: `${studyUid(n)}.1.2` })}`;
        const file = path.join(temporaryFolder(), `${n}-2.dcm`);
        fs.writeFileSync(file, Buffer.from(await (await orthanc.fetch(`${at}/file`)).arrayBuffer()));
        await orthanc.ask(at, undefined, 'DELETE');
        return () => storescu(orthanc.dicom, [file], { called: 'ORTHANC' });
    };
    return { orthanc, service, remove, rename, takeOut, stop };
}

/** A round of comparing now, and how it ended. */
export async function round(service, ask = () => service.must(['compare', 'orthanc', '--now'])) {
    const before = (await service.json('/api/admin/findings')).compares[0]?.began ?? '';
    await ask();
    return until('the round has ended', async () => {
        const [now] = (await service.json('/api/admin/findings')).compares;
        return now.ended && now.began > before ? now : null;
    }).catch((error) => { throw new Error(`${error.message}\n${service.log.slice(-3000)}`); });
}
