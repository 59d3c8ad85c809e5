// exact_painter.js - the canvas on which an area's picture is made of its stored values, anew for each window.

import { paint, windowTable } from './exact_picture.js';

export class ExactPainter {
    #key = '';

    /** slice: {facts, values}. The canvas is good until the next call. */
    paint(url, { facts, values }, window) {
        const key = `${url} ${window.center} ${window.width}`;
        if (key === this.#key) return this.canvas;
        this.#key = key;
        this.#prepare(facts);
        paint(values, windowTable(facts, window), this.pixels);
        this.context.putImageData(this.image, 0, 0);
        return this.canvas;
    }

    #prepare({ rows, columns }) {
        if (this.canvas?.width === columns && this.canvas.height === rows) return;
        this.canvas ??= document.createElement('canvas');
        [this.canvas.width, this.canvas.height] = [columns, rows];
        this.context ??= this.canvas.getContext('2d', { alpha: false });
        this.image = this.context.createImageData(columns, rows);
        this.pixels = new Uint32Array(this.image.data.buffer);
    }
}
