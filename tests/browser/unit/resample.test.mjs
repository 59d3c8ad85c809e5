// Stored values at the place where a picture lies on the screen, against the same places reckoned one by one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { resample, tapsOf } from '../../../viewer/web/resample.js';

const ROWS = 5;
const COLUMNS = 7;
const values = Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i * 37) % 100) - 50);
const at = (row, column) => values[row * COLUMNS + column];

/** Value at a place between four of the middles, edges continued. */
function between(row, column) {
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    const [r, c] = [Math.floor(row - 0.5), Math.floor(column - 0.5)];
    const [dr, dc] = [row - 0.5 - r, column - 0.5 - c];
    const one = (y, x) => at(inside(y, ROWS - 1), inside(x, COLUMNS - 1));
    return one(r, c) * (1 - dr) * (1 - dc) + one(r, c + 1) * (1 - dr) * dc + one(r + 1, c) * dr * (1 - dc) + one(r + 1, c + 1) * dr * dc;
}

for (const turned of [false, true]) {
    for (const [mirroredX, mirroredY] of [[false, false], [true, false], [false, true], [true, true]]) {
        for (const factor of [1, 1.25, 3]) {
            test(`${turned ? 'turned' : 'straight'}${mirroredX ? ', left and right exchanged' : ''}${mirroredY ? ', up and down exchanged' : ''}, ${factor} times as large`, () => {
                const [width, height] = turned ? [ROWS, COLUMNS] : [COLUMNS, ROWS];
                const [across, down] = [Math.round(width * factor), Math.round(height * factor)];
                const x = tapsOf({ size: width, length: across, mirrored: mirroredX });
                const y = tapsOf({ size: height, length: down, mirrored: mirroredY });
                const got = resample(values, COLUMNS, x, y, turned);
                assert.ok(got instanceof Int16Array);
                assert.equal(got.length, across * down);
                for (let row = 0; row < down; row++) {
                    for (let column = 0; column < across; column++) {
                        const [u, v] = [((column + 0.5) * width) / across, ((row + 0.5) * height) / down];
                        const [px, py] = [mirroredX ? width - u : u, mirroredY ? height - v : v];
                        const expected = turned ? between(px, py) : between(py, px);
                        assert.ok(Math.abs(got[row * across + column] - expected) <= 0.51, `${row}, ${column}: ${got[row * across + column]}, expected ${expected}`);
                    }
                }
            });
        }
    }
}

test('a part of it is the same part of the whole', () => {
    const part = { from: 3, count: 8 };
    const whole = resample(values, COLUMNS, tapsOf({ size: COLUMNS, length: 21 }), tapsOf({ size: ROWS, length: 15 }), false);
    const cut = resample(values, COLUMNS, tapsOf({ size: COLUMNS, length: 21, ...part }), tapsOf({ size: ROWS, length: 15, ...part }), false);
    for (let row = 0; row < part.count; row++) {
        for (let column = 0; column < part.count; column++) assert.equal(cut[row * part.count + column], whole[(row + part.from) * 21 + column + part.from]);
    }
});

test('smaller: no value is left out', () => {
    const one = new Uint16Array(64 * 64);
    one[20 * 64 + 33] = 64000;
    const got = resample(one, 64, tapsOf({ size: 64, length: 16 }), tapsOf({ size: 64, length: 16 }), false);
    const sum = got.reduce((all, value) => all + value, 0);
    assert.ok(Math.abs(sum - 64000 / 16) <= 16, `${sum}`);
});

test('pixels as squares: the nearest value alone', () => {
    const got = resample(values, COLUMNS, tapsOf({ size: COLUMNS, length: 8 * COLUMNS, crisp: true }), tapsOf({ size: ROWS, length: 8 * ROWS, crisp: true }), false);
    for (let row = 0; row < 8 * ROWS; row++) {
        for (let column = 0; column < 8 * COLUMNS; column++) assert.equal(got[row * 8 * COLUMNS + column], at(row >> 3, column >> 3));
    }
});

test('one value fills everything; values of 16 bits stay what they are', () => {
    assert.deepEqual([...resample(Uint16Array.of(65535), 1, tapsOf({ size: 1, length: 3 }), tapsOf({ size: 1, length: 2 }), false)], Array(6).fill(65535));
    assert.deepEqual([...resample(Int16Array.of(-32768, 32767), 2, tapsOf({ size: 2, length: 2 }), tapsOf({ size: 1, length: 1 }), false)], [-32768, 32767]);
});
