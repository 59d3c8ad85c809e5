// shapes.js - the kinds of marks: how many points each has, where it is taken hold of, how it is moved, how it is outlined. Pure.
// Points are [x, y] in pixels of the stored frame, (0, 0) the upper left corner of the upper left pixel (PS3.3 C.18.6).
// A frame is {columns, rows, aspect}: aspect is the height of a pixel over its width.

const DECIMALS = 100; // points are kept to a hundredth of a pixel: what is sent, stored and shown is one and the same
const MAX_POINTS = 1000; // of a mark: the service takes no more
const MAX_FREEHAND = 250; // points; the address that asks for their values has to hold them
const MIN_AREA_SIDE = 0.5;
const FREEHAND_TOLERANCE = 0.2; // pixels a simplified outline may leave the drawn one

/** points: how many; breaks: after how many of them drawing starts anew; closed: it has an inside with values; drawn: by one stroke. */
export const KINDS = {
    length: { points: 2 },
    bidirectional: { points: 4, breaks: [2] },
    angle: { points: 3 },
    cobb: { points: 4, breaks: [2] },
    rectangle: { points: 2, closed: true },
    ellipse: { points: 2, closed: true },
    freehand: { points: Infinity, closed: true, drawn: true },
    probe: { points: 1 },
    arrow: { points: 2 },
    text: { points: 1 },
    key: { points: 0 },
};

export const isKind = (name) => Object.hasOwn(KINDS, name);

/** Kinds whose values are those of pixels. */
export const hasPixels = (kind) => KINDS[kind].closed === true || kind === 'probe';

const round = (value) => Math.round(value * DECIMALS) / DECIMALS;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** A point inside the frame, rounded; of a probe inside a pixel. */
export function place([x, y], frame, kind = '') {
    const inset = kind === 'probe' ? 1 / DECIMALS : 0;
    return [round(clamp(x, 0, frame.columns - inset)), round(clamp(y, 0, frame.rows - inset))];
}

export const middle = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

/** {left, top, right, bottom} of points; null of none. */
export function bounds(points) {
    if (points.length === 0) return null;
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

const corners = ([[ax, ay], [bx, by]]) => [
    [ax, ay],
    [bx, ay],
    [bx, by],
    [ax, by],
];

/** Where a mark is taken hold of: [{id, point}]. */
export function handles({ kind, points }) {
    if (kind === 'rectangle') return corners(points).map((point, id) => ({ id, point }));
    if (kind === 'ellipse') {
        const [a, b] = points;
        const [x, y] = middle(a, b);
        return [
            [a[0], y],
            [x, a[1]],
            [b[0], y],
            [x, b[1]],
        ].map((point, id) => ({ id, point }));
    }
    return points.map((point, id) => ({ id, point }));
}

/** Where a drawn outline gets one more point when it is taken hold of: [{id, point}] in the middle of each side, numbered behind the points. */
export function middles({ kind, points }) {
    if (kind !== 'freehand' || points.length < 3 || points.length >= MAX_POINTS) return [];
    return points.map((point, index) => ({ id: points.length + index, point: middle(point, points[(index + 1) % points.length]) }));
}

/** Where handle or middle `id` is. */
export const handlePoint = (mark, id) => [...handles(mark), ...middles(mark)].find((one) => one.id === id).point;

/** The points of a drawn outline without one of them; three stay. */
export const withoutPoint = ({ kind, points }, id) => (kind === 'freehand' && points.length > 3 ? points.filter((_, index) => index !== id) : points);

/** The points after handle `id` has gone to `to`. */
export function moveHandle({ kind, points }, id, to, frame) {
    const [x, y] = place(to, frame, kind);
    if (kind === 'rectangle') {
        const [a, b] = points;
        return [
            [id === 0 || id === 3 ? x : a[0], id < 2 ? y : a[1]],
            [id === 0 || id === 3 ? b[0] : x, id < 2 ? b[1] : y],
        ];
    }
    if (kind === 'ellipse') {
        const [a, b] = points;
        return [
            [id === 0 ? x : a[0], id === 1 ? y : a[1]],
            [id === 2 ? x : b[0], id === 3 ? y : b[1]],
        ];
    }
    if (kind === 'bidirectional') return moveAxis(points, id, [x, y], frame);
    if (kind === 'freehand' && id >= points.length) return [...points.slice(0, id - points.length + 1), [x, y], ...points.slice(id - points.length + 1)];
    return points.map((point, index) => (index === id ? [x, y] : point));
}

/** The points moved by (dx, dy), held inside the frame as a whole. */
export function moveBy({ kind, points }, dx, dy, frame) {
    const box = bounds(points);
    if (!box) return points;
    const inset = kind === 'probe' ? 1 / DECIMALS : 0;
    const byX = clamp(dx, -box.left, frame.columns - inset - box.right);
    const byY = clamp(dy, -box.top, frame.rows - inset - box.bottom);
    return points.map(([x, y]) => [round(x + byX), round(y + byY)]);
}

// ---- two axes, the short one at right angles to the long one in the patient, that is with the pixels' shape taken into account

const toEven = ([x, y], aspect) => [x, y * aspect];
const fromEven = ([x, y], aspect) => [x, y / aspect];
const along = ([ox, oy], [ux, uy], by) => [ox + ux * by, oy + uy * by];

function axis([a, b]) {
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    if (!(length > 0)) return null;
    const unit = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    return { origin: a, length, unit, normal: [-unit[1], unit[0]] };
}
const project = ({ origin }, [x, y], [ux, uy]) => (x - origin[0]) * ux + (y - origin[1]) * uy;

/** The short axis drawn from `from` to `to`: across the long one, at the place on it that is nearest to `from`. */
export function shortAxis(long, from, to, frame) {
    const { aspect } = frame;
    const line = axis(long.map((point) => toEven(point, aspect)));
    if (!line) return [from, to];
    const start = toEven(from, aspect);
    const foot = along(line.origin, line.unit, clamp(project(line, start, line.unit), 0, line.length));
    return [start, toEven(to, aspect)].map((point) =>
        place(fromEven(along(foot, line.normal, project(line, point, line.normal)), aspect), frame),
    );
}

function moveAxis(points, id, to, frame) {
    const { aspect } = frame;
    const long = points.slice(0, 2);
    if (id >= 2) {
        const other = points[id === 2 ? 3 : 2];
        const [kept, moved] = shortAxis(long, to, to, frame);
        const line = axis(long.map((point) => toEven(point, aspect)));
        if (!line) return points;
        const foot = along(line.origin, line.unit, clamp(project(line, toEven(to, aspect), line.unit), 0, line.length));
        const end = place(fromEven(along(foot, line.normal, project(line, toEven(other, aspect), line.normal)), aspect), frame);
        return id === 2 ? [...long, kept, end] : [...long, end, moved];
    }
    const turned = long.map((point, index) => (index === id ? to : point));
    const before = axis(long.map((point) => toEven(point, aspect)));
    const after = axis(turned.map((point) => toEven(point, aspect)));
    if (!before || !after) return points;
    const short = points.slice(2).map((point) => {
        const even = toEven(point, aspect);
        const share = project(before, even, before.unit) / before.length;
        const foot = along(after.origin, after.unit, share * after.length);
        return place(fromEven(along(foot, after.normal, project(before, even, before.normal)), aspect), frame);
    });
    return [...turned, ...short];
}

// ---- what is drawn by one stroke

function distanceToSegment([x, y], [ax, ay], [bx, by]) {
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length2 > 0 ? clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0, 1) : 0;
    return Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay));
}

/** Douglas and Peucker: the points without which the line would leave the drawn one by more than tolerance. */
function thin(points, tolerance) {
    const keep = new Set([0, points.length - 1]);
    const open = [[0, points.length - 1]];
    while (open.length > 0) {
        const [first, last] = open.pop();
        let far = 0;
        let at = -1;
        for (let i = first + 1; i < last; i++) {
            const distance = distanceToSegment(points[i], points[first], points[last]);
            if (distance > far) [far, at] = [distance, i];
        }
        if (far <= tolerance) continue;
        keep.add(at);
        open.push([first, at], [at, last]);
    }
    return points.filter((_, index) => keep.has(index));
}

/** A drawn outline with as many points as it needs, MAX_FREEHAND at most. */
export function simplify(points) {
    let tolerance = FREEHAND_TOLERANCE;
    let thinned = thin(points, tolerance);
    while (thinned.length > MAX_FREEHAND) {
        tolerance *= 1.5;
        thinned = thin(points, tolerance);
    }
    return thinned;
}

/** False of a mark that came out too small to mean anything. */
export function isWhole({ kind, points }) {
    const { points: needed, closed } = KINDS[kind];
    if (kind === 'freehand' ? points.length < 3 : points.length !== needed) return false;
    if (closed) {
        const box = bounds(points);
        return box.right - box.left >= MIN_AREA_SIDE && box.bottom - box.top >= MIN_AREA_SIDE;
    }
    const apart = (a, b) => Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]) > 0;
    const lines = { length: [[0, 1]], arrow: [[0, 1]], angle: [[0, 1], [1, 2]], cobb: [[0, 1], [2, 3]], bidirectional: [[0, 1], [2, 3]] };
    return (lines[kind] ?? []).every(([a, b]) => apart(a, b));
}

const ELLIPSE_STEPS = 48;

/** The lines of a mark: [[point, point, ...], ...]; closed ones end where they begin. */
export function outline({ kind, points }) {
    if (kind === 'angle') return [points];
    if (kind === 'rectangle') return points.length < 2 ? [] : [[...corners(points), points[0]]];
    if (kind === 'freehand') return points.length > 1 ? [[...points, points[0]]] : [];
    if (kind === 'ellipse') {
        if (points.length < 2) return [];
        const [x, y] = middle(points[0], points[1]);
        const [rx, ry] = [(points[1][0] - points[0][0]) / 2, (points[1][1] - points[0][1]) / 2];
        const step = (2 * Math.PI) / ELLIPSE_STEPS;
        return [Array.from({ length: ELLIPSE_STEPS + 1 }, (_, i) => [x + rx * Math.cos(i * step), y + ry * Math.sin(i * step)])];
    }
    const lines = [];
    for (let i = 0; i + 1 < points.length; i += 2) lines.push([points[i], points[i + 1]]);
    return lines;
}
