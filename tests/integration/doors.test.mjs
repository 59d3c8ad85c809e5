// What the doors give away by their answers: S2 (absent and refused are one answer, whatever else is wrong with the request), S5 (headers and tokens
// over all tables of routes), S6 (a login nobody has and a wrong password are one answer), S7 (who guesses waits, who is right gets in). Times are
// measured by bench/access.mjs (absent_vs_refused_ms, unknown_user_ms).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { fits, routes } from '../lib/routes.mjs';
import { Visitor } from '../lib/people.mjs';
import { attribute, phantomFiles, Service, until } from '../lib/service.mjs';

const PASSWORD = 'seven-rivers-one-bridge';
const PAIRS = 1000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const closed = {}; // a study of the hospital that is open to nobody else
let service, token, own;

before(async () => {
    const files = phantomFiles(8).slice(0, 2);
    service = await Service.start({ files, facility: 'hospital', settings: { access: { accounts: 'on', factors: 'password' } } });
    [own, token] = fill(path.join(service.dir, 'data'), 'facility hospital both', 'facility clinic viewer', 'person mori hospital doctor', `password mori ${PASSWORD}`,
        'person sato clinic doctor', `password sato ${PASSWORD}`, 'person tanaka clinic doctor', `password tanaka ${PASSWORD}`, 'person ito clinic doctor', `password ito ${PASSWORD}`, 'person kato clinic doctor', `password kato ${PASSWORD}`,
        'token mori find,view,take', 'token sato find,view,take,store');
    const [uid] = Object.values(await attribute('0020,000d', files.slice(0, 1)));
    const [seriesUid] = Object.values(await attribute('0020,000e', files.slice(0, 1)));
    const [objectUid] = Object.values(await attribute('0008,0018', files.slice(0, 1)));
    await until('the accounts are known', async () => (await ask('/api/studies', { of: own })).code === 200, { everyMs: 50 });
    const json = async (target) => JSON.parse((await ask(target, { of: own })).body);
    const [study] = (await json('/api/studies')).studies;
    const [series] = (await json(`/api/studies/${study.id}`)).series_list;
    const [object] = (await json(`/api/series/${series.id}/stack`)).objects;
    Object.assign(closed, { study: study.id, series: series.id, object: object.id, s: uid, e: seriesUid, i: objectUid, number: study.patient.id });
});
after(async () => { agent.destroy(); await service?.stop(); });

async function ask(target, { of = token, method = 'GET', headers = {}, body } = {}) {
    const all = { authorization: `Bearer ${of}`, accept: '*/*', ...headers, ...(method === 'POST' && { 'content-type': 'application/json', origin: service.url }) };
    const answer = await service.request(target, { method, headers: all, body, agent });
    const kept = Object.entries(answer.headers).filter(([name]) => name !== 'date').sort(([a], [b]) => (a < b ? -1 : 1));
    return { ...answer, text: `${answer.code} ${JSON.stringify(kept)} ${answer.body.length} ${answer.body.toString('latin1')}` };
}

/* --- S2 --- */

/* What is not there: numbers that nobody got, UIDs nobody made, as long as the ones that are. */
const digits = (size) => Array.from({ length: size }, () => 1 + crypto.randomInt(9)).join('');
const nowhere = () => {
    const number = 1e6 + crypto.randomInt(1e6);
    const like = (uid) => uid.slice(0, -6) + digits(6);
    return { study: number, series: number, object: number, s: like(closed.s), e: like(closed.e), i: like(closed.i), number: `X${digits(6)}` };
};

const web = (p) => `/dicomweb/studies/${p.s}/series/${p.e}/instances/${p.i}`;
const main = [
    (p) => `/api/studies/${p.study}`, (p) => `/api/series/${p.series}/stack`, (p) => `/tiles/${p.series}/${p.object}-0/0/0/0.jpg`, (p) => `/tiles/${p.series}/${p.object}-0/thumb.jpg`,
    (p) => `/tiles/${p.series}/batch?tiles=${p.object}-0/0/0/0`, (p) => `/tiles/${p.series}/${p.object}-0/lossless`, (p) => `/dicomweb/studies?StudyInstanceUID=${p.s}`,
    (p) => `/dicomweb/studies/${p.s}/metadata`, (p) => web(p), (p) => `${web(p)}/rendered`, (p) => `${web(p)}/frames/1`, (p) => `/api/studies?q=${p.s}`,
    (p) => `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}`, (p) => `/dicomweb/studies/${p.s}/series`,
];

test(`S2: ${PAIRS} pairs of absent and not allowed are one answer`, async () => {
    for (let i = 0; i < PAIRS; i++) {
        const target = main[i % main.length];
        const [absent, refused] = [await ask(target(nowhere())), await ask(target(closed))];
        assert.equal(refused.text, absent.text, target(closed));
        assert.ok(absent.code === 404 || absent.code === 204 || /"total":0|\[\]/.test(absent.body.toString()), absent.text);
    }
});

test('S2: the same whatever else is asked for: parts that are not there, wrong words, other methods and headers', async () => {
    const wrong = [
        (p) => `/tiles/${p.series}/${p.object}-0/99/0/0.jpg`, (p) => `/tiles/${p.series}/${p.object}-9/0/0/0.jpg`, (p) => `/tiles/${p.series}/999999-0/0/0/0.jpg`, (p) => `/tiles/${p.series}/x-0/0/0/0.jpg`,
        (p) => `/tiles/${p.series}/${p.object}-0/0/0/0.jpg?q=0`, (p) => `/tiles/${p.series}/${p.object}-0/0/0/0.jpg?c=40`, (p) => `/tiles/${p.series}/${p.object}-0/0/0/0.jpg?lut=9`,
        (p) => `/tiles/${p.series}/batch`, (p) => `/tiles/${p.series}/batch?tiles=x`, (p) => `/tiles/${p.series}/${p.object}-0/thumb.jpg?size=1`, (p) => `/api/series/${p.series}/stack?x=1`,
        (p) => `/dicomweb/studies/${p.s}/series/1.2.3`, (p) => `/dicomweb/studies/1.2.3/series/${p.e}`, (p) => `/dicomweb/studies/${p.s}/series/${p.e}/instances/1.2.3/metadata`,
        (p) => `/dicomweb/studies/${p.s}/series/x`, (p) => `/dicomweb/studies/${p.s}/series/${p.e}/instances/1..2`, (p) => `${web(p)}/frames/0`, (p) => `${web(p)}/frames/99`, (p) => `${web(p)}/frames/x`,
        (p) => `${web(p)}/rendered?window=1`, (p) => `${web(p)}/rendered?viewport=0,0`, (p) => `${web(p)}/rendered?annotation=x`, (p) => `${web(p)}/rendered?accept=text/html`,
        (p) => `${web(p)}/bulkdata/99999999`, (p) => `${web(p)}/bulkdata/x`, (p) => `${web(p)}?accept=image/jpeg`, (p) => `${web(p)}/metadata?accept=image/jpeg`,
        (p) => `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}&rows=0`, (p) => `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}&anonymize=yes`,
        (p) => `/dicomweb/wado?requestType=WADO&studyUID=${p.s}`, (p) => `/dicomweb/series?StudyInstanceUID=${p.s}&includefield=all`, (p) => `/dicomweb/instances?SOPInstanceUID=${p.i}&limit=0`,
        (p) => `/dicomweb/studies?PatientID=${encodeURIComponent(p.number)}&fuzzymatching=true`, (p) => `/api/invoke?requestType=STUDY&studyUID=${p.s}`, (p) => `/IHEInvokeImageDisplay?requestType=STUDY&studyUID=${p.s}`,
    ];
    const ways = [{}, { headers: { accept: 'text/html' } }, { headers: { accept: 'x' } }, { headers: { 'if-none-match': '*' } }, { headers: { range: 'bytes=0-9' } }, { method: 'HEAD' }, { method: 'POST', body: '{}' }, { method: 'DELETE' }, { method: 'OPTIONS' }];
    const differ = [];
    for (const target of [...main, ...wrong])
        for (const way of ways) {
            const [absent, refused] = [await ask(target(nowhere()), way), await ask(target(closed), way)];
            const same = (text) => text.replaceAll(closed.s, 'UID').replace(/"name":"[^"]*"/g, ''); // a page may say what was asked for
            if (same(refused.text) !== same(absent.text)) differ.push(`${way.method ?? 'GET'} ${JSON.stringify(way.headers ?? {})} ${target(closed)}: ${absent.text.slice(0, 700)} and ${refused.text.slice(0, 700)}`);
        }
    assert.deepEqual(differ, []);
});

/* --- S5 --- */

const addressOf = (pattern) => pattern.replace('{level}/{column}/{row}', '0/0/0').replace('{object}-{frame}', '1-0').replace('{path*}', 'main.js').replace(/\{(study|series|instance)\}/g, (_, name) => (pattern.startsWith('/dicomweb') ? '1.2.3' : '1'))
    .replace(/\{[^}]*\}/g, '1');

/* Without waiting for the end: a stream has none. */
const headersOf = (target, method, of) => new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${of}`, accept: '*/*', ...(method === 'POST' && { 'content-type': 'application/json', origin: service.url }) };
    const request = http.request(`${service.url}${target}`, { method, headers }, (answer) => { resolve({ code: answer.statusCode, headers: answer.headers }); answer.destroy(); });
    request.on('error', (error) => reject(new Error(`${method} ${target}: ${error.message}`)));
    request.end(method === 'POST' ? '{}' : undefined);
});

test('S5: every address answers with the headers, whoever asks and however it ends', async () => {
    const all = routes();
    assert.ok(all.length >= 90, `${all.length} routes`);
    for (const { table, method, pattern } of all)
        for (const of of [token, 'khp_nobody']) {
            if (table === 'install' && of !== token) continue;
            const { headers, code } = await headersOf(addressOf(pattern), method, of);
            const where = `${method} ${pattern} ${code}`;
            const policy = headers['content-security-policy'] ?? '';
            for (const words of ["default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'", "style-src 'self'"]) assert.ok(policy.includes(words), `${where}: ${words}`);
            assert.doesNotMatch(policy, /unsafe|\*|http/, where);
            assert.equal(headers['x-content-type-options'], 'nosniff', where);
            assert.equal(headers['referrer-policy'], 'no-referrer', where);
            assert.equal(headers['cross-origin-opener-policy'], 'same-origin', where);
            assert.equal(headers['access-control-allow-origin'], undefined, where);
        }
});

test('S5: a change by a browser without the token or from elsewhere is refused at every address, before anything is looked at', async () => {
    const changing = routes().filter(({ method }) => !['GET', 'HEAD', 'OPTIONS'].includes(method));
    assert.ok(changing.length >= 19, `${changing.length} routes`);
    const visitor = new Visitor(service);
    assert.equal((await visitor.signIn('tanaka', PASSWORD)).json.step, 'done');
    await visitor.who();
    for (const { method, pattern } of changing) {
        for (const headers of [{ 'x-kakehashi-token': null }, { 'x-kakehashi-token': 'A'.repeat(43) }, { origin: null }, { origin: 'null' }, { origin: 'https://evil.example' }, { origin: `${service.url}.evil.example` },
            { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
            const answer = await visitor.ask(addressOf(pattern), { method, body: {}, headers });
            assert.equal(answer.code, 403, `${method} ${pattern} ${JSON.stringify(headers)}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
        }
    }
    assert.equal((await visitor.who()).signed_in, true, 'nothing of it did anything');
});

test('S5: no page of ours has script or style in it', async () => {
    const pages = routes(['portal', 'install']).filter(({ method, pattern }) => method === 'GET' && !/^\/(api|tiles|web|health|metrics)/.test(pattern) && fits(pattern, pattern.replace(/\{[^}]*\}/g, '1')));
    for (const { pattern } of pages) {
        const answer = await ask(addressOf(pattern));
        if (!/html/.test(answer.headers['content-type'] ?? '')) continue;
        const text = answer.body.toString();
        assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:/i, pattern);
    }
});

/* --- S6 and S7 --- */

/* Wrong ones until it waits for so many seconds: every other try comes too early. */
async function guess(visitor, login, seconds) {
    const answers = new Set();
    let last;
    await until('who guesses waits', async () => {
        last = await visitor.signIn(login, 'a-wrong-password-at-all');
        answers.add(JSON.stringify([last.code, last.body.toString(), Object.keys(last.headers).sort()]));
        return last.code === 429 && Number(last.headers['retry-after']) >= seconds;
    }, { everyMs: 50 });
    return [...answers];
}

test('S6: a login that nobody has and a wrong password are one answer, refused and made to wait alike', async () => {
    const [known, nobody] = [await guess(new Visitor(service, '127.0.0.31'), 'sato', 1), await guess(new Visitor(service, '127.0.0.32'), 'nobody.here', 1)];
    assert.deepEqual(nobody, known);
    assert.deepEqual(known.map((one) => JSON.parse(one)[0]), [403, 429]);
});

test('S7: who guesses at an account waits; the person gets in from where the person was before, and elsewhere once it is unlocked', async () => {
    const home = new Visitor(service, '127.0.0.40');
    assert.equal((await home.signIn('ito', PASSWORD)).json.step, 'done');
    await home.change('/api/session/sign-out');
    await guess(new Visitor(service, '127.0.0.41'), 'ito', 8);
    const stranger = await new Visitor(service, '127.0.0.42').signIn('ito', PASSWORD);
    assert.equal(stranger.code, 429, 'a right password is not looked at either, where nobody was before');
    assert.equal((await home.signIn('ito', PASSWORD)).json.step, 'done', 'a known device is counted by itself');
    await home.change('/api/session/sign-out');
    await service.must(['person', 'unlock', 'ito']);
    assert.equal((await new Visitor(service, '127.0.0.42').signIn('ito', PASSWORD)).json.step, 'done', 'nothing is locked for good');
});

test('S7: an address that guesses at many accounts waits, others do not', async () => {
    const guesser = new Visitor(service, '127.0.0.50');
    const codes = [];
    while (codes.at(-1) !== 429 && codes.length < 60) codes.push((await guesser.signIn(`guess-${codes.length}`, 'a-wrong-password-at-all')).code);
    assert.equal(codes.at(-1), 429, codes.join());
    assert.ok(codes.length >= 21, `the first twenty do not wait: ${codes.length}`);
    assert.equal((await new Visitor(service, '127.0.0.51').signIn('mori', PASSWORD)).json.step, 'done');
});

/* One after the other on one connection from that address, while `more()`; counts the answers. */
async function guessOn(address, login, more, counted) {
    const visitor = new Visitor(service, address);
    const own = new http.Agent({ keepAlive: true, maxSockets: 1, localAddress: address });
    await visitor.who();
    const headers = { cookie: [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; '), 'content-type': 'application/json', origin: service.url, 'x-kakehashi-token': visitor.token };
    for (let number; (number = more());) {
        const { code } = await service.request('/api/session/sign-in', { method: 'POST', headers, agent: own, body: JSON.stringify({ login, password: `guess-number-${number}` }) });
        counted[code] = (counted[code] ?? 0) + 1;
    }
    own.destroy();
}

test('S7: 10,000 guesses in a row at one account, from several addresses: at most 60 are looked at, and the person gets in', async () => {
    const home = new Visitor(service, '127.0.0.70');
    assert.equal((await home.signIn('kato', PASSWORD)).json.step, 'done');
    await home.change('/api/session/sign-out');
    const counted = {};
    let sent = 0;
    await Promise.all(Array.from({ length: 8 }, (_, i) => guessOn(`127.0.0.${60 + i}`, 'kato', () => (sent < 10000 ? ++sent : 0), counted)));
    assert.deepEqual(Object.keys(counted).sort().filter((code) => code !== '503'), ['403', '429'], JSON.stringify(counted)); // 503: too many at once, nothing is looked at
    assert.ok(counted[403] <= 60, JSON.stringify(counted));
    assert.equal(Object.values(counted).reduce((sum, count) => sum + count), 10000);
    assert.equal((await home.signIn('kato', PASSWORD)).json.step, 'done', 'from where the person was before');
});

test('what was tried stands in no file in the clear', () => {
    assert.ok(!service.log.includes(PASSWORD) && !service.log.includes('a-wrong-password'));
    for (const name of fs.readdirSync(path.join(service.dir, 'data')).filter((one) => one.startsWith('access.db')))
        assert.ok(!fs.readFileSync(path.join(service.dir, 'data', name)).includes(PASSWORD), name);
});
