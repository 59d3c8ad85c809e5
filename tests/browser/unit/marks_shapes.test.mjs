// Marks without a browser: lengths, angles and areas by the formulas of the plane, points that stay inside the frame, drawing by drag
// and by click, what lies under the pointer, where labels go, undo.
import assert from 'node:assert/strict';
import test from 'node:test';
import en from '../../../viewer/web/lang/marks_en.js';
import ja from '../../../viewer/web/lang/marks_ja.js';
import { Draft } from '../../../viewer/web/marks/draft.js';
import { History } from '../../../viewer/web/marks/history.js';
import { distanceToSegment, hit, REACH_PX, TOUCH_REACH_PX } from '../../../viewer/web/marks/hit.js';
import { wrap } from '../../../viewer/web/marks/label_text.js';
import { placeAtVertex, placeLabel } from '../../../viewer/web/marks/label_place.js';
import { angle, cobb, measure, pixelArea, scaleOf } from '../../../viewer/web/marks/measure.js';
import { handles, isWhole, moveBy, moveHandle, outline, place, shortAxis, simplify } from '../../../viewer/web/marks/shapes.js';
import { newId } from '../../../viewer/web/marks/uuid.js';

const near = (a, b, message = '', by = 1e-6) => assert.ok(Math.abs(a - b) <= by, `${message} got ${a}, expected ${b}`);
const frame = { columns: 512, rows: 256, aspect: 1 };
const slice = (spacing, spacing_source) => ({ spacing, spacing_source });
const mm = (row, column, source = 'patient') => scaleOf(slice([row, column], source), { pixel_aspect: row / column });
const none = scaleOf(slice(null, 'none'), { pixel_aspect: 1 });

for (const [name, spacing, source, aspect, expected] of [
    ['Pixel Spacing', [0.5, 0.25], 'patient', 2, { row: 0.5, column: 0.25, source: 'patient', aspect: 2 }],
    ['Imager Pixel Spacing', [0.1, 0.1], 'detector', 1, { row: 0.1, column: 0.1, source: 'detector', aspect: 1 }],
    ['none', null, 'none', 1, { row: null, column: null, source: 'none', aspect: 1 }],
    ['none, but an aspect ratio', null, 'none', 1.6, { row: null, column: null, source: 'none', aspect: 1.6 }],
    ['a spacing whose source is none is none', [1, 1], 'none', 1, { row: null, column: null, source: 'none', aspect: 1 }],
    ['zero is none', [0, 1], 'patient', 1, { row: null, column: null, source: 'none', aspect: 1 }],
    ['negative is none', [1, -1], 'patient', 1, { row: null, column: null, source: 'none', aspect: 1 }],
    ['a source nobody knows is none', [1, 1], 'guess', 1, { row: null, column: null, source: 'none', aspect: 1 }],
]) {
    test(`scale: ${name}`, () => assert.deepEqual(scaleOf(slice(spacing, source), { pixel_aspect: aspect }), expected));
}

for (const [name, kind, points, scale, expected] of [
    ['3-4-5 in square pixels', 'length', [[10, 10], [13, 14]], mm(2, 2), { length_mm: 10, length_px: 5 }],
    ['between rows only', 'length', [[5, 5], [5, 9]], mm(0.5, 0.25), { length_mm: 2, length_px: 4 }],
    ['between columns only', 'length', [[5, 5], [9, 5]], mm(0.5, 0.25), { length_mm: 1, length_px: 4 }],
    ['without a spacing', 'length', [[0, 0], [3, 4]], none, { length_mm: null, length_px: 5 }],
    ['two axes', 'bidirectional', [[0, 0], [0, 10], [-3, 5], [3, 5]], mm(1, 1), { length_mm: 10, short_mm: 6 }],
    ['a right angle', 'angle', [[10, 0], [0, 0], [0, 7]], mm(1, 1), { degrees: 90 }],
    ['45 degrees in square pixels', 'angle', [[10, 0], [0, 0], [5, 5]], none, { degrees: 45 }],
    ['the same in pixels twice as high', 'angle', [[10, 0], [0, 0], [5, 5]], mm(2, 1), { degrees: (Math.atan(2) * 180) / Math.PI }],
    ['a straight one', 'angle', [[-5, 0], [0, 0], [8, 0]], none, { degrees: 180 }],
    ['Cobb of parallels', 'cobb', [[0, 0], [10, 0], [3, 9], [20, 9]], none, { degrees: 0 }],
    ['Cobb of lines drawn towards each other', 'cobb', [[0, 0], [10, 0], [20, 10], [3, 10]], none, { degrees: 0 }],
    ['Cobb of 30 degrees', 'cobb', [[0, 0], [10, 0], [0, 40], [10 * Math.sqrt(3), 50]], none, { degrees: 30 }],
    ['Cobb of plates that open to one side', 'cobb', [[0, 0], [10, 2], [0, 40], [10, 38]], none, { degrees: 2 * Math.atan(0.2) * (180 / Math.PI) }],
    ['the same, one drawn from the other end', 'cobb', [[10, 2], [0, 0], [0, 40], [10, 38]], none, { degrees: 2 * Math.atan(0.2) * (180 / Math.PI) }],
    ['Cobb over 90 degrees', 'cobb', [[0, 0], [10, 14], [0, 60], [10, 46]], none, { degrees: 2 * Math.atan(1.4) * (180 / Math.PI) }],
    ['Cobb of lines along their connection is the acute one', 'cobb', [[0, 0], [10, 0], [40, 0], [30, 1]], none, { degrees: Math.atan(0.1) * (180 / Math.PI) }],
    ['a rectangle', 'rectangle', [[10, 20], [4, 25]], mm(0.5, 0.25), { area_px: 30, area_mm2: 3.75 }],
    ['an ellipse', 'ellipse', [[0, 0], [10, 4]], mm(1, 1), { area_px: Math.PI * 10, area_mm2: Math.PI * 10 }],
    ['a triangle', 'freehand', [[0, 0], [10, 0], [0, 10]], none, { area_px: 50, area_mm2: null }],
    ['drawn the other way round', 'freehand', [[0, 10], [10, 0], [0, 0]], mm(2, 1), { area_px: 50, area_mm2: 100 }],
]) {
    test(`measure: ${name}`, () => {
        const found = measure({ kind, points }, scale);
        assert.equal(found.spacing_source, scale.source);
        for (const [member, value] of Object.entries(expected)) {
            if (value === null) assert.equal(found[member], null, member);
            else near(found[member], value, member);
        }
    });
}

test('an angle without an arm is none', () => {
    assert.equal(angle([[3, 3], [3, 3], [9, 9]], none), null);
    assert.equal(cobb([[3, 3], [3, 3], [9, 9], [1, 1]], none), null);
});

test('points are held inside the frame, those of a probe inside a pixel, to a hundredth', () => {
    assert.deepEqual(place([-5, 300], frame), [0, 256]);
    assert.deepEqual(place([512, 256], frame), [512, 256]);
    assert.deepEqual(place([600, 300], frame, 'probe'), [511.99, 255.99]);
    assert.deepEqual(place([1.23456, 2.999], frame), [1.23, 3]);
});

test('a mark is moved as a whole and stays inside the frame in its shape', () => {
    const mark = { kind: 'length', points: [[10, 10], [30, 40]] };
    assert.deepEqual(moveBy(mark, 5, -3, frame), [[15, 7], [35, 37]]);
    assert.deepEqual(moveBy(mark, -100, -100, frame), [[0, 0], [20, 30]]);
    assert.deepEqual(moveBy(mark, 1000, 1000, frame), [[492, 226], [512, 256]]);
    assert.deepEqual(moveBy({ kind: 'key', points: [] }, 5, 5, frame), []);
});

test('a handle of a rectangle is a corner, of an ellipse an end of an axis; the opposite one stays', () => {
    const box = [[10, 20], [30, 60]];
    assert.deepEqual(handles({ kind: 'rectangle', points: box }).map(({ point }) => point), [[10, 20], [30, 20], [30, 60], [10, 60]]);
    assert.deepEqual(moveHandle({ kind: 'rectangle', points: box }, 1, [40, 5], frame), [[10, 5], [40, 60]]);
    assert.deepEqual(moveHandle({ kind: 'rectangle', points: box }, 3, [0, 70], frame), [[0, 20], [30, 70]]);
    assert.deepEqual(handles({ kind: 'ellipse', points: box }).map(({ point }) => point), [[10, 40], [20, 20], [30, 40], [20, 60]]);
    assert.deepEqual(moveHandle({ kind: 'ellipse', points: box }, 2, [50, 0], frame), [[10, 20], [50, 60]]);
    assert.deepEqual(moveHandle({ kind: 'ellipse', points: box }, 3, [0, 99], frame), [[10, 20], [30, 99]]);
    assert.deepEqual(moveHandle({ kind: 'angle', points: [[0, 0], [5, 5], [9, 0]] }, 1, [6, 7], frame), [[0, 0], [6, 7], [9, 0]]);
});

const across = ([a, b, c, d], aspect) => (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1]) * aspect * aspect;
for (const aspect of [1, 2, 0.5]) {
    test(`the short axis stays at right angles to the long one, pixels ${aspect} times as high as wide`, () => {
        const uneven = { ...frame, aspect };
        const long = [[100, 100], [200, 150]];
        const short = shortAxis(long, [140, 90], [160, 170], uneven);
        near(across([...long, ...short], aspect), 0, 'drawn', 0.05 * 110 * aspect ** 2);
        const mark = { kind: 'bidirectional', points: [...long, ...short] };
        for (const id of [0, 1, 2, 3]) {
            const moved = moveHandle(mark, id, [150 + 11 * id, 60 + 23 * id], uneven);
            near(across(moved, aspect), 0, `handle ${id}`, 0.05 * 250 * Math.max(1, aspect ** 2));
            if (id < 2) assert.deepEqual(moved[id], [150 + 11 * id, 60 + 23 * id]);
        }
    });
}

test('a stroke keeps its shape with few points, and never more than the address can hold', () => {
    const circle = Array.from({ length: 900 }, (_, i) => [256 + 80 * Math.cos((i * Math.PI) / 450), 128 + 80 * Math.sin((i * Math.PI) / 450)]);
    const few = simplify(circle);
    assert.ok(few.length < 120, `${few.length} points`);
    near(pixelArea('freehand', few), Math.PI * 6400, 'area', 0.005 * Math.PI * 6400);
    const noise = Array.from({ length: 3000 }, (_, i) => [(i * 7919) % 512, (i * 104729) % 256]);
    assert.ok(simplify(noise).length <= 250);
});

for (const [name, mark, whole] of [
    ['a length', { kind: 'length', points: [[0, 0], [1, 0]] }, true],
    ['a length of nothing', { kind: 'length', points: [[1, 1], [1, 1]] }, false],
    ['a point missing', { kind: 'angle', points: [[0, 0], [1, 0]] }, false],
    ['a flat rectangle', { kind: 'rectangle', points: [[0, 0], [9, 0]] }, false],
    ['half a pixel', { kind: 'rectangle', points: [[0, 0], [0.5, 0.5]] }, true],
    ['a stroke of two points', { kind: 'freehand', points: [[0, 0], [9, 9]] }, false],
    ['a key image', { kind: 'key', points: [] }, true],
    ['Cobb with one line of nothing', { kind: 'cobb', points: [[0, 0], [9, 0], [5, 5], [5, 5]] }, false],
]) {
    test(`whole: ${name}: ${whole}`, () => assert.equal(isWhole(mark), whole));
}

test('outlines are lines of view points; an ellipse closes', () => {
    const [ellipse] = outline({ kind: 'ellipse', points: [[0, 0], [10, 4]] });
    for (const [x, y] of ellipse) near(((x - 5) / 5) ** 2 + ((y - 2) / 2) ** 2, 1, 'on the ellipse');
    assert.equal(outline({ kind: 'cobb', points: [[0, 0], [1, 1], [2, 2], [3, 3]] }).length, 2);
    assert.equal(outline({ kind: 'cobb', points: [[0, 0], [1, 1], [2, 2]] }).length, 1);
    assert.deepEqual(outline({ kind: 'rectangle', points: [[0, 0]] }), []);
});

/** What a hand does: ["drag", from, to], ["click", at], ["hover", at]. The points that came of it. */
function draw(kind, hands) {
    const draft = new Draft(kind, frame);
    let last = null;
    for (const [what, from, to = from] of hands) {
        if (what === 'hover') {
            draft.move(from, false);
            continue;
        }
        draft.press(from);
        if (what === 'drag') draft.move(to, true);
        last = draft.release(what === 'drag');
    }
    return last;
}
for (const [name, kind, hands, expected] of [
    ['a length by one drag', 'length', [['drag', [1, 1], [9, 9]]], [[1, 1], [9, 9]]],
    ['a length by two clicks', 'length', [['click', [1, 1]], ['hover', [5, 5]], ['click', [9, 9]]], [[1, 1], [9, 9]]],
    ['after one click there is more to come', 'length', [['click', [1, 1]]], null],
    ['two clicks on one point are one', 'length', [['click', [1, 1]], ['click', [1, 1]]], null],
    ['an angle by a drag and a click', 'angle', [['drag', [1, 1], [9, 9]], ['hover', [8, 2]], ['click', [20, 3]]], [[1, 1], [9, 9], [20, 3]]],
    ['an angle by three clicks', 'angle', [['click', [1, 1]], ['click', [9, 9]], ['click', [20, 3]]], [[1, 1], [9, 9], [20, 3]]],
    ['an angle by two drags', 'angle', [['drag', [1, 1], [9, 9]], ['drag', [15, 5], [20, 3]]], [[1, 1], [9, 9], [20, 3]]],
    ['Cobb by two drags', 'cobb', [['drag', [1, 1], [9, 1]], ['drag', [1, 50], [9, 60]]], [[1, 1], [9, 1], [1, 50], [9, 60]]],
    ['Cobb by four clicks', 'cobb', [['click', [1, 1]], ['click', [9, 1]], ['click', [1, 50]], ['click', [9, 60]]], [[1, 1], [9, 1], [1, 50], [9, 60]]],
    ['two axes', 'bidirectional', [['drag', [10, 50], [90, 50]], ['drag', [50, 30], [52, 70]]], [[10, 50], [90, 50], [50, 30], [50, 70]]],
    ['a probe', 'probe', [['click', [7.5, 7.5]]], [[7.5, 7.5]]],
    ['a text', 'text', [['click', [7, 7]]], [[7, 7]]],
    ['a flat rectangle comes to nothing', 'rectangle', [['drag', [1, 1], [9, 1]]], []],
    ['a stroke of nothing', 'freehand', [['click', [1, 1]]], []],
]) {
    test(`drawing: ${name}`, () => assert.deepEqual(draw(kind, hands), expected));
}

test('drawing: a stroke takes points as far apart as asked', () => {
    const draft = new Draft('freehand', frame);
    draft.press([10, 10]);
    for (const point of [[10.2, 10], [60, 10], [60.5, 10], [60, 60], [10, 60]]) draft.move(point, true, 1);
    assert.deepEqual(draft.release(true), [[10, 10], [60, 10], [60, 60], [10, 60]]);
});

test('the distance to a segment is that to its line, past its ends that to them', () => {
    near(distanceToSegment([5, 3], [0, 0], [10, 0]), 3);
    near(distanceToSegment([13, 4], [0, 0], [10, 0]), 5);
    near(distanceToSegment([3, 4], [0, 0], [0, 0]), 5);
});

const figure = (more) => ({ id: 'a', own: true, selected: false, handles: [{ id: 0, point: [0, 0] }, { id: 1, point: [100, 0] }], lines: [[[0, 0], [100, 0]]], label: null, ...more });
for (const [name, point, figures, reach, expected] of [
    ['on the line', [50, 0], [figure()], REACH_PX, { id: 'a', part: 'body' }],
    ['just within reach', [50, 12], [figure()], REACH_PX, { id: 'a', part: 'body' }],
    ['just out of reach', [50, 12.1], [figure()], REACH_PX, null],
    ['within the reach of a finger', [50, 24], [figure()], TOUCH_REACH_PX, { id: 'a', part: 'body' }],
    ['handles need a selection', [1, 1], [figure()], REACH_PX, { id: 'a', part: 'body' }],
    ['a handle of a selected one', [101, 1], [figure({ selected: true })], REACH_PX, { id: 'a', part: 'handle', handle: 1 }],
    ['a label', [130, 20], [figure({ label: { left: 120, top: 10, right: 160, bottom: 30 } })], REACH_PX, { id: 'a', part: 'label' }],
    ['marks of others are not taken', [50, 0], [figure({ own: false })], REACH_PX, null],
    ['the nearest of two', [50, 4], [figure(), figure({ id: 'b', lines: [[[0, 6], [100, 6]]] })], REACH_PX, { id: 'b', part: 'body' }],
    ['inside of an area there is none', [50, 50], [figure({ lines: [[[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]] })], REACH_PX, null],
]) {
    test(`under the pointer: ${name}`, () => assert.deepEqual(hit(point, figures, reach), expected));
}

const view = { width: 800, height: 600 };
const size = { width: 100, height: 40 };
const apart = (a, b) => a.right <= b.left || a.left >= b.right || a.bottom <= b.top || a.top >= b.bottom;
for (const [name, mark] of [
    ['in the middle', { left: 300, top: 200, right: 400, bottom: 260 }],
    ['at the right edge', { left: 700, top: 200, right: 795, bottom: 260 }],
    ['in the lower right corner', { left: 700, top: 500, right: 800, bottom: 600 }],
    ['as wide as the view', { left: 0, top: 200, right: 800, bottom: 260 }],
]) {
    test(`a label beside a mark ${name} lies beside it and in the view`, () => {
        const box = placeLabel(mark, size, view);
        assert.ok(apart(box, mark), JSON.stringify(box));
        assert.ok(box.left >= 0 && box.top >= 0 && box.right <= 800 && box.bottom <= 600, JSON.stringify(box));
    });
}

test('a label does not lie on another one', () => {
    const mark = { left: 300, top: 200, right: 400, bottom: 260 };
    const first = placeLabel(mark, size, view);
    assert.ok(apart(placeLabel(mark, size, view, [first]), first));
});

test('undo goes back step by step, redo forth; a new step forgets what was undone', () => {
    const history = new History();
    const [a, b] = [{ id: 'x', n: 1 }, { id: 'x', n: 2 }];
    history.add(null, a);
    history.add(a, b);
    assert.deepEqual(history.undo(), { from: b, to: a });
    assert.deepEqual(history.undo(), { from: a, to: null });
    assert.equal(history.undo(), null);
    assert.deepEqual(history.redo(), { from: null, to: a });
    history.rename('x', 'y');
    assert.deepEqual(history.redo(), { from: { id: 'y', n: 1 }, to: { id: 'y', n: 2 } });
    history.undo();
    history.add(null, { id: 'z' });
    assert.equal(history.redo(), null);
});

test('ids are UUIDs of version 4, no two alike', () => {
    const ids = new Set(Array.from({ length: 500 }, newId));
    assert.equal(ids.size, 500);
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

const byLetters = (text) => text.length;
for (const [name, text, expected] of [
    ['a short one', 'nodule', ['nodule']],
    ['between words', 'nodule in the right lobe', ['nodule in', 'the right', 'lobe']],
    ['one long word', 'abcdefghijklmno', ['abcdefghij', 'klmno']],
    ['Japanese has no spaces', '右上葉の結節影を認めます', ['右上葉の結節影を認め', 'ます']],
]) {
    test(`a text in lines of ten: ${name}`, () => assert.deepEqual(wrap(text, byLetters, 10), expected));
}

for (const [name, points] of [
    ['opening upwards', [[300, 200], [350, 300], [400, 200]]],
    ['opening to the left', [[200, 200], [350, 300], [200, 400]]],
    ['straight', [[200, 300], [350, 300], [500, 300]]],
]) {
    test(`the label of an angle ${name} lies off its arms`, () => {
        const box = placeAtVertex(points, { width: 60, height: 18 }, view);
        for (const end of [points[0], points[2]])
            for (let share = 0; share <= 1; share += 0.05) {
                const [x, y] = [points[1][0] + share * (end[0] - points[1][0]), points[1][1] + share * (end[1] - points[1][1])];
                assert.ok(x < box.left || x > box.right || y < box.top || y > box.bottom, `${x} ${y} in ${JSON.stringify(box)}`);
            }
    });
}

test('both languages have the same words of marks with the same places to fill', () => {
    const places = (text) => [...String(text).matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    assert.deepEqual(Object.keys(ja).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) for (const form of [en[key]].flat()) assert.deepEqual(places(form), places(ja[key]), key);
});
