// S14: names, numbers, passwords and tokens that are known by sight go through everything; none of them may stand in a log, or in an answer that says no.
// The record of access may hold numbers and words of searches (docs/security.md), never a password, a token or a name.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { grey } from '../lib/objects.mjs';
import { Visitor } from '../lib/people.mjs';
import { filesUnder, freePort, must, run, Service, storescu, temporaryFolder, until } from '../lib/service.mjs';

const NAME = 'Zitronenkanari';
const NUMBER = 'KANARI4711';
const KANJI = '金糸雀';
const ACCESSION = 'ACCKANARI9';
const PASSWORD = 'kanari-singt-im-kaefig';
const WRONG = 'kanari-singt-daneben';
const REASON = 'kanari bewusstlos';
const of = { patient: [NAME, NUMBER, KANJI, ACCESSION, encodeURIComponent(KANJI), REASON], secret: [PASSWORD, WRONG] };
const root = `1.2.392.200036.9999.75.${process.pid}`;
const folder = temporaryFolder('kh-canary');

const refusals = []; // every answer that says no
let service, token, outside, title;
let made = 0;

async function object(more = [], { study = `${root}.1` } = {}) {
    const file = path.join(folder, `${++made}.dcm`);
    fs.writeFileSync(`${file}.dump`, ['(0002,0010) UI =LittleEndianExplicit', '(0008,0005) CS [ISO_IR 192]', '(0008,0016) UI =CTImageStorage', `(0008,0018) UI [${root}.9.${made}]`, '(0008,0020) DA [20261101]',
        `(0008,0050) SH [${ACCESSION}]`, '(0008,0060) CS [CT]', `(0010,0010) PN [${NAME}^Anna=${KANJI}^花子]`, `(0010,0020) LO [${NUMBER}]`, '(0010,0030) DA [19560214]', `(0020,000d) UI [${study}]`, `(0020,000e) UI [${study}.1]`,
        '(0020,0013) IS [1]', ...grey({ rows: 4, columns: 4 }), '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16', ...more, ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
    return file;
}

async function ask(target, { method = 'GET', body, headers = {}, as = token } = {}) {
    const answer = await service.request(target, { method, body, headers: { authorization: `Bearer ${as}`, accept: '*/*', ...(method !== 'GET' && { 'content-type': 'application/json', origin: service.url }), ...headers } });
    if (answer.code >= 400) refusals.push([`${method} ${target}`, `${JSON.stringify(answer.headers)} ${answer.body}`, answer.code]);
    return answer;
}

before(async () => {
    const port = await freePort();
    title = 'CANARY';
    service = await Service.start({ files: [await object()], facility: 'north', settings: { access: { accounts: 'on', factors: 'password' }, log: { level: 'debug' } },
        nodes: [['north-pacs', '--ae-title', title, '--facility', 'north', '--may', 'store,find,move', '--host', '127.0.0.1', '--port', String(port)]] });
    [token, outside] = fill(path.join(service.dir, 'data'), 'facility north both', 'facility east viewer', `patient north ${NUMBER}`, `patient east ${NUMBER}E`, 'person mori north doctor', `password mori ${PASSWORD}`,
        'person sato east doctor', `password sato ${PASSWORD}`, 'token mori find,view,take,store', 'token sato find,view,take,store');
    of.secret.push(token, outside);
    await until('the accounts are known', async () => (await service.request('/api/studies', { headers: { authorization: `Bearer ${token}` } })).code === 200, { everyMs: 50 });
});
after(() => service?.stop());

test('over HTTP, right and wrong', async () => {
    const list = JSON.parse((await ask('/api/studies')).body);
    assert.equal(list.studies[0].patient.id, NUMBER, 'the canary is in the house');
    const q = encodeURIComponent;
    const targets = [`/api/studies?q=${NAME}`, `/api/studies?q=${q(KANJI)}&limit=0`, `/api/studies?q=x&limit=${NAME}`, `/api/studies?modality=${NAME}`, `/api/studies?from=${NUMBER}`, `/api/studies/${NUMBER}`, `/api/series/${NAME}/stack`,
        `/tiles/1/${NAME}-0/0/0/0.jpg`, `/tiles/1/1-0/0/0/0.jpg?q=${NUMBER}`, `/tiles/1/batch?tiles=${NAME}`, `/api/patients?number=${NUMBER}`, `/api/patients?kana=${q(KANJI)}`, `/api/patients?kana=${q(KANJI)}&birth=${NUMBER}`, `/api/patients/${NAME}`,
        `/dicomweb/studies?PatientName=${NAME}&limit=${NUMBER}`, `/dicomweb/studies?PatientID=${NUMBER}&StudyDate=${NAME}`, `/dicomweb/studies?${NAME}=1`, `/dicomweb/studies?PatientBirthDate=${NUMBER}`, `/dicomweb/studies?includefield=${NAME}`,
        `/dicomweb/studies/${NAME}`, `/dicomweb/studies/${root}.1/series/${NUMBER}/metadata`, `/dicomweb/studies/${root}.1/rendered?viewport=${NAME}`, `/dicomweb/wado?requestType=${NAME}`, `/dicomweb/wado?requestType=WADO&studyUID=${NUMBER}`,
        `/IHEInvokeImageDisplay?requestType=PATIENT&patientID=${NUMBER}&mostRecentResults=${NAME}`, `/IHEInvokeImageDisplay?requestType=${NAME}`, `/api/invoke?requestType=PATIENT&patientID=${NUMBER}&modalitiesInStudy=${NAME}`,
        `/api/invoke?requestType=STUDY&accessionNumber=${ACCESSION}`, `/api/admin/${NAME}`, `/${NAME}/${NUMBER}`, `/studies/${NAME}`, `/%00${NAME}`, `/${NAME}/../x`, `/api/studies?q=${NAME}&q=${NUMBER}`, `/api/studies?q=%ff${NAME}`, `/web/${NAME}`];
    for (const target of targets)
        for (const as of [token, outside, PASSWORD, `khp_${PASSWORD}`]) await ask(target, { as });
    for (const body of [`{"facility":"${NAME}","number":"${NUMBER}","reason":"${REASON}"}`, `{"facility":"north","number":"${NUMBER}","reason":"${REASON}"}`, `{"${NAME}`, `["${NAME}"]`, `{"facility":"north","reason":"${REASON}","kana":"${KANJI}","birth":"${NUMBER}"}`]) {
        await ask('/api/emergency', { method: 'POST', body, as: outside });
        await ask(`/api/admin/patients/north/correct`, { method: 'POST', body });
        await ask(`/api/admin/${NAME}/${NUMBER}/undo`, { method: 'POST', body });
    }
    for (const headers of [{ host: `${NAME}.example` }, { cookie: `__Host-kakehashi=${PASSWORD}`, authorization: '' }, { authorization: `Basic ${PASSWORD}` }, { accept: `${NAME}/${NUMBER}` }, { range: NAME }, { 'if-none-match': NAME }, { 'content-type': NAME }, { origin: `http://${NAME}` },
        { 'x-forwarded-for': NAME }, { 'x-kakehashi-reader': NAME.repeat(9) }, { 'content-encoding': NAME }]) {
        await ask(`/dicomweb/studies/${root}.1`, { headers }).catch(() => {});
        await ask('/dicomweb/studies', { method: 'POST', body: NAME, headers }).catch(() => {});
    }
    const stow = async (bytes, type = 'application/dicom') => ask('/dicomweb/studies', { method: 'POST', headers: { 'content-type': `multipart/related; type="${type}"; boundary=x` },
        body: Buffer.concat([Buffer.from(`--x\r\nContent-Type: ${type}\r\n\r\n`), bytes, Buffer.from('\r\n--x--\r\n')]) });
    const whole = fs.readFileSync(await object());
    for (const bytes of [whole, whole.subarray(0, whole.length - 20), Buffer.from(whole.toString('latin1').replace('19560214', `${NAME}`.slice(0, 8)), 'latin1')]) await stow(bytes);
    await stow(Buffer.from(`[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"${NAME}"}]},"00080018":{"vr":"UI","Value":["${NAME}"]}}]`), 'application/dicom+json');
    await stow(Buffer.from(`[{"00100010":{"vr":"${NAME}"}}`), 'application/dicom+json');
});

test('signing in, right and wrong', async () => {
    const visitor = new Visitor(service, '127.0.0.70');
    for (const [login, password] of [['mori', WRONG], [NAME, WRONG], ['mori', PASSWORD]]) {
        const answer = await visitor.signIn(login, password);
        if (answer.code >= 400) refusals.push([`sign-in ${login}`, `${JSON.stringify(answer.headers)} ${answer.body}`]);
    }
    for (const [target, body] of [['/api/account/password', { old: WRONG, new: PASSWORD }], ['/api/account/password', { old: PASSWORD, new: 'kurz' }], ['/api/account/tokens', { name: NAME, days: 'x', scopes: NAME, password: PASSWORD }], [`/api/welcome/${PASSWORD}`, { password: PASSWORD }],
        ['/api/session/second-factor', { code: PASSWORD }], ['/api/session/unlock', { password: WRONG }]]) {
        const answer = await visitor.change(target, body);
        if (answer.code >= 400) refusals.push([target.replace(PASSWORD, ''), `${JSON.stringify(answer.headers)} ${answer.body}`]);
    }
    of.secret.push(...visitor.cookies.values(), visitor.token);
});

test('over DIMSE, right and wrong', async () => {
    const port = String(service.dicomPort);
    await storescu(service.dicomPort, [await object(), await object([], { study: `${root}.2` })], { calling: title });
    const broken = await object();
    fs.writeFileSync(broken, fs.readFileSync(broken).subarray(0, -30));
    await storescu(service.dicomPort, [broken], { calling: title });
    await storescu(service.dicomPort, [await object()], { calling: 'STRANGER' });
    for (const keys of [[`0010,0010=${NAME}*`], [`0010,0020=${NUMBER}`], [`0008,0020=${NAME}`.slice(0, 18)], [`0020,000d=${NAME}`], [`0010,0010=*${NAME}*`, '0010,0030=19560214']])
        await run('findscu', ['-S', '-aet', title, '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', ...keys.flatMap((key) => ['-k', key]), '127.0.0.1', port]);
    await run('movescu', ['-S', '-aet', title, '-aem', 'NOBODY', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', `0010,0020=${NUMBER}`, '-k', `0020,000d=${root}.1`, '127.0.0.1', port]);
    await run('getscu', ['-P', '-aet', title, '-aec', 'KAKEHASHI', '-od', folder, '-k', '0008,0052=PATIENT', '-k', `0010,0020=${NUMBER}`, '127.0.0.1', port]);
});

test('an answer that says no holds nothing of the house, and of a request at most the parameter that was wrong', () => {
    assert.ok(refusals.length > 100, `${refusals.length} refusals`);
    const found = [];
    for (const [asked, text, code] of refusals)
        for (const word of [...of.patient, ...of.secret]) {
            if (!text.includes(word)) continue;
            const echoed = code === 400 && !of.secret.includes(word) && decodeURIComponent(asked.replace(/%(ff|00)/gi, '')).includes(word);
            if (!echoed) found.push(`${asked}: ${text.slice(0, 900)}`);
        }
    assert.deepEqual(found, []);
});

test('none of it stands in a log, at its most talkative', async () => {
    await service.stop();
    assert.match(service.log, /debug/i, 'it was talkative');
    const lines = service.log.split('\n').filter((line) => [...of.patient, ...of.secret].some((word) => line.includes(word)));
    assert.deepEqual(lines, []);
});

test('no password, token or cookie stands in any file; names stand in the index and the objects only', () => {
    for (const file of filesUnder(path.join(service.dir, 'data'))) {
        const bytes = fs.readFileSync(file);
        const where = path.relative(path.join(service.dir, 'data'), file);
        for (const word of of.secret) assert.ok(!bytes.includes(word), `${where}: a secret`);
        if (where.startsWith('audit/')) for (const word of [KANJI, '\\u91d1\\u7cf8\\u96c0']) assert.ok(!bytes.includes(`"who":"${word}`), where);
        if (where.startsWith('audit/') || where.startsWith('run/')) assert.equal(fs.statSync(file).mode & 0o077, 0, `${where} is nobody else's`);
    }
});
