// access_readers.mjs - what readers notice of accounts: tiles beside those of a server without, and how soon a withdrawal is in force.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { inTurn, load, newWindow, slicesOf } from './load.mjs';
import { Visitor } from '../tests/lib/people.mjs';
import { get, run, say } from './process.mjs';
import { kakehashi, Ours, sendAll } from './servers.mjs';

const SECONDS = 3;
const READERS = 50;
const WITHDRAWALS = 6;
const SETTLED_MS = 1500; // scrolling before a withdrawal, and after it

const command = (ours, ...words) => run(kakehashi, [...words, '--config', ours.config]);

/** A doctor of a clinic that the hospital's patient consented to: ours.token, ours.consent() and ours.withdraw(). */
async function admit(ours, patient) {
    const number = `bench:${patient}`;
    const today = new Date().toLocaleDateString('sv').replaceAll('-', '');
    await command(ours, 'facility', 'add', 'bench', '--name', 'Bench', '--part', 'discloser');
    await command(ours, 'facility', 'add', 'clinic', '--name', 'Clinic', '--kind', 'clinic', '--part', 'viewer');
    await command(ours, 'person', 'add', 'reader', '--name', 'Reader', '--kana', 'リーダー', '--birth-date', '19700101', '--facility', 'clinic',
        '--role', 'doctor', '--trained', today);
    await command(ours, 'person', 'activate', 'reader');
    await command(ours, 'patient', 'add', number, '--kana', 'テスト^イチ', '--birth-date', '19500101', '--sex', 'F');
    await command(ours, 'patient', 'add', 'clinic:1', '--kana', 'テスト^イチ', '--birth-date', '19500101', '--sex', 'F');
    await command(ours, 'patient', 'link', number, 'clinic:1');
    const [, code] = /\/welcome\/(\S+)/.exec(await command(ours, 'person', 'invite', 'reader'));
    const visitor = new Visitor({ url: `http://127.0.0.1:${ours.http}` });
    await visitor.change(`/api/welcome/${code}`, { password: 'seven rivers under one bridge' });
    ours.token = /khp_\S+/.exec(await command(ours, 'token', 'add', '--person', 'reader', '--name', 'bench', '--scopes', 'find,view'))[0];
    ours.consent = async () => {
        const sheet = await command(ours, 'consent', 'add', number, '--direction', 'show', '--places', 'clinic:1', '--signed', today, '--explained', '--explainer', 'Bench');
        ours.sheet = /\d+/.exec(sheet)[0];
    };
    ours.withdraw = () => command(ours, 'consent', 'withdraw', ours.sheet);
    await ours.consent();
}

/** The same images in a server without accounts and in one with them. */
async function withBoth(work, images, use) {
    const folder = fs.mkdtempSync(path.join(work, 'access-'));
    const [, patient] = /\[([^\]]+)\]/.exec(await run('dcmdump', ['+P', '0010,0020', images[0]]));
    const servers = [await Ours.start(work, '[access]\naccounts = off\n'), await Ours.start(work, '[access]\naccounts = on\nfactors = password\n')];
    images.forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
    try {
        await admit(servers[1], patient);
        for (const server of servers) await sendAll(server, [folder], images.length);
        return await use(...servers);
    } finally {
        for (const server of servers) await server.stop();
    }
}

async function tileRates(work, ours) {
    const targets = (await slicesOf(ours, 'CT')).flat();
    const kept = targets.map((target) => `${target}/0/0/0.jpg?c=40&w=400&q=80`);
    for (const target of kept) await get(ours.http, target, ours.headers);
    const cached = await load(work, ours.http, kept, 16, SECONDS, inTurn, 'image/jpeg', ours.headers);
    const uncached = await load(work, ours.http, targets, 16, SECONDS, newWindow, 'image/jpeg', ours.headers);
    return { cached: cached.rate, uncached: uncached.rate };
}

/* One reader: tiles one after the other on a connection of its own. Notes when the last one that was shown had come. */
async function scroll(ours, targets, reader, state) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (target) => new Promise((resolve, reject) => {
        http.get({ port: ours.http, host: '127.0.0.1', path: target, agent, headers: { ...ours.headers, Accept: 'image/jpeg' } }, (answer) => {
            answer.resume();
            answer.on('end', () => resolve(answer.statusCode));
            answer.on('error', reject);
        }).on('error', reject);
    });
    for (let n = reader; !state.ended; n++) {
        const code = await ask(`${targets[n % targets.length]}/0/0/0.jpg?q=80&c=${n % 97}&w=400`).catch(() => 0);
        if (code === 200) state.shown[reader] = performance.now();
        else if (code !== 404 && code !== 0) throw new Error(`a tile: ${code}`);
    }
    agent.destroy();
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** From the beginning of the command to the last tile that each reader was shown, ms; of every reader and withdrawal. */
async function withdrawals(ours) {
    const targets = (await slicesOf(ours, 'CT')).flat();
    const waits = [];
    for (let i = 0; i < WITHDRAWALS; i++) {
        const state = { ended: false, shown: Array(READERS).fill(0) };
        const readers = Array.from({ length: READERS }, (_, reader) => scroll(ours, targets, reader, state));
        await sleep(SETTLED_MS);
        const begin = performance.now();
        await ours.withdraw();
        await sleep(SETTLED_MS);
        state.ended = true;
        await Promise.all(readers);
        if (state.shown.some((when) => when === 0)) throw new Error('a reader was shown nothing before the withdrawal');
        waits.push(...state.shown.map((when) => Math.max(0, when - begin)));
        await ours.consent();
    }
    return waits.sort((a, b) => a - b)[Math.ceil(waits.length * 0.99) - 1];
}

/** { ratio: of each round, p99: ms or null } */
export async function measureReaders(work, images, rounds, withWithdrawals) {
    return withBoth(work, images, async (open, guarded) => {
        const ratio = [];
        for (let round = 0; round < rounds; round++) {
            const [without, withAccounts] = [await tileRates(work, open), await tileRates(work, guarded)];
            ratio.push(Math.min(withAccounts.cached / without.cached, withAccounts.uncached / without.uncached));
            say(`  round ${round + 1}: cached ${withAccounts.cached.toFixed(0)} of ${without.cached.toFixed(0)}, new windows ${withAccounts.uncached.toFixed(0)} of ${without.uncached.toFixed(0)} tiles/s`);
        }
        return { ratio, p99: withWithdrawals ? await withdrawals(guarded) : null };
    });
}
