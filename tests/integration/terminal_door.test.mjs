// RELIABILITY S9, S10, AZ-5, AZ-34: a terminal's certificate from end to end with accounts on, by HTTPS, behind nginx and for DICOM over TLS. None, one nobody
// issued, run out, of another use, of another authority, revoked, revoked while connected, another facility's: refused; the right one gets in.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Authority, selfSigned } from '../lib/certificates.mjs';
import { element, instance } from '../lib/part10.mjs';
import { Download, Listener, newPerson, Visitor } from '../lib/people.mjs';
import { freePort, listens, root, run, Service, sleep, start, temporaryFolder, until } from '../lib/service.mjs';
import { Peer } from '../lib/upper_layer.mjs';

const MIB = 1 << 20;
const SIZE = 120 * 512 * 512 * 2;
const accept = 'application/dicom';
const needsNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false;
const folder = temporaryFolder('kh-terminal-door');
const accounts = (factors) => ({ access: { accounts: 'on', factors, one_terminal: 'no' } });
let service, data, ca, dicomTls, target, server, north, south, token, bad;
const terminals = {};

function openssl(...args) {
    const done = spawnSync('openssl', args, { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
}
async function issue(facility, name) {
    const p12 = path.join(folder, `${facility}-${name}.p12`);
    const { password } = JSON.parse((await service.must(['terminal', 'issue', facility, name, '--out', p12, '--json'])).out);
    const both = `${p12}.pem`;
    openssl('pkcs12', '-legacy', '-in', p12, '-passin', `pass:${password}`, '-clcerts', '-nodes', '-out', both);
    return { key: both, certificate: both };
}
/** One who comes with that certificate. */
const at = (identity, from) => Object.assign(new Visitor(service, from), { identity });

before(async () => {
    dicomTls = await freePort();
    const made = instance([[0x00280008, element(0x00280008, 'IS', '120')], [0x00280010, element(0x00280010, 'US', 512)], [0x00280011, element(0x00280011, 'US', 512)],
        [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(SIZE, 7))]], { sopClass: '1.2.840.10008.5.1.4.1.1.7.3' });
    const file = path.join(folder, 'large.dcm');
    fs.writeFileSync(file, made.bytes);
    target = `/dicomweb/studies/${made.study}/series/${made.series}/instances/${made.uid}`;
    service = await Service.start({ files: [file], facility: 'north', settings: accounts('password') });
    data = path.join(service.dir, 'data');
    ca = path.join(data, 'ca/ca.pem');
    service.ca = ca;
    fill(data, 'facility north both', 'facility south both');
    north = await newPerson(service, 'north-doctor', 'north', 'doctor');
    ({ token } = north);
    south = await newPerson(service, 'south-doctor', 'south', 'doctor');
    for (const [facility, name] of [['north', 'desk'], ['north', 'old'], ['north', 'tablet'], ['north', 'scanner'], ['north', 'second'], ['south', 'desk']])
        terminals[`${facility}-${name}`] = await issue(facility, name);
    server = { certificate: path.join(folder, 'server.pem'), key: path.join(folder, 'server.key') };
    await service.must(['terminal', 'server-certificate', 'localhost', '127.0.0.1', '--out', server.certificate, '--key', server.key]);
    const [own, other] = [new Authority(folder, 'own'), new Authority(folder, 'other')];
    for (const name of ['ca.pem', 'ca.key']) fs.copyFileSync(path.join(data, 'ca', name), path.join(own.folder, name));
    bad = {
        none: null, 'self-signed': selfSigned(folder, 'self'), 'run out': own.issue('expired', { usage: 'clientAuth', days: [-20, -1] }),
        'not yet valid': own.issue('tomorrow', { usage: 'clientAuth', days: [1, 20] }), 'for a server': own.issue('server', { usage: 'serverAuth' }),
        'of another authority': other.issue('stranger', { usage: 'clientAuth' }), revoked: terminals['north-old'],
    };
    await service.must(['terminal', 'revoke', 'north', 'old', '--reason', 'stolen']);
    for (const [node, title, name] of [['scanner', 'SCANNER', 'north-scanner'], ['second', 'SECOND', 'north-second'], ['stolen', 'STOLEN', 'north-old']])
        await service.must(['node', 'add', node, '--ae-title', title, '--facility', 'north', '--tls', '--certificate', terminals[name].certificate]);
    const authority = { tls_client_ca: ca, tls_revoked: path.join(data, 'ca/revoked.pem'), tls_certificate: server.certificate, tls_key: server.key };
    await service.stop();
    service.writeConfig({ ...accounts('password+certificate'), http: { port: service.httpPort, ...authority },
        dicom: { address: '127.0.0.1', port: service.dicomPort, tls_address: '127.0.0.1', tls_port: dicomTls, ...authority } });
    service.url = `https://127.0.0.1:${service.httpPort}`;
    await service.launch();
});
after(async () => { await service?.stop(); });

const echo = async (identity, title) => (await run('echoscu', ['-aet', title, '-aec', 'KAKEHASHI', ...(identity ? ['+tls', identity.key, identity.certificate] : ['+tla', '-ic']), ...(identity ? ['+cf', ca] : []), '127.0.0.1', String(dicomTls)])).code;

test('the right one gets in: signs in, reads, and its node is served', async () => {
    const visitor = at(terminals['north-desk']);
    assert.equal((await visitor.signIn(north.login, north.password)).json.step, 'done');
    assert.equal((await visitor.ask(target, { headers: { accept, range: 'bytes=0-9' } })).code, 206);
    const { sessions } = (await visitor.ask('/api/account')).json;
    assert.equal(sessions.find((one) => one.current).terminal, 'desk', 'the terminal is told by its name');
    assert.equal((await at(terminals['north-desk']).ask('/api/studies', { headers: { authorization: `Bearer ${token}` } })).code, 200);
    assert.equal(await echo(terminals['north-scanner'], 'SCANNER'), 0);
});

test('none, and those that are not good, reach nothing: no page of ours, no signing in, no token, no events, no association', async () => {
    for (const [name, identity] of Object.entries(bad)) {
        const visitor = at(identity);
        for (const way of ['/api/session', '/api/studies', target, '/api/events', '/'])
            assert.equal((await visitor.ask(way)).code, 403, `${name}: ${way}`);
        assert.equal((await visitor.ask('/api/studies', { headers: { authorization: `Bearer ${token}` } })).code, 403, name);
        const signing = await visitor.ask('/api/session/sign-in', { method: 'POST', body: { login: north.login, password: north.password } });
        assert.equal(signing.code, 403, name);
        assert.equal(visitor.secret, undefined, name);
        assert.notEqual(await echo(identity, name === 'revoked' ? 'STOLEN' : 'SCANNER'), 0, name);
    }
});

test('another facility\'s: nobody signs in there, no cookie and no token is good there, no node is served', async () => {
    const there = at(terminals['south-desk']);
    const refused = await there.signIn(north.login, north.password);
    assert.equal(refused.code, 403);
    assert.equal((await there.ask('/api/studies')).code, 401);
    assert.equal((await there.signIn(south.login, south.password)).json.step, 'done', 'whose it is signs in');
    const here = at(terminals['north-desk']);
    assert.equal((await here.signIn(north.login, north.password)).json.step, 'done');
    const thief = at(terminals['south-desk']);
    thief.cookies = new Map(here.cookies);
    assert.equal((await thief.ask('/api/studies')).code, 401);
    const listener = new Listener(thief);
    await listener.ended;
    assert.equal(listener.code, 401);
    const sameHouse = at(terminals['north-tablet']);
    sameHouse.cookies = new Map(here.cookies);
    assert.equal((await sameHouse.ask('/api/studies')).code, 401, 'a cookie is one terminal\'s');
    assert.equal((await at(terminals['south-desk']).ask('/api/studies', { headers: { authorization: `Bearer ${token}` } })).code, 401);
    assert.equal((await here.ask('/api/studies')).code, 200);
    assert.notEqual(await echo(terminals['south-desk'], 'SCANNER'), 0);
    assert.notEqual(await echo(terminals['north-second'], 'SCANNER'), 0, 'a title and its certificate belong together');
});

test('revoked while connected: streams and downloads of cookie and token end, open connections are refused', async () => {
    const visitor = at(terminals['north-tablet']);
    assert.equal((await visitor.signIn(north.login, north.password)).json.step, 'done');
    const parts = [];
    for (const headers of [{}, { authorization: `Bearer ${token}`, cookie: null }]) {
        const [listener, download] = [new Listener(visitor, { headers }), new Download(visitor, target, { headers: { accept, ...headers }, stopAt: MIB })];
        await until('both are under way', () => listener.text.includes('retry:') && download.bytes >= MIB);
        parts.push({ listener, download });
    }
    await service.must(['terminal', 'revoke', 'north', 'tablet', '--reason', 'lost']);
    for (const { listener, download } of parts) {
        await listener.ended;
        await sleep(1000);
        download.goOn();
        assert.equal(await download.ended, 'broken');
        assert.ok(download.bytes < SIZE / 2);
    }
    await until('it is refused', async () => (await visitor.ask('/api/session')).code === 403);
    const here = at(terminals['north-desk']);
    assert.equal((await here.ask('/api/studies', { headers: { authorization: `Bearer ${token}` } })).code, 200, 'the token is good at another');
});

test('revoked while connected: an association that is open ends with the next message', async () => {
    const identity = terminals['north-second'];
    const [peer, other] = [await Peer.associate(dicomTls, { calling: 'SECOND', secure: { ...identity, ca } }), await Peer.associate(dicomTls, { calling: 'SCANNER', secure: { ...terminals['north-scanner'], ca } })];
    assert.deepEqual([await peer.echo(), await other.echo()], [0, 0]);
    await service.must(['terminal', 'revoke', 'north', 'second', '--reason', 'sold']);
    let id = 1;
    await until('it is shut out', () => peer.echo(++id).then((status) => status !== 0, () => true), { everyMs: 100 });
    await peer.closed;
    assert.equal(await other.echo(2), 0, 'nobody else is');
    await other.release();
    await until('the log tells', () => /an association ends, its peer's certificate is no longer good: .*revoked/.test(service.log));
    assert.notEqual(await echo(identity, 'SECOND'), 0);
});

test('behind nginx: its word counts, from the configured address only', { skip: needsNginx }, async () => {
    const nginxPort = await freePort();
    await service.stop();
    service.writeConfig({ ...accounts('password+certificate'), http: { port: service.httpPort, proxies: '127.0.0.1', names: 'images.example' } });
    service.url = `http://127.0.0.1:${service.httpPort}`;
    await service.launch();
    let sample = fs.readFileSync(path.join(root, 'docs/nginx.conf'), 'utf8');
    for (const [from, to] of [['127.0.0.1:8080', `127.0.0.1:${service.httpPort}`], ['listen 443', `listen 127.0.0.1:${nginxPort}`], ['/etc/kakehashi/server.pem', server.certificate],
        ['/etc/kakehashi/server.key', server.key], ['/var/lib/kakehashi/ca/ca.pem', ca], ['/var/lib/kakehashi/ca/revoked.pem', path.join(data, 'ca/revoked.pem')]]) {
        assert.ok(sample.includes(from), from);
        sample = sample.replace(from, to);
    }
    fs.writeFileSync(path.join(folder, 'sample.conf'), sample);
    fs.writeFileSync(path.join(folder, 'nginx.conf'), `
user root; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
    include ${folder}/sample.conf;
}
`);
    const nginx = start('nginx', ['-p', folder, '-e', path.join(folder, 'error.log'), '-c', path.join(folder, 'nginx.conf')]);
    const direct = service.url;
    try {
        await until('nginx listens', () => listens(nginxPort)).catch((error) => { error.message += nginx.output; throw error; });
        service.url = `https://localhost:${nginxPort}`;
        const from = '127.0.0.5';
        const visitor = at(terminals['north-desk'], from);
        assert.equal((await visitor.signIn(north.login, north.password)).json.step, 'done');
        assert.equal((await visitor.ask('/api/studies')).code, 200);
        assert.notEqual((await at(terminals['south-desk'], from).signIn(north.login, north.password)).json?.step, 'done');
        const thief = at(terminals['south-desk'], from);
        thief.cookies = new Map(visitor.cookies);
        assert.equal((await thief.ask('/api/studies')).code, 401);
        for (const [name, identity] of Object.entries(bad)) assert.ok([400, 403].includes((await at(identity, from).ask('/api/session')).code), name);
        // past it
        service.url = direct;
        const forged = { 'x-forwarded-for': '10.1.2.3', 'x-forwarded-proto': 'https', 'x-client-verify': 'SUCCESS', 'x-client-certificate': encodeURIComponent(fs.readFileSync(terminals['north-desk'].certificate, 'utf8')) };
        const stranger = at(null, '127.0.0.7');
        stranger.cookies = new Map(visitor.cookies);
        assert.equal((await stranger.ask('/api/studies', { headers: forged })).code, 400, 'not from the proxy\'s address');
        assert.equal((await stranger.ask('/api/studies')).code, 403);
    } finally {
        nginx.kill('SIGQUIT');
        await nginx.ended;
    }
});
