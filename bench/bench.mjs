// bench.mjs - measures Kakehashi beside Orthanc and beside what the machine itself allows, in one run.
//
//   node bench/bench.mjs [NAME...] [--json FILE] [--markdown FILE] [--rounds N]
//
// NAME: bridge (the ids of store.mjs, bridge_pull.mjs and bridge_find.mjs), store (only those of store.mjs), render (the ids of tiles.mjs, decode.mjs and memory.mjs), web (those of web.mjs and search.mjs), access (those of access.mjs), reader (those of reader.mjs; needs root), or an id; none: all.
// Ours and the peer's rounds alternate, medians are shown: a shared machine is noisy, ratios are what counts.
// Needs KH_BIN_DIR (default build/release): the kakehashi program and the bench programs; and in TMPDIR some 3 GB a round.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { accessIds, benchAccess } from './access.mjs';
import { benchFind, findIds } from './bridge_find.mjs';
import { benchPull, pullIds } from './bridge_pull.mjs';
import { benchDecode, decodeIds } from './decode.mjs';
import { benchMemory, memoryIds } from './memory.mjs';
import { canMakeLines } from './line.mjs';
import { killAll, run, say } from './process.mjs';
import { benchReader, readerIds } from './reader.mjs';
import { machine, table, writePage } from './report.mjs';
import { kakehashi } from './servers.mjs';
import { benchSearch, searchIds } from './search.mjs';
import { benchStore } from './store.mjs';
import { benchTiles, tileIds } from './tiles.mjs';
import { benchWeb, ofOneStudy, webIds } from './web.mjs';

const storeIds = ['store_stock_1', 'store_stock_4'];
const groups = { bridge: [...storeIds, ...pullIds, ...findIds], store: storeIds, render: [...tileIds, ...decodeIds, ...memoryIds], web: [...webIds, ...searchIds], access: accessIds, reader: readerIds };

function parseArguments(argv) {
    const options = { names: [], json: null, markdown: null, rounds: 3 };
    for (let i = 0; i < argv.length; i++) {
        if (argv[i] === '--json') options.json = argv[++i];
        else if (argv[i] === '--markdown') options.markdown = argv[++i];
        else if (argv[i] === '--rounds') options.rounds = Number(argv[++i]);
        else if (groups[argv[i]]) options.names.push(...groups[argv[i]]);
        else if (Object.values(groups).flat().includes(argv[i])) options.names.push(argv[i]);
        else throw new Error(`"${argv[i]}" is not understood; names are ${Object.keys(groups).join(', ')}, ${Object.values(groups).flat().join(', ')}`);
    }
    if (!(options.rounds >= 1 && options.rounds <= 20)) throw new Error('--rounds: 1 to 20');
    return options;
}

/** 512 x 512 CT images of 16 bits, made by our own program. */
async function makeImages(work) {
    say('making 512 x 512 CT images');
    await run(kakehashi, ['phantom', path.join(work, 'phantom')]);
    return fs.readdirSync(path.join(work, 'phantom'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.path ?? entry.parentPath, entry.name))
        .filter((file) => fs.statSync(file).size > 520000 && fs.statSync(file).size < 540000)
        .sort();
}

async function measure(options, work) {
    const wanted = (id) => options.names.length === 0 || options.names.includes(id);
    const rows = [];
    const images = Object.values(groups).flat().some((id) => wanted(id) && !readerIds.includes(id)) ? await makeImages(work) : [];
    for (const senders of [1, 4]) {
        if (!wanted(`store_stock_${senders}`)) continue;
        say(`store_stock_${senders}`);
        rows.push(await benchStore(work, images, options.rounds, senders));
    }
    if (pullIds.some(wanted)) {
        say('pulls');
        rows.push(...await benchPull(work, images, options.rounds, wanted));
    }
    if (findIds.some(wanted)) {
        say('queries');
        rows.push(...await benchFind(work, wanted));
    }
    for (const [name, ids, measureThem] of [['tiles', tileIds, benchTiles], ['compressed images', decodeIds, benchDecode], ['memory', memoryIds, benchMemory]]) {
        if (!ids.some(wanted)) continue;
        say(name);
        rows.push(...(await measureThem(work, images, options.rounds)).filter((one) => wanted(one.id)));
    }
    if (webIds.some(wanted)) {
        say('DICOMweb');
        rows.push(...await benchWeb(work, images, options.rounds, wanted));
    }
    if (accessIds.some(wanted)) {
        say('decisions');
        rows.push(...await benchAccess(work, ofOneStudy(images).slice(0, 200), options.rounds, wanted));
    }
    if (searchIds.some(wanted)) {
        say('searches');
        rows.push(...await benchSearch(work, wanted));
    }
    if (options.names.length === 0 && !canMakeLines()) {
        say('reader: not measured: its network namespaces need root');
    } else if (readerIds.some(wanted)) {
        say('reader');
        rows.push(...await benchReader(work, options.rounds, wanted));
    }
    return rows;
}

let work;

function cleanUp() {
    killAll();
    if (work) fs.rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { cleanUp(); process.exit(130); });

try {
    const options = parseArguments(process.argv.slice(2));
    work = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'kh-bench-'));
    const rows = await measure(options, work);
    const report = `${machine().join('\n')}\n\n${table(rows)}\n`;
    process.stdout.write(report);
    if (options.json) fs.writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
    if (options.markdown) writePage(options.markdown, rows, report);
} catch (error) {
    say(`bench: ${error.message}`);
    process.exitCode = 1;
} finally {
    cleanUp();
}
