// draft.js - a mark that is being drawn, point by point: by dragging lines or by clicking their ends, as the hand prefers. Pure.

import { isWhole, KINDS, place, shortAxis, simplify } from './shapes.js';

export class Draft {
    /** frame: {columns, rows, aspect}; stepPx: points of a stroke are at least so many pixels of the frame apart. */
    constructor(kind, frame) {
        this.kind = kind;
        this.frame = frame;
        this.fixed = [];
        this.loose = null; // the point that follows the pointer
        this.from = null; // where the line that is being dragged began
        this.stroke = [];
    }

    get #needed() {
        return KINDS[this.kind].points;
    }

    /** What there is of it now. */
    get points() {
        if (KINDS[this.kind].drawn) return this.stroke;
        const points = this.loose ? [...this.fixed, this.loose] : this.fixed;
        if (this.kind !== 'bidirectional' || points.length < 4) return points;
        return [...points.slice(0, 2), ...shortAxis(points.slice(0, 2), points[2], points[3], this.frame)];
    }

    get isDone() {
        return KINDS[this.kind].drawn ? false : this.fixed.length === this.#needed;
    }

    press(point) {
        const at = place(point, this.frame, this.kind);
        if (KINDS[this.kind].drawn) {
            this.stroke = [at];
            return;
        }
        this.began = this.loose === null && this.#needed > 1;
        if (this.began) this.fixed.push(at);
        this.loose = at;
    }

    /** The pointer is at a point, pressed or not; stepPx: how far a stroke goes between two of its points. */
    move(point, pressed, stepPx = 1) {
        const at = place(point, this.frame, this.kind);
        if (!KINDS[this.kind].drawn) {
            if (this.loose) this.loose = at;
            return;
        }
        const last = this.stroke.at(-1);
        if (pressed && last && Math.hypot(at[0] - last[0], at[1] - last[1]) >= stepPx) this.stroke.push(at);
    }

    /** moved: the press was a drag. The finished mark's points; null while more are to come; [] when nothing came of it. */
    release(moved) {
        if (KINDS[this.kind].drawn) return this.#finished(simplify(this.stroke));
        if (this.began && !moved) {
            this.began = false;
            return null; // a click: the next one ends this line
        }
        const last = this.fixed.at(-1);
        if (last && this.loose && last[0] === this.loose[0] && last[1] === this.loose[1]) return null;
        this.fixed.push(this.loose);
        this.loose = null;
        if (this.isDone) return this.#finished(this.points);
        if (!KINDS[this.kind].breaks?.includes(this.fixed.length)) this.loose = this.fixed.at(-1);
        return null;
    }

    #finished(points) {
        return isWhole({ kind: this.kind, points }) ? points : [];
    }
}
