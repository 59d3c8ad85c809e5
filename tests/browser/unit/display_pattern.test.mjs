// The pattern that a screen is judged by: its greys are those that its words speak of, everything is on whole pixels and inside.
import assert from 'node:assert/strict';
import test from 'node:test';
import { evenPattern, LETTERS, qualityPattern, stepGrey, STEPS } from '../../../viewer/web/display_pattern.js';

for (const side of [600, 1024, 1439, 2048]) {
    test(`a square of ${side}: whole pixels, inside, levels of 8 bits`, () => {
        const { shapes, words } = qualityPattern(side);
        for (const { x, y, width, height, grey } of shapes) {
            assert.ok([x, y, width, height, grey].every(Number.isInteger));
            assert.ok(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= side && y + height <= side, `${x},${y} ${width}x${height}`);
            assert.ok(grey >= 0 && grey <= 255);
        }
        assert.equal(words.length, 3 * LETTERS.length);
        assert.ok(words.every(({ grey }) => grey >= 0 && grey <= 255));
    });
}

/** The level at a pixel: that of what was drawn last. */
function levelAt({ shapes }, x, y) {
    return shapes.filter((one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height).at(-1).grey;
}

test('16 squares from 8 to 248, each with corners 4 levels brighter and darker', () => {
    const pattern = qualityPattern(1000);
    for (let i = 0; i < STEPS; i++) {
        const squares = pattern.shapes.filter((one) => one.width === 85 && one.height === 85);
        const { x, y, grey } = squares[i];
        assert.equal(grey, stepGrey(i));
        assert.equal(levelAt(pattern, x + 42, y + 42), stepGrey(i));
        assert.equal(levelAt(pattern, x + 1, y + 1), Math.min(255, grey + 4));
        assert.equal(levelAt(pattern, x + 83, y + 1), Math.max(0, grey - 4));
        assert.equal(levelAt(pattern, x + 1, y + 83), Math.max(0, grey - 4));
        assert.equal(levelAt(pattern, x + 83, y + 83), Math.min(255, grey + 4));
    }
    assert.deepEqual([stepGrey(0), stepGrey(STEPS - 1)], [8, 248]);
});

test('5 % in black and 95 % in white, of 255', () => {
    const pattern = qualityPattern(1000);
    assert.deepEqual([levelAt(pattern, 205, 440), levelAt(pattern, 265, 500)], [0, Math.round(0.05 * 255)]);
    assert.deepEqual([levelAt(pattern, 795, 440), levelAt(pattern, 735, 500)], [255, Math.round(0.95 * 255)]);
});

test('the finest lines are one pixel apart, lying and standing', () => {
    const pattern = qualityPattern(1000);
    const row = Array.from({ length: 8 }, (_, i) => levelAt(pattern, 30 + 28 + i, 31));
    const column = Array.from({ length: 8 }, (_, i) => levelAt(pattern, 31, 30 + i));
    assert.deepEqual(row, [255, 0, 255, 0, 255, 0, 255, 0]);
    assert.deepEqual(column, row);
});

test('an even pattern is one grey', () => {
    assert.deepEqual(evenPattern(3, 2, 13).shapes, [{ x: 0, y: 0, width: 3, height: 2, grey: 13 }]);
});
