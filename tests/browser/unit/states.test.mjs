// Presentation states: where they put a picture, what is drawn, which slices they are for; against the clauses of PS3.3 worked out by hand.
import assert from 'node:assert/strict';
import test from 'node:test';
import en from '../../../viewer/web/lang/states_en.js';
import ja from '../../../viewer/web/lang/states_ja.js';
import { Applied, coverage } from '../../../viewer/web/states/applied.js';
import { areaOf, combine, displayMatrix, frameMatrix, placeViewport, through } from '../../../viewer/web/states/place.js';
import { drawnOn, pathOf } from '../../../viewer/web/states/shapes.js';
import { Viewport } from '../../../viewer/web/viewport.js';

const near = (got, expected, message = '') => got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${message} ${got}, expected ${expected}`));
const SCREEN = { aspect: 1, perMm: 4, ratio: 2 };
const fit = (first, last, more = {}) => ({ first, last, size: 'fit', magnification: null, column_spacing_mm: null, aspect: 1, ...more });
const frame = { columns: 200, rows: 100 };

function viewport(width = 400, height = 300) {
    const v = new Viewport();
    v.setView(width, height);
    v.setPicture(frame.columns, frame.rows);
    return v;
}

test('an area is all that lies between its two pixels, whichever is named first', () => {
    assert.deepEqual(areaOf(fit([51, 1], [150, 100]), frame), { left: 50, top: 0, right: 150, bottom: 100 });
    assert.deepEqual(areaOf(fit([150, 100], [51, 1]), frame), { left: 50, top: 0, right: 150, bottom: 100 });
    assert.deepEqual(areaOf(fit([-9, 1], [210, 100]), frame), { left: -10, top: 0, right: 210, bottom: 100 });
    assert.deepEqual(areaOf(null, frame), { left: 0, top: 0, right: 200, bottom: 100 });
});

// Image Rotation is clockwise and before the flip (C.10.6): the place on the screen of the frame's corner, seen from the middle of the picture.
for (const [turns, flipped, corner] of [
    [0, false, [-100, -50]], [1, false, [50, -100]], [2, false, [100, 50]], [3, false, [-50, 100]],
    [0, true, [100, -50]], [1, true, [-50, -100]], [2, true, [-100, 50]], [3, true, [50, 100]],
]) {
    test(`turned by ${turns * 90} degrees${flipped ? ', then left and right exchanged' : ''}`, () => {
        const v = viewport();
        placeViewport(v, { turns, flipped }, null, frame, SCREEN);
        const at = v.toView(0, 0);
        near([(at.x - 200) / v.scale, (at.y - 150) / v.scale], corner);
        // (0, 0) and (1, 1) of the area are upper left and lower right on the screen (C.10.5.1.2)
        const through_ = (place) => through(combine(frameMatrix(v, 1), displayMatrix({ turns, flipped }, fit([51, 21], [150, 80]), frame)), place);
        const [upper, lower, beside] = [through_([0, 0]), through_([1, 1]), through_([1, 0])];
        assert.ok(upper[0] < lower[0] && upper[1] < lower[1]);
        near([beside[1]], [upper[1]]);
        const [width, height] = turns % 2 === 0 ? [100, 60] : [60, 100];
        near([lower[0] - upper[0], lower[1] - upper[1]], [width * v.scale, height * v.scale]);
    });
}

test('an area fills the view, is as large as in the patient, or enlarged by a factor', () => {
    const v = viewport();
    placeViewport(v, { turns: 0, flipped: false }, fit([51, 1], [150, 50]), frame, SCREEN);
    near([v.scale], [4]);
    near(Object.values(v.toView(100, 25)), [200, 150]);
    placeViewport(v, { turns: 1, flipped: false }, fit([51, 1], [150, 50]), frame, SCREEN);
    near([v.scale], [3]);
    near(Object.values(v.toView(100, 25)), [200, 150]);
    placeViewport(v, { turns: 0, flipped: false }, fit([1, 1], [200, 100], { size: 'true', column_spacing_mm: 0.5 }), frame, SCREEN);
    near([v.scale], [2]);
    placeViewport(v, { turns: 0, flipped: false }, fit([1, 1], [200, 100], { size: 'magnify', magnification: 3 }), frame, SCREEN);
    near([v.scale], [1.5]);
    placeViewport(v, { turns: 0, flipped: false }, null, frame, SCREEN);
    assert.equal(v.fitted, true);
});

test('pixels that are not square: rows are stretched', () => {
    const v = new Viewport();
    v.setView(400, 400);
    v.setPicture(200, 200);
    placeViewport(v, { turns: 0, flipped: false }, fit([1, 1], [200, 100]), frame, { ...SCREEN, aspect: 2 });
    near([v.scale], [2]);
    near(through(frameMatrix(v, 2), [100, 50]), [200, 200]);
});

test('shapes as paths', () => {
    assert.equal(pathOf({ type: 'polyline', points: [[1, 2], [3, 4.25], [5, 6]] }), 'M1 2L3 4.25L5 6');
    assert.equal(pathOf({ type: 'polyline', points: [[1, 2], [3, 4], [5, 6], [1, 2]] }), 'M1 2L3 4L5 6Z');
    assert.equal(pathOf({ type: 'point', points: [[1, 2]] }), 'M1 2L1 2');
    assert.equal(pathOf({ type: 'circle', points: [[10, 10], [10, 15]] }), 'M15 10A5 5 0 1 1 5 10A5 5 0 1 1 15 10Z');
    assert.equal(pathOf({ type: 'ellipse', points: [[0, 5], [20, 5], [10, 0], [10, 10]] }), 'M0 5A10 5 0 1 1 20 5A10 5 0 1 1 0 5Z');
    assert.match(pathOf({ type: 'interpolated', points: [[0, 0], [10, 0], [10, 10]] }), /^M0 0C.* 10 0C.* 10 10$/);
    assert.match(pathOf({ type: 'interpolated', points: [[0, 0], [10, 0], [10, 10], [0, 0]] }), /^M0 0(C[^C]*){3}Z$/);
    assert.equal(pathOf({ type: 'circle', points: [[1, 1], [1, 1]] }), 'M1 1L1 1');
    assert.equal(pathOf({ type: 'text', text: 'x' }), '');
});

test('layers lie in their order; what is for other images is not drawn', () => {
    const shapes = [{ type: 'point', points: [[1, 1]], units: 'pixel' }];
    const state = { layers: [{ name: 'TOP', order: 2, rgb: [1, 2, 3] }, { name: 'GROUND', order: 1, rgb: null }],
        drawn: [{ layer: 'TOP', images: [[7, null]], shapes }, { layer: 'GROUND', images: null, shapes }, { layer: 'ELSEWHERE', images: [[8, 2]], shapes }, { layer: 'TOP', images: null, shapes: [] }] };
    const names = (object, number) => drawnOn(state, object, number).map(({ layer }) => layer.name);
    assert.deepEqual(names(7, 0), ['GROUND', 'TOP']);
    assert.deepEqual(names(8, 2), ['ELSEWHERE', 'GROUND']);
    assert.deepEqual(names(8, 1), ['GROUND']);
});

test('a state is for the images and frames that it names', () => {
    const find = coverage({ areas: ['a', 'b'], images: [{ object: 1, frame: null, area: 0 }, { object: 2, frame: 3, area: 1 }, { object: 4, frame: 0, area: null }] });
    assert.deepEqual([find(1, 0), find(1, 9), find(2, 3), find(2, 2), find(4, 0), find(5, 0)], [{ area: 'a' }, { area: 'a' }, { area: 'b' }, null, { area: null }, null]);
});

test('slices that are not named keep their place; the reader’s own zoom stays; a view of another size is filled anew', () => {
    const stack = { index: 0, slice: (i) => ({ object: 0, frame: i }), object: () => ({ id: 1, ...frame }), pixelAspect: () => 1 };
    const stage = { stack, viewport: viewport() };
    let left = 0;
    const state = { id: '6-7', turns: 1, flipped: false, areas: [fit([51, 1], [150, 50])], images: [{ object: 1, frame: 1, area: 0 }, { object: 1, frame: 2, area: 0 }] };
    const applied = new Applied(stage, state, () => SCREEN, () => left++);
    const go = (index) => {
        stack.index = index;
        applied.arrange();
        return [stage.viewport.scale, stage.viewport.quarterTurns];
    };
    stage.viewport.zoomBy(1.5);
    assert.deepEqual([0, 1, 2, 3].map((index) => applied.look(index)), ['', '&state=6-7', '&state=6-7', '']);
    assert.deepEqual(go(0), [3, 0]);
    assert.deepEqual(go(1), [3, 1]);
    stage.viewport.setView(800, 600);
    assert.deepEqual(go(1), [6, 1]);
    stage.viewport.zoomBy(0.5);
    assert.deepEqual(go(2), [3, 1], 'the same area: it stays as the reader has it');
    stage.viewport.setView(400, 300);
    assert.deepEqual(go(2), [3, 1]);
    assert.deepEqual(go(3), [3, 0]);
    assert.deepEqual(go(1), [3, 1]);
    applied.leave();
    assert.deepEqual([stage.viewport.quarterTurns, left], [0, 1]);
});

test('every word is there in both languages', () => assert.deepEqual(Object.keys(ja).sort(), Object.keys(en).sort()));
