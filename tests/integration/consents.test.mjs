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

test('kana alone finds nobody; kana and birth date do', async () => {
    assert.equal((await here('patient', 'find', '--kana', 'スズキイチロウ')).code, 1);
    assert.equal((await here('patient', 'find', '--birth-date', '19600101')).code, 1);
    assert.deepEqual((await json('patient', 'find', '--kana', 'すずき いちろう', '--birth-date', '19600101')).map(({ number }) => number), ['7001']);
    assert.deepEqual(await json('patient', 'find', '--kana', 'スズキイチロウ', '--birth-date', '19600102'), []);
});
