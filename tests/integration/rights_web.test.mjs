// Rights over the web: lists, counts, pages and the time line say what is open and nothing of the rest (S1, S2; AZ-16, AZ-17, AZ-23, KN-6, TB-6, TB-7).
// Every cell of who may what is in matrix.test.mjs; here is what stands around a cell: how many, from when, in which order, of whom.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { grey } from '../lib/objects.mjs';
import { must, Service, temporaryFolder, until } from '../lib/service.mjs';

const root = `1.2.392.200036.9999.76.${process.pid}`;
const folder = temporaryFolder('kh-rights-web');
const day = (years, days = 0) => { const when = new Date(); when.setFullYear(when.getFullYear() - years); when.setDate(when.getDate() - days); return when.toLocaleDateString('sv').replaceAll('-', ''); };
const CLOSED = 12; // patients of whom nothing is open, whose studies lie between those that are
const CT = 2; // studies that the consent for the CT opens
const MORE = 4; // and those of patients of CLOSED that are opened later

let service, east, north;
let made = 0;

/** An object of that patient's study, in series .1 (CT), .2 (SR) or .3 (MR) of it. */
async function object(study, patient, date, { modality = 'CT', time = '090000', body = 'CHEST' } = {}) {
    const file = path.join(folder, `${++made}.dcm`);
    const number = { CT: 1, SR: 2, MR: 3 }[modality];
    fs.writeFileSync(`${file}.dump`, ['(0002,0010) UI =LittleEndianExplicit', `(0008,0016) UI =${modality === 'SR' ? 'BasicTextSRStorage' : 'CTImageStorage'}`, `(0008,0018) UI [${root}.9.${made}]`,
        `(0008,0020) DA [${date}]`, `(0008,0030) TM [${time}]`, `(0008,0050) SH [ACC-${patient}]`, `(0008,0060) CS [${modality}]`, `(0010,0010) PN [Test^${patient}]`, `(0010,0020) LO [${patient}]`,
        `(0018,0015) CS [${body}]`, `(0020,000d) UI [${study}]`, `(0020,000e) UI [${study}.${number}]`, '(0020,0013) IS [1]',
        ...(modality === 'SR' ? ['(0040,a040) CS [CONTAINER]'] : [...grey({ rows: 4, columns: 4 }), '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16']), ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
    return file;
}

const data = () => path.join(service.dir, 'data');
async function ask(target, token = east) {
    const answer = await service.request(target, { headers: { authorization: `Bearer ${token}`, accept: '*/*' } });
    return { ...answer, json: /json/.test(answer.headers['content-type'] ?? '') && answer.body.length ? JSON.parse(answer.body) : null };
}
const list = async (query = '', token = east) => (await ask(`/api/studies?limit=200${query}`, token)).json;
const uids = (answer) => answer.studies.map(({ uid }) => uid);
const qido = async (target, token = east) => (await ask(`/dicomweb/${target}`, token)).json ?? [];
const value = (row, tag) => row[tag]?.Value?.[0];
/* A change is in force within a second; until then of some rows it may be known already and of others not. */
const opened = (count) => until(`${count} studies are open`, async () => {
    const { total, studies } = await list();
    return total === count && studies.every(({ series }) => series > 0);
}, { everyMs: 50 });

before(async () => {
    const files = [];
    for (const modality of ['CT', 'SR', 'MR']) files.push(await object(`${root}.1`, 'P1', day(0), { modality }));
    files.push(await object(`${root}.1`, 'P1', day(0)), await object(`${root}.2`, 'P1', day(1, -2), { time: '100000' }), await object(`${root}.3`, 'P1', day(1, 3)), await object(`${root}.4`, 'P1', '20150101'));
    for (let i = 0; i < CLOSED; i++) files.push(await object(`${root}.5.${i}`, `C${i}`, day(0, i), { time: `09${String(i).padStart(2, '0')}00` }));
    service = await Service.start({ files, facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
    const south = [await object(`${root}.6`, 'Q1', day(0, 40)), await object(`${root}.7`, 'Q2', day(0, 1))];
    await service.must(['import', '--facility', 'south', ...south]);
    const password = 'seven-rivers-one-bridge';
    [east, north] = fill(data(), 'facility north both', 'facility south discloser', 'facility east viewer', 'facility west viewer',
        'patient north P1', 'patient south Q1', 'patient east E1', 'patient east E2', 'link north P1 east E1', 'link south Q1 east E1',
        ...Array.from({ length: CLOSED }, (_, i) => `patient north C${i}`),
        'person mori east doctor', `password mori ${password}`, 'token mori find,view,take', 'person sato north doctor', `password sato ${password}`, 'token sato find,view,take');
    await until('the accounts are known', async () => (await ask('/api/studies', north)).code === 200, { everyMs: 50 });
});
after(() => service?.stop());

test('without a consent there is nothing, in no list, count or page', async () => {
    assert.deepEqual(await list(), { total: 0, studies: [] });
    assert.equal((await list('', north)).total, 4 + CLOSED);
    for (const target of ['studies', 'studies?includefield=all', 'series', 'instances', 'studies?fuzzymatching=true&PatientName=Test', 'studies?limit=1&offset=1', `studies/${root}.1/series`])
        assert.deepEqual(await qido(target), [], target);
    assert.deepEqual((await ask('/api/patients?number=E1')).json, { patients: [] });
});

let consent;
test('a consent for the CT opens the CT from its floor on, and every number is of that', async () => {
    [consent] = fill(data(), 'consent north P1 east images 1 CT');
    await opened(CT);
    const { total, studies } = await list();
    assert.equal(total, 2);
    assert.deepEqual(studies.map(({ uid }) => uid), [`${root}.1`, `${root}.2`], 'two days within the year, not three days before it, newest first');
    assert.deepEqual([studies[0].series, studies[0].objects, studies[0].images, studies[0].modalities], [1, 2, 2, ['CT']], 'neither the report nor the MR counts');
    const { series_list } = (await ask(`/api/studies/${studies[0].id}`)).json;
    assert.deepEqual(series_list.map(({ modality }) => modality), ['CT']);

    const [first] = await qido(`studies?StudyInstanceUID=${root}.1&includefield=all`);
    assert.deepEqual([value(first, '00201206'), value(first, '00201208'), first['00080061'].Value], [1, 2, ['CT']]);
    assert.deepEqual((await qido(`studies/${root}.1/series`)).map((row) => value(row, '0020000E')), [`${root}.1.1`]);
    assert.equal((await qido(`studies/${root}.1/instances`)).length, 2);
    assert.deepEqual(await qido(`series?SeriesInstanceUID=${root}.1.2`), []);
    assert.deepEqual(await qido(`studies/${root}.1/series/${root}.1.3/instances`), []);
    for (const row of await qido('studies?includefield=all')) assert.ok((value(row, '00201200') ?? 2) <= 2, 'a patient has as many studies as are open');
    assert.deepEqual((await qido('studies?ModalitiesInStudy=MR')).length, 0);
    assert.deepEqual((await list('&modality=SR')).total, 0);
    const metadata = (await ask(`/dicomweb/studies/${root}.1/metadata`)).json;
    assert.deepEqual([...new Set(metadata.map((one) => value(one, '0020000E')))], [`${root}.1.1`]);
});

test('what is closed is not found by any word, and looks as what is not there', async () => {
    for (const words of ['C3', 'ACC-C3', 'Test^C3', `${root}.5.3`, 'P1 C3', '20150101']) {
        const [closed, absent] = [await ask(`/api/studies?q=${encodeURIComponent(words)}`), await ask('/api/studies?q=nobody')];
        assert.deepEqual(closed.body.toString(), absent.body.toString(), words);
    }
    const absent = await ask('/dicomweb/studies?PatientID=nobody');
    for (const query of ['PatientID=C3', 'AccessionNumber=ACC-C3', 'PatientName=Test%5EC3', 'PatientID=C*', `StudyInstanceUID=${root}.5.3`, 'StudyDate=20150101', 'fuzzymatching=true&PatientName=C3']) {
        const closed = await ask(`/dicomweb/studies?${query}`);
        assert.deepEqual([closed.code, closed.body.toString(), closed.headers.warning], [absent.code, absent.body.toString(), absent.headers.warning], query);
    }
});

test('pages are of what is open: none is short, none tells how much lies between', async () => {
    const more = Array.from({ length: MORE }, (_, i) => `C${i * 3}`);
    fill(data(), ...more.flatMap((number, i) => [`patient east EC${i}`, `link north ${number} east EC${i}`, `consent north ${number} east images 1 -`]));
    await opened(CT + MORE);
    const all = uids(await list());
    for (const limit of [1, 2, 4, 5]) {
        const seen = [];
        for (let offset = 0; offset < all.length; offset += limit) {
            const page = (await ask(`/api/studies?limit=${limit}&offset=${offset}`)).json;
            assert.equal(page.total, all.length);
            assert.equal(page.studies.length, Math.min(limit, all.length - offset), `a page of ${limit} at ${offset} is whole`);
            seen.push(...uids(page));
        }
        assert.deepEqual(seen, all);
        const found = [];
        for (let offset = 0; offset < all.length; offset += limit) {
            const answer = await ask(`/dicomweb/studies?limit=${limit}&offset=${offset}`);
            const rows = answer.json ?? [];
            assert.equal(rows.length, Math.min(limit, all.length - offset), `QIDO: a page of ${limit} at ${offset} is whole`);
            assert.equal(answer.headers.warning !== undefined, offset + limit < all.length, 'what remains is what is open');
            if (answer.headers.warning) assert.match(answer.headers.warning, new RegExp(`\\b${all.length - offset - limit}\\b|additional|more`));
            found.push(...rows.map((row) => value(row, '0020000D')));
        }
        assert.deepEqual(found.sort(), [...all].sort());
    }
    assert.deepEqual((await ask(`/api/studies?limit=5&offset=${all.length}`)).json, { total: all.length, studies: [] });
    assert.deepEqual(await qido(`studies?offset=${all.length}`), []);
});

test('the time line is over all hospitals, newest first, each study decided by itself', async () => {
    fill(data(), 'consent south Q1 east images 1 -');
    await until('the second hospital is there', async () => (await ask('/api/patients?number=E1')).json.patients[0]?.sources.length === 2, { everyMs: 50 });
    await opened(CT + MORE + 1); // one patient is decided at once, lists when the change is known
    const [found] = (await ask('/api/patients?number=E1')).json.patients;
    assert.deepEqual(found.sources.map(({ facility, by }) => [facility, by]).sort(), [['north', 'grant'], ['south', 'grant']]);
    const line = (await ask(`/api/patients/${found.id}`)).json;
    assert.deepEqual(line.studies.map(({ uid, facility }) => [uid, facility]), [[`${root}.1`, 'north'], [`${root}.6`, 'south'], [`${root}.2`, 'north']]);
    assert.equal(line.more, false);
    assert.deepEqual([line.studies[0].series, line.studies[0].objects], [1, 2]);
    assert.equal((await ask('/api/patients?number=E2')).body.toString(), (await ask('/api/patients?number=nobody')).body.toString(), 'an own patient of whom nothing is open is not there');
    assert.equal((await ask('/api/patients?kana=%E3%83%86%E3%82%B9%E3%83%88')).code, 400, 'TB-6: kana alone');
    for (const foreign of ['P1', 'Q1', 'C0']) assert.deepEqual((await ask(`/api/patients?number=${foreign}`)).json, { patients: [] }, 'TB-7: numbers are the own ones');
});

test('a study that was deleted was never there, for anybody', async () => {
    const rows = (await list('', north)).studies;
    const [shut, open] = [`${root}.5.1`, `${root}.5.3`].map((uid) => rows.find((row) => row.uid === uid));
    for (const study of [shut, open]) await service.must(['change', 'delete', '--study', study.uid, '--reason', 'test']);
    const absent = await ask(`/dicomweb/studies/${root}.99`);
    for (const { uid } of [shut, open])
        for (const token of [east, north]) {
            const gone = await ask(`/dicomweb/studies/${uid}`, token);
            assert.deepEqual([gone.code, gone.body.toString()], [absent.code, absent.body.toString()]);
        }
});

test('AZ-23: a withdrawal takes it out of every list and count', async () => {
    await opened(MORE + CT); // the second hospital's is open since, one of MORE was deleted
    fill(data(), `withdraw ${consent}`);
    await opened(MORE);
    assert.ok(!uids(await list()).some((uid) => [`${root}.1`, `${root}.2`].includes(uid)));
    assert.deepEqual(await qido(`studies?PatientID=P1`), []);
    const [found] = (await ask('/api/patients?number=E1')).json.patients;
    assert.deepEqual(found.sources.map(({ facility }) => facility), ['south']);
    assert.deepEqual((await ask(`/api/patients/${found.id}`)).json.studies.map(({ uid }) => uid), [`${root}.6`]);
});
