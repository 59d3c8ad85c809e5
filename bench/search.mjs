// search.mjs - how long one search, or the metadata of one series, takes on an open connection: medians by the clock of a plain client, the slowest kind
// of search of each row.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { LARGE, PEER_SECONDS, SMALL, someStudies, withFilledPeer, withIndex } from './filled.mjs';
import { say } from './process.mjs';
import { row } from './report.mjs';
import { Orthanc, Ours, sendAll } from './servers.mjs';
import { smallImage } from './small_study.mjs';

export const searchIds = ['qido_limit50_20k_ms', 'qido_limit50_1m_ms', 'instances_500_ms', 'series_metadata_1000_ms'];

const STUDIES = 20;
const REPEAT = 101;
const PEER_REPEAT = 11;
const PEER_SEARCHES_S = 60; // the peer may be slow: no new request after that
const plugin = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const JSON_TYPE = 'application/dicom+json';

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function ask(agent, port, target) {
    const begin = process.hrtime.bigint();
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path: target, agent, headers: { Accept: JSON_TYPE } }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve({ ms: Number(process.hrtime.bigint() - begin) / 1e6, code: answer.statusCode, body: Buffer.concat(parts) }));
        }).on('error', reject);
    });
}

/** Milliseconds of each of `times` requests, targets in turn, on one connection; the first of each is not counted. count: results that each must give. */
async function latencies(port, targets, times, count = null, end = Infinity) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const found = [];
    try {
        for (let i = 0; i < times + targets.length && Date.now() < end; i++) {
            const answer = await ask(agent, port, targets[i % targets.length]);
            if (answer.code !== 200) throw new Error(`${targets[i % targets.length]}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
            if (count !== null && JSON.parse(answer.body).length !== count) throw new Error(`${targets[i % targets.length]}: not ${count} results`);
            if (i >= targets.length) found.push(answer.ms);
        }
    } finally {
        agent.destroy();
    }
    return found;
}

/* No key; names whole; names from the beginning on; patient IDs. */
const kindsOf = (base, ids, names) => ({
    'no key': [`${base}/studies?limit=50`],
    'whole name': names.map((name) => `${base}/studies?limit=50&PatientName=${encodeURIComponent(name)}`),
    'family name': [...new Set(names.map((name) => name.split('^')[0]))].map((name) => `${base}/studies?limit=50&PatientName=${encodeURIComponent(name)}*`),
    'patient ID': ids.map((id) => `${base}/studies?limit=50&PatientID=${id}`),
});

async function slowest(port, kinds, times, end = Infinity) {
    const medians = {};
    for (const [kind, targets] of Object.entries(kinds)) {
        const found = await latencies(port, targets, times, null, end);
        if (found.length > 0) medians[kind] = median(found);
    }
    say(`  ${Object.entries(medians).map(([kind, ms]) => `${kind} ${ms.toFixed(2)} ms`).join(', ')}`);
    return Math.max(...Object.values(medians));
}

function searchOurs(work, studies) {
    return withIndex(work, studies, async (ours) => {
        const list = await someStudies(ours, studies, STUDIES);
        const names = [...new Set(list.map((study) => study.patient.name.alphabetic || study.patient.name.ideographic))];
        return slowest(ours.http, kindsOf('/dicomweb', [...new Set(list.map((study) => study.patient.id))], names), REPEAT);
    });
}

function searchPeer(work) {
    return withFilledPeer(work, [plugin], async (orthanc, studies) => {
        const some = Array.from({ length: STUDIES }, (_, i) => Math.floor((i + 0.5) * studies / STUDIES));
        const kinds = kindsOf('/dicom-web', some.map((number) => `B${number}`), some.map((number) => `NAME${number}^GIVEN`));
        return { ms: await slowest(orthanc.http, kinds, PEER_REPEAT, Date.now() + PEER_SEARCHES_S * 1000), studies };
    });
}

/* A series of so many images at both; ours has prepared what they say. */
async function withSeries(work, count, use) {
    const folder = fs.mkdtempSync(path.join(work, 'series-'));
    for (let i = 1; i <= count; i++) fs.writeFileSync(path.join(folder, String(i)), smallImage(count, i));
    const [ours, orthanc] = [await Ours.start(work, '[storage]\nquiet = 1 s\n'), await Orthanc.start(work, [plugin])];
    try {
        for (const server of [ours, orthanc]) await sendAll(server, [folder], count);
        const prepared = path.join(ours.dir, 'data/metadata');
        for (let i = 0; i < 300 && !fs.readdirSync(prepared, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile()); i++) await sleep(100);
        const address = `/studies/1.2.826.0.1.3680043.10.10.7.${count}/series/1.2.826.0.1.3680043.10.10.7.${count}.1`;
        return await use(ours, orthanc, address);
    } finally {
        for (const server of [ours, orthanc]) await server.stop();
    }
}

const ofSeries = (work, count, resource) => withSeries(work, count, async (ours, orthanc, address) => ({
    ours: await latencies(ours.http, [`/dicomweb${address}/${resource}`], REPEAT, count),
    peer: await latencies(orthanc.http, [`/dicom-web${address}/${resource}`], PEER_REPEAT, count),
}));

export async function benchSearch(work, wanted) {
    const rows = [];
    const bar = (max) => [{ of: 'value', max }];
    if (wanted('qido_limit50_20k_ms')) {
        const peer = await searchPeer(work);
        rows.push(row('qido_limit50_20k_ms', `QIDO-RS studies with limit=50, the slowest of: no key, whole names, names from the beginning on, patient IDs; median, ${SMALL} studies; Orthanc with ${peer.studies}, as many as it took in ${PEER_SECONDS} s`,
            'ms', { ours: [await searchOurs(work, SMALL)], peer: [peer.ms] }, bar(2)));
    }
    if (wanted('qido_limit50_1m_ms'))
        rows.push(row('qido_limit50_1m_ms', `the same, ${LARGE} studies; Orthanc cannot be filled so far in bounded time`, 'ms', { ours: [await searchOurs(work, LARGE)] }, bar(5)));
    if (wanted('instances_500_ms'))
        rows.push(row('instances_500_ms', 'QIDO-RS instances of a series of 500, median; peer: Orthanc DICOMweb', 'ms', await ofSeries(work, 500, 'instances'), bar(5)));
    if (wanted('series_metadata_1000_ms'))
        rows.push(row('series_metadata_1000_ms', 'metadata of a series of 1,000 images of 60 attributes, not compressed, median; peer: Orthanc DICOMweb', 'ms', await ofSeries(work, 1000, 'metadata'), bar(30)));
    return rows;
}
