// scroll.mjs - a reader scrolls through a JPEG 2000 series: how many requests find their frame decoded, and how long they wait, with and
// without decoding ahead.
//
//   node bench/scroll.mjs [SLICES_PER_SECOND]
//
// Needs KH_BIN_DIR (default build/release), GDCM's gdcmconv and DCMTK's dcmodify.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { get, getJson, killAll, run, say } from './process.mjs';
import { kakehashi, Ours } from './servers.mjs';

const SLICES = 60;
const perSecond = Number(process.argv[2] ?? 12);
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A CT of SLICES slices of 512 x 512 x 16 in JPEG 2000. */
async function makeStack(work) {
    const phantom = path.join(work, 'phantom');
    await run(kakehashi, ['phantom', '--ct-slices', String(SLICES), '--earlier-slices', '0', '--mr-slices', '0', phantom]);
    const folders = fs.readdirSync(phantom, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const count = (folder) => folders.filter((entry) => (entry.path ?? entry.parentPath) === folder).length;
    const files = folders.filter((entry) => count(entry.path ?? entry.parentPath) === SLICES).map((entry) => path.join(entry.path ?? entry.parentPath, entry.name));
    for (const file of files) {
        await run('gdcmconv', ['--j2k', file, `${file}.j2k`]);
        fs.renameSync(`${file}.j2k`, file);
    }
    return files;
}

async function slicesOf(ours) {
    const { studies: [study] } = await getJson(ours.http, '/api/studies');
    const { series_list: [series] } = await getJson(ours.http, `/api/studies/${study.id}`);
    const stack = await getJson(ours.http, `/api/series/${series.id}/stack`);
    return stack.slices.map((slice) => `/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg`);
}

async function metric(ours, name) {
    const { body } = await get(ours.http, '/metrics');
    return Number(new RegExp(`^kakehashi_${name} (\\S+)$`, 'm').exec(body.toString())[1]);
}

const ways = {
    'from the first slice to the last': (count) => Array.from({ length: count }, (_, i) => i),
    'from the middle back to the first': (count) => Array.from({ length: count / 2 }, (_, i) => count / 2 - i),
    'turning every ten slices': (count) => Array.from({ length: count }, (_, i) => 20 + (Math.floor(i / 10) % 2 ? 10 - (i % 10) : i % 10)),
    'jumping by twenty every ten slices': (count) => Array.from({ length: count / 2 }, (_, i) => ((Math.floor(i / 10) * 20) % (count - 10)) + (i % 10)),
};

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1);

/** Each request leaves on time, whether or not the one before has been answered. */
async function scroll(work, files, name, ahead) {
    const ours = await Ours.start(work, `[render]\nahead = ${ahead}\n`);
    try {
        await ours.takeIn(files);
        const slices = await slicesOf(ours);
        const order = ways[name](slices.length);
        const begin = performance.now();
        const waits = await Promise.all(order.map(async (slice, i) => {
            await sleep(Math.max(0, begin + (i * 1000) / perSecond - performance.now()));
            const asked = performance.now();
            await get(ours.http, slices[slice], { 'X-Kakehashi-Reader': 'bench' });
            return performance.now() - asked;
        }));
        const sorted = [...waits].sort((a, b) => a - b);
        const distinct = new Set(order).size;
        const used = await metric(ours, 'ahead_used_total');
        say(`${name}, ahead ${ahead}: ${((100 * used) / distinct).toFixed(0)} % of ${distinct} frames found decoded, wait p50 ${at(sorted, 0.5)} ms, `
            + `p95 ${at(sorted, 0.95)} ms, most ${at(sorted, 1)} ms; decoded ahead ${await metric(ours, 'ahead_decoded_total')}`);
    } finally {
        await ours.stop();
    }
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'kh-scroll-'));
try {
    const files = await makeStack(work);
    for (const name of Object.keys(ways)) for (const ahead of ['0 B', '64 MiB']) await scroll(work, files, name, ahead);
} finally {
    killAll();
    fs.rmSync(work, { recursive: true });
}
