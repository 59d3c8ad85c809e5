// Every DICOMweb resource with every parameter that its own description (OPTIONS) names: what is malformed, in its encoding or in its value, is
// 400 with a JSON body that names the parameter; what is well formed means the same in every writing (RFC 3986 2.1).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { element, instance } from '../lib/part10.mjs';
import { Service, temporaryFolder } from '../lib/service.mjs';

let service, resources, one;

const utf8 = (tag, vr, text) => {
    const bytes = Buffer.from(text, 'utf8');
    return [tag, element(tag, vr, bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(' ')]))];
};
const NAME = 'Yamada^Tarou=山田^太郎=やまだ^たろう';
const ID = 'a+b&c=d%e;f#g/h"i\'j 髙';
const ACCESSION = '1,2^3:4@5!~';

before(async () => {
    one = instance([utf8(0x00080005, 'CS', 'ISO_IR 192'), utf8(0x00100010, 'PN', NAME), utf8(0x00100020, 'LO', ID), utf8(0x00080050, 'SH', ACCESSION)]);
    const file = path.join(temporaryFolder('kh-requests'), 'one.dcm');
    fs.writeFileSync(file, one.bytes);
    service = await Service.start({ files: [file] });
    resources = JSON.parse((await service.request('/dicomweb', { method: 'OPTIONS', headers: { accept: 'application/json' } })).body).resources;
    assert.ok(resources.length > 20);
});
after(() => service.stop());

const segments = () => ({ study: one.study, series: one.series, instance: one.uid, frames: '1', 'path*': '7FE00010' });
const fill = (resource, values = {}) => `/dicomweb/${resource.path.replace(/\{([a-z*]+)\}/g, (_, name) => ({ ...segments(), ...values })[name])}`;
const gets = () => resources.filter((one) => one.method === 'GET');
const isUri = (resource) => resource.path === 'wado';
const isSearch = (resource) => /(^|\/)(studies|series|instances)$/.test(resource.path);
const uriOf = (resource, without) => (isUri(resource) ? Object.entries({ requestType: 'WADO', studyUID: one.study, seriesUID: one.series, objectUID: one.uid }).filter(([name]) => name !== without)
    .map(([name, value]) => `${name}=${value}&`).join('') : '');
const get = (target, headers = { accept: '*/*' }) => service.request(target, { headers });

const refused = (target, words) => refusedWith(target, { accept: '*/*' }, words);
async function refusedWith(target, headers, words, code = 400) {
    const answer = await get(target, headers);
    assert.equal(answer.code, code, `${target}: ${answer.code} ${answer.body.toString('latin1').slice(0, 200)}`);
    assert.match(answer.headers['content-type'], /^application\/json/, target);
    const { error, message } = JSON.parse(answer.body);
    assert.ok(error, target);
    assert.match(message, words, target);
}

const MALFORMED = ['%', '%2', '%zz', '%2g', '%u0041', 'x%', '%00', 'a%00b', '%0a', '%0D', '%7f', '%c0%af', '%C0%80', '%e0%80%af', '%ed%a0%80', '%f4%90%80%80', '%ff', '%80', '%e5%b1'];

test('encodings that are none, in every parameter of every resource', async () => {
    for (const resource of gets())
        for (const name of resource.parameters)
            for (const value of MALFORMED) await refused(`${fill(resource)}?${uriOf(resource, name)}${name}=${value}`, new RegExp(`"${name}"`));
});

test('encodings that are none, in names of parameters and in every segment', async () => {
    for (const value of MALFORMED) {
        await refused(`/dicomweb/studies?${value}=1`, /target/);
        for (const resource of gets())
            for (const [, name] of resource.path.matchAll(/\{([a-z*]+)\}/g)) await refused(fill(resource, { [name]: value }), /target/);
    }
});

test('UIDs, frames and paths of bulk data that are none, in every address', async () => {
    const bad = { study: ['x', '1.2.3a', '1'.repeat(65), '1,2', '%2A', '1.2 '], series: ['x', '-1'], instance: ['x', '..1..x'], frames: ['0', 'x', '1,1', '2,1', '1,', ',', '1.5', '-1', '4294967296', '1%2C%2C2'], 'path*': ['x', '7FE0001', '7FE00010.1', '7FE00010.1.', 'g'.repeat(8)] };
    for (const resource of gets())
        for (const [, name] of resource.path.matchAll(/\{([a-z*]+)\}/g))
            for (const value of bad[name]) await refused(fill(resource, { [name]: value.replace(' ', '%20') }), name === 'path*' ? /bulkdata/ : new RegExp(name));
});

const byName = {
    accept: ['x', 'image/', '/png', 'image/png;q=2', 'image/png;q=', '*/*', 'image/*', 'multipart/related', 'multipart/related;type=', 'application/dicom;transfer-syntax=x', '%22'],
    includefield: ['Nothing', '0010002', 'PatientName.', '.', '00100020,x'], fuzzymatching: ['yes', '1', 'TRUE', ''], emptyvaluematching: ['x'], multiplevaluematching: ['x'],
    limit: ['-1', 'x', '1.5', '', '%20', '99999999999999999999'], offset: ['-1', 'x', '1e3', '', '10000001'],
    viewport: ['x', '1', '1,', '0,1', '1,2,3', '1,2,3,4,5', '1,2,3,4,5,6,7', '100000,1', '1.5,2', '+1,2', 'NaN,1', ''], window: ['1', '1,2', '1,2,x', '1,0,linear', '1,2,LINEAR', '1,2,linear,', 'x,2,linear', '1,-1,sigmoid', ''],
    quality: ['0', '101', 'x', '', '1.5'], annotation: [',', 'patient,', ',patient'], iccprofile: ['x', 'NO', 'sRGB', ''],
    requestType: ['', 'wado', 'WADO2'], studyUID: ['', 'x'], seriesUID: ['', 'x'], objectUID: ['', '..'], contentType: ['x', 'image/', '*'], frameNumber: ['0', '-1', 'x', ''], rows: ['0', 'x', '100000', ''], columns: ['0', 'x', '100000', ''],
    region: ['1', '0,0,0,0', '0,0,2,1', '-1,0,1,1', 'a,b,c,d', '0,0,1', '1,1,0,0'], windowCenter: ['1', 'x'], windowWidth: ['1', '0'], imageQuality: ['0', '101'], imageAnnotation: [','], transferSyntax: ['x', ''],
};
/** By the value representation that a keyword's name tells. */
const byKind = [[/Date$/, ['yesterday', '2026', '2026-1-1', '20260101-20260102-20260103', '2026-01-01-']], [/Time$/, ['noon', '1', '12:xx']], [/UID$/, ['x', '1.2,x', '../1', '1'.repeat(65)]],
    [/(SeriesNumber|InstanceNumber|^NumberOf)/, ['x', '1.5']]];
const badValues = (name) => byName[name] ?? byKind.find(([pattern]) => pattern.test(name))?.[1] ?? [];
/** Those that leave others their sense: transferSyntax is of objects, window of both its halves. */
const companion = (name) => ({ transferSyntax: 'contentType=application/dicom&', imageAnnotation: '' })[name] ?? '';

test('values that are none, in every parameter of every resource', async () => {
    const tried = new Set();
    const failures = [];
    for (const resource of gets()) {
        for (const name of resource.parameters) {
            if (isUri(resource) && name === 'contentType') { await refused(`${fill(resource)}?${uriOf(resource)}contentType=x`, /contentType/); continue; }
            for (const value of badValues(name)) {
                if (isSearch(resource) && value === '' && /^[A-Z]/.test(name)) continue; // universal matching
                if (name.endsWith('UID') && isSearch(resource) && new RegExp(`\\{${name.slice(0, 5).toLowerCase()}`).test(resource.path)) continue; // the address names it
                try { await refused(`${fill(resource)}?${uriOf(resource, name)}${companion(name)}${name}=${value.replace(/ /g, '%20')}`, new RegExp(name)); } catch (error) { failures.push(error.message); }
                tried.add(name);
            }
        }
    }
    assert.deepEqual(failures, []);
    for (const name of Object.keys(byName)) assert.ok(tried.has(name) || name === 'contentType', name);
    for (const name of ['StudyDate', 'StudyTime', 'StudyInstanceUID', 'SeriesNumber']) assert.ok(tried.has(name), name);
});

test('what is left out, or given twice', async () => {
    const wado = gets().find(isUri);
    for (const name of ['requestType', 'studyUID', 'seriesUID', 'objectUID']) await refused(`${fill(wado)}?${uriOf(wado, name)}`, new RegExp(name));
    for (const resource of gets())
        for (const name of resource.parameters.filter((one) => one !== 'includefield' && !(isSearch(resource) && /^[A-Z]/.test(one)))) await refused(`${fill(resource)}?${name}=1&${name}=1`, new RegExp(`${name}`));
});

test('parameters that nobody knows are passed over, and a search tells so', async () => {
    for (const resource of gets()) {
        const answer = await get(`${fill(resource)}?${uriOf(resource)}nosuchthing=%E5%B1%B1`);
        assert.ok([200, 206].includes(answer.code), resource.path);
        if (!isSearch(resource)) continue;
        assert.match(answer.headers.warning, /nosuchthing/, resource.path);
        for (const name of ['NoSuchThing', 'patientName', '0010002']) await refused(`${fill(resource)}?${name}=1`, new RegExp(name));
    }
});

/** Writings of one value: what must be encoded in upper and in lower case, and every byte encoded. */
function writings(value) {
    const upper = encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
    const all = [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
    return [upper, upper.replace(/%[0-9A-F]{2}/g, (c) => c.toLowerCase()), all.join(''), all.join('').toUpperCase().replace(/%/g, '%'), upper.replace(/%20/g, '+'),
        upper.replace(/%2C/g, ',').replace(/%5E/g, '%5e').replace(/%3D/g, '=').replace(/%2F/g, '/').replace(/%3A/g, ':').replace(/%40/g, '@').replace(/%3F/g, '?').replace(/%27/g, "'").replace(/%21/g, '!').replace(/%2A/g, '*')];
}

test('a key means the same in every writing', async () => {
    const cases = [['PatientName', NAME], ['PatientName', '山田^太郎'], ['PatientName', 'Yamada^*'], ['PatientName', '山?^太郎'], ['PatientName', 'やまだ^たろう'], ['PatientID', ID], ['PatientID', 'a+b*'], ['PatientID', 'a?b&c=d%e*'],
        ['AccessionNumber', ACCESSION], ['AccessionNumber', '1,2?3:4@5!~'], ['StudyInstanceUID', one.study], ['StudyInstanceUID', `1.2.3,${one.study}`], ['StudyInstanceUID', `1.2.3\\${one.study}`],
        ['00100020', ID], ['includefield', 'PatientName,00081030'], ['includefield', 'all']];
    for (const [name, value] of cases) {
        for (const written of writings(value)) {
            const names = [name, [...name].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')];
            for (const key of names) {
                const answer = await get(`/dicomweb/studies?${key}=${written}`);
                assert.equal(answer.code, 200, `${key}=${written}: ${answer.body}`);
                const found = JSON.parse(answer.body);
                assert.deepEqual(found.map((study) => study['0020000D'].Value[0]), [one.study], `${key}=${written}`);
                assert.equal(found[0]['00100020'].Value[0], ID);
            }
        }
    }
    for (const miss of ['PatientID=a%20b*', 'PatientID=a+b*', 'PatientID=%2561*', 'PatientName=%25E5%25B1%25B1*', 'AccessionNumber=1%252C2*', 'AccessionNumber=1%5c2'])
        assert.equal((await get(`/dicomweb/studies?${miss}`)).code, 204, `${miss}: decoded once, not twice; + is a space`);
});

test('several lines of Accept are one list', async () => {
    const instanceAddress = `/dicomweb/studies/${one.study}/series/${one.series}/instances/${one.uid}`;
    for (const [target, lines, type] of [[instanceAddress, ['text/x-none', 'application/dicom'], 'application/dicom'], [`${instanceAddress}/rendered`, ['image/gif;q=0.2', 'image/webp', 'image/png;q=0.9'], 'image/png'],
        [`${instanceAddress}/metadata`, ['text/x-none;q=1', 'application/json;q=0.1'], 'application/json'], ['/dicomweb/studies', ['text/x-none', 'application/json'], 'application/json'],
        [`${instanceAddress}/frames/1`, Array.from({ length: 30 }, (_, i) => `x/y${i}`).concat('application/octet-stream'), 'application/octet-stream']]) {
        const answer = await get(target, { accept: lines });
        assert.equal(answer.code, 200, `${target} ${lines}: ${answer.body.toString('latin1').slice(0, 200)}`);
        assert.equal(answer.headers['content-type'].split(';')[0], type, target);
    }
    assert.equal((await service.request('/dicomweb', { method: 'OPTIONS', headers: { accept: ['text/x-none', 'application/json'] } })).headers['content-type'], 'application/json');
    assert.equal((await get(instanceAddress, { accept: ['text/x-none', 'text/x-other'] })).code, 406);
    await refusedWith(`${instanceAddress}`, { accept: ['application/dicom', 'x'] }, /Accept/);
    const { etag } = (await get(`${instanceAddress}?accept=application/dicom`)).headers;
    assert.equal((await get(`${instanceAddress}?accept=application/dicom`, { 'if-none-match': ['"another"', etag] })).code, 304);
});

test('lists, sizes and types mean the same in every writing', async () => {
    const instanceAddress = `/dicomweb/studies/${one.study}/series/${one.series}/instances/${one.uid}`;
    for (const [target, name, value] of [[`${instanceAddress}/rendered`, 'viewport', '16,12,0,0,-8,4'], [`${instanceAddress}/rendered`, 'window', '-5,400,linear-exact'], [`${instanceAddress}/rendered`, 'window', '4e1,4.0e2,sigmoid'],
        [`${instanceAddress}/rendered`, 'annotation', 'patient,technique'], [`${instanceAddress}/thumbnail`, 'viewport', '5,7'], [instanceAddress, 'accept', 'application/dicom;transfer-syntax=*'],
        [instanceAddress, 'accept', 'application/dicom; transfer-syntax="1.2.840.10008.1.2.1"'], [`${instanceAddress}/metadata`, 'accept', 'application/dicom+json'], [`${instanceAddress}/rendered`, 'accept', 'image/png;q=0.5,image/gif']]) {
        const answers = [];
        for (const written of writings(value)) answers.push(await get(`${target}?${name}=${written}`));
        for (const answer of answers) {
            assert.equal(answer.code, 200, `${name}=${value}: ${answer.body.toString('latin1').slice(0, 200)}`);
            assert.equal(Buffer.compare(answer.body, answers[0].body), 0, `${name}=${value}`);
        }
    }
    const plain = (await get(`${instanceAddress}?accept=application/dicom`)).body;
    for (const written of writings(one.uid).slice(2, 4)) assert.equal(Buffer.compare((await get(`/dicomweb/studies/${one.study}/series/${one.series}/instances/${written}?accept=application/dicom`)).body, plain), 0);
    const frame = (await get(`${instanceAddress}/frames/1?accept=application/octet-stream`)).body;
    assert.equal(Buffer.compare((await get(`${instanceAddress}/%66rames/%31?%61ccept=application%2Foctet-stream`)).body, frame), 0);
    assert.equal(frame.length, 128);
});
