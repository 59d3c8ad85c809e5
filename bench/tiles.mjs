// tiles.mjs - rendered tiles: one core, all cores over HTTP, from the cache; memory.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, get, getJson, run, say, start, waitForPort } from './process.mjs';
import { row } from './report.mjs';
import { benchProgram, Orthanc, Ours, sendAll } from './servers.mjs';

const images_used = 200;
const seconds = 4;
const dicomweb = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';

/** Requests per second and latencies in ms. never: give every request a window of its own, so that no cache can answer. */
async function wrk(work, port, targets, connections, { never = false } = {}) {
    const script = path.join(work, 'targets.lua');
    const target = never ? `t[(i - 1) % #t + 1] .. "?q=80&c=" .. (i % 211 + offset) .. "&w=" .. (300 + i % 401)` : 't[(i - 1) % #t + 1]';
    fs.writeFileSync(script, `local t = {${targets.map((one) => JSON.stringify(one)).join(',')}}\nlocal i = 0\n`
        + 'local threads = 0\nlocal offset = 0\nfunction setup(thread) thread:set("id", threads); threads = threads + 1 end\n'
        + `function init() offset = id * 0.5 + ${(Math.random() * 0.4).toFixed(4)} end\n`
        + `request = function() i = i + 1; return wrk.format("GET", ${target}, {Accept = "image/jpeg"}) end\n`);
    const output = await run('wrk', ['--latency', `-t${Math.min(2, connections)}`, `-c${connections}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}/`]);
    if (/Non-2xx/.test(output)) throw new Error(`wrk: ${output}`);
    const milliseconds = (percent) => {
        const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output);
        return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit];
    };
    return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]), p50: milliseconds(50), p99: milliseconds(99) };
}

/** The addresses of every slice of the stacks, without their queries. */
async function ourTiles(ours) {
    const { studies } = await getJson(ours.http, '/api/studies?modality=CT');
    const targets = [];
    for (const study of studies) {
        for (const series of (await getJson(ours.http, `/api/studies/${study.id}`)).series_list) {
            if (series.frames < 20) continue;
            const stack = await getJson(ours.http, `/api/series/${series.id}/stack`);
            for (const slice of stack.slices) targets.push(`/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg`);
        }
    }
    return targets;
}

async function orthancTiles(orthanc) {
    const plain = [];
    const web = [];
    for (const id of await getJson(orthanc.http, '/instances')) {
        plain.push(`/instances/${id}/rendered`);
        if (web.length >= 60) continue;
        const tags = await getJson(orthanc.http, `/instances/${id}/simplified-tags`);
        web.push(`/dicom-web/studies/${tags.StudyInstanceUID}/series/${tags.SeriesInstanceUID}/instances/${tags.SOPInstanceUID}/rendered`);
    }
    return { plain, web };
}

/** Resident megabytes of every process of the service. */
function residentMb(ours) {
    const children = fs.readFileSync(`/proc/${ours.child.pid}/task/${ours.child.pid}/children`, 'utf8').trim().split(' ');
    return children.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024, 0);
}

class Bare {
    static async start(bodyBytes) {
        const bare = new Bare();
        bare.port = await freePort();
        bare.child = start(benchProgram('bench_bare_http'), [String(bare.port), '2', String(bodyBytes)]);
        await waitForPort(bare.port, bare.child);
        return bare;
    }
    async stop() { this.child.stdin.end(); await this.child.ended; }
}

async function meanBytes(ours, queried) {
    let bytes = 0;
    for (const target of queried) bytes += (await get(ours.http, target)).body.length;
    return Math.round(bytes / queried.length);
}

const empty = () => ({ ours: [], peer: [], limit: [] });

async function measureRound(context, found) {
    const { work, ours, orthanc, bare, targets, queried, peer } = context;
    const add = (id, values) => { for (const [who, value] of Object.entries(values)) found[id][who].push(value); };

    const lines = JSON.parse(await run(benchProgram('bench_render'), ['--json']));
    const value = (id) => lines.find((line) => line.id === id).value;
    const encode = value('encode');
    const one = await wrk(work, orthanc.http, peer.plain, 1);
    add('tile_uncached_core', { ours: value('tile'), limit: encode, peer: one.rate });

    add('tile_uncached_http_c16', {
        ours: (await wrk(work, ours.http, targets, 16, { never: true })).rate,
        peer: (await wrk(work, orthanc.http, peer.web, 16)).rate,
        limit: encode * os.cpus().length,
    });
    add('tile_uncached_p50_ms', { ours: (await wrk(work, ours.http, targets, 1, { never: true })).p50, peer: one.p50, limit: 1000 / encode });

    add('tile_cached_http', {
        ours: (await wrk(work, ours.http, queried, 16)).rate,
        peer: (await wrk(work, orthanc.http, peer.plain, 16)).rate,
        limit: (await wrk(work, bare.port, ['/'], 16)).rate,
    });
    const many = await wrk(work, ours.http, queried, 64);
    const manyBare = await wrk(work, bare.port, ['/'], 64);
    const manyPeer = await wrk(work, orthanc.http, peer.plain, 64);
    add('tile_cached_http_c64', { ours: many.rate, peer: manyPeer.rate, limit: manyBare.rate });
    add('tile_cached_p99_ms', { ours: many.p99, peer: manyPeer.p99, limit: manyBare.p99 });
}

const rows = [
    ['tile_uncached_core', 'tiles/s', 'a 512 x 512 CT tile, window and JPEG q80, on one core, through the library; peer: Orthanc /instances/{id}/rendered over one connection; limit: the JPEG encoder alone'],
    ['tile_uncached_http_c16', 'tiles/s', 'the same over HTTP, 16 connections, a new window every time; peer: Orthanc DICOMweb rendered; limit: the encoder alone on all cores, which the clients share here'],
    ['tile_uncached_p50_ms', 'ms', 'one uncached tile over HTTP, median; peer: Orthanc rendered; limit: the encoder alone'],
    ['tile_cached_http', 'tiles/s', 'cached tiles over HTTP, 16 connections; peer: Orthanc rendered; limit: libmicrohttpd alone with a body of the same size'],
    ['tile_cached_http_c64', 'tiles/s', 'the same with 64 connections'],
    ['tile_cached_p99_ms', 'ms', 'the same, 99th percentile'],
];

export const tileIds = [...rows.map(([id]) => id), 'rss_growth_mb'];

export async function benchTiles(work, images, rounds) {
    const found = Object.fromEntries(rows.map(([id]) => [id, empty()]));
    const growth = empty();
    const folder = path.join(work, 'tiles');
    fs.mkdirSync(folder);
    images.slice(0, images_used).forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
    const ours = await Ours.start(work);
    const orthanc = await Orthanc.start(work, [dicomweb]);
    try {
        for (const server of [ours, orthanc]) await sendAll(server, [folder], images_used);
        const targets = await ourTiles(ours);
        const queried = targets.map((target) => `${target}?c=40&w=400&q=80`);
        const bare = await Bare.start(await meanBytes(ours, queried));
        const context = { work, ours, orthanc, bare, targets, queried, peer: await orthancTiles(orthanc) };
        let residentBefore = 0;
        for (let round = 0; round < rounds; round++) {
            await measureRound(context, found);
            if (round === 0) residentBefore = residentMb(ours);
            say(`  round ${round + 1}: ${rows.map(([id]) => `${id} ${found[id].ours.at(-1).toPrecision(3)}`).join(', ')}`);
        }
        growth.ours.push(residentMb(ours) - residentBefore);
        await bare.stop();
    } finally {
        await ours.stop();
        await orthanc.stop();
    }
    return [...rows.map(([id, unit, what]) => row(id, what, unit, found[id])),
        ...(rounds > 1 ? [row('rss_growth_mb', 'resident memory of all roles, from the end of the first round to the last; no peer', 'MB', growth)] : [])];
}
