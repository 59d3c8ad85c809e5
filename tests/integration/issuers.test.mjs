// Who issued the patient IDs of what is stored: judged again after the setting has changed, beside the service and without one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { must, phantomFiles, Service, temporaryFolder, until } from '../lib/service.mjs';

const UID = '1.2.826.0.1.3680043.10.12';
const ISSUERS = { storage: { issuers: 'hospital: NORTH, 1.2.392.1' } };

async function makeFiles(issuers) {
    const folder = temporaryFolder();
    const files = [];
    for (const [n, issuer] of issuers.entries()) {
        const file = path.join(folder, `${n}.dcm`);
        fs.copyFileSync(phantomFiles(2)[0], file);
        await must('dcmodify', ['-nb', '-i', `(0020,000d)=${UID}.${n}`, '-i', `(0020,000e)=${UID}.${n}.1`, '-i', `(0008,0018)=${UID}.${n}.1.1`,
            '-i', '(0010,0020)=7', '-i', `(0010,0021)=${issuer}`, file]);
        files.push(file);
    }
    return files;
}

test('studies of another issuer leave the patient of that number, and come back when the setting is taken back', async (t) => {
    const service = await Service.start({ files: await makeFiles(['NORTH', 'CLINIC']), facility: 'hospital' });
    t.after(() => service.stop());
    const patients = async () => Object.fromEntries((await service.studies()).map((study) => [study.uid, study.patient.id]));
    const both = { [`${UID}.0`]: '7', [`${UID}.1`]: '7' };
    assert.deepEqual(await patients(), both);
    assert.match((await service.must(['issuers'])).out, /not judged again yet/);

    service.writeConfig(ISSUERS);
    const early = await service.command(['issuers', '--judge']);
    assert.equal(early.code, 1, early.output);
    assert.match(early.output, /start it anew first/);
    assert.deepEqual(await patients(), both);
    await service.stop();
    await service.launch();
    await until('it says that there is something to do', () => /issuers: what is stored was not judged .*: kakehashi issuers --judge/.test(service.log));
    const judged = await service.must(['issuers', '--judge']);
    assert.match(judged.out, /^ended .*\nstudies +2\napart +1 /m);
    assert.deepEqual(await patients(), { ...both, [`${UID}.1`]: '' });
    assert.match(service.log, /issuers: study \d+: its patient ID was given by an issuer/);
    assert.doesNotMatch(service.log, /CLINIC/, 'what an object tells of a patient is for the index');

    await service.kill();
    await service.launch();
    assert.deepEqual(await patients(), { ...both, [`${UID}.1`]: '' });
    await service.stop();
    service.writeConfig({});
    const back = await service.must(['issuers', '--judge']); // no service: the command acts itself
    assert.match(back.out, /^back +1 /m);
    await service.launch();
    assert.deepEqual(await patients(), both);
    const checked = await service.command(['check']);
    assert.equal(checked.code, 0, checked.output);
});
