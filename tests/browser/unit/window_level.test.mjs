// Windows: the direction of a drag (IHE BIR) and the linear change between two windows.
import assert from 'node:assert/strict';
import test from 'node:test';
import { drag, greyTable, normalise, onSlice, previewTable, remap, same } from '../../../viewer/web/window_level.js';

const START = { center: 40, width: 400 };

for (const [name, dx, dy, check] of [
    ['right is wider', 50, 0, (w) => w.width > 400 && w.center === 40],
    ['left is narrower', -50, 0, (w) => w.width < 400 && w.center === 40],
    ['up is a lower centre', 0, -50, (w) => w.center < 40 && w.width === 400],
    ['down is a higher centre', 0, 50, (w) => w.center > 40 && w.width === 400],
    ['far to the left never falls below 1', -1e6, 0, (w) => w.width === 1],
    ['no movement is no change', 0, 0, (w) => same(w, START)],
]) {
    test(`drag: ${name}`, () => assert.ok(check(drag(START, dx, dy))));
}

/** The grey value 0..1 of a modality value, before rounding (LINEAR without the half-pixel terms). */
const grey = (value, { center, width }) => (value - (center - width / 2)) / width;

for (const [from, to] of [
    [START, { center: -600, width: 1500 }],
    [
        { center: -600, width: 1500 },
        { center: 40, width: 80 },
    ],
    [START, START],
]) {
    test(`remap ${from.center}/${from.width} to ${to.center}/${to.width} gives the grey of the other window`, () => {
        const { slope, intercept } = remap(from, to);
        for (const value of [-1000, -100, 0, 37, 500]) {
            assert.ok(Math.abs(slope * grey(value, from) + intercept - grey(value, to)) < 1e-9);
        }
    });
}

test('the same window needs no preview; inverted it turns black to white', () => {
    assert.equal(previewTable(START, { ...START }, false), null);
    assert.equal(previewTable(null, START, false), null);
    const table = previewTable(null, null, true);
    assert.equal(table[0], 1);
    assert.equal(table.at(-1), 0);
    assert.equal(table[(table.length - 1) / 2], 0.5);
});

test('a preview follows the other window inside, and keeps what was clipped at the ends', () => {
    const to = { center: 100, width: 800 };
    const table = previewTable(START, to, false);
    const steps = table.length - 1;
    for (const step of [1, 10, steps - 1]) {
        const value = START.center - START.width / 2 + (START.width * step) / steps;
        assert.ok(Math.abs(table[step] - grey(value, to)) < 1e-9);
    }
    assert.equal(table[0], 0);
    assert.equal(table[steps], 1);
    const narrow = previewTable(START, { center: 40, width: 100 }, false);
    assert.ok(narrow.every((value) => value >= 0 && value <= 1));
});

for (const [name, given, expected] of [
    ['as it is', START, START],
    ['width below 1', { center: 0, width: 0.2 }, { center: 0, width: 1 }],
    ['numbers are rounded', { center: 40.4, width: 400.6 }, { center: 40, width: 401 }],
    ['small ones to a tenth', { center: 0.27, width: 1.53 }, { center: 0.3, width: 1.5 }],
]) {
    test(`normalise: ${name}`, () => assert.deepEqual(normalise(given), expected));
}

test('same compares values, and knows none', () => {
    assert.ok(same(null, null));
    assert.ok(same(START, { ...START }));
    assert.ok(!same(START, null));
    assert.ok(!same(START, { center: 40, width: 401 }));
});

const TABLES = {
    windows: [
        { center: 40, width: 400, explanation: 'SOFT' },
        { center: 9, width: 90, explanation: 'BONE', lut: 0 },
        { center: 8, width: 80, explanation: '', lut: 1 },
    ],
};
for (const [name, window, slice, expected] of [
    ['none', null, TABLES, null],
    ['numbers stay as they are', START, TABLES, START],
    ['the table of that number and name', { lut: 0, explanation: 'BONE' }, TABLES, TABLES.windows[1]],
    ['by name where the number is another', { lut: 3, explanation: 'BONE' }, TABLES, TABLES.windows[1]],
    ['without a name by number', { lut: 1, explanation: '' }, TABLES, TABLES.windows[2]],
    ['without a name of another number', { lut: 2, explanation: '' }, TABLES, null],
    ['a name that the slice has not', { lut: 0, explanation: 'LUNG' }, TABLES, null],
    ['a slice without tables', { lut: 0, explanation: 'BONE' }, { windows: [START] }, null],
]) {
    test(`a VOI LUT on a slice: ${name}`, () => assert.equal(onSlice(window, slice), expected));
}

test('a table is another window than its numbers', () => assert.ok(!same({ ...START, lut: 0 }, START)));

test('the table of a picture\'s greys is the preview at each of them', () => {
    for (const to of [START, { center: 0, width: 100 }, { center: 300, width: 2000 }]) {
        const table = greyTable(START, to);
        const { slope, intercept } = remap(START, to);
        assert.equal(table.length, 256);
        assert.deepEqual([table[0], table[255]], [0xff000000, 0xffffffff], 'what was clipped stays');
        for (let grey = 1; grey < 255; grey++) {
            const expected = Math.min(255, Math.max(0, slope * grey + 255 * intercept));
            assert.ok(Math.abs((table[grey] & 0xff) - expected) <= 0.5 + 1e-9, `${grey}: ${table[grey] & 0xff}, expected ${expected}`);
            assert.equal(table[grey] >>> 24, 255);
        }
    }
});
