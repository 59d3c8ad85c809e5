// The picture made here from stored values, against the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3, written out once more as the standard has them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { canShow, paint, windowTable } from '../../../viewer/web/exact_picture.js';

const facts = (more = {}) => ({ rows: 1, columns: 1, bitsStored: 12, signed: false, padding: null, inverse: false, hasTables: false, voiFunction: 'LINEAR', slope: 1, intercept: -1024, window: { center: 40, width: 400 }, ...more });
const greyAt = (table, stored) => table[stored & 0xffff] & 0xff;

/** C.11.2.1.2.1, with ymin 0 and ymax 255. */
function linear(x, c, w) {
    if (x <= c - 0.5 - (w - 1) / 2) return 0;
    if (x > c - 0.5 + (w - 1) / 2) return 255;
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255;
}
/** C.11.2.1.3.2 */
function linearExact(x, c, w) {
    if (x <= c - w / 2) return 0;
    if (x > c + w / 2) return 255;
    return ((x - c) / w + 0.5) * 255;
}
/** C.11.2.1.3.1 */
const sigmoid = (x, c, w) => 255 / (1 + Math.exp(-4 * ((x - c) / w)));

for (const [name, formula] of [['LINEAR', linear], ['LINEAR_EXACT', linearExact], ['SIGMOID', sigmoid]]) {
    for (const window of [{ center: 40, width: 400 }, { center: -600, width: 1500 }, { center: 40, width: 2 }, { center: 2048, width: 4096 }]) {
        test(`${name} ${window.center}/${window.width}: every stored value of 12 bits`, () => {
            const table = windowTable(facts({ voiFunction: name }), window);
            for (let stored = 0; stored < 4096; stored++) {
                const expected = formula(stored - 1024, window.center, window.width);
                assert.ok(Math.abs(greyAt(table, stored) - expected) <= 0.5 + 1e-9, `${stored}: ${greyAt(table, stored)}, expected ${expected}`);
            }
        });
    }
}

test('a threshold: LINEAR of width 1', () => {
    const table = windowTable(facts({ intercept: 0 }), { center: 100, width: 1 });
    assert.deepEqual([99, 100].map((stored) => greyAt(table, stored)), [0, 255]);
});

test('signed values, slope, the slice\'s own window, polarity', () => {
    const table = windowTable(facts({ signed: true, slope: 2, intercept: 10, voiFunction: 'LINEAR_EXACT', window: { center: 0, width: 510 }, inverse: true }), null);
    for (const stored of [-2048, -133, -132, -5, 0, 1, 122, 123, 2047]) {
        const expected = 255 - linearExact(2 * stored + 10, 0, 510);
        assert.ok(Math.abs(greyAt(table, stored) - expected) <= 0.5, `${stored}`);
    }
});

test('padding is black, whatever the polarity, and nothing beside it is', () => {
    const table = windowTable(facts({ padding: { first: 0, last: 20 }, inverse: true, intercept: 0 }), { center: 2048, width: 4096 });
    assert.deepEqual([0, 20, 21].map((stored) => greyAt(table, stored)), [0, 0, 254]);
});

test('pixels are opaque grey, of signed and unsigned values of 16 bits', () => {
    for (const values of [Int16Array.of(-32768, -1, 0, 32767), Uint16Array.of(0, 1, 32768, 65535)]) {
        const signed = values instanceof Int16Array;
        const shown = facts({ bitsStored: 16, signed, intercept: 0, voiFunction: 'LINEAR_EXACT', window: { center: signed ? 0 : 32768, width: 65536 } });
        const pixels = new Uint32Array(4);
        paint(values, windowTable(shown, null), pixels);
        [...values].forEach((value, i) => {
            const expected = linearExact(value, shown.window.center, 65536);
            const [r, g, b, a] = new Uint8Array(pixels.buffer, 4 * i, 4);
            assert.ok(r === g && g === b && a === 255);
            assert.ok(Math.abs(r - expected) <= 0.5 + 1e-9);
        });
    }
});

test('what belongs to a table or a mark is not made here', () => {
    assert.equal(canShow(facts(), null), true);
    assert.equal(canShow(facts(), { center: 1, width: 1 }), true);
    assert.equal(canShow(facts(), { center: 1, width: 1, lut: 0 }), false);
    assert.equal(canShow(facts({ hasTables: true }), null), false);
});
