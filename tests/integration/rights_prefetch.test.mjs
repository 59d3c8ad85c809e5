// AZ-29, KN-6: when a consent opens, what it looks back on is fetched from the discloser (DCMTK's dcmqrscp) before anybody asks, and nothing else;
// a discloser that is away, and a kill of ours, lose nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { grey } from '../lib/objects.mjs';
import { freePort, must, Pacs, Service, temporaryFolder, until } from '../lib/service.mjs';

const today = new Date(Date.now() + 9 * 3600000).toISOString().slice(0, 10).replaceAll('-', '');
const root = `1.2.392.200036.9999.78.${process.pid}`;
const folder = temporaryFolder('kh-prefetch');

async function object(number, patient, date, modality) {
    const file = path.join(folder, `${number}.dcm`);
    fs.writeFileSync(`${file}.dump`, ['(0002,0010) UI =LittleEndianExplicit', '(0008,0016) UI =CTImageStorage', `(0008,0018) UI [${root}.9.${number}]`,
        `(0008,0020) DA [${date}]`, '(0008,0030) TM [090000]', `(0008,0060) CS [${modality}]`, `(0010,0010) PN [Test^${patient}]`, `(0010,0020) LO [${patient}]`,
        `(0020,000d) UI [${root}.${number}]`, `(0020,000e) UI [${root}.${number}.1]`, '(0020,0013) IS [1]', ...grey({ rows: 4, columns: 4 }),
        '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16', ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
    return file;
}

test('the look-back of a consent is fetched, over a discloser that is away and a kill', async (t) => {
    const files = [await object(1, 'P1', today, 'CT'), await object(2, 'P1', '20150101', 'CT'), await object(3, 'P1', today, 'US'), await object(4, 'P2', today, 'CT'), await object(5, 'P11', today, 'CT')];
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const node = [...pacs.node().slice(0, -1), 'north'];
    const on = await Service.start({ httpPort, dicomPort, nodes: [node], settings: { access: { accounts: 'on', factors: 'password' } } });
    t.after(() => on.stop());
    const data = path.join(on.dir, 'data');
    const records = async () => (await on.must(['audit', 'search', '--json'])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const fetched = async () => [...new Set((await records()).filter((one) => one.action === 'fetch' && one.way === 'pull' && one.result === 'done').map((one) => one.study))].sort();

    fill(data, 'facility north discloser', 'facility east viewer', 'patient north P1', 'patient east E1', 'consent north P1 east images 1 CT');
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    assert.deepEqual((await records()).filter((one) => one.action === 'fetch'), [], 'a place whose number has not arrived is not open');

    const { port } = pacs;
    process.kill(-pacs.child.pid, 'SIGKILL');
    await pacs.child.ended;
    fill(data, 'link north P1 east E1');
    await until('it was tried', async () => /what a consent opens at north is not known yet/.test(on.log));
    await on.kill();
    await on.launch();
    pacs.port = port;
    await pacs.launch();
    await until('the look-back is here', async () => (await fetched()).length > 0);
    assert.match((await on.must(['queue', 'list', '--all'])).out, new RegExp(`complete .* ${`${root}.1`.replaceAll('.', '\\.')} `));
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    assert.deepEqual(await fetched(), [`${root}.1`], 'neither before the floor, nor of another modality or patient');
    const asked = (await records()).filter((one) => one.way === 'C-FIND of ours');
    assert.ok(asked.length > 0 && asked.every((one) => one.who === 'consent' && one.patient === 'P1'));
});

test('an hour takes so many studies because of consents; the others wait and follow', async (t) => {
    const files = [await object(21, 'P7', today, 'CT'), await object(22, 'P7', today, 'CT'), await object(23, 'P8', today, 'CT')];
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const limited = (count) => ({ access: { accounts: 'on', factors: 'password', prefetch_per_hour: count } });
    const on = await Service.start({ httpPort, dicomPort, nodes: [[...pacs.node().slice(0, -1), 'north']], settings: limited(1) });
    t.after(() => on.stop());
    const pulls = async () => (await on.must(['queue', 'list', '--all'])).out.split('\n').filter((line) => line.includes(root)).length;

    fill(path.join(on.dir, 'data'), 'facility north discloser', 'facility east viewer', 'patient north P7', 'patient north P8', 'patient east E7', 'patient east E8',
        'link north P7 east E7', 'link north P8 east E8', 'consent north P7 east images 1 CT', 'consent north P8 east images 1 CT');
    await until('one is asked for', async () => (await pulls()) > 0);
    await new Promise((resolve) => { setTimeout(resolve, 2500); });
    assert.equal(await pulls(), 1);
    await on.stop();
    on.writeConfig(limited(3));
    await on.launch();
    await until('the others follow', async () => (await pulls()) === 3);
});
