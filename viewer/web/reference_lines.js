// reference_lines.js - a layer: where the slice of the active area cuts this picture, and the point that was shown in another one. Nothing where the
// Frame of Reference differs.

import { cutLine, planeOf, toPicture } from './planes.js';

const SVG = 'http://www.w3.org/2000/svg';
const CROSS_PX = 12;
const CROSS_GAP_PX = 4;

function line(className) {
    const element = document.createElementNS(SVG, 'line');
    element.setAttribute('class', className);
    return element;
}

function place(element, x1, y1, x2, y2) {
    const values = { x1, y1, x2, y2 };
    for (const [name, value] of Object.entries(values)) element.setAttribute(name, value.toFixed(1));
}

export class ReferenceLines {
    /** reference() gives the plane to draw, or null; point(), the patient's {point, frameOfReference} to mark, or null. */
    constructor({ reference, point }) {
        Object.assign(this, { reference, point });
        this.element = document.createElementNS(SVG, 'svg');
        this.element.setAttribute('class', 'reference');
        this.element.setAttribute('aria-hidden', 'true');
        this.cut = [line('under'), line('over')];
        this.cross = Array.from({ length: 8 }, (_, n) => line(n < 4 ? 'under' : 'over cross'));
        this.element.append(...this.cut, ...this.cross);
        this.state = null;
    }

    show(state) {
        this.state = state;
        this.draw();
    }

    draw() {
        const { state } = this;
        const plane = state?.shown && !state.shown.problem ? planeOf(state.stack, state.shown.index) : null;
        this.#drawCut(plane && this.reference() ? cutLine(this.reference(), plane) : null);
        this.#drawCross(plane);
    }

    #toView({ x, y }) {
        return this.state.viewport.toView(x, y * this.state.stack.pixelAspect(this.state.shown.index));
    }

    #drawCut(ends) {
        for (const one of this.cut) one.style.display = ends ? '' : 'none';
        this.element.dataset.line = ends ? 'yes' : 'no';
        if (!ends) return;
        const [p, q] = ends.map((end) => this.#toView(end));
        for (const one of this.cut) place(one, p.x, p.y, q.x, q.y);
    }

    #drawCross(plane) {
        const marked = plane && this.point();
        const at = marked && marked.frameOfReference === plane.frameOfReference ? toPicture(plane, marked.point) : null;
        const shown = at && at.x >= 0 && at.y >= 0 && at.x <= plane.columns && at.y <= plane.rows;
        this.element.dataset.cross = shown ? 'yes' : 'no';
        for (const one of this.cross) one.style.display = shown ? '' : 'none';
        if (!shown) return;
        const { x, y } = this.#toView(at);
        [
            [1, 0],
            [-1, 0],
            [0, 1],
            [0, -1],
        ].forEach(([dx, dy], n) => {
            for (const one of [this.cross[n], this.cross[n + 4]])
                place(one, x + dx * CROSS_GAP_PX, y + dy * CROSS_GAP_PX, x + dx * CROSS_PX, y + dy * CROSS_PX);
        });
    }
}
