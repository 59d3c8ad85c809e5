// service.mjs - what integration and browser tests stand on: the service in a folder of its own, DCMTK's archive as a hospital's
// PACS, the commands, files to send. Everything started here is ended by stop(), and at the latest when the test process ends.
//
// KH_BIN names the program (build/dev/app/kakehashi), KH_DATA the folder of real files (../shared/data), KH_SLOW a factor for waits.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const program = path.resolve(process.env.KH_BIN ?? path.join(root, 'build/dev/app/kakehashi'));
export const slow = Number(process.env.KH_SLOW ?? 1);

const dataCandidate = path.resolve(process.env.KH_DATA ?? path.join(root, '../shared/data'));
/** The folder of real files, or null. */
export const dataDir = fs.existsSync(dataCandidate) ? dataCandidate : null;
/** For `{ skip: needsData }`: false when there are real files, else the reason. */
export const needsData = dataDir ? false : 'no real files: neither KH_DATA nor ../shared/data names a folder';

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A line of how far a long test is, into the file that KH_PROGRESS names, else to standard error when the run is a long one. */
export function progress(line) {
    const text = `${new Date().toISOString()} ${line}\n`;
    if (process.env.KH_PROGRESS) fs.appendFileSync(process.env.KH_PROGRESS, text);
    else if (process.env.KH_LONG || process.env.KH_ROUNDS) process.stderr.write(text);
}

/** Poll until condition() gives something true, which is returned; what: it is, as the error would say. */
export async function until(what, condition, { seconds = 30, everyMs = 20 } = {}) {
    const end = Date.now() + seconds * slow * 1000;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${seconds * slow} s: ${what}`);
        await sleep(everyMs);
    }
}

const running = new Set(); // children, each leader of a process group
const folders = new Set();
const LEFT_MS = 60000; // for what ends by itself, or by hooks of the file

process.on('exit', () => {
    for (const child of running) killGroup(child, 'SIGKILL');
    for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

// A test that fails may leave what it started, whose pipes would keep this process, and with it the whole run, for ever.
if (process.env.NODE_TEST_CONTEXT) {
    after(() => {
        setTimeout(() => {
            process.stderr.write(`still there ${LEFT_MS} ms after the last test of ${process.argv[1]}, and ended: ${[...running].map(({ spawnfile }) => spawnfile).join(' ')}\n`);
            process.exit(1);
        }, LEFT_MS).unref();
    });
}

function killGroup(child, signal) {
    try { process.kill(-child.pid, signal); } catch { /* gone already */ }
}

/** A folder that is gone when the test process ends. */
export function temporaryFolder(name = 'kh') {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`));
    folders.add(folder);
    return folder;
}

export function removeFolder(folder) {
    folders.delete(folder);
    fs.rmSync(folder, { recursive: true, force: true });
}

const isFree = (port) => new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
});

/** A port nobody listens on, below those that the system gives to connections (they would take one that is kept for later); files that
 * run at the same time look in different places. Never handed out twice by this process. */
const PORTS = { first: 10000, places: 40, each: 500 };
let nextPort = Math.floor(Math.random() * PORTS.each);
export async function freePort() {
    const place = PORTS.first + (process.pid % PORTS.places) * PORTS.each;
    for (let tries = 0; tries < PORTS.each; tries++) {
        const port = place + nextPort++ % PORTS.each;
        if (await isFree(port)) return port;
    }
    throw new Error(`no free port from ${place} to ${place + PORTS.each - 1}`);
}

/** Start a command in a process group of its own; child.output collects both streams, child.ended resolves to {code, signal}. */
export function start(command, args, { cwd, env, input } = {}) {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    running.add(child);
    Object.assign(child, { output: '', out: '', err: '' });
    child.stdout.on('data', (data) => { child.out += data; child.output += data; });
    child.stderr.on('data', (data) => { child.err += data; child.output += data; });
    child.ended = new Promise((resolve, reject) => {
        child.on('error', (error) => { running.delete(child); reject(error); });
        child.on('close', (code, signal) => { running.delete(child); resolve({ code, signal }); });
    });
    child.ended.catch(() => {});
    return child;
}

/** Run a command to its end: {code, signal, out, err, output}. Killed after `seconds`. */
export async function run(command, args, { seconds = 60, ...options } = {}) {
    const child = start(command, args, options);
    const late = setTimeout(() => killGroup(child, 'SIGKILL'), seconds * slow * 1000);
    const end = await child.ended;
    clearTimeout(late);
    return { ...end, out: child.out, err: child.err, output: child.output };
}

/** As run(), but any status other than 0 is an error that shows the output. */
export async function must(command, args, options) {
    const result = await run(command, args, options);
    if (result.code !== 0) throw new Error(`${path.basename(command)} ${args.join(' ')} ended with ${result.code ?? result.signal}:\n${result.output.slice(-4000)}`);
    return result;
}

/** All files under a folder, in order. */
export function filesUnder(folder) {
    return fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) => {
        const full = path.join(folder, entry.name);
        return fs.statSync(full).isDirectory() ? filesUnder(full) : [full];
    });
}

/** Generated CT slices, made once per build folder: the first CT of `kakehashi phantom`, 512 x 512. */
export function phantomFiles(slices) {
    const folder = path.join(root, 'build/test-data', `phantom-${slices}`);
    if (!fs.existsSync(folder)) {
        const fresh = `${folder}.${process.pid}`;
        const made = spawnSync(program, ['phantom', '--ct-slices', String(slices), '--earlier-slices', '0', '--mr-slices', '0', fresh], { encoding: 'utf8' });
        if (made.status !== 0) throw new Error(`kakehashi phantom ended with ${made.status}:\n${made.stdout}${made.stderr}`);
        try { fs.renameSync(fresh, folder); } catch { fs.rmSync(fresh, { recursive: true }); }
    }
    // The largest series: beside it there is a scout.
    const series = new Map();
    for (const file of filesUnder(folder)) series.set(path.dirname(file), [...series.get(path.dirname(file)) ?? [], file]);
    return [...series.values()].sort((a, b) => b.length - a.length)[0];
}

/** A CT for tests that want one: the real one where there are real files, else generated slices. 54 files either way. */
export function ctFiles() {
    return dataDir ? filesUnder(path.join(dataDir, 'ct-philips-phantom')) : phantomFiles(54);
}

/** {file: value} of one attribute, as DCMTK's dcmdump reads it. */
export async function attribute(tag, files) {
    const values = {};
    for (let i = 0; i < files.length; i += 200) {
        const part = files.slice(i, i + 200);
        const { out } = await run('dcmdump', ['-q', '+F', '+L', '+P', tag, ...part]);
        let file = null;
        for (const line of out.split('\n')) {
            const header = /^# dcmdump \(\d+\/\d+\): (.*)$/.exec(line);
            if (header) file = header[1];
            const value = /\[(.*?)\]/.exec(line);
            if (file && !header && value && !(file in values)) values[file] = value[1];
        }
    }
    return values;
}

export class Service {
    /**
     * Start `kakehashi serve` and wait until it is ready.
     *   dir       where it keeps everything; a temporary folder when absent, reused by a service started again
     *   settings  {section: {key: value}} over the harness's own
     *   nodes     [[name, '--ae-title', ...], ...] added before it starts
     *   files     imported before it starts, as from the hospital `facility`
     */
    static async start({ dir, httpPort, dicomPort, settings = {}, nodes = [], files = [], facility = 'local' } = {}) {
        const service = new Service();
        service.dir = dir ?? temporaryFolder('kh-service');
        service.httpPort = httpPort ?? await freePort();
        service.dicomPort = dicomPort ?? await freePort();
        service.url = `http://127.0.0.1:${service.httpPort}`;
        service.config = path.join(service.dir, 'kakehashi.conf');
        service.writeConfig(settings);
        for (const node of nodes) await service.must(['node', 'add', ...node]);
        if (files.length > 0) await service.must(['import', '--facility', facility, ...files], { seconds: 120 });
        await service.launch();
        return service;
    }

    writeConfig(settings) {
        const all = {
            service: { data_dir: path.join(this.dir, 'data') },
            http: { port: this.httpPort },
            dicom: { address: '127.0.0.1', port: this.dicomPort },
            storage: { reserve: '1 MiB' },
            pull: { retry_first: '100 ms', retry_longest: '1 s' },
        };
        for (const [section, values] of Object.entries(settings)) all[section] = { ...all[section], ...values };
        const text = Object.entries(all).map(([section, values]) => [`[${section}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`)].join('\n'));
        fs.writeFileSync(this.config, `${text.join('\n')}\n`);
    }

    async launch() {
        this.child = start(program, ['serve', '--config', this.config]);
        await until('the service is ready', () => {
            if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`the service ended with ${this.child.exitCode ?? this.child.signalCode}:\n${this.child.output.slice(-4000)}`);
            return /^ready: /m.test(this.child.out);
        }, { everyMs: 5 }).catch((error) => { error.message += `\n${this.child.output.slice(-4000)}`; throw error; });
    }

    /** SIGTERM, and what came of it. */
    async stop() {
        if (!this.child || !running.has(this.child)) return { code: null };
        this.child.kill('SIGTERM');
        const late = setTimeout(() => killGroup(this.child, 'SIGKILL'), 40000 * slow);
        const end = await this.child.ended;
        clearTimeout(late);
        return end;
    }

    /** kill -9 of everything at once; waits until it is gone. */
    async kill() {
        const pids = [this.child.pid, ...this.roles().map((role) => role.pid)];
        killGroup(this.child, 'SIGKILL');
        await this.child.ended;
        await until('all killed processes are gone', () => pids.every((pid) => !alive(pid)), { everyMs: 2 });
    }

    /** Everything it printed. */
    get log() { return this.child.output; }

    command(args, options) { return run(program, [args[0], '--config', this.config, ...args.slice(1)], options); }
    must(args, options) { return must(program, [args[0], '--config', this.config, ...args.slice(1)], options); }

    /** [{name, pid}] of the roles that run now: bridge, web, decode. */
    roles() {
        const roles = [];
        for (const entry of fs.readdirSync('/proc')) {
            if (!/^\d+$/.test(entry)) continue;
            const stat = processState(entry);
            if (stat && stat.parent === this.child.pid && stat.name.startsWith('kh-') && stat.state !== 'Z') roles.push({ name: stat.name.slice(3), pid: Number(entry) });
        }
        return roles;
    }
    role(name) { return this.roles().find((role) => role.name === name); }

    /** {code, headers, body} of a request. */
    request(target, { method = 'GET', headers = {}, body, agent } = {}) {
        return new Promise((resolve, reject) => {
            const request = http.request(`${this.url}${target}`, { method, headers, agent }, (answer) => {
                const parts = [];
                answer.on('data', (part) => parts.push(part));
                answer.on('error', reject);
                answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
            });
            request.setTimeout(30000 * slow, () => request.destroy(new Error(`no answer to ${target}`)));
            request.on('error', reject);
            request.end(body);
        });
    }
    async json(target) {
        const answer = await this.request(target);
        if (answer.code !== 200) throw new Error(`GET ${target}: ${answer.code} ${answer.body.toString().slice(0, 500)}`);
        return JSON.parse(answer.body);
    }
    async studies() { return (await this.json('/api/studies?limit=200')).studies; }

    /** {sopInstanceUid: object of its stack} of everything that is held, or of one hospital's. */
    async objects(facility) {
        const all = {};
        for (const study of (await this.studies()).filter((one) => !facility || one.facility === facility))
            for (const series of (await this.json(`/api/studies/${study.id}`)).series_list)
                for (const object of (await this.json(`/api/series/${series.id}/stack`)).objects) all[object.sop_uid] = object;
        return all;
    }

    /** Tile addresses of a study's slices, whole pictures. */
    async tiles(studyId) {
        const targets = [];
        for (const series of (await this.json(`/api/studies/${studyId}`)).series_list) {
            const stack = await this.json(`/api/series/${series.id}/stack`);
            for (const slice of stack.slices) targets.push(`/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg`);
        }
        return targets;
    }

    events(lastId) { return new Events(this, lastId); }
}

function processState(pid) {
    try {
        const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
        const end = text.lastIndexOf(')');
        const [state, parent] = text.slice(end + 2).split(' ');
        return { name: text.slice(text.indexOf('(') + 1, end), state, parent: Number(parent) };
    } catch { return null; }
}

function alive(pid) {
    const state = processState(pid);
    return state !== null && state.state !== 'Z' && state.state !== 'X';
}

/** Server-sent events as they come; opens again where it was when the line breaks, as a browser does. */
export class Events {
    constructor(service, lastId) {
        Object.assign(this, { service, lastId, list: [], opened: 0, closed: false });
        this.#open();
    }

    #open() {
        if (this.closed) return;
        const headers = { accept: 'text/event-stream', ...(this.lastId !== undefined && { 'last-event-id': String(this.lastId) }) };
        const again = () => { if (!this.closed) setTimeout(() => this.#open(), 50); };
        this.requested = http.get(`${this.service.url}/api/events`, { headers }, (answer) => {
            let text = '';
            if (answer.statusCode !== 200) { answer.resume(); again(); return; }
            this.opened++;
            answer.setEncoding('utf8');
            answer.on('data', (part) => {
                text += part;
                for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) this.#take(text.slice(0, end));
            });
            answer.on('close', again);
            answer.on('error', () => {});
        });
        this.requested.on('error', again);
    }

    #take(block) {
        const fields = Object.fromEntries(block.split('\n').filter((line) => !line.startsWith(':')).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
        if (!fields.event) return;
        if (fields.id !== undefined) this.lastId = Number(fields.id);
        this.list.push({ id: fields.id === undefined ? null : Number(fields.id), event: fields.event, data: fields.data ? JSON.parse(fields.data) : null });
    }

    close() { this.closed = true; this.requested.destroy(); }
}

/** DCMTK's dcmqrscp as a hospital's PACS. */
export class Pacs {
    /** files: what it holds; peers: [{title, port}] that it may move to. */
    static async start({ files = [], title = 'PACS', peers = [], port } = {}) {
        const pacs = new Pacs();
        Object.assign(pacs, { dir: temporaryFolder('kh-pacs'), title, port: port ?? await freePort() });
        fs.mkdirSync(path.join(pacs.dir, 'STORE'));
        files.forEach((file, index) => fs.symlinkSync(path.resolve(file), path.join(pacs.dir, 'STORE', String(index).padStart(6, '0'))));
        for (let i = 0; i < files.length; i += 200) {
            const part = files.slice(i, i + 200).map((_, index) => `STORE/${String(i + index).padStart(6, '0')}`);
            await run('dcmqridx', ['STORE', ...part], { cwd: pacs.dir });
        }
        fs.writeFileSync(path.join(pacs.dir, 'dcmqrscp.cfg'), [
            `NetworkTCPPort = ${pacs.port}`, 'MaxPDUSize = 131072', 'MaxAssociations = 16',
            'HostTable BEGIN', ...peers.map((peer, index) => `peer${index} = (${peer.title}, 127.0.0.1, ${peer.port})`), 'HostTable END',
            'VendorTable BEGIN', 'VendorTable END',
            'AETable BEGIN', `${title} STORE RW (500, 1024mb) ANY`, 'AETable END', ''].join('\n'));
        await pacs.launch();
        return pacs;
    }

    async launch() {
        this.child = start('dcmqrscp', ['-v', '-c', 'dcmqrscp.cfg'], { cwd: this.dir });
        await until('dcmqrscp listens', () => {
            if (this.child.exitCode !== null) throw new Error(`dcmqrscp ended:\n${this.child.output}`);
            return listens(this.port);
        });
    }

    /** What `kakehashi node add` needs to know of it. */
    node(name = 'PACS') { return [name, '--ae-title', this.title, '--host', '127.0.0.1', '--port', String(this.port), '--facility', 'hospital']; }

    async stop() {
        killGroup(this.child, 'SIGKILL');
        await this.child.ended;
        removeFolder(this.dir);
    }
}

export function listens(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
        socket.on('error', () => resolve(false));
    });
}

/**
 * DCMTK's storescu. Returns {code, acknowledged, refused, output}: files by how the service answered them.
 * onStart(child) gets the process, to do something meanwhile.
 */
export async function storescu(port, files, { called = 'KAKEHASHI', calling = 'STORESCU', extra = [], onStart } = {}) {
    const child = start('storescu', ['-v', '-aec', called, '-aet', calling, ...extra, '127.0.0.1', String(port), ...files]);
    onStart?.(child);
    const late = setTimeout(() => killGroup(child, 'SIGKILL'), 60000 * slow);
    const { code } = await child.ended;
    clearTimeout(late);
    const acknowledged = [];
    const refused = [];
    let file = null;
    for (const line of child.output.split('\n')) {
        const sending = /Sending file: (.*)$/.exec(line);
        if (sending) file = sending[1];
        const response = /Received Store Response \((.*?)\)?$/.exec(line);
        if (response && file) (/^(0x0000: )?Success/.test(response[1]) ? acknowledged : refused).push(file);
    }
    return { code, acknowledged, refused, output: child.output };
}
