// geometry.js - where a slice lies in the patient. Pure functions, no DOM.
// Patient coordinates are DICOM's (PS3.3 C.7.6.2.1.1): +x to the patient's left, +y to the back, +z to the head; millimetres.

const AXES = [
    ['L', 'R'],
    ['P', 'A'],
    ['H', 'F'],
];
const MIN_COMPONENT = 0.1; // a tilt below about 6 degrees is not worth a letter
const MAX_LENGTH_ERROR = 0.01;
const MAX_SKEW = 0.01; // cosine between rows and columns

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const negate = (a) => [-a[0], -a[1], -a[2]];

const isUnit = (a) => Math.abs(Math.hypot(a[0], a[1], a[2]) - 1) <= MAX_LENGTH_ERROR;

/** Split Image Orientation (Patient) into {row, column, normal}; null when it is missing or not two perpendicular unit vectors. */
export function directions(orientation) {
    if (!Array.isArray(orientation) || orientation.length !== 6 || !orientation.every(Number.isFinite)) return null;
    const row = orientation.slice(0, 3);
    const column = orientation.slice(3);
    if (!isUnit(row) || !isUnit(column) || Math.abs(dot(row, column)) > MAX_SKEW) return null;
    return { row, column, normal: cross(row, column) };
}

/** The letters of a direction, the strongest first: "L", "LA", at most three. "" for no direction. */
export function letters(direction) {
    if (!direction || !direction.every(Number.isFinite)) return '';
    return direction
        .map((value, axis) => ({ size: Math.abs(value), letter: AXES[axis][value > 0 ? 0 : 1], axis }))
        .filter((part) => part.size >= MIN_COMPONENT)
        .sort((a, b) => b.size - a.size || a.axis - b.axis)
        .map((part) => part.letter)
        .join('');
}

const OPPOSITES = { R: 'L', L: 'R', A: 'P', P: 'A', H: 'F', F: 'H' };

const opposite = (text) => [...text].map((letter) => OPPOSITES[letter]).join('');

/** Patient Orientation, [where rows run to, where columns do], when both are one to three of the six letters; else null. */
function toldDirections(told) {
    const known = Array.isArray(told) && told.length === 2 && told.every((text) => /^[RLAPHF]{1,3}$/.test(text));
    return known ? { row: told[0], column: told[1] } : null;
}

/** The letters along a screen axis, of which one part is 1 or -1 and the other 0. */
function toldLetters(told, onRow, onColumn) {
    const text = onRow !== 0 ? told.row : told.column;
    return onRow + onColumn > 0 ? text : opposite(text);
}

/** Letters at the four edges of the screen. turn is {a, b, c, d}: what turning and flipping does to picture axes,
 *  screen right = a * row + c * column, screen down = b * row + d * column, entries -1, 0 or 1. told: what Patient Orientation says
 *  of a projection, which has no place in space. All "" when unknown. */
export function edgeLetters(orientation, turn, told = null) {
    const known = directions(orientation);
    if (!known) return edgesAsTold(toldDirections(told), turn);
    const mix = (onRow, onColumn) => known.row.map((value, i) => onRow * value + onColumn * known.column[i]);
    const right = mix(turn.a, turn.c);
    const down = mix(turn.b, turn.d);
    return { left: letters(negate(right)), right: letters(right), top: letters(negate(down)), bottom: letters(down) };
}

function edgesAsTold(told, turn) {
    if (!told) return { left: '', right: '', top: '', bottom: '' };
    const right = toldLetters(told, turn.a, turn.c);
    const bottom = toldLetters(told, turn.b, turn.d);
    return { left: opposite(right), right, top: opposite(bottom), bottom };
}

/** "axial", "sagittal", "coronal", "oblique", or "" when unknown: by the normal's main axis. */
export function planeName(orientation) {
    const known = directions(orientation);
    if (!known) return '';
    const sizes = known.normal.map(Math.abs);
    const main = Math.max(...sizes);
    if (main < 0.8) return 'oblique';
    return ['sagittal', 'coronal', 'axial'][sizes.indexOf(main)];
}

const SAME_DIRECTION = 0.999;

/** Millimetres from the plane of a slice to that of another, {position, orientation} each, along their common normal: of a tilted stack less than the table
 *  moved. null when they do not tell or do not lie the same way. */
export function stepBetween(a, b) {
    const [from, to] = [directions(a?.orientation), directions(b?.orientation)];
    if (!from || !to || !a.position || !b.position || dot(from.normal, to.normal) < SAME_DIRECTION) return null;
    return Math.abs(dot(b.position.map((value, i) => value - a.position[i]), from.normal));
}
