// S1 over HTTP: every role x relation x state of consent x kind x verb of tests/access/oracle.txt, asked of the running service on every path that
// leads to that kind and verb; what is refused is answered as what does not exist, byte for byte; each is recorded as docs/security.md says.
//
// What is not asked cell by cell, and why nothing is lost by it: (frame, thumbnail; find), (thumbnail; take), (patient, frame, thumbnail, report; change) and
// (audit; *) have no address (the last test looks into the tables of routes); `change` of objects is STOW-RS, whose answer cannot depend on a
// patient's consents since what is stored is new and the sender's own facility's: asked once for each role and relation. Of cells that differ in
// `take` only where no consent is granted one is asked, since no such switch is there without a consent. The four worlds of the oracle are two
// patients (with `take` and without) in a service that is started twice (without `readers` and with them), and once more with a policy that names departments.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { bytesFile, grey, sequence } from '../lib/objects.mjs';
import { Oracle } from '../lib/oracle.mjs';
import { fits, routes } from '../lib/routes.mjs';
import { Visitor } from '../lib/people.mjs';
import { must, Service, temporaryFolder, until } from '../lib/service.mjs';

const oracle = new Oracle();
const root = `1.2.392.200036.9999.78.${process.pid}`;
const PASSWORD = 'seven-rivers-one-bridge';
const DENIED_ONCE_MS = 10000; // the same refusal of one reader is told once in this time
const WORKERS = 8;

const sites = { hospital: 'own', clinic: 'named', 'other-clinic': 'not_named', 'stopped-clinic': 'left', 'former-clinic': 'left' };
/* A patient of each state; `seen` is granted without `take`; `opened` and `other` are of departments that a policy will name, and will not. */
const states = { none: 'none', granted: 'granted', seen: 'granted', opened: 'granted', other: 'granted', withdrawn: 'withdrawn', expired: 'expired', not_yet: 'not_yet', emergency: 'emergency' };
const patients = Object.keys(states).map((name, i) => ({
    name, state: states[name], take: name !== 'seen', department: { opened: 'Radiology', other: 'Surgery' }[name] ?? '', number: `P-${name}`, there: `K-${name}`,
    s: `${root}.${i + 1}`, e: `${root}.${i + 1}.1`, i: `${root}.${i + 1}.1.1`, re: `${root}.${i + 1}.2`, r: `${root}.${i + 1}.2.1`, de: `${root}.${i + 1}.3`, d: `${root}.${i + 1}.3.1`,
}));
/* What is nowhere: of the same lengths. */
const absent = { name: 'absent', number: 'P-nowhere', there: 'K-nowhere', s: `${root}.0`, e: `${root}.0.1`, i: `${root}.0.1.1`, re: `${root}.0.2`, r: `${root}.0.2.1`, de: `${root}.0.3`, d: `${root}.0.3.1`,
    study: 999999, series: 999999, object: 999999, report: 999998, document: 999998, entry: 999999, entryThere: 999998 };
let people;
let service;
let folder;

/* --- the paths --- */

const web = (p) => `/dicomweb/studies/${p.s}`;
const series = (p) => `${web(p)}/series/${p.e}`;
const instance = (p) => `${series(p)}/instances/${p.i}`;
const report = (p) => `${web(p)}/series/${p.re}`;
const document = (p) => `${web(p)}/series/${p.de}`;
const tile = (p) => `/tiles/${p.series}/${p.object}-0`;
const wado = (p, more) => `/dicomweb/wado?requestType=WADO&studyUID=${p.s}&seriesUID=${p.e}&objectUID=${p.i}${more}`;
const ONCE = true;

/* kind, verb, address; found: what a search that is allowed names; [action, once, of what] of its record. */
const paths = [
    ['patient', 'view', (p) => `/api/patients/${p.entry}`, { record: ['open', ONCE, 'text'] }],
    ['study', 'find', (p) => `/api/studies?q=${p.number}`, { found: 's', record: ['search', ONCE, 'text'] }],
    ['study', 'find', (p) => `/api/invoke?requestType=STUDY&studyUID=${p.s}`, { found: 's', record: ['search', ONCE, 'text'] }],
    ['study', 'find', (p) => `/dicomweb/studies?PatientID=${p.number}`, { found: 's', record: ['search', !ONCE, 'text'] }],
    ['series', 'find', (p) => `${web(p)}/series`, { found: 'e', record: ['search', !ONCE, 'text'] }],
    ['series', 'find', (p) => `/dicomweb/series?SeriesInstanceUID=${p.e}`, { found: 'e', record: ['search', !ONCE, 'text'] }],
    ['instance', 'find', (p) => `${web(p)}/instances`, { found: 'i', record: ['search', !ONCE, 'text'] }],
    ['instance', 'find', (p) => `${series(p)}/instances`, { found: 'i', record: ['search', !ONCE, 'text'] }],
    ['instance', 'find', (p) => `/dicomweb/instances?SOPInstanceUID=${p.i}`, { found: 'i', record: ['search', !ONCE, 'text'] }],
    ['report', 'find', (p) => `/dicomweb/series?SeriesInstanceUID=${p.re}`, { found: 're', record: ['search', !ONCE, 'text'] }],
    ['report', 'find', (p) => `${report(p)}/instances`, { found: 'r', record: ['search', !ONCE, 'text'] }],
    ['study', 'view', (p) => `/api/studies/${p.study}`, { record: ['open', ONCE, 's'] }],
    ['study', 'view', (p) => `${web(p)}/metadata`, { record: ['open', ONCE, 's'] }],
    ['study', 'view', (p) => `${web(p)}/rendered`, { record: ['view', ONCE, 's'] }],
    ['thumbnail', 'view', (p) => `${web(p)}/thumbnail`, { record: ['view', ONCE, 's'] }],
    ['study', 'view', (p) => `/api/studies/${p.study}/recall`, { method: 'POST', record: ['fetch', !ONCE, 's'], denied: 'open' }],
    ['study', 'view', (p) => `/api/studies/${p.study}/priors`, { record: ['open', ONCE, 's'] }],
    ['study', 'view', (p) => `/api/studies/${p.study}/marks`, { record: ['open', ONCE, 's'] }],
    ['series', 'view', (p) => `/api/series/${p.series}/stack`, { record: ['open', ONCE, 'e'] }],
    ['series', 'view', (p) => `/api/series/${p.series}/states`, { record: ['open', ONCE, 'e'] }],
    ['series', 'view', (p) => `${series(p)}/metadata`, { record: ['open', ONCE, 'e'] }],
    ['instance', 'view', (p) => `${instance(p)}/metadata`, { record: ['open', ONCE, 'e'] }],
    ['frame', 'view', (p) => `${tile(p)}/0/0/0.jpg`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => `/tiles/${p.series}/batch?tiles=${p.object}-0/0/0/0`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => `${tile(p)}/lossless`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => `/api/series/${p.series}/${p.object}-0/values?kind=probe&points=1,1`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => `/api/series/${p.series}/${p.object}-0/values`, { method: 'POST', body: '{"kind":"probe","points":[[1,1]]}', record: ['view', ONCE, 'e'] }],
    ['thumbnail', 'view', (p) => `${tile(p)}/thumb.jpg?size=64`, { record: ['view', ONCE, 'e'] }],
    ['series', 'view', (p) => `${series(p)}/rendered`, { record: ['view', ONCE, 'e'] }],
    ['instance', 'view', (p) => `${instance(p)}/rendered`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => `${instance(p)}/frames/1/rendered?accept=image/jpeg`, { record: ['view', ONCE, 'e'] }],
    ['thumbnail', 'view', (p) => `${series(p)}/thumbnail`, { record: ['view', ONCE, 'e'] }],
    ['thumbnail', 'view', (p) => `${instance(p)}/thumbnail`, { record: ['view', ONCE, 'e'] }],
    ['thumbnail', 'view', (p) => `${instance(p)}/frames/1/thumbnail`, { record: ['view', ONCE, 'e'] }],
    ['frame', 'view', (p) => wado(p, ''), { record: ['view', ONCE, 'e'] }],
    ['report', 'view', (p) => `/api/series/${p.report}/stack`, { record: ['open', ONCE, 're'] }],
    ['report', 'view', (p) => `${report(p)}/instances/${p.r}/metadata`, { record: ['open', ONCE, 're'] }],
    ['report', 'view', (p) => `${report(p)}/instances/${p.r}/rendered`, { record: ['view', ONCE, 're'] }],
    ['study', 'take', (p) => web(p), { record: ['retrieve', !ONCE, 's'] }],
    ['study', 'take', (p) => `${web(p)}/pixeldata`, { record: ['retrieve', !ONCE, 's'] }],
    ['study', 'take', (p) => `${web(p)}/bulkdata`, { record: ['retrieve', !ONCE, 's'] }],
    ['series', 'take', (p) => series(p), { record: ['retrieve', !ONCE, 'e'] }],
    ['series', 'take', (p) => `${series(p)}/pixeldata`, { record: ['retrieve', !ONCE, 'e'] }],
    ['series', 'take', (p) => `${series(p)}/bulkdata`, { record: ['retrieve', !ONCE, 'e'] }],
    ['instance', 'take', (p) => instance(p), { record: ['retrieve', ONCE, 'e'] }],
    ['frame', 'take', (p) => `${instance(p)}/frames/1`, { record: ['retrieve', ONCE, 'e'] }],
    ['frame', 'take', (p) => `${instance(p)}/pixeldata`, { record: ['retrieve', ONCE, 'e'] }],
    ['instance', 'take', (p) => `${instance(p)}/bulkdata`, { record: ['retrieve', ONCE, 'e'] }],
    ['instance', 'take', (p) => `${instance(p)}/bulkdata/7FE00010`, { record: ['retrieve', ONCE, 'e'] }],
    ['instance', 'take', (p) => wado(p, '&contentType=application/dicom'), { record: ['retrieve', ONCE, 'e'] }],
    ['frame', 'take', (p) => `/api/series/${p.series}/${p.object}-0/picture?purpose=explanation`, { method: 'POST', texted: true, record: ['retrieve', !ONCE, 'e'] }],
    ['report', 'take', (p) => `${report(p)}/instances/${p.r}`, { record: ['retrieve', ONCE, 're'] }],
    ['report', 'take', (p) => `${document(p)}/instances/${p.d}/bulkdata/00420011`, { record: ['retrieve', ONCE, 'de'] }],
].map(([kind, verb, target, more]) => ({ kind, verb, target, method: 'GET', ...more }));

/* --- the world --- */

let made = 0;
async function object(patient, lines, seriesUid, uid, modality, sopClass) {
    const file = path.join(folder, `${++made}.dcm`);
    fs.writeFileSync(`${file}.dump`, ['(0002,0010) UI =LittleEndianExplicit', `(0008,0016) UI =${sopClass}`, `(0008,0018) UI [${uid}]`, `(0008,0060) CS [${modality}]`,
        `(0010,0010) PN [Test^${patient.name}]`, `(0010,0020) LO [${patient.number}]`, `(0020,000d) UI [${patient.s}]`, `(0020,000e) UI [${seriesUid}]`, ...(patient.department ? [`(0008,1040) LO [${patient.department}]`] : []),
        '(0020,0013) IS [1]', ...lines, ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
    return file;
}

const today = () => { const now = new Date(); return `${now.getFullYear()}${String(now.getMonth() + 1).padStart(2, '0')}${String(now.getDate()).padStart(2, '0')}`; };
const picture = (value) => [`(0008,0020) DA [${today()}]`, ...grey({ rows: 8, columns: 8 }), `(7fe0,0010) OW =${bytesFile(Buffer.alloc(128, value))}`];
const code = (meaning) => sequence('(0040,a043)', [['(0008,0100) SH [1]', '(0008,0102) SH [99TEST]', `(0008,0104) LO [${meaning}]`]]);

async function objectsOf(patient) {
    const words = [`(0008,0020) DA [${today()}]`, '(0040,a040) CS [CONTAINER]', ...code('Report'), '(0040,a050) CS [SEPARATE]'];
    const paper = [`(0008,0020) DA [${today()}]`, '(0042,0010) ST [Letter]', `(0042,0011) OB =${bytesFile(Buffer.from('%PDF-1.4\nnothing\n'))}`, '(0042,0012) LO [application/pdf]'];
    return [ // the series without pictures come first: a study's picture is of the one that has some
        await object(patient, words, patient.re, patient.r, 'SR', 'BasicTextSRStorage'),
        await object(patient, paper, patient.de, patient.d, 'DOC', 'EncapsulatedPDFStorage'),
        await object(patient, picture(7), patient.e, patient.i, 'CT', 'CTImageStorage'),
    ];
}

const data = () => path.join(service.dir, 'data');
const settings = (readers) => ({ access: { accounts: 'on', factors: 'password', readers }, log: { level: 'warn' } });

function consentOf(patient) {
    const places = ['clinic', 'stopped-clinic', 'former-clinic'];
    const order = (place) => `consent hospital ${patient.number} ${place} images,reports${patient.take ? ',take' : ''} 1 - ${patient.state === 'not_yet' ? '86400' : '0'} ${patient.state === 'expired' ? '2' : '0'}`;
    if (['none', 'emergency'].includes(patient.state)) return;
    const ids = fill(data(), ...places.map(order));
    if (patient.state === 'withdrawn') fill(data(), ...ids.map((id) => `withdraw ${id}`));
}

function populate() {
    const orders = Object.keys(sites).map((site) => `facility ${site} ${site === 'hospital' ? 'both' : 'viewer'}`);
    for (const patient of patients) {
        orders.push(`patient hospital ${patient.number}`);
        for (const site of ['clinic', 'stopped-clinic', 'former-clinic']) orders.push(`patient ${site} ${patient.there}`, `link hospital ${patient.number} ${site} ${patient.there}`);
    }
    people = Object.keys(sites).flatMap((site) => oracle.axes.role.map((role) => ({ role, site, relation: sites[site], login: `${role}.${site}` })));
    for (const { login, site, role } of people) orders.push(`person ${login} ${site} ${role}`, `password ${login} ${PASSWORD}`, `token ${login} find,view,take,store`);
    fill(data(), ...orders).forEach((token, i) => { people[i].token = token; });
    patients.forEach(consentOf);
    fill(data(), 'suspend stopped-clinic', 'leave former-clinic 20260601');
}

/* --- asking --- */

class Caller {
    constructor(person) {
        this.person = person;
        this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    }

    async ask(target, { method = 'GET', body, type = 'application/json' } = {}) {
        const headers = { authorization: `Bearer ${this.person.token}`, accept: '*/*', ...(method !== 'GET' && { 'content-type': type, origin: service.url }) };
        const answer = await service.request(target, { method, headers, body: method === 'GET' ? undefined : body ?? '{}', agent: this.agent });
        const kept = Object.entries(answer.headers).filter(([name]) => name !== 'date').sort(([a], [b]) => (a < b ? -1 : 1));
        return { code: answer.code, body: answer.body, headers: kept, text: `${answer.code} ${JSON.stringify(kept)} ${answer.body.length} ${answer.body.toString('latin1')}`,
            brief: `${answer.code} ${answer.body.toString('latin1').slice(0, 150)}` };
    }

    async json(target) { return JSON.parse((await this.ask(target)).body.toString()); }
    close() { this.agent.destroy(); }
}

/** visit(caller, person) of each, WORKERS at a time. */
async function eachPerson(visit, of = people) {
    const waiting = [...of];
    await Promise.all(Array.from({ length: WORKERS }, async () => {
        for (let person; (person = waiting.shift());) {
            const caller = new Caller(person);
            try { await visit(caller, person); } finally { caller.close(); }
        }
    }));
}

const one = (role, site) => people.find((person) => person.role === role && person.site === site);

/* Our numbers of everything, as those who may see it are told. */
async function learn() {
    const doctor = new Caller(one('doctor', 'hospital'));
    const [desk, deskThere] = ['hospital', 'clinic'].map((site) => new Caller(one('registrar', site)));
    for (const study of (await doctor.json('/api/studies?limit=200')).studies) {
        const patient = patients.find(({ number }) => number === study.patient.id);
        const rows = (await doctor.json(`/api/studies/${study.id}`)).series_list;
        const id = (modality) => rows.find((row) => row.modality === modality).id;
        Object.assign(patient, { study: study.id, series: id('CT'), report: id('SR'), document: id('DOC') });
        patient.object = (await doctor.json(`/api/series/${patient.series}/stack`)).objects[0].id;
    }
    for (const patient of patients) {
        patient.entry = (await desk.json(`/api/patients?number=${patient.number}`)).patients[0].id;
        patient.entryThere = (await deskThere.json(`/api/patients?number=${patient.there}`)).patients[0].id;
    }
    for (const caller of [doctor, desk, deskThere]) caller.close();
}

before(async () => {
    folder = temporaryFolder('kh-matrix');
    const files = (await Promise.all(patients.map(objectsOf))).flat();
    service = await Service.start({ files, facility: 'hospital', settings: settings('') });
    populate();
    await until('the consent that ends has ended', async () => {
        const caller = new Caller(one('doctor', 'clinic'));
        const { studies } = await caller.json('/api/studies?limit=200');
        caller.close();
        return studies?.length === 4; // granted, seen, opened, other
    }, { everyMs: 100 });
    await learn();
});
after(() => service?.stop());

/* --- the cells --- */

/* The discloser's policy names departments in the last world only. */
let policy = false;
const departmentOf = ({ department }) => (!policy ? 'any' : department === 'Radiology' ? 'opened' : department ? 'other' : 'untold');
const cellOf = (person, patient, kind, verb, switches) => ({ role: person.role, relation: person.relation, state: patient.state, kind, verb, department: departmentOf(patient), switches: patient.take ? [...switches, 'take'] : switches });

const wrong = [];
const told = new Map(); // what records there have to be: key -> {each: requests told each, together: those told once, first, last, result, reason}
let cells = 0;
let requests = 0;

function expectRecord(person, began, way, result, action, once, of, what, reason) {
    const key = [person.login, result, action, way, of, what].join(' | ');
    const entry = told.get(key) ?? { each: 0, together: 0, first: began, result, reason };
    told.set(key, { ...entry, each: entry.each + !once, together: entry.together + once, last: Date.now() });
}

/* Why, in the words of docs/decisions/015. */
function whyNot({ role, relation }, { state }, switches) {
    const reads = ['doctor', 'radiologist'].includes(role) || (['nurse', 'radiographer'].includes(role) && (relation === 'own' || switches.includes('readers')));
    if (!reads || relation === 'own') return 'role';
    if (relation === 'not_named') return 'no consent';
    return { none: 'no consent', emergency: 'no consent', granted: 'item not opened', withdrawn: 'withdrawn', expired: 'expired', not_yet: 'not yet in force' }[state];
}

const textOf = (target) => decodeURIComponent(target);
const wayOf = (target) => (target.startsWith('/dicomweb') ? 'DICOMweb' : 'portal');

/* What of ours an address of the portal names. */
const numberOf = (target) => { const [, kind, number] = /^\/(?:api\/)?(studies|series|tiles)\/(\d+)/.exec(target); return [kind === 'studies' ? 'study' : 'series', number]; };

function recordOf(person, began, entry, patient, allowed, switches) {
    const [action, once, of] = entry.record;
    const target = entry.target(patient);
    if (person.relation === 'left') return; // nobody was let in: told of the address, below
    if (entry.verb === 'find' || of === 'text' || (entry.texted && allowed)) // a search is decided row by row: it is what is recorded
        expectRecord(person, began, wayOf(target), 'allowed', action, once, 'text', textOf(target));
    else if (allowed) // the portal's and DICOMweb's are one
        expectRecord(person, began, '', 'allowed', action, once, of === 's' ? 'study' : 'series', patient[of]);
    else if (patient === absent)
        expectRecord(person, began, wayOf(target), 'absent', entry.denied ?? action, ONCE, ...(target.startsWith('/dicomweb') ? [of === 's' ? 'study' : 'series', patient[of]] : numberOf(target)));
    else
        expectRecord(person, began, wayOf(target), 'refused', entry.denied ?? action, ONCE, of === 's' ? 'study' : 'series', patient[of], whyNot(person, patient, switches));
}

async function askCell(caller, person, entry, patient, reference, switches) {
    const allowed = oracle.allows(cellOf(person, patient, entry.kind, entry.verb, switches));
    const began = Date.now();
    const answer = await caller.ask(entry.target(patient), entry);
    const shown = answer.code >= 200 && answer.code < 300 && (!entry.found || answer.body.includes(patient[entry.found]));
    requests++;
    cells++;
    recordOf(person, began, entry, patient, allowed, switches);
    if (shown !== allowed || (!allowed && answer.text !== reference.text))
        wrong.push(`${person.login} ${patient.name}${switches.length ? ' readers' : ''} ${entry.kind} ${entry.verb} ${entry.method} ${entry.target(patient)}: expected ${allowed ? 'to be let in' : reference.brief}, got ${answer.brief}`);
}

async function askAll(caller, person, switches) {
    const references = new Map();
    for (const entry of paths) {
        const began = Date.now();
        references.set(entry, await caller.ask(entry.target(absent), entry));
        requests++;
        recordOf(person, began, entry, absent, false, switches);
    }
    for (const patient of patients)
        for (const entry of paths) await askCell(caller, person, entry, patient, references.get(entry), switches);
}

/* An own number, as the people of the site know it: the link has to be there. */
async function askNumbers(caller, person, switches) {
    const key = person.relation === 'own' ? 'number' : 'there';
    const reference = await caller.ask(`/api/patients?number=${absent[key]}`);
    const gone = await caller.ask(`/api/patients/${absent.entryThere}`);
    expectRecord(person, Date.now(), 'portal', 'allowed', 'search', ONCE, 'text', `/api/patients?number=${absent[key]}`);
    expectRecord(person, Date.now(), 'portal', 'allowed', 'open', ONCE, 'text', `/api/patients/${absent.entryThere}`);
    for (const patient of patients) {
        const may = (verb) => oracle.allows(cellOf(person, patient, 'patient', verb, switches));
        expectRecord(person, Date.now(), 'portal', 'allowed', 'search', ONCE, 'text', `/api/patients?number=${patient[key]}`);
        expectRecord(person, Date.now(), 'portal', 'allowed', 'open', ONCE, 'text', `/api/patients/${patient.entryThere}`);
        const found = [await caller.ask(`/api/patients?number=${patient[key]}`), reference, person.relation !== 'not_named' && may('find')];
        const line = [await caller.ask(`/api/patients/${patient.entryThere}`), gone, may('view')];
        for (const [answer, other, allowed] of person.relation === 'named' ? [found, line] : [found]) {
            cells++;
            requests++;
            if ((answer.code === 200 && answer.body.includes('"number"')) !== allowed || (!allowed && answer.text !== other.text))
                wrong.push(`${person.login} ${patient.name}: as an own patient: expected ${allowed ? 'one' : other.brief}, got ${answer.brief}`);
        }
    }
}

/* All lists without a word: what is in them, and what they count. */
async function askLists(caller, person, switches) {
    const may = (kind) => patients.filter((patient) => oracle.allows(cellOf(person, patient, kind, 'find', switches)));
    const rows = [['/dicomweb/studies?limit=100', 'study', '0020000D', ['s']], ['/dicomweb/series?limit=100', 'series', '0020000E', ['e', 're', 'de']], ['/dicomweb/instances?limit=100', 'instance', '00080018', ['i', 'r', 'd']]];
    const began = Date.now();
    const list = await caller.ask('/api/studies?limit=200');
    if (person.relation === 'left') {
        assert.equal(list.code, 401);
        return;
    }
    for (const target of ['/api/studies?limit=200', ...rows.map(([address]) => address)])
        expectRecord(person, began, wayOf(target), 'allowed', 'search', !target.startsWith('/dicomweb'), 'text', target);
    const { total, studies } = JSON.parse(list.body);
    assert.deepEqual(studies.map(({ uid }) => uid).sort(), may('study').map(({ s }) => s).sort(), `${person.login}: list`);
    assert.equal(total, studies.length, `${person.login}: total`);
    for (const [target, kind, tag, keys] of rows) {
        const answer = await caller.ask(target);
        const uids = answer.body.length ? JSON.parse(answer.body).map((row) => row[tag].Value[0]).sort() : [];
        assert.deepEqual(uids, may(kind).flatMap((patient) => keys.map((key) => patient[key])).sort(), `${person.login}: ${target}`);
        requests++;
        cells += patients.length;
    }
}

/* Emergency access is taken by whoever gets it. */
async function takeEmergencies(switches) {
    const patient = patients.find(({ state }) => state === 'emergency');
    await eachPerson(async (caller, person) => {
        const answer = await caller.ask('/api/emergency', { method: 'POST', body: JSON.stringify({ facility: 'hospital', number: patient.number, reason: 'an accident' }) });
        const allowed = person.relation !== 'left' && oracle.allows({ role: person.role, relation: person.relation, state: 'emergency', kind: 'study', verb: 'find', switches });
        assert.equal(answer.code === 200, allowed, `${person.login}: ${answer.text}`);
        cells++;
    }, people.filter(({ relation }) => relation !== 'own'));
}

async function wholeMatrix(switches) {
    await takeEmergencies(switches);
    await eachPerson(async (caller, person) => {
        await askAll(caller, person, switches);
        await askLists(caller, person, switches);
        if (person.relation !== 'left') await askNumbers(caller, person, switches);
    });
    assert.equal(wrong.length, 0, `${wrong.length} of ${cells} cells:\n${wrong.slice(0, 100).join('\n')}`);
}

/* --- the records --- */

const records = async () => (await service.must(['audit', 'search', '--json'])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));

const keysOf = (record) => {
    const way = record.result === 'allowed' && record.action !== 'search' && !record.text ? '' : record.way;
    const of = record.result === 'allowed' && record.text ? ['text', record.text] : record.result === 'absent' && !record.study ? numberOf(record.text)
        : record.series ? ['series', record.series] : ['study', record.study];
    return [record.who, record.result, record.action, way, ...of].join(' | ');
};

/* What was recorded since, beside what has to be: as many as requests where each is told, one where they are told together (a refusal once more for each
 * DENIED_ONCE_MS that passed between the first and the last). */
function checkRecords(found) {
    const counted = new Map();
    const odd = [];
    for (const record of found.filter(({ by, action }) => by === 'person' && action !== 'alert')) {
        const key = keysOf(record);
        const expected = told.get(key);
        counted.set(key, (counted.get(key) ?? 0) + 1);
        if (!expected) odd.push(`${key}: nobody asked for that`);
        if (expected?.reason && record.reason !== expected.reason) odd.push(`${key}: because of ${record.reason}, expected ${expected.reason}`);
    }
    for (const [key, { each, together, result, first, last }] of told) {
        const least = each + (together > 0);
        const most = least + (result === 'allowed' ? 0 : Math.floor((last - first) / DENIED_ONCE_MS));
        const got = counted.get(key) ?? 0;
        if (got < least || got > most) odd.push(`${key}: ${got} records of ${each} requests that are told each and ${together} that are told together, expected ${least} to ${most}`);
    }
    return odd;
}

/* One world of the oracle. The service is stopped, so that all is on the disk; its record of one run is what was added to it: the first has that of learn(), too,
 * whose searches are those of the matrix. */
async function checkWorld(t, switches) {
    const begin = performance.now();
    const before = switches.length === 0 ? 0 : (await records()).length;
    told.clear();
    await wholeMatrix(switches);
    t.diagnostic(`${cells} cells, ${requests} requests so far, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    assert.equal((await service.stop()).code, 0);
    const found = (await records()).slice(before);
    const odd = checkRecords(found);
    const gone = new Set(found.filter(({ action, result, by, code }) => action === 'connect' && result === 'refused' && by === 'address' && code === 401).map(({ text }) => text));
    for (const entry of paths)
        for (const patient of [absent, ...patients]) if (!gone.has(textOf(entry.target(patient).replace(/\?.*/, '')))) odd.push(`${entry.target(patient)}: no record of those whose facility has left`);
    assert.equal(odd.length, 0, `${odd.length} of ${told.size}:\n${odd.slice(0, 80).join('\n')}`);
    t.diagnostic(`${told.size} groups of records, each as it has to be`);
}

test('S1: every cell, every path, as the networks have it', (t) => checkWorld(t, []));

test('S1: the same where nurses and radiographers are readers', async (t) => {
    service.writeConfig(settings('nurse, radiographer'));
    await service.launch();
    await checkWorld(t, ['readers']);
});

test('S1: the same where the discloser opens what some departments made', async (t) => {
    await service.must(['policy', 'set', 'hospital', '--departments', 'Radiology']);
    policy = true;
    await service.launch();
    await checkWorld(t, ['readers']);
});

test('S1: storing (change): physicians and radiographers, as their own facility\'s, whoever the patient is', async () => {
    await service.launch();
    const of = patients[0];
    const refusals = []; // [person, allowed]
    await eachPerson(async (caller, person) => {
        const uid = `${root}.50.${people.indexOf(person)}`;
        const stored = await object({ ...of, s: `${uid}.1` }, picture(3), `${uid}.2`, uid, 'CT', 'CTImageStorage');
        const body = Buffer.concat([Buffer.from('--part\r\nContent-Type: application/dicom\r\n\r\n'), fs.readFileSync(stored), Buffer.from('\r\n--part--\r\n')]);
        const answer = await caller.ask('/dicomweb/studies', { method: 'POST', body, type: 'multipart/related; type="application/dicom"; boundary=part' });
        const allowed = person.relation !== 'left' && oracle.allows({ role: person.role, relation: 'own', state: 'none', kind: 'instance', verb: 'change', switches: [] });
        const told = answer.body.length ? JSON.parse(answer.body) : {};
        const header = (name) => answer.headers.find(([one]) => one === name)?.[1];
        refusals.push([person, allowed]);
        // PS3.18 10.5.3: all stored, or nothing is taken; who may not store is told no object's fate
        if (person.relation === 'left') {
            assert.deepEqual([answer.code, header('www-authenticate')], [401, 'Bearer realm="DICOMweb"'], `${person.login}: ${answer.brief}`);
        } else if (!allowed) {
            assert.deepEqual([answer.code, told.message, Object.keys(told).filter((key) => /^[0-9A-F]{8}$/.test(key))], [403, 'storing is not open to you', []], `${person.login}: ${answer.brief}`);
        } else {
            assert.deepEqual([answer.code, told['00081199'].Value.map((item) => item['00081155'].Value[0]), told['00081198'], told['0008119A']], [200, [uid], undefined, undefined], `${person.login}: ${answer.brief}`);
        }
        if (!allowed) return;
        // an object that is not of the study of the address: A901, and nothing of it stays
        const other = await object({ ...of, s: `${uid}.9` }, picture(3), `${uid}.8`, `${uid}.7`, 'CT', 'CTImageStorage');
        const misled = await caller.ask(`/dicomweb/studies/${uid}.1`, { method: 'POST', type: 'multipart/related; type="application/dicom"; boundary=part',
            body: Buffer.concat([Buffer.from('--part\r\nContent-Type: application/dicom\r\n\r\n'), fs.readFileSync(other), Buffer.from('\r\n--part--\r\n')]) });
        assert.equal(misled.code, 409, misled.brief);
        assert.deepEqual(JSON.parse(misled.body)['00081198'].Value.map((item) => [item['00081155'].Value[0], item['00081197'].Value[0]]), [[`${uid}.7`, 0xa901]], person.login);
        const own = await caller.json('/api/studies?limit=200');
        assert.equal(own.studies.find((study) => study.uid === `${uid}.1`)?.facility, person.site, person.login);
    });
    const doctor = new Caller(one('doctor', 'hospital'));
    const { studies } = await doctor.json('/api/studies?limit=200');
    doctor.close();
    assert.equal(studies.filter(({ uid }) => uid.startsWith(`${root}.50.`)).length, 3, 'those of the own people, of nobody else');
    const refused = (await records()).filter(({ action, result, way }) => action === 'store' && result === 'refused' && way === 'DICOMweb');
    for (const [person, allowed] of refusals)
        assert.deepEqual(refused.filter(({ who }) => who === person.login).map(({ reason, who_facility }) => [reason, who_facility]), allowed || person.relation === 'left' ? [] : [['role', person.site]], person.login);
});

/* Whose role marks: doctors and radiologists, and whom [access] readers names; here both. */
const marking = ['doctor', 'radiologist', 'nurse', 'radiographer'];

test('S1: marks are made on what may be seen, kept to who may see it, and are as absent as their study elsewhere', async () => {
    await eachPerson(async (caller, person) => {
        const body = (patient) => JSON.stringify({ kind: 'key', series: patient.series, sop_uid: patient.i, frame: 0, points: [], version: 0 });
        const ways = (patient, mark = crypto.randomUUID()) => [[`/api/studies/${patient.study}/marks/${mark}`, { method: 'POST', body: body(patient) }], [`/api/studies/${patient.study}/marks/${mark}`, {}],
            [`/api/studies/${patient.study}/marks/${mark}/delete`, { method: 'POST', body: '{"version":1}' }], [`/api/studies/${patient.study}/marks/export`, { method: 'POST', without: true }]];
        const references = [];
        for (const [target, how] of ways(absent)) references.push(await caller.ask(target, how));
        for (const patient of patients) {
            const allowed = oracle.allows(cellOf(person, patient, 'study', 'view', ['readers']));
            let i = 0;
            for (const [target, how] of ways(patient)) {
                const answer = await caller.ask(target, how);
                if (!allowed) assert.equal(answer.text, references[i].text, `${person.login} ${patient.name} ${target}`);
                else if (how.without) assert.ok([403, 404].includes(answer.code), `${person.login} ${patient.name} ${target}: ${answer.brief}`); // without marks nothing is exported
                else if (how.method) assert.equal(answer.code === 200, marking.includes(person.role), `${person.login} ${patient.name} ${target}: ${answer.brief}`);
                i++;
            }
        }
    });
});

test('S1: a browser that is signed in is decided on as a token is', async () => {
    await eachPerson(async (caller, person) => {
        const visitor = new Visitor(service, `127.0.1.${people.indexOf(person) + 1}`);
        assert.equal((await visitor.signIn(person.login, PASSWORD)).json.step, 'done');
        await visitor.who();
        for (const patient of [absent, ...patients])
            for (const entry of paths) {
                const target = entry.target(patient);
                const [mine, its] = [await visitor.ask(target, { method: entry.method, body: entry.method === 'POST' ? JSON.parse(entry.body ?? '{}') : undefined, headers: { accept: '*/*' } }), await caller.ask(target, entry)];
                assert.equal(mine.code, its.code, `${person.login} ${target}`);
                if (its.code >= 400) assert.equal(mine.body.toString('latin1'), its.body.toString('latin1'), `${person.login} ${target}`);
            }
    }, [one('doctor', 'clinic'), one('nurse', 'hospital'), one('registrar', 'clinic'), one('radiographer', 'other-clinic')]);
});

test('S1: events tell of studies that may be found, and of no others', async () => {
    const heard = new Map();
    const streams = people.filter(({ relation }) => relation !== 'left').map((person) => http.get(`${service.url}/api/events`, { headers: { authorization: `Bearer ${person.token}` } }, (answer) => {
        heard.set(person, '');
        answer.setEncoding('utf8').on('data', (text) => heard.set(person, heard.get(person) + text)).on('error', () => {});
    }).on('error', () => {}));
    await until('all streams are open', () => heard.size === streams.length);
    const files = await Promise.all(patients.map((patient) => object(patient, picture(9), patient.e, `${patient.e}.2`, 'CT', 'CTImageStorage')));
    await service.must(['import', '--facility', 'hospital', ...files]);
    const studies = (person) => new Set([...(heard.get(person) ?? '').matchAll(/^event: study\ndata: \{"study": ?(\d+)/gm)].map(([, id]) => Number(id)));
    const mine = (person) => patients.filter((patient) => oracle.allows(cellOf(person, patient, 'study', 'find', ['readers']))).map(({ study }) => study).sort();
    await until('everybody has heard of what is theirs', () => [...heard.keys()].every((person) => mine(person).every((study) => studies(person).has(study))), { everyMs: 50 });
    for (const person of heard.keys()) assert.deepEqual([...studies(person)].sort(), mine(person), person.login);
    for (const stream of streams) stream.destroy();
});

test('S1: what operators do is the office\'s, one answer for everybody else', async () => {
    const all = routes(['portal']).filter(({ pattern }) => /^\/api\/(admin|pulls)/.test(pattern));
    assert.ok(all.length >= 11);
    await eachPerson(async (caller, person) => {
        for (const { method, pattern } of all) {
            const answer = await caller.ask(pattern.replace('{kind}', 'pulls').replace('{which}', '999999').replace('{action}', 'cancel'), { method });
            if (person.relation === 'left') assert.equal(answer.code, 401);
            else if (person.role === 'office') assert.notEqual(answer.body.toString(), '{"error":"not found","message":"no such study, series or object"}', pattern);
            else assert.equal(answer.brief, '404 {"error":"not found","message":"no such study, series or object"}', `${person.login} ${pattern}`);
        }
    });
});

test('no address of the service is without its cells', () => {
    const others = [/^\/api\/(admin|pulls|emergency|events|demo|waits$|patients$|studies$|settings$)/, /^\/(health|metrics|account|admin|sign-in|welcome|display|web|install|studies|patients)(\/|$)/, /^\/$/,
        /^\/api\/(session|account|welcome)/, /^\/dicomweb\/(studies|series|instances)$/, /^\/IHEInvokeImageDisplay$/];
    const missing = routes().filter(({ method, pattern }) => method !== 'OPTIONS' && !paths.some((entry) => (entry.method === method) && fits(pattern, entry.target(absent)))
        && !/^\/api\/studies\/\{id\}\/marks\/(\{mark\}|export)/.test(pattern)
        && !others.some((one) => one.test(pattern)) && !(method === 'POST' && pattern.startsWith('/dicomweb/studies')));
    assert.deepEqual(missing, [], 'a new address needs its rows in `paths`, or is of nobody');
    for (const kind of oracle.axes.kind.filter((one) => one !== 'audit'))
        for (const verb of ['find', 'view', 'take'])
            assert.equal(paths.some((entry) => entry.kind === kind && entry.verb === verb), !['patient take', 'patient find', 'frame find', 'thumbnail find', 'thumbnail take'].includes(`${kind} ${verb}`), `${kind} ${verb}`);
});
