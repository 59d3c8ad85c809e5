// line.mjs - a thin line on this machine: two network namespaces, a server's and a reader's, and between them a rate in each direction (tc tbf) and
// a round trip. Without a round trip they are joined by a veth pair; with one by bench_line, which hands each packet on after half of it (a kernel
// need not have netem). What the line really gives is measured before anything else is, and a line that is off by more than a tenth is not used.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { atEnd, run, say, start, stop } from './process.mjs';
import { benchProgram } from './servers.mjs';

const QUEUE_MS = 250; // what waits before the thin part, as in a router at home; more is lost
const PACKETS_AT_ONCE = 2; // what may leave at once
const OFF_MAX = 0.1;
const CHECKS = 3; // a machine that is busy for a moment is looked at again
const FAR = 'kh-far'; // device with a round trip
const NEAR = 'kh-near'; // device without

export const READER = '10.87.0.1';
export const SERVER = '10.87.0.2'; // whichever way it is reached

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

function alive(pid) {
    try { return process.kill(pid, 0); } catch { return false; }
}

/* Of a run that was killed. */
function removeLeftOver() {
    for (const [name, pid] of [...ip('netns', 'list').matchAll(/^kh-bench-(\d+)-\w+/gm)]) if (!alive(Number(pid))) removeSpace(name);
}

function removeSpace(name) {
    try {
        for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    } catch { /* gone meanwhile */ }
    try { ip('netns', 'del', name); } catch { /* never made */ }
}

export const canMakeLines = () => process.getuid() === 0;

export class Line {
    /** Throws with what to do about it where namespaces cannot be made. */
    static async open() {
        if (!canMakeLines()) throw new Error('reader: network namespaces need root: sudo ./run bench reader');
        const line = new Line();
        line.spaces = { reader: `kh-bench-${process.pid}-reader`, server: `kh-bench-${process.pid}-server` };
        atEnd(() => line.close());
        try {
            removeLeftOver();
            for (const name of Object.values(line.spaces)) ip('netns', 'add', name);
        } catch (error) {
            throw new Error(`reader: no network namespaces here (iproute2, CAP_SYS_ADMIN and CAP_NET_ADMIN are needed): ${error.stderr || error.message}`);
        }
        const { reader, server } = line.spaces;
        for (const [name, address] of [[reader, READER], [server, SERVER]]) {
            ip('-n', name, 'link', 'set', 'lo', 'up');
            ip('-n', name, 'address', 'add', `${address}/32`, 'dev', 'lo');
        }
        ip('link', 'add', NEAR, 'netns', reader, 'type', 'veth', 'peer', 'name', NEAR, 'netns', server);
        return line;
    }

    close() {
        for (const name of Object.values(this.spaces)) removeSpace(name);
    }

    /** A command of ip that runs another one there: [command, args]. */
    inside(who, command, args) { return ['ip', ['netns', 'exec', this.spaces[who], command, ...args]]; }

    /** mbit each way, roundTripMs; measured, and told, unless it was before. */
    async set(mbit, roundTripMs, { checked = true } = {}) {
        if (this.relay) await stop(this.relay);
        this.relay = null;
        const device = roundTripMs > 0 ? FAR : NEAR;
        if (roundTripMs > 0) await this.#startRelay(roundTripMs);
        const burst = Math.max(PACKETS_AT_ONCE * 1514, mbit * 160); // a timer of the kernel is good for this much
        for (const [who, there, source] of [['reader', SERVER, READER], ['server', READER, SERVER]]) {
            ip('-n', this.spaces[who], 'link', 'set', device, 'up');
            ip('-n', this.spaces[who], 'route', 'replace', `${there}/32`, 'dev', device, 'src', source);
            execFileSync('tc', ['-n', this.spaces[who], 'qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', `${mbit}mbit`, 'burst', String(burst), 'latency', `${QUEUE_MS}ms`],
                { stdio: ['ignore', 'pipe', 'pipe'] });
        }
        if (checked) await this.#check(mbit, roundTripMs);
    }

    async #startRelay(roundTripMs) {
        const relay = start(benchProgram('bench_line'), [this.spaces.reader, this.spaces.server, FAR, String(roundTripMs * 500)]);
        await Promise.race([relay.ended, new Promise((resolve) => { relay.stdout.once('data', resolve); })]);
        if (relay.said.trim() !== 'ready') throw new Error(`bench_line: ${relay.output}`);
        this.relay = relay;
    }

    async #check(mbit, roundTripMs) {
        for (let left = CHECKS; ; left--) {
            const trouble = await this.#checkOnce(mbit, roundTripMs);
            if (!trouble) return;
            if (left === 1) throw new Error(trouble);
        }
    }

    /* What is wrong with it, null when nothing is. */
    async #checkOnce(mbit, roundTripMs) {
        const script = path.join(import.meta.dirname, 'line_check.mjs');
        const port = '5201';
        const server = start(...this.inside('server', process.execPath, [script, 'serve', port]));
        await new Promise((resolve) => { server.stdout.once('data', resolve); });
        const found = JSON.parse(await run(...this.inside('reader', process.execPath, [script, 'measure', SERVER, port])));
        await stop(server);
        const trip = found.roundTripMs;
        say(`  asked ${mbit} Mbit/s, ${roundTripMs} ms; measured ${found.down.toFixed(2)} down, ${found.up.toFixed(2)} up, ${trip.toFixed(1)} ms`);
        const off = (value, asked) => Math.abs(value - asked) > OFF_MAX * asked;
        if (off(found.down, mbit) || off(found.up, mbit)) return `reader: the line has ${found.down.toFixed(2)} and ${found.up.toFixed(2)} Mbit/s, asked ${mbit}`;
        if (roundTripMs > 0 ? off(trip, roundTripMs) : trip > 2) return `reader: the line has a round trip of ${trip.toFixed(1)} ms, asked ${roundTripMs}`;
        return null;
    }
}

/** Whether this is a process of the reader's side of the line that is a browser's page: its largest renderer's proportional set size, in MB. */
export function rendererMemory(line) {
    let most = 0;
    for (const pid of ip('netns', 'pids', line.spaces.reader).split('\n').filter(Boolean)) {
        try {
            if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue;
            most = Math.max(most, Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) / 1024);
        } catch { /* ended meanwhile */ }
    }
    return most;
}
