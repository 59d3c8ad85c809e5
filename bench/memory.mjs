// memory.mjs - what each role holds after 100,000 tiles of all kinds, with caches small enough to be full long before.
import fs from 'node:fs';
import { say } from './process.mjs';
import { anything, load, slicesOf } from './load.mjs';
import { row } from './report.mjs';
import { makeSeries } from './samples.mjs';
import { Ours } from './servers.mjs';

const tiles_asked = 100000;
const tiles_first = 30000; // by then the caches are full
const minutes_max = 4;
const spare_mb = 40;
const cache_mb = 64;
const stacks_mb = 64; // series descriptions kept in memory: not configurable
const settings = `[render]\nframes = ${cache_mb} MiB\ntiles = ${cache_mb} MiB\nmanifests = 1 MiB\n`;

/** Configured caches of each role, in MB. */
const caches = { web: 2 * cache_mb + 1 + stacks_mb, bridge: 0, decode: 0 };

export const memoryIds = ['rss_growth_mb', ...Object.keys(caches).map((role) => `memory_${role}_mb`)];

/** Anonymous and shared resident memory of each role in MB; of several processes of one role the largest. */
function memoryOf(ours) {
    const found = {};
    for (const pid of fs.readFileSync(`/proc/${ours.child.pid}/task/${ours.child.pid}/children`, 'utf8').trim().split(' ')) {
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
        const kilobytes = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)[1]);
        const role = /Name:\s+kh-(\w+)/.exec(status)[1];
        found[role] = Math.max(found[role] ?? 0, (kilobytes('RssAnon') + kilobytes('RssShmem')) / 1024);
    }
    return found;
}

/** Ask until so many tiles have come, or for some minutes; { count, samples }, memory of the roles every few seconds once the caches are full. */
async function ask(work, ours, targets) {
    const deadline = Date.now() + minutes_max * 60000;
    const samples = [];
    let count = 0;
    while ((count < tiles_asked && Date.now() < deadline) || samples.length < 2) {
        count += (await load(work, ours.http, targets, 16, 3, anything)).count;
        if (count >= tiles_first || Date.now() >= deadline) samples.push(memoryOf(ours));
    }
    return { count, samples };
}

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** What lies in the caches changes by some MB all the time: growth is from the median of the earlier half to that of the later. */
function growthOf(samples) {
    const totals = samples.map((sample) => Object.keys(caches).reduce((sum, role) => sum + sample[role], 0));
    const half = Math.floor(totals.length / 2);
    return middle(totals.slice(half)) - middle(totals.slice(0, half));
}

export async function benchMemory(work, images) {
    const ours = await Ours.start(work, settings);
    try {
        await ours.takeIn([...images, ...await makeSeries(work, 'xa', 1)]);
        const plain = (await slicesOf(ours, 'CT')).flat();
        const [compressed] = await slicesOf(ours, 'XA');
        const targets = [...plain, ...compressed.filter((_, index) => index % 8 === 0)];
        const { count, samples } = await ask(work, ours, targets);
        const most = (role) => Math.max(...samples.map((sample) => sample[role]));
        say(`  ${count} tiles: ${Object.keys(caches).map((role) => `${role} ${samples.map((sample) => sample[role].toFixed(0)).join(' ')} MB`).join(', ')}`);
        return [row('rss_growth_mb', `anonymous and shared memory of all roles while ${count} random tiles are asked for, from the earlier half of the time with full caches to the later`, 'MB',
            { ours: [growthOf(samples)] }, [{ of: 'value', max: 5 }]),
        ...Object.entries(caches).map(([role, own]) => row(`memory_${role}_mb`, `the most of it that the ${role} role held; limit: its configured caches and ${spare_mb} MB`,
            'MB', { ours: [most(role)], limit: [own + spare_mb] }, [{ of: 'limit', max: 1 }]))];
    } finally {
        await ours.stop();
    }
}
