// Who is signed in: cookies, rotation, fixation, locking and ending, one terminal at a time (S4); tokens and origins of changes, headers (S5).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { firstLink, firstOffice, totp, Visitor } from '../lib/people.mjs';
import { Service, root, until } from '../lib/service.mjs';

const PASSWORD = 'a bridge over seven rivers';
let service;
let office;

before(async () => {
    service = await Service.start({ settings: { access: { accounts: 'on' } } });
    office = await firstOffice(service, PASSWORD);
});
after(() => service?.stop());

/** Recovery codes are for those who come again within the step of a code that was used. */
async function again(visitor) {
    const first = await visitor.signIn(office.login, office.password);
    assert.equal(first.json.step, 'second-factor');
    const done = await visitor.change('/api/session/second-factor', { code: office.recovery.shift() });
    assert.equal(done.json.step, 'done');
    await visitor.who();
    return visitor;
}

const records = async (...more) => (await service.must(['audit', 'search', '--json', ...more])).out.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('the first start prints a link that works once, and no later start prints another', async () => {
    const code = firstLink(service);
    assert.match(code, /^[\w-]{43}$/);
    const visitor = new Visitor(service);
    assert.equal((await visitor.ask(`/api/welcome/${code}`)).code, 404);
    assert.equal((await visitor.change(`/api/welcome/${code}`, { password: 'another bridge over a river' })).code, 404);
    assert.equal(service.log.split(code).length, 2, 'printed once, logged never');
});

test('S4: cookies are __Host-, Secure, HttpOnly, SameSite=Strict and for the whole host only', () => {
    assert.ok(office.visitor.lines.length >= 3);
    for (const line of office.visitor.lines) {
        assert.match(line, /^__Host-kakehashi(-door|-device)?=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict(; Max-Age=\d+)?$/);
        assert.doesNotMatch(line, /Domain/i);
    }
});

test('S4: each step has a secret of its own, and those before are no longer good', async () => {
    const visitor = new Visitor(service);
    const secrets = [];
    await visitor.signIn(office.login, office.password);
    secrets.push(visitor.secret);
    assert.equal((await visitor.ask('/api/account')).code, 401, 'the code is still due');
    await visitor.change('/api/session/second-factor', { code: office.recovery.shift() });
    secrets.push(visitor.secret);
    await visitor.change('/api/session/lock');
    await visitor.change('/api/session/unlock', { password: office.password });
    secrets.push(visitor.secret);
    assert.equal(new Set(secrets).size, 3);
    assert.equal((await visitor.ask('/api/account')).code, 200);
    for (const old of secrets.slice(0, 2)) {
        const thief = new Visitor(service);
        thief.cookies.set('__Host-kakehashi', old);
        assert.equal((await thief.ask('/api/account')).code, 401);
        assert.equal((await thief.who()).signed_in, false);
    }
    office.visitor = visitor;
});

test('S4: a secret that somebody else put into the browser does not become good by signing in', async () => {
    const victim = new Visitor(service);
    const planted = 'A'.repeat(43);
    victim.cookies.set('__Host-kakehashi', planted);
    victim.cookies.set('__Host-kakehashi-door', 'B'.repeat(43));
    await again(victim);
    assert.notEqual(victim.secret, planted);
    const attacker = new Visitor(service);
    attacker.cookies.set('__Host-kakehashi', planted);
    assert.equal((await attacker.ask('/api/account')).code, 401);
    office.visitor = victim;
});

test('S4: secrets are stored as hashes', () => {
    const { secret } = office.visitor;
    for (const name of fs.readdirSync(path.join(service.dir, 'data')).filter((one) => one.startsWith('access.db')))
        assert.ok(!fs.readFileSync(path.join(service.dir, 'data', name)).includes(secret), name);
});

test('a wrong password and a login that nobody has are one answer', async () => {
    const visitor = new Visitor(service, '127.0.0.9');
    const wrong = await visitor.signIn(office.login, 'not the password at all');
    const nobody = await visitor.signIn('nobody.here', 'not the password at all');
    assert.deepEqual([wrong.code, wrong.body.toString()], [nobody.code, nobody.body.toString()]);
    assert.equal(wrong.code, 403);
});

test('wrong tries make the next ones wait, and say how long', async () => {
    const visitor = new Visitor(service, '127.0.0.10');
    let last;
    for (let i = 0; i < 8 && last?.code !== 429; i++) last = await visitor.signIn('guessed.at', 'not the password at all');
    assert.equal(last.code, 429);
    assert.ok(Number(last.headers['retry-after']) >= 1);
});

test('KN-4: who is signed in at one terminal is not let in at another', async () => {
    const elsewhere = new Visitor(service, '127.0.0.2');
    const answer = await elsewhere.signIn(office.login, office.password);
    assert.deepEqual([answer.code, answer.json.error], [409, 'elsewhere']);
    assert.equal((await office.visitor.ask('/api/account')).code, 200);
});

test('S4: signing out ends it at once', async () => {
    const { visitor } = office;
    const old = visitor.secret;
    const answer = await visitor.change('/api/session/sign-out');
    assert.equal(answer.code, 200);
    assert.equal(visitor.secret, undefined);
    visitor.cookies.set('__Host-kakehashi', old);
    assert.equal((await visitor.ask('/api/account')).code, 401);
    visitor.cookies.clear();
    await again(visitor);
});

test('a used code is not good again, a recovery code neither', async () => {
    const used = office.recovery.shift();
    const visitor = new Visitor(service);
    await visitor.signIn(office.login, office.password);
    assert.equal((await visitor.change('/api/session/second-factor', { code: used })).json.step, 'done');
    await visitor.change('/api/session/sign-out');
    await visitor.signIn(office.login, office.password);
    const wrong = await visitor.change('/api/session/second-factor', { code: used });
    assert.deepEqual([wrong.code, wrong.json.error], [403, 'wrong_code']);
    assert.equal((await visitor.change('/api/session/second-factor', { code: office.recovery.shift() })).json.step, 'done');
    office.visitor = visitor;
});

test('a token of a person opens what its person may, until it is revoked; making one takes the password', async () => {
    const { visitor } = office;
    const locked = await visitor.change('/api/account/tokens', { name: 'script', days: 1, scopes: 'find', password: 'not the password at all' });
    assert.deepEqual([locked.code, locked.json.error], [401, 'locked']);
    assert.equal((await visitor.change('/api/session/unlock', { password: office.password })).json.step, 'done');
    const made = await visitor.change('/api/account/tokens', { name: 'script', days: 1, scopes: 'find', password: office.password });
    assert.match(made.json.token, /^khp_[\w-]{43}$/);
    const { tokens } = (await visitor.ask('/api/account')).json;
    assert.deepEqual(tokens.map(({ name, scopes }) => [name, scopes]), [['script', 'find']]);
    for (const [days, scopes] of [[0, 'find'], [367, 'find'], [1, 'everything']])
        assert.equal((await visitor.change('/api/account/tokens', { name: 'x', days, scopes, password: office.password })).code, 400);
    assert.equal((await visitor.change(`/api/account/tokens/${tokens[0].id}/revoke`)).code, 200);
    assert.deepEqual((await visitor.ask('/api/account')).json.tokens, []);
});

test('a password is changed with the one before, and what is wrong with the new one is told', async () => {
    const { visitor } = office;
    const change = (old, becomes) => visitor.change('/api/account/password', { old, new: becomes });
    assert.equal((await change('not the password at all', 'eight bridges, no river')).json.error, 'wrong');
    assert.equal((await change(PASSWORD, 'twelve chars')).json.error, 'short');
    assert.equal((await change(PASSWORD, PASSWORD)).json.error, 'previous');
    const before = visitor.secret;
    assert.equal((await change(PASSWORD, 'eight bridges, no river')).json.step, 'done');
    assert.notEqual(visitor.secret, before);
    office.password = 'eight bridges, no river';
});

// Every address that changes something, as the sources have them: none is left out because nobody thought of it.
function changes() {
    const files = ['viewer/guard/routes.c', 'viewer/portal/portal.c', 'viewer/dicomweb/dicomweb.c'];
    const found = [];
    for (const file of files) {
        const text = fs.readFileSync(path.join(root, file), 'utf8');
        for (const [, method, base, pattern] of text.matchAll(/\{"(POST|PUT|PATCH|DELETE)",\s*(KH_DICOMWEB_PATH )?"([^"]+)"/g))
            found.push({ method, target: `${base ? '/dicomweb' : ''}${pattern}`.replace(/\{[^}]*\}/g, '1') });
    }
    return found;
}

test('S5: every change needs the token and our origin, over the whole table of routes', async () => {
    const { visitor } = office;
    const all = changes();
    assert.ok(all.length >= 17, `${all.length} routes`);
    await visitor.who();
    const good = visitor.token;
    for (const { method, target } of all) {
        for (const [name, headers] of [
            ['no token', { 'x-kakehashi-token': null }],
            ['a wrong token', { 'x-kakehashi-token': `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}` }],
            ['a foreign origin', { origin: 'http://evil.example' }],
            ['no origin', { origin: null }],
            ['another port', { origin: 'http://127.0.0.1:1' }],
        ]) {
            const answer = await visitor.ask(target, { method, body: {}, headers });
            assert.equal(answer.code, 403, `${method} ${target}: ${name}`);
        }
    }
    assert.equal((await visitor.ask('/api/account')).code, 200, 'none of them did anything');
});

test('S5: without anybody signed in no change does anything', async () => {
    for (const { method, target } of changes()) {
        const answer = await new Visitor(service).ask(target, { method, body: {} });
        assert.ok([401, 403].includes(answer.code), `${method} ${target}: ${answer.code}`);
    }
});

test('S5: headers of every kind of answer', async () => {
    for (const target of ['/sign-in', '/web/main.js', '/api/session', '/api/account', '/', '/no/such/address']) {
        const { headers } = await new Visitor(service).ask(target);
        const policy = headers['content-security-policy'];
        assert.match(policy, /default-src 'self'/, target);
        assert.match(policy, /object-src 'none'/, target);
        assert.match(policy, /frame-ancestors 'none'/, target);
        assert.match(policy, /base-uri 'none'/, target);
        assert.match(policy, /form-action 'self'/, target);
        assert.doesNotMatch(policy, /unsafe|\*/, target);
        assert.equal(headers['x-content-type-options'], 'nosniff', target);
        assert.equal(headers['referrer-policy'], 'no-referrer', target);
        assert.equal(headers['cross-origin-opener-policy'], 'same-origin', target);
    }
});

test('a page leads to the sign-in and back to itself, and nowhere else', async () => {
    const visitor = new Visitor(service);
    for (const [target, location] of [['/', '/sign-in'], ['/studies/7', '/sign-in?next=/studies/7'], ['//evil.example/', null], ['/studies/..%2f..%2fevil', '/sign-in?next=']]) {
        const answer = await visitor.ask(target);
        if (answer.code === 303) assert.ok(answer.headers.location.startsWith(location ?? '/sign-in'), answer.headers.location);
        if (location && ![400, 404].includes(answer.code)) assert.equal(answer.code, 303, target);
        assert.doesNotMatch(answer.headers.location ?? '', /^(https?:)?\/\//);
    }
});

test('who signed in, who failed to and who went is recorded, with the person', async () => {
    const done = await records('--action', 'sign_in', '--result', 'done');
    assert.ok(done.length >= 3);
    for (const one of done) assert.deepEqual([one.who, one.by, one.who_facility], [office.login, 'person', 'network-office']);
    const refused = await records('--action', 'sign_in', '--result', 'refused');
    assert.ok(refused.some((one) => one.who === 'nobody.here' && one.by === 'login' && one.reason === 'wrong'));
    assert.ok(refused.some((one) => one.reason === 'wait'));
    assert.ok((await records('--action', 'sign_out')).length >= 1);
    assert.ok(!JSON.stringify(await records()).includes(office.password));
});

test('S4: idle is locked, only the password opens it, and it ends whatever happens', async (t) => {
    const quick = await Service.start({ settings: { access: { accounts: 'on', factors: 'password', idle: '2 s', longest: '8 s' } } });
    t.after(() => quick.stop());
    const { visitor, password } = await firstOffice(quick);
    assert.equal((await visitor.ask('/api/account')).code, 200);
    await until('it is locked', async () => (await visitor.ask('/api/account')).json.error === 'locked', { everyMs: 100 });
    const state = await visitor.who();
    assert.deepEqual([state.signed_in, state.locked], [true, true]);
    assert.equal((await visitor.ask('/')).code, 200, 'the page holds nothing');
    assert.equal((await visitor.change('/api/session/alive')).code, 401, 'nobody extends what is locked');
    assert.equal((await visitor.change('/api/session/unlock', { password: 'not the password at all' })).code, 403);
    assert.equal((await visitor.change('/api/session/unlock', { password })).json.step, 'done');
    await until('it ends, though somebody is there', async () => {
        await visitor.who();
        await visitor.ask('/api/session/alive', { method: 'POST', body: {} });
        return (await visitor.ask('/api/account')).json.error === 'sign_in';
    }, { everyMs: 200 });
});

test('without accounts the page is told so, and nothing else of it is there', async (t) => {
    const plain = await Service.start();
    t.after(() => plain.stop());
    const visitor = new Visitor(plain);
    assert.deepEqual(await visitor.who(), { accounts: false });
    assert.equal((await visitor.ask('/api/account')).code, 404);
    assert.equal((await visitor.ask('/')).code, 200);
    assert.deepEqual(visitor.lines, []);
    assert.equal(firstLink(plain), undefined);
});

test('RFC 6238: our own codes are those of its appendix B', () => {
    const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'; // "12345678901234567890"
    assert.equal(totp(secret, 59000), '287082');
    assert.equal(totp(secret, 1111111109000), '081804');
    assert.equal(totp(secret, 20000000000000), '353130');
});
