// Ultrasound regions in the browser: the same rule as the service's (tests/dicom/test_ultrasound.c), and what is written of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { measureLines, spacingLines } from '../../../viewer/web/marks/label_text.js';
import { measure, scaleOf } from '../../../viewer/web/marks/measure.js';
import { findRegion } from '../../../viewer/web/marks/regions.js';

const frame = { columns: 100, rows: 80 };
const cm = { unit: 'cm', delta: 0.01 };
const section = { left: 10, top: 10, right: 50, bottom: 40, low: false, x: cm, y: cm };
const trace = { left: 10, top: 30, right: 50, bottom: 70, low: false, x: { unit: 's', delta: 0.005 }, y: { unit: 'cm/s', delta: -2 } };
const low = (region) => ({ ...region, low: true });
const mute = (region) => ({ ...region, x: null, y: null });

for (const [name, regions, kind, points, place, number] of [
    ['inside', [section], 'length', [[12, 12], [40, 30]], 'inside', 0],
    ['from edge to edge', [section], 'length', [[10, 10], [50, 40]], 'inside', 0],
    ['an end just outside', [section], 'length', [[9.99, 10], [50, 40]], 'across', -1],
    ['outside', [section], 'length', [[1, 1], [9, 70]], 'outside', -1],
    ['along its edge', [section], 'length', [[10, 50], [10, 5]], 'outside', -1],
    ['past its corner', [section], 'length', [[5, 12], [12, 5]], 'outside', -1],
    ['through its corner', [section], 'length', [[5, 15.1], [15.1, 5]], 'across', -1],
    ['a box around it', [section], 'rectangle', [[0, 0], [99, 79]], 'across', -1],
    ['its first pixel', [section], 'probe', [[10, 10]], 'inside', 0],
    ['the pixel behind its last', [section], 'probe', [[50, 39]], 'outside', -1],
    ['in both, the first of higher priority', [section, low(trace)], 'length', [[12, 31], [40, 39]], 'inside', 0],
    ['in both, the second of higher priority', [low(section), trace], 'length', [[12, 31], [40, 39]], 'inside', 1],
    ['into one of higher priority', [low(section), trace], 'length', [[12, 12], [40, 39]], 'across', -1],
    ['in two equals that differ', [section, trace], 'length', [[12, 31], [40, 39]], 'across', -1],
    ['in two equals of which one is mute', [mute(trace), section], 'length', [[12, 31], [40, 39]], 'inside', 1],
    ['in a mute one of higher priority', [low(section), mute(trace)], 'length', [[12, 31], [40, 39]], 'inside', 1],
    ['a region beyond the frame', [section, { ...trace, right: 102 }], 'length', [[12, 12], [40, 30]], 'unfit', -1],
    ['one that ends one behind the last', [section, { ...mute(trace), right: 101 }], 'length', [[12, 12], [40, 20]], 'inside', 0],
]) {
    test(`region: ${name}`, () => {
        const found = findRegion(regions, frame, { kind, points });
        assert.deepEqual([found.place, regions.indexOf(found.region)], [place, number]);
    });
}

const object = { ...frame, pixel_aspect: 1, regions: [section, { ...trace, top: 45 }] };
const known = (kind, points) => {
    const scale = scaleOf({ spacing: [9, 9], spacing_source: 'patient' }, object, { kind, points });
    return { scale, found: measure({ kind, points }, scale) };
};

test('a length in a section is in its millimetres', () => {
    const { scale, found } = known('length', [[12, 12], [15, 16]]);
    assert.ok(Math.abs(found.length_mm - 0.5) < 1e-9);
    assert.equal(scale.source, 'ultrasound');
});

test('a length in a trace is told along each axis that it goes along', () => {
    for (const [points, text] of [
        [[[12, 50], [32, 60]], '0.1 s · 20 cm/s'],
        [[[12, 50], [32, 50]], '0.1 s'],
        [[[12, 50], [12, 60]], '20 cm/s'],
    ]) {
        const { scale, found } = known('length', points);
        assert.equal(found.length_mm, null);
        assert.deepEqual(measureLines('length', found, 'known', scale), [text]);
    }
});

test('outside of the regions there are pixels, whatever spacing the image tells', () => {
    const { scale, found } = known('length', [[60, 60], [63, 64]]);
    assert.equal(scale.source, 'ultrasound_outside');
    assert.deepEqual(measureLines('length', found, 'known', scale), ['5.0 px']);
    assert.equal(spacingLines('length', scale).length, 1);
});
