// What operators ask over HTTP, through the real service: a stock system up and down, a pull that failed for a system that was away,
// a pull that is given up, associations while they last, arrivals after a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, freePort, Pacs, phantomFiles, Service, start, listens, storescu, until } from '../lib/service.mjs';
import { Peer } from '../lib/upper_layer.mjs';

const scanner = ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'];
const node = (name, title, port) => [name, '--ae-title', title, '--host', '127.0.0.1', '--port', String(port), '--facility', 'hospital'];

async function change(service, target, headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }) {
    const answer = await service.request(`/api/admin/${target}`, { method: 'POST', headers, body: '{}' });
    return { code: answer.code, ...JSON.parse(answer.body) };
}

test('a stock storescp is asked while it is up and when it is down', async (t) => {
    const port = await freePort();
    const service = await Service.start({ nodes: [node('archive', 'STORESCP', port), scanner] });
    t.after(() => service.stop());
    const scp = start('storescp', ['--ignore', String(port)]);
    await until('storescp listens', () => listens(port));
    const up = await change(service, 'nodes/archive/echo');
    assert.equal(up.code, 200);
    assert.equal(up.answers, true, up.reason);
    assert.ok(up.took_us > 0);
    process.kill(scp.pid, 'SIGKILL');
    await scp.ended;
    const down = await change(service, 'nodes/archive/echo');
    assert.equal(down.code, 200);
    assert.equal(down.answers, false);
    assert.notEqual(down.reason, '');
    const noHost = await change(service, 'nodes/scanner/echo');
    assert.equal(noHost.answers, false);
    assert.match(noHost.reason, /no host/);
    assert.equal((await change(service, 'nodes/nobody/echo')).code, 404);
    assert.equal((await change(service, 'nodes/archive/echo', { origin: 'http://elsewhere.example', 'content-type': 'application/json' })).code, 403);
});

test('a pull that failed for a system that was away is tried again; another is given up', async (t) => {
    const files = phantomFiles(8);
    const [dicomPort, port] = [await freePort(), await freePort()];
    const study = Object.values(await attribute('0020,000d', files))[0];
    const away = ['away', '--ae-title', 'PACS', '--host', '127.0.0.1', '--port', String(port), '--facility', 'hospital'];
    const service = await Service.start({ dicomPort, settings: { pull: { attempts: 1 } }, nodes: [away] });
    t.after(() => service.stop());
    await service.must(['pull', 'away', '--study', study]);
    const failed = await until('it has failed', async () => (await service.json('/api/admin/failures')).pulls[0]);
    assert.equal(failed.study_uid, study);
    assert.notEqual(failed.reason, '');
    const pacs = await Pacs.start({ files, port, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    assert.equal((await change(service, `pulls/${failed.pull}/retry`)).code, 200);
    await until('it is complete', async () => (await service.json('/api/pulls')).pulls.find((one) => one.pull === failed.pull)?.state === 'complete');
    assert.deepEqual((await service.json('/api/admin/failures')).pulls, []);
    assert.equal((await change(service, `pulls/${failed.pull}/retry`)).code, 409, 'it is complete');
});

test('a pull that waits is cancelled', async (t) => {
    const away = node('away', 'PACS', await freePort());
    const service = await Service.start({ settings: { pull: { retry_first: '60 s', retry_longest: '60 s' } }, nodes: [away] });
    t.after(() => service.stop());
    await service.must(['pull', 'away', '--study', '1.2.3.4']);
    const open = await until('it waits for its second attempt', async () => (await service.json('/api/admin/queue')).pulls.find((one) => one.attempts > 0 && one.state === 'waiting'));
    assert.equal((await change(service, `pulls/${open.pull}/cancel`)).code, 200);
    await until('it is cancelled', async () => (await service.json('/api/pulls')).pulls.find((one) => one.pull === open.pull)?.state === 'cancelled');
    assert.deepEqual((await service.json('/api/admin/queue')).pulls, []);
});

test('associations are told while they last; arrivals are still counted after a restart', async (t) => {
    const files = phantomFiles(8);
    let service = await Service.start({ nodes: [scanner] });
    t.after(() => service.stop());
    const peer = await Peer.associate(service.dicomPort);
    assert.equal(await peer.echo(), 0);
    const [one] = await until('its echo is counted', async () => {
        const { associations } = await service.json('/api/admin/associations');
        return associations[0]?.echoes === 1 && associations;
    });
    assert.deepEqual([one.peer, one.address, one.calling, one.called, one.tls], ['scanner', '127.0.0.1', 'STORESCU', 'KAKEHASHI', false]);
    await peer.release();
    await until('it has gone', async () => (await service.json('/api/admin/associations')).active === 0);
    await storescu(service.dicomPort, files);
    await storescu(service.dicomPort, files); // what is known is no arrival
    const count = async () => (await service.json('/api/admin/arrivals')).arrivals.filter((row) => row.source === 'scanner').reduce((sum, row) => sum + row.objects, 0);
    assert.equal(await count(), files.length);
    const { pid } = service.role('bridge');
    process.kill(pid, 'SIGKILL');
    await until('another bridge', () => (service.role('bridge')?.pid ?? pid) !== pid);
    assert.equal(await count(), files.length);
});
