// What a search tells of studies that are hidden, corrected, at their hospital, or of the same patient ID at two hospitals; of sequences, empty and several
// values; and that Orthanc and pydicom read the same in it as in the files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { attribute, freePort, must, Pacs, phantomFiles, Service, start, temporaryFolder, until } from '../lib/service.mjs';

const plugin = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const python = ['/usr/bin/python3', 'python3'].find((one) => spawnSync(one, ['-c', 'import pydicom']).status === 0);

/** A file whose data set has these values instead. */
async function changed(folder, source, name, values) {
    const file = path.join(folder, `${name}.dcm`);
    fs.copyFileSync(source, file);
    await must('dcmodify', ['-nb', '-gst', '-gse', '-gin', ...Object.entries(values).flatMap(([tag, value]) => ['-i', `(${tag})=${value}`]), file]);
    return file;
}

let service, files;
before(async () => {
    const folder = temporaryFolder('kh-states'), [first, second] = phantomFiles(2);
    const request = (item, step, procedure) => ({ [`0040,0275)[${item}].(0040,0009`]: step, [`0040,0275)[${item}].(0040,1001`]: procedure });
    files = {
        ct: await changed(folder, first, 'ct', { '0010,0010': 'Yamada^Hanako', '0010,0020': 'S-1', '0008,0020': '20240105', '0008,0201': '+0900',
            '0040,0244': '20240106', '0040,0245': '101112', ...request(0, 'STEP-1', 'PROC-1'), ...request(1, 'STEP-2', 'PROC-2') }),
        mr: await changed(folder, second, 'mr', { '0010,0010': 'Suzuki^Jiro', '0010,0020': 'S-2', '0008,0020': '20240301', '0008,0060': 'MR', '0008,0050': '' }),
        none: await changed(folder, second, 'none', { '0010,0010': '', '0010,0020': 'S-3', '0008,0020': '', '0010,0030': '' }),
    };
    // the CT's study has a series of another kind too
    files.sr = path.join(folder, 'sr.dcm');
    fs.copyFileSync(files.ct, files.sr);
    await must('dcmodify', ['-nb', '-gse', '-gin', '-i', '(0008,0060)=PT', '-e', '(0040,0275)', '-e', '(0040,0244)', '-e', '(0040,0245)', files.sr]);
    service = await Service.start({ files: Object.values(files) });
});
after(async () => { await service.stop(); });

async function found(target, on = service) {
    const answer = await on.request(`/dicomweb${target}`);
    assert.ok(answer.code === 200 || answer.code === 204, `${target}: ${answer.code} ${answer.body}`);
    return answer.code === 204 ? [] : JSON.parse(answer.body.toString());
}
const value = (match, tag) => match[tag]?.Value?.[0];
const ids = (matches) => matches.map((match) => value(match, '00100020')).sort();

const cases = [
    ['/series?RequestAttributesSequence.ScheduledProcedureStepID=STEP-1', ['S-1']], ['/series?00400275.00400009=STEP-2', ['S-1']], ['/series?RequestAttributesSequence.ScheduledProcedureStepID=STEP-*', ['S-1']],
    ['/series?RequestAttributesSequence.ScheduledProcedureStepID=STEP-1&RequestAttributesSequence.RequestedProcedureID=PROC-1', ['S-1']],
    ['/series?RequestAttributesSequence.ScheduledProcedureStepID=STEP-1&RequestAttributesSequence.RequestedProcedureID=PROC-2', []], // of two items
    ['/series?RequestAttributesSequence.RequestedProcedureID=PROC-3', []], ['/instances?RequestAttributesSequence.RequestedProcedureID=PROC-2', ['S-1']],
    ['/series?PerformedProcedureStepStartDate=20240106', ['S-1']], ['/series?PerformedProcedureStepStartDate=20240107-', []], ['/series?PerformedProcedureStepStartTime=10-11', ['S-1']],
    ['/series?PerformedProcedureStepStartDate=20240101-20241231&PerformedProcedureStepStartTime=1200-', []], ['/studies?TimezoneOffsetFromUTC=%2B0900', ['S-1']],
    ['/studies?ModalitiesInStudy=CT,PT', ['S-1', 'S-3']], ['/studies?ModalitiesInStudy=CT,PT&multiplevaluematching=true', ['S-1']], ['/studies?multiplevaluematching=true&ModalitiesInStudy=PT%5CCT', ['S-1']],
    ['/studies?ModalitiesInStudy=CT,MR&multiplevaluematching=true', []], ['/studies?ModalitiesInStudy=CT,MR&multiplevaluematching=false', ['S-1', 'S-2', 'S-3']],
    ['/studies?PatientID=S-1%5CS-3', ['S-1', 'S-3']], ['/studies?PatientName=suzuki%5EJiro%5CYamada*', ['S-1', 'S-2']], ['/studies?StudyDate=20240105%5C20240301', ['S-1', 'S-2']],
    ['/studies?StudyDate=%22%22&emptyvaluematching=true', ['S-3']], ['/studies?emptyvaluematching=true&PatientName=%22%22', ['S-3']], ['/studies?PatientName=%22%22', []],
    ['/studies?PatientID=S-2&AccessionNumber=%22%22&emptyvaluematching=true', ['S-2']], ['/studies?PatientName=%E3%81%99%E3%81%9A%E3%81%8D&fuzzymatching=true', ['S-2']],
    ['/studies?PatientName=%E3%82%B8%E3%83%AD%E3%82%A6+Suz&fuzzymatching=true', ['S-2']], ['/studies?PatientName=Ziroh&fuzzymatching=true', ['S-2']], ['/studies?PatientName=suzuki+hanako&fuzzymatching=true', []],
    ['/studies?PatientName=%E3%81%99%E3%81%9A%E3%81%8D', []], ['/series?PatientName=ziro&fuzzymatching=true', ['S-2']], ['/studies?PatientID=S-2&x-trace=1&orderby=StudyDate', ['S-2']],
];
for (const [target, expected] of cases)
    test(`match: ${decodeURIComponent(target)}`, async () => { assert.deepEqual(ids(await found(target)), expected); });

test('what is asked of a sequence comes back with it; what is not told is left out', async () => {
    const series = await found('/series?PatientID=S-1');
    const told = series.find((match) => match['00400275']);
    assert.deepEqual(told['00400275'], { vr: 'SQ', Value: [
        { '00400009': { vr: 'SH', Value: ['STEP-1'] }, '00401001': { vr: 'SH', Value: ['PROC-1'] } },
        { '00400009': { vr: 'SH', Value: ['STEP-2'] }, '00401001': { vr: 'SH', Value: ['PROC-2'] } }] });
    assert.deepEqual(told['00400244'], { vr: 'DA', Value: ['20240106'] });
    assert.deepEqual(told['00400245'], { vr: 'TM', Value: ['101112'] });
    assert.deepEqual(told['00080201'], { vr: 'SH', Value: ['+0900'] });
    const silent = series.find((match) => value(match, '00080060') === 'PT');
    for (const tag of ['00400275', '00400244', '00400245']) assert.equal(silent[tag], undefined, tag);
    const xml = (await service.request('/dicomweb/series?PatientID=S-1', { headers: { accept: 'multipart/related; type="application/dicom+xml"' } })).body.toString();
    assert.match(xml, /<DicomAttribute tag="00400275" vr="SQ" keyword="RequestAttributesSequence"><Item number="1"><DicomAttribute tag="00400009" vr="SH" keyword="ScheduledProcedureStepID"><Value number="1">STEP-1</);
    const ignored = await service.request('/dicomweb/studies?x-trace=1&PatientID=S-1');
    assert.match(ignored.headers.warning, /x-trace/);
    assert.equal((await service.request('/dicomweb/studies?StudyDate=%22%22')).code, 400, 'no day, unless empty values are asked for');
});

test('a deleted study is in no search and in no count, undone it is; a corrected one is found under what it became', async () => {
    const own = await Service.start({ files: Object.values(files), facility: 'hospital' });
    try {
        const uid = Object.values(await attribute('0020,000d', [files.mr]))[0];
        const left = async () => (await own.request('/dicomweb/studies?limit=1')).headers.warning ?? '';
        assert.match(await left(), /are 2 additional/);
        await own.must(['change', 'delete', '--study', uid, '--reason', 'a test', '--by', 'tester']);
        for (const target of ['/studies?PatientID=S-2', '/studies?PatientName=Suzuki*', '/studies?ModalitiesInStudy=MR', `/studies/${uid}/series`, `/instances?StudyInstanceUID=${uid}`])
            assert.deepEqual(await found(target, own), [], target);
        assert.match(await left(), /are 1 additional/);
        await own.must(['change', 'undo', '1']);
        assert.deepEqual(ids(await found('/studies?PatientName=Suzuki*', own)), ['S-2']);
        await own.must(['change', 'patient', '--facility', 'hospital', '--patient', 'S-2', '--new-id', 'S-22', '--name', 'Shusei^Jiro', '--reason', 'mistyped']);
        for (const target of ['/studies?PatientID=S-2', '/studies?PatientName=Suzuki*']) assert.deepEqual(await found(target, own), [], target);
        for (const target of ['/studies?PatientID=S-22', '/studies?PatientName=shusei*', '/series?PatientName=Shusei%5EJiro', '/studies?PatientName=shu&fuzzymatching=true'])
            assert.deepEqual(ids(await found(target, own)), ['S-22'], target);
        assert.deepEqual(value((await found('/studies?PatientID=S-22', own))[0], '00100010'), { Alphabetic: 'Shusei^Jiro' });
    } finally { await own.stop(); }
});

test('the same patient ID at two hospitals: two patients, told apart by their issuer', async () => {
    const own = await Service.start({ files: [files.ct], facility: 'north' });
    try {
        await own.must(['import', '--facility', 'south', files.mr.replace('mr.dcm', 'sr.dcm'), await changed(temporaryFolder('kh-south'), files.mr, 'other', { '0010,0020': 'S-1', '0010,0010': 'Other^Person' })]);
        const both = await found('/studies?PatientID=S-1', own);
        assert.deepEqual(both.map((match) => value(match, '00100021')).sort(), ['north', 'south', 'south']);
        const south = await found('/studies?PatientID=S-1&IssuerOfPatientID=south', own);
        assert.equal(south.length, 2);
        assert.ok(south.every((match) => value(match, '00100021') === 'south'));
        const uid = Object.values(await attribute('0020,000d', [files.ct]))[0];
        assert.equal((await found(`/studies?StudyInstanceUID=${uid}`, own)).length, 2, 'one UID, two hospitals');
    } finally { await own.stop(); }
});

test('a study at its hospital is found, as NEARLINE', async (t) => {
    const dicomPort = await freePort();
    const pacs = await Pacs.start({ files: phantomFiles(3), peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const own = await Service.start({ dicomPort, nodes: [pacs.node()] });
    t.after(() => own.stop());
    await own.must(['pull', 'PACS', '--all', '--wait']);
    const [study] = await own.studies();
    await own.must(['evict', study.uid]);
    for (const [target, count] of [['/studies', 1], [`/studies/${study.uid}/series`, 1], [`/studies/${study.uid}/instances`, 3]]) {
        const matches = await found(target, own);
        assert.deepEqual(matches.map((match) => value(match, '00080056')), Array(count).fill('NEARLINE'), target);
    }
    assert.equal((await found('/studies?InstanceAvailability=NEARLINE', own)).length, 1);
    assert.deepEqual(await found('/studies?InstanceAvailability=ONLINE', own), []);
});

/* --- others read it --- */

test('pydicom reads in the answers what it reads in the files', { skip: python ? false : 'pydicom is not installed' }, async () => {
    const matches = await found('/instances?includefield=all');
    const file = path.join(temporaryFolder('kh-pydicom'), 'matches.json');
    fs.writeFileSync(file, JSON.stringify(matches));
    const { out } = await must(python, ['-c', `
import json, sys, pydicom
held = {d.SOPInstanceUID: d for d in (pydicom.dcmread(f, stop_before_pixels=True) for f in sys.argv[2:])}
compared = 0
ours = {'SpecificCharacterSet', 'InstanceAvailability', 'RetrieveURL', 'IssuerOfPatientID', 'ModalitiesInStudy', 'NumberOfFrames'}
for match in json.load(open(sys.argv[1])):
    told = pydicom.Dataset.from_json(match)
    file = held[told.SOPInstanceUID]
    for element in told:
        if element.keyword in ours or element.keyword.startswith('NumberOf') or element.value in (None, ''): continue
        other = file[element.tag].value
        if element.VR == 'SQ':
            same = [[(e.tag, e.value) for e in item] for item in element.value] == [[(e.tag, e.value) for e in item if e.tag in (0x00400009, 0x00401001)] for item in other]
        else:
            same = str(element.value) == str(other)
        if not same: print(element.keyword, repr(element.value), repr(other))
        compared += 1
print('compared', compared)`, file, ...Object.values(files)]);
    assert.match(out, /^compared \d\d+\n$/);
});

test('Orthanc tells the same of the same studies', { skip: fs.existsSync(plugin) ? false : 'Orthanc with its DICOMweb plugin is not installed' }, async (t) => {
    const dir = temporaryFolder('kh-orthanc'), [http, dicom] = [await freePort(), await freePort()];
    fs.writeFileSync(path.join(dir, 'orthanc.json'), JSON.stringify({ Name: 'test', StorageDirectory: dir, IndexDirectory: dir, HttpPort: http, DicomPort: dicom,
        RemoteAccessAllowed: false, AuthenticationEnabled: false, Plugins: [plugin] }));
    const child = start('Orthanc', [path.join(dir, 'orthanc.json')], { cwd: dir });
    t.after(() => process.kill(-child.pid, 'SIGKILL'));
    const ask = (target, options) => fetch(`http://127.0.0.1:${http}${target}`, options);
    await until('Orthanc answers', () => ask('/system').then((answer) => answer.ok, () => false));
    for (const file of Object.values(files)) assert.ok((await ask('/instances', { method: 'POST', body: fs.readFileSync(file) })).ok);
    const theirs = async (target) => (await ask(`/dicom-web${target}`, { headers: { accept: 'application/dicom+json' } })).json();
    let compared = 0;
    for (const [target, key, tags] of [
        ['/studies', '0020000D', ['00080020', '00080030', '00080050', '00080061', '00100010', '00100020', '00100030', '00100040', '0020000D', '00200010', '00201206', '00201208']],
        ['/studies?PatientName=Suzuki*', '0020000D', ['00100010', '0020000D']], ['/studies?StudyDate=20240101-20240201', '0020000D', ['00080020', '0020000D']], ['/studies?ModalitiesInStudy=MR', '0020000D', ['00080061', '0020000D']],
        ['/series', '0020000E', ['00080060', '0020000D', '0020000E', '00200011', '00201209']], ['/series?Modality=PT', '0020000E', ['00080060', '0020000E']],
        ['/instances', '00080018', ['00080016', '00080018', '0020000D', '0020000E', '00200013', '00280010', '00280011', '00280100']]]) {
        const sorted = (list) => [...list].sort((a, b) => (value(a, key) < value(b, key) ? -1 : 1));
        const [ours, others] = [sorted(await found(target)), sorted(await theirs(target))];
        assert.deepEqual(ours.map((match) => value(match, key)), others.map((match) => value(match, key)), target);
        ours.forEach((match, index) => {
            for (const tag of tags) {
                const [mine, other] = [match[tag]?.Value ?? [], others[index][tag]?.Value ?? []].map((list) => (tag === '00080061' ? [...list].sort() : list).map((one) => (typeof one === 'object' ? one.Alphabetic ?? '' : String(one)))); // Orthanc's plugin loses the other groups
                const told = other.filter((one) => one !== '');
                assert.deepEqual(mine, told, `${target} ${value(match, key)} ${tag}`);
                compared++;
            }
        });
    }
    assert.ok(compared > 50, String(compared));
});
