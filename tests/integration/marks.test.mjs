// Marks on pictures and people's settings over HTTP: kept, measured from stored pixels, versioned, told to whoever looks, hidden with their study; with
// accounts off and on; a process that is killed; an index whose ids have become others.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Visitor } from '../lib/people.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

const PASSWORD = 'a bridge over seven rivers';
const files = ctFiles().slice(0, 4);

/** What a browser sends of a page of ours, while accounts are off. */
const post = async (service, target, body, headers = {}) => {
    const answer = await service.request(target, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', origin: service.url, ...headers } });
    return { ...answer, json: JSON.parse(answer.body) };
};

async function firstObject(ask) {
    const [study] = (await ask('/api/studies?limit=5')).studies;
    const series = (await ask(`/api/studies/${study.id}`)).series_list.find((one) => one.frames > 0);
    const stack = await ask(`/api/series/${series.id}/stack`);
    return { study, series, stack, object: stack.objects[0] };
}

const length = (place, more = {}) => ({ kind: 'length', series: place.series.id, sop_uid: place.object.sop_uid, frame: 0, points: [[10.5, 20], [13.5, 24]], text: '', version: 0, ...more });
const mm = (place, mark) => {
    const [row, column] = place.stack.slices.find((slice) => place.stack.objects[slice.object] === place.object).spacing;
    const [[x0, y0], [x1, y1]] = mark.points;
    return Math.hypot((x1 - x0) * column, (y1 - y0) * row);
};

describe('while accounts are off', () => {
    let service;
    let place;
    let base;
    before(async () => {
        service = await Service.start({ files });
        place = await firstObject((target) => service.json(target));
        base = `/api/studies/${place.study.id}/marks`;
    });
    after(() => service?.stop());
    const marks = async () => (await service.json(base)).marks;

    test('a mark is kept as it is, with what the stored pixels say', async () => {
        const id = randomUUID();
        const sent = length(place, { text: '結節 <b>5 mm</b>' });
        const { code, json } = await post(service, `${base}/${id}`, sent);
        assert.equal(code, 200, JSON.stringify(json));
        const { mark } = json;
        assert.deepEqual([mark.id, mark.kind, mark.series, mark.sop_uid, mark.frame, mark.points, mark.text, mark.version, mark.deleted, mark.editable],
            [id, 'length', place.series.id, place.object.sop_uid, 0, sent.points, sent.text, 1, false, true]);
        assert.deepEqual(mark.author, { name: '', facility: '', mine: true });
        assert.ok(Math.abs(mark.measured.length_mm - mm(place, sent)) < 1e-9);
        assert.equal(mark.measured.length_px, 5);
        assert.ok(Math.abs(Date.parse(mark.at) - Date.now()) < 60000);
        assert.deepEqual(await marks(), [mark]);
        const region = (await post(service, `${base}/${randomUUID()}`, length(place, { kind: 'ellipse', points: [[200, 200], [260, 250]] }))).json.mark;
        assert.deepEqual(region.measured, await service.json(`/api/series/${place.series.id}/${place.object.id}-0/values?kind=ellipse&points=200,200,260,250`));
        assert.equal((await post(service, `${base}/${randomUUID()}`, length(place, { kind: 'key', points: [] }))).code, 200);
        assert.equal((await marks()).length, 3);
    });

    test('versions: twice is once, an older one is a conflict that tells what is kept, nothing is lost', async () => {
        const id = randomUUID();
        const one = (await post(service, `${base}/${id}`, length(place))).json.mark;
        assert.deepEqual((await post(service, `${base}/${id}`, length(place))).json.mark, one);
        const two = (await post(service, `${base}/${id}`, length(place, { points: [[1, 1], [2, 2]], version: 1 }))).json.mark;
        assert.equal(two.version, 2);
        const conflict = await post(service, `${base}/${id}`, length(place, { points: [[1, 1], [3, 3]], version: 1 }));
        assert.equal(conflict.code, 409);
        assert.deepEqual(conflict.json.mark, two);
        assert.equal((await post(service, `${base}/${id}/delete`, { version: 1 })).code, 409);
        const gone = await post(service, `${base}/${id}/delete`, { version: 2 });
        assert.deepEqual([gone.code, gone.json.mark.deleted, gone.json.mark.version], [200, true, 3]);
        assert.equal((await post(service, `${base}/${id}/delete`, { version: 2 })).code, 200);
        assert.ok(!(await marks()).some((mark) => mark.id === id));
        const back = await post(service, `${base}/${id}`, length(place, { version: 3 }));
        assert.deepEqual([back.code, back.json.mark.version], [200, 4]);
        const { versions } = await service.json(`${base}/${id}`);
        assert.deepEqual(versions.map((version) => [version.version, version.points[1], version.deleted]), [[1, [13.5, 24], false], [2, [2, 2], false], [3, [2, 2], true], [4, [13.5, 24], false]]);
    });

    test('what cannot be a mark is refused, with the name of what is wrong', async () => {
        const target = () => `${base}/${randomUUID()}`;
        for (const [what, mark, code, words] of [
            ['another kind', { kind: 'circle' }, 400, /kind "circle"/],
            ['a point outside', { points: [[0, 0], [513, 0]] }, 400, /points: number 2/],
            ['three points', { points: [[0, 0], [1, 1], [2, 2]] }, 400, /points: 3, expected 2/],
            ['no numbers', { points: [[0, null], [1, 1]] }, 400, /points: number 1/],
            ['a frame that is not there', { frame: 1 }, 404, /frame 1/],
            ['an object of elsewhere', { sop_uid: '1.2.3' }, 404, /no such object/],
            ['too much text', { text: 'x'.repeat(1025) }, 400, /text: 1025 characters/],
            ['a control character', { text: 'a\u0007' }, 400, /text: character 2/],
            ['a version that is not there', { version: 4 }, 404, /no such mark/],
            ['another id', { id: randomUUID() }, 400, /id, expected/],
        ]) {
            const answer = await post(service, target(), length(place, mark));
            assert.equal(answer.code, code, what);
            assert.match(answer.json.message, words, what);
        }
        assert.equal((await post(service, `${base}/not-a-uuid`, length(place))).code, 400);
        assert.equal((await post(service, `/api/studies/999999/marks/${randomUUID()}`, length(place))).code, 404);
        assert.equal((await service.request(`/api/studies/999999/marks`)).code, 404);
        assert.equal((await post(service, target(), length(place), { origin: 'http://evil.example' })).code, 403);
        const text = 'é'.repeat(1024);
        assert.equal((await post(service, target(), length(place, { kind: 'text', points: [[512, 512]], text }))).json.mark.text, text);
    });

    test('whoever looks is told', async () => {
        const events = service.events();
        await until('the stream is open', () => events.opened > 0);
        await post(service, `${base}/${randomUUID()}`, length(place));
        await until('the event', () => events.list.some((event) => event.event === 'marks' && event.data.study === place.study.id));
        events.close();
    });

    test('settings: one object, its version checked', async () => {
        assert.deepEqual(await service.json('/api/settings'), { version: 0, settings: {} });
        const settings = { layout: { rows: 2, columns: [1, 2.5, null, true, 'あ'] }, keys: {} };
        assert.deepEqual((await post(service, '/api/settings', { version: 0, settings })).json, { version: 1, settings });
        assert.deepEqual(await service.json('/api/settings'), { version: 1, settings });
        assert.deepEqual((await post(service, '/api/settings', { version: 0, settings })).json, { version: 1, settings }, 'twice is once');
        const conflict = await post(service, '/api/settings', { version: 0, settings: {} });
        assert.deepEqual([conflict.code, conflict.json.version, conflict.json.settings], [409, 1, settings]);
        assert.equal((await post(service, '/api/settings', { version: 1, settings: [] })).code, 400);
        assert.equal((await post(service, '/api/settings', { settings: {} })).code, 400);
        assert.equal((await post(service, '/api/settings', { version: 1, settings: { presets: 'x'.repeat(32768) } })).code, 413);
        let deep = {};
        for (let i = 0; i < 40; i++) deep = { deep };
        assert.equal((await post(service, '/api/settings', { version: 1, settings: deep })).code, 413);
        assert.equal((await post(service, '/api/settings', { version: 1, settings: { presets: 'x'.repeat(32000) } })).code, 200);
    });

    test('a web process that is killed leaves everything as it was, and nobody else may read the file', async () => {
        const before_ = await marks();
        process.kill(service.role('web').pid, 'SIGKILL');
        await until('it answers again', () => service.json(base).then(() => true, () => false));
        assert.deepEqual(await marks(), before_);
        assert.equal((await service.json('/api/settings')).version, 2);
        await until('changes are taken again', async () => (await post(service, `${base}/${randomUUID()}`, length(place))).code === 200);
        assert.equal(fs.statSync(path.join(service.dir, 'data/reading.db')).mode & 0o777, 0o600);
        const { out } = await service.must(['check']);
        assert.match(out, /\d+ marks, 0 deleted, 3 versions before, settings of 1, not whole 0, reading\.db sound\nclean/);
    });

    test('marks follow their images where the ids of the index are others', async () => {
        const before_ = await marks();
        await service.stop();
        const other = await Service.start({ files: ctFiles().slice(6, 6 + files.length) }); // as many as there were: no id can be the same
        await other.stop();
        await other.must(['import', '--facility', 'local', ...files]);
        fs.copyFileSync(path.join(service.dir, 'data/reading.db'), path.join(other.dir, 'data/reading.db'));
        for (const end of ['-wal', '-shm']) fs.rmSync(path.join(other.dir, `data/reading.db${end}`), { force: true });
        await other.launch();
        const there = await firstObject((target) => other.json(target));
        const { marks: after_ } = await other.json(`/api/studies/${there.study.id}/marks`);
        assert.deepEqual(after_.map(({ series, ...mark }) => mark), before_.map(({ series, ...mark }) => mark));
        assert.ok(after_.every((mark) => mark.series === there.series.id));
        assert.notEqual(there.stack.objects.find((object) => object.sop_uid === place.object.sop_uid).id, place.object.id);
        await other.stop();
    });
});

describe('while accounts are on', () => {
    let service;
    let place;
    let base;
    const people = {};
    const records = async (...more) => (await service.must(['audit', 'search', '--json', ...more])).out.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

    async function person(login, role, facility) {
        await service.must(['person', 'add', login, '--name', `佐藤 ${login}`, '--kana', `カナ ${login}`, '--birth-date', '19700102', '--facility', facility, '--role', role]);
        await service.must(['person', 'train', login, '--date', '20260401']);
        await service.must(['person', 'activate', login]);
        const { out } = await service.must(['person', 'invite', login]);
        const visitor = new Visitor(service);
        assert.equal((await visitor.change(`/api/welcome/${/\/welcome\/(\S+)/.exec(out)[1]}`, { password: PASSWORD })).code, 200);
        await visitor.signIn(login, PASSWORD);
        await visitor.who();
        people[login] = visitor;
    }
    before(async () => {
        service = await Service.start({ files, facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
        fill(path.join(service.dir, 'data'), 'facility north both', 'facility east viewer', 'facility west viewer');
        await person('mori', 'doctor', 'north');
        await person('abe', 'radiologist', 'east');
        await person('kato', 'doctor', 'west');
        await person('ono', 'nurse', 'north');
        await person('ito', 'registrar', 'north');
        place = await firstObject(async (target) => (await people.mori.ask(target)).json);
        base = `/api/studies/${place.study.id}/marks`;
        const patient = place.study.patient.id;
        [people.consent] = fill(path.join(service.dir, 'data'), `patient north ${patient}`, 'patient east E1', `link north ${patient} east E1`, `consent north ${patient} east images 50 -`);
        await until('the consent is known', async () => (await people.abe.ask(base)).code === 200, { everyMs: 20 });
    });
    after(() => service?.stop());

    const id = randomUUID();
    test('who made it may change it, others who may see the study read it', async () => {
        const made = await people.mori.change(`${base}/${id}`, length(place));
        assert.equal(made.code, 200, made.body.toString());
        assert.deepEqual(made.json.mark.author, { name: '佐藤 mori', facility: 'north', mine: true });
        const [seen] = (await people.abe.ask(base)).json.marks;
        assert.deepEqual([seen.id, seen.author.mine, seen.editable, seen.author.name], [id, false, false, '佐藤 mori']);
        assert.equal((await people.abe.change(`${base}/${id}`, length(place, { version: 1, text: 'x' }))).code, 403);
        assert.equal((await people.abe.change(`${base}/${id}/delete`, { version: 1 })).code, 403);
        assert.equal((await people.abe.change(`${base}/${randomUUID()}`, length(place, { kind: 'arrow' }))).code, 200);
        assert.equal((await people.mori.ask(base)).json.marks.length, 2);
    });

    test('who reads no images finds nothing, who reads them without writing may look only', async () => {
        const absent = await people.kato.ask('/api/studies/999999/marks');
        for (const visitor of [people.kato, people.ito]) {
            const refused = await visitor.ask(base);
            assert.deepEqual([refused.code, refused.body.toString()], [404, absent.body.toString()]);
            assert.equal((await visitor.change(`${base}/${randomUUID()}`, length(place))).code, 404);
            assert.equal((await visitor.change(`${base}/${id}/delete`, { version: 1 })).code, 404);
        }
        assert.equal((await people.ono.ask(base)).code, 200);
        assert.equal((await people.ono.change(`${base}/${randomUUID()}`, length(place))).code, 403);
        assert.equal((await new Visitor(service).ask(base)).code, 401);
    });

    test('a change needs the token and our origin', async () => {
        await people.mori.who();
        for (const headers of [{ 'x-kakehashi-token': null }, { 'x-kakehashi-token': 'x' }, { origin: 'http://evil.example' }])
            assert.equal((await people.mori.ask(`${base}/${randomUUID()}`, { method: 'POST', body: length(place), headers })).code, 403);
        assert.equal((await people.mori.ask('/api/settings', { method: 'POST', body: { version: 0, settings: {} }, headers: { 'x-kakehashi-token': null } })).code, 403);
    });

    test('each change is recorded, and each reading of the list once', async () => {
        const made = await records('--action', 'mark', '--who', 'mori');
        assert.ok(made.some((one) => one.study === place.study.uid && one.text.includes(id) && one.result === 'allowed'));
        assert.ok((await records('--action', 'mark', '--who', 'abe')).length >= 3, 'what was refused by the room, too: it was about to be done');
        assert.ok((await records('--action', 'open', '--who', 'ono')).some((one) => one.study === place.study.uid));
    });

    test('settings are each one\'s own', async () => {
        assert.equal((await people.mori.change('/api/settings', { version: 0, settings: { layout: 'a' } })).code, 200);
        assert.deepEqual((await people.abe.ask('/api/settings')).json, { version: 0, settings: {} });
        assert.deepEqual((await people.mori.ask('/api/settings')).json, { version: 1, settings: { layout: 'a' } });
        assert.equal((await people.ito.ask('/api/settings')).code, 200);
        assert.equal((await new Visitor(service).ask('/api/settings')).code, 401);
    });

    test('a withdrawal hides the marks with the study', async () => {
        assert.equal((await people.abe.ask(base)).code, 200);
        fill(path.join(service.dir, 'data'), `withdraw ${people.consent}`);
        await until('it is shut', async () => (await people.abe.ask(base)).code === 404, { seconds: 2 });
        assert.equal((await people.abe.change(`${base}/${randomUUID()}`, length(place))).code, 404);
        assert.equal((await people.mori.ask(base)).json.marks.length, 2, 'they are kept');
    });
});
