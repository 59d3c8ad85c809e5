// orthanc.mjs - Orthanc as a hospital's PACS.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, start, temporaryFolder, until } from './service.mjs';

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
    const ask = async (url, body, method = body === undefined ? 'GET' : 'POST') => {
        const answer = await fetch(`http://127.0.0.1:${http}${url}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
        if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    };
    await until('Orthanc answers', async () => {
        if (child.exitCode !== null) throw new Error(`Orthanc ended:\n${child.output.slice(-2000)}`);
        return ask('/system').catch(() => null);
    });
    return { ask, dicom, child };
}
