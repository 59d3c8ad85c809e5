// figure.js - one mark as it is drawn: thin lines with a dark seam that is seen on white as on black, hollow handles, a label and its leader.

import { leader } from './label_place.js';
import { middle } from './shapes.js';
import { setAll, svg } from './svg.js';

const CAP_PX = 5; // half of the stroke across the end of a length
const HEAD_PX = 13;
const HEAD_ANGLE = 0.4; // radians
const CROSS_PX = [3, 9]; // a probe's cross leaves its pixel free
const ARC_MAX_PX = 26;
const PLATE_PX = 4; // of the ground behind a label, around it
const LEADER_FROM_PX = 22; // a label nearer than this needs no leader

const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
const path = (points) => (points.length > 0 ? `M${points.map(at).join('L')}` : '');

function unit([ax, ay], [bx, by]) {
    const length = Math.hypot(bx - ax, by - ay);
    return length > 0 ? [(bx - ax) / length, (by - ay) / length] : [0, 0];
}

function cap([x, y], [dx, dy]) {
    return path([
        [x - dy * CAP_PX, y + dx * CAP_PX],
        [x + dy * CAP_PX, y - dx * CAP_PX],
    ]);
}

const caliper = ([a, b]) => path([a, b]) + cap(a, unit(a, b)) + cap(b, unit(a, b));

function arrow([tip, tail]) {
    const [dx, dy] = unit(tip, tail);
    const barb = (angle) => [
        tip[0] + HEAD_PX * (dx * Math.cos(angle) - dy * Math.sin(angle)),
        tip[1] + HEAD_PX * (dx * Math.sin(angle) + dy * Math.cos(angle)),
    ];
    return path([tip, tail]) + path([barb(HEAD_ANGLE), tip, barb(-HEAD_ANGLE)]);
}

function cross([x, y]) {
    const [from, to] = CROSS_PX;
    return [[1, 0], [-1, 0], [0, 1], [0, -1]].map(([dx, dy]) => path([[x + dx * from, y + dy * from], [x + dx * to, y + dy * to]])).join('');
}

function arc([from, vertex, to]) {
    const [a, b] = [unit(vertex, from), unit(vertex, to)];
    const arm = Math.min(Math.hypot(from[0] - vertex[0], from[1] - vertex[1]), Math.hypot(to[0] - vertex[0], to[1] - vertex[1]));
    const radius = Math.min(ARC_MAX_PX, arm * 0.5);
    const end = ([dx, dy]) => [vertex[0] + dx * radius, vertex[1] + dy * radius];
    const sweep = a[0] * b[1] - a[1] * b[0] > 0 ? 1 : 0;
    return `${path([end(a)])}A${radius.toFixed(1)} ${radius.toFixed(1)} 0 0 ${sweep} ${at(end(b))}`;
}

/** What is drawn of a mark, of its points in CSS pixels: {lines, thin}, two path texts; thin: what helps to read it. */
export function strokes(kind, points, lines) {
    if (points.length === 0) return { lines: '', thin: '' };
    if (points.length === 1) return { lines: kind === 'text' ? '' : cross(points[0]), thin: '' };
    if (kind === 'length' || kind === 'bidirectional') return { lines: lines.map(caliper).join(''), thin: '' };
    if (kind === 'arrow') return { lines: arrow(points), thin: '' };
    if (kind === 'angle') return { lines: path(points), thin: points.length === 3 ? arc(points) : '' };
    if (kind === 'cobb') {
        const between = points.length === 4 ? path([middle(points[0], points[1]), middle(points[2], points[3])]) : '';
        return { lines: lines.map(path).join(''), thin: between };
    }
    return { lines: lines.map(path).join(''), thin: '' };
}

export class Figure {
    /** interactive: it can be reached by keys. */
    constructor(id) {
        this.id = id;
        this.seam = svg('path', { class: 'mark-seam' });
        this.thin = svg('path', { class: 'mark-thin' });
        this.line = svg('path', { class: 'mark-line' });
        this.leader = svg('path', { class: 'mark-leader' });
        this.plate = svg('rect', { class: 'mark-plate', rx: 4 });
        this.text = svg('text', { class: 'mark-label' });
        this.grips = svg('g', { class: 'mark-handles' });
        this.element = svg('g', { class: 'mark', 'data-mark': id }, this.seam, this.thin, this.line, this.leader, this.plate, this.text, this.grips);
        this.shown = '';
    }

    /** All in CSS pixels: {kind, points, lines, handles, handleRadius, label: {box, lines, lineHeight, plateWidth, ascent} or null, classes, name, handleName}. */
    show(look) {
        const shown = JSON.stringify(look);
        if (shown === this.shown) return;
        this.shown = shown;
        const { lines, thin } = strokes(look.kind, look.points, look.lines);
        setAll(this.seam, { d: lines + thin });
        setAll(this.line, { d: lines });
        setAll(this.thin, { d: thin });
        setAll(this.element, { class: `mark ${look.classes.join(' ')}`, 'data-kind': look.kind, ...this.#reach(look) });
        this.#showLabel(look);
        this.#showHandles(look);
    }

    #reach({ own, name }) {
        return { tabindex: own ? 0 : null, role: own ? 'button' : 'img', 'aria-label': name };
    }

    #showLabel({ label, points, lines }) {
        if (!label) {
            this.text.replaceChildren();
            setAll(this.plate, { width: 0, height: 0 });
            setAll(this.leader, { d: '' });
            return;
        }
        const { box, lineHeight, ascent } = label;
        this.text.replaceChildren(
            ...label.lines.map(({ text, kind }, index) => {
                const line = svg('tspan', { class: kind, x: box.left.toFixed(1), y: (box.top + ascent + index * lineHeight).toFixed(1) });
                line.textContent = text;
                return line;
            }),
        );
        const [left, top] = [box.left - PLATE_PX, box.top - PLATE_PX / 2].map((place) => place.toFixed(1));
        const [width, height] = [label.plateWidth + 2 * PLATE_PX, label.lines.length * lineHeight + PLATE_PX];
        setAll(this.plate, { x: left, y: top, width, height });
        const way = points.length > 1 && !label.noLeader ? leader(box, lines) : { length: 0 };
        setAll(this.leader, { d: way.length >= LEADER_FROM_PX && way.from ? path([way.from, way.to]) : '' });
    }

    #showHandles({ handles, handleRadius, handleName }) {
        while (this.grips.children.length > handles.length) this.grips.lastChild.remove();
        handles.forEach(({ id, point: [x, y], adds }, index) => {
            const place = { class: adds ? 'adds' : null, tabindex: adds ? -1 : 0, cx: x.toFixed(1), cy: y.toFixed(1), r: adds ? handleRadius * 0.7 : handleRadius, 'data-handle': id, 'aria-label': `${handleName} ${index + 1}` };
            const grip = this.grips.children[index] ?? this.grips.appendChild(svg('circle', { role: 'button' }));
            setAll(grip, place);
        });
    }
}
