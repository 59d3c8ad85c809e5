// planes.js - slices as planes in the patient: which slice of another stack lies at the same place, where two planes cut, where a point lies. Pure.
// A plane is of one slice: its position is the middle of the first pixel (PS3.3 C.7.6.2.1.1). Points of the picture are in pixels of the stored
// frame with (0, 0) the upper left CORNER of the first one (C.18.6), points of the patient in millimetres.

import { cross, directions, dot } from './geometry.js';

const PARALLEL = 0.985; // cosine of the normals: within 10 degrees a stack is scrolled along with another
const CUTS = 0.17; // sine: planes nearer to parallel than 10 degrees have no line that helps
const EDGE_SHARE = 0.5; // of a stack's step a point may lie beyond its last slice
const FALLBACK_STEP_MM = 5; // of a single slice without a thickness

const minus = (a, b) => a.map((value, i) => value - b[i]);
const along = (origin, direction, by) => origin.map((value, i) => value + by * direction[i]);

/** Where a slice lies: {origin, row, column, normal, spacing, rows, columns, frameOfReference}; null when it does not tell. */
export function planeOf(stack, index = stack.index) {
    const slice = stack.slice(index);
    const object = stack.object(index);
    const known = slice && directions(slice.orientation);
    if (!known || !slice.position || !slice.spacing || !(slice.spacing[0] > 0) || !(slice.spacing[1] > 0)) return null;
    return {
        origin: slice.position,
        ...known,
        spacing: slice.spacing,
        rows: object.rows,
        columns: object.columns,
        frameOfReference: object.frame_of_reference || '',
    };
}

/** Are places in both the same places of one patient? Only the same Frame of Reference says so. */
export const sameSpace = (a, b) => Boolean(a && b && a.frameOfReference && a.frameOfReference === b.frameOfReference);

/** Do two stacks go the same way? The sense of the normal does not matter. */
export const parallel = (a, b) => Math.abs(dot(a.normal, b.normal)) >= PARALLEL;

/** The patient's point at (x, y) of the picture. */
export function toPatient(plane, x, y) {
    const onRow = along(plane.origin, plane.row, (x - 0.5) * plane.spacing[1]);
    return along(onRow, plane.column, (y - 0.5) * plane.spacing[0]);
}

/** The patient's point on a plane, seen along its normal: {x, y} of the picture, and away, millimetres along the normal. */
export function toPicture(plane, point) {
    const from = minus(point, plane.origin);
    return {
        x: dot(from, plane.row) / plane.spacing[1] + 0.5,
        y: dot(from, plane.column) / plane.spacing[0] + 0.5,
        away: dot(from, plane.normal),
    };
}

export const centreOf = (plane) => toPatient(plane, plane.columns / 2, plane.rows / 2);

/** Slices that tell where they lie, the same way as `like`: [{index, away}], away from the point along each one's own normal. Tilted stacks are right:
 *  it is the distance from the plane, not that of its corner. */
function distances(stack, point, like) {
    const list = [];
    for (let index = 0; index < stack.size; index++) {
        const plane = planeOf(stack, index);
        if (plane && sameSpace(plane, like) && (!like.row || parallel(plane, like))) list.push({ index, away: Math.abs(toPicture(plane, point).away) });
    }
    return list;
}

/** How far a slice reaches: half the step to its nearest neighbour, or half its thickness, whichever is more. */
function reachOf(stack, index) {
    const plane = planeOf(stack, index);
    const thickness = stack.slice(index).thickness_mm;
    const steps = [index - 1, index + 1]
        .map((other) => other >= 0 && other < stack.size && planeOf(stack, other))
        .filter((other) => other && sameSpace(other, plane) && parallel(other, plane))
        .map((other) => Math.abs(toPicture(plane, other.origin).away))
        .filter((step) => step > 0);
    const step = steps.length > 0 ? Math.min(...steps) : thickness > 0 ? thickness : FALLBACK_STEP_MM;
    return EDGE_SHARE * Math.max(step, thickness > 0 ? thickness : 0) + 0.01;
}

/** The slice of a stack in which a point of the patient lies: {index, away, inside}; inside false when it lies in a gap or past the ends, index then
 *  the nearest. null when no slice is of the same space. from: a plane that tells which space, and, with sameWay, which direction. */
export function sliceAt(stack, point, from, sameWay = false) {
    const list = distances(stack, point, sameWay ? from : { frameOfReference: from.frameOfReference });
    if (list.length === 0) return null;
    const here = list.find((one) => one.index === stack.index);
    const best = list.reduce((nearest, one) => (one.away < nearest.away - 1e-6 ? one : nearest), here ?? list[0]);
    return { ...best, inside: best.away <= reachOf(stack, best.index) };
}

/** Where a plane cuts another, on the other's picture: [{x, y}, {x, y}], of the part of the line that is in the first one's picture; null when they are
 *  (nearly) parallel, do not meet there, or are not of one space. */
export function cutLine(plane, other) {
    if (!sameSpace(plane, other)) return null;
    const turn = cross(plane.normal, other.normal);
    if (Math.hypot(...turn) < CUTS) return null;
    const { columns, rows } = plane;
    const corners = [
        [0, 0],
        [columns, 0],
        [columns, rows],
        [0, rows],
    ].map(([x, y]) => toPatient(plane, x, y));
    const ends = [];
    corners.forEach((from, i) => {
        const to = corners[(i + 1) % 4];
        const a = toPicture(other, from).away;
        const b = toPicture(other, to).away;
        if (a === b || a * b > 0) return;
        ends.push(along(from, minus(to, from), a / (a - b)));
    });
    if (ends.length < 2) return null;
    const [p, q] = furthest(ends).map((point) => toPicture(other, point));
    return [
        { x: p.x, y: p.y },
        { x: q.x, y: q.y },
    ];
}

function furthest(points) {
    let best = [points[0], points[1]];
    let most = -1;
    for (const p of points)
        for (const q of points) {
            const far = Math.hypot(...minus(p, q));
            if (far > most) [best, most] = [[p, q], far];
        }
    return best;
}

/** Millimetres along the normal of the slice on the screen, for stacks that go the same way in different spaces; null when it does not tell. The sense
 *  is that of `like`'s normal. */
export function depthOf(stack, index, like) {
    const plane = planeOf(stack, index);
    if (!plane || !like || !parallel(plane, like)) return null;
    return dot(plane.origin, like.normal);
}
