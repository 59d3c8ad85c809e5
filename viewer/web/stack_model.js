// stack_model.js - the ordered slices of a series and where the reader is in them. Pure.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Has an object of the manifest colours, and so no window? A palette has one sample a pixel. */
export const isColour = (object) => Boolean(object) && (object.samples > 1 || object.photometric === 'PALETTE COLOR');

export class StackModel {
    /** manifest: the answer of GET /api/series/{id}/stack. */
    constructor(manifest) {
        this.manifest = manifest;
        this.index = this.middle();
        this.direction = 1; // of the last move: 1 or -1
    }

    get size() {
        return this.manifest.slices.length;
    }

    middle() {
        return this.manifest.slices.length >> 1;
    }

    slice(index = this.index) {
        return this.manifest.slices[index] ?? null;
    }

    object(index = this.index) {
        const slice = this.slice(index);
        return slice ? this.manifest.objects[slice.object] : null;
    }

    /** What stays the same when slices are added before this one. */
    key(index = this.index) {
        const slice = this.slice(index);
        return slice ? `${this.manifest.objects[slice.object].id}-${slice.frame}` : '';
    }

    /** Go to a slice, held inside the stack. True when that is another one. */
    moveTo(index) {
        const next = clamp(Math.round(index), 0, Math.max(0, this.size - 1));
        if (next === this.index || this.size === 0) return false;
        this.direction = next > this.index ? 1 : -1;
        this.index = next;
        return true;
    }

    moveBy(steps) {
        return this.moveTo(this.index + steps);
    }

    /** Take a newer manifest of the same series; the reader stays on the slice on the screen, wherever it is now. */
    replace(manifest) {
        const key = this.key();
        const before = this.index;
        this.manifest = manifest;
        const ids = manifest.objects.map((object) => object.id);
        const found = manifest.slices.findIndex((slice) => `${ids[slice.object]}-${slice.frame}` === key);
        this.index = found >= 0 ? found : clamp(before, 0, Math.max(0, this.size - 1));
    }

    /** Height over width of the slice's pixels. */
    pixelAspect(index = this.index) {
        const aspect = this.object(index)?.pixel_aspect;
        return aspect > 0 ? aspect : 1;
    }

    /** Millimetres per picture unit (viewport.js) along the rows, with their source; null when the object does not tell. */
    millimetres(index = this.index) {
        const slice = this.slice(index);
        const [betweenRows, betweenColumns] = slice?.spacing || [];
        if (!(betweenRows > 0) || !(betweenColumns > 0) || slice.spacing_source === 'none') return null;
        return { perUnit: betweenColumns, source: slice.spacing_source };
    }

    /** Slice numbers in the order they are worth having: this one, then mostly ahead in the direction of scrolling. */
    *byNeed() {
        const size = this.size;
        if (size === 0) return;
        yield this.index;
        let ahead = this.index + this.direction;
        let behind = this.index - this.direction;
        const inside = (index) => index >= 0 && index < size;
        while (inside(ahead) || inside(behind)) {
            for (let n = 0; n < 3 && inside(ahead); n++, ahead += this.direction) yield ahead;
            if (inside(behind)) {
                yield behind;
                behind -= this.direction;
            }
        }
    }
}
