// loupe.js - while a finger draws, what lies under it, larger, beside it.

import { make } from '../dom.js';

const SIZE_PX = 120;
const ZOOM = 2.5;
const ABOVE_PX = 96; // its centre above the finger

export class Loupe {
    /** canvas: the picture; its filter shows the window. */
    constructor(canvas) {
        this.source = canvas;
        this.canvas = make('canvas', { width: SIZE_PX * 2, height: SIZE_PX * 2 });
        this.element = make('div', { class: 'mark-loupe', hidden: true, 'aria-hidden': 'true' }, this.canvas);
        this.context = this.canvas.getContext('2d');
        this.box = null; // of the area that it hides
    }

    /** At a point of the area; lines: of the mark, CSS pixels; view: {width, height}. */
    show([x, y], lines, view) {
        this.element.hidden = false;
        const half = SIZE_PX / 2; // the circle's
        const above = y > ABOVE_PX + half;
        const left = Math.min(view.width - half, Math.max(half, above ? x : x > view.width / 2 ? x - ABOVE_PX : x + ABOVE_PX));
        const top = Math.max(half, above ? y - ABOVE_PX : y);
        this.element.style.left = `${left - half}px`;
        this.element.style.top = `${top - half}px`;
        this.box = { left: left - half, top: top - half, right: left + half, bottom: top + half };
        this.canvas.style.filter = this.source.style.filter;
        this.#draw([x, y], lines, this.source.width / view.width);
    }

    #draw([x, y], lines, ratio) {
        const { context, canvas } = this;
        const scale = (canvas.width / SIZE_PX) * ZOOM;
        const part = SIZE_PX / ZOOM;
        context.setTransform(1, 0, 0, 1, 0, 0);
        context.fillStyle = '#000';
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(this.source, (x - part / 2) * ratio, (y - part / 2) * ratio, part * ratio, part * ratio, 0, 0, canvas.width, canvas.height);
        context.setTransform(scale, 0, 0, scale, canvas.width / 2 - x * scale, canvas.height / 2 - y * scale);
        for (const [style, width] of [['#000', 1.6], ['#ffe14d', 0.7]]) {
            context.strokeStyle = style;
            context.lineWidth = width;
            context.beginPath();
            for (const line of lines) line.forEach(([px, py], index) => (index ? context.lineTo(px, py) : context.moveTo(px, py)));
            context.stroke();
        }
    }

    hide() {
        this.box = null;
        this.element.hidden = true;
    }
}
