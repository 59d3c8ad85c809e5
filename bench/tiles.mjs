// tiles.mjs - rendered tiles: one core, all cores over HTTP, from the cache.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { load, newWindow, slicesOf } from './load.mjs';
import { freePort, get, getJson, run, say, start, waitForPort } from './process.mjs';
import { median, row } from './report.mjs';
import { benchProgram, Orthanc, Ours, sendAll } from './servers.mjs';

const images_used = 200;
const seconds = 4;
const uncachedTurns = 3; // of a round: the encoder alone, then two seconds each of new tiles and of both of Orthanc's ways
const turns = 9; // of a round, of one second each: what is cached, and the library alone, by turns
const dicomweb = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const few_frames = '[render]\nframes = 16 MiB\n'; // 32 of the 200: by its next turn a frame is gone

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

class Bare {
    static async start(bodyBytes, bodies) {
        const bare = new Bare();
        bare.port = await freePort();
        bare.child = start(benchProgram('bench_bare_http'), [String(bare.port), '2', String(bodyBytes), String(bodies)]);
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

const rows = [
    ['tile_uncached_core', 'tiles/s', 'a 512 x 512 CT tile, a new window and JPEG q80, on one core, through the library; peer: Orthanc /instances/{id}/rendered over one connection; limit: the JPEG encoder alone on the same pictures', [{ of: 'limit', min: 0.85 }]],
    ['tile_uncached_http_c16', 'tiles/s', 'the same over HTTP, 16 connections, a new window every time; peer: Orthanc DICOMweb rendered; limit: the encoder alone on all cores at once, which the clients share here', [{ of: 'limit', min: 0.75 }, { of: 'peer', min: 4 }]],
    ['tile_uncached_http_c16_instances', 'tiles/s', 'the same; peer: Orthanc /instances/{id}/rendered, 16 connections', [{ of: 'peer', min: 3.5 }]],
    ['tile_uncached_p50_ms', 'ms', 'one uncached tile over HTTP, median, its file in the page cache and its frame not in ours; peer: Orthanc rendered; limit: bare read, plain windowing and bare encoder', [{ of: 'value', max: 1 }]],
    ['tile_cached_http', 'tiles/s', 'cached tiles over HTTP, 16 connections; peer: Orthanc rendered; limit: libmicrohttpd alone with as many bodies of the same size', [{ of: 'limit', min: 0.8 }]],
    ['tile_cached_http_c64', 'tiles/s', 'the same with 64 connections', [{ of: 'limit', min: 0.8 }]],
    ['tile_cached_p99_ms', 'ms', 'the same, 99th percentile', [{ of: 'limit', max: 1.5 }]],
];

export const tileIds = rows.map(([id]) => id);

/* At once, as the service's threads run: two cores are seldom twice as fast as one of them alone. */
async function encodeOnAllCores(images) {
    const lists = await Promise.all(os.cpus().map(() => run(benchProgram('bench_render'), ['--json', ...images])));
    return lists.map((list) => JSON.parse(list).find((line) => line.id === 'encode').value).reduce((sum, one) => sum + one, 0);
}

async function measureUncached(context, add) {
    const { work, ours, cold, orthanc, images, targets, peer } = context;
    const lines = JSON.parse(await run(benchProgram('bench_render'), ['--json', ...images]));
    const value = (id) => lines.find((line) => line.id === id).value;
    const encode = value('encode');
    const one = await load(work, orthanc.http, peer.plain, 1, seconds);
    const plain = [];

    add('tile_uncached_core', { ours: value('tile'), limit: encode, peer: one.rate });
    for (let turn = 0; turn < uncachedTurns; turn++) {
        const limit = await encodeOnAllCores(images);
        const { rate } = await load(work, ours.http, targets, 16, 2, newWindow);
        plain.push((await load(work, orthanc.http, peer.plain, 16, 2)).rate);
        add('tile_uncached_http_c16', { ours: rate, limit, peer: (await load(work, orthanc.http, peer.web, 16, 2)).rate });
        add('tile_uncached_http_c16_instances', { ours: rate, peer: plain.at(-1) });
    }
    add('tile_uncached_p50_ms', {
        ours: (await load(work, cold.http, context.coldTargets, 1, seconds, newWindow)).p50,
        peer: one.p50,
        limit: 1000 / value('read') + 1000 / value('window_bare') + 1000 / encode,
    });
    return median(plain);
}

/* By turns of a second, the first of which is now one's, now the other's: a machine that is slow for some seconds is slow for both. Both are
 * asked for the same addresses; the library alone does not read them. */
async function measureCached(context, add) {
    const { work, ours, bare, queried } = context;
    for (const [connections, rateId, p99Id] of [[16, 'tile_cached_http'], [64, 'tile_cached_http_c64', 'tile_cached_p99_ms']]) {
        for (let turn = 0; turn < turns; turn++) {
            const ports = { ours: ours.http, limit: bare.port };
            const found = {};
            for (const who of turn % 2 === 0 ? ['ours', 'limit'] : ['limit', 'ours']) found[who] = await load(work, ports[who], queried, connections, 1);
            add(rateId, { ours: found.ours.rate, limit: found.limit.rate });
            if (p99Id) add(p99Id, { ours: found.ours.p99, limit: found.limit.p99 });
        }
    }
}

async function measurePeerCached({ work, orthanc, peer }, add, peerRate) {
    const many = await load(work, orthanc.http, peer.plain, 64, seconds);
    add('tile_cached_http', { peer: peerRate });
    add('tile_cached_http_c64', { peer: many.rate });
    add('tile_cached_p99_ms', { peer: many.p99 });
}

async function fill(work, servers, images) {
    const folder = path.join(work, 'tiles');
    fs.mkdirSync(folder);
    images.forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
    for (const server of servers) await sendAll(server, [folder], images.length);
}

export async function benchTiles(work, allImages, rounds) {
    const found = Object.fromEntries(rows.map(([id]) => [id, { ours: [], peer: [], limit: [] }]));
    const add = (id, values) => { for (const [who, value] of Object.entries(values)) found[id][who].push(value); };
    const images = allImages.slice(0, images_used);
    const servers = [await Ours.start(work), await Ours.start(work, few_frames), await Orthanc.start(work, [dicomweb])];
    const [ours, cold, orthanc] = servers;
    try {
        await fill(work, servers, images);
        const targets = (await slicesOf(ours, 'CT')).flat();
        const coldTargets = (await slicesOf(cold, 'CT')).flat();
        const queried = targets.map((target) => `${target}/0/0/0.jpg?c=40&w=400&q=80`);
        const bare = await Bare.start(await meanBytes(ours, queried), queried.length);
        const context = { work, ours, cold, orthanc, bare, images, targets, coldTargets, queried, peer: await orthancTiles(orthanc) };
        for (let round = 0; round < rounds; round++) {
            const peerRate = await measureUncached(context, add);
            for (const target of queried) await get(ours.http, target); // the new windows may have driven them out
            await measureCached(context, add);
            await measurePeerCached(context, add, peerRate);
            say(`  round ${round + 1}: ${rows.map(([id]) => `${id} ${found[id].ours.at(-1).toPrecision(3)}`).join(', ')}`);
        }
        await bare.stop();
    } finally {
        for (const server of servers) await server.stop();
    }
    return rows.map(([id, unit, what, bars]) => row(id, what, unit, found[id], bars));
}
