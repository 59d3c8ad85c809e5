// filled.mjs - servers that hold many studies. An index of ours is made once for a run, however many groups of rows ask it: a million studies take
// minutes. KH_FILLED names a folder, on the disk of TMPDIR, that keeps it for later runs, too. The peer takes over HTTP what it can in a minute; how many that were is told.
import fs from 'node:fs';
import path from 'node:path';
import { getJson, run, say } from './process.mjs';
import { benchProgram, Orthanc, Ours } from './servers.mjs';
import { smallStudy } from './small_study.mjs';

export const SMALL = 20000;
export const LARGE = 1000000;
export const PEER_SECONDS = 60;

const kept = new Map(); // number of studies: the data folder, while nobody serves it
const keepIn = (studies) => process.env.KH_FILLED && path.join(process.env.KH_FILLED, String(studies));

async function make(data, studies) {
    const before = kept.get(studies) ?? keepIn(studies);
    if (before && fs.existsSync(before)) {
        fs.renameSync(before, data);
        return;
    }
    say(`  an index of ${studies} studies`);
    say(`  made in ${(await run(benchProgram('bench_fill'), [data, String(studies)])).trim()} s`);
}

/** use(data) with the data folder of an index of so many studies, which nobody serves meanwhile. */
export async function withData(work, studies, use) {
    const data = path.join(work, `data-${studies}`);
    await make(data, studies);
    kept.delete(studies);
    try {
        return await use(data);
    } finally {
        if (keepIn(studies)) fs.renameSync(data, keepIn(studies));
        kept.set(studies, keepIn(studies) || data);
    }
}

/** use(ours) with so many studies in the index. */
export async function withIndex(work, studies, use) {
    const ours = await Ours.start(work, '', (data) => make(data, studies));
    try {
        return await use(ours);
    } finally {
        await ours.stop();
        kept.set(studies, keepIn(studies) || path.join(ours.dir, 'data'));
        if (keepIn(studies)) fs.renameSync(path.join(ours.dir, 'data'), keepIn(studies));
    }
}

/** `count` studies of ours, from the middle of the list: as /api/studies tells them. */
export async function someStudies(ours, studies, count) {
    return (await getJson(ours.http, `/api/studies?limit=${count}&offset=${Math.floor(studies / 3)}`)).studies;
}

/** use(orthanc, studies), with as many as it took. Patients are B0, B1, ..., named NAME0^GIVEN, ... */
export async function withFilledPeer(work, plugins, use) {
    const orthanc = await Orthanc.start(work, plugins);
    const end = Date.now() + PEER_SECONDS * 1000;
    let next = 0;
    const send = async () => {
        while (next < SMALL && Date.now() < end) {
            const number = next++;
            const answer = await fetch(`http://127.0.0.1:${orthanc.http}/instances`, { method: 'POST', body: smallStudy(number) });
            if (!answer.ok) throw new Error(`Orthanc: ${answer.status}`);
            await answer.arrayBuffer();
        }
    };
    try {
        await Promise.all([send(), send(), send(), send()]);
        return await use(orthanc, next);
    } finally {
        await orthanc.stop();
    }
}
