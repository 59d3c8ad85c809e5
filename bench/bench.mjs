// bench.mjs - measures Kakehashi beside Orthanc and beside what the machine itself allows, in one run.
//
//   node bench/bench.mjs [NAME...] [--json FILE] [--markdown FILE] [--rounds N]
//
// NAME: store (store_stock_1, store_stock_4), tile (tile_uncached_core, tile_cached_http); none: all of them.
// Ours and the peer's rounds alternate, medians are shown: a shared machine is noisy, ratios are what counts.
// Needs KH_BIN_DIR (default build/release): the kakehashi program and the bench programs.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const binDir = path.resolve(process.env.KH_BIN_DIR ?? path.join(root, 'build/release'));
const kakehashi = path.join(binDir, 'app/kakehashi');
const benchProgram = (name) => path.join(binDir, 'bench', name);

function parseArguments(argv) {
    const options = { names: [], json: null, markdown: null, rounds: 3 };
    for (let i = 0; i < argv.length; i++) {
        if (argv[i] === '--json') options.json = argv[++i];
        else if (argv[i] === '--markdown') options.markdown = argv[++i];
        else if (argv[i] === '--rounds') options.rounds = Number(argv[++i]);
        else if (argv[i].startsWith('-')) throw new Error(`unknown option ${argv[i]}`);
        else options.names.push(argv[i]);
    }
    return options;
}

const say = (text) => process.stderr.write(`${text}\n`);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const children = new Set();

function start(command, args, options = {}) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    children.add(child);
    child.output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { child.output = (child.output + data).slice(-20000); });
    child.ended = new Promise((resolve) => child.on('close', (code) => { children.delete(child); resolve(code); }));
    return child;
}

async function stop(child) {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 15000);
    await child.ended;
    clearTimeout(late);
}

async function run(command, args) {
    const child = start(command, args);
    const code = await child.ended;
    if (code !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${code}:\n${child.output.slice(-2000)}`);
    return child.output;
}

function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.on('error', reject);
        server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
    });
}

async function waitForPort(port, child, seconds = 30) {
    for (let i = 0; i < seconds * 20; i++) {
        if (child.exitCode !== null) throw new Error(`the server ended early:\n${child.output.slice(-2000)}`);
        const open = await new Promise((resolve) => {
            const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
            socket.on('error', () => resolve(false));
        });
        if (open) return;
        await sleep(50);
    }
    throw new Error(`nothing listens on port ${port}`);
}

function get(port, target, headers = {}) {
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path: target, headers }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
        }).on('error', reject);
    });
}

async function getJson(port, target) {
    const answer = await get(port, target);
    if (answer.code !== 200) throw new Error(`GET ${target}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
    return JSON.parse(answer.body);
}

// The two servers, each in a folder of its own that is removed at the end.

class Ours {
    static async start(dir) {
        const ours = new Ours();
        ours.dir = fs.mkdtempSync(path.join(dir, 'kakehashi-'));
        ours.http = await freePort();
        ours.dicom = await freePort();
        const config = path.join(ours.dir, 'bench.conf');
        fs.writeFileSync(config, `[service]\ndata_dir = ${ours.dir}/data\n[http]\nport = ${ours.http}\n[dicom]\nport = ${ours.dicom}\n`);
        await run(kakehashi, ['node', 'add', 'sender', '--ae-title', 'STORESCU', '--facility', 'bench', '--may-store', '--config', config]);
        ours.child = start(kakehashi, ['serve', '--config', config]);
        await waitForPort(ours.http, ours.child);
        await waitForPort(ours.dicom, ours.child);
        ours.title = 'KAKEHASHI';
        return ours;
    }
    async count() {
        const list = await getJson(this.http, '/api/studies?limit=200');
        return list.studies.reduce((sum, study) => sum + study.objects, 0);
    }
    async stop() { await stop(this.child); fs.rmSync(this.dir, { recursive: true }); }
}

class Orthanc {
    static async start(dir) {
        const orthanc = new Orthanc();
        orthanc.dir = fs.mkdtempSync(path.join(dir, 'orthanc-'));
        orthanc.http = await freePort();
        orthanc.dicom = await freePort();
        const config = path.join(orthanc.dir, 'orthanc.json');
        fs.writeFileSync(config, JSON.stringify({
            Name: 'bench', StorageDirectory: `${orthanc.dir}/data`, IndexDirectory: `${orthanc.dir}/data`, HttpPort: orthanc.http,
            DicomPort: orthanc.dicom, RemoteAccessAllowed: false, AuthenticationEnabled: false, DicomAlwaysAllowStore: true,
            DicomCheckCalledAet: false, DicomThreadsCount: 8, HttpThreadsCount: 32, Plugins: [],
        }));
        orthanc.child = start('Orthanc', [config]);
        await waitForPort(orthanc.http, orthanc.child);
        await waitForPort(orthanc.dicom, orthanc.child);
        orthanc.title = 'ORTHANC';
        return orthanc;
    }
    async count() { return (await getJson(this.http, '/statistics')).CountInstances; }
    async stop() { await stop(this.child); fs.rmSync(this.dir, { recursive: true }); }
}

/* Send each folder by one stock storescu, all at once; images per second from first start to last end. */
async function sendAll(server, folders, imageCount) {
    const begin = process.hrtime.bigint();
    await Promise.all(folders.map((folder) => run('storescu', ['-aec', server.title, '+sd', '+r', '127.0.0.1', String(server.dicom), folder])));
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    const stored = await server.count();
    if (stored !== imageCount) throw new Error(`${server.title}: ${stored} of ${imageCount} images stored`);
    return imageCount / seconds;
}

async function benchStore(work, images, rounds, senders) {
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

async function wrk(port, targets, connections, seconds, work) {
    const script = path.join(work, 'targets.lua');
    fs.writeFileSync(script, `local t = {${targets.map((t) => JSON.stringify(t)).join(',')}}\nlocal i = 0\n`
        + 'request = function() i = i + 1; return wrk.format("GET", t[(i - 1) % #t + 1], {Accept = "image/jpeg"}) end\n');
    const output = await run('wrk', [`-t${Math.min(2, connections)}`, `-c${connections}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}/`]);
    if (/Non-2xx/.test(output)) throw new Error(`wrk: ${output}`);
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]);
}

async function ourTiles(ours) {
    const { studies } = await getJson(ours.http, '/api/studies?modality=CT');
    const targets = [];
    for (const study of studies) {
        for (const series of (await getJson(ours.http, `/api/studies/${study.id}`)).series_list) {
            if (series.frames < 100) continue;
            const stack = await getJson(ours.http, `/api/series/${series.id}/stack`);
            for (const slice of stack.slices) targets.push(`/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg?c=40&w=400&q=80`);
        }
    }
    return targets;
}

async function benchTiles(work, images, rounds) {
    const cached = { ours: [], peer: [], limit: [] };
    const core = { ours: [], peer: [], limit: [] };
    const ours = await Ours.start(work);
    const orthanc = await Orthanc.start(work);
    const folder = path.join(work, 'tiles');
    fs.mkdirSync(folder);
    images.slice(0, 200).forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
    try {
        for (const server of [ours, orthanc]) await sendAll(server, [folder], 200);
        const targets = await ourTiles(ours);
        const instances = (await getJson(orthanc.http, '/instances')).map((id) => `/instances/${id}/rendered`);
        let bytes = 0;
        for (const target of targets) bytes += (await get(ours.http, target)).body.length;
        const mean = Math.round(bytes / targets.length);
        const bare = await freePort();
        const bareServer = start(benchProgram('bench_bare_http'), [String(bare), '2', String(mean)]);
        await waitForPort(bare, bareServer);
        for (let round = 0; round < rounds; round++) {
            cached.ours.push(await wrk(ours.http, targets, 16, 4, work));
            cached.peer.push(await wrk(orthanc.http, instances, 16, 4, work));
            cached.limit.push(await wrk(bare, ['/'], 16, 4, work));
            const lines = JSON.parse(await run(benchProgram('bench_render'), ['--json']));
            const value = (id) => lines.find((line) => line.id === id).value;
            core.ours.push(value('tile'));
            core.limit.push(value('encode'));
            core.peer.push(await wrk(orthanc.http, instances, 1, 4, work));
            say(`  round ${round + 1}: cached ${cached.ours.at(-1).toFixed(0)} (Orthanc ${cached.peer.at(-1).toFixed(0)}, bare library ${cached.limit.at(-1).toFixed(0)}), `
                + `uncached per core ${core.ours.at(-1).toFixed(0)} (Orthanc, one connection ${core.peer.at(-1).toFixed(0)}, bare encoder ${core.limit.at(-1).toFixed(0)}) tiles/s`);
        }
        bareServer.stdin.end();
        await bareServer.ended;
    } finally {
        await ours.stop();
        await orthanc.stop();
    }
    return [
        row('tile_uncached_core', 'a 512 x 512 CT tile, window and JPEG q80, one core; peer: Orthanc /instances/{id}/rendered over one connection; limit: the JPEG encoder alone',
            'tiles/s', core),
        row('tile_cached_http', 'cached tiles over HTTP, 16 connections; peer: Orthanc /instances/{id}/rendered; limit: libmicrohttpd alone with a body of the same size',
            'tiles/s', cached),
    ];
}

function row(id, what, unit, { ours, peer, limit }) {
    const values = { id, what, unit, ours: median(ours), peer: median(peer), limit: median(limit) };
    return { ...values, ratio_to_peer: values.ours / values.peer, ratio_to_limit: values.ours / values.limit };
}

function writePage(file, rows, report) {
    const picture = file.replace(/\.md$/, '.svg');
    fs.writeFileSync(picture, plot(rows));
    fs.writeFileSync(file, `# Benchmarks\n\nMade by \`./run bench --markdown docs/benchmarks.md\`, which also draws the picture. Every number is from this one run; machines are\n`
        + `noisy, so ratios count. The limit is what the machine allows without us, measured in the same run.\n\n![bars](${path.basename(picture)})\n\n${report}`);
}

function machine() {
    const packageVersion = (name) => {
        try { return execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(); } catch { return 'absent'; }
    };
    return [
        `${os.cpus()[0].model}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}`,
        `Orthanc ${packageVersion('orthanc')}, DCMTK ${packageVersion('dcmtk')}, libmicrohttpd ${packageVersion('libmicrohttpd12')}, libjpeg-turbo ${packageVersion('libturbojpeg0')}`,
        `${new Date().toISOString().slice(0, 10)}; clients on the same machine; medians`,
    ];
}

/* One row of bars per id, each row scaled to its longest: ratios are what a reader should take away. */
function plot(rows) {
    const [left, wide, bar, gap] = [190, 420, 14, 22];
    const height = rows.length * (3 * bar + gap) + 30;
    const kinds = [['ours', 'Kakehashi', '#1f8fb3'], ['peer', 'Orthanc', '#b0b7bd'], ['limit', 'limit', '#5d6870']];
    const parts = [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + wide + 100} ${height}" font-family="sans-serif" font-size="11">`,
        `<rect width="100%" height="100%" fill="#ffffff"/>`];
    rows.forEach((r, index) => {
        const top = 10 + index * (3 * bar + gap);
        const longest = Math.max(r.ours, r.peer, r.limit);
        parts.push(`<text x="${left - 10}" y="${top + 1.5 * bar}" text-anchor="end" font-weight="bold">${r.id}</text>`,
            `<text x="${left - 10}" y="${top + 1.5 * bar + 14}" text-anchor="end" fill="#5d6870">${r.unit}</text>`);
        kinds.forEach(([key, name, colour], i) => {
            const y = top + i * bar;
            const length = Math.max(1, (r[key] / longest) * wide);
            parts.push(`<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${bar - 3}" fill="${colour}"/>`,
                `<text x="${(left + length + 5).toFixed(1)}" y="${y + bar - 4}">${name} ${r[key] >= 100 ? r[key].toFixed(0) : r[key].toFixed(1)}</text>`);
        });
    });
    return `${parts.join('\n')}\n</svg>\n`;
}

function table(rows) {
    const number = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
    return ['| id | ours | Orthanc | limit | ours / Orthanc | ours / limit | what |', '| --- | ---: | ---: | ---: | ---: | ---: | --- |',
        ...rows.map((r) => `| \`${r.id}\` (${r.unit}) | ${number(r.ours)} | ${number(r.peer)} | ${number(r.limit)} | ${r.ratio_to_peer.toFixed(1)} | ${r.ratio_to_limit.toFixed(2)} | ${r.what} |`)].join('\n');
}

async function main() {
    const options = parseArguments(process.argv.slice(2));
    const wanted = (name) => options.names.length === 0 || options.names.includes(name);
    const work = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'kh-bench-'));
    const rows = [];
    try {
        say('making 512 x 512 CT images');
        await run(kakehashi, ['phantom', path.join(work, 'phantom')]);
        const images = fs.readdirSync(path.join(work, 'phantom'), { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile()).map((entry) => path.join(entry.path ?? entry.parentPath, entry.name))
            .filter((file) => fs.statSync(file).size > 520000 && fs.statSync(file).size < 540000).sort();
        say(`${images.length} images`);
        for (const senders of [1, 4])
            if (wanted('store') || wanted(`store_stock_${senders}`)) {
                say(`store_stock_${senders}`);
                rows.push(await benchStore(work, images, options.rounds, senders));
            }
        if (wanted('tile') || wanted('tile_uncached_core') || wanted('tile_cached_http')) {
            say('tile_uncached_core, tile_cached_http');
            rows.push(...await benchTiles(work, images, options.rounds));
        }
    } finally {
        for (const child of children) child.kill('SIGKILL');
        fs.rmSync(work, { recursive: true, force: true });
    }
    const report = `${machine().join('\n')}\n\n${table(rows)}\n`;
    process.stdout.write(report);
    if (options.json) fs.writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
    if (options.markdown) writePage(options.markdown, rows, report);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { for (const child of children) child.kill('SIGKILL'); process.exit(130); });
await main();
