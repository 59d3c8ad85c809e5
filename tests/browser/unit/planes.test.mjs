// Planes in the patient against values reckoned by hand from PS3.3 C.7.6.2.1.1 (the position is the middle of the first pixel) and C.18.6 (points
// count from its corner): tilted and oblique stacks, gaps, other spaces.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cutLine, depthOf, parallel, planeOf, sameSpace, sliceAt, toPatient, toPicture } from '../../../viewer/web/planes.js';
import { stepBetween } from '../../../viewer/web/geometry.js';
import { StackModel } from '../../../viewer/web/stack_model.js';
import { linkOf, offsetOf, pairKey, placePaired, slicePaired, windowShared } from '../../../viewer/web/sync.js';
import { Viewport } from '../../../viewer/web/viewport.js';

const AXIAL = [1, 0, 0, 0, 1, 0];
const SAGITTAL = [0, 1, 0, 0, 0, -1];
const angle = (degrees) => (degrees * Math.PI) / 180;
const TILTED = [1, 0, 0, 0, Math.cos(angle(20)), Math.sin(angle(20))]; // a gantry tilted by 20 degrees
const FOR_1 = '1.2.3';
const stepAfter = (one, index) => stepBetween(one.slice(index), one.slice(index + 1));

/** A stack of slices at positions, {spacing: [between rows, between columns], size: [columns, rows]}. */
function stack(positions, { orientation = AXIAL, spacing = [1, 1], size = [200, 300], space = FOR_1, thickness = 5, modality = 'CT', series = 1 } = {}) {
    return new StackModel({
        series,
        modality,
        order: 'position',
        objects: [{ id: 1, columns: size[0], rows: size[1], frame_of_reference: space, samples: 1, photometric: 'MONOCHROME2', rescale_type: 'HU', pixel_aspect: spacing[0] / spacing[1] }],
        slices: positions.map((position, frame) => ({ object: 0, frame, position, orientation, spacing, spacing_source: 'patient', thickness_mm: thickness })),
    });
}
const near = (got, expected, what) => got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${what ?? ''} ${got} is not ${expected}`));
const axialAt = (zs, more) => stack(zs.map((z) => [-100, -100, z]), more);

test('the middle of the first pixel is the position; columns are told by the second spacing', () => {
    const plane = planeOf(stack([[-100, -100, 50]], { spacing: [0.5, 0.4] }));
    near(toPatient(plane, 0.5, 0.5), [-100, -100, 50]);
    near(toPatient(plane, 10.5, 20.5), [-96, -90, 50]);
    const back = toPicture(plane, [-96, -90, 57]);
    near([back.x, back.y, back.away], [10.5, 20.5, 7]);
});

test('a slice that does not tell position, orientation or spacing has no plane', () => {
    for (const change of [{ position: null }, { orientation: null }, { spacing: null }, { orientation: [1, 0, 0, 0, 1] }, { spacing: [0, 1] }]) {
        const one = stack([[0, 0, 0]]);
        Object.assign(one.manifest.slices[0], change);
        assert.equal(planeOf(one), null, JSON.stringify(change));
    }
});

test('no Frame of Reference is not the same one', () => {
    const without = planeOf(axialAt([0], { space: '' }));
    assert.equal(sameSpace(without, without), false);
    assert.equal(sameSpace(planeOf(axialAt([0])), planeOf(axialAt([0], { space: '9.9' }))), false);
});

test('an axial slice cuts a sagittal picture in a level line, as long as the axial picture is deep', () => {
    const axial = planeOf(stack([[-100, -100, 50]], { spacing: [0.5, 0.4], size: [512, 400] }));
    const sagittal = planeOf(stack([[10, -100, 200]], { orientation: SAGITTAL }));
    const ends = cutLine(axial, sagittal).sort((a, b) => a.x - b.x);
    near([ends[0].x, ends[0].y, ends[1].x, ends[1].y], [0.25, 150.5, 200.25, 150.5]);
    const back = cutLine(sagittal, axial).sort((a, b) => a.y - b.y);
    near([back[0].x, back[1].x], [275.5, 275.5]); // x = 10 mm, 110 mm from the middle of the first column at 0.4 mm
});

test('parallel planes, planes that do not meet and other spaces have no line', () => {
    const axial = planeOf(axialAt([50]));
    assert.equal(cutLine(axial, planeOf(axialAt([60]))), null);
    assert.equal(cutLine(axial, planeOf(stack([[10, -100, 200]], { orientation: SAGITTAL, space: '9' }))), null);
    assert.equal(cutLine(axial, planeOf(stack([[500, -100, 200]], { orientation: SAGITTAL }))), null);
    const nearly = [1, 0, 0, 0, Math.cos(angle(5)), Math.sin(angle(5))];
    assert.equal(cutLine(axial, planeOf(stack([[-100, -100, 45]], { orientation: nearly }))), null);
});

test('an oblique plane cuts where it should', () => {
    // rows along x, columns at 45 degrees between back and feet, through the origin: it meets z = -10 at y = +10
    const half = Math.SQRT1_2;
    const oblique = planeOf(stack([[-100, -100, 100]], { orientation: [1, 0, 0, 0, half, -half], size: [200, 400] }));
    const ends = cutLine(oblique, planeOf(axialAt([-10])));
    near([ends[0].y, ends[1].y], [110.5, 110.5]);
});

test('of a tilted stack it is the distance from the plane that counts, not that of the corner', () => {
    const tilted = stack(Array.from({ length: 20 }, (_, n) => [-100, -100, 5 * n]), { orientation: TILTED });
    for (const index of [0, 7, 19]) {
        for (const [x, y] of [[0, 0], [100, 150], [200, 300]]) {
            const found = sliceAt(tilted, toPatient(planeOf(tilted, index), x, y), planeOf(tilted));
            assert.deepEqual([found.index, found.inside], [index, true]);
        }
    }
    assert.ok(Math.abs(stepAfter(tilted, 3) - 5 * Math.cos(angle(20))) < 1e-6, 'planes lie nearer than the table moved');
});

test('a point in a gap or past the ends is in no slice', () => {
    const gap = axialAt([0, 5, 10, 30, 35]);
    const from = planeOf(gap);
    for (const [z, index, inside] of [
        [-2.5, 0, true],
        [-3, 0, false],
        [12.4, 2, true],
        [20.1, 3, false],
        [27.6, 3, true],
        [37.4, 4, true],
        [38, 4, false],
    ]) {
        const found = sliceAt(gap, [0, 0, z], from);
        assert.deepEqual([found.index, found.inside], [index, inside], `z ${z}`);
    }
    assert.equal(stepAfter(gap, 2), 20);
    assert.equal(stepAfter(gap, 4), null);
});

test('of slices at one place the one on the screen stays', () => {
    const passes = axialAt([0, 5, 10, 0, 5, 10]);
    passes.moveTo(4);
    assert.equal(sliceAt(passes, [0, 0, 5], planeOf(passes)).index, 4);
});

const side = (one, uid, viewport = new Viewport()) => ({ stack: one, uid, viewport });

test('stacks of one space follow by position, whichever spacing and sense they have', () => {
    const thick = side(axialAt([0, 5, 10, 15, 20]), 'a');
    const thin = side(axialAt(Array.from({ length: 21 }, (_, n) => 20 - n)), 'b');
    thick.stack.moveTo(1);
    assert.equal(linkOf(thick, thin), 'place');
    assert.deepEqual(slicePaired(thick, thin).index, 15); // z = 5
    thin.stack.moveTo(2); // z = 18
    assert.equal(slicePaired(thin, thick).index, 4);
    const short = side(axialAt([10, 11]), 'c');
    thick.stack.moveTo(0);
    assert.deepEqual([slicePaired(thick, short).index, slicePaired(thick, short).inside], [0, false]);
});

test('stacks that go another way do not follow', () => {
    const axial = side(axialAt([0, 5, 10]), 'a');
    const sagittal = side(stack([[0, 0, 0], [5, 0, 0]], { orientation: SAGITTAL }), 'b');
    assert.equal(linkOf(axial, sagittal), '');
    assert.equal(linkOf(axial, sagittal, { mm: 0 }), '');
    assert.equal(slicePaired(axial, sagittal, { mm: 0 }), null);
});

test('in different spaces nothing follows before a hand has linked it, then by millimetres', () => {
    const now = side(axialAt([0, 2, 4, 6, 8, 10]), 'b');
    const before = side(axialAt([100, 105, 110, 115], { space: '9' }), 'a');
    assert.equal(linkOf(now, before), '');
    assert.equal(slicePaired(now, before, undefined), null);
    now.stack.moveTo(1); // z = 2
    before.stack.moveTo(1); // z = 105
    const offset = offsetOf(now, before);
    assert.deepEqual(offsetOf(before, now), offset, 'the same whichever leads');
    assert.equal(linkOf(now, before, offset), 'hand');
    assert.equal(slicePaired(now, before, offset).index, 1);
    now.stack.moveTo(5); // z = 10, 8 on: 113
    assert.equal(slicePaired(now, before, offset).index, 3);
    before.stack.moveTo(0); // 100: z = -3
    assert.deepEqual([slicePaired(before, now, offset).index, slicePaired(before, now, offset).inside], [0, false]);
    assert.equal(pairKey(now, before), pairKey(before, now));
});

test('a stack whose normal points the other way is linked by hand all the same', () => {
    const down = [1, 0, 0, 0, -1, 0];
    const now = side(axialAt([0, 5, 10]), 'a');
    const before = side(stack([[-100, 100, 110], [-100, 100, 105], [-100, 100, 100]], { orientation: down, space: '9' }), 'b');
    assert.ok(parallel(planeOf(now.stack), planeOf(before.stack)));
    now.stack.moveTo(0);
    before.stack.moveTo(2); // 0 beside 100
    const offset = offsetOf(now, before);
    assert.deepEqual(offsetOf(before, now), offset);
    now.stack.moveTo(2); // 10: 110
    assert.equal(slicePaired(now, before, offset).index, 0);
    before.stack.moveTo(1); // 105: 5
    assert.equal(slicePaired(before, now, offset).index, 1);
});

test('without positions a hand links by the number of slices', () => {
    const [a, b] = ['a', 'b'].map((uid) => side(axialAt([0, 5, 10, 15]), uid));
    for (const one of [a, b]) for (const slice of one.stack.manifest.slices) slice.position = null;
    a.stack.moveTo(0);
    b.stack.moveTo(1);
    const offset = offsetOf(a, b);
    assert.deepEqual(offset, { slices: 1 });
    a.stack.moveTo(2);
    assert.deepEqual(slicePaired(a, b, offset), { index: 3, inside: true });
    a.stack.moveTo(3);
    assert.deepEqual(slicePaired(a, b, offset), { index: 3, inside: false });
    assert.equal(depthOf(a.stack, 0, null), null);
});

test('a window is shared where numbers mean the same', () => {
    const ct = side(axialAt([0]), 'a');
    assert.ok(windowShared(ct, side(axialAt([0], { series: 2 }), 'b')));
    const mr = (series) => side(axialAt([0], { modality: 'MR', series }), 'm');
    assert.equal(windowShared(ct, mr(3)), false);
    assert.equal(windowShared(mr(3), mr(4)), false);
    assert.equal(windowShared(mr(3), mr(3)), true);
});

test('zoom: millimetres are as large, and the same point of the patient is in the middle', () => {
    const view = (columns, rows) => {
        const viewport = new Viewport();
        viewport.setView(400, 400);
        viewport.setPicture(columns, rows);
        return viewport;
    };
    const a = side(axialAt([0], { spacing: [1, 1], size: [200, 200] }), 'a', view(200, 200));
    const b = side(stack([[-80, -80, 0]], { spacing: [0.5, 0.5], size: [400, 400] }), 'b', view(400, 400));
    assert.equal(placePaired(a, b, 'place'), 'fit');
    a.viewport.centreOn(4, 60.5, 70.5); // the patient's (-40, -30)
    const place = placePaired(a, b, 'place');
    near([place.scale, place.x, place.y], [2, 80.5, 100.5]);
    assert.equal(placePaired(a, b, ''), null);
    const byHand = placePaired(a, b, 'hand'); // 39.5 mm left of the middle, 29.5 above
    near([byHand.scale, byHand.x, byHand.y], [2, 200 - 79, 200 - 59]);
    b.viewport.centreOn(place.scale, place.x, place.y);
    const middle = b.viewport.toPicture(200, 200);
    near([middle.x, middle.y], [80.5, 100.5]);
});
