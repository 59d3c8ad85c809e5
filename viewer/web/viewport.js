// viewport.js - what part of the picture is on the screen and how large: pure maths, no DOM.
// Picture units: pixels of the full-size picture, its height already stretched by the pixel aspect. View units: CSS pixels.
// Turning is by quarter turns and flips; (x, y) of the view has its origin in the upper left corner.

const MIN_OF_FIT = 0.25;
const MAX_SCALE = 32;
const KEEP_VISIBLE_PX = 48;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class Viewport {
    constructor() {
        this.picture = { width: 1, height: 1 };
        this.view = { width: 1, height: 1 };
        this.fitted = true;
        this.scale = 1; // CSS pixels per picture pixel
        this.offset = { x: 0, y: 0 }; // of the picture's centre from the view's centre, CSS pixels
        this.quarterTurns = 0; // clockwise
        this.flipped = false; // left and right exchanged, before turning
        this.wall = 0; // the side of the picture that lies at the view's edge while it is fitted: -1 left, 1 right of the picture as it is stored, 0 neither
        this.fitLimit = Infinity; // a fitted picture is no larger than this scale
    }

    /** A new size of the view. A fitted picture stays fitted. */
    setView(width, height) {
        this.view = { width: Math.max(1, width), height: Math.max(1, height) };
        this.#settle();
    }

    /** The picture's size; the same size keeps zoom and pan, another one is fitted anew. */
    setPicture(width, height) {
        if (width === this.picture.width && height === this.picture.height) return;
        this.picture = { width: Math.max(1, width), height: Math.max(1, height) };
        this.fitted = true;
        this.#settle();
    }

    fitScale() {
        const turned = this.quarterTurns % 2 === 1;
        const width = turned ? this.picture.height : this.picture.width;
        const height = turned ? this.picture.width : this.picture.height;
        return Math.min(this.view.width / width, this.view.height / height);
    }

    /** Where a fitted picture lies, and how large it is at most. True when that is another place than before. */
    hang(wall, fitLimit) {
        if (wall === this.wall && fitLimit === this.fitLimit) return false;
        Object.assign(this, { wall, fitLimit });
        this.#settle();
        return this.fitted;
    }

    fit() {
        this.fitted = true;
        this.#settle();
    }

    reset() {
        this.quarterTurns = 0;
        this.flipped = false;
        this.fit();
    }

    /** One picture pixel on one pixel of the screen. */
    oneToOne(devicePixelRatio) {
        this.zoomTo(1 / devicePixelRatio, this.view.width / 2, this.view.height / 2);
    }

    /** Zoom so that the point of the picture under (x, y) stays there. */
    zoomTo(scale, x, y) {
        const fit = this.fitScale();
        const next = clamp(scale, Math.min(fit, 1) * MIN_OF_FIT, Math.max(fit, MAX_SCALE));
        const ratio = next / this.scale;
        const dx = x - this.view.width / 2;
        const dy = y - this.view.height / 2;
        this.offset = { x: dx - (dx - this.offset.x) * ratio, y: dy - (dy - this.offset.y) * ratio };
        this.scale = next;
        this.fitted = false;
        this.#settle();
    }

    zoomBy(factor, x = this.view.width / 2, y = this.view.height / 2) {
        this.zoomTo(this.scale * factor, x, y);
    }

    /** A point of the picture in the middle of the view, at a scale. */
    centreOn(scale, x, y) {
        const fit = this.fitScale();
        const { a, b, c, d } = this.turn();
        this.scale = clamp(scale, Math.min(fit, 1) * MIN_OF_FIT, Math.max(fit, MAX_SCALE));
        const px = (this.picture.width / 2 - x) * this.scale;
        const py = (this.picture.height / 2 - y) * this.scale;
        this.offset = { x: a * px + c * py, y: b * px + d * py };
        this.fitted = false;
        this.#settle();
    }

    pan(dx, dy) {
        this.offset = { x: this.offset.x + dx, y: this.offset.y + dy };
        this.fitted = false;
        this.#settle();
    }

    rotate(quarterTurns) {
        this.quarterTurns = (((this.quarterTurns + quarterTurns) % 4) + 4) % 4;
        this.#settle();
    }

    /** Exchange left and right as seen on the screen, or up and down: a flip before turning plus half a turn where needed. */
    flip(vertical) {
        this.flipped = !this.flipped;
        this.quarterTurns = (4 - this.quarterTurns) % 4;
        if (vertical) this.quarterTurns = (this.quarterTurns + 2) % 4;
        this.offset = vertical ? { x: this.offset.x, y: -this.offset.y } : { x: -this.offset.x, y: this.offset.y };
        if (this.fitted) this.#settle();
    }

    /** {quarterTurns}, {flip: "horizontal" or "vertical"} as seen on the screen, or {upright: true}: as it was delivered. */
    turnBy({ quarterTurns = 0, flip = '', upright = false }) {
        if (upright) {
            this.quarterTurns = 0;
            this.flipped = false;
        }
        if (flip) this.flip(flip === 'vertical');
        this.rotate(quarterTurns);
    }

    /** Where picture axes point on the screen: view = (a * x + c * y, b * x + d * y), entries -1, 0, 1. */
    turn() {
        const [cos, sin] = [
            [1, 0],
            [0, 1],
            [-1, 0],
            [0, -1],
        ][this.quarterTurns];
        const sign = this.flipped ? -1 : 1;
        return { a: sign * cos || 0, b: sign * sin || 0, c: -sin || 0, d: cos };
    }

    toView(x, y) {
        const { a, b, c, d } = this.turn();
        const px = (x - this.picture.width / 2) * this.scale;
        const py = (y - this.picture.height / 2) * this.scale;
        return {
            x: a * px + c * py + this.view.width / 2 + this.offset.x,
            y: b * px + d * py + this.view.height / 2 + this.offset.y,
        };
    }

    toPicture(x, y) {
        const { a, b, c, d } = this.turn(); // orthogonal: the inverse is the transpose
        const vx = (x - this.view.width / 2 - this.offset.x) / this.scale;
        const vy = (y - this.view.height / 2 - this.offset.y) / this.scale;
        return { x: a * vx + b * vy + this.picture.width / 2, y: c * vx + d * vy + this.picture.height / 2 };
    }

    /** The part of the picture on the screen, clipped to the picture: {left, top, right, bottom}. */
    visible() {
        const p = this.toPicture(0, 0);
        const q = this.toPicture(this.view.width, this.view.height);
        return {
            left: clamp(Math.min(p.x, q.x), 0, this.picture.width),
            right: clamp(Math.max(p.x, q.x), 0, this.picture.width),
            top: clamp(Math.min(p.y, q.y), 0, this.picture.height),
            bottom: clamp(Math.max(p.y, q.y), 0, this.picture.height),
        };
    }

    /** A fitted picture fills the view, and lies at the edge that its wall points to. A moved one stays reachable. */
    #settle() {
        const turned = this.quarterTurns % 2 === 1;
        const [across, down] = turned ? [this.picture.height, this.picture.width] : [this.picture.width, this.picture.height];
        if (this.fitted) {
            this.scale = Math.min(this.fitScale(), this.fitLimit);
            const { a, b } = this.turn();
            const free = { x: (this.view.width - across * this.scale) / 2, y: (this.view.height - down * this.scale) / 2 };
            this.offset = { x: this.wall * a * free.x || 0, y: this.wall * b * free.y || 0 };
            return;
        }
        const limitX = Math.max(0, (across * this.scale + this.view.width) / 2 - KEEP_VISIBLE_PX);
        const limitY = Math.max(0, (down * this.scale + this.view.height) / 2 - KEEP_VISIBLE_PX);
        this.offset = { x: clamp(this.offset.x, -limitX, limitX), y: clamp(this.offset.y, -limitY, limitY) };
    }
}
