// Who looked at what, by clients nobody here wrote where there are such: everything that was shown, sent, taken in or changed is found by
// `kakehashi audit search`, a reader of 200 tiles is one record, the chains verify, and a byte that is changed is named.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Disk, needsDisk } from '../lib/disk.mjs';
import { attribute, freePort, must, Pacs, phantomFiles, run, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';

const SLICES = 50;
const TOKEN = 'a-token-of-a-viewer-1';
let service;
let study; // as the portal lists it
let series;
let stack;

/** The records that fit. */
async function search(...options) {
    const { out } = await service.must(['audit', 'search', '--json', ...options]);
    return out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

async function assertWhole(on = service) {
    const verified = await on.command(['audit', 'verify']);
    assert.equal(verified.code, 0, verified.output);
    return verified.out;
}

const bearer = { authorization: `Bearer ${TOKEN}` };

before(async () => {
    const folder = temporaryFolder('kh-audit');
    const tokens = path.join(folder, 'tokens');
    fs.writeFileSync(tokens, `viewer read,write ${TOKEN}\nreader read another-token-of-16\n`, { mode: 0o600 });
    service = await Service.start({ files: phantomFiles(SLICES), settings: { dicomweb: { tokens, facility: 'clinic' } } });
    [study] = await service.studies();
    [series] = (await service.json(`/api/studies/${study.id}`)).series_list.filter((one) => one.images > 1 || one.objects > 1);
    stack = await service.json(`/api/series/${series.id}/stack`);
});
after(() => service.stop());

test('a reader of 200 tiles is one record, and each tile waited for it', async () => {
    const tiles = stack.slices.flatMap((slice) => [300, 400, 1500, 2000].map((width) =>
        `/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg?c=40&w=${width}`));
    assert.ok(tiles.length >= 200);
    assert.deepEqual(await search('--action', 'view', '--series', stack.series_uid ?? ''), []);
    const codes = new Set();
    for (let i = 0; i < tiles.length; i += 20) {
        for (const answer of await Promise.all(tiles.slice(i, i + 20).map((tile) => service.request(tile)))) codes.add(answer.code);
    }
    assert.deepEqual([...codes], [200]);
    const views = (await search('--action', 'view')).filter((one) => one.way === 'portal');
    assert.equal(views.length, 1, JSON.stringify(views, null, 1));
    const [view] = views;
    assert.equal(view.who, '127.0.0.1');
    assert.equal(view.by, 'address');
    assert.equal(view.result, 'allowed');
    assert.equal(view.study, study.study_uid ?? view.study);
    assert.match(view.series, /^[0-9.]+$/);
    assert.equal(view.patient, study.patient.id ?? view.patient);
    // Thumbnails, batches and lossless slices are of the same reader and series.
    const object = stack.objects[0].id;
    assert.equal((await service.request(`/tiles/${series.id}/${object}-0/thumb.jpg`)).code, 200);
    assert.equal((await service.request(`/tiles/${series.id}/${object}-0/lossless`)).code, 200);
    assert.equal((await service.request(`/tiles/${series.id}/batch?tiles=${object}-0/0/0/0`)).code, 200);
    assert.equal((await search('--action', 'view')).length, 1);
});

test('what was opened and searched is recorded with its study and its words', async () => {
    const opened = await search('--action', 'open');
    assert.ok(opened.some((one) => one.series), 'the stack');
    assert.ok(opened.some((one) => one.study && !one.series), 'the study');
    assert.equal((await service.request('/api/studies?q=Yamada%22%2C')).code, 200);
    assert.ok((await search('--action', 'search')).some((one) => one.text.includes('Yamada",')), 'the words, as they came');
    assert.equal((await service.request('/api/studies/424242')).code, 404);
    assert.equal((await search('--action', 'open', '--result', 'absent')).length, 1);
});

test('DICOMweb: who is the name of the token', async () => {
    const uid = (await search('--action', 'view'))[0].study;
    const get = (target, headers = {}) => service.request(`/dicomweb${target}`, { headers: { ...bearer, ...headers } });
    assert.equal((await get('/studies?PatientName=*')).code, 200);
    assert.equal((await get(`/studies/${uid}/metadata`)).code, 200);
    assert.equal((await get(`/studies/${uid}`, { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' })).code, 200);
    assert.equal((await get(`/studies/${uid}/rendered`, { accept: 'image/jpeg' })).code < 500, true);
    assert.equal((await get('/studies/1.2.3.4.5/metadata')).code, 404);
    const mine = await search('--who', 'viewer');
    for (const one of mine) assert.equal(one.by, 'token');
    const found = (action) => mine.filter((one) => one.action === action);
    assert.match(found('search')[0].text, /PatientName=\*/);
    assert.equal(found('retrieve')[0].study, uid);
    assert.equal(found('open').find((one) => one.result === 'allowed').study, uid);
    assert.equal(found('open').find((one) => one.result === 'absent').study, '1.2.3.4.5');
    assert.equal(found('view')[0].study, uid);
});

test('STOW-RS is told with what was stored and what was not', async () => {
    const boundary = 'b0undary';
    const part = (bytes) => Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`), bytes, Buffer.from('\r\n')]);
    const files = phantomFiles(SLICES).slice(0, 3);
    const body = Buffer.concat([...files.map((file) => part(fs.readFileSync(file))), part(Buffer.from('no object')), Buffer.from(`--${boundary}--\r\n`)]);
    const headers = { ...bearer, 'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}` };
    assert.equal((await service.request('/dicomweb/studies', { method: 'POST', headers, body })).code, 202);
    const stored = (await search('--action', 'store', '--who', 'viewer'));
    assert.deepEqual(stored.map((one) => [one.result, one.count, one.failed]), [['done', 3, 0], ['failed', 0, 1]]);
    assert.match(stored[0].study, /^[0-9.]+$/);
});

test('refusals are recorded: no token, one that may only read, a foreign page, no such address', async () => {
    assert.equal((await service.request('/dicomweb/studies')).code, 401);
    assert.equal((await service.request('/dicomweb/studies', { method: 'POST', headers: { authorization: 'Bearer another-token-of-16' }, body: '' })).code, 403);
    assert.equal((await service.request('/no/such/address')).code, 404);
    assert.equal((await service.request('/health', { headers: { host: 'evil.example' } })).code, 421);
    // Nobody waits for these; the next record stands behind them.
    assert.equal((await service.request('/api/studies?q=behind')).code, 200);
    const refused = [...await search('--result', 'refused'), ...await search('--result', 'absent', '--action', 'connect')];
    for (const code of [401, 403, 404, 421]) assert.ok(refused.some((one) => one.code === code), `${code}`);
});

test('what an operator does is recorded', async () => {
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
    assert.equal((await service.request('/api/admin/nodes/nobody/echo', { method: 'POST', headers, body: '{}' })).code, 404);
    assert.equal((await service.request('/api/admin/queue')).code, 200);
    const done = await search('--action', 'operate');
    assert.ok(done.some((one) => one.text === '/api/admin/nodes/nobody/echo'));
    assert.ok(done.some((one) => one.text === '/api/admin/queue'));
});

test('CSV is a table, from and to are times', async () => {
    const { out } = await service.must(['audit', 'search', '--csv', '--action', 'view']);
    const [head, row] = out.split('\r\n');
    assert.match(head, /^role,sequence,time,action,/);
    assert.match(row, /^web,\d+,\d{4}-\d\d-\d\dT/);
    assert.deepEqual(await search('--to', '2020'), []);
    assert.ok((await search('--from', '2020')).length > 0);
    assert.equal((await service.command(['audit', 'search', '--from', 'today'])).code, 2);
    assert.equal((await service.command(['audit', 'search', '--action', 'look'])).code, 2);
});

test('the chains verify beside the service, after kills, and a byte that is changed is named', async () => {
    await assertWhole();
    for (let i = 0; i < 3; i++) {
        await Promise.all([service.request(`/api/studies?q=kill${i}`), service.request(`/api/studies?q=other${i}`)]);
        await service.kill();
        await service.launch();
        assert.equal((await search('--action', 'search')).filter((one) => one.text?.includes(`q=kill${i}`)).length, 1, 'what was answered is recorded');
        await assertWhole();
    }
    const known = (await assertWhole()).match(/web:\d+:[0-9a-f]{64}/)[0];
    await service.must(['audit', 'verify', '--known', known]);
    const folder = path.join(service.dir, 'data', 'audit');
    const at = fs.existsSync(folder) ? folder : path.join(service.dir, 'audit');
    for (const name of fs.readdirSync(at)) assert.equal(fs.statSync(path.join(at, name)).mode & 0o077, 0, name);
    const file = path.join(at, 'web-000000000001.log');
    const text = fs.readFileSync(file, 'latin1');
    const lines = text.split('\n');
    const line = lines.findIndex((one) => one.includes('"action":"view"'));
    lines[line] = lines[line].replace('127.0.0.1', '127.0.0.2');
    fs.writeFileSync(file, lines.join('\n'), 'latin1');
    const verified = await service.command(['audit', 'verify']);
    assert.equal(verified.code, 1);
    assert.match(verified.out.split('\n').find((one) => one.includes('.log')), new RegExp(`^web-000000000001\\.log line ${line + 1} record ${line + 1}: `));
    fs.writeFileSync(file, text, 'latin1');
    await assertWhole();
});

test('DICOM: queries, retrievals, what came, who was turned away, corrections and deletions', async (t) => {
    const port = await freePort();
    const files = phantomFiles(6);
    const uid = Object.values(await attribute('0020,000d', files.slice(0, 1)))[0];
    const reader = ['reader', '--ae-title', 'READER', '--host', '127.0.0.1', '--port', String(port), '--facility', 'clinic', '--may-query'];
    const on = await Service.start({ nodes: [reader, ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']] });
    t.after(() => on.stop());
    const records = async (...options) => (await on.must(['audit', 'search', '--json', ...options])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const peer = ['127.0.0.1', String(on.dicomPort)];
    const keys = ['-k', '0008,0052=STUDY', '-k', `0020,000d=${uid}`];

    assert.equal((await storescu(on.dicomPort, files)).code, 0);
    const [stored] = await until('the association has ended', async () => {
        const found = await records('--action', 'store');
        return found.length > 0 && found;
    });
    assert.deepEqual([stored.who, stored.by, stored.ae_title, stored.way, stored.study, stored.count, stored.failed, stored.result], ['scanner', 'node', 'STORESCU', 'C-STORE', uid, 6, 0, 'done']);
    assert.equal(stored.address, '127.0.0.1');
    assert.ok(stored.patient);

    await must('findscu', ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI', ...keys, '-k', '0010,0010', ...peer]);
    const asked = await records('--action', 'search', '--who', 'reader');
    assert.deepEqual(asked.map((one) => [one.way, one.result]), [['C-FIND', 'allowed'], ['C-FIND', 'done']]);
    assert.deepEqual([asked[0].study, asked[1].count], [uid, 1]);
    assert.match(asked[0].text, /^STUDY .*StudyInstanceUID=/);

    await must('movescu', ['-S', '-aet', 'READER', '-aem', 'READER', '-aec', 'KAKEHASHI', '+P', String(port), '-od', temporaryFolder(), ...keys, ...peer]);
    const moved = await records('--action', 'send');
    assert.deepEqual(moved.map((one) => [one.who, one.way, one.result, one.count]), [['reader', 'C-MOVE', 'allowed', 6], ['reader', 'C-MOVE', 'done', 6]]);
    assert.deepEqual([moved[0].study, moved[0].to, moved[0].patient], [uid, 'READER', stored.patient]);

    await must('getscu', ['-S', '+B', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', temporaryFolder(), ...keys, ...peer]);
    assert.equal((await records('--action', 'retrieve', '--study', uid)).length, 1);

    assert.notEqual((await run('echoscu', ['-aet', 'NOBODY', '-aec', 'KAKEHASHI', ...peer])).code, 0);
    const away = await until('the refusal is recorded', async () => (await records('--action', 'connect', '--who', 'NOBODY'))[0]);
    assert.deepEqual([away.result, away.by, away.to], ['refused', 'title', 'KAKEHASHI']);

    await on.must(['change', 'delete', '--study', uid, '--reason', 'wrong patient']);
    const deleted = await records('--action', 'delete', '--study', uid);
    assert.deepEqual(deleted.map((one) => [one.by, one.way, one.result]), [['operator', 'command', 'allowed'], ['operator', 'command', 'done']]);
    assert.match(deleted[0].text, /wrong patient/);
    await assertWhole(on);

    // A command that acts itself, with no service, writes the same chain.
    await on.stop();
    await on.must(['change', 'undo', '1']);
    assert.deepEqual((await records('--action', 'undo')).map((one) => [one.by, one.result, one.role]), [['operator', 'allowed', 'bridge'], ['operator', 'done', 'bridge']]);
    await assertWhole(on);
});

// AZ-33: nobody asks at the time, and it is recorded all the same, study by study.
test('what rules, the queues, storage commitment and imports do is recorded', async (t) => {
    const files = phantomFiles(6);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    const backup = await Pacs.start({ title: 'BACKUP' });
    t.after(() => Promise.all([pacs.stop(), backup.stop()]));
    const on = await Service.start({ httpPort, dicomPort, nodes: [pacs.node(), [...backup.node('BACKUP').slice(0, -1), 'elsewhere']], files: files.slice(0, 1), facility: 'import-from', settings: { storage: { quiet: '1 s' } } });
    t.after(() => on.stop());
    const records = async (...options) => (await on.must(['audit', 'search', '--json', ...options])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));

    const imported = (await records('--action', 'store')).filter((one) => one.way === 'import');
    assert.deepEqual(imported.map((one) => one.result), ['allowed', 'done']);
    assert.equal(imported[1].facility, 'import-from');
    assert.equal(imported[1].count, 1);
    assert.match(imported[1].study, /^[0-9.]+$/);
    await on.must(['import', '--facility', 'import-from', ...files.slice(1, 3)]); // beside the service
    assert.equal((await records('--action', 'store')).filter((one) => one.way === 'import' && one.count === 2).length, 1);

    await on.must(['rule', 'add', 'forward', 'onward', '--node', 'BACKUP', '--facility', 'hospital']);
    await on.must(['pull', 'PACS', '--all', '--wait']);
    const pulled = (await records('--action', 'fetch')).filter((one) => one.way === 'pull');
    assert.equal(pulled.length, 2, JSON.stringify(pulled, null, 1));
    assert.equal(pulled[0].result, 'allowed');
    assert.deepEqual([pulled[1].result, pulled[1].count, pulled[1].facility], ['done', files.length, 'hospital']);
    assert.ok(pulled[1].patient);
    const sent = await until('the rule has sent it on', async () => { const all = (await records('--action', 'send')).filter((one) => one.way === 'send'); return all.some((one) => one.result !== 'allowed') && all; });
    assert.deepEqual([sent[0].result, sent[0].who, sent[0].by, sent[0].to], ['allowed', 'onward', 'rule', 'BACKUP']);
    assert.deepEqual([sent.at(-1).study, sent.at(-1).patient], [pulled[1].study, pulled[1].patient]);
    await assertWhole(on);
});

// R4: reading goes on out of the record's reserve; used up, it is as without one.
test('a disk that is full: what is shown is recorded in the reserve, until that is used up', { skip: needsDisk }, async (t) => {
    const disk = Disk.make(t, 4 << 20);
    const on = await Service.start({ files: phantomFiles(2), settings: { audit: { reserve: '128 KiB' } } });
    t.after(() => on.stop());
    const folder = path.join(on.dir, 'data', 'audit');
    await on.stop();
    fs.cpSync(folder, disk.dir, { recursive: true });
    fs.rmSync(folder, { recursive: true });
    fs.symlinkSync(disk.dir, folder);
    await on.launch();
    disk.fill();
    let answered = 0;
    await until('the reserve is used up', async () => {
        for (let i = 0; i < 50; i++) {
            const { code } = await on.request(`/api/studies?text=full${answered}`);
            if (code === 503) return true;
            assert.equal(code, 200);
            answered++;
        }
        return false;
    }, { everyMs: 1 });
    assert.ok(answered >= 100, `${answered} requests were recorded`);
    assert.match(on.log, /audit: web: the disk has no room for the record of access; its reserve lasts for \d+ bytes more/);
    disk.clear();
    assert.equal((await on.request('/api/studies?text=after')).code, 200);
    const told = (await on.must(['audit', 'search', '--json', '--action', 'search'])).out;
    for (let i = 0; i < answered; i++) assert.ok(told.includes(`text=full${i}`), `${i}`);
    await assertWhole(on);
});

test('a disk that is full: nothing is shown, sent or taken in that is not recorded, and all goes on by itself', { skip: needsDisk }, async (t) => {
    const disk = Disk.make(t, 2 << 20);
    const files = phantomFiles(6);
    const on = await Service.start({ files, settings: { audit: { reserve: '0 B' } }, nodes: [['reader', '--ae-title', 'READER', '--facility', 'clinic', '--may-query'], ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']] });
    t.after(() => on.stop());
    const folder = path.join(on.dir, 'data', 'audit');
    await on.stop();
    fs.cpSync(folder, disk.dir, { recursive: true });
    fs.rmSync(folder, { recursive: true });
    fs.symlinkSync(disk.dir, folder);
    await on.launch();
    const find = () => run('findscu', ['-v', '-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', '0020,000d', '127.0.0.1', String(on.dicomPort)]);
    assert.equal((await on.request('/api/studies?text=before')).code, 200);
    disk.fill();
    let answered = 0; // the last block has room for a few
    const refused = await until('nothing is shown any more', async () => {
        const answer = await on.request(`/api/studies?text=full${answered}`);
        answered += answer.code === 200 ? 1 : 0;
        return answer.code !== 200 && answer;
    });
    assert.equal(refused.code, 503);
    assert.ok(refused.headers['retry-after']);
    assert.match(String(refused.body), /cannot be written/);
    assert.equal((await on.request('/api/studies?text=before')).code, 200, 'what was recorded already is shown');
    await until('queries are refused', async () => /0xa700|OutOfResources/i.test((await find()).output));
    assert.deepEqual((await storescu(on.dicomPort, files)).acknowledged, []);
    disk.clear();
    assert.equal((await on.request('/api/studies?text=after')).code, 200);
    assert.doesNotMatch((await find()).output, /0xa700|OutOfResources/i);
    assert.equal((await storescu(on.dicomPort, files)).code, 0);
    const told = (await on.must(['audit', 'search', '--json', '--action', 'search'])).out;
    for (let i = 0; i < answered; i++) assert.ok(told.includes(`text=full${i}`), `${i}`);
    assert.ok(told.includes('text=after'));
    await assertWhole(on);
});
