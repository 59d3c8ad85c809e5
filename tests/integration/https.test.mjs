// HTTPS in the program itself (RELIABILITY S9, AZ-34): protocol versions, suites and groups; certificates of terminals that are good and that
// are not, on connections that are new and that are open; certificates that change under load; plain HTTP, other names, forged header lines.
// The other side is openssl's client and Node's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { Authority, selfSigned } from '../lib/certificates.mjs';
import { Service, phantomFiles, program, run, temporaryFolder, until } from '../lib/service.mjs';

const folder = temporaryFolder('kh-https');
const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
let ca, other, ours, desk, certificates, service, port;

before(async () => {
    ca = new Authority(folder, 'region');
    other = new Authority(folder, 'elsewhere');
    ours = ca.issue('images', { usage: 'serverAuth', algorithm: P256, hosts: 'DNS:localhost, DNS:images.example, IP:127.0.0.1' });
    desk = ca.issue('desk', { usage: 'clientAuth', algorithm: P256 });
    certificates = {
        expired: ca.issue('expired', { days: [-20, -1] }),
        'not yet valid': ca.issue('tomorrow', { days: [1, 20] }),
        'wrong use': ca.issue('server', { usage: 'serverAuth' }),
        'of another authority': other.issue('stranger'),
        'self-signed': selfSigned(folder, 'self'),
        revoked: ca.issue('revoked'),
    };
    ca.revoke(certificates.revoked);
    service = await Service.start({
        settings: {
            http: {
                tls_certificate: ours.certificate, tls_key: ours.key, tls_client_ca: ca.file, tls_revoked: ca.list(),
                names: 'images.example, other.example',
            },
        },
        files: phantomFiles(6),
    });
    port = service.httpPort;
});
after(async () => { await service?.stop(); });

/** {code, headers, body, socket} over HTTPS, as the terminal with that certificate (null: without one). */
function ask(target, identity = desk, { headers = {}, agent, method = 'GET', body } = {}) {
    return new Promise((resolve, reject) => {
        const shown = identity && { key: fs.readFileSync(identity.key), cert: fs.readFileSync(identity.certificate) };
        const request = https.request({
            host: '127.0.0.1', port, path: target, method, servername: 'localhost', ca: fs.readFileSync(ca.file), headers, agent: agent ?? false, ...shown,
        }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('error', reject);
            answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
        });
        request.on('error', reject);
        request.end(body);
    });
}

test('it says https when it is ready, and what it answers is told to stay encrypted', async () => {
    assert.match(service.log, /^ready: https:\/\/127\.0\.0\.1:\d+\/$/m);
    const answer = await ask('/');
    assert.equal(answer.code, 200);
    assert.match(answer.headers['strict-transport-security'], /^max-age=31536000/);
    assert.match(answer.headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
});

test('pictures, large answers and streams of events are the same over TLS', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 4 });
    const { studies } = JSON.parse((await ask('/api/studies', desk, { agent })).body);
    const study = JSON.parse((await ask(`/api/studies/${studies[0].id}`, desk, { agent })).body);
    const series = study.series_list[0];
    const stack = JSON.parse((await ask(`/api/series/${series.id}/stack`, desk, { agent })).body);
    await Promise.all(stack.slices.map(async (slice) => {
        const tile = await ask(`/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg`, desk, { agent });
        assert.equal(tile.code, 200);
        assert.deepEqual([...tile.body.subarray(0, 2)], [0xff, 0xd8]);
        assert.deepEqual([...tile.body.subarray(-2)], [0xff, 0xd9]);
    }));
    const object = stack.objects[stack.slices[0].object];
    const whole = await ask(`/dicomweb/studies/${study.uid}/series/${series.uid}/instances/${object.sop_uid}`, desk, { agent });
    assert.equal(whole.code, 200);
    const file = phantomFiles(6).map((name) => fs.readFileSync(name)).find((bytes) => bytes.includes(object.sop_uid));
    assert.ok(file && whole.body.includes(file.subarray(-512 * 512 * 2)), 'the pixels of the file, bit by bit');
    agent.destroy();
    await new Promise((resolve, reject) => {
        const request = https.get({ host: '127.0.0.1', port, path: '/api/events', servername: 'localhost', ca: fs.readFileSync(ca.file), agent: false,
            key: fs.readFileSync(desk.key), cert: fs.readFileSync(desk.certificate), headers: { accept: 'text/event-stream' } }, (answer) => {
            assert.equal(answer.statusCode, 200);
            answer.once('data', () => { request.destroy(); resolve(); });
        });
        request.on('error', (error) => { if (error.code !== 'ECONNRESET') reject(error); });
    });
});

/** What openssl's client comes to, with these options: the suite, or 'refused'. */
async function handshake(options, identity = desk) {
    const given = identity ? ['-cert', identity.certificate, '-key', identity.key] : [];
    const { output } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', ca.file, '-verify_return_error', '-ign_eof', ...given, ...options],
        { input: 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' });
    return /HTTP\/1\.1 200/.test(output) ? /Cipher is (\S+)/.exec(output)?.[1] ?? 'none' : 'refused';
}

const table = [
    [['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'], 'both'],
    [['-tls1_3', '-ciphersuites', 'TLS_AES_256_GCM_SHA384'], 'both'],
    [['-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], 'none'],
    [['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256'], 'none'],
    [['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_8_SHA256'], 'none'],
    [['-tls1_3', '-groups', 'X25519'], 'both'],
    [['-tls1_3', '-groups', 'P-256'], 'both'],
    [['-tls1_3', '-groups', 'P-384'], 'both'],
    [['-tls1_3', '-groups', 'P-521'], 'both'],
    [['-tls1_3', '-groups', 'X448'], 'none'],
    [['-tls1_3', '-sigalgs', 'ECDSA+SHA256'], 'both'],
    [['-tls1_3', '-sigalgs', 'RSA-PSS+SHA256'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'], '1.2'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-GCM-SHA384'], '1.2'],
    [['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-SHA'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-CCM'], 'none'],
    [['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], 'none'],
    [['-tls1_2', '-cipher', 'AES128-SHA'], 'none'],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0'], 'none'],
    [['-tls1_2', '-cipher', 'AECDH-AES128-SHA:@SECLEVEL=0'], 'none'],
    [['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], 'none'],
    [['-tls1', '-cipher', 'ALL:@SECLEVEL=0'], 'none'],
];

test('protocol versions, suites, groups and signatures: TLS 1.3 alone', async () => {
    for (const [options, who] of table)
        assert.equal(await handshake(options) !== 'refused', who === 'both', options.join(' '));
});

const page = { accept: 'text/html,application/xhtml+xml' };

test('no session is resumed: no ticket is given, and each connection shakes hands anew (decision 17)', async () => {
    const open = (session) => new Promise((resolve, reject) => {
        const shown = { key: fs.readFileSync(desk.key), cert: fs.readFileSync(desk.certificate) };
        const tickets = [];
        let text = '';
        const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: fs.readFileSync(ca.file), session, ...shown },
            () => socket.write('GET /api/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
        socket.on('session', (ticket) => tickets.push(ticket)); // when a ticket comes, which would be with or before the answer
        socket.on('data', (part) => { text += part; });
        socket.on('error', reject);
        socket.on('close', () => resolve({ text, tickets: tickets.length, reused, session: taken }));
        let reused, taken;
        socket.on('secureConnect', () => { reused = socket.isSessionReused(); taken = socket.getSession(); });
    });
    const first = await open();
    assert.match(first.text, /^HTTP\/1\.1 200/);
    const second = await open(first.session);
    assert.match(second.text, /^HTTP\/1\.1 200/);
    assert.deepEqual([first, second].map(({ tickets, reused }) => [tickets, reused]), [[0, false], [0, false]]);
});

test('a terminal is served with a good certificate only; people are sent to where they get one', async () => {
    assert.equal((await ask('/api/studies')).code, 200);
    for (const [name, identity] of [...Object.entries(certificates), ['none', null]]) {
        for (const target of ['/', '/api/studies', '/dicomweb/studies', '/tiles/1/1-0/0/0/0.jpg', '/health', '/nothing']) {
            const answer = await ask(target, identity);
            assert.equal(answer.code, 403, `${name}: ${target}`);
            assert.ok(answer.body.length < 200, `${name}: ${target}`);
        }
        const sent = await ask('/', identity, { headers: page });
        assert.deepEqual([sent.code, sent.headers.location], [303, '/install'], name);
        assert.notEqual((await ask('/install', identity)).code, 403, name);
        assert.equal((await ask('/installed', identity)).code, 403, `${name}: an address that only begins like it`);
    }
    for (const words of [/revoked/, /expired/, /not yet/i, /purpose|not allowed/i, /issuer is unknown|not trusted/i]) assert.match(service.log, words);
});

test('a certificate revoked by the list is refused on the connection that is open', async () => {
    const leaving = ca.issue('leaving', { usage: 'clientAuth', algorithm: P256 });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await ask('/api/studies', leaving, { agent })).code, 200);
    ca.revoke(leaving);
    ca.list();
    await until('its next request is refused', async () => (await ask('/api/studies', leaving, { agent })).code === 403);
    assert.equal((await ask('/api/studies', desk)).code, 200, 'and nobody else\'s');
    agent.destroy();
});

test('files are read anew without a restart; connections live on; a file that is not good changes nothing', async () => {
    const shown = async () => (await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-cert', desk.certificate, '-key', desk.key])).output;
    const kept = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const before = [fs.readFileSync(ours.certificate), fs.readFileSync(ours.key)];
    let stopping = false, count = 0;
    const load = Array.from({ length: 3 }, async () => {
        while (!stopping) { assert.equal((await ask('/health')).code, 200); count++; }
    });
    assert.equal((await ask('/health', desk, { agent: kept })).code, 200);
    const socket = Object.values(kept.freeSockets)[0]?.[0];

    const old = ca.issue('run-out', { usage: 'serverAuth', algorithm: P256, days: [-20, -1] });
    const bad = [['no certificate\n', before[1]], [fs.readFileSync(old.certificate), fs.readFileSync(old.key)], [before[0].subarray(0, before[0].length / 2), before[1]]];
    for (const [certificate, key] of bad) {
        const seen = service.log.length;
        fs.writeFileSync(ours.key, key);
        fs.writeFileSync(ours.certificate, certificate);
        await until('the log says that the file is bad', () => /the certificates before stay in use/.test(service.log.slice(seen)));
        assert.match(await shown(), /CN ?= ?images\b(?!-)/);
    }
    assert.match(service.log, /has run out/);

    const seen = service.log.length;
    const next = ca.issue('images-2', { usage: 'serverAuth', algorithm: P256 });
    fs.copyFileSync(next.key, ours.key);
    fs.copyFileSync(next.certificate, ours.certificate);
    await until('both files are taken', async () => /CN ?= ?images-2/.test(await shown()));
    assert.match(service.log.slice(seen), /were read anew/);
    assert.equal((await ask('/health', desk, { agent: kept })).code, 200);
    assert.equal(Object.values(kept.freeSockets)[0]?.[0], socket, 'the connection from before is still there');

    const told = service.log.length;
    service.child.kill('SIGHUP');
    await until('SIGHUP reads them at once', () => /were read anew/.test(service.log.slice(told)));
    stopping = true;
    await Promise.all(load);
    assert.ok(count > 0);
    kept.destroy();
});

test('what changes something comes from our own encrypted page', async () => {
    const change = (headers) => ask('/api/studies/1/recall', desk, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', host: `localhost:${port}`, ...headers } });
    assert.notEqual((await change({ origin: `https://localhost:${port}` })).code, 403);
    assert.equal((await change({ origin: `http://localhost:${port}` })).code, 403);
    assert.equal((await change({ origin: 'https://evil.example' })).code, 403);
});

test('names: ours are served, others are not', async () => {
    for (const [host, code] of [['images.example', 200], [`images.example:${port}`, 200], ['OTHER.example', 200], ['localhost', 200], ['127.0.0.1', 200],
        ['evil.example', 421], ['images.example.evil.example', 421], ['images', 421], ['xn--images.example', 421], ['images.example:x', 421]])
        assert.equal((await ask('/health', desk, { headers: { host } })).code, code, host);
});

test('plain HTTP on the port of HTTPS is not answered; header lines of a proxy are not believed', async () => {
    const plain = await new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'));
        let got = '';
        socket.on('data', (data) => { got += data.toString('latin1'); });
        socket.on('error', () => {});
        socket.on('close', () => resolve(got));
    });
    assert.doesNotMatch(plain, /HTTP\/1/);
    const pem = encodeURIComponent(fs.readFileSync(desk.certificate, 'utf8'));
    assert.equal((await ask('/health', null, { headers: { 'x-client-verify': 'SUCCESS', 'x-client-certificate': pem } })).code, 400);
    assert.equal((await ask('/health', null, { headers: { 'x-forwarded-for': '10.1.2.3', 'x-forwarded-proto': 'https' } })).code, 403);
    assert.equal((await ask('/health', desk, { headers: { 'x-forwarded-for': '10.1.2.3' } })).code, 200);
    assert.match(service.log, /sends a client certificate in header lines, but is no proxy of ours: refused/);
    assert.match(service.log, /sends X-Forwarded lines, but is no proxy of ours: they are ignored/);
});

test('TLS 1.2 by setting: AEAD with forward secrecy only; a certificate may be left away by setting', async () => {
    await service.stop();
    fs.writeFileSync(service.config, fs.readFileSync(service.config, 'utf8').replace('[http]\n', '[http]\ntls_1_2 = yes\nclient_certificates = optional\n'));
    await service.launch();
    for (const [options, who] of table)
        assert.equal(await handshake(options) !== 'refused', who !== 'none', options.join(' '));
    assert.notEqual(await handshake(['-tls1_2'], null), 'refused');
    assert.notEqual(await handshake(['-tls1_3'], null), 'refused');
    for (const [name, identity] of Object.entries(certificates)) {
        assert.equal(await handshake(['-tls1_2'], identity), 'refused', name);
        assert.equal(await handshake(['-tls1_3'], identity), 'refused', name);
    }
});

test('what is not safe does not start, and says what to do', async () => {
    const cases = [
        [{ address: '0.0.0.0' }, /plain HTTP stays on this machine: set tls_certificate and tls_key for HTTPS, or proxies/],
        [{ address: '0.0.0.0', tls_certificate: ours.certificate, tls_key: ours.key }, /\[http\] names: expected the host names/],
        [{ tls_certificate: ours.certificate, tls_key: desk.key }, /key|belong|match/i],
        [{ tls_certificate: path.join(folder, 'nowhere.pem'), tls_key: ours.key }, /nowhere\.pem/],
        [{ tls_certificate: certificates.expired.certificate, tls_key: certificates.expired.key }, /has run out/],
        [{ proxies: 'proxy.example' }, /\[http\] proxies: expected IPv4 addresses/],
    ];
    for (const [http, words] of cases) {
        const config = path.join(folder, 'refused.conf');
        fs.writeFileSync(config, `[service]\ndata_dir = ${path.join(folder, 'refused')}\n[dicom]\naddress = 127.0.0.1\nport = 0\n[http]\nport = 0\n${Object.entries(http).map(([key, value]) => `${key} = ${value}\n`).join('')}`);
        const { code, output } = await run(program, ['serve', '--config', config]);
        assert.notEqual(code, 0, JSON.stringify(http));
        assert.match(output, words);
    }
});
