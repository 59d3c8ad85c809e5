// A proxy in front (RELIABILITY S9, AZ-34): the sample configuration docs/nginx.conf with the real nginx, whose word about client, encryption
// and certificate counts; the same header lines from anybody else, and a proxy that does not say all of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Authority, selfSigned } from '../lib/certificates.mjs';
import { Service, freePort, phantomFiles, root, start, temporaryFolder, until } from '../lib/service.mjs';

const needsNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false;
const folder = temporaryFolder('kh-proxy');
const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
let ca, desk, revoked, service, nginx, nginxPort;

before(async () => {
    ca = new Authority(folder, 'region');
    const ours = ca.issue('images', { usage: 'serverAuth', algorithm: P256, hosts: 'DNS:localhost, IP:127.0.0.1' });
    desk = ca.issue('desk', { usage: 'clientAuth', algorithm: P256 });
    revoked = ca.issue('revoked', { usage: 'clientAuth', algorithm: P256 });
    ca.revoke(revoked);
    service = await Service.start({ settings: { http: { proxies: '127.0.0.1', names: 'images.example' } }, files: phantomFiles(6) });
    if (needsNginx) return;
    nginxPort = await freePort();
    const replaced = [['127.0.0.1:8080', `127.0.0.1:${service.httpPort}`], ['listen 443', `listen 127.0.0.1:${nginxPort}`], ['/etc/kakehashi/server.pem', ours.certificate],
        ['/etc/kakehashi/server.key', ours.key], ['/var/lib/kakehashi/ca/ca.pem', ca.file], ['/var/lib/kakehashi/ca/revoked.pem', ca.list()]];
    let sample = fs.readFileSync(path.join(root, 'docs/nginx.conf'), 'utf8');
    for (const [from, to] of replaced) { assert.ok(sample.includes(from), from); sample = sample.replace(from, to); }
    fs.writeFileSync(path.join(folder, 'sample.conf'), sample);
    fs.writeFileSync(path.join(folder, 'nginx.conf'), `
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
    include ${folder}/sample.conf;
}
`);
    nginx = start('nginx', ['-p', folder, '-e', path.join(folder, 'error.log'), '-c', path.join(folder, 'nginx.conf')]);
    await until('nginx listens', () => new Promise((resolve) => {
        const socket = net.connect(nginxPort, '127.0.0.1', () => { socket.destroy(); resolve(true); });
        socket.on('error', () => resolve(false));
    })).catch((error) => { error.message += `\n${nginx.output}`; throw error; });
});
after(async () => {
    nginx?.kill('SIGQUIT');
    await nginx?.ended;
    await service?.stop();
});

function collect(request, resolve, reject, body) {
    request.on('response', (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    request.on('error', reject);
    request.end(body);
}
/** Through nginx, from an address of this machine. */
const through = (target, identity, { from = '127.0.0.5', body, ...options } = {}) => new Promise((resolve, reject) => {
    const shown = identity && { key: fs.readFileSync(identity.key), cert: fs.readFileSync(identity.certificate) };
    collect(https.request({ host: '127.0.0.1', port: nginxPort, path: target, localAddress: from, servername: 'localhost', ca: fs.readFileSync(ca.file), agent: false, ...shown, ...options }), resolve, reject, body);
});
/** Past it. From 127.0.0.1 it is the proxy that speaks. */
const past = (target, headers = {}, from = '127.0.0.1') => new Promise((resolve, reject) => {
    collect(http.request({ host: '127.0.0.1', port: service.httpPort, path: target, localAddress: from, headers, agent: false }), resolve, reject);
});

test('through nginx: with a good certificate only, told to stay encrypted', { skip: needsNginx }, async () => {
    const answer = await through('/api/studies', desk);
    assert.equal(answer.code, 200);
    assert.match(answer.headers['strict-transport-security'], /^max-age=/);
    assert.equal((await through('/api/studies', null)).code, 403);
    const sent = await through('/', null, { headers: { accept: 'text/html' } });
    assert.deepEqual([sent.code, sent.headers.location], [303, '/install']);
    assert.equal((await through('/api/studies', revoked)).code, 400, 'nginx refuses it itself');
    assert.equal((await through('/api/studies', selfSigned(folder, 'self'))).code, 400, 'nginx refuses it itself');
});

test('through nginx: what the client sends of that is replaced', { skip: needsNginx }, async () => {
    const pem = encodeURIComponent(fs.readFileSync(desk.certificate, 'utf8'));
    const forged = { 'x-client-verify': 'SUCCESS', 'x-client-certificate': pem, 'x-forwarded-for': '10.9.9.9', 'x-forwarded-proto': 'https' };
    assert.equal((await through('/api/studies', null, { headers: forged })).code, 403);
    assert.equal((await through('/api/studies', desk, { headers: forged })).code, 200);
    const records = (await service.must(['audit', 'search', '--json'])).out.trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(records.some((record) => JSON.stringify(record).includes('127.0.0.5')), 'the client is on record, not the proxy');
    assert.ok(!records.some((record) => JSON.stringify(record).includes('10.9.9.9')), 'nor who it says it is');
});

test('through nginx: a change comes from our own page, by its https name', { skip: needsNginx }, async () => {
    const change = (origin) => through('/api/studies/1/recall', desk, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', host: `localhost:${nginxPort}`, origin } });
    assert.notEqual((await change(`https://localhost:${nginxPort}`)).code, 403);
    assert.equal((await change(`http://localhost:${nginxPort}`)).code, 403);
    assert.equal((await change('https://evil.example')).code, 403);
});

test('a proxy says all of it, once and well-formed, or nobody is served', async () => {
    const pem = fs.readFileSync(desk.certificate, 'utf8');
    const good = { 'x-forwarded-for': '127.0.0.5', 'x-forwarded-proto': 'https', 'x-client-verify': 'SUCCESS', 'x-client-certificate': encodeURIComponent(pem) };
    const cases = [
        ['all of it', {}, 200],
        ['the last of three addresses', { 'x-forwarded-for': '10.9.9.9, 192.168.1.1, 10.1.2.3' }, 200],
        ['another proxy of ours behind the client', { 'x-forwarded-for': '10.1.2.3, 127.0.0.1' }, 200],
        ['an address of IPv6', { 'x-forwarded-for': '2001:db8::1' }, 200],
        ['plain HTTP on this machine', { 'x-forwarded-proto': 'http' }, 200],
        ['plain HTTP from elsewhere', { 'x-forwarded-for': '10.1.2.3', 'x-forwarded-proto': 'http' }, 403],
        ['no client', { 'x-forwarded-for': undefined }, 400],
        ['an empty client', { 'x-forwarded-for': '' }, 400],
        ['a client that is no address', { 'x-forwarded-for': 'unknown' }, 400],
        ['a client with a port', { 'x-forwarded-for': '10.1.2.3:4444' }, 400],
        ['an empty place in the list', { 'x-forwarded-for': '10.1.2.3, ' }, 400],
        ['addresses without a comma', { 'x-forwarded-for': '10.9.9.9 10.1.2.3' }, 400],
        ['clients on two lines', { 'x-forwarded-for': ['10.1.2.3', '10.1.2.4'] }, 400],
        ['no scheme', { 'x-forwarded-proto': undefined }, 400],
        ['another scheme', { 'x-forwarded-proto': 'wss' }, 400],
        ['schemes on two lines', { 'x-forwarded-proto': ['https', 'https'] }, 400],
        ['no certificate', { 'x-client-verify': 'NONE', 'x-client-certificate': undefined }, 403],
        ['no word of a certificate', { 'x-client-verify': undefined, 'x-client-certificate': undefined }, 403],
        ['a certificate without a word', { 'x-client-verify': undefined }, 403],
        ['a bad certificate', { 'x-client-verify': 'FAILED:certificate has expired' }, 403],
        ['another word', { 'x-client-verify': 'success' }, 403],
        ['success without a certificate', { 'x-client-certificate': undefined }, 400],
        ['success with an empty one', { 'x-client-certificate': '' }, 400],
        ['a certificate that is none', { 'x-client-certificate': 'desk' }, 400],
        ['half a certificate', { 'x-client-certificate': encodeURIComponent(pem.slice(0, pem.length / 2)) }, 400],
        ['a percent sign alone', { 'x-client-certificate': `${encodeURIComponent(pem)}%` }, 400],
        ['a percent sign and one digit', { 'x-client-certificate': `%4${encodeURIComponent(pem)}` }, 400],
        ['words on two lines', { 'x-client-verify': ['SUCCESS', 'SUCCESS'] }, 400],
        ['certificates on two lines', { 'x-client-certificate': [encodeURIComponent(pem), encodeURIComponent(pem)] }, 400],
    ];
    for (const [name, changed, code] of cases) {
        const headers = Object.fromEntries(Object.entries({ ...good, ...changed }).filter(([, value]) => value !== undefined));
        assert.equal((await past('/health', headers)).code, code, name);
    }
    assert.equal((await past('/health', good, '127.0.0.7')).code, 400, 'all of it, but not from the proxy');
    const direct = await past('/health', { 'x-forwarded-for': '127.0.0.5', 'x-forwarded-proto': 'https' }, '127.0.0.7');
    assert.equal(direct.code, 403, 'not from the proxy: no certificate either');
    assert.equal(direct.headers['strict-transport-security'], undefined, 'and not encrypted');
    assert.match(service.log, /127\.0\.0\.7 sends a client certificate in header lines, but is no proxy of ours/);
});
