// canvas_drawer.js - draws tiles on a canvas at the place the viewport gives them; changes of window are shown by an SVG filter
// on the whole canvas, so that a drag costs no drawing.

import { previewTable } from './window_level.js';

const CRISP_FROM = 6; // screen pixels per picture pixel from which pixels are shown as squares

export class CanvasDrawer {
    /** filter: the <filter> element whose feFunc* children this drawer owns. */
    constructor(canvas, filter) {
        this.canvas = canvas;
        this.filter = filter;
        this.context = canvas.getContext('2d');
        this.filterText = '';
    }

    /** Size in CSS pixels, at the screen's own resolution. */
    resize(width, height, devicePixelRatio) {
        this.ratio = devicePixelRatio;
        const columns = Math.max(1, Math.round(width * devicePixelRatio));
        const rows = Math.max(1, Math.round(height * devicePixelRatio));
        if (this.canvas.width !== columns) this.canvas.width = columns;
        if (this.canvas.height !== rows) this.canvas.height = rows;
    }

    clear() {
        this.context.setTransform(1, 0, 0, 1, 0, 0);
        this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    }

    /** Are the picture's pixels shown as squares? */
    isCrisp(viewport) {
        return viewport.scale * this.ratio >= CRISP_FROM;
    }

    /** Where on the canvas a part of the picture ({left, top, right, bottom} in full-size pixels) lies: edges on whole pixels of the screen, so that
     *  neighbours meet without a seam; and its turn (viewport.js). aspect: height over width of a pixel. */
    placeOf(part, viewport, aspect) {
        const p = viewport.toView(part.left, part.top * aspect);
        const q = viewport.toView(part.right, part.bottom * aspect);
        const [x0, x1] = [p.x, q.x].map((x) => Math.round(x * this.ratio)).sort((m, n) => m - n);
        const [y0, y1] = [p.y, q.y].map((y) => Math.round(y * this.ratio)).sort((m, n) => m - n);
        return { x0, x1, y0, y1, ...viewport.turn() };
    }

    /** tiles: [{bitmap, left, top, right, bottom}] in full-size pixels, later ones above; aspect: as above. */
    draw(tiles, viewport, aspect) {
        this.clear();
        this.context.imageSmoothingEnabled = !this.isCrisp(viewport);
        this.context.imageSmoothingQuality = 'high';
        for (const tile of tiles) {
            const { x0, x1, y0, y1, a, b, c, d } = this.placeOf(tile, viewport, aspect);
            const turned = a === 0;
            const width = turned ? y1 - y0 : x1 - x0;
            const height = turned ? x1 - x0 : y1 - y0;
            this.context.setTransform(a, b, c, d, (x0 + x1) / 2, (y0 + y1) / 2);
            this.context.drawImage(tile.bitmap, -width / 2, -height / 2, width, height);
        }
    }

    /** Pixels as they shall be seen. */
    put(image, left, top) {
        this.context.putImageData(image, left, top);
        this.#filter('');
    }

    /** Show what is drawn, made with window `from`, as if made with `to`; null of either: as it is. */
    adjust(from, to, invert) {
        const text =
            previewTable(from, to, invert)
                ?.map((value) => value.toFixed(4))
                .join(' ') ?? '';
        this.#filter(text);
    }

    #filter(text) {
        if (text === this.filterText) return;
        this.filterText = text;
        if (text) {
            for (const part of this.filter.querySelectorAll('feFuncR, feFuncG, feFuncB')) {
                part.setAttribute('tableValues', text);
            }
        }
        this.canvas.style.filter = text ? `url(#${this.filter.id})` : '';
    }
}
