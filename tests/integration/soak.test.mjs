// R14 and R17: readers, senders and event streams at once for a while; nothing fails, nothing grows. 15 s; KH_LONG=1: an hour.
// Caches are small, so that they are full long before the first measurement.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { phantomFiles, removeFolder, Service, sleep, storescu } from '../lib/service.mjs';

const seconds = process.env.KH_LONG ? 3600 : 15;
const readers = 12;
const settings = { render: { frames: '16 MiB', tiles: '16 MiB' }, dicom: { associations: 20 } };
const growthAllowedMb = process.env.KH_LONG ? 24 : 48; // resident, after the warm-up; the allocator's arenas move by some

/** What each role holds now, by name and process. */
function look(service) {
    const seen = {};
    for (const role of service.roles()) {
        const status = fs.readFileSync(`/proc/${role.pid}/status`, 'utf8');
        seen[`${role.name} ${role.pid}`] = {
            residentMb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024,
            threads: Number(/Threads:\s+(\d+)/.exec(status)[1]),
            descriptors: fs.readdirSync(`/proc/${role.pid}/fd`).length,
            mappings: fs.readFileSync(`/proc/${role.pid}/maps`, 'utf8').split('\n').length,
        };
    }
    return seen;
}

/** Wait until what the load opened is closed: associations, connections. */
async function settled(service) {
    let last = look(service);
    for (let i = 0; i < 40; i++) {
        await sleep(100);
        const now = look(service);
        if (Object.keys(now).every((key) => last[key]?.descriptors === now[key].descriptors)) return now;
        last = now;
    }
    return last;
}

async function load(service, targets, files, forSeconds, done) {
    const end = Date.now() + forSeconds * 1000;
    const agent = new http.Agent({ keepAlive: true, maxSockets: readers });
    const read = async (reader) => {
        for (let n = reader; Date.now() < end; n += readers) {
            const window = n % 3 === 0 ? `&c=${n % 400}&w=${100 + (n % 900)}` : '';
            const target = n % 50 === 0 ? '/api/studies' : `${targets[(n * 7) % targets.length].split('?')[0]}?q=80${window}`;
            const answer = await service.request(target, { agent });
            assert.equal(answer.code, 200, `${target}: ${answer.body.toString().slice(0, 200)}`);
            done.read++;
        }
    };
    const send = async () => {
        while (Date.now() < end) {
            const sent = await storescu(service.dicomPort, files);
            assert.equal(sent.code, 0, sent.output.slice(-1000));
            assert.equal(sent.acknowledged.length, files.length);
            done.sent += sent.acknowledged.length;
        }
    };
    const listen = async () => {
        while (Date.now() < end) {
            const events = service.events(0);
            await sleep(200);
            events.close();
            done.streams++;
        }
    };
    await Promise.all([...Array.from({ length: readers }, (_, reader) => read(reader)), send(), send(), listen()]);
    agent.destroy();
}

test(`readers, senders and event streams for ${seconds} s`, async (t) => {
    const files = phantomFiles(54);
    const service = await Service.start({ settings, nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']], files, facility: 'hospital' });
    const [study] = await service.studies();
    const targets = await service.tiles(study.id);
    const done = { read: 0, sent: 0, streams: 0 };

    await load(service, targets, files.slice(0, 20), seconds / 3, done);
    const before = await settled(service);
    await load(service, targets, files.slice(0, 20), (2 * seconds) / 3, done);
    const after = await settled(service);

    t.diagnostic(`${done.read} answers, ${done.sent} images sent again, ${done.streams} event streams`);
    assert.deepEqual(Object.keys(after).sort(), Object.keys(before).sort(), 'every role is still the same process');
    for (const [role, now] of Object.entries(after)) {
        const then = before[role];
        t.diagnostic(`${role}: ${then.residentMb.toFixed(0)} to ${now.residentMb.toFixed(0)} MB, ${now.descriptors} descriptors, ${now.threads} threads, ${now.mappings} mappings`);
        assert.ok(now.descriptors <= then.descriptors + 4, `${role}: ${then.descriptors} descriptors became ${now.descriptors}`);
        assert.ok(now.threads <= then.threads + 1, `${role}: ${then.threads} threads became ${now.threads}`);
        assert.ok(now.mappings <= then.mappings + 40, `${role}: ${then.mappings} mappings became ${now.mappings}`);
        if (!process.env.KH_SANITIZED) assert.ok(now.residentMb <= then.residentMb + growthAllowedMb, `${role}: ${then.residentMb} MB became ${now.residentMb}`);
    }
    assert.equal((await service.studies()).reduce((sum, one) => sum + one.objects, 0), files.length, 'sending again added nothing');
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
    await service.stop();
    removeFolder(service.dir);
});
