// store.mjs - C-STORE from stock senders.
import fs from 'node:fs';
import path from 'node:path';
import { run, say } from './process.mjs';
import { row } from './report.mjs';
import { benchProgram, Orthanc, Ours, sendAll } from './servers.mjs';

export async function benchStore(work, images, rounds, senders) {
    const folders = [];
    for (let i = 0; i < senders; i++) {
        const folder = path.join(work, `send-${senders}-${i}`);
        fs.mkdirSync(folder);
        images.filter((_, index) => index % senders === i).forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
        folders.push(folder);
    }
    const results = { ours: [], peer: [], limit: [] };
    for (let round = 0; round < rounds; round++) {
        for (const [kind, Server] of [['ours', Ours], ['peer', Orthanc]]) {
            const server = await Server.start(work);
            try {
                results[kind].push(await sendAll(server, folders, images.length));
            } finally {
                await server.stop();
            }
        }
        const disk = fs.mkdtempSync(path.join(work, 'disk-'));
        results.limit.push(Number(await run(benchProgram('bench_disk'), [disk, '300', String(fs.statSync(images[0]).size)])));
        fs.rmSync(disk, { recursive: true });
        say(`  round ${round + 1}: ours ${results.ours.at(-1).toFixed(0)}, Orthanc ${results.peer.at(-1).toFixed(0)}, disk alone ${results.limit.at(-1).toFixed(0)} images/s`);
    }
    return row(`store_stock_${senders}`, `C-STORE from stock storescu, ${senders} association${senders > 1 ? 's' : ''}, durable; limit: a bare durable writer`,
        'images/s', results);
}
