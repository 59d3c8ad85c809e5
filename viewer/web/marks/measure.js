// measure.js - lengths, angles and areas of marks. Pure. In mm only where the image tells its spacing, with where that comes from; in pixels of
// the stored frame otherwise. What the service computes takes the place of these as soon as it is known.

import { regionScale } from './regions.js';

/** scale: {row, column, source}: mm between rows and between columns, source "patient", "detector" or "ultrasound"; or {row: null} without a spacing.
 *  slice, object: those of the stack manifest; mark: on an image with ultrasound regions its place says what a pixel is. */
export function scaleOf(slice, object, mark = null) {
    if (object?.regions && mark) return regionScale(object, mark);
    const [row, column] = slice?.spacing ?? [];
    const known = row > 0 && column > 0 && ['patient', 'detector'].includes(slice.spacing_source);
    const aspect = object?.pixel_aspect > 0 ? object.pixel_aspect : 1;
    return known ? { row, column, source: slice.spacing_source, aspect: row / column } : { row: null, column: null, source: 'none', aspect };
}

const difference = ([ax, ay], [bx, by]) => [bx - ax, by - ay];

/** Pixels from a to b, along rows and columns of the stored frame. */
export const pixelLength = (a, b) => Math.hypot(...difference(a, b));

/** mm from a to b; null without a spacing. */
export function length(a, b, scale) {
    if (scale.row === null) return null;
    const [dx, dy] = difference(a, b);
    return Math.hypot(dx * scale.column, dy * scale.row);
}

/** Degrees between two directions, 0 to 180, with the pixels' shape taken into account; null of a direction without length. */
function between([ax, ay], [bx, by], aspect) {
    const cross = (ax * by - ay * bx) * aspect;
    const dot = ax * bx + ay * by * aspect * aspect;
    return cross === 0 && dot === 0 ? null : (Math.atan2(Math.abs(cross), dot) * 180) / Math.PI;
}

/** Degrees at the vertex, 0 to 180. */
export const angle = ([from, vertex, to], scale) => between(difference(vertex, from), difference(vertex, to), scale.aspect);

const ALONG_COSINE = Math.cos((65 * Math.PI) / 180); // between a line's normal and the connection of two lines

/** The normal on the side of the connection, and whether the line runs across it rather than along it. */
function sidedNormal([x, y], connection) {
    const normal = [-y, x];
    const along = (normal[0] * connection[0] + normal[1] * connection[1]) / (Math.hypot(x, y) * Math.hypot(...connection));
    return { normal: along < 0 ? [y, -x] : normal, across: Math.abs(along) >= ALONG_COSINE };
}

/** Cobb's angle, as the service has it: between the lines' normals, each on the side of the other line, so that it may be over 90 degrees; where a
 *  line runs nearly along the connection of the two that says nothing, and the acute angle is told. */
export function cobb([a, b, c, d], scale) {
    const even = ([x, y]) => [x, y * scale.aspect];
    const [one, two] = [even(difference(a, b)), even(difference(c, d))];
    const connection = even(difference([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], [(c[0] + d[0]) / 2, (c[1] + d[1]) / 2]));
    const [first, second] = [sidedNormal(one, connection), sidedNormal(two, connection)];
    const degrees = between(first.normal, second.normal, 1);
    return degrees > 90 && !(first.across && second.across) ? 180 - degrees : degrees;
}

/** Pixels inside a closed mark, by its outline. */
export function pixelArea(kind, points) {
    if (kind === 'freehand') {
        let sum = 0;
        points.forEach(([x, y], index) => {
            const [nextX, nextY] = points[(index + 1) % points.length];
            sum += x * nextY - nextX * y;
        });
        return Math.abs(sum) / 2;
    }
    const [dx, dy] = difference(points[0], points[1]);
    return Math.abs(dx * dy) * (kind === 'ellipse' ? Math.PI / 4 : 1);
}

/** What can be said of a whole mark at once, named as the service names it. */
export function measure({ kind, points }, scale) {
    const found = { spacing_source: scale.source };
    if (kind === 'length' || kind === 'bidirectional') {
        found.length_px = pixelLength(points[0], points[1]);
        found.length_mm = length(points[0], points[1], scale);
    }
    if (kind === 'length' && scale.axes) {
        const [dx, dy] = difference(points[0], points[1]);
        for (const [name, axis, by] of [['axis_x', scale.axes.x, dx], ['axis_y', scale.axes.y, dy]]) {
            if (axis) Object.assign(found, { [name]: Math.abs(by * axis.delta), [`${name}_unit`]: axis.unit });
        }
    }
    if (kind === 'bidirectional') {
        found.short_px = pixelLength(points[2], points[3]);
        found.short_mm = length(points[2], points[3], scale);
    }
    if (kind === 'angle') found.degrees = angle(points, scale);
    if (kind === 'cobb') found.degrees = cobb(points, scale);
    if (['rectangle', 'ellipse', 'freehand'].includes(kind)) {
        found.area_px = pixelArea(kind, points);
        found.area_mm2 = scale.row === null ? null : found.area_px * scale.row * scale.column;
    }
    return found;
}
