// Emergency access over HTTP (R11, AZ-33): a reason, an end, an alert to the discloser, a review; who may not, what it never opens. The demo's region
// and its list of accounts, which are on this machine only.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Visitor } from '../lib/people.mjs';
import { attribute, phantomFiles, program, run, Service, temporaryFolder, until } from '../lib/service.mjs';

const PASSWORD = 'seven-rivers-one-bridge';
const ROLES = ['doctor', 'radiologist', 'nurse', 'radiographer', 'registrar', 'manager', 'office', 'auditor'];
const settings = (readers = '') => ({ access: { accounts: 'on', factors: 'password', emergency: '10 min', readers } });
const tokens = {};
let service, number, uid;

const data = () => path.join(service.dir, 'data');
async function ask(role, target, body) {
    const answer = await service.request(target, { method: body ? 'POST' : 'GET', body: body && JSON.stringify(body),
        headers: { authorization: `Bearer ${tokens[role]}`, accept: '*/*', ...(body && { 'content-type': 'application/json', origin: service.url }) } });
    return { ...answer, json: /json/.test(answer.headers['content-type'] ?? '') ? JSON.parse(answer.body) : null };
}
const take = (role, more = {}) => ask(role, '/api/emergency', { facility: 'north', number, reason: 'stroke suspected', ...more });
const due = async () => JSON.parse((await service.must(['emergency', 'list', 'north', '--due', '--json'])).out);
const records = async (...more) => (await service.must(['audit', 'search', '--json', ...more])).out.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const seen = async (role) => (await ask(role, '/api/studies')).json.total;

before(async () => {
    const files = phantomFiles(8).slice(0, 2);
    [number] = Object.values(await attribute('0010,0020', files.slice(0, 1)));
    [uid] = Object.values(await attribute('0020,000d', files.slice(0, 1)));
    service = await Service.start({ files, facility: 'north', settings: settings() });
    const given = fill(data(), 'facility north discloser', 'facility south both', 'facility east viewer', 'facility quiet discloser', `patient north ${number}`, 'person suzuki north doctor', `password suzuki ${PASSWORD}`, 'token suzuki find,view,take',
        ...ROLES.flatMap((role) => [`person e-${role} east ${role}`, `password e-${role} ${PASSWORD}`, `token e-${role} find,view,take`]));
    ['own', ...ROLES].forEach((role, i) => { tokens[role] = given[i]; });
    for (const code of ['north', 'south']) await service.must(['facility', 'set', code, '--published', 'yes']);
    await until('the accounts are known', async () => (await ask('own', '/api/studies')).code === 200, { everyMs: 50 });
});
after(() => service?.stop());

test('it is offered to those who may take it, with the disclosers that want to be named', async () => {
    for (const role of ROLES) {
        const { json } = await ask(role, '/api/emergency');
        const may = ['doctor', 'radiologist'].includes(role);
        assert.equal(json.may, may, role);
        assert.deepEqual(json.hospitals.map(({ code }) => code).sort(), may ? ['north', 'south'] : [], role);
        assert.equal(json.minutes, 10);
    }
});

test('who may not take it gets what is not there, and nothing is opened', async () => {
    for (const role of ROLES.slice(2)) {
        const answer = await take(role);
        assert.equal(answer.code, 404, role);
        assert.equal(await seen(role), 0);
    }
    assert.deepEqual(await due(), []);
    assert.equal((await service.request('/api/emergency', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', origin: service.url } })).code, 401);
});

test('a reason, a hospital and a patient are demanded', async () => {
    const cases = [[{ reason: undefined }, 400], [{ reason: '' }, 400], [{ reason: 'abc' }, 400], [{ reason: 'x'.repeat(257) }, 400], [{ facility: undefined }, 400], [{ facility: 'nowhere' }, 404], [{ facility: 'east' }, 400],
        [{ number: undefined }, 400], [{ number: '' }, 400], [{ number: 'x'.repeat(300) }, 404], [{ number: undefined, kana: 'テスト' }, 400], [{ number: undefined, kana: 'ダレカ', birth: '19000101' }, 404]];
    for (const [more, code] of cases) {
        const answer = await take('doctor', more);
        assert.equal(answer.code, code, `${JSON.stringify(more).slice(0, 80)}: ${answer.body}`);
        assert.ok(!answer.body.includes(number));
    }
    assert.equal(await seen('doctor'), 0);
    assert.deepEqual(await due(), []);
});

let opened;
test('it opens that patient for reading at once, for so long, and the discloser is told', async () => {
    const began = Date.now();
    const answer = await take('doctor');
    assert.equal(answer.code, 200, answer.body.toString());
    opened = answer.json;
    assert.ok(opened.patient > 0);
    assert.ok(Math.abs(Date.parse(opened.until) - began - 600000) < 60000, opened.until);
    await until('it is open', async () => (await seen('doctor')) === 1, { everyMs: 20 });
    const [study] = (await ask('doctor', '/api/studies')).json.studies;
    assert.equal(study.uid, uid);
    const { series_list } = (await ask('doctor', `/api/studies/${study.id}`)).json;
    const stack = (await ask('doctor', `/api/series/${series_list[0].id}/stack`)).json;
    assert.equal((await ask('doctor', `/tiles/${series_list[0].id}/${stack.objects[0].id}-0/0/0/0.jpg`)).code, 200);
    assert.equal((await ask('doctor', `/dicomweb/studies/${uid}`)).code, 404, 'nothing is taken away');
    assert.equal(await seen('radiologist'), 0, 'it is the one person\'s');
    const line = (await ask('doctor', `/api/patients/${opened.patient}`)).json;
    assert.deepEqual(line.sources.map(({ facility, by }) => [facility, by]), [['north', 'emergency']]);
    assert.equal(line.sources[0].until, opened.until);

    const [told] = await due();
    assert.deepEqual([told.id, told.person, told.of, told.facility, told.number, told.reason], [opened.emergency, 'e-doctor', 'east', 'north', number, 'stroke suspected']);
    const waiting = JSON.parse((await service.must(['emergency', 'alerts', '--json'])).out).filter((one) => one.kind === 'emergency');
    assert.ok(waiting.length >= 1);
    await service.must(['emergency', 'seen', String(waiting[0].id), '--by', 'liaison']);
    assert.ok(!JSON.parse((await service.must(['emergency', 'alerts', waiting[0].facility, '--json'])).out).some((one) => one.id === waiting[0].id));
    const alerts = await records('--action', 'alert');
    assert.ok(alerts.some((one) => one.who === 'e-doctor' && one.who_facility === 'east' && one.reason === 'emergency access'), JSON.stringify(alerts));
    const looked = await records('--action', 'view');
    assert.ok(looked.some((one) => one.who === 'e-doctor' && one.study === uid && one.result === 'allowed'));
});

test('what the discloser hides is not opened by it', async () => {
    await service.must(['policy', 'hide', 'north', '--study', uid, '--reason', 'asked for']);
    await until('it is hidden', async () => (await seen('doctor')) === 0, { everyMs: 20 });
    await service.must(['policy', 'unhide', 'north', '--study', uid]);
    await until('it is open again', async () => (await seen('doctor')) === 1, { everyMs: 20 });
});

test('it ends, and is reviewed once', async () => {
    await service.must(['emergency', 'end', String(opened.emergency)]);
    await until('it is shut', async () => (await seen('doctor')) === 0, { everyMs: 20 });
    assert.equal((await ask('doctor', `/api/patients/${opened.patient}`)).code, 404);
    assert.equal((await due()).length, 1, 'what is over is reviewed all the same');
    assert.equal((await service.command(['emergency', 'review', String(opened.emergency), '--not-justified'])).code, 1, 'not justified needs words');
    await service.must(['emergency', 'review', String(opened.emergency), '--not-justified', '--text', 'nobody was ill', '--by', 'suzuki']);
    assert.deepEqual(await due(), []);
    assert.equal((await service.command(['emergency', 'review', String(opened.emergency), '--justified'])).code, 1);
});

test('a number that nobody has at the hospital opens nothing, and is answered as one that somebody has', async () => {
    const answer = await take('radiologist', { number: 'Z-0000' });
    assert.equal(answer.code, 200);
    assert.equal(answer.json.patient, null);
    assert.equal(await seen('radiologist'), 0);
});

test('nurses may where the network makes them readers', async () => {
    await service.stop();
    service.writeConfig(settings('nurse'));
    await service.launch();
    assert.equal((await ask('nurse', '/api/emergency')).json.may, true);
    assert.equal((await take('nurse')).code, 200);
    await until('it is open', async () => (await seen('nurse')) === 1, { everyMs: 20 });
    assert.equal((await take('radiographer')).code, 404);
});

/* --- the demo --- */

test('the demo lists its own accounts, each of which signs in as it says; nothing else does', async (t) => {
    const dir = temporaryFolder('kh-demo');
    const file = path.join(dir, 'accounts.json');
    const made = await run(program, ['demo', '--data-dir', path.join(dir, 'data'), file]);
    assert.equal(made.code, 0, made.output);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal((await run(program, ['demo', '--data-dir', path.join(dir, 'data'), file])).code, 1, 'for an empty folder only');
    const demo = await Service.start({ dir, settings: { access: { accounts: 'on', factors: 'password', demo_accounts: file, one_terminal: 'no' } } });
    t.after(() => demo.stop());
    const { accounts } = (await new Visitor(demo).ask('/api/demo')).json;
    assert.deepEqual(new Set(accounts.map(({ role }) => role)), new Set(ROLES));
    assert.equal(new Set(accounts.map(({ password }) => password)).size, accounts.length, 'each has its own password');
    const visitors = {};
    for (const account of accounts) {
        visitors[account.login] = new Visitor(demo);
        assert.equal((await visitors[account.login].signIn(account.login, account.password)).json.step, 'done', account.login);
        assert.equal((await visitors[account.login].who()).person.role, account.role);
    }
    const found = async (login, query) => (await visitors[login].ask(`/api/patients?${query}`)).json.patients.flatMap(({ sources }) => sources.map(({ facility }) => facility)).sort();
    assert.deepEqual(await found('yamamoto', 'number=Y-0012'), ['center', 'city'], 'consented at both hospitals');
    assert.deepEqual(await found('sakura', 'number=S-100'), ['city']);
    assert.deepEqual(await found('sakura', 'number=S-200'), [], 'withdrawn');
    assert.deepEqual(await found('kangoshi', 'number=Y-0012'), [], 'a nurse is no reader of others\' here');
    assert.deepEqual(await found('midori', 'number=M-2004'), [], 'the number has not come yet');
    assert.equal((await visitors.umibe.change('/api/emergency', { facility: 'center', number: 'M-2005', reason: 'brought in unconscious' })).code, 200);
    assert.equal((await visitors.kansa.change('/api/emergency', { facility: 'center', number: 'M-2005', reason: 'brought in unconscious' })).code, 404);
    assert.equal((await visitors.jimukyoku.ask('/api/admin/nodes')).code, 200);
    assert.equal((await visitors.yamamoto.ask('/api/admin/nodes')).code, 404);
    for (const { password } of accounts) assert.ok(!demo.log.includes(password));
});

test('without a demo the list is empty', async () => {
    assert.deepEqual((await new Visitor(service).ask('/api/demo')).json, { accounts: [] });
});

test('a demo\'s accounts are refused beyond this machine, at the start and when they are made', async () => {
    const dir = temporaryFolder('kh-demo-outside');
    const file = path.join(dir, 'accounts.json');
    const at = (address) => ['--data-dir', path.join(dir, 'data'), '--set', `http.address=${address}`];
    const made = await run(program, ['demo', ...at('0.0.0.0'), file]);
    assert.equal(made.code, 2);
    assert.match(made.err, /loopback/);
    assert.ok(!fs.existsSync(file) && !fs.existsSync(path.join(dir, 'data', 'access.db')), 'nothing was made');
    fs.writeFileSync(file, '{"accounts":[]}');
    const common = ['--set', 'access.accounts=on', '--set', 'access.factors=password+totp', '--set', `access.demo_accounts=${file}`, '--set', `http.tls_certificate=${file}`, '--set', `http.tls_key=${file}`];
    for (const [name, set] of [['an address', ['--set', 'http.address=192.0.2.1', '--set', 'http.names=demo.example']], ['every address', ['--set', 'http.address=0.0.0.0', '--set', 'http.names=demo.example']], ['a name', ['--set', 'http.names=demo.example']], ['a proxy', ['--set', 'http.proxies=192.0.2.7']]]) {
        const refused = await run(program, ['serve', '--data-dir', path.join(dir, 'data'), ...common, ...set], { seconds: 20 });
        assert.notEqual(refused.code, 0, name);
        assert.match(refused.output, /demo_accounts/, name);
    }
});
