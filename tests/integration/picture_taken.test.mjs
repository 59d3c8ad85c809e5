// A picture taken along (AZ-35): the pixels are those of DCMTK's dcm2pnm, the words stand below them, each one is recorded with its purpose, and who
// may look but not take gets none. Read back by netpbm.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Visitor } from '../lib/people.mjs';
import { bytesFile } from '../lib/objects.mjs';
import { ctFiles, must, Service, until } from '../lib/service.mjs';

const PASSWORD = 'a bridge over seven rivers';
const WINDOW = 'c=40&w=400';
let service, series, object, file;

async function readPnm(command, args) {
    const out = path.join(service.dir, `${Math.random()}.pnm`);
    await must('sh', ['-c', `${command} ${args.map((one) => `'${one}'`).join(' ')} > '${out}'`]);
    const bytes = fs.readFileSync(out);
    const [header, kind, width, height] = /^P([56])\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.subarray(0, 64).toString('latin1'));
    return { channels: kind === '6' ? 3 : 1, width: Number(width), height: Number(height), pixels: bytes.subarray(header.length) };
}
const png = (body) => readPnm('pngtopnm', [bytesFile(body, 'png')]);

/** Somebody of a facility, signed in. */
async function person(login, role, facility) {
    await service.must(['person', 'add', login, '--name', login, '--kana', `カナ ${login}`, '--birth-date', '19700102', '--facility', facility, '--role', role]);
    await service.must(['person', 'train', login, '--date', '20260401']);
    await service.must(['person', 'activate', login]);
    const { out } = await service.must(['person', 'invite', login]);
    const visitor = new Visitor(service);
    assert.equal((await visitor.change(`/api/welcome/${/\/welcome\/(\S+)/.exec(out)[1]}`, { password: PASSWORD })).code, 200);
    await visitor.signIn(login, PASSWORD);
    return visitor;
}
const people = {};
const target = (query = `purpose=explanation&${WINDOW}`) => `/api/series/${series}/${object}-0/picture?${query}`;
const take = (who, query) => who.change(target(query));
const records = async (...options) => (await service.must(['audit', 'search', '--json', '--action', 'retrieve', ...options])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));

before(async () => {
    [file] = ctFiles().slice(-1);
    service = await Service.start({ files: [file], facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
    fill(path.join(service.dir, 'data'), 'facility north both', 'facility east viewer');
    for (const [login, role, facility] of [['mori', 'doctor', 'north'], ['ono', 'nurse', 'north'], ['abe', 'doctor', 'east']]) people[login] = await person(login, role, facility);
    const [study] = (await people.mori.ask('/api/studies?limit=5')).json.studies;
    series = (await people.mori.ask(`/api/studies/${study.id}`)).json.series_list.find((one) => one.frames > 0).id;
    object = (await people.mori.ask(`/api/series/${series}/stack`)).json.objects[0].id;
    const patient = study.patient.id;
    fill(path.join(service.dir, 'data'), `patient north ${patient}`, 'patient east E1', `link north ${patient} east E1`, `consent north ${patient} east images 50 -`);
});
after(() => service?.stop());

test('the picture is the one dcm2pnm makes of it, twice as large; the words are below', async () => {
    const answer = await take(people.mori);
    assert.equal(answer.code, 200, answer.body.toString());
    assert.equal(answer.headers['cache-control'], 'no-store');
    const ours = await png(answer.body);
    const theirs = await readPnm('dcm2pnm', ['-q', '+op', '+Ww', '40', '400', file]);
    assert.equal(ours.width, theirs.width * 2);
    assert.ok(ours.height > theirs.height * 2 + 60 && ours.height < theirs.height * 2 + 400, `${ours.height}`);
    let off = 0;
    for (let y = 0; y < theirs.height; y++)
        for (let x = 0; x < theirs.width; x++) {
            const at = 2 * y * ours.width + 2 * x;
            const mean = (ours.pixels[at] + ours.pixels[at + 1] + ours.pixels[at + ours.width] + ours.pixels[at + ours.width + 1]) / 4;
            off += Math.abs(mean - theirs.pixels[y * theirs.width + x]);
        }
    assert.ok(off / (theirs.width * theirs.height) < 2, `${off / (theirs.width * theirs.height)} levels off`);
    const band = ours.pixels.subarray(2 * theirs.height * ours.width, ours.height * ours.width);
    assert.equal(band[0], 0, 'black ground');
    assert.ok(band.filter((value) => value > 200).length > 500, 'white words');
});

test('the window that is asked for is the one that is given; what is said differs by purpose and language, the picture does not', async () => {
    const [one, other, narrow] = [await png((await take(people.mori)).body), await png((await take(people.mori, `purpose=care&lang=ja&${WINDOW}`)).body), await png((await take(people.mori, 'purpose=care&c=40&w=80')).body)];
    const picture = one.width * one.width;
    assert.deepEqual(one.pixels.subarray(0, picture), other.pixels.subarray(0, picture));
    assert.notDeepEqual(one.pixels.subarray(picture, picture + 1e5), other.pixels.subarray(picture, picture + 1e5));
    assert.notDeepEqual(one.pixels.subarray(0, picture), narrow.pixels.subarray(0, picture));
});

test('without a purpose, or with one that is none, nothing is given', async () => {
    for (const query of [WINDOW, `purpose=&${WINDOW}`, `purpose=teaching&${WINDOW}`]) {
        const answer = await take(people.mori, query);
        assert.equal(answer.code, 400);
        assert.match(answer.json.message, /purpose, expected care, explanation or conference/);
    }
    assert.equal((await people.mori.change(`/api/series/${series}/${object}-99/picture?purpose=care`)).code, 404);
    assert.equal((await people.mori.ask(target(), { method: 'GET' })).code, 405);
});

test('each is recorded with who, what and what for', async () => {
    const before = (await records()).length;
    await take(people.mori, `purpose=conference&${WINDOW}`);
    await take(people.mori, `purpose=conference&${WINDOW}`);
    const now = await records();
    assert.equal(now.length, before + 2);
    assert.equal(now.at(-1).purpose, 'conference');
    assert.equal(now.at(-1).who, 'mori');
    assert.ok(now.at(-1).series);
});

test('who may look but not take gets none: a nurse, and a site whose consent does not open it', async () => {
    for (const who of ['ono', 'abe']) {
        await until(`${who} sees it`, async () => (await people[who].ask(`/api/series/${series}/stack`)).code === 200);
        assert.equal((await take(people[who])).code, 404, who);
    }
    const patient = (await people.mori.ask('/api/studies?limit=5')).json.studies[0].patient.id;
    fill(path.join(service.dir, 'data'), `consent north ${patient} east images,take 50 -`);
    await service.must(['policy', 'set', 'north', '--items', 'images,reports,take']);
    await until('the roles have seen it', async () => (await take(people.abe)).code === 200);
});
