// Marks as DICOM objects: key images, presentation states, measurements. What is in them is said by DCMTK (dsrdump, dcmpschk, dcmdump) and pydicom; they come back
// over DICOMweb like any object of the study.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { Visitor } from '../lib/people.mjs';
import { partsOf } from '../lib/multipart.mjs';
import { ctFiles, dataDir, must, needsData, run, Service, until } from '../lib/service.mjs';

const PASSWORD = 'a bridge over seven rivers';
const python = ['/usr/bin/python3', 'python3'].find((one) => spawnSync(one, ['-c', 'import pydicom']).status === 0);
let service;
let study;
let series;
let stack;
let made;
const people = {};
const files = {};

async function person(login, role, facility) {
    await service.must(['person', 'add', login, '--name', '佐藤 花子', '--kana', `カナ ${login}`, '--birth-date', '19700102', '--facility', facility, '--role', role]);
    await service.must(['person', 'train', login, '--date', '20260401']);
    await service.must(['person', 'activate', login]);
    const { out } = await service.must(['person', 'invite', login]);
    const visitor = new Visitor(service);
    assert.equal((await visitor.change(`/api/welcome/${/\/welcome\/(\S+)/.exec(out)[1]}`, { password: PASSWORD })).code, 200);
    await visitor.signIn(login, PASSWORD);
    people[login] = visitor;
}

const marks = [
    { kind: 'key', points: [], text: '結節を疑う' },
    { kind: 'length', points: [[10.5, 20], [13.5, 24]], text: '' },
    { kind: 'bidirectional', points: [[100, 100], [140, 100], [120, 90], [120, 110]], text: '' },
    { kind: 'angle', points: [[60, 10], [10, 10], [10, 60]], text: '' },
    { kind: 'cobb', points: [[50, 50], [90, 60], [50, 200], [90, 190]], text: '' },
    { kind: 'ellipse', points: [[200, 180], [260, 280]], text: '肝 S8' },
    { kind: 'rectangle', points: [[300, 300], [320, 310]], text: '' },
    { kind: 'freehand', points: [[200, 200], [300, 200], [200, 300]], text: '' },
    { kind: 'probe', points: [[256.5, 256.5]], text: '' },
    { kind: 'arrow', points: [[20, 20], [40, 40]], text: 'ここ' },
    { kind: 'text', points: [[400, 20]], text: '術後' },
];
const kept = {};

async function fetchObject(one) {
    const answer = await people.mori.ask(`/dicomweb/studies/${study.uid}/series/${one.series_uid}/instances/${one.sop_uid}`, { headers: { accept: 'multipart/related; type="application/dicom"' } });
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 300));
    const file = path.join(service.dir, `${one.sop_uid}.dcm`);
    fs.writeFileSync(file, partsOf(answer)[0].body);
    return file;
}

before(async () => {
    service = await Service.start({ files: ctFiles().slice(0, 3), facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
    fill(path.join(service.dir, 'data'), 'facility north both', 'facility east viewer');
    await person('mori', 'doctor', 'north');
    await person('abe', 'radiologist', 'east');
    [study] = (await people.mori.ask('/api/studies?limit=5')).json.studies;
    series = (await people.mori.ask(`/api/studies/${study.id}`)).json.series_list.find((one) => one.frames > 0);
    stack = (await people.mori.ask(`/api/series/${series.id}/stack`)).json;
    fill(path.join(service.dir, 'data'), `patient north ${study.patient.id}`, 'patient east E1', `link north ${study.patient.id} east E1`, `consent north ${study.patient.id} east images 50 -`);
    await until('the consent is known', async () => (await people.abe.ask(`/api/studies/${study.id}/marks`)).code === 200, { everyMs: 20 });
    for (const mark of marks) {
        const { json, code } = await people.mori.change(`/api/studies/${study.id}/marks/${randomUUID()}`, { sop_uid: stack.objects[mark.kind === 'rectangle' ? 1 : 0].sop_uid, frame: 0, version: 0, ...mark });
        assert.equal(code, 200, JSON.stringify(json));
        kept[mark.kind] = json.mark;
    }
    made = await people.mori.change(`/api/studies/${study.id}/marks/export`);
    assert.equal(made.code, 200, made.body.toString());
    for (const one of made.json.objects) files[one.form] = await fetchObject(one);
});
after(() => service?.stop());

const dump = async (file, ...more) => (await must('dcmdump', ['-q', '+L', '+U8', ...more, file])).out;
const near = (got, expected) => assert.ok(Math.abs(got - expected) <= 1e-6 * Math.max(1, Math.abs(expected)), `${got}, expected ${expected}`);

test('three objects of the study, of its patient, in series of their own', async () => {
    assert.deepEqual(made.json.objects.map((one) => one.form), ['key_objects', 'presentation', 'report']);
    for (const file of Object.values(files)) {
        const text = await dump(file);
        assert.match(text, new RegExp(`\\(0020,000d\\) UI \\[${study.uid}\\]`));
        assert.match(text, new RegExp(`\\(0010,0020\\) LO \\[${study.patient.id.trim()}\\]`));
        assert.match(text, /\(0008,0005\) CS \[ISO_IR 192\]/);
        assert.match(text, /\(0008,0070\) LO \[Kakehashi\]/);
    }
    const listed = (await people.mori.ask(`/dicomweb/studies/${study.uid}/instances`, { headers: { accept: 'application/dicom+json' } })).json;
    const classes = listed.map((one) => one['00080016'].Value[0]);
    for (const uid of ['1.2.840.10008.5.1.4.1.1.88.59', '1.2.840.10008.5.1.4.1.1.11.1', '1.2.840.10008.5.1.4.1.1.88.33']) assert.ok(classes.includes(uid), uid);
});

test('key images: TID 2010 as dsrdump reads it', async () => {
    const { out } = await must('dsrdump', ['-q', '+Pu', '+Pt', '+U8', files.key_objects]);
    assert.match(out, /Key Object Selection Document/);
    assert.match(out, /Of Interest/);
    assert.match(out, /結節を疑う/);
    assert.match(out, /PNAME:\(,,"Person Observer Name"\)="佐藤 花子"/);
    assert.equal(out.match(/IMAGE:/g).length, 1);
    assert.ok(out.includes(stack.objects[0].sop_uid));
    assert.ok(!out.includes(stack.objects[1].sop_uid), 'no key image');
});

test('measurements: TID 1500, each number as it was measured, at its place', async () => {
    const { out } = await must('dsrdump', ['-q', '+Pu', '+Pt', '+U8', files.report]);
    assert.match(out, /Comprehensive SR/);
    assert.match(out, /Imaging Measurement Report/);
    const numbers = [...out.matchAll(/NUM:\(,,"([^"]+)"\)="([^"]+)" \(([^,]*),UCUM/g)].map(([, name, value, unit]) => [name, Number(value), unit]);
    const find = (name, index = 0) => numbers.filter(([one]) => one === name)[index];
    near(find('Length')[1], kept.length.measured.length_mm);
    assert.equal(find('Length')[2], 'mm');
    near(find('Long Axis')[1], kept.bidirectional.measured.length_mm);
    near(find('Short Axis')[1], kept.bidirectional.measured.short_mm);
    near(find('Angle')[1], 90);
    assert.equal(find('Angle')[2], 'deg');
    near(find('Cobb angle')[1], kept.cobb.measured.degrees);
    near(find('Area')[1], kept.ellipse.measured.area_mm2);
    near(find('Attenuation Coefficient')[1], kept.ellipse.measured.mean);
    near(find('Attenuation Coefficient', 1)[1], kept.ellipse.measured.sd);
    assert.equal(find('Attenuation Coefficient')[2], "[hnsf'U]");
    assert.match(out, /肝 S8/);
    assert.equal(out.match(/CONTAINER:\(,,"Measurement Group"\)/g).length, 8);
    const tree = await dump(files.report);
    assert.match(tree, /\(0070,0023\) CS \[ELLIPSE\]/);
    // PS3.3 C.18.6.1.2: the ends of the longer axis, then of the other
    assert.match(tree, /\(0070,0022\) FL 230\\180\\230\\280\\200\\230\\260\\230/);
    assert.match(tree, /\(0070,0022\) FL 10\.5\\20\\13\.5\\24/);
});

test('a presentation state that DCMTK finds right, and shows', async () => {
    const checked = await run('dcmpschk', [files.presentation]);
    // it takes no text for right that is not of one byte a character: nothing but that
    const found = `${checked.out}${checked.err}`.split(/E: \n|W: Test/).filter((part) => /Error/.test(part));
    for (const one of found) assert.match(one, /does not conform to data type definition[\s\S]*value   : \[.*[\u3040-\u9fff].*\]/);
    assert.equal(found.length, 4, 'the author, and three texts');
    const tree = await dump(files.presentation);
    assert.match(tree, /\(0070,0084\) PN \[佐藤 花子\]/);
    assert.match(tree, /\(0028,1052\) DS \[-1024\]/);
    assert.match(tree, /\(0070,0006\) ST \[術後\]/);
    assert.equal(tree.match(/\(0070,0005\) CS \[PIXEL\]/g).length, 11, 'each line, bidirectional and Cobb twice');
    assert.equal(tree.match(/\(0070,0022\) FL/g).length, 11);
    const image = path.join(service.dir, 'image.dcm');
    const answer = await people.mori.ask(`/dicomweb/studies/${study.uid}/series/${series.uid}/instances/${stack.objects[0].sop_uid}`, { headers: { accept: 'multipart/related; type="application/dicom"' } });
    fs.writeFileSync(image, partsOf(answer)[0].body);
    const shown = path.join(service.dir, 'shown.pgm');
    await must('dcmp2pgm', ['-q', '-p', files.presentation, image, shown]);
    assert.ok(fs.statSync(shown).size > 512 * 512);
});

/** The only object of an export, as a file. */
async function exported(body) {
    const answer = await people.mori.change(`/api/studies/${body.study ?? study.id}/marks/export`, { views: body.views });
    assert.equal(answer.code, 200, answer.body.toString());
    const states = answer.json.objects.filter((one) => one.form === 'presentation');
    assert.equal(states.length, 1);
    return fetchObject(states[0]);
}

const complaints = async (file) => {
    const { out, err } = await run('dciodvfy', [file]);
    return `${out}${err}`.split('\n').filter((line) => /^Error/.test(line) && !/Laterality/.test(line)); // of which side nobody knows is not said
};

test('the view of the reader is in the state: window, area, turn, flip, inversion', async () => {
    const [{ sop_uid: uid, columns, rows }] = stack.objects;
    const view = { series: series.id, sop_uid: uid, frame: 0, window: [-600, 1500], area: [100.2, 50.7, 300.5, 200], turns: 1, flipped: false, invert: true };
    for (const [turns, flipped, corners, turn] of [
        [0, false, ['101\\51', '301\\200'], null],
        [1, false, ['101\\200', '301\\51'], [90, 'N']],
        [2, false, ['301\\200', '101\\51'], [180, 'N']],
        [3, false, ['301\\51', '101\\200'], [270, 'N']],
        [0, true, ['301\\51', '101\\200'], [0, 'Y']],
        [1, true, ['301\\200', '101\\51'], [270, 'Y']],
    ]) {
        const tree = await dump(await exported({ views: [{ ...view, turns, flipped }] }));
        assert.deepEqual(['0052', '0053'].map((tag) => new RegExp(`\\(0070,${tag}\\) SL (\\S+)`).exec(tree)[1]), corners, `${turns} ${flipped}`);
        assert.deepEqual(turn && [Number(/\(0070,0042\) US (\d+)/.exec(tree)?.[1]), /\(0070,0041\) CS \[(\w)\]/.exec(tree)?.[1]], turn);
        assert.equal(/\(0070,0041\)/.test(tree), turn !== null);
        assert.match(tree, /\(0028,1050\) DS \[-600\]/);
        assert.match(tree, /\(0028,1051\) DS \[1500\]/);
        assert.match(tree, /\(2050,0020\) CS \[INVERSE\]/);
    }
    assert.ok(columns === 512 && rows === 512);
});

test('DCMTK shows the picture as the reader had it: turned, inverted, in his window', async () => {
    const [{ sop_uid: uid }] = stack.objects;
    const image = path.join(service.dir, 'image.dcm');
    const show = async (view) => {
        const state = await exported({ views: [{ series: series.id, sop_uid: uid, frame: 0, ...view }] });
        const shown = path.join(service.dir, 'shown.pgm');
        await must('dcmp2pgm', ['-q', '-p', state, image, shown]);
        const bytes = fs.readFileSync(shown);
        const [head] = /^P5\s(?:#.*\s)*\d+\s+\d+\s+\d+\s/.exec(bytes.latin1Slice(0, 200));
        const [width] = /(\d+)\s+\d+\s+\d+\s$/.exec(head).slice(1).map(Number);
        return (x, y) => bytes[head.length + y * width + x];
    };
    const upright = await show({ window: [40, 400] });
    const grid = Array.from({ length: 31 * 31 }, (_, at) => [16 + at % 31 * 16, 16 + Math.floor(at / 31) * 16]).sort((one, other) => upright(...one) - upright(...other));
    const places = [0, 1, 240, 480, 720, 959, 960].map((at) => grid[at]); // from the darkest to the brightest: which slice it is depends on how they came in
    assert.ok(new Set(places.map(([x, y]) => upright(x, y))).size > 1, 'the places differ');
    const turned = await show({ window: [40, 400], turns: 1 });
    const flipped = await show({ window: [40, 400], turns: 1, flipped: true });
    const inverse = await show({ window: [40, 400], invert: true });
    const lung = await show({ window: [-600, 1500] });
    for (const [x, y] of places) {
        assert.equal(turned(511 - y, x), upright(x, y), 'a quarter clockwise');
        assert.equal(flipped(511 - y, 511 - x), upright(x, y), 'left and right exchanged, then a quarter clockwise');
        assert.ok(Math.abs(inverse(x, y) + upright(x, y) - 255) <= 1, 'inverse');
    }
    assert.ok(places.some(([x, y]) => lung(x, y) !== upright(x, y)), 'another window');
});

test('a view alone, of a series without marks of ours, and what a view may not be', async () => {
    const [, , { sop_uid: uid }] = stack.objects;
    const answer = await people.mori.change(`/api/studies/${study.id}/marks/export`, { views: [{ series: series.id, sop_uid: uid, frame: 0 }] });
    const state = answer.json.objects.find((one) => one.form === 'presentation');
    const tree = await dump(await fetchObject(state));
    assert.ok(tree.includes(uid), 'the picture on the screen is in it');
    assert.deepEqual((await complaints(files.presentation)), []);
    for (const [name, view] of [
        ['no series', { sop_uid: uid, frame: 0 }],
        ['no UID', { series: series.id, sop_uid: 'x', frame: 0 }],
        ['no frame', { series: series.id, sop_uid: uid, frame: -1 }],
        ['five quarters', { series: series.id, sop_uid: uid, frame: 0, turns: 4 }],
        ['a window of nothing', { series: series.id, sop_uid: uid, frame: 0, window: [40, 0] }],
        ['a window of words', { series: series.id, sop_uid: uid, frame: 0, window: ['40', '400'] }],
        ['an area of three', { series: series.id, sop_uid: uid, frame: 0, area: [1, 2, 3] }],
    ]) assert.equal((await people.mori.change(`/api/studies/${study.id}/marks/export`, { views: [view] })).code, 400, name);
    const many = Array.from({ length: 10 }, () => ({ series: series.id, sop_uid: uid, frame: 0 }));
    assert.equal((await people.mori.change(`/api/studies/${study.id}/marks/export`, { views: many })).code, 400);
});

test('colour: a Color Softcopy Presentation State with an sRGB profile', { skip: needsData }, async () => {
    await service.must(['import', '--facility', 'north', path.join(dataDir, 'pylibjpeg-data/JPEGExtended_3s_1f_u_08_08.dcm')]);
    const [uid] = /1[.\d]+/.exec((await must('dcmdump', ['-q', '+P', '0020,000d', path.join(dataDir, 'pylibjpeg-data/JPEGExtended_3s_1f_u_08_08.dcm')])).out);
    const other = (await people.mori.ask('/api/studies?limit=20')).json.studies.find((one) => one.uid === uid);
    const [colored] = (await people.mori.ask(`/api/studies/${other.id}`)).json.series_list.filter((one) => one.frames > 0);
    const [object] = (await people.mori.ask(`/api/series/${colored.id}/stack`)).json.objects;
    assert.equal(object.samples, 3);
    await people.mori.change(`/api/studies/${other.id}/marks/${randomUUID()}`, { sop_uid: object.sop_uid, frame: 0, version: 0, kind: 'length', points: [[150, 100], [250, 200]] });
    const answer = await people.mori.change(`/api/studies/${other.id}/marks/export`, { views: [{ series: colored.id, sop_uid: object.sop_uid, frame: 0, window: [1, 2], turns: 2, invert: true }] });
    assert.equal(answer.code, 200, answer.body.toString());
    const keep = study;
    study = { ...study, uid };
    const file = await fetchObject(answer.json.objects.find((one) => one.form === 'presentation')).finally(() => { study = keep; });
    const tree = await dump(file);
    assert.match(tree, /\(0008,0016\) UI =ColorSoftcopyPresentationState/);
    assert.doesNotMatch(tree, /\(0028,3110\)|\(2050,0020\)|\(0028,1052\)/);
    assert.match(tree, /\(0070,0042\) US 180/);
    assert.match(tree, /\(0070,0022\) FL 150\\100\\250\\200/);
    assert.deepEqual(await complaints(file), []);
    if (!python) return;
    const { out } = await must(python, ['-c', `import sys, struct, pydicom
profile = pydicom.dcmread(sys.argv[1]).ICCProfile
tags = {profile[132 + 12 * i:136 + 12 * i].decode(): struct.unpack('>II', profile[136 + 12 * i:144 + 12 * i]) for i in range(struct.unpack('>I', profile[128:132])[0])}
white = [sum(struct.unpack('>i', profile[tags[t][0] + 8 + 4 * k:tags[t][0] + 12 + 4 * k])[0] for t in ('rXYZ', 'gXYZ', 'bXYZ')) / 65536 for k in range(3)]
curve = tags['rTRC'][0]
half = struct.unpack('>H', profile[curve + 12 + 2 * 128:curve + 14 + 2 * 128])[0] / 65535
print(len(profile) == struct.unpack('>I', profile[:4])[0], profile[12:24].decode(), profile[36:40].decode(), max(o + s for o, s in tags.values()) <= len(profile), ' '.join('%.3f' % v for v in white), '%.4f' % half)`, file]);
    // white is D50; 128/255 of sRGB is 0.2158 of the light (IEC 61966-2-1)
    assert.equal(out.trim(), 'True scnrRGB XYZ  acsp True 0.964 1.000 0.825 0.2159');
});

test('pydicom reads them', { skip: python ? false : 'pydicom is not installed' }, async () => {
    const { out } = await must(python, ['-c', `import sys, pydicom
for name in sys.argv[1:]:
    d = pydicom.dcmread(name)
    s = d.get('CurrentRequestedProcedureEvidenceSequence')
    r = s[0].ReferencedSeriesSequence if s else d.ReferencedSeriesSequence
    o = r[0].get('ReferencedSOPSequence') or r[0].get('ReferencedImageSequence')
    print(d.SOPClassUID.name, '|', d.Modality, '|', str(d.PatientID), '|', len(r), '|', len(o), '|', d.get('ContentLabel', d.get('CompletionFlag', '-')))`, files.key_objects, files.presentation, files.report]);
    const id = study.patient.id;
    assert.deepEqual(out.trim().split('\n'), [
        `Key Object Selection Document Storage | KO | ${id} | 1 | 1 | -`,
        `Grayscale Softcopy Presentation State Storage | PR | ${id} | 1 | 2 | MARKS`,
        `Comprehensive SR Storage | SR | ${id} | 1 | 2 | PARTIAL`]);
});

test('who may read another hospital\'s study adds nothing to it; who has no marks has nothing to export', async () => {
    const base = `/api/studies/${study.id}/marks`;
    assert.equal((await people.abe.change(`${base}/${randomUUID()}`, { sop_uid: stack.objects[0].sop_uid, frame: 0, version: 0, kind: 'key', points: [] })).code, 200);
    const refused = await people.abe.change(`${base}/export`);
    assert.equal(refused.code, 403);
    assert.match(refused.json.message, /own hospital/);
    await person('kato', 'doctor', 'north');
    assert.equal((await people.kato.change(`${base}/export`)).code, 404);
    const records = (await service.must(['audit', 'search', '--json', '--action', 'store', '--who', 'mori'])).out.trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(records.some((one) => one.study === study.uid));
});
