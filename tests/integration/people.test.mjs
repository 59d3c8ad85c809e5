// Facilities, people, bans, tokens and the stop switch from the command line: AZ-1, AZ-7, AZ-10, KN-1 to KN-4, KN-14, TB-16; recorded first (S13).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { program, removeFolder, run, temporaryFolder } from '../lib/service.mjs';

const folder = temporaryFolder('kh-people');
const data = path.join(folder, 'data');
after(() => removeFolder(folder));
const here = (...args) => run(program, [args[0], '--data-dir', data, ...args.slice(1)]);
const done = async (...args) => {
    const result = await here(...args);
    assert.equal(result.code, 0, `${args.join(' ')}: ${result.output}`);
    return result.out;
};
const fails = async (code, pattern, ...args) => {
    const result = await here(...args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.output}`);
    assert.match(result.err, pattern);
};
const json = async (...args) => JSON.parse(await done(...args, '--json'));
const SATO = ['--name', '佐藤 花子', '--kana', 'サトウ ハナコ', '--birth-date', '19700102', '--facility', 'north', '--role', 'doctor'];

test('facilities are added, changed, suspended and resumed', async () => {
    assert.deepEqual(await json('facility', 'list'), []);
    await done('facility', 'add', 'north', '--name', '北病院', '--kind', 'hospital', '--part', 'both', '--beds', '300', '--published', 'no');
    await done('facility', 'add', 'clinic-1', '--name', '一番クリニック', '--kind', 'clinic', '--part', 'viewer');
    await fails(1, /already/, 'facility', 'add', 'north', '--name', 'x');
    await fails(2, /--name is missing/, 'facility', 'add', 'south');
    await fails(1, /kind: expected one of hospital, clinic, dental/, 'facility', 'add', 'south', '--name', 'x', '--kind', 'shop');
    await fails(1, /no such facility/, 'facility', 'set', 'south', '--name', 'x');
    await done('facility', 'set', 'north', '--phone', '0942-00-0000');
    await done('facility', 'set', 'clinic-1', '--association', '久留米医師会', '--member', 'yes', '--main-discloser', 'north'); // AZ-2
    await fails(1, /main discloser is no code/, 'facility', 'set', 'clinic-1', '--main-discloser', 'a b');
    let [clinic, north] = await json('facility', 'list');
    assert.equal(clinic.part, 'viewer');
    assert.deepEqual([clinic.association, clinic.member, clinic['main-discloser'], north.member], ['久留米医師会', true, 'north', false]);
    assert.deepEqual([north.name, north.beds, north.published, north.phone, north.suspended], ['北病院', 300, false, '0942-00-0000', 'no']);
    await fails(2, /--reason is missing/, 'facility', 'suspend', 'north');
    await fails(1, /is no time/, 'facility', 'suspend', 'north', '--reason', 'a leak', '--until', 'tomorrow');
    await fails(1, /until is past/, 'facility', 'suspend', 'north', '--reason', 'a leak', '--until', '2020-01-01');
    await done('facility', 'suspend', 'north', '--reason', 'a leak', '--until', '2099-12-31');
    [, north] = await json('facility', 'list');
    assert.deepEqual([north.suspended, north['suspended-until'], north['suspended-reason']], ['yes', '2100-01-01T00:00', 'a leak']);
    await done('facility', 'resume', 'north');
    assert.equal((await json('facility', 'list'))[1].suspended, 'no');
});

test('CSV: what goes out comes in, empty values leave what is there, a wrong line is named', async () => {
    const file = path.join(folder, 'facilities.csv');
    await done('facility', 'export', '--csv', file);
    await fails(1, /exists/i, 'facility', 'export', '--csv', file);
    assert.match(await done('facility', 'import', '--csv', file), /^0 added, 0 changed\n/);
    const before = await json('facility', 'list');
    fs.writeFileSync(file, '\ufeffcode,name,address,kind\r\n"south","Süd ""S"", Klinik","line",clinic\r\nnorth,,福岡県,\r\n');
    assert.match(await done('facility', 'import', '--csv', file), /^1 added, 1 changed\n/);
    const now = await json('facility', 'list');
    assert.equal(now.find((row) => row.code === 'south').name, 'Süd "S", Klinik');
    assert.deepEqual(now.find((row) => row.code === 'north'), { ...before.find((row) => row.code === 'north'), address: '福岡県' });
    for (const [text, pattern] of [
        ['', /empty/], ['code,colour\nx,y\n', /line 1: column 2/], ['code,name\nwest\n', /line 2: 1 values, expected 2/],
        ['code,name\nwest,"open\n', /line 2: a quote is not closed/], ['code,name\nwest,"a"b\n', /line 2: text behind/],
        ['code,name\nwest,West\nea st,East\n', /line 3: code is no name/], ['code,beds,name\nwest,many,x\n', /line 2: beds/],
        ['name\nWest\n', /line 2: code is no name/],
    ]) {
        fs.writeFileSync(file, text);
        await fails(1, pattern, 'facility', 'import', '--csv', file);
    }
    assert.equal((await json('facility', 'list')).length, 4); // the line before the wrong one is there
});

test('a person is added, trained, activated, suspended, leaves', async () => {
    await done('person', 'add', 'sato', ...SATO);
    await fails(1, /already|was somebody/, 'person', 'add', 'sato', ...SATO);
    await fails(2, /--role is missing/, 'person', 'add', 'tanaka', ...SATO.slice(0, -2));
    await fails(1, /no training/, 'person', 'activate', 'sato');
    await fails(1, /still to come/, 'person', 'train', 'sato', '--date', '20990101');
    await done('person', 'train', 'sato', '--date', '20260401');
    await done('person', 'activate', 'sato');
    assert.deepEqual((await json('person', 'list')).map((row) => [row.login, row.state, row.role, row.trained]), [['sato', 'active', 'doctor', '20260401']]);
    await done('person', 'suspend', 'sato', '--reason', 'misuse');
    assert.equal((await json('person', 'list', '--facility', 'north'))[0].state, 'suspended');
    await done('person', 'resume', 'sato');
    assert.deepEqual(await json('person', 'list', '--facility', 'south'), []);
    assert.match(await done('person', 'invite', 'sato'), /\/welcome\/[\w-]{43}\n/);
    assert.match(await done('person', 'reissue', 'sato'), /: [2-9a-z]{4}(-[2-9a-z]{4}){3}\n/);
    await done('person', 'unlock', 'sato');
    await done('person', 'totp-reset', 'sato');
    await fails(2, /"--password"|not understood|--password/, 'person', 'reissue', 'sato', '--password', 'x'); // KN-14: never an argument
    await done('person', 'leave', 'sato');
    assert.equal((await json('person', 'list'))[0].state, 'left');
    await fails(1, /has left/, 'person', 'activate', 'sato');
    await fails(1, /no such person/, 'person', 'suspend', 'tanaka', '--reason', 'x');
});

test('people by CSV, with the date of their training', async () => {
    const file = path.join(folder, 'people.csv');
    fs.writeFileSync(file, 'login,name,kana,birth-date,facility,role,trained\nmori,森 一郎,モリ イチロウ,19800303,north,nurse,20260501\n' +
        'hayashi,林 次郎,ハヤシ ジロウ,19810303,clinic-1,doctor,\n');
    assert.match(await done('person', 'import', '--csv', file), /^2 added, 0 changed\n/);
    assert.match(await done('person', 'import', '--csv', file), /^0 added, 0 changed\n/);
    await done('person', 'activate', 'mori');
    await fails(1, /no training/, 'person', 'activate', 'hayashi');
});

test('who is banned is matched by name and birth date', async () => {
    await done('ban', 'add', '--kana', 'ワルイ ヒト', '--birth-date', '19600229', '--reason', 'misuse');
    const rows = await json('ban', 'list');
    assert.deepEqual(rows.map((row) => [row.kana, row['birth-date'], row.until]), [['ワルイ ヒト', '19600229', '']]);
    const person = (login, kana, day) => ['person', 'add', login, '--name', '悪井', '--kana', kana, '--birth-date', day, '--facility', 'north', '--role', 'doctor'];
    await fails(1, /may not be registered again/, ...person('warui', 'わるいひと', '19600229'));
    await done(...person('warui', 'わるいひと', '19600228'));
    // KN-1: the list goes along to another house, once, and takes nobody off what stands there
    const file = path.join(folder, 'bans.csv');
    await fails(2, /--csv FILE is missing/, 'ban', 'export');
    await done('ban', 'export', '--csv', file);
    assert.match(await done('ban', 'import', '--csv', file), /^0 added/);
    const there = path.join(folder, 'there');
    const house = (...words) => run(program, [words[0], '--data-dir', there, ...words.slice(1)]);
    fs.appendFileSync(file, '7,ベツノ ヒト,19610101,20991231,leak,office.yama,\r\n');
    assert.match((await house('ban', 'import', '--csv', file)).out, /^2 added/);
    assert.match((await house('ban', 'import', '--csv', file)).out, /^0 added/);
    assert.deepEqual(JSON.parse((await house('ban', 'list', '--json')).out).map((row) => [row.kana, row['birth-date'], row.until, row.by]).slice(1), [['ベツノ ヒト', '19610101', '20991231', 'office.yama']]);
    await house('facility', 'add', 'north', '--name', 'N');
    assert.match((await house(...person('warui', 'ワルイヒト', '19600229'))).err, /may not be registered again/);
    fs.appendFileSync(file, '8,ダメ,19619999,,x,y,\r\n');
    assert.match((await house('ban', 'import', '--csv', file)).err, /line 4: birth date/);
    await done('ban', 'remove', String(rows[0].number));
    await fails(1, /no such ban/, 'ban', 'remove', String(rows[0].number));
    await done(...person('warui-2', 'わるいひと', '19600229'));
});

test('tokens are shown once', async () => {
    const shown = await done('token', 'add', '--person', 'mori', '--name', 'script', '--scopes', 'find,view');
    const text = /^khp_[\w-]{43}$/m.exec(shown)[0];
    const [row] = await json('token', 'list', '--person', 'mori');
    assert.deepEqual([row.login, row.name, row.scopes, row.revoked], ['mori', 'script', 'find,view', '']);
    assert.ok(!(await done('token', 'list')).includes(text));
    await fails(1, /scopes are none/, 'token', 'add', '--person', 'mori', '--name', 'x', '--scopes', 'everything');
    await fails(2, /--days/, 'token', 'add', '--person', 'mori', '--name', 'x', '--scopes', 'find', '--days', '367');
    await done('token', 'revoke', String(row.number));
    assert.notEqual((await json('token', 'list'))[0].revoked, '');
    for (const name of fs.readdirSync(data).filter((file) => file.startsWith('access.db')))
        assert.ok(!fs.readFileSync(path.join(data, name)).includes(text), name);
});

test('the stop switch', async () => {
    assert.equal(await done('network', 'show'), 'running\n');
    await fails(2, /--reason is missing/, 'network', 'stop');
    await done('network', 'stop', '--reason', 'a password was published');
    assert.match(await done('network', 'show'), /^stopped since .*: a password was published\n$/);
    assert.equal((await json('network', 'show')).stopped, true);
    await done('network', 'resume');
    assert.equal((await json('network', 'show')).stopped, false);
});

test('all of it is recorded, none of it with a secret or a name', async () => {
    const verified = await done('audit', 'verify');
    assert.match(verified, /^command: \d+ records/m);
    const record = fs.readdirSync(path.join(data, 'audit')).filter((name) => /^command-.*\.log$/.test(name))
        .map((name) => fs.readFileSync(path.join(data, 'audit', name), 'utf8')).join('');
    for (const words of ['facility add', 'facility suspend: a leak', 'person activate mori', 'person suspend sato: misuse', 'person reissue sato', 'ban add',
        'token add mori: find,view', 'network stop: a password was published', 'network resume'])
        assert.ok(record.includes(words), words);
    assert.ok(!/khp_[\w-]{43}/.test(record));
    assert.ok(!record.includes('佐藤') && !record.includes('\\u4f50'));
});

test('commands that change at once do so one after the other', async () => {
    const codes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => here('facility', 'add', `at-once-${name}`, '--name', name).then((result) => result.code)));
    assert.deepEqual(codes, [0, 0, 0, 0]);
    assert.equal((await json('facility', 'list')).filter((row) => row.code.startsWith('at-once-')).length, 4);
});
