// Orientation letters and planes, from the definition in PS3.3 C.7.6.2.1.1 (x to the left, y to the back, z to the head).
import assert from 'node:assert/strict';
import test from 'node:test';
import { directions, edgeLetters, letters, planeName } from '../../../viewer/web/geometry.js';
import { Viewport } from '../../../viewer/web/viewport.js';

const AXIAL = [1, 0, 0, 0, 1, 0];
const SAGITTAL = [0, 1, 0, 0, 0, -1];
const CORONAL = [1, 0, 0, 0, 0, -1];
const angle = (degrees) => (degrees * Math.PI) / 180;

function edges(orientation, change = () => {}) {
    const viewport = new Viewport();
    change(viewport);
    const { left, right, top, bottom } = edgeLetters(orientation, viewport.turn());
    return `${left} ${right} ${top} ${bottom}`;
}

for (const [name, orientation, change, expected] of [
    ['axial', AXIAL, undefined, 'R L A P'],
    ['sagittal', SAGITTAL, undefined, 'A P H F'],
    ['coronal', CORONAL, undefined, 'R L H F'],
    ['axial flipped left to right', AXIAL, (v) => v.flip(false), 'L R A P'],
    ['axial flipped up and down', AXIAL, (v) => v.flip(true), 'R L P A'],
    ['axial turned right once', AXIAL, (v) => v.rotate(1), 'P A R L'],
    ['axial turned left once', AXIAL, (v) => v.rotate(-1), 'A P L R'],
    ['axial turned twice', AXIAL, (v) => v.rotate(2), 'L R P A'],
    ['axial turned right, then flipped left to right', AXIAL, (v) => (v.rotate(1), v.flip(false)), 'A P R L'],
    ['axial turned right, then flipped up and down', AXIAL, (v) => (v.rotate(1), v.flip(true)), 'P A L R'],
    ['axial flipped, then turned right', AXIAL, (v) => (v.flip(false), v.rotate(1)), 'P A L R'],
    ['flipped twice is as before', SAGITTAL, (v) => (v.flip(true), v.flip(true)), 'A P H F'],
]) {
    test(`edge letters: ${name}`, () => assert.equal(edges(orientation, change), expected));
}

for (const [name, direction, expected] of [
    ['left', [1, 0, 0], 'L'],
    ['right', [-1, 0, 0], 'R'],
    ['back', [0, 1, 0], 'P'],
    ['head', [0, 0, 1], 'H'],
    ['30 degrees from left to front: the stronger letter first', [Math.cos(angle(30)), -Math.sin(angle(30)), 0], 'LA'],
    ['60 degrees from left to front', [Math.cos(angle(60)), -Math.sin(angle(60)), 0], 'AL'],
    ['three letters', [0.7, 0.5, -Math.sqrt(1 - 0.49 - 0.25)], 'LFP'],
    ['5 degrees of tilt are not worth a letter', [0, Math.cos(angle(5)), Math.sin(angle(5))], 'P'],
    ['7 degrees are', [0, Math.cos(angle(7)), Math.sin(angle(7))], 'PH'],
    ['nothing known', null, ''],
    ['not a number', [NaN, 0, 1], ''],
]) {
    test(`letters: ${name}`, () => assert.equal(letters(direction), expected));
}

for (const [name, orientation] of [
    ['missing', null],
    ['five numbers', [1, 0, 0, 0, 1]],
    ['rows not of length one', [2, 0, 0, 0, 1, 0]],
    ['columns of length zero', [1, 0, 0, 0, 0, 0]],
    ['not perpendicular', [1, 0, 0, 0.7071, 0.7071, 0]],
    ['text', ['1', '0', '0', '0', '1', '0']],
]) {
    test(`an orientation that is ${name} gives no letters`, () => {
        assert.equal(directions(orientation), null);
        assert.equal(edges(orientation), '   ');
        assert.equal(planeName(orientation), '');
    });
}

for (const [name, orientation, expected] of [
    ['axial', AXIAL, 'axial'],
    ['sagittal', SAGITTAL, 'sagittal'],
    ['coronal', CORONAL, 'coronal'],
    ['gantry tilt of 20 degrees', [1, 0, 0, 0, Math.cos(angle(20)), -Math.sin(angle(20))], 'axial'],
    ['45 degrees between', [1, 0, 0, 0, Math.cos(angle(45)), -Math.sin(angle(45))], 'oblique'],
]) {
    test(`plane: ${name}`, () => assert.equal(planeName(orientation), expected));
}

for (const [name, told, change, expected] of [
    ['chest from the back: rows to the left, columns to the feet', ['L', 'F'], undefined, 'R L H F'],
    ['chest from the side', ['A', 'F'], undefined, 'P A H F'],
    ['mammogram, MLO: columns to the feet and the right', ['A', 'FR'], undefined, 'P A HL FR'],
    ['flipped left to right', ['L', 'F'], (v) => v.flip(false), 'L R H F'],
    ['flipped up and down', ['L', 'F'], (v) => v.flip(true), 'R L F H'],
    ['turned right once', ['L', 'F'], (v) => v.rotate(1), 'F H R L'],
    ['turned left once', ['A', 'FR'], (v) => v.rotate(-1), 'HL FR A P'],
    ['turned twice', ['L', 'F'], (v) => v.rotate(2), 'L R F H'],
    ['not told', null, undefined, '   '],
    ['one value', ['L'], undefined, '   '],
    ['letters of an animal', ['LE', 'V'], undefined, '   '],
    ['an empty value', ['', 'F'], undefined, '   '],
]) {
    test(`edge letters by Patient Orientation: ${name}`, () => {
        const viewport = new Viewport();
        change?.(viewport);
        const { left, right, top, bottom } = edgeLetters(null, viewport.turn(), told);
        assert.equal(`${left} ${right} ${top} ${bottom}`, expected);
    });
}

test('a place in space says more than Patient Orientation', () => {
    assert.equal(edgeLetters(AXIAL, new Viewport().turn(), ['R', 'F']).right, 'L');
});
