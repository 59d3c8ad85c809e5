// Revoked at once, on the DICOM side: an association that says nothing is ended too [AZ-10, AZ-34, TB-16; S3, S9, S10]. DCMTK's echoscu keeps it open:
// stopped between two of its messages it is silent, and hears of the end when it goes on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { freePort, Service, start, temporaryFolder, until } from '../lib/service.mjs';

const folder = temporaryFolder('kh-idle-association');
const settings = { access: { accounts: 'on', factors: 'password' } };
let service, data, ca, dicomTls, identity;

function openssl(...args) {
    const done = spawnSync('openssl', args, { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
}
/** A terminal's certificate and key in one file. */
async function issue(facility, name) {
    const p12 = path.join(folder, `${facility}-${name}.p12`);
    const { password } = JSON.parse((await service.must(['terminal', 'issue', facility, name, '--out', p12, '--json'])).out);
    openssl('pkcs12', '-legacy', '-in', p12, '-passin', `pass:${password}`, '-clcerts', '-nodes', '-out', `${p12}.pem`);
    return `${p12}.pem`;
}
const node = (name, ...more) => service.must(['node', 'add', name, '--ae-title', name.toUpperCase(), ...more]);

before(async () => {
    dicomTls = await freePort();
    service = await Service.start({ settings, nodes: [] });
    data = path.join(service.dir, 'data');
    ca = path.join(data, 'ca/ca.pem');
    fill(data, 'facility north both', 'facility south both', 'facility west both');
    identity = await issue('north', 'scanner');
    const server = { tls_certificate: path.join(folder, 'server.pem'), tls_key: path.join(folder, 'server.key') };
    await service.must(['terminal', 'server-certificate', 'localhost', '127.0.0.1', '--out', server.tls_certificate, '--key', server.tls_key]);
    for (const [name, facility] of [['kept', 'north'], ['removed', 'north'], ['moved', 'north'], ['southern', 'south'], ['western', 'west']]) await node(name, '--facility', facility);
    await node('secure', '--facility', 'north', '--tls', '--certificate', identity);
    await service.stop();
    service.writeConfig({ ...settings, dicom: { address: '127.0.0.1', port: service.dicomPort, tls_address: '127.0.0.1', tls_port: dicomTls, tls_client_ca: ca,
        tls_revoked: path.join(data, 'ca/revoked.pem'), ...server } });
    await service.launch();
});
after(() => service?.stop());

/** echoscu with an association that stays open and says nothing: {ended, resumed: what it says of its end}. */
async function silent(name, { secure } = {}) {
    const client = start('echoscu', ['-v', '--repeat', '1000000', '-aet', name.toUpperCase(), '-aec', 'KAKEHASHI', ...(secure ? ['+tls', identity, identity, '+cf', ca] : []), '127.0.0.1',
        String(secure ? dicomTls : service.dicomPort)]);
    await until(`${name} is connected`, () => (client.output.match(/Received Echo Response/g) ?? []).length > 2 || client.exitCode !== null);
    assert.equal(client.exitCode, null, client.output);
    client.kill('SIGSTOP');
    return {
        name,
        get ended() { return new RegExp(`association \\d+ from ${name} .*`).exec(service.log)?.[0]; },
        async resume() {
            client.kill('SIGCONT');
            const { code } = await client.ended;
            return { code, output: client.output };
        },
        stop() { client.kill('SIGKILL'); },
    };
}

/** When it goes on, the client hears of the end. */
async function told(one) {
    assert.match((await one.resume()).output, /Peer Aborted|Echo SCU Failed/i);
}

/** It is ended while it says nothing, the other one is not; the client goes on and is told so. */
async function ends(one, other, why) {
    const words = await until(`${one.name} is ended`, () => one.ended, { everyMs: 20 });
    assert.match(words, why);
    assert.equal(other.ended, undefined, 'nobody else is');
    await told(one);
}

test('its node is removed, or becomes another facility\'s; what changes nothing of who it is ends nothing', async () => {
    const kept = await silent('kept');
    const [removed, moved] = [await silent('removed'), await silent('moved')];
    await service.must(['node', 'set', 'kept', '--bandwidth', '100MiB']);
    await service.must(['node', 'remove', 'removed']);
    await ends(removed, kept, /node removed may no longer call/);
    assert.equal(moved.ended, undefined);
    await service.must(['node', 'set', 'moved', '--facility', 'south']);
    await ends(moved, kept, /node moved is another one now/);
    kept.stop();
});

test('its facility is suspended, or the network is stopped', async () => {
    const [southern, western, secure] = [await silent('southern'), await silent('western'), await silent('secure', { secure: true })];
    await service.must(['facility', 'suspend', 'south', '--reason', 'a leak']);
    await ends(southern, western, /facility south is stopped/);
    await service.must(['network', 'stop', '--reason', 'a leak']);
    await until('western is ended', () => western.ended);
    await until('secure is ended', () => secure.ended);
    assert.match(western.ended, /facility west is stopped/);
    assert.match(secure.ended, /facility north is stopped/);
    for (const one of [western, secure]) await told(one);
    await service.must(['network', 'resume']);
    await service.must(['facility', 'resume', 'south']);
});

test('its certificate is revoked', async () => {
    const [kept, secure] = [await silent('kept'), await silent('secure', { secure: true })];
    await service.must(['terminal', 'revoke', 'north', 'scanner', '--reason', 'sold']);
    // the association of before stands in the log, too
    await until('its end is told', () => /an association ends, its peer's certificate is no longer good: .*revoked/.test(service.log), { everyMs: 20 });
    await told(secure);
    assert.ok((service.log.match(/association \d+ from secure /g) ?? []).length >= 2);
    kept.stop();
});
