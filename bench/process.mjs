// process.mjs - starting programs and talking to servers, for the benchmarks. Everything started here can be ended by killAll().
import { spawn } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';

export const say = (text) => process.stderr.write(`${text}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const children = new Set();
const ends = [];

/** What killAll() does besides, after the children were killed; not asynchronous. */
export const atEnd = (work) => ends.push(work);

export function start(command, args, options = {}) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    children.add(child);
    child.output = ''; // both streams, for messages
    child.said = ''; // standard output
    child.stdout.on('data', (data) => { child.said = (child.said + data).slice(-1000000); });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { child.output = (child.output + data).slice(-20000); });
    child.ended = new Promise((resolve) => child.on('close', (code) => { children.delete(child); resolve(code); }));
    return child;
}

export async function stop(child) {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 15000);
    await child.ended;
    clearTimeout(late);
}

export async function run(command, args, options = {}) {
    const child = start(command, args, options);
    const code = await child.ended;
    if (code !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${code}:\n${child.output.slice(-2000)}`);
    return child.said;
}

export function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.on('error', reject);
        server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
    });
}

export async function waitForPort(port, child, seconds = 30) {
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

export function get(port, target, headers = {}) {
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path: target, headers }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
        }).on('error', reject);
    });
}

export async function getJson(port, target, headers = {}) {
    const answer = await get(port, target, headers);
    if (answer.code !== 200) throw new Error(`GET ${target}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
    return JSON.parse(answer.body);
}

export function killAll() {
    for (const child of children) child.kill('SIGKILL');
    for (const work of ends.splice(0)) work();
}
