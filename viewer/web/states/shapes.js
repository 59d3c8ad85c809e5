// shapes.js - what a presentation state draws, as SVG paths in the places that it is given in (PS3.3 C.10.5). Pure.

const number = (value) => String(Math.round(value * 1000) / 1000);
const at = ([x, y]) => `${number(x)} ${number(y)}`;
const line = (points) => `M${points.map(at).join('L')}`;
const isClosed = (points) => points.length > 2 && points[0][0] === points.at(-1)[0] && points[0][1] === points.at(-1)[1];

/** A line through the points without corners: cubic pieces whose ends lean as their neighbours lie (Catmull-Rom). */
function smooth(points) {
    const closed = isClosed(points);
    const ring = closed ? points.slice(0, -1) : points;
    const point = (i) => (closed ? ring[(i + ring.length) % ring.length] : ring[Math.min(ring.length - 1, Math.max(0, i))]);
    const pieces = closed ? ring.length : ring.length - 1;
    let path = `M${at(ring[0])}`;
    for (let i = 0; i < pieces; i++) {
        const [p, q, r, s] = [-1, 0, 1, 2].map((step) => point(i + step));
        const lean = (from, to, by) => [0, 1].map((axis) => by[axis] + (to[axis] - from[axis]) / 6);
        path += `C${at(lean(p, r, q))} ${at(lean(s, q, r))} ${at(r)}`;
    }
    return closed ? `${path}Z` : path;
}

const MATCH = 1e-9;

/** The ends of two axes. */
function ellipse([p, q, r, s]) {
    const [long, short] = [[p, q], [r, s]].map(([from, to]) => [(to[0] - from[0]) / 2, (to[1] - from[1]) / 2]);
    const degrees = (Math.atan2(long[1], long[0]) * 180) / Math.PI;
    const [a, b] = [Math.hypot(...long), Math.hypot(...short)];
    if (a < MATCH || b < MATCH) return line([p, q]);
    const arc = (to) => `A${number(a)} ${number(b)} ${number(degrees)} 1 1 ${at(to)}`;
    return `M${at(p)}${arc(q)}${arc(p)}Z`;
}

function circle([centre, edge]) {
    const radius = Math.hypot(edge[0] - centre[0], edge[1] - centre[1]);
    const [right, left] = [radius, -radius].map((by) => [centre[0] + by, centre[1]]);
    const arc = (to) => `A${number(radius)} ${number(radius)} 0 1 1 ${at(to)}`;
    return radius < MATCH ? line([centre, centre]) : `M${at(right)}${arc(left)}${arc(right)}Z`;
}

/** The path of a shape; "" of texts. */
export function pathOf({ type, points }) {
    switch (type) {
        case 'point':
            return line([points[0], points[0]]); // as large as the pen
        case 'polyline':
            return isClosed(points) ? `${line(points.slice(0, -1))}Z` : line(points);
        case 'interpolated':
            return points.length > 2 ? smooth(points) : line(points);
        case 'circle':
            return circle(points);
        case 'ellipse':
            return ellipse(points);
        default:
            return '';
    }
}

/** What of the state is drawn on a slice, the lowest layer first: [{layer, shapes}]. */
export function drawnOn({ layers, drawn }, object, frame) {
    const order = new Map(layers.map((layer) => [layer.name, layer]));
    const here = ({ images }) => images === null || images.some(([id, number_]) => id === object && (number_ === null || number_ === frame));
    const found = drawn.filter((one) => one.shapes.length > 0 && here(one)).map(({ layer, shapes }) => ({ layer: order.get(layer) ?? { name: layer, order: 0, rgb: null }, shapes }));
    return found.sort((a, b) => a.layer.order - b.layer.order);
}
