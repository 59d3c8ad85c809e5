// bridge_pull.mjs - a study pulled from DCMTK's dcmqrscp: by one C-MOVE, and by several at once, one for each series.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, run, say, start, waitForPort } from './process.mjs';
import { row } from './report.mjs';
import { kakehashi, Orthanc, Ours, warm } from './servers.mjs';
import { Discard, writeDurably } from './store.mjs';

export const pullIds = ['pull_dcmqrscp_1', 'pull_dcmqrscp_n'];

const SERIES = 4;
const PARALLEL = 4;
const UID_ROOT = '1.2.826.0.1.3680043.10.11';

/** The images as one study of a few series of the same length. */
export async function makeStudy(work, images) {
    const folder = path.join(work, 'pacs-images');
    fs.mkdirSync(folder);
    const files = images.slice(0, images.length - images.length % SERIES).map((file, index) => {
        const copy = path.join(folder, String(index).padStart(5, '0'));
        fs.copyFileSync(file, copy);
        return copy;
    });
    for (let series = 0; series < SERIES; series++)
        await run('dcmodify', ['-nb', '-m', `StudyInstanceUID=${UID_ROOT}`, '-m', `SeriesInstanceUID=${UID_ROOT}.${series + 1}`, '-m', 'PatientID=BENCH',
            ...files.filter((_, index) => index % SERIES === series)]);
    return files;
}

class Pacs {
    static async start(work, files, peers, env = {}) {
        const pacs = new Pacs();
        pacs.dir = fs.mkdtempSync(path.join(work, 'pacs-'));
        pacs.port = await freePort();
        fs.mkdirSync(path.join(pacs.dir, 'STORE'));
        files.forEach((file, index) => fs.linkSync(file, path.join(pacs.dir, 'STORE', String(index).padStart(6, '0'))));
        const names = files.map((_, index) => path.join('STORE', String(index).padStart(6, '0')));
        for (let i = 0; i < names.length; i += 200) await run('dcmqridx', ['STORE', ...names.slice(i, i + 200)], { cwd: pacs.dir });
        fs.writeFileSync(path.join(pacs.dir, 'dcmqrscp.cfg'), [`NetworkTCPPort = ${pacs.port}`, 'MaxPDUSize = 131072', 'MaxAssociations = 16',
            'HostTable BEGIN', ...peers.map((peer, index) => `peer${index} = (${peer.title}, 127.0.0.1, ${peer.dicom})`), 'HostTable END',
            'VendorTable BEGIN', 'VendorTable END', 'AETable BEGIN', 'PACS STORE R (500, 1024mb) ANY', 'AETable END', ''].join('\n'));
        pacs.child = start('dcmqrscp', ['-c', 'dcmqrscp.cfg'], { cwd: pacs.dir, detached: true, env: { ...process.env, ...env } });
        await waitForPort(pacs.port, pacs.child);
        return pacs;
    }
    async stop() {
        process.kill(-this.child.pid, 'SIGKILL'); // its children serve associations
        await this.child.ended;
    }
}

/* A server and a PACS that knows it; images per second of fetch(). */
async function timed(work, files, begin, fetchStudy) {
    const server = await begin();
    const pacs = await Pacs.start(work, files, [server]).catch(async (error) => { await server.stop(); throw error; });
    try {
        await fetchStudy.prepare(server, pacs);
        warm(files);
        const start_ns = process.hrtime.bigint();
        await fetchStudy.run(server);
        const seconds = Number(process.hrtime.bigint() - start_ns) / 1e9;
        const stored = await server.count();
        if (stored !== files.length) throw new Error(`${server.title}: ${stored} of ${files.length} images pulled`);
        return files.length / seconds;
    } finally {
        await pacs.stop();
        await server.stop();
    }
}

const byUs = {
    prepare: (ours, pacs) => run(kakehashi, ['node', 'add', 'PACS', '--ae-title', 'PACS', '--host', '127.0.0.1', '--port', String(pacs.port), '--facility', 'bench', '--config', ours.config]),
    run: (ours) => run(kakehashi, ['pull', 'PACS', '--study', UID_ROOT, '--wait', '--config', ours.config]),
};

async function post(orthanc, target, body, method = 'POST') {
    const answer = await fetch(`http://127.0.0.1:${orthanc.http}${target}`, { method, body: typeof body === 'string' ? body : JSON.stringify(body) });
    if (!answer.ok) throw new Error(`Orthanc ${target}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
    return answer.text();
}

const byPeer = {
    prepare: (orthanc, pacs) => post(orthanc, '/modalities/pacs', { AET: 'PACS', Host: '127.0.0.1', Port: pacs.port }, 'PUT'),
    // Its query by name would end at the images' character set; the move itself needs none.
    run: (orthanc) => post(orthanc, '/modalities/pacs/move', { Level: 'Study', Resources: [{ StudyInstanceUID: UID_ROOT }], TargetAet: 'ORTHANC', Timeout: 300 }),
};

/* What dcmqrscp sends by so many C-MOVEs at once to an SCP that throws it away. TCP_NODELAY: see Discard; ours needs it on neither side. */
async function thrownAway(work, files, moves) {
    const discard = await Discard.start();
    const pacs = await Pacs.start(work, files, [discard], { TCP_NODELAY: '1' }).catch(async (error) => { await discard.stop(); throw error; });
    const move = (...keys) => run('movescu', ['-S', '-aec', 'PACS', '-aem', discard.title, ...keys.flatMap((key) => ['-k', key]), '-k', `StudyInstanceUID=${UID_ROOT}`, '127.0.0.1', String(pacs.port)]);
    try {
        warm(files);
        const start_ns = process.hrtime.bigint();
        if (moves === 1) await move('QueryRetrieveLevel=STUDY');
        else await Promise.all(Array.from({ length: SERIES }, (_, series) => move('QueryRetrieveLevel=SERIES', `SeriesInstanceUID=${UID_ROOT}.${series + 1}`)));
        return files.length / (Number(process.hrtime.bigint() - start_ns) / 1e9);
    } finally {
        await pacs.stop();
        await discard.stop();
    }
}

/* The smaller of what the PACS can send and what the disk can take. */
async function machineLimit(work, files, moves) {
    const sent = await thrownAway(work, files, moves);
    const written = await writeDurably(work, moves, fs.statSync(files[0]).size);
    say(`  ${moves} at once, bytes thrown away ${sent.toFixed(0)}, disk alone ${written.toFixed(0)} images/s`);
    return Math.min(sent, written);
}

export async function benchPull(work, images, rounds, wanted) {
    const files = await makeStudy(work, images);
    const one = { ours: [], peer: [], limit: [] }, several = { ours: [], peer: one.peer, limit: [] };
    for (let round = 0; round < rounds; round++) {
        one.ours.push(await timed(work, files, () => Ours.start(work), byUs));
        if (wanted('pull_dcmqrscp_n')) several.ours.push(await timed(work, files, () => Ours.start(work, `[pull]\nseries_parallel = ${PARALLEL}\n`), byUs));
        one.limit.push(await machineLimit(work, files, 1));
        if (wanted('pull_dcmqrscp_n')) several.limit.push(await machineLimit(work, files, PARALLEL));
        one.peer.push(await timed(work, files, () => Orthanc.start(work), byPeer));
        say(`  round ${round + 1}: one C-MOVE ${one.ours.at(-1).toFixed(0)}, ${PARALLEL} at once ${several.ours.at(-1)?.toFixed(0) ?? '-'}, Orthanc ${one.peer.at(-1).toFixed(0)} images/s`);
    }
    const what = `a study of ${files.length} CT images in ${SERIES} series pulled from stock dcmqrscp, counts asked before and after`;
    return [row('pull_dcmqrscp_1', `${what}, in one C-MOVE; peer: Orthanc's retrieve of the study; limit: the smaller of dcmqrscp to DCMTK's storescp --ignore and a bare durable writer`, 'images/s', one, [{ of: 'value', min: 350 }]),
        row('pull_dcmqrscp_n', `${what}, by ${PARALLEL} C-MOVEs at once, one for each series; peer: as above, it does one at a time; limit: as above, with as many moves and writers`, 'images/s', several, [{ of: 'value', min: 450 }])]
        .filter((each) => wanted(each.id));
}
