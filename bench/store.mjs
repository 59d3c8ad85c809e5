// store.mjs - C-STORE from stock senders, between two limits of the machine: an SCP that throws the bytes away, a writer without a network.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, run, say, start, stop, waitForPort } from './process.mjs';
import { row } from './report.mjs';
import { benchProgram, Orthanc, Ours, sendAll, warm } from './servers.mjs';

const DISK_COUNT = 300;

/* DCMTK's storescp, which answers success and keeps nothing. TCP_NODELAY: without it each image waits 40 ms for an acknowledgement. */
export class Discard {
    static async start() {
        const discard = new Discard();
        discard.dicom = await freePort();
        discard.title = 'DISCARD';
        discard.child = start('storescp', ['--ignore', '--fork', '-pdu', '131072', String(discard.dicom)],
            { env: { ...process.env, TCP_NODELAY: '1' } });
        await waitForPort(discard.dicom, discard.child);
        return discard;
    }
    async stop() { await stop(this.child); }
}

export async function writeDurably(work, writers, bytes) {
    const folders = Array.from({ length: writers }, () => fs.mkdtempSync(path.join(work, 'disk-')));
    const rates = await Promise.all(folders.map((disk) => run(benchProgram('bench_disk'), [disk, String(Math.round(DISK_COUNT / writers)), String(bytes)])));
    return rates.reduce((sum, rate) => sum + Number(rate), 0);
}

function spread(work, images, senders) {
    const folders = [];
    for (let i = 0; i < senders; i++) {
        const folder = path.join(work, `send-${senders}-${i}`);
        fs.mkdirSync(folder);
        images.filter((_, index) => index % senders === i).forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
        folders.push(folder);
    }
    return folders;
}

async function sendTo(Server, work, folders, images) {
    const server = await Server.start(work);
    try {
        warm(images);
        return await sendAll(server, folders, images.length);
    } finally {
        await server.stop();
    }
}

/* What is asked of one association and of four. */
const asked = { 1: { limit: 0.7, value: 350, peer: 12 }, 4: { limit: 0.7, value: 650, peer: 8 } };

export async function benchStore(work, images, rounds, senders) {
    const folders = spread(work, images, senders);
    const results = { ours: [], peer: [], limit: [] };
    for (let round = 0; round < rounds; round++) {
        results.ours.push(await sendTo(Ours, work, folders, images));
        results.peer.push(await sendTo(Orthanc, work, folders, images));
        const discard = await sendTo(Discard, work, folders, images);
        const disk = await writeDurably(work, senders, fs.statSync(images[0]).size);
        results.limit.push(Math.min(discard, disk));
        say(`  round ${round + 1}: ours ${results.ours.at(-1).toFixed(0)}, Orthanc ${results.peer.at(-1).toFixed(0)}, bytes thrown away ${discard.toFixed(0)}, disk alone ${disk.toFixed(0)} images/s`);
    }
    return row(`store_stock_${senders}`, `C-STORE from stock storescu, ${senders} association${senders > 1 ? 's' : ''}, durable; limit: the smaller of DCMTK's storescp --ignore and ${senders > 1 ? `${senders} bare durable writers` : 'a bare durable writer'}`,
        'images/s', results, Object.entries(asked[senders]).map(([of, min]) => ({ of, min })));
}
