// access_answers.mjs - what the time of an answer tells: of what is absent and what is refused (S2), and of a login that nobody has (S6).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Visitor } from '../tests/lib/people.mjs';
import { say } from './process.mjs';
import { accessFill, Ours, sendAll } from './servers.mjs';

const PAIRS = 1000;
const TRIES = 100; // in each of two fresh servers, of either kind: after 300 failures all wait
const PASSWORD = 'seven-rivers-one-bridge';

const accountsOn = '[access]\naccounts = on\nfactors = password\n';

function fill(ours, orders) {
    const done = spawnSync(accessFill, [path.join(ours.dir, 'data')], { input: `${orders.join('\n')}\n`, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`access_fill: ${done.stderr || done.error}`);
    return done.stdout.trim().split('\n');
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function ask(ours, agent, token, target) {
    return new Promise((resolve, reject) => {
        const begin = performance.now();
        http.get({ port: ours.http, host: '127.0.0.1', path: target, agent, headers: { Authorization: `Bearer ${token}`, Accept: '*/*' } }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve({ ms: performance.now() - begin, code: answer.statusCode, body: Buffer.concat(parts) }));
        }).on('error', reject);
    });
}

/* A study of the hospital, and what is nowhere: numbers nobody got, UIDs nobody made. */
async function theClosedOne(ours, agent, token) {
    const json = async (target) => JSON.parse((await ask(ours, agent, token, target)).body);
    const [study] = (await json('/api/studies')).studies;
    const [series] = (await json(`/api/studies/${study.id}`)).series_list;
    const [object] = (await json(`/api/series/${series.id}/stack`)).objects;
    return { study: study.id, series: series.id, object: object.id, s: study.uid, e: series.uid, i: object.sop_uid };
}

const nowhere = (closed, n) => {
    const like = (uid) => uid.slice(0, -6) + String(100000 + n);
    return { study: 1e6 + n, series: 1e6 + n, object: 1e6 + n, s: like(closed.s), e: like(closed.e), i: like(closed.i) };
};

const routes = [
    (p) => `/api/studies/${p.study}`, (p) => `/api/series/${p.series}/stack`, (p) => `/tiles/${p.series}/${p.object}-0/0/0/0.jpg`, (p) => `/tiles/${p.series}/batch?tiles=${p.object}-0/0/0/0`,
    (p) => `/dicomweb/studies?StudyInstanceUID=${p.s}`, (p) => `/dicomweb/studies/${p.s}/metadata`, (p) => `/dicomweb/studies/${p.s}/series/${p.e}/instances/${p.i}`,
    (p) => `/dicomweb/studies/${p.s}/series/${p.e}/instances/${p.i}/rendered`,
];

/** ms between the medians of a route's absent and refused answers; the route where they are furthest apart. */
export async function absentVsRefused(work, images) {
    const ours = await Ours.start(work, accountsOn);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const folder = fs.mkdtempSync(path.join(work, 'answers-'));
    const ms = routes.map(() => ({ absent: [], refused: [] }));
    try {
        const [own, token] = fill(ours, ['facility bench both', 'facility clinic viewer', 'person mori bench doctor', `password mori ${PASSWORD}`, 'person sato clinic doctor', `password sato ${PASSWORD}`,
            'token mori find,view,take', 'token sato find,view,take']);
        ours.token = own;
        images.slice(0, 20).forEach((file, index) => fs.linkSync(file, path.join(folder, String(index))));
        await sendAll(ours, [folder], Math.min(20, images.length));
        const closed = await theClosedOne(ours, agent, own);
        for (let i = 0; i < PAIRS + routes.length; i++) {
            const which = i % routes.length;
            const pair = { absent: nowhere(closed, i), refused: closed };
            for (const kind of Math.floor(i / routes.length) % 2 ? ['absent', 'refused'] : ['refused', 'absent']) {
                const answer = await ask(ours, agent, token, routes[which](pair[kind]));
                if (![200, 204, 404].includes(answer.code)) throw new Error(`${routes[which](pair[kind])}: ${answer.code}`);
                if (i >= routes.length) ms[which][kind].push(answer.ms); // the first of each is warm-up
            }
        }
    } finally {
        agent.destroy();
        await ours.stop();
    }
    return Math.max(...ms.map(({ absent, refused }, which) => {
        say(`  ${routes[which]({ study: 'N', series: 'N', object: 'N', s: 'S', e: 'E', i: 'I' })}: absent ${median(absent).toFixed(2)}, refused ${median(refused).toFixed(2)} ms`);
        return Math.abs(median(absent) - median(refused));
    }));
}

async function tryAll(logins, visitor, ms) {
    for (let i = 0; i < TRIES; i++)
        for (const kind of i % 2 ? ['known', 'unknown'] : ['unknown', 'known']) {
            visitor.address = `127.0.${kind === 'known' ? 1 : 2}.${i + 1}`; // an address that fails often waits
            const begin = performance.now();
            const answer = await visitor.ask('/api/session/sign-in', { method: 'POST', body: { login: logins[kind][i], password: 'not the password at all' } });
            ms[kind].push(performance.now() - begin);
            if (answer.code !== 403) throw new Error(`a sign-in: ${answer.code} ${answer.body}`);
        }
}

/** ms between the medians of a wrong password and of a login that nobody has, over 2 x TRIES of either. */
export async function unknownUser(work) {
    const ms = { known: [], unknown: [] };
    for (let round = 0; round < 2; round++) {
        const ours = await Ours.start(work, accountsOn);
        const logins = { known: Array.from({ length: TRIES }, (_, i) => `person-${i}`), unknown: Array.from({ length: TRIES }, (_, i) => `nobody-${i}`) };
        try {
            fill(ours, ['facility bench both', ...logins.known.flatMap((login) => [`person ${login} bench doctor`, `password ${login} ${PASSWORD}`])]);
            const visitor = new Visitor({ url: `http://127.0.0.1:${ours.http}` });
            await visitor.who();
            await tryAll(logins, visitor, ms);
        } finally {
            await ours.stop();
        }
    }
    say(`  a wrong password ${median(ms.known).toFixed(1)} ms, a login nobody has ${median(ms.unknown).toFixed(1)} ms, ${ms.known.length} tries of either`);
    return Math.abs(median(ms.known) - median(ms.unknown));
}
