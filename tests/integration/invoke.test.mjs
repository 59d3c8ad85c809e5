// IHE Invoke Image Display: another system's link lands on the study, or on the list of a patient's; what is asked badly, or is not here, is said.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { element, instance } from '../lib/part10.mjs';
import { Service, temporaryFolder } from '../lib/service.mjs';

let service, studies;
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** A study of its own at a hospital. */
function made({ id = 'P1', name = 'Yamada^Hanako', date = '20260915', time = '101530', accession = '', modality = 'CT', birth = '19560214' } = {}) {
    return instance([[0x00080020, 'DA', date], [0x00080030, 'TM', time], [0x00080050, 'SH', accession], [0x00080060, 'CS', modality], [0x00100010, 'PN', name], [0x00100020, 'LO', id], [0x00100030, 'DA', birth]]
        .map(([tag, vr, value]) => [tag, element(tag, vr, value)]));
}

before(async () => {
    const folder = temporaryFolder('kh-invoke');
    const all = {
        autumn: made({ accession: 'A-1' }), summer: made({ date: '20260701', time: '080000', accession: 'A-2', modality: 'MR' }), spring: made({ date: '20260401', time: '', accession: 'A-2' }),
        other: made({ id: 'P2', name: 'Suzuki^Ichiro', accession: 'B*1' }), star: made({ id: 'P*', name: 'Star^A' }), undated: made({ id: 'P3', date: '', time: '' }), elsewhere: made({ id: 'P1', name: 'Elsewhere^A' }),
    };
    service = await Service.start();
    for (const [name, one] of Object.entries(all)) {
        const file = path.join(folder, `${name}.dcm`);
        fs.writeFileSync(file, one.bytes);
        await service.must(['import', '--facility', name === 'elsewhere' ? 'clinic' : 'city', file]);
    }
    const held = await service.studies();
    studies = Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { ...one, id: held.find((study) => study.uid === one.study).id }]));
});
after(() => service.stop());

const invoke = (query, headers = html) => service.request(`/IHEInvokeImageDisplay?${query}`, { headers });
const listed = async (query) => {
    const answer = await service.request(`/api/invoke?${query}`);
    assert.equal(answer.code, 200, `${query}: ${answer.body}`);
    return JSON.parse(answer.body);
};
const names = (list) => list.studies.map((one) => Object.keys(studies).find((name) => studies[name].id === one.id));

test('one study: its page', async () => {
    for (const query of [`requestType=STUDY&studyUID=${studies.autumn.study}`, `requestType=STUDY&studyUID=${studies.autumn.study}&viewerType=IHE_BIR&diagnosticQuality=true&keyImagesOnly=false`,
        'requestType=STUDY&accessionNumber=A-1', 'requestType=PATIENT&patientID=P2', 'requestType=PATIENT&patientID=P1&mostRecentResults=1&patientName=Yamada%5EHanako', 'requestType=PATIENT&patientID=P1%5E%5E%5Eclinic',
        `requestType=STUDY&studyUID=${studies.autumn.study},${studies.autumn.study}`, `requestType=STUDY&studyUID=${studies.autumn.study}&unknownThing=1`, `studyUID=${studies.autumn.study}&requestType=STUDY&accessionNumber=nothing`]) {
        const answer = await invoke(query);
        assert.equal(answer.code, 302, `${query}: ${answer.body}`);
        const id = Number(/^\/studies\/(\d+)$/.exec(answer.headers.location)[1]);
        assert.equal(id, query.includes('P2') ? studies.other.id : query.includes('clinic') ? studies.elsewhere.id : studies.autumn.id, query);
        const page = await service.request(answer.headers.location);
        assert.match(page.body.toString(), /main\.js/);
    }
});

test('several studies: the list, newest first, and what is missing is told', async () => {
    const cases = [
        [`requestType=STUDY&studyUID=${studies.summer.study},${studies.autumn.study}`, ['summer', 'autumn'], 0], [`requestType=STUDY&studyUID=${studies.summer.study}%2C1.2.3`, ['summer'], 1], ['requestType=STUDY&accessionNumber=A-2', ['summer', 'spring'], 0],
        ['requestType=PATIENT&patientID=P1', ['elsewhere', 'autumn', 'summer', 'spring'], 0], ['requestType=PATIENT&patientID=P1%5E%5E%5Ecity', ['autumn', 'summer', 'spring'], 0], ['requestType=PATIENT&patientID=P1^^^city%261.2.3%26ISO', ['autumn', 'summer', 'spring'], 0],
        ['requestType=PATIENT&patientID=P1^^^city&mostRecentResults=2', ['autumn', 'summer'], 0], ['requestType=PATIENT&patientID=P1^^^city&lowerDateTime=2026-07-01T08:00:00', ['autumn', 'summer'], 0],
        ['requestType=PATIENT&patientID=P1^^^city&lowerDateTime=2026-04-01&upperDateTime=2026-07-01', ['summer', 'spring'], 0], ['requestType=PATIENT&patientID=P1^^^city&upperDateTime=20260701080000', ['summer', 'spring'], 0],
        ['requestType=PATIENT&patientID=P1^^^city&lowerDateTime=2026-04-01T12:00:00Z&upperDateTime=2026-07-01T08:00:00.5%2B09:00', ['summer', 'spring'], 0], ['requestType=PATIENT&patientID=P1^^^city&modalitiesInStudy=CT,US', ['autumn', 'spring'], 0],
        ['requestType=PATIENT&patientID=P1&patientBirthDate=1956-02-14&patientName=Yamada^Hanako', ['autumn', 'summer', 'spring'], 0],
    ];
    for (const [query, expected, missing] of cases) {
        const list = await listed(query);
        assert.deepEqual([names(list).sort(), list.total, list.missing], [[...expected].sort(), expected.length, missing], query);
        if (query.includes('PATIENT')) assert.deepEqual(list.studies.map((one) => one.date), list.studies.map((one) => one.date).sort().reverse());
        const page = await invoke(query);
        assert.equal(page.code, 200, query);
        assert.match(page.body.toString(), /main\.js/);
    }
});

test('wild cards are letters here', async () => {
    assert.deepEqual(names(await listed('requestType=PATIENT&patientID=P*')), ['star']);
    assert.deepEqual(names(await listed('requestType=STUDY&accessionNumber=B*1')), ['other']);
    for (const query of ['requestType=PATIENT&patientID=*', 'requestType=PATIENT&patientID=P%3F', 'requestType=STUDY&accessionNumber=A*', 'requestType=STUDY&accessionNumber=*']) assert.equal((await invoke(query)).code, 404, query);
});

test('what is not here: 404, in both languages for a person', async () => {
    for (const query of ['requestType=STUDY&studyUID=1.2.3', 'requestType=STUDY&studyUID=1.2.3,1.2.4', 'requestType=STUDY&accessionNumber=none', 'requestType=PATIENT&patientID=nobody', 'requestType=PATIENT&patientID=P2^^^clinic',
        'requestType=PATIENT&patientID=P2&lowerDateTime=2026-09-16', 'requestType=PATIENT&patientID=P2&upperDateTime=2026-09-15T10:15:29', 'requestType=PATIENT&patientID=P3&lowerDateTime=1900-01-01', 'requestType=PATIENT&patientID=P2&modalitiesInStudy=US',
        'requestType=PATIENT&patientID=P1&patientBirthDate=1956-02-15']) {
        const page = await invoke(query);
        assert.equal(page.code, 404, query);
        assert.match(page.headers['content-type'], /^text\/html/);
        assert.match(page.body.toString(), /<html lang="ja">.*検査.*not here/s);
        const plain = await invoke(query, {});
        assert.equal(plain.code, 404);
        assert.ok(JSON.parse(plain.body).message);
        assert.equal((await service.request(`/api/invoke?${query}`)).code, 404);
    }
});

test('what is asked badly: 400 with the name of the parameter', async () => {
    const study = `requestType=STUDY&studyUID=${studies.autumn.study}`;
    for (const [query, name] of [['', 'requestType'], ['requestType=', 'requestType'], ['requestType=study', 'requestType'], ['requestType=STUDY', 'studyUID'], ['requestType=STUDY&studyUID=', 'studyUID'], ['requestType=STUDY&studyUID=x', 'studyUID'],
        [`requestType=STUDY&studyUID=${studies.autumn.study},`, 'studyUID'], ['requestType=STUDY&studyUID=1.2;1.3', 'studyUID'], [`requestType=STUDY&studyUID=${Array.from({ length: 65 }, (_, i) => `1.${i}`)}`, 'studyUID'], ['requestType=STUDY&accessionNumber=a,,b', 'accessionNumber'],
        ['requestType=STUDY&accessionNumber=a%5Cb', 'accessionNumber'], ['requestType=PATIENT', 'patientID'], ['requestType=PATIENT&patientID=', 'patientID'], ['requestType=PATIENT&patientID=^^^city', 'patientID'], ['requestType=PATIENT&patientID=P1^^city', 'patientID'],
        ['requestType=PATIENT&patientID=P1^^^%261.2.3%26ISO', 'patientID'], ['requestType=PATIENT&patientID=P1%5CP2', 'patientID'], [`requestType=PATIENT&patientID=${'9'.repeat(65)}`, 'patientID'], ['requestType=PATIENT&patientID=P1&lowerDateTime=yesterday', 'lowerDateTime'],
        ['requestType=PATIENT&patientID=P1&upperDateTime=2026-07', 'upperDateTime'], ['requestType=PATIENT&patientID=P1&upperDateTime=2026-07-01T8', 'upperDateTime'], ['requestType=PATIENT&patientID=P1&mostRecentResults=0', 'mostRecentResults'],
        ['requestType=PATIENT&patientID=P1&mostRecentResults=x', 'mostRecentResults'], ['requestType=PATIENT&patientID=P1&modalitiesInStudy=ct%5C', 'modalitiesInStudy'], ['requestType=PATIENT&patientID=P1&patientBirthDate=1956', 'patientBirthDate'],
        [`${study}&viewerType=OTHER`, 'viewerType'], [`${study}&diagnosticQuality=yes`, 'diagnosticQuality'], [`${study}&keyImagesOnly=1`, 'keyImagesOnly']]) {
        const page = await invoke(query);
        assert.equal(page.code, 400, `${query}: ${page.body}`);
        assert.match(page.body.toString(), new RegExp(`呼び出し.*${name}`, 's'), query);
        const plain = await invoke(query, {});
        assert.equal(plain.code, 400);
        assert.match(JSON.parse(plain.body).message, new RegExp(name), query);
    }
    const twice = await invoke(`${study}&${study}`, {});
    assert.equal(twice.code, 400);
    assert.match(JSON.parse(twice.body).message, /studyUID.*twice/);
    const script = await invoke('requestType=STUDY&studyUID=1.2&viewerType=<script>alert(1)</script>'.replace(/[<>]/g, (c) => encodeURIComponent(c)));
    assert.equal(script.code, 400);
    assert.ok(!script.body.toString().includes('<script>'));
});
