// Where the reader is in a stack, also while slices arrive.
import assert from 'node:assert/strict';
import test from 'node:test';
import { StackModel } from '../../../viewer/web/stack_model.js';

const manifest = (ids, more = {}) => ({
    series: 1,
    objects: ids.map((id) => ({ id, pixel_aspect: 1 })),
    slices: ids.map((_, object) => ({ object, frame: 0, spacing: [0.7, 0.5], spacing_source: 'patient', ...more })),
});

for (const [count, middle] of [
    [1, 0],
    [2, 1],
    [3, 1],
    [54, 27],
]) {
    test(`opens ${count} slices at number ${middle + 1}`, () => {
        assert.equal(new StackModel(manifest(Array.from({ length: count }, (_, i) => i))).index, middle);
    });
}

test('moves stay inside and tell whether anything changed', () => {
    const stack = new StackModel(manifest([1, 2, 3]));
    assert.equal(stack.moveBy(10), true);
    assert.equal(stack.index, 2);
    assert.equal(stack.moveBy(1), false);
    assert.equal(stack.moveTo(-Infinity), true);
    assert.equal(stack.index, 0);
    assert.equal(stack.direction, -1);
    assert.equal(stack.moveTo(Infinity), true);
    assert.equal(stack.index, 2);
});

test('an empty stack does not move', () => {
    const stack = new StackModel(manifest([]));
    assert.equal(stack.moveBy(1), false);
    assert.equal(stack.slice(), null);
    assert.equal(stack.object(), null);
    assert.deepEqual([...stack.byNeed()], []);
});

test('the reader stays on the slice when others arrive before it', () => {
    const stack = new StackModel(manifest([10, 20, 30]));
    assert.equal(stack.key(), '20-0');
    stack.replace(manifest([5, 10, 15, 20, 30]));
    assert.equal(stack.index, 3);
    assert.equal(stack.key(), '20-0');
});

test('when the slice is gone the reader stays near', () => {
    const stack = new StackModel(manifest([10, 20, 30]));
    stack.moveTo(2);
    stack.replace(manifest([10, 20]));
    assert.equal(stack.index, 1);
});

for (const [direction, expected] of [
    [1, [5, 6, 7, 8, 4, 9, 3, 2, 1, 0]],
    [-1, [5, 4, 3, 2, 6, 1, 0, 7, 8, 9]],
]) {
    test(`need: first this slice, then mostly ahead (${direction}), each once`, () => {
        const stack = new StackModel(manifest([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
        stack.direction = direction;
        assert.deepEqual([...stack.byNeed()], expected);
    });
}

for (const [name, more, expected] of [
    ['known', {}, { perUnit: 0.5, source: 'patient' }],
    ['at the detector', { spacing_source: 'detector' }, { perUnit: 0.5, source: 'detector' }],
    ['not told', { spacing: null, spacing_source: 'none' }, null],
    ['of no meaning', { spacing_source: 'none' }, null],
    ['zero', { spacing: [0, 0] }, null],
]) {
    test(`millimetres: spacing ${name}`, () => {
        assert.deepEqual(new StackModel(manifest([1], more)).millimetres(), expected);
    });
}
