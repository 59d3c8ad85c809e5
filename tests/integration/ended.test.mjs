// RELIABILITY S4, AZ-32, AZ-33, TB-16, KN-4: whoever is signed out, disabled or stopped hears and gets nothing more, whatever was under way: event streams and
// downloads of a cookie and of a bearer token. Asserted is the order: what ends does so far from its end, what does not goes on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { element, instance } from '../lib/part10.mjs';
import { Download, Listener, newPerson, Visitor } from '../lib/people.mjs';
import { Service, sleep, temporaryFolder, until } from '../lib/service.mjs';

const MIB = 1 << 20;
const SIZE = 120 * 512 * 512 * 2;
const settings = { access: { accounts: 'on', factors: 'password', one_terminal: 'no' } };
const accept = 'application/dicom';
let service, target, other, count = 0;

before(async () => {
    const made = instance([[0x00280008, element(0x00280008, 'IS', '120')], [0x00280010, element(0x00280010, 'US', 512)], [0x00280011, element(0x00280011, 'US', 512)],
        [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(SIZE, 7))]], { sopClass: '1.2.840.10008.5.1.4.1.1.7.3' });
    const file = path.join(temporaryFolder('kh-ended'), 'large.dcm');
    fs.writeFileSync(file, made.bytes);
    target = `/dicomweb/studies/${made.study}/series/${made.series}/instances/${made.uid}`;
    service = await Service.start({ files: [file], facility: 'north', settings });
    fill(path.join(service.dir, 'data'), 'facility north both');
    other = await person();
});
after(async () => { await service?.stop(); });

const person = (more) => newPerson(service, `doctor${++count}`, 'north', 'doctor', more);

/** Somebody who listens and reads: {listener, download}, both under way. */
async function under(visitor, headers = {}) {
    const [listener, download] = [new Listener(visitor, { headers }), new Download(visitor, target, { headers: { accept, ...headers }, stopAt: MIB })];
    await until('it listens', () => listener.text.includes('retry:'));
    await until('it reads', () => download.bytes >= MIB);
    return { listener, download };
}
const bearer = ({ token }) => ({ authorization: `Bearer ${token}`, cookie: null });
const code = async (visitor, headers = {}) => (await visitor.ask('/api/studies', { headers })).code;

/** listener and download have ended, in the middle. */
async function over({ listener, download }) {
    await listener.ended;
    await sleep(1000);
    download.goOn();
    assert.equal(await download.ended, 'broken');
    assert.ok(download.bytes < SIZE / 2, `${download.bytes} of ${SIZE} bytes`);
}
/** They have not. */
async function goesOn({ listener, download }) {
    download.goOn();
    assert.equal(await download.ended, 'whole');
    assert.equal(await Promise.race([listener.ended.then(() => 'ended'), Promise.resolve('goes on')]), 'goes on');
    listener.close();
}

const suspend = (who) => service.must(['person', 'suspend', who.login, '--reason', 'misuse']);
for (const [name, deed, { tokenToo = false } = {}] of [
    ['signing out', (who) => who.visitor.change('/api/session/sign-out')],
    ['the lock of the screen', (who) => who.visitor.change('/api/session/lock')],
    ['a person who is disabled', suspend, { tokenToo: true }],
    ['a person who has left', (who) => service.must(['person', 'leave', who.login]), { tokenToo: true }],
    ['a password that is issued anew', (who) => service.must(['person', 'reissue', who.login])],
]) {
    test(`${name} ends events and downloads under way${tokenToo ? ', those of tokens, too' : ' of the cookie'}`, async () => {
        const who = await person();
        const mine = await under(who.visitor);
        const tokens = await under(who.visitor, bearer(who));
        const others = await under(other.visitor);
        await deed(who);
        await over(mine);
        assert.equal(await code(who.visitor), 401);
        await (tokenToo ? over : goesOn)(tokens);
        assert.equal(await code(who.visitor, bearer(who)), tokenToo ? 401 : 200);
        await goesOn(others);
    });
}

test('a token that is revoked ends what it has under way, and nothing of the cookie', async () => {
    const who = await person();
    const mine = await under(who.visitor);
    const tokens = await under(who.visitor, bearer(who));
    const { tokens: [{ id }] } = (await who.visitor.ask('/api/account')).json;
    assert.equal((await who.visitor.change(`/api/account/tokens/${id}/revoke`)).code, 200);
    await over(tokens);
    await goesOn(mine);
});

test('AZ-33: where I am signed in is listed and ended one by one, with what is under way there', async () => {
    const who = await person();
    const stranger = other;
    const [second, third] = [new Visitor(service, '127.0.0.2'), new Visitor(service, '127.0.0.3')];
    for (const one of [second, third]) assert.equal((await one.signIn(who.login, who.password)).json.step, 'done');
    const { sessions } = (await who.visitor.ask('/api/account')).json;
    assert.deepEqual(sessions.map((one) => [one.address, one.current]), [['127.0.0.1', true], ['127.0.0.2', false], ['127.0.0.3', false]]);
    const there = await under(second);
    const elsewhere = await under(third);
    const end = (id, by = who.visitor) => by.change(`/api/account/sessions/${id}/end`);
    const foreign = (await stranger.visitor.ask('/api/account')).json.sessions[0];
    assert.equal((await end(foreign.id)).code, 404, 'not another\'s');
    assert.equal((await end(sessions[1].id, stranger.visitor)).code, 404, 'nor by another');
    assert.equal((await end('nothing')).code, 400);
    assert.equal((await end(sessions[1].id)).json.step, 'done');
    await over(there);
    assert.deepEqual([await code(second), await code(third), await code(who.visitor)], [401, 200, 200]);
    assert.equal((await end(sessions[1].id)).code, 404, 'it has ended');
    assert.equal((await who.visitor.change('/api/account/sessions/end')).code, 200);
    await over(elsewhere);
    assert.equal((await end(sessions[0].id)).json.step, 'password', 'one\'s own is signing out');
    assert.equal(await code(who.visitor), 401);
    const told = (await service.must(['audit', 'search', '--json', '--action', 'sign_out'])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.ok(told.some((one) => one.who === who.login && one.text === `session ${sessions[1].id} ended`));
});

test('S4: a secret that was planted before signing in, or taken from the step before, hears nothing', async () => {
    const who = await person();
    const victim = new Visitor(service, '127.0.0.4');
    victim.cookies.set('__Host-kakehashi', 'A'.repeat(43));
    assert.equal((await victim.signIn(who.login, who.password)).json.step, 'done');
    for (const planted of ['A'.repeat(43), victim.secret.toLowerCase(), `${victim.secret.slice(0, -1)}`]) {
        const thief = new Visitor(service, '127.0.0.5');
        thief.cookies.set('__Host-kakehashi', planted);
        const listener = new Listener(thief);
        await listener.ended;
        assert.equal(listener.code, 401);
        assert.equal(await code(thief), 401);
    }
    const before = victim.secret;
    await victim.change('/api/session/lock');
    assert.equal((await victim.change('/api/session/unlock', { password: who.password })).json.step, 'done');
    const thief = new Visitor(service, '127.0.0.5');
    thief.cookies.set('__Host-kakehashi', before);
    assert.equal(await code(thief), 401);
    assert.equal(await code(victim), 200);
});

/** STOW-RS whose body goes on when it is told to: {send(part), done: {code, body}}. */
function upload(headers) {
    const request = http.request(`${service.url}/dicomweb/studies`, { method: 'POST', agent: false, headers: { 'content-type': 'multipart/related; type="application/dicom"; boundary=part', ...headers } });
    const done = new Promise((resolve) => {
        request.on('response', (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part)).on('end', () => resolve({ code: answer.statusCode, body: JSON.parse(Buffer.concat(parts)) }));
        }).on('error', (error) => resolve({ code: error.code }));
    });
    const send = ({ bytes }) => request.write(Buffer.concat([Buffer.from('--part\r\nContent-Type: application/dicom\r\n\r\n'), bytes, Buffer.from('\r\n')]));
    request.flushHeaders();
    return { send, done, end: () => request.end('--part--\r\n') };
}

test('S4, AZ-33: who is suspended stores nothing more, whatever the upload has begun with; what is stored is told and recorded', async () => {
    const who = await person();
    const { token } = who;
    // large enough that what comes is handed on before the body ends
    const [first, second, third] = [1, 2, 3].map(() => instance([[0x00280010, element(0x00280010, 'US', 1024)], [0x00280011, element(0x00280011, 'US', 1024)],
        [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(2 * MIB, 7))]], { sopClass: '1.2.840.10008.5.1.4.1.1.7' }));
    const stow = upload({ authorization: `Bearer ${token}` });
    stow.send(first);
    stow.send(second); // a part is whole when the next one begins
    const known = async ({ study }) => (await other.visitor.ask(`/dicomweb/studies?StudyInstanceUID=${study}`)).code === 200;
    await until('the first is stored', () => known(first), { everyMs: 50 });
    await suspend(who);
    await until('it is known', async () => (await code(who.visitor, { authorization: `Bearer ${token}`, cookie: null })) === 401, { everyMs: 50 });
    await sleep(300);
    stow.send(third);
    stow.end();
    const { code: status, body } = await stow.done;
    assert.equal(status, 202, JSON.stringify(body));
    assert.deepEqual(body['00081199'].Value.map((item) => item['00081155'].Value[0]), [first.uid]);
    assert.deepEqual(body['0008119A'].Value.map((item) => item['00081197'].Value[0]), [0x0124], 'not authorised');
    assert.deepEqual([await known(first), await known(second), await known(third)], [true, false, false]);
    const told = (await service.must(['audit', 'search', '--json', '--action', 'store', '--who', who.login])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.ok(told.some(({ result, study }) => result === 'done' && study === first.study), 'what was stored');
    assert.ok(told.some(({ result, reason }) => result === 'refused' && ['stopped', 'not signed in'].includes(reason)), 'what was not');
});

for (const [name, stop, resume] of [
    ['a facility that is disabled', () => service.must(['facility', 'suspend', 'north', '--reason', 'a leak']), () => service.must(['facility', 'resume', 'north'])],
    ['TB-16: the network\'s stop switch', () => service.must(['network', 'stop', '--reason', 'a leak']), () => service.must(['network', 'resume'])],
]) {
    test(`${name} ends everything under way, and it does not come to life again`, async () => {
        const who = await person();
        const parts = [await under(who.visitor), await under(who.visitor, bearer(who))];
        await stop();
        for (const part of parts) await over(part);
        assert.deepEqual([await code(who.visitor), await code(who.visitor, bearer(who))], [401, 401]);
        await resume();
        await until('the token is good again', async () => (await code(who.visitor, bearer(who))) === 200);
        assert.equal(await code(who.visitor), 401, 'who was signed in signs in anew');
        assert.equal((await who.visitor.signIn(who.login, who.password)).json.step, 'done');
    });
}

test('KN-4: by policy the newest terminal is let in, and what is under way at the one before ends', async () => {
    await service.stop();
    service.writeConfig({ ...settings, access: { ...settings.access, one_terminal: 'newest' } });
    await service.launch();
    const who = await person();
    const first = await under(who.visitor);
    const second = new Visitor(service, '127.0.0.2');
    assert.equal((await second.signIn(who.login, 'not the password at all')).code, 403);
    assert.equal(await code(who.visitor), 200);
    assert.equal((await second.signIn(who.login, who.password)).json.step, 'done');
    await over(first);
    assert.deepEqual([await code(who.visitor), await code(second)], [401, 200]);
});
