// What the page of several pictures reckons without a browser: the order of need over tiles, the place in the address, series taken apart.
import assert from 'node:assert/strict';
import test from 'node:test';
import { merge } from '../../../viewer/web/picture_shares.js';
import { placeQuery, readPlace } from '../../../viewer/web/place.js';
import { mainSet, setsOf } from '../../../viewer/web/split.js';

const item = (name, urgent = false) => ({ name, urgent });
const ahead = (area, count) => Array.from({ length: count }, (_, n) => ({ ...item(`${area}${n + 1}`), near: n < 2 }));

test('what is on the screens comes first, then the next of each, then all of the first area, then the others in turn', () => {
    const order = merge([[item('A', true), ...ahead('a', 10)], [item('B', true), ...ahead('b', 4)], [item('C', true), ...ahead('c', 3)]]);
    assert.deepEqual(
        order.map(({ name }) => name),
        ['A', 'B', 'C', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'b1', 'b2', 'c1', 'c2', 'a9', 'a10', 'b3', 'c3', 'b4'],
    );
    assert.deepEqual(merge([]), []);
});

test('the next of other areas are those beside their slice, not the next of all; their stored values come last, those of the first area soon', () => {
    const values = (name) => ({ name, rendition: null, soon: true });
    const far = ahead('b', 4).slice(2); // the near ones are here
    const order = merge([[values('A'), ...ahead('a', 10)], [values('B'), { name: 'b', rendition: {}, soon: true }, ...far]]);
    assert.deepEqual(
        order.map(({ name }) => name),
        ['A', 'b', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9', 'a10', 'B', 'b3', 'b4'],
    );
});

for (const [name, place, query] of [
    ['one tile', { rows: 1, columns: 1, tiles: [{ series: 31, set: 0, index: 11 }], active: 0 }, '?series=31&slice=12'],
    ['a set of a series', { rows: 1, columns: 1, tiles: [{ series: 31, set: 2, index: 0 }], active: 0 }, '?series=31&slice=1&set=2'],
    [
        'two by two with an empty one',
        { rows: 2, columns: 2, tiles: [{ series: 31, set: 0, index: 11 }, null, { series: 7, set: 1, index: 2 }, { series: 8, set: 0, index: 0 }], active: 2 },
        '?layout=2x2&tiles=31.0.12__7.1.3_8.0.1&active=2',
    ],
]) {
    test(`the address of ${name} is read as it was written`, () => {
        assert.equal(placeQuery(place), query);
        const read = readPlace(query);
        assert.equal(read.active, place.active);
        assert.deepEqual([read.rows, read.columns], [place.rows, place.columns]);
        read.tiles.forEach((tile, at) => assert.deepEqual(tile && { ...tile, set: tile.set ?? 0 }, place.tiles[at]));
    });
}

test('an address that names nothing of ours names no tile', () => {
    for (const search of ['', '?series=x', '?series=-1&slice=2', '?layout=4x4&tiles=1.0.1', '?series=9999999999999999999'])
        assert.deepEqual(readPlace(search).tiles, []);
    assert.deepEqual(readPlace('?layout=1x2&tiles=1.0.1_evil.0.1_3.0.1').tiles, [{ series: 1, set: 0, index: 0 }, null]);
});

const AXIAL = [1, 0, 0, 0, 1, 0];
const SAGITTAL = [0, 1, 0, 0, 0, -1];
/** A manifest of slices [{z}, ...] with an object each. */
function manifest(slices, { modality = 'MR', objects = slices.map(() => ({})) } = {}) {
    return {
        modality,
        order: 'mixed',
        spacing_mm: 0,
        even_spacing: false,
        objects: objects.map((one, id) => ({ id, frames: 1, image_type: 'ORIGINAL\\PRIMARY', problem: null, ...one })),
        slices: slices.map((one, at) => ({ object: objects.length === slices.length ? at : 0, frame: 0, orientation: null, position: null, ...one })),
    };
}
const axial = (z) => ({ orientation: AXIAL, position: [0, 0, z] });
const sizes = (sets) => sets.map((one) => one.manifest.slices.length);

test('a series of one stack is one set, its manifest the series’ own', () => {
    const whole = manifest([0, 5, 10, 15].map(axial));
    const sets = setsOf(whole);
    assert.equal(sets.length, 1);
    assert.equal(sets[0].manifest, whole);
    assert.equal(sets[0].plane, 'axial');
});

test('directions are sets of their own, with the distances of their own slices', () => {
    const sagittal = (x) => ({ orientation: SAGITTAL, position: [x, 0, 0] });
    const sets = setsOf(manifest([...[0, 5, 10].map(axial), ...[0, 4, 8, 13].map(sagittal)]));
    assert.deepEqual(sizes(sets), [3, 4]);
    assert.deepEqual(sets.map((one) => one.plane), ['axial', 'sagittal']);
    assert.deepEqual(sets.map((one) => one.manifest.spacing_mm), [5, 4]);
    assert.deepEqual(sets.map((one) => one.manifest.even_spacing), [true, false]);
});

test('slices that follow discs are one set, its blocks in the order in which they lie', () => {
    const tilt = (degrees, z) => {
        const angle = (degrees * Math.PI) / 180;
        return { orientation: [1, 0, 0, 0, Math.cos(angle), Math.sin(angle)], position: [0, 0, z] };
    };
    const slices = [...[0, 4].map((z) => tilt(0, z)), ...[-40, -36].map((z) => tilt(-15, z)), ...[40, 44].map((z) => tilt(20, z))];
    const sets = setsOf(manifest(slices));
    assert.deepEqual(sizes(sets), [6]);
    assert.deepEqual(sets[0].manifest.slices.map((slice) => slice.position[2]), [-40, -36, 0, 4, 40, 44]);
    assert.equal(sets[0].manifest.order, 'mixed', 'what is told of their order stays');
});

test('passes over the same positions are sets; a long run of passes is one stack', () => {
    const passes = (count) => Array.from({ length: count }, () => [0, 5, 10].map(axial)).flat();
    assert.deepEqual(sizes(setsOf(manifest(passes(3)))), [3, 3, 3]);
    assert.deepEqual(setsOf(manifest(passes(2))).map((one) => `${one.pass}/${one.passes}`), ['1/2', '2/2']);
    assert.deepEqual(sizes(setsOf(manifest(passes(8)))), Array(8).fill(3));
    assert.deepEqual(sizes(setsOf(manifest(passes(9)))), [27]);
});

test('a scout is taken from its stack and opens last', () => {
    const objects = [{ image_type: 'ORIGINAL\\PRIMARY\\LOCALIZER' }, {}, {}, {}];
    const sets = setsOf(manifest([axial(0), axial(0), axial(5), axial(10)], { modality: 'CT', objects }));
    assert.deepEqual(sizes(sets), [1, 3]);
    assert.equal(mainSet(sets).set, 1);
});

test('projections are single pictures, clips sets of their own, stills together', () => {
    assert.deepEqual(sizes(setsOf(manifest([{}, {}, {}, {}], { modality: 'MG' }))), [1, 1, 1, 1]);
    assert.deepEqual(sizes(setsOf(manifest([{}, {}], { modality: 'US' }))), [2]);
    const clips = manifest(
        [0, 1, 2, 3, 4].map((n) => ({ object: n < 3 ? 0 : n - 2, frame: n < 3 ? n : 0 })),
        { modality: 'US', objects: [{ frames: 3 }, {}, {}] },
    );
    assert.deepEqual(sizes(setsOf(clips)), [3, 2]);
    assert.equal(setsOf(clips)[0].clip, true);
    assert.deepEqual(sizes(setsOf(manifest(Array(25).fill({}), { modality: 'CR' }))), [25]);
});

test('a slice that cannot be shown stays with its neighbours', () => {
    const sets = setsOf(manifest([axial(0), {}, axial(5)], { objects: [{}, { problem: 'cut' }, {}] }));
    assert.deepEqual(sizes(sets), [3]);
});
