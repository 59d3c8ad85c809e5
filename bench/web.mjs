// web.mjs - DICOMweb beside Orthanc's plugin and beside what the HTTP library allows. A row is an id, what is measured, its bars, and the function
// that measures one round of it: (context) => { ours, peer, limit }. Rows of other resources are added to the table.
import fs from 'node:fs';
import path from 'node:path';
import { load } from './load.mjs';
import { measureLongLine } from './long_line.mjs';
import { freePort, getJson, run, say, start, waitForPort } from './process.mjs';
import { row } from './report.mjs';
import { benchProgram, Orthanc, Ours, sendAll } from './servers.mjs';

const images_used = 200;
const seconds = 3;
const block = 256 * 1024; // of the library's callback
const plugin = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const native = 'multipart/related; type="application/octet-stream"';
const asStored = 'multipart/related; type="application/dicom"; transfer-syntax=*';

const rows = [
    {
        id: 'frames_raw_per_s', unit: 'frames/s', bars: [{ of: 'peer', min: 4 }],
        what: 'native 512 x 512 frames of 16 bits in multipart, 16 connections; peer: Orthanc DICOMweb frames',
        measure: async ({ work, ours, orthanc, instances }) => ({
            ours: (await load(work, ours.http, instances.map((one) => `/dicomweb${one}/frames/1`), 16, seconds, undefined, native)).rate,
            peer: (await load(work, orthanc.http, instances.map((one) => `/dicom-web${one}/frames/1`), 16, seconds, undefined, native)).rate,
        }),
    },
    {
        id: 'study_retrieve_mb_s', unit: 'MB/s', bars: [{ of: 'limit', min: 0.8 }],
        what: `a study of ${images_used} images of 525 KB as stored, over one connection of curl; peer: Orthanc DICOMweb; limit: libmicrohttpd alone, a callback that copies as many bytes from memory`,
        measure: async ({ ours, orthanc, bare, study }) => ({
            ours: await download(`http://127.0.0.1:${ours.http}/dicomweb${study}`, 8),
            peer: await download(`http://127.0.0.1:${orthanc.http}/dicom-web${study}`, 2),
            limit: await download(`http://127.0.0.1:${bare.port}/`, 8),
        }),
    },
    {
        id: 'tiles_40ms_line_ms', unit: 'ms', bars: [{ of: 'limit', max: 1 }],
        what: `160 tiles of a stack, in the cache, over a round trip of 40 ms: batches as the viewer asks for them; limit: one by one over HTTP/2, nginx in front, all asked for at once`,
        measure: measureLongLine,
    },
];

export const webIds = rows.map(({ id }) => id);

/** MB/s of so many downloads one after the other; their begins are counted too. */
async function download(url, times) {
    const begin = process.hrtime.bigint();
    const said = await run('curl', ['-sS', '-H', `Accept: ${asStored}`, '-w', '%{http_code} %{size_download}\n', ...Array(times).fill(['-o', '/dev/null', url]).flat()]);
    const took = Number(process.hrtime.bigint() - begin) / 1e9;
    const answers = said.trim().split('\n').map((line) => line.split(' ').map(Number));
    if (answers.length !== times || answers.some(([code]) => code !== 200)) throw new Error(`${url}: ${said}`);
    return answers.reduce((sum, [, bytes]) => sum + bytes, 0) / 1e6 / took;
}

async function addressesIn(orthanc) {
    const instances = [];
    for (const id of await getJson(orthanc.http, '/instances')) {
        const tags = await getJson(orthanc.http, `/instances/${id}/simplified-tags`);
        instances.push(`/studies/${tags.StudyInstanceUID}/series/${tags.SeriesInstanceUID}/instances/${tags.SOPInstanceUID}`);
    }
    return { instances, study: /^\/studies\/[^/]+/.exec(instances[0])[0] };
}

/** Those of the study that has most; a study is a folder. */
export function ofOneStudy(files) {
    const studies = {};
    for (const file of files) (studies[path.dirname(path.dirname(file))] ??= []).push(file);
    return Object.values(studies).reduce((most, some) => (some.length > most.length ? some : most));
}

async function startBare(bytes) {
    const port = await freePort();
    const child = start(benchProgram('bench_bare_http'), [String(port), '2', String(bytes), '1', String(block)]);
    await waitForPort(port, child);
    return { port, stop: async () => { child.stdin.end(); await child.ended; } };
}

export async function benchWeb(work, allImages, rounds, wanted) {
    const chosen = rows.filter(({ id }) => wanted(id));
    const found = Object.fromEntries(chosen.map(({ id }) => [id, { ours: [], peer: [], limit: [] }]));
    const images = ofOneStudy(allImages).slice(0, images_used);
    const folder = path.join(work, 'web');
    const [ours, orthanc] = [await Ours.start(work), await Orthanc.start(work, [plugin])];
    let bare;
    try {
        fs.mkdirSync(folder);
        images.forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
        for (const server of [ours, orthanc]) await sendAll(server, [folder], images.length);
        bare = await startBare(images.reduce((sum, file) => sum + fs.statSync(file).size, 0));
        const context = { work, ours, orthanc, bare, images, ...await addressesIn(orthanc) };
        for (let round = 0; round < rounds; round++) {
            for (const one of chosen) for (const [who, value] of Object.entries(await one.measure(context))) found[one.id][who].push(value);
            say(`  round ${round + 1}: ${chosen.map(({ id }) => `${id} ${found[id].ours.at(-1).toPrecision(4)}`).join(', ')}`);
        }
    } finally {
        await bare?.stop();
        for (const server of [ours, orthanc]) await server.stop();
    }
    return chosen.map(({ id, what, unit, bars }) => row(id, what, unit, found[id], bars));
}
