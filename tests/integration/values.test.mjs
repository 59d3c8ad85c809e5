// What is measured on real pictures, against what DCMTK says of their files: stored values written out by dcmdump, rescale and spacing as it prints
// them. The decoded values of compressed files are those on which three other decoders agree (expected.tsv of the data folder).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { stackOf } from '../lib/objects.mjs';
import { attribute, dataDir, must, needsData, Service, temporaryFolder } from '../lib/service.mjs';

let service;
before(async () => { service = await Service.start(); });
after(() => service?.stop());

const near = (got, expected, what) => assert.ok(Math.abs(got - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${what}: ${got}, expected ${expected}`);

/** The first value of an attribute as dcmdump prints it, of the file or of a frame's group. */
async function told(file, name, frame = 0) {
    const { out } = await must('dcmdump', ['-q', '+p', '+P', name, file]);
    const text = (line) => /\[(.*)\]\s+#/.exec(line)?.[1] ?? /US (\d+)\s+#/.exec(line)?.[1] ??
        /UN ([\da-f\\]+)\s+#/.exec(line)?.[1].split('\\').map((byte) => String.fromCharCode(Number.parseInt(byte, 16))).join('');
    const values = out.split('\n').filter((line) => !/\(2005,140f\)/.test(line)).map(text).filter((one) => one !== undefined);
    return values[frame] ?? values[0];
}

/** Stored values of a native file by DCMTK: {columns, rows, frames, values}. */
async function storedValues(file) {
    const folder = temporaryFolder('kh-values');
    await must('dcmdump', ['-q', '+W', folder, file]);
    const [name] = fs.readdirSync(folder).sort((a, b) => fs.statSync(path.join(folder, b)).size - fs.statSync(path.join(folder, a)).size);
    const bytes = fs.readFileSync(path.join(folder, name));
    const signed = await told(file, 'PixelRepresentation') === '1';
    const values = Array.from({ length: bytes.length / 2 }, (_, i) => (signed ? bytes.readInt16LE(2 * i) : bytes.readUInt16LE(2 * i)));
    return { values, columns: Number(await told(file, 'Columns')), rows: Number(await told(file, 'Rows')) };
}

async function shown(name, file = path.join(dataDir, name)) {
    await service.must(['import', file]);
    const uid = (await attribute('0008,0018', [file]))[file];
    const place = await stackOf(service, uid);
    const address = (frame, query) => place.tile(frame).replace(/^\/tiles\/(\d+)\/(.*?)\/0\/0\/0\.jpg$/, `/api/series/$1/$2/values${query}`);
    return { file, place, values: (kind, points, frame = 0) => service.json(address(frame, `?kind=${kind}&points=${points.join(',')}`)) };
}

/** Population statistics of the picked values. */
function statistics(values) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { count: values.length, mean, sd: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length), min: Math.min(...values), max: Math.max(...values) };
}

function same(answer, expected) {
    assert.equal(answer.count, expected.count);
    for (const name of ['mean', 'sd', 'min', 'max']) near(answer[name], expected[name], name);
}

const pick = ({ values, columns, rows }, frame, inside) => {
    const picked = [];
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) if (inside(x + 0.5, y + 0.5)) picked.push(values[(frame * rows + y) * columns + x]);
    return picked;
};

test('CT in HU: rectangle, ellipse, freehand and probe', { skip: needsData }, async () => {
    const { file, values } = await shown('ct-philips-phantom/I100');
    const stored = await storedValues(file);
    const [slope, intercept] = [Number(await told(file, 'RescaleSlope')), Number(await told(file, 'RescaleIntercept'))];
    const hu = (list) => list.map((value) => value * slope + intercept);
    assert.notEqual(intercept, 0);

    const rectangle = await values('rectangle', [100.2, 120.7, 301.4, 260]);
    same(rectangle, statistics(hu(pick(stored, 0, (x, y) => x >= 100.2 && x < 301.4 && y >= 120.7 && y < 260))));
    assert.deepEqual([rectangle.unit, rectangle.values, rectangle.padding, rectangle.spacing_source], ['HU', 'modality', 0, 'patient']);
    near(rectangle.area_px, 201.2 * 139.3, 'area');

    const ellipse = await values('ellipse', [200, 180, 260, 280]);
    same(ellipse, statistics(hu(pick(stored, 0, (x, y) => ((x - 230) / 30) ** 2 + ((y - 230) / 50) ** 2 <= 1))));

    const [rowMm, columnMm] = (await told(file, 'PixelSpacing')).split('\\').map(Number);
    near(ellipse.area_mm2, Math.PI * 30 * 50 * rowMm * columnMm, 'mm2');

    const freehand = await values('freehand', [200.3, 200.1, 300.3, 200.1, 200.3, 300.1]);
    same(freehand, statistics(hu(pick(stored, 0, (x, y) => x >= 200.3 && y >= 200.1 && (x - 200.3) + (y - 200.1) < 100))));
    near(freehand.area_mm2, 5000 * rowMm * columnMm, 'mm2');

    const probe = await values('probe', [256.5, 256.5]);
    assert.equal(probe.stored, stored.values[256 * stored.columns + 256]);
    near(probe.value, hu([probe.stored])[0], 'probe');
});

test('MR whose pixels are 4 x 6.4 mm: no unit, stored values, millimetres by row and column', { skip: needsData }, async () => {
    const { file, values } = await shown('nonsquare/001.dcm');
    const stored = await storedValues(file);
    const [rowMm, columnMm] = (await told(file, 'PixelSpacing')).split('\\').map(Number);
    const all = await values('rectangle', [0, 0, stored.columns, stored.rows]);
    same(all, statistics(pick(stored, 0, () => true))); // the exception of docs/rendering.md: MR without Rescale Type
    assert.deepEqual([all.unit, all.values], [null, 'stored']);
    near(all.area_mm2, stored.columns * columnMm * stored.rows * rowMm, 'mm2');
    const length = await values('length', [2, 3, 12, 20]);
    near(length.length_mm, Math.hypot(10 * columnMm, 17 * rowMm), 'mm');
    near(length.length_px, Math.hypot(10, 17), 'px');
    const angle = await values('angle', [9, 1, 1, 1, 9, 9]);
    near(angle.degrees, Math.atan2(8 * rowMm, 8 * columnMm) * 180 / Math.PI, 'degrees');
});

test('enhanced MR: the rescale of each frame', { skip: needsData }, async () => {
    const { file, values, place } = await shown('mr-enhanced/Philips/IM_0027_fMAP.dcm');
    const stored = await storedValues(file);
    const slopes = new Set();
    for (const frame of [0, place.object.frames - 1]) {
        const [slope, intercept] = [Number(await told(file, 'RescaleSlope', frame)), Number(await told(file, 'RescaleIntercept', frame))];
        slopes.add(`${slope}/${intercept}`);
        const answer = await values('rectangle', [10, 10, 60, 50], frame);
        same(answer, statistics(pick(stored, frame, (x, y) => x >= 10 && x < 60 && y >= 10 && y < 50).map((value) => value * slope + intercept)));
        assert.equal(answer.values, 'modality');
    }
    assert.equal(slopes.size, 2, 'the frames differ');
});

test('a spacing at the detector is told as such', { skip: needsData }, async () => {
    const { file, values } = await shown('highdicom/dx_image.dcm');
    const [rowMm, columnMm] = (await told(file, 'ImagerPixelSpacing')).split('\\').map(Number);
    const length = await values('length', [1, 1, 4, 5]);
    assert.equal(length.spacing_source, 'detector');
    near(length.length_mm, Math.hypot(3 * columnMm, 4 * rowMm), 'mm');
});

/** The items of the Sequence of Ultrasound Regions as dcmdump prints them, numbers by attribute. */
async function regionsOf(file) {
    const { out } = await must('dcmdump', ['-q', '+P', '0018,6011', file]);
    return out.split('(fffe,e000)').slice(1).map((item) => Object.fromEntries(
        [...item.matchAll(/\(0018,(60[\da-f]{2})\) \w\w (\S+)/g)].map(([, tag, value]) => [tag, Number(value)])));
}

/** A length of 30 columns and 40 rows from a corner of a region. */
async function lengthIn(values, region) {
    const [x, y] = [region['6018'] + 10, region['601a'] + 10];
    return values('length', [x, y, x + 30, y + 40]);
}

for (const [name, number] of [
    ['dcm4che/YBR_FULL-RLE.dcm', 1],
    ['pylibjpeg-data/JPEGExtended_3s_1f_u_08_08.dcm', 1],
    ['pydicom-data/gdcm-US-ALOKA-16.dcm', 1],
    ['pydicom-data/OBXXXX1A.dcm', 0],
    ['pydicom-data/OBXXXX1A_rle_2frame.dcm', 0],
    ['broken/no-pixel-spacing.dcm', 0],
]) {
    test(`ultrasound: ${name} is measured by its region`, { skip: needsData }, async () => {
        const { file, values, place } = await shown(name);
        const region = (await regionsOf(file))[number];
        assert.deepEqual([region['6024'], region['6026']], [3, 3], 'centimetres');
        const length = await lengthIn(values, region);
        assert.equal(length.spacing_source, 'ultrasound');
        near(length.length_mm, 10 * Math.hypot(30 * region['602c'], 40 * region['602e']), 'mm');
        const [x, y] = [region['6018'] + 10, region['601a'] + 10];
        const area = await values('ellipse', [x, y, x + 50, y + 20]);
        near(area.area_mm2, Math.PI * 25 * 10 * 100 * region['602c'] * region['602e'], 'mm2');
        assert.equal(place.object.regions.length, (await regionsOf(file)).length);
    });
}

test('ultrasound: outside of the regions and across them, pixels', { skip: needsData }, async () => {
    const { file, values } = await shown('pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm');
    const [region] = await regionsOf(file);
    const outside = await values('length', [0, 0, region['6018'], region['601a']]);
    assert.deepEqual([outside.spacing_source, outside.length_mm], ['ultrasound_outside', null]);
    near(outside.length_px, Math.hypot(region['6018'], region['601a']), 'px');
    const across = await values('length', [0, 0, region['6018'] + 1, region['601a'] + 1]);
    assert.deepEqual([across.spacing_source, across.length_mm], ['ultrasound_across', null]);
    const inside = await lengthIn(values, region);
    near(inside.length_mm, 10 * Math.hypot(30 * region['602c'], 40 * region['602e']), 'mm');
});

test('ultrasound: where the region that fills the picture tells no units the one inside it does, and the other way round nothing', { skip: needsData }, async () => {
    const { file, values } = await shown('dcm4che/YBR_FULL-RLE.dcm');
    const [whole, section] = await regionsOf(file);
    assert.equal(whole['6024'], 0);
    const below = await values('length', [section['6018'], section['601e'] + 5, section['6018'] + 30, section['601e'] + 9]);
    assert.deepEqual([below.spacing_source, below.length_mm, below.axis_x], ['ultrasound_other', null, null]);
    const partly = await values('length', [section['6018'] + 5, section['601e'] - 9, section['6018'] + 30, section['601e'] + 9]);
    assert.deepEqual([partly.spacing_source, partly.length_mm], ['ultrasound_across', null]);
});

test('ultrasound: a trace tells seconds', { skip: needsData }, async () => {
    const { file, values } = await shown('pydicom-data/OBXXXX1A.dcm');
    const trace = (await regionsOf(file))[1];
    assert.deepEqual([trace['6024'], trace['6026']], [4, 0], 'seconds, and nothing');
    const length = await lengthIn(values, trace);
    assert.deepEqual([length.spacing_source, length.length_mm, length.axis_x_unit, length.axis_y, length.axis_y_unit], ['ultrasound_other', null, 's', null, null]);
    near(length.axis_x, 30 * trace['602c'], 's');
    const probe = await values('probe', [trace['6018'] + 20.7, trace['601a'] + 3]);
    near(probe.axis_x, trace['6028'] + (trace['6018'] + 20 - (trace['6018'] + trace['6020'])) * trace['602c'], 'the time');
});

test('ultrasound: regions of a picture that was made smaller are not believed', { skip: needsData }, async () => {
    for (const name of ['pydicom/examples_ybr_color.dcm', 'pydicom/examples_palette.dcm']) {
        const file = path.join(temporaryFolder('kh-ultrasound'), path.basename(name)); // one of them is cut from another file and has its UIDs
        fs.copyFileSync(path.join(dataDir, name), file);
        await must('dcmodify', ['-q', '-nb', '-gst', '-gse', '-gin', file]);
        const { values } = await shown('', file);
        const [region] = await regionsOf(file);
        assert.ok(region['601c'] > Number(await told(file, 'Columns')) || region['601e'] > Number(await told(file, 'Rows')), 'a region is larger than the picture');
        const length = await values('length', [130, 70, 160, 110]);
        assert.deepEqual([length.spacing_source, length.length_mm], ['ultrasound_unfit', null]);
        near(length.length_px, 50, 'px');
    }
});

test('ultrasound: M-mode and Doppler beside a section, and the priority of what overlaps', { skip: needsData }, async () => {
    const file = path.join(temporaryFolder('kh-ultrasound'), 'made.dcm');
    fs.copyFileSync(path.join(dataDir, 'pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm'), file);
    const item = (number, values) => Object.entries(values).flatMap(([tag, value]) => ['-i', `(0018,6011)[${number}].(0018,${tag})=${value}`]);
    const region = (box, flags, x, y) => ({ 6012: 2, 6014: 1, 6016: flags, 6018: box[0], '601a': box[1], '601c': box[2], '601e': box[3], 6024: x[0], 6026: y[0],
        '602c': x[1], '602e': y[1], ...(x[2] === undefined ? {} : { 6020: x[2], 6022: y[2], 6028: x[3], '602a': y[3] }) });
    await must('dcmodify', ['-q', '-nb', '-gst', '-gse', '-gin', '-e', '(0018,6011)', file]);
    await must('dcmodify', ['-q', '-nb',
        ...item(0, region([0, 0, 499, 399], 1, [3, 0.02], [3, 0.02])), // a section of low priority
        ...item(1, region([100, 300, 399, 499], 0, [4, 0.004, 0, 1.5], [3, 0.01, 0, 2])), // M-mode over its lower part
        ...item(2, region([500, 0, 999, 399], 0, [4, 0.002, 0, 0], [7, -0.5, 200, 0])), // a spectrum whose zero is in the middle
        ...item(3, region([500, 400, 999, 599], 0, [5, 10], [2, 0.1])), file]);
    const { values } = await shown('', file);

    const section = await values('length', [10, 10, 40, 50]);
    assert.equal(section.spacing_source, 'ultrasound');
    near(section.length_mm, 10, 'mm');
    const mode = await values('length', [120, 320, 220, 360]);
    assert.deepEqual([mode.spacing_source, mode.length_mm, mode.axis_x_unit, mode.axis_y_unit], ['ultrasound_other', null, 's', 'cm']);
    near(mode.axis_x, 100 * 0.004, 's');
    near(mode.axis_y, 40 * 0.01, 'cm');
    const into = await values('length', [50, 290, 150, 320]);
    assert.deepEqual([into.spacing_source, into.length_mm], ['ultrasound_across', null]);
    const beside = await values('length', [50, 290, 90, 390]); // rows of the M-mode, columns beside it
    near(beside.length_mm, 0.2 * Math.hypot(40, 100), 'mm');
    const speed = await values('probe', [600.5, 100.5]);
    assert.deepEqual([speed.axis_x_unit, speed.axis_y_unit], ['s', 'cm/s']);
    near(speed.axis_x, 100 * 0.002, 's');
    near(speed.axis_y, -0.5 * (100 - 200), 'cm/s');
    const others = await values('length', [510, 410, 530, 450]);
    assert.deepEqual([others.axis_x_unit, others.axis_y_unit], ['Hz', 'dB']);
    near(others.axis_x, 200, 'Hz');
    near(others.axis_y, 4, 'dB');
    const area = await values('rectangle', [120, 320, 220, 360]);
    assert.deepEqual([area.area_mm2, area.spacing_source], [null, 'ultrasound_other']);
});

test('whole frames of decoders that agree', { skip: needsData }, async () => {
    const [head, ...rows] = fs.readFileSync(path.join(dataDir, 'expected.tsv'), 'utf8').trim().split('\n').map((line) => line.split('\t'));
    const column = Object.fromEntries(head.map((name, index) => [name, index]));
    let compared = 0;
    for (const row of rows) {
        const name = row[column.file];
        if (!/^transfer-syntax\/CTImage|^pydicom-data\/(MR_small|emri_small)/.test(name) || row[column.exact] !== 'yes' || row[column.status] !== 'agree') continue;
        const file = path.join(service.dir, `${compared}.dcm`); // several of them are one object: each becomes one of its own
        fs.copyFileSync(path.join(dataDir, name), file);
        await must('dcmodify', ['-q', '-nb', '-gst', '-gse', '-gin', file]);
        const { values } = await shown(name, file);
        const type = await told(file, 'RescaleType');
        const raw = (await told(file, 'Modality')) === 'MR' && type === undefined;
        const slope = raw ? 1 : Number(await told(file, 'RescaleSlope') ?? 1);
        const intercept = raw ? 0 : Number(await told(file, 'RescaleIntercept') ?? 0);
        const answer = await values('rectangle', [0, 0, row[column.cols], row[column.rows]]);
        if (answer.padding > 0) continue;
        near(answer.min, Number(row[column.min]) * slope + intercept, `${name}: min`);
        near(answer.max, Number(row[column.max]) * slope + intercept, `${name}: max`);
        assert.ok(Math.abs(answer.mean - (Number(row[column.mean]) * slope + intercept)) < 1e-3, `${name}: mean ${answer.mean}`);
        compared++;
    }
    assert.ok(compared >= 16, `${compared} files`);
});

test('colour: the pixel that DCMTK has', { skip: needsData }, async () => {
    const { file, values } = await shown('dcm4che/US-RGB-8-esopecho');
    await must('dcmj2pnm', ['-q', '+op', file, `${service.dir}/colour.ppm`]);
    const pnm = fs.readFileSync(`${service.dir}/colour.ppm`);
    const [header, columns] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(pnm.subarray(0, 64).toString('latin1'));
    for (const [x, y] of [[20, 100], [60, 60], [100, 33]]) {
        const answer = await values('probe', [x + 0.5, y + 0.5]);
        const at = header.length + 3 * (y * Number(columns) + x);
        assert.deepEqual(answer.rgb, [...pnm.subarray(at, at + 3)]);
        assert.equal(answer.value, null);
    }
});
