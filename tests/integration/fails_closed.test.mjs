// S13, AZ-33: what cannot be recorded does not leave. The disk of the record is full, and every address that shows or changes something, queries and
// retrievals by DCMTK, signing in and commands are refused without a byte of what was asked for; with room again the same is answered and recorded. The
// addresses are those of the sources' own tables: one that is added without its case here is a failure.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Disk, needsDisk } from '../lib/disk.mjs';
import { Visitor } from '../lib/people.mjs';
import { fits, routes } from '../lib/routes.mjs';
import { attribute, filesUnder, freePort, phantomFiles, root, run, Service, start, temporaryFolder, until } from '../lib/service.mjs';

const PASSWORD = 'seven-rivers-one-bridge';
const DISK = 4 << 20;
const p = {}; // what there is
let service, disk, token, office, movePort;

before(async () => {
    if (needsDisk) return;
    const files = phantomFiles(6);
    movePort = await freePort();
    service = await Service.start({
        files, facility: 'hospital', settings: { access: { accounts: 'on', factors: 'password' }, audit: { reserve: '0 B' } },
        nodes: [['reader', '--ae-title', 'READER', '--host', '127.0.0.1', '--port', String(movePort), '--facility', 'hospital', '--may-query']],
    });
    [token] = fill(path.join(service.dir, 'data'), 'facility hospital both', 'person mori hospital doctor', `password mori ${PASSWORD}`, 'token mori find,view,take,store', 'patient hospital P-1',
        'person yama hospital office', `password yama ${PASSWORD}`, 'person sato hospital doctor', `password sato ${PASSWORD}`);
    for (const [name, tag] of [['s', '0020,000d'], ['e', '0020,000e'], ['i', '0008,0018']]) [p[name]] = Object.values(await attribute(tag, files.slice(2, 3)));
    await until('the accounts are known', async () => (await ask({ target: '/api/studies' })).code === 200, { everyMs: 50 });
    const json = async (target) => JSON.parse((await ask({ target })).body);
    [{ id: p.study }] = (await json('/api/studies')).studies;
    p.series = (await json(`/api/studies/${p.study}`)).series_list.find((one) => one.objects === 6).id;
    p.object = (await json(`/api/series/${p.series}/stack`)).objects[0].id;
    const mark = { series: p.series, object: p.object, frame: 0, kind: 'length', points: [[10, 10], [60, 60]] };
    p.mark = mark;
});
after(() => service?.stop());

const ask = ({ target, method = 'GET', body, type = 'application/json' }) => service.request(target, {
    method, body: method === 'GET' ? undefined : body ?? '{}', headers: { authorization: `Bearer ${token}`, accept: '*/*', ...(method !== 'GET' && { 'content-type': type, origin: service.url }) },
});

/* --- every address --- */

const web = () => `/dicomweb/studies/${p.s}`;
const series = () => `${web()}/series/${p.e}`;
const instance = () => `${series()}/instances/${p.i}`;
const MARK = '0123456789abcdef0123456789abcdef';
const get = (...targets) => targets.map((target) => ({ target, method: 'GET' }));
const post = (target, body, type) => ({ target, method: 'POST', body, type });
const part10 = () => {
    const file = fs.readFileSync(phantomFiles(6)[3]);
    return Buffer.concat([Buffer.from('--x\r\nContent-Type: application/dicom\r\n\r\n'), file, Buffer.from('\r\n--x--\r\n')]);
};

/* Of the doctor, with a token. */
const shown = () => [
    ...get(`/tiles/${p.series}/${p.object}-0/0/0/0.jpg`, `/tiles/${p.series}/${p.object}-0/lossless`, `/tiles/${p.series}/${p.object}-0/thumb.jpg`, `/tiles/${p.series}/batch?tiles=${p.object}-0/0/0/0`,
        `/api/series/${p.series}/${p.object}-0/values?kind=probe&points=1,1`, `/api/series/${p.series}/stack`, `/api/series/${p.series}/states`, `/api/studies/${p.study}`, `/api/studies/${p.study}/marks`, `/api/studies/${p.study}/marks/${MARK}`,
        `/api/studies/${p.study}/priors`, '/api/studies?q=a', '/api/patients?number=P-1', '/api/patients/1', `/IHEInvokeImageDisplay?requestType=STUDY&studyUID=${p.s}`, `/api/invoke?requestType=STUDY&studyUID=${p.s}`,
        '/dicomweb/studies', '/dicomweb/series', '/dicomweb/instances', `${web()}/series`, `${web()}/instances`, `${series()}/instances`, web(), series(), instance(), `${instance()}/frames/1`, `${instance()}/pixeldata`,
        `${web()}/pixeldata`, `${series()}/pixeldata`, `${web()}/bulkdata`, `${series()}/bulkdata`, `${instance()}/bulkdata`, `${instance()}/bulkdata/7FE00010`, `${web()}/metadata`, `${series()}/metadata`,
        `${instance()}/metadata`, `${web()}/rendered`, `${series()}/rendered`, `${instance()}/rendered`, `${instance()}/frames/1/rendered?accept=image/jpeg`, `${web()}/thumbnail`, `${series()}/thumbnail`,
        `${instance()}/thumbnail`, `${instance()}/frames/1/thumbnail`, `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}`,
        `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}&contentType=application/dicom`),
    post(`/api/series/${p.series}/${p.object}-0/values`, '{"kind":"probe","points":[[1,1]]}'), post(`/api/series/${p.series}/${p.object}-0/picture?purpose=explanation`),
    post(`/api/studies/${p.study}/marks/${MARK}`, JSON.stringify(p.mark)), post(`/api/studies/${p.study}/marks/${MARK}/delete`), post(`/api/studies/${p.study}/marks/export`),
    post(`/api/studies/${p.study}/recall`), post('/api/emergency', '{"facility":"hospital","number":"P-1","reason":"an accident"}'),
    post('/dicomweb/studies', part10(), 'multipart/related; type="application/dicom"; boundary=x'), post(web(), part10(), 'multipart/related; type="application/dicom"; boundary=x'),
];
/* Of the office, in a browser. */
const operated = () => [
    ...get('/api/pulls', '/api/admin/nodes', '/api/admin/queue', '/api/admin/failures', '/api/admin/changes', '/api/admin/findings', '/api/admin/associations', '/api/admin/refusals'),
    post(`/api/admin/studies/${p.study}/delete`, { reason: 'wrong patient' }),
];

/* What the sources record: the portal's table, and all of DICOMweb but what it can do. */
function recordedRoutes() {
    const text = fs.readFileSync(path.join(root, 'viewer/portal/recorded.c'), 'utf8');
    const portal = [...text.matchAll(/^ {4}\{"([A-Z]+)", "([^"]+)", KH_AUDIT_/gm)].map(([, method, pattern]) => ({ method, pattern }));
    return [...portal, ...routes(['dicomweb']).filter(({ method }) => method !== 'OPTIONS')];
}

test('S13: every address that is recorded is asked here', { skip: needsDisk }, () => {
    const asked = [...shown(), ...operated()];
    const all = recordedRoutes();
    assert.ok(all.length >= 60, `${all.length} addresses`);
    assert.deepEqual(all.filter(({ method, pattern }) => !asked.some((one) => one.method === method && fits(pattern, one.target))), []);
});

/* --- a full disk --- */

const find = () => run('findscu', ['-v', '-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', '0020,000d', '127.0.0.1', String(service.dicomPort)]);
const keys = () => ['-k', '0008,0052=STUDY', '-k', `0020,000d=${p.s}`, '127.0.0.1', String(service.dicomPort)];
const OUT_OF_RESOURCES = /0xa70[0-9]|0xa7[0-9a-f]{2}|OutOfResources|Refused/i;

async function recordOnDisk(t) {
    disk = Disk.make(t, DISK);
    const folder = path.join(service.dir, 'data', 'audit');
    await service.stop();
    fs.cpSync(folder, disk.dir, { recursive: true });
    fs.rmSync(folder, { recursive: true });
    fs.symlinkSync(disk.dir, folder);
    await service.launch();
    await until('the service lets in', async () => (await ask({ target: '/api/studies?q=first' })).code === 200, { everyMs: 50 });
    office = new Visitor(service);
    assert.equal((await office.signIn('yama', PASSWORD)).json.step, 'done');
    await office.who();
}

/* Until the last block of each chain has no room for the shortest record either. */
async function fillUp() {
    disk.fill();
    let refused = 0;
    await until('nothing is shown any more', async () => {
        refused = (await ask({ target: `/api/studies?q=${Math.random().toString(36).slice(2, 5)}` })).code === 503 ? refused + 1 : 0;
        disk.fill();
        return refused >= 10;
    }, { everyMs: 1 });
    await until('queries are refused', async () => OUT_OF_RESOURCES.test((await find()).output));
}

const telling = (answer) => /JFIF|PNG|DICM|"studies"|"slices"|00100010|"patient"/.test(answer.body.toString('latin1'));

async function allRefused(of, by) {
    const wrong = [];
    for (const one of of) {
        const answer = await by(one);
        if (answer.code !== 503 || !answer.headers['retry-after'] || answer.body.length > 600 || telling(answer)) wrong.push(`${one.method} ${one.target}: ${answer.code} ${answer.body.length} ${answer.body.toString('latin1').slice(0, 120)}`);
    }
    assert.deepEqual(wrong, []);
}

const byOffice = ({ target, method, body }) => office.ask(target, { method, body });

test('S13, AZ-33: nothing leaves and nothing is changed that cannot be recorded: tiles, batches, downloads, DICOMweb, DICOM, accounts', { skip: needsDisk }, async (t) => {
    await recordOnDisk(t);
    await fillUp();
    await allRefused(shown(), ask);
    await allRefused(operated(), byOffice);

    // DICOM: DCMTK gets no object, by either way.
    const got = temporaryFolder();
    await run('getscu', ['-S', '+B', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', got, ...keys()]);
    assert.deepEqual(filesUnder(got), []);
    const moved = temporaryFolder();
    const there = start('storescp', ['-aet', 'READER', '-od', moved, String(movePort)]);
    t.after(() => there.kill());
    const move = await run('movescu', ['-v', '-S', '-aet', 'READER', '-aem', 'READER', '-aec', 'KAKEHASHI', ...keys()]);
    assert.deepEqual(filesUnder(moved), [], move.output);

    // Signing in, and what somebody changes of his account: nobody gets in unrecorded.
    const visitor = new Visitor(service);
    const answer = await visitor.signIn('sato', PASSWORD);
    assert.notEqual(answer.json?.step, 'done', `${answer.code} ${answer.body}`);
    assert.notEqual((await visitor.ask('/api/account')).code, 200);
    assert.notEqual((await office.change('/api/account/tokens', { name: 'x', days: 1, scopes: 'find', password: PASSWORD })).code, 200);

    // Commands that change who may see what record first.
    await until('commands are refused', async () => (await service.command(['person', 'unlock', 'sato'])).code === 1, { seconds: 60 });
    for (const words of [['facility', 'suspend', 'hospital', '--reason', 'x'], ['person', 'suspend', 'mori', '--reason', 'x'], ['patient', 'add', 'hospital:P-2', '--kana', 'ヤマダ^ハナコ', '--birth-date', '19500203', '--sex', 'F']]) {
        const { code, output } = await service.command(words);
        assert.equal(code, 1, `${words.join(' ')}: ${output}`);
    }
    assert.match((await service.must(['facility', 'list'])).out, /hospital .* no/);
    await fillUp();
    await allRefused(shown().slice(0, 8), ask);
    there.kill();
    disk.clear();

    // With room: the same is answered, by itself, and is found in the record.
    await until('the record goes on', async () => (await ask({ target: '/api/studies?q=room' })).code === 200);
    const missing = [];
    for (const one of shown().filter(({ method }) => method === 'GET')) {
        const { code } = await ask(one);
        if (code === 503) missing.push(one.target);
    }
    assert.deepEqual(missing, []);
    await run('getscu', ['-S', '+B', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', got, ...keys()]);
    assert.ok(filesUnder(got).length >= 6);
    const records = (await service.must(['audit', 'search', '--json', '--who', 'mori'])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    for (const action of ['open', 'view', 'retrieve', 'search']) assert.ok(records.some((one) => one.action === action), action);
    assert.equal((await service.command(['audit', 'verify'])).code, 0);
    assert.equal((await visitor.signIn('sato', PASSWORD)).json.step, 'done');
});
