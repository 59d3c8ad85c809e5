// Patients, consents and what follows from them, by command, without a service: what is entered is explained, recorded, and ends when it is withdrawn.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { phantomFiles, program, removeFolder, run, temporaryFolder } from '../lib/service.mjs';

const folder = temporaryFolder('kh-consents');
after(() => removeFolder(folder));
const here = (...args) => run(program, [args[0], '--data-dir', path.join(folder, 'data'), '--set', 'storage.reserve=1 MiB', ...args.slice(1)]);

async function must(...args) {
    const said = await here(...args);
    assert.equal(said.code, 0, said.output);
    return said.out;
}
const json = async (...args) => JSON.parse(await must(...args, '--json'));

let study; // of the phantom: its patient's number and its UID
const why = async (verb = 'view') => (await json('grant', 'explain', study.uid, '--person', 'mori', '--verb', verb))[0];

before(async () => {
    await must('import', '--facility', 'north', path.dirname(phantomFiles(8)[0]));
    for (const code of ['north', 'east']) await must('facility', 'add', code, '--name', code, '--part', 'both');
    await must('person', 'add', 'mori', '--name', '森 一', '--kana', 'モリ ハジメ', '--birth-date', '19700102', '--facility', 'east', '--role', 'doctor');
    await must('person', 'train', 'mori', '--date', '20260401');
    await must('person', 'activate', 'mori');
    const dump = await run('dcmdump', ['+P', 'PatientID', '+P', 'StudyInstanceUID', phantomFiles(8)[0]]);
    study = { patient: /LO \[([^\]]+)\]/.exec(dump.out)[1].trim(), uid: /UI \[([^\]]+)\]/.exec(dump.out)[1] };
});

test('from the sheet to the verdict, and back', async () => {
    const patient = `north:${study.patient}`;
    assert.equal((await why()).reason, 'no consent');
    await must('patient', 'add', patient, '--kana', 'ヤマダ^ハナコ', '--birth-date', '19500203', '--sex', 'F', '--by', 'liaison');
    const [{ id }] = await json('consent', 'add', patient, '--places', 'east:3001', '--signed', '20260401', '--explained', '--explainer', 'Sato', '--look-back', 'none');
    assert.equal((await why()).reason, 'no link');
    await must('consent', 'target-id', String(id), 'east:3001');
    assert.deepEqual([(await why()).allowed, (await why()).reason], [true, 'grant']);
    assert.deepEqual([(await why('take')).allowed, (await why('take')).reason], [false, 'item not opened']);
    const [grant] = await json('grant', 'list', patient, '--open');
    assert.deepEqual([grant.consent, grant.to, grant.linked, grant.items], [id, 'east', true, 'images,reports']);

    await must('policy', 'hide', 'north', '--study', study.uid, '--reason', 'asked for');
    assert.equal((await why()).reason, 'hidden by the discloser');
    await must('policy', 'unhide', 'north', '--study', study.uid);
    await must('policy', 'set', 'north', '--modalities', 'XA');
    assert.equal((await why()).reason, 'item not opened');
    await must('policy', 'set', 'north', '--modalities', '');
    assert.equal((await why()).reason, 'grant');

    await must('consent', 'withdraw', String(id), '--at', 'east', '--reason', 'as the patient wishes');
    assert.equal((await why()).reason, 'withdrawn');
    const [kept] = await json('consent', 'show', String(id));
    assert.deepEqual([kept.withdrawn_at, kept.signed], ['east', '20260401']); // nothing is deleted
    assert.equal((await here('consent', 'withdraw', String(id))).code, 1);

    const [{ id: emergency }] = await json('emergency', 'open', patient, '--person', 'mori', '--reason', 'stroke suspected');
    assert.equal((await why()).reason, 'emergency access');
    await must('emergency', 'end', String(emergency));
    assert.equal((await why()).allowed, false);
    assert.equal((await json('emergency', 'list', 'north', '--due')).length, 1);
    await must('emergency', 'review', String(emergency), '--justified');
    assert.equal((await json('emergency', 'list', 'north', '--due')).length, 0);
});

test('what was done is recorded, before and after; the chain is whole', async () => {
    const records = (await must('audit', 'search', '--json', '--action', 'rights')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const withdrawn = records.filter(({ text }) => /: withdraw$/.test(text)).map(({ result }) => result);
    assert.deepEqual(withdrawn, ['allowed', 'done', 'allowed', 'failed']);
    assert.ok(records.some(({ who, patient, facility }) => who === 'liaison' && patient === study.patient && facility === 'north'));
    assert.match(await must('audit', 'verify'), /command: \d+ records, \d+ checkpoints, whole/);
});

test('tables come back as they went; a row that is wrong is named, the rows before it stay', async () => {
    const table = path.join(folder, 'patients.csv');
    fs.writeFileSync(table, 'facility,number,kana,birth_date,sex\r\neast,7001,"スズキ^イチロウ",19600101,M\r\neast,7002,"タナカ^ジロウ",19600230,M\r\neast,7003,,,\r\n');
    const said = await here('patient', 'import', table);
    assert.equal(said.code, 1);
    assert.match(said.err, /line 3: birth date/);
    const exported = await must('patient', 'export', 'east');
    assert.match(exported, /^facility,number,.*\r\n/);
    assert.match(exported, /\r\neast,7001,,,スズキ\^イチロウ,19600101,M,,\r\n/);
    assert.doesNotMatch(exported, /700[23]/);
    fs.writeFileSync(table, 'facility,number,places,signed,explained,explainer\r\neast,7001,north,20260401,yes,Sato\r\neast,7001,north,20260401,no,Sato\r\n');
    const consents = await here('consent', 'import', table);
    assert.equal(consents.code, 1);
    assert.match(consents.err, /line 3: explained/);
    assert.equal((await json('consent', 'list', 'east:7001')).length, 1);
});

// TB-12, AZ-22: a house moves into an empty one by its tables, and the same is decided there.
test('what is exported is imported: the same grants, the same decisions', async () => {
    const houses = ['from', 'into'].map((name) => path.join(folder, name));
    const at = (house) => (...args) => run(program, [args[0], '--data-dir', house, '--set', 'storage.reserve=1 MiB', '--set', 'access.team=3', ...args.slice(1)]);
    const [from, into] = houses.map((house) => async (...args) => {
        const said = await at(house)(...args);
        assert.equal(said.code, 0, `${args.join(' ')}: ${said.output}`);
        return said.out;
    });
    const SHEET = ['--signed', '20260401', '--explained', '--explainer', 'Dr. "Sato", Mori'];
    for (const code of ['north', 'south', 'east', 'west', 'gone']) await from('facility', 'add', code, '--name', code, '--part', 'both', '--phone', '1,2');
    for (const [login, facility] of [['mori', 'east'], ['ota', 'east'], ['abe', 'west'], ['ito', 'west'], ['ueda', 'gone'], ['new', 'east']]) {
        await from('person', 'add', login, '--name', login, '--kana', `カナ ${login}`, '--birth-date', '19700102', '--facility', facility, '--role', 'doctor');
        if (login === 'new') continue;
        await from('person', 'train', login, '--date', '20260401');
        await from('person', 'activate', login);
    }
    await from('person', 'suspend', 'ota', '--reason', 'misuse');
    await from('facility', 'suspend', 'gone', '--reason', 'a leak');
    const [north, south, east, west] = [`north:${study.patient}`, 'south:S1', 'east:E1', 'west:W,1'];
    for (const place of [north, south, east, west]) await from('patient', 'add', place, '--kana', 'ヤマダ^ハナコ', '--birth-date', '19500203', '--sex', 'F', '--address', '1-2, "3"');
    const sheets = [
        [north, '--places', 'east:E1,west', '--look-back', 'none', '--items', 'images,reports,take', '--modalities', 'CT,MR'],
        [east, '--places', `${north},${south}`, '--direction', 'both', '--signer', 'family', '--proxy-name', 'Yamada', '--proxy-relation', 'son'],
        [north, '--form', 'doctor', '--person', 'abe', '--look-back', '0', '--department', 'x', '--fax', '1', '--holder', 'east', '--author', 'Sato'],
        [north, '--form', 'team', '--team', 'T', '--members', 'mori,abe,ito'],
        [north, '--form', 'all', '--excluded', 'west,gone'],
        [north, '--form', 'stand-in', '--person', 'ito', '--from', '20990101', '--to', '209902011300'],
        [north, '--places', 'east'],
        [north, '--places', 'east,south'],
    ];
    const ids = [];
    for (const [place, ...words] of sheets) ids.push(JSON.parse(await from('consent', 'add', place, ...words, ...SHEET, '--json'))[0].id);
    ids.push(JSON.parse(await from('consent', 'target-add', String(ids[6]), '--places', 'west', ...SHEET, '--json'))[0].id);
    await from('patient', 'link', north, east);
    await from('patient', 'link', north, west);
    await from('consent', 'target-close', String(ids[3]), 'ito', '--reason', 'left the team');
    await from('consent', 'target-close', String(ids[7]), 'south', '--reason', 'not moved there');
    await from('consent', 'withdraw', String(ids[6]), '--at', 'east', '--reason', 'as the patient wishes');

    await from('policy', 'set', 'north', '--modalities', 'CT,MR', '--departments', '放射線科,Cardiology "2F"', '--delay-hours', '24', '--look-back', 'none', '--items', 'images,take');
    await from('policy', 'set', 'south', '--items', 'none');
    await from('policy', 'set', 'gone', '--look-back', '3');
    await from('policy', 'hide', 'north', '--study', '1.2.3.4', '--reason', 'asked for, "by the patient"');
    await from('policy', 'hide', 'east', '--study', '1.2.3.5', '--series', '1.2.3.5.6', '--reason', 'x');
    await from('policy', 'hide', 'east', '--study', '1.2.3.7', '--reason', 'x');
    await from('policy', 'unhide', 'east', '--study', '1.2.3.7');

    const table = (name, text) => {
        fs.writeFileSync(path.join(folder, name), text);
        return path.join(folder, name);
    };
    for (const what of ['facility', 'person']) {
        const csv = path.join(folder, `${what}-moved.csv`);
        await from(what, 'export', '--csv', csv);
        await into(what, 'import', '--csv', csv);
    }
    await into('patient', 'import', table('p.csv', await from('patient', 'export')));
    await into('patient', 'import', '--links', table('l.csv', await from('patient', 'export', '--links')));
    // without what tells when it was said here and by whom
    const policies = async (house) => (await house('policy', 'export')).split('\r\n').map((line) => line.replace(/,\d{12},[^,]*$/, ''));
    await into('policy', 'import', table('y.csv', await from('policy', 'export')));
    assert.deepEqual(await policies(into), await policies(from));
    assert.equal((await policies(from)).length, 1 + 3 + 2 + 1, 'a head, three policies, two that are hidden, the end');
    assert.match(await from('policy', 'export', 'east'), /^facility,[^\n]*\n[^\n]*1\.2\.3\.5\.6[^\n]*\n$/);
    for (const code of ['north', 'south', 'east', 'west', 'gone']) {
        const shown = async (house) => JSON.parse(await house('policy', 'show', code, '--json')).map(({ made, by, ...rest }) => rest);
        assert.deepEqual(await shown(into), await shown(from), code);
    }
    const wrong = await at(houses[1])('policy', 'import', table('y2.csv', 'facility,items,delay_hours\r\nwest,images,3\r\nwest,images,9999\r\n'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /line 3: --delay-hours/);
    assert.equal(JSON.parse(await into('policy', 'show', 'west', '--json'))[0].delay_hours, 3);
    await into('consent', 'import', table('c.csv', await from('consent', 'export')));

    const people = async (house) => JSON.parse(await house('person', 'list', '--json')).map(({ login, state, trained, facility, role }) => [login, state, trained, facility, role]);
    assert.deepEqual(await people(into), await people(from));
    assert.deepEqual(await into('patient', 'export'), await from('patient', 'export'));
    assert.deepEqual(await into('patient', 'export', '--links'), await from('patient', 'export', '--links'));
    // Without what tells when it was entered here and by whom.
    const grants = async (house) => JSON.parse(await house('grant', 'list', '--json')).map(({ id, consent, from: begins, ended, ended_by: by, ...rest }) => ({ ...rest, ended: ended !== '', begins: begins.slice(0, 16) }))
        .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    const had = await grants(from);
    assert.ok(had.length >= 12 && had.some(({ ended }) => ended) && had.some(({ linked }) => !linked));
    assert.deepEqual(await grants(into), had);
    // nothing to end first; then what is ended there is ended here, and nothing is ever opened by a table
    const before = table('g.csv', await from('grant', 'export'));
    assert.match(fs.readFileSync(before, 'utf8'), /^id,consent,discloser,number,form,to,until,floor,items,modalities,from,linked,ended,ended_by,ended_reason\r\n/);
    await into('grant', 'import', before);
    assert.deepEqual(await grants(into), had);
    await from('consent', 'target-close', String(ids[2]), 'abe', '--reason', 'no longer the doctor');
    await into('grant', 'import', table('g2.csv', await from('grant', 'export')));
    assert.notDeepEqual(await grants(from), had);
    assert.deepEqual(await grants(into), await grants(from));
    for (const [what, text, why] of [['an older table opens nothing again', fs.readFileSync(before), /line \d+: it has ended here/],
        ['no grant without its sheet', 'discloser,number,form,to,items\r\nsouth,S1,sites,west,"images,take"\r\n', /line 2: no sheet here opens that/]]) {
        const refused = await at(houses[1])('grant', 'import', table('g3.csv', text));
        assert.equal(refused.code, 1, what);
        assert.match(refused.err, why);
        assert.deepEqual(await grants(into), await grants(from), what);
    }
    for (const house of [from, into]) await house('policy', 'set', 'north', '--modalities', '', '--departments', '', '--delay-hours', '0', '--items', 'images,reports,take');
    for (const house of [from, into]) await house('import', '--facility', 'north', path.dirname(phantomFiles(8)[0]));
    let allowed = 0;
    for (const login of ['mori', 'ota', 'abe', 'ito', 'ueda', 'new']) {
        for (const verb of ['view', 'take']) {
            const decided = async (house) => JSON.parse(await house('grant', 'explain', study.uid, '--person', login, '--verb', verb, '--json')).map(({ allowed: is, reason }) => [is, reason]);
            const there = await decided(from);
            allowed += there[0][0];
            assert.deepEqual(await decided(into), there, `${login} ${verb}`);
        }
    }
    assert.ok(allowed >= 4, String(allowed));
    assert.deepEqual(JSON.parse(await into('emergency', 'list', '--json')), []);
});

test('kana alone finds nobody; kana and birth date do', async () => {
    assert.equal((await here('patient', 'find', '--kana', 'スズキイチロウ')).code, 1);
    assert.equal((await here('patient', 'find', '--birth-date', '19600101')).code, 1);
    assert.deepEqual((await json('patient', 'find', '--kana', 'すずき いちろう', '--birth-date', '19600101')).map(({ number }) => number), ['7001']);
    assert.deepEqual(await json('patient', 'find', '--kana', 'スズキイチロウ', '--birth-date', '19600102'), []);
});
