// Terminals from issue to revocation (AZ-5, AZ-34, RELIABILITY S9): the network's own authority gives the service and its terminals
// certificates; a link that is good once; a certificate that is renewed; one that is revoked, on HTTP on a connection that is open, and on
// DIMSE by the same list. The other side is openssl, Node's HTTPS and DCMTK.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fingerprint } from '../lib/certificates.mjs';
import { Service, freePort, phantomFiles, run, temporaryFolder, until } from '../lib/service.mjs';

const folder = temporaryFolder('kh-terminals');
let service, data, port, dicomTlsPort;

const terminal = (...words) => service.command(['terminal', ...words]);
const json = async (...words) => {
    const { code, out, output } = await terminal(...words, '--json');
    assert.equal(code, 0, output);
    return JSON.parse(out);
};
function openssl(...args) {
    const done = spawnSync('openssl', args, { encoding: 'utf8' });
    return { code: done.status, output: done.stdout + done.stderr };
}
/** {key, certificate} of files, out of a PKCS#12. */
function unpack(p12, password) {
    const base = p12.replace(/\.p12$/, '');
    const identity = { key: `${base}.key`, certificate: `${base}.pem` };
    const common = ['pkcs12', '-legacy', '-in', p12, '-passin', `pass:${password}`];
    assert.equal(openssl(...common, '-nocerts', '-nodes', '-out', identity.key).code, 0);
    assert.equal(openssl(...common, '-clcerts', '-nokeys', '-out', identity.certificate).code, 0);
    return identity;
}
async function issued(facility, name, ...options) {
    const file = path.join(folder, `${facility}-${name}-${Math.random().toString(36).slice(2)}.p12`);
    const { password } = await json(options[0] === 'renew' ? 'renew' : 'issue', facility, name, '--out', file, ...options.slice(options[0] === 'renew' ? 1 : 0));
    return unpack(file, password);
}
function ask(target, identity = null, { agent, method = 'GET', headers } = {}) {
    return new Promise((resolve, reject) => {
        const shown = identity && { key: fs.readFileSync(identity.key), cert: fs.readFileSync(identity.certificate) };
        const request = https.request({ host: '127.0.0.1', port, path: target, method, headers, servername: 'localhost', ca: fs.readFileSync(path.join(data, 'ca/ca.pem')), agent: agent ?? false, ...shown }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('error', reject);
            answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
        });
        request.on('error', reject);
        request.end();
    });
}

before(async () => {
    dicomTlsPort = await freePort();
    service = await Service.start({ files: phantomFiles(6) });
    data = path.join(service.dir, 'data');
    port = service.httpPort;
    const [server, key] = [path.join(folder, 'server.pem'), path.join(folder, 'server.key')];
    for (const code of ['kaede-clinic', 'sakura-hospital'])
        await service.must(['facility', 'add', code, '--name', code, '--kind', 'clinic']);
    await service.must(['terminal', 'server-certificate', 'localhost', '127.0.0.1', '--out', server, '--key', key]);
    await service.stop();
    const authority = `tls_client_ca = ${data}/ca/ca.pem\ntls_revoked = ${data}/ca/revoked.pem\ntls_certificate = ${server}\ntls_key = ${key}\n`;
    fs.writeFileSync(service.config, fs.readFileSync(service.config, 'utf8')
        .replace('[http]\n', `[http]\n${authority}`)
        .replace('[dicom]\n', `[dicom]\ntls_address = 127.0.0.1\ntls_port = ${dicomTlsPort}\n${authority}`));
    await service.launch();
});
after(async () => { await service?.stop(); });

test('the authority: one for the network, its key for nobody else, a list from the first moment', async () => {
    const own = await json('ca');
    assert.equal(own.fingerprint, fingerprint({ certificate: own.certificate }).replaceAll(':', '').toLowerCase());
    assert.equal(fs.statSync(path.join(data, 'ca/ca.key')).mode & 0o777, 0o600);
    assert.match(openssl('crl', '-in', own.revocation_list, '-CAfile', own.certificate, '-noout').output, /verify OK/);
    const copy = path.join(folder, 'copy.pem');
    assert.equal((await terminal('ca', '--out', copy)).code, 0);
    assert.deepEqual(fs.readFileSync(copy), fs.readFileSync(own.certificate));
    assert.equal((await terminal('ca', '--out', copy)).code, 1, 'a file that is there is left alone');
});

test('a file: good for a terminal and nothing else; who has none is not served', async () => {
    const desk = await issued('kaede-clinic', 'desk');
    assert.equal((await ask('/api/studies', desk)).code, 200);
    assert.equal((await ask('/api/studies')).code, 403);
    assert.match(openssl('verify', '-CAfile', path.join(data, 'ca/ca.pem'), '-purpose', 'sslserver', desk.certificate).output, /purpose/);
    assert.match(openssl('x509', '-in', desk.certificate, '-noout', '-subject').output, /CN = desk, O = kaede-clinic/);
    const again = await terminal('issue', 'kaede-clinic', 'desk', '--out', path.join(folder, 'again.p12'));
    assert.equal(again.code, 1);
    assert.match(again.output, /has a certificate that is good/);
    assert.ok(!fs.existsSync(path.join(folder, 'again.p12')));
    assert.match((await terminal('issue', 'nowhere', 'desk', '--link')).output, /no such facility/);
    assert.equal((await terminal('issue', 'kaede-clinic', 'desk2')).code, 2, 'neither file nor link');
});

test('a link: without a certificate, once, with words on what to do', async () => {
    const offer = await json('issue', 'kaede-clinic', 'tablet 1', '--link', '--antivirus', 'Defender');
    const at = new URL(offer.link).pathname;
    assert.match(at, /^\/install\/[A-Za-z0-9_-]{43}$/);
    const plain = await ask('/install');
    assert.equal(plain.code, 200);
    assert.doesNotMatch(plain.body.toString(), /terminal\.p12" download|@secret@|すでに使われた/);
    const page = await ask(at);
    assert.equal(page.code, 200);
    const text = page.body.toString();
    for (const words of [/lang="ja"/, /lang="en"/, /Windows/, /macOS/, /iPad/, /キーチェーン/]) assert.match(text, words);
    assert.ok(text.includes(`href="${at}/terminal.p12"`));
    assert.doesNotMatch(text, /<script|<style| style=| on[a-z]+=/, 'nothing that our policy forbids');
    assert.match(page.headers['content-security-policy'], /script-src 'self'/);
    assert.doesNotMatch(page.headers['content-security-policy'], /unsafe/);
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.match((await ask('/install/style.css')).headers['content-type'], /^text\/css/);
    const authority = await ask('/install/kakehashi-ca.crt');
    assert.deepEqual(authority.body, fs.readFileSync(path.join(data, 'ca/ca.pem')));
    assert.equal((await ask(`${at}/terminal.p12`, null, { method: 'HEAD' })).code, 200, 'looking does not use it up');
    const file = await ask(`${at}/terminal.p12`);
    assert.equal(file.code, 200);
    assert.equal(file.headers['content-type'], 'application/x-pkcs12');
    assert.equal(file.headers['cache-control'], 'no-store');
    fs.writeFileSync(path.join(folder, 'tablet.p12'), file.body);
    assert.equal((await ask('/api/studies', unpack(path.join(folder, 'tablet.p12'), offer.password))).code, 200);
    for (const gone of [at, `${at}/terminal.p12`, '/install/nothing', `/install/${'A'.repeat(43)}`, `/install/${'A'.repeat(43)}/terminal.p12`]) {
        const answer = await ask(gone);
        assert.equal(answer.code, 404, gone);
        assert.match(answer.body.toString(), /すでに使われたか、期限が切れています[^]*新しいリンクを依頼[^]*has been used or has run out/, 'who comes late is told what to do');
        assert.doesNotMatch(answer.body.toString(), /terminal\.p12" download/);
    }
    const records = (await service.must(['audit', 'search', '--json'])).out;
    assert.match(records, /the certificate of terminal kaede-clinic \/ tablet 1 is fetched/);
    assert.match(records, /terminal issue kaede-clinic \/ tablet 1/);
    assert.equal((await json('show', 'kaede-clinic', 'tablet 1')).antivirus, 'Defender');
});

test('the page of a link says for which terminal it is, as text, in the language that is asked for', async () => {
    const name = `<b>desk & "2"@secret@`;
    const at = new URL((await json('issue', 'kaede-clinic', name, '--link')).link).pathname;
    const page = async (target, headers) => (await ask(target, null, { headers })).body.toString();
    const text = await page(at);
    assert.ok(text.includes('&#60;b&#62;desk &#38; &#34;2&#34;@secret@<small>kaede-clinic</small>'), text.slice(0, 1500));
    assert.ok(!text.includes('<b>'));
    for (const [target, language, expected] of [[at, undefined, 'ja'], [at, 'en-US,en;q=0.9,ja;q=0.8', 'en'], [at, 'ja,en;q=0.5', 'ja'], [at, 'fr', 'ja'], [at, 'english', 'ja'],
        [`${at}?language=en`, 'ja', 'en'], [`${at}?language=ja`, 'en', 'ja'], ['/install', 'en', 'en'], ['/install/nothing', 'en', 'en']])
        assert.match(await page(target, language && { 'accept-language': language }), new RegExp(`<html lang="${expected}">`), `${target} ${language}`);
});

test('at once: twenty fetches of one link give one file', async () => {
    const at = new URL((await json('issue', 'kaede-clinic', 'race', '--link')).link).pathname;
    const codes = (await Promise.all(Array.from({ length: 20 }, () => ask(`${at}/terminal.p12`)))).map((answer) => answer.code).sort();
    assert.deepEqual(codes, [200, ...Array(19).fill(404)]);
});

test('renewed: the one before stays good; revoked: both end, on the connection that is open, and by name only', async () => {
    const first = await issued('sakura-hospital', 'desk');
    const second = await issued('sakura-hospital', 'desk', 'renew');
    const agents = [first, second].map(() => new https.Agent({ keepAlive: true, maxSockets: 1 }));
    for (const [i, identity] of [first, second].entries()) assert.equal((await ask('/api/studies', identity, { agent: agents[i] })).code, 200);
    assert.equal((await terminal('revoke', 'sakura-hospital', 'desk')).code, 2, 'a reason is wanted');
    await service.must(['terminal', 'revoke', 'sakura-hospital', 'desk', '--reason', 'stolen']);
    for (const [i, identity] of [first, second].entries())
        await until('refused on the open connection', async () => (await ask('/api/studies', identity, { agent: agents[i] })).code === 403);
    for (const identity of [first, second]) assert.equal((await ask('/api/studies', identity)).code, 403);
    const left = (await json('list')).find((one) => one.facility === 'kaede-clinic' && one.name === 'desk');
    assert.equal(left.state, 'good', 'the desk of the other facility is another terminal');
    const gone = await json('show', 'sakura-hospital', 'desk');
    assert.deepEqual([gone.state, gone.revoked_reason], ['revoked', 'stolen']);
    assert.equal((await terminal('renew', 'sakura-hospital', 'desk', '--link')).code, 1);
    const third = await issued('sakura-hospital', 'desk');
    assert.equal((await ask('/api/studies', third)).code, 200, 'a new one after it');
    assert.equal((await ask('/api/studies', first)).code, 403);
    agents.forEach((agent) => agent.destroy());
});

test('the list is DIMSE\'s, too', async () => {
    const scanner = await issued('sakura-hospital', 'scanner');
    await service.must(['node', 'add', 'scanner', '--ae-title', 'SCANNER', '--facility', 'sakura-hospital', '--tls', '--certificate', scanner.certificate]);
    const echo = () => run('echoscu', ['-aet', 'SCANNER', '-aec', 'KAKEHASHI', '+tls', scanner.key, scanner.certificate, '+cf', path.join(data, 'ca/ca.pem'), '127.0.0.1', String(dicomTlsPort)]);
    await until('it is served', async () => (await echo()).code === 0);
    await service.must(['terminal', 'revoke', 'sakura-hospital', 'scanner', '--reason', 'sold']);
    await until('it is refused', async () => (await echo()).code !== 0);
    assert.match(service.log, /revoked/);
});

test('lists: CSV, JSON, what runs out', async () => {
    await json('issue', 'kaede-clinic', 'soon', '--link', '--days', '10');
    const names = (await json('list', '--expiring', '30')).map((one) => one.name);
    assert.ok(names.includes('soon') && !names.includes('desk'), names.join());
    assert.ok((await json('list', '--facility', 'sakura-hospital')).every((one) => one.facility === 'sakura-hospital'));
    const csv = (await terminal('list', '--csv')).out.split('\r\n');
    assert.match(csv[0], /^facility,name,state,not_after,/);
    assert.equal((await terminal('list', '--csv', '--json')).code, 2);

    const table = path.join(folder, 'terminals.csv');
    fs.writeFileSync(table, 'facility,name,antivirus,state\r\nkaede-clinic,soon,,good\r\nkaede-clinic,row 1,"Defender, by itself",good\r\nkaede-clinic,old,,revoked\r\nkaede-clinic,row 2,,\r\n');
    const imported = await terminal('import', table);
    assert.equal(imported.code, 0, imported.output);
    assert.match(imported.output, /2 terminals issued, 2 left alone/);
    const lines = imported.out.trim().split('\r\n');
    assert.equal(lines[0], 'facility,name,not_after,link,password');
    assert.deepEqual(lines.slice(1).map((line) => line.split(',').slice(0, 2).join()), ['kaede-clinic,row 1', 'kaede-clinic,row 2']);
    for (const line of lines.slice(1)) assert.match(line, /\/install\/[\w-]{43},\S{8,}$/);
    assert.equal((await json('list')).find((one) => one.name === 'row 1').antivirus, 'Defender, by itself');
    assert.match((await terminal('import', table)).output, /0 terminals issued, 4 left alone/, 'the same once more');
    fs.writeFileSync(table, 'facility,name\r\nnowhere,desk\r\n');
    const wrong = await terminal('import', table);
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /line 2.*no such facility/);
    assert.equal((await terminal('issue', 'kaede-clinic', 'x', '--link', '--days', '826')).code, 2);
    assert.equal((await terminal('issue', 'kaede-clinic', 'x', '--link', '--days', '0')).code, 2);
    await service.stop();
    await service.launch();
    await until('the log warns of what runs out', () => /1 certificates of terminals run out within 30 days, the first at 20/.test(service.log));
});
