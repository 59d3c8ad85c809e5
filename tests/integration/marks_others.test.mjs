// What others have drawn: a key object selection of pydicom's making, a report of highdicom's, objects as another system would have made them; each mark
// against what DCMTK's dcmdump says is in the object.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { partsOf } from '../lib/multipart.mjs';
import { sequence } from '../lib/objects.mjs';
import { ctFiles, dataDir, must, needsData, Service } from '../lib/service.mjs';

let service;
before(async () => { service = await Service.start({ files: ctFiles() }); });
after(() => service?.stop());

const others = async (study) => (await service.json(`/api/studies/${study.id}/marks`)).marks.filter((mark) => !mark.editable);
const studyOf = async (uid) => (await service.studies()).find((one) => one.uid === uid);
const values = async (tag, file) => (await must('dcmdump', ['-q', '+U8', '+P', tag, file])).out.split('\n').map((line) => /^\S+ \w\w \[?(.*?)\]?\s+#/.exec(line.trim())?.[1]).filter(Boolean);
const post = async (target, body) => {
    const answer = await service.request(target, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', origin: service.url } });
    return { code: answer.code, json: JSON.parse(answer.body) };
};

test('key images of another system', { skip: needsData }, async () => {
    const file = path.join(dataDir, 'generated/key_object.dcm');
    await service.must(['import', file]);
    const [uid] = await values('0020,000d', file);
    const list = await others(await studyOf(uid));
    const named = new Set(await values('0008,1155', file));
    assert.equal(list.length, named.size);
    for (const mark of list) {
        assert.ok(named.has(mark.sop_uid));
        assert.deepEqual([mark.kind, mark.points, mark.author.mine, mark.form], ['key', [], false, 'KO']);
        assert.match(mark.text, /^Of Interest: three slices of the phantom$/);
    }
    const refused = await post(`/api/studies/${(await studyOf(uid)).id}/marks/${list[0].id}/delete`, { version: 1 });
    assert.equal(refused.code, 400, 'it is no mark of ours');
});

test('regions of a report that highdicom made', { skip: needsData }, async () => {
    const report = path.join(dataDir, 'highdicom/sr_document.dcm');
    await service.must(['import', path.join(dataDir, 'pydicom/CT_small.dcm'), report]);
    const [uid] = await values('0020,000d', report);
    const [image] = await values('0008,1155', report);
    const list = await others(await studyOf(uid));
    assert.ok(list.length > 0);
    assert.ok(list.every((mark) => mark.sop_uid === image && mark.form === 'SR'));
    const [[x, y, px, py]] = (await values('0070,0022', report)).map((one) => one.split('\\').map(Number));
    const radius = Math.hypot(px - x, py - y);
    const circle = list.find((mark) => mark.kind === 'ellipse');
    assert.deepEqual(circle.points, [[x - radius, y - radius], [x + radius, y + radius]]);
});

test('graphics and numbers of a presentation state and a report, as another system would have made them', async () => {
    const study = await studyOf((await values('0020,000d', ctFiles()[0]))[0]);
    const series = (await service.json(`/api/studies/${study.id}`)).series_list.find((one) => one.frames > 0);
    const [object] = (await service.json(`/api/series/${series.id}/stack`)).objects;
    const drawn = {
        length: [[10.5, 20], [13.5, 24]], angle: [[60, 10], [10, 10], [10, 60]], ellipse: [[200, 180], [260, 280]], rectangle: [[300, 300], [320, 310]],
        freehand: [[200, 200], [300, 200], [200, 300]], text: [[400, 20]],
    };
    for (const [kind, points] of Object.entries(drawn))
        assert.equal((await post(`/api/studies/${study.id}/marks/${randomUUID()}`, { kind, points, sop_uid: object.sop_uid, frame: 0, version: 0, text: kind === 'text' ? '術後' : '' })).code, 200);
    const before_ = (await others(study)).length;
    const made = await post(`/api/studies/${study.id}/marks/export`, {});
    assert.equal(made.code, 200, JSON.stringify(made.json));
    assert.equal((await others(study)).length, before_, 'what we exported is not shown twice');
    for (const one of made.json.objects) {
        const answer = await service.request(`/dicomweb/studies/${study.uid}/series/${one.series_uid}/instances/${one.sop_uid}`, { headers: { accept: 'multipart/related; type="application/dicom"' } });
        const file = path.join(service.dir, `${one.form}.dcm`);
        fs.writeFileSync(file, partsOf(answer)[0].body);
        await must('dcmodify', ['-q', '-nb', '-gse', '-gin', '-m', '0008,0070=Another', file]);
        await service.must(['import', file]);
    }
    const list = (await others(study)).filter((mark) => mark.form !== 'KO');
    const find = (form, kind) => list.filter((mark) => mark.form === form && mark.kind === kind).map((mark) => mark.points);
    const corners = [[300, 300], [320, 300], [320, 310], [300, 310]];
    for (const form of ['GSPS', 'SR']) {
        assert.deepEqual(find(form, 'ellipse'), [drawn.ellipse]);
        assert.deepEqual(find(form, 'freehand').sort(), [corners, drawn.freehand].sort());
        assert.ok(find(form, 'length').some((points) => JSON.stringify(points) === JSON.stringify(drawn.length)));
    }
    assert.deepEqual(find('SR', 'angle'), [drawn.angle]);
    assert.ok(list.some((mark) => mark.form === 'GSPS' && mark.kind === 'text' && mark.text === '術後'));
    assert.ok(list.some((mark) => mark.form === 'SR' && /^Length 2\.\d+ mm$|^Length \d+(\.\d+)? mm$/.test(mark.text)));
    assert.equal(new Set(list.map((mark) => mark.id)).size, list.length);
});

test('objects that lie: places outside of the image, images that are not here, lines of too few points', async () => {
    const study = await studyOf((await values('0020,000d', ctFiles()[0]))[0]);
    const [patient] = await values('0010,0020', ctFiles()[0]);
    const series = (await service.json(`/api/studies/${study.id}`)).series_list.find((one) => one.frames > 0);
    const [object] = (await service.json(`/api/series/${series.id}/stack`)).objects;
    const before_ = (await others(study)).length;
    const on = (uid) => sequence('(0008,1199)', [['(0008,1150) UI =CTImageStorage', `(0008,1155) UI [${uid}]`]]);
    const scoord = (uid, data, type) => ['(0040,a010) CS [CONTAINS]', '(0040,a040) CS [SCOORD]', ...sequence('(0040,a730)', [[...on(uid), '(0040,a010) CS [SELECTED FROM]', '(0040,a040) CS [IMAGE]']]), `(0070,0022) FL ${data}`, `(0070,0023) CS [${type}]`];
    const items = [
        scoord(object.sop_uid, '10\\10\\600\\10', 'POLYLINE'), scoord(object.sop_uid, '10\\10\\20', 'CIRCLE'), scoord(object.sop_uid, '10\\10\\20\\20', 'ELLIPSE'),
        scoord(object.sop_uid, '10\\10', 'POLYLINE'), scoord('1.2.3', '10\\10\\20\\20', 'POLYLINE'), scoord(object.sop_uid, '10\\10\\20\\20', 'SPIRAL'),
        scoord(object.sop_uid, '30\\30\\40\\40', 'POLYLINE'),
    ];
    const dump = path.join(service.dir, 'lies.dump');
    const file = path.join(service.dir, 'lies.dcm');
    fs.writeFileSync(dump, ['(0002,0010) UI =LittleEndianExplicit', '(0008,0016) UI =EnhancedSRStorage', '(0008,0018) UI [1.2.392.200036.9999.88.7.1]', '(0008,0060) CS [SR]',
        `(0010,0020) LO [${patient}]`, `(0020,000d) UI [${study.uid}]`, '(0020,000e) UI [1.2.392.200036.9999.88.7]', '(0020,0013) IS [1]', '(0040,a040) CS [CONTAINER]', ...sequence('(0040,a730)', items), ''].join('\n'));
    await must('dump2dcm', ['-q', dump, file]);
    await service.must(['import', file]);
    const list = await others(study);
    assert.equal(list.length, before_ + 1, JSON.stringify(list.slice(before_)));
    assert.deepEqual(list.at(-1).points, [[30, 30], [40, 40]]);
});
