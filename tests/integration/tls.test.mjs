// DICOM by TLS (PS3.15 B.12, RELIABILITY S9, S10): stock DCMTK tools and openssl's client against the service: who is let in, who is
// not and why, protocol versions and suites, certificates that change under load, peers that are silent in the handshake; and the
// service as the one who calls.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Authority, fingerprint, selfSigned } from '../lib/certificates.mjs';
import { Service, freePort, must, phantomFiles, run, sleep, start, temporaryFolder, until } from '../lib/service.mjs';

const folder = temporaryFolder('kh-tls');
let ca, other, city, west, ours, service, tlsPort, certificates;

const plain = (port = service.dicomPort) => ['127.0.0.1', String(port)];
const tls = (identity, port = tlsPort) => ['+tls', identity.key, identity.certificate, '+cf', ca.file, '127.0.0.1', String(port)];
/** echoscu's end: 'served', or what was said. */
async function echo(args, calling = 'CITYPACS', called = 'KAKEHASHI') {
    const { code, output } = await run('echoscu', ['-v', '-aet', calling, '-aec', called, ...args]);
    return code === 0 ? 'served' : output;
}

before(async () => {
    ca = new Authority(folder, 'region');
    other = new Authority(folder, 'elsewhere');
    city = ca.issue('city');
    west = ca.issue('west');
    ours = ca.issue('kakehashi');
    certificates = {
        expired: ca.issue('expired', { days: [-20, -1] }),
        tomorrow: ca.issue('tomorrow', { days: [1, 20] }),
        server: ca.issue('server', { usage: 'serverAuth' }),
        stranger: other.issue('stranger'),
        self: selfSigned(folder, 'self'),
        revoked: ca.issue('revoked'),
        renewed: ca.issue('renewed', { algorithm: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] }),
    };
    ca.revoke(certificates.revoked);
    tlsPort = await freePort();
    service = await Service.start({
        settings: {
            dicom: {
                tls_address: '127.0.0.1', tls_port: tlsPort, tls_certificate: ours.certificate, tls_key: ours.key,
                tls_client_ca: ca.file, tls_revoked: ca.list(), associate_timeout: '3 s', associations_per_address: 100,
            },
        },
        nodes: [
            ['city', '--ae-title', 'CITYPACS', '--facility', 'city', '--tls', '--fingerprint', `${fingerprint(city)},${fingerprint(certificates.renewed)}`, '--may', 'store,find,move'],
            ['west', '--ae-title', 'WESTPACS', '--facility', 'west', '--tls', '--certificate', west.certificate],
            ['plain', '--ae-title', 'PLAIN', '--facility', 'city'],
            ['bound', '--ae-title', 'REVOKED', '--facility', 'city', '--tls', '--certificate', certificates.revoked.certificate],
            ['away', '--ae-title', 'AWAY', '--facility', 'city', '--tls', '--certificate', city.certificate, '--from', '10.1.2.0/24'],
        ],
    });
});
after(async () => { await service?.stop(); });

test('who is bound to TLS is served there and refused without', async () => {
    assert.equal(await echo(tls(city)), 'served');
    assert.equal(await echo(tls(certificates.renewed)), 'served', 'the second certificate of two');
    assert.match(await echo(plain()), /Calling AE Title Not Recognized/);
    assert.equal(await echo(plain(), 'PLAIN'), 'served');
    assert.match(await echo(tls(city), 'PLAIN'), /Calling AE Title Not Recognized/);
    assert.match(service.log, /CITYPACS to KAKEHASHI: node with that AE title: it may call by TLS only/);
    assert.match(service.log, /association \d+ from city \(127\.0\.0\.1\), CITYPACS to KAKEHASHI, \(?TLS1\.3/);
    assert.match(service.log, /association \d+ from plain \(127\.0\.0\.1\), PLAIN to KAKEHASHI, no TLS: .* 1 echoes, .* released/);
});

test('AE title, certificate and address belong together', async () => {
    assert.match(await echo(tls(west)), /Calling AE Title Not Recognized/);
    assert.match(service.log, /its certificate is not the one bound to it/);
    assert.equal(await echo(tls(west), 'WESTPACS'), 'served');
    assert.match(await echo(tls(city), 'AWAY'), /Calling AE Title Not Recognized/);
    assert.match(service.log, /it may not call from that address/);
    assert.match(await echo(tls(city), 'NOBODY'), /Calling AE Title Not Recognized/);
    assert.match(await echo(tls(city), 'CITYPACS', 'OTHER'), /Called AE Title Not Recognized/);
});

test('certificates that are no good are refused in the handshake', async () => {
    const words = {
        expired: /expired/, tomorrow: /not yet/i, server: /purpose|not allowed/i, stranger: /issuer is unknown|not trusted/i,
        self: /issuer is unknown|not trusted/i, revoked: /revoked/,
    };
    for (const [name, expected] of Object.entries(words)) {
        const seen = service.log.length;
        assert.notEqual(await echo(tls(certificates[name]), name === 'revoked' ? 'REVOKED' : 'CITYPACS'), 'served', name);
        await until(`${name} is in the log`, () => expected.test(service.log.slice(seen)));
    }
    const seen = service.log.length;
    assert.notEqual(await echo(['+tla', '-ic', '127.0.0.1', String(tlsPort)]), 'served', 'no certificate');
    assert.notEqual(await echo(plain(tlsPort)), 'served', 'no TLS on the port for it');
    assert.notEqual(await echo(tls(city, service.dicomPort)), 'served', 'TLS on the port without');
    assert.match(service.log.slice(seen), /a TLS handshake on the port without TLS/);
});

/** Does openssl's client come through, with these options? With TLS 1.3 a client learns of a refusal only when it reads. */
async function handshake(options, identity = city) {
    const given = identity ? ['-cert', identity.certificate, '-key', identity.key] : [];
    const { output } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${tlsPort}`, '-CAfile', ca.file, '-verify_return_error', '-ign_eof', ...given, ...options], { input: 'not DICOM\r\n' });
    // What is sent is no PDU: who came through is answered with an A-ABORT, 07 00 00 00 00 04, or just closed; who did not, with an alert.
    return /alert|error:/i.test(output) ? 'refused' : /Cipher is \(NONE\)/.test(output) ? 'refused' : /Cipher is (\S+)/.exec(output)?.[1] ?? 'refused';
}

test('protocol versions, suites and groups: TLS 1.3 alone, then 1.2 with AEAD only', async () => {
    const table = [
        [['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'], 'both'],
        [['-tls1_3', '-ciphersuites', 'TLS_AES_256_GCM_SHA384'], 'both'],
        [['-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], 'none'],
        [['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256'], 'none'],
        [['-tls1_3', '-groups', 'X25519'], 'both'],
        [['-tls1_3', '-groups', 'P-256'], 'both'],
        [['-tls1_3', '-groups', 'P-384'], 'both'],
        [['-tls1_3', '-groups', 'X448'], 'none'],
        [['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], '1.2'],
        [['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-GCM-SHA384'], '1.2'],
        [['-tls1_2', '-cipher', 'DHE-RSA-AES128-GCM-SHA256'], '1.2'],
        [['-tls1_2', '-cipher', 'DHE-RSA-AES256-GCM-SHA384'], '1.2'],
        [['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA256'], 'none'],
        [['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-SHA'], 'none'],
        [['-tls1_2', '-cipher', 'DHE-RSA-AES128-SHA256'], 'none'],
        [['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], 'none'],
        [['-tls1_2', '-cipher', 'AES128-SHA'], 'none'],
        [['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305'], 'none'],
        [['-tls1_2', '-cipher', 'NULL-SHA256:@SECLEVEL=0'], 'none'],
        [['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], 'none'],
        [['-tls1', '-cipher', 'ALL:@SECLEVEL=0'], 'none'],
    ];
    const first = await Promise.all(table.map(([options]) => handshake(options)));
    table.forEach(([options, who], i) => assert.equal(first[i] !== 'refused', who === 'both', `1.3 alone: ${options.join(' ')} ${first[i]}`));
    assert.equal(await handshake(['-tls1_3'], null), 'refused', 'no certificate');

    await service.stop();
    fs.writeFileSync(service.config, fs.readFileSync(service.config, 'utf8').replace('[dicom]\n', '[dicom]\ntls_1_2 = yes\n'));
    await service.launch();
    const second = await Promise.all(table.map(([options]) => handshake(options)));
    table.forEach(([options, who], i) => assert.equal(second[i] !== 'refused', who !== 'none', `1.2 too: ${options.join(' ')} ${second[i]}`));
    assert.equal(await handshake(['-tls1_2'], null), 'refused', 'no certificate');
    assert.equal(await handshake(['-tls1_2'], certificates.expired), 'refused', 'expired');
    assert.notEqual(await handshake(['-tls1_2', '-no_ticket', '-reconnect']), 'refused');
});

test('objects and queries by TLS are what they are without', async () => {
    const files = phantomFiles(54);
    await must('storescu', ['-aet', 'CITYPACS', '-aec', 'KAKEHASHI', ...tls(city), ...files]);
    const held = await service.objects('city');
    assert.equal(Object.keys(held).length, files.length);
    const found = await must('findscu', ['-S', '-aet', 'CITYPACS', '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', 'StudyInstanceUID', ...tls(city)]);
    assert.match(found.output, /Find Response: 1/);
    const unencrypted = await run('storescu', ['-aet', 'CITYPACS', '-aec', 'KAKEHASHI', ...plain(), files[0]]);
    assert.notEqual(unencrypted.code, 0, 'nothing is taken from it without TLS');
});

test('silent and slow handshakes hold nobody up and end in time', async () => {
    const silent = Array.from({ length: 60 }, () => net.connect(tlsPort, '127.0.0.1'));
    const dripping = net.connect(tlsPort, '127.0.0.1');
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
    let at = 0;
    const drip = setInterval(() => { if (at < hello.length && dripping.writable) dripping.write(hello.subarray(at, ++at)); }, 200);
    const closed = [...silent, dripping].map((socket) => new Promise((resolve) => { socket.on('error', () => {}); socket.on('close', resolve); socket.resume(); }));
    await sleep(300);
    assert.equal(await echo(tls(city)), 'served');
    assert.equal(await echo(plain(), 'PLAIN'), 'served');
    await Promise.all(closed); // within associate_timeout, or the test runs into its own
    clearInterval(drip);
    assert.match(service.log, /no TLS handshake in time/);
});

test('certificates are read anew while associations come and go; a bad file changes nothing', async () => {
    const replaced = ca.issue('kakehashi-2');
    let stopping = false;
    let count = 0;
    const load = Array.from({ length: 3 }, async () => {
        while (!stopping) { assert.equal(await echo(tls(city)), 'served'); count++; }
    });
    const shown = async () => (await run('openssl', ['s_client', '-connect', `127.0.0.1:${tlsPort}`, '-cert', city.certificate, '-key', city.key])).output;

    fs.writeFileSync(ours.certificate, 'no certificate\n');
    await until('the log says that the file is bad', () => /the certificates before stay in use/.test(service.log));
    assert.match(await shown(), /CN ?= ?kakehashi\b(?!-)/);
    assert.equal(await echo(tls(city)), 'served');

    const before = service.log.length;
    fs.copyFileSync(replaced.key, ours.key);
    fs.copyFileSync(replaced.certificate, ours.certificate);
    await until('both files are taken', async () => /CN ?= ?kakehashi-2/.test(await shown()));
    assert.match(service.log.slice(before), /were read anew/);

    ca.revoke(west);
    ca.list();
    await until('the revoked one is refused', async () => (await echo(tls(west), 'WESTPACS')) !== 'served');
    const told = service.log.length;
    service.child.kill('SIGHUP');
    await until('SIGHUP reads them at once', () => /were read anew/.test(service.log.slice(told)));
    stopping = true;
    await Promise.all(load);
    assert.ok(count > 0);
});

test('the service calls by TLS: echo and send to a stock storescp, which must be who it says', async () => {
    const port = await freePort();
    const unnamed = await freePort();
    const received = temporaryFolder('kh-tls-received');
    const anonymous = ca.issue('anonymous', { hosts: 'DNS:pacs.example' });
    const archive = start('storescp', ['-od', received, '-aet', 'ARCHIVE', '+tls', city.key, city.certificate, '+cf', ca.file, String(port)]);
    const wrong = start('storescp', ['-od', received, '-aet', 'ARCHIVE', '+tls', anonymous.key, anonymous.certificate, '+cf', ca.file, String(unnamed)]);
    const bare = await freePort();
    const unencrypted = start('storescp', ['-od', received, '-aet', 'ARCHIVE', String(bare)]);

    await service.must(['node', 'add', 'archive', '--ae-title', 'ARCHIVE', '--facility', 'city', '--host', '127.0.0.1', '--port', String(port), '--tls', '--may', 'nothing']);
    await service.must(['node', 'add', 'wrong', '--ae-title', 'ARCHIVE', '--facility', 'city', '--host', '127.0.0.1', '--port', String(unnamed), '--tls', '--may', 'nothing']);
    await service.must(['node', 'add', 'bare', '--ae-title', 'ARCHIVE', '--facility', 'city', '--host', '127.0.0.1', '--port', String(bare), '--tls', '--may', 'nothing']);
    await until('storescp answers', async () => (await service.command(['node', 'echo', 'archive'])).code === 0);
    assert.match((await service.must(['node', 'echo', 'archive'])).output, /node archive answers, [\d.]+ ms/);
    const refused = await service.command(['node', 'echo', 'wrong']);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /name|hostname/i);
    assert.equal((await service.command(['node', 'echo', 'bare'])).code, 1, 'never without encryption');
    const study = (await service.studies())[0];
    await service.must(['send', 'archive', '--study', study.uid]);
    assert.equal(fs.readdirSync(received).length, phantomFiles(54).length);
    for (const child of [archive, wrong, unencrypted]) { child.kill(); await child.ended; }
});
