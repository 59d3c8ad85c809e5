// Every command that changes who may see what leaves a record, before it does it [AZ-33]. The verbs are those that --help names: a new one has to be put
// into the table here.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { program, removeFolder, run, temporaryFolder } from '../lib/service.mjs';

const folder = temporaryFolder('kh-recorded');
after(() => removeFolder(folder));
const data = path.join(folder, 'data');
const here = (...args) => run(program, [args[0], '--data-dir', data, '--set', 'storage.reserve=1 MiB', ...args.slice(1)]);
const file = (name, text) => {
    const at = path.join(folder, name);
    if (text) fs.writeFileSync(at, text);
    return at;
};
const PERSON = ['--name', '森 一', '--kana', 'モリ ハジメ', '--birth-date', '19700102', '--facility', 'east', '--role', 'doctor'];
const SHEET = ['--signed', '20260401', '--explained', '--explainer', 'Sato'];

// Verb by verb, in an order in which each works: [words...], or what gives them then, of one that changes, LOOKS for one that only shows.
const LOOKS = null;
const TABLE = {
    facility: {
        add: ['north', '--name', 'north', '--part', 'both'], set: ['north', '--phone', '1'], suspend: ['north', '--reason', 'leak'], resume: ['north'],
        import: ['--csv', file('facilities.csv', 'code,name,part\r\neast,East,both\r\nwest,West,viewer\r\nold,Old,viewer\r\n')], leave: ['old'], list: LOOKS, export: LOOKS,
    },
    person: {
        add: ['mori', ...PERSON], set: ['mori', '--profession', 'MD'], train: ['mori', '--date', '20260401'], activate: ['mori'], invite: ['mori'],
        reissue: ['mori'], unlock: ['mori'], 'totp-reset': ['mori'], suspend: ['mori', '--reason', 'leak'], resume: ['mori'],
        import: ['--csv', file('people.csv', 'login,name,kana,birth-date,facility,role\r\nota,Ota,オオタ,19700103,east,nurse\r\n')], leave: ['ota'],
        list: LOOKS, export: LOOKS,
    },
    ban: {
        add: ['--kana', 'ワルイ ヒト', '--birth-date', '19700101', '--reason', 'misuse'], remove: ['1'],
        import: ['--csv', file('bans.csv', 'kana,birth-date,reason\r\nホカノ ヒト,19710101,misuse\r\n')], list: LOOKS, export: LOOKS,
    },
    token: { add: ['--person', 'mori', '--name', 'script', '--scopes', 'find'], revoke: ['1'], list: LOOKS },
    terminal: {
        issue: ['east', 'pc', '--link'], renew: ['east', 'pc', '--link'], declare: ['east', 'pc', '--antivirus', 'Defender'], revoke: ['east', 'pc', '--reason', 'lost'],
        'server-certificate': ['localhost', '--out', file('server.pem'), '--key', file('server.key')],
        import: [file('terminals.csv', 'facility,name\r\neast,another\r\n')], list: LOOKS, show: LOOKS, crl: LOOKS, ca: LOOKS,
    },
    patient: {
        add: ['north:1', '--kana', 'ヤマダ^ハナコ', '--birth-date', '19500203', '--sex', 'F'], set: ['north:1', '--card', '77'],
        import: [file('patients.csv', 'facility,number,kana,birth_date,sex\r\neast,2,"ヤマダ^ハナコ",19500203,F\r\n')], link: ['north:1', 'east:2'], unlink: ['north:1', 'east:2'],
        find: LOOKS, list: LOOKS, export: LOOKS, links: LOOKS,
    },
    consent: {
        add: ['north:1', '--places', 'east:2', ...SHEET], 'target-add': ['1', '--places', 'west', ...SHEET], 'target-id': ['1', 'east:2'],
        'target-close': ['2', 'west', '--reason', 'moved'], withdraw: ['1'],
        import: [file('consents.csv', 'facility,number,places,signed,explained,explainer\r\nnorth,1,east,20260401,yes,Sato\r\n')], list: LOOKS, show: LOOKS, export: LOOKS,
    },
    grant: {
        import: async () => [file('grants.csv', (await here('grant', 'export')).out.replaceAll(',,,\r\n', ',2026-11-01T00:00:00Z,mori,moved\r\n'))],
        list: LOOKS, explain: LOOKS, export: LOOKS,
    },
    policy: {
        set: ['north', '--modalities', 'CT'], hide: ['north', '--study', '1.2.3', '--reason', 'asked for'], unhide: ['north', '--study', '1.2.3'],
        import: [file('policies.csv', 'facility,modalities\r\nnorth,MR\r\n')], show: LOOKS, export: LOOKS,
    },
    emergency: { open: ['north:1', '--person', 'mori', '--reason', 'stroke'], end: ['1'], review: ['1', '--justified'], list: LOOKS, alerts: LOOKS, seen: ['1'] },
    network: { stop: ['--reason', 'leak'], resume: [], show: LOOKS },
    node: {
        add: ['pacs', '--ae-title', 'PACS', '--facility', 'north', '--host', '127.0.0.1', '--port', '104'], set: ['pacs', '--facility', 'east'], remove: ['pacs'],
        list: LOOKS, show: LOOKS, echo: LOOKS,
    },
    title: { add: ['NORTH', '--facility', 'north'], remove: ['NORTH'], list: LOOKS },
};

async function verbsOf(command) {
    const help = (await run(program, [command, '--help'])).out;
    const synopsis = /SYNOPSIS\n([\s\S]*?)\n\n/.exec(help)[1];
    const verbs = new Set();
    for (const line of synopsis.split('\n')) {
        const rest = new RegExp(`^  kakehashi ${command} (.*)$`).exec(line)?.[1];
        for (const part of rest?.split(' | ') ?? [])
            if (/^[a-z]/.test(part)) part.split(' ')[0].split('|').forEach((verb) => verbs.add(verb));
    }
    return [...verbs].sort();
}

// Of people: chains that begin and end are the service's.
const read = (said) => said.out.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ by }) => by !== 'service');
const records = async () => read(await here('audit', 'search', '--json'));

for (const [command, verbs] of Object.entries(TABLE)) {
    test(`${command}: each verb that changes is recorded before it, by whom`, async () => {
        assert.deepEqual(await verbsOf(command), Object.keys(verbs).sort());
        for (const [verb, words] of Object.entries(verbs)) {
            if (words === LOOKS) continue;
            const earlier = (await records()).length;
            const said = await here(command, verb, ...(typeof words === 'function' ? await words() : words));
            assert.equal(said.code, 0, `${command} ${verb}: ${said.output}`);
            const made = (await records()).slice(earlier);
            const text = `${command} ${verb}: ${JSON.stringify(made)}`;
            assert.ok(made.length >= 1, text);
            assert.equal(made[0].result, 'allowed', text);
            assert.ok(made[0].who, text);
            assert.equal(made[0].by, 'operator', text);
        }
    });
}

test('commands without a verb of their own: the demo', async () => {
    const other = path.join(folder, 'demo');
    const said = await run(program, ['demo', '--data-dir', other, file('accounts.json')]);
    assert.equal(said.code, 0, said.output);
    const made = read(await run(program, ['audit', '--data-dir', other, 'search', '--json']));
    assert.deepEqual(made.map(({ result, action, role, by }) => [result, action, role, by]), [['allowed', 'rights', 'command', 'operator']]);
    const again = await run(program, ['demo', '--data-dir', other, file('accounts.json')]);
    assert.equal(again.code, 1); // refused before anything is done: nothing to record
});

test('the chains are whole', async () => {
    const said = await here('audit', 'verify');
    assert.equal(said.code, 0, said.output);
});
