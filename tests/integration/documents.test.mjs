// What is no picture, shown: a PDF and a video as they are, by ranges too, an electrocardiogram as a drawing whose numbers are pydicom's, each behind a policy
// in which nothing runs. PS3.18 8.7.4.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { dataDir, must, needsData, Service, temporaryFolder } from '../lib/service.mjs';

const skip = needsData;
const file = (name) => path.join(dataDir ?? '', name);
const ECG = file('pydicom/waveform_ecg.dcm');
const PDF = file('generated/encapsulated_pdf.dcm');
const folder = temporaryFolder('kh-documents');
const video = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 255));
let service;

/** A video object: fragments of any bytes, the first item empty. */
async function videoFile() {
    const dcm = path.join(folder, 'video.dcm');
    fs.writeFileSync(path.join(folder, 'a.bin'), video.subarray(0, 3000));
    fs.writeFileSync(path.join(folder, 'b.bin'), video.subarray(3000));
    fs.writeFileSync(`${dcm}.dump`, ['(0002,0010) UI [1.2.840.10008.1.2.4.102]', '(0008,0016) UI [1.2.840.10008.5.1.4.1.1.77.1.1.1]', '(0008,0018) UI [1.2.3.4.77.1]', '(0008,0060) CS [ES]',
        '(0010,0010) PN [Test^Video]', '(0010,0020) LO [V1]', '(0020,000d) UI [1.2.3.4.77]', '(0020,000e) UI [1.2.3.4.77.2]', '(0028,0002) US 3', '(0028,0004) CS [YBR_PARTIAL_420]', '(0028,0006) US 0',
        '(0028,0008) IS [3]', '(0028,0010) US 480', '(0028,0011) US 640', '(0028,0100) US 8', '(0028,0101) US 8', '(0028,0102) US 7', '(0028,0103) US 0',
        '(7fe0,0010) OB (PixelSequence #=3)', '(fffe,e000) pi (no value available)', `(fffe,e000) pi =${path.join(folder, 'a.bin')}`, `(fffe,e000) pi =${path.join(folder, 'b.bin')}`,
        '(fffe,e0dd) na (SequenceDelimitationItem)', ''].join('\n'));
    await must('dump2dcm', ['-q', `${dcm}.dump`, dcm]);
    return dcm;
}

/** The address of the only instance whose study has this UID. */
async function address(study) {
    const [found] = await service.json(`/dicomweb/studies/${study}/instances`);
    return `/dicomweb/studies/${study}/series/${found['0020000E'].Value[0]}/instances/${found['00080018'].Value[0]}/rendered`;
}
const get = (target, accept = '*/*', headers = {}) => service.request(target, { headers: { accept, ...headers } });
const studyOf = async (name) => /\[(.*)\]/.exec((await must('dcmdump', ['+P', '0020,000d', name])).output)[1];

before(async () => {
    service = await Service.start({ files: [...(skip ? [] : [ECG, PDF]), await videoFile()] });
});
after(() => service?.stop());

test('a PDF comes out as it went in; a page of ours may hold it, nothing in it runs', { skip }, async () => {
    const target = await address(await studyOf(PDF));
    const answer = await get(target, 'text/html,application/xhtml+xml,*/*;q=0.8');
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 200));
    assert.equal(answer.headers['content-type'], 'application/pdf');
    const python = spawnSync('/usr/bin/python3', ['-c', "import pydicom,sys,base64; print(base64.b64encode(pydicom.dcmread(sys.argv[1]).EncapsulatedDocument).decode())", PDF], { encoding: 'utf8' });
    assert.equal(python.status, 0, python.stderr);
    assert.deepEqual(answer.body, Buffer.from(python.stdout, 'base64'));
    assert.match(answer.headers['content-security-policy'], /^default-src 'none'; frame-ancestors 'self'/);
    const part = await get(target, 'application/pdf', { range: 'bytes=0-3' });
    assert.equal(part.code, 206);
    assert.equal(part.body.toString(), '%PDF');
    assert.equal((await get(target, 'image/jpeg')).code, 406);
});

test('a video comes as one stream of its fragments, by ranges', async () => {
    const target = await address('1.2.3.4.77');
    const whole = await get(target, 'video/mp4');
    assert.equal(whole.code, 200, whole.body.toString().slice(0, 200));
    assert.equal(whole.headers['content-type'], 'video/mp4');
    assert.deepEqual(whole.body, video);
    const part = await get(target, '*/*', { range: 'bytes=2990-3009' });
    assert.equal(part.code, 206);
    assert.deepEqual(part.body, video.subarray(2990, 3010));
});

/** Of each curve of the drawing the points in mm. */
function curves(svg) {
    return [...svg.matchAll(/<path transform="scale\(0\.05\)" d="M(-?\d+) (-?\d+)([^"]*)"/g)].map(([, x, y, rest]) => {
        const points = [[Number(x), Number(y)]];
        for (const [, dx, dy] of rest.matchAll(/l(-?\d+) (-?\d+)/g)) points.push([points.at(-1)[0] + Number(dx), points.at(-1)[1] + Number(dy)]);
        return points.map(([px, py]) => [px / 20, py / 20]);
    });
}

test('an electrocardiogram: 25 mm a second, 10 mm a millivolt, every lead, no peak lost', { skip }, async () => {
    const answer = await get(await address(await studyOf(ECG)), 'image/svg+xml');
    assert.equal(answer.code, 200, answer.body.toString().slice(0, 200));
    assert.equal(answer.headers['content-type'], 'image/svg+xml');
    const svg = answer.body.toString();
    const python = spawnSync('/usr/bin/python3', ['-c', [
        'import pydicom,sys,json', 'd=pydicom.dcmread(sys.argv[1])', 'g=d.WaveformSequence[0]', 'a=d.waveform_array(0)', // in the units of the file: uV
        'print(json.dumps({"unit":g.ChannelDefinitionSequence[0].ChannelSensitivityUnitsSequence[0].CodeValue,"hz":float(g.SamplingFrequency),"n":int(a.shape[0]),"low":a.min(axis=0).tolist(),"high":a.max(axis=0).tolist()}))',
    ].join('\n'), ECG], { encoding: 'utf8' });
    assert.equal(python.status, 0, python.stderr);
    const { unit, hz, n, low, high } = JSON.parse(python.stdout);
    assert.equal(unit, 'uV');
    const drawn = curves(svg);
    assert.equal(drawn.length, low.length);
    drawn.forEach((points, lead) => {
        const middle = 6 + (lead + 0.5) * 22;
        const mv = points.map(([, y]) => (middle - y) / 10);
        const near = (got, expected, what) => assert.ok(Math.abs(got - expected / 1000) <= 0.006, `lead ${lead}, ${what}: ${got} mV, expected ${expected / 1000}`);
        near(Math.min(...mv), low[lead], 'lowest');
        near(Math.max(...mv), high[lead], 'highest');
        assert.ok(Math.abs(points.at(-1)[0] - 14 - ((n - 1) / hz) * 25) < 0.25, 'its length');
    });
    for (const lead of ['I', 'II', 'III', 'aVR', 'aVL', 'aVF', 'V1', 'V6']) assert.match(svg, new RegExp(`<text[^>]*>${lead} ?</text>`), lead);
    assert.doesNotMatch(svg, /<script|href|on\w+=/);
});

test('a waveform that contradicts itself is refused with what is wrong', { skip }, async () => {
    const broken = path.join(folder, 'broken.dcm');
    fs.copyFileSync(ECG, broken);
    await must('dcmodify', ['-q', '-nb', '-m', '(0020,000d)=1.2.3.4.78', '-m', '(0020,000e)=1.2.3.4.78.1', '-m', '(0008,0018)=1.2.3.4.78.2', '-m', '(5400,0100)[0].(003a,0010)=4000000', broken]);
    await service.must(['import', broken]);
    const answer = await get(await address('1.2.3.4.78'), 'image/svg+xml');
    assert.equal(answer.code, 406);
    assert.match(answer.body.toString(), /Waveform Data|samples/);
});
