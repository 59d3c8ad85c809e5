// picture_plan.js - which pictures of a stack a stage asks for, and in what order: the steps of the ladder for the slice on the screen, then for the others by
// need. No DOM.

import { losslessUrl } from './api.js';
import { decide, guessLosslessBytes, LOSSLESS_PIXELS_MAX, quickLevel, QUICK_QUALITY } from './ladder.js';
import { isColour } from './stack_model.js';
import { levelSize, Rendition } from './tile_source.js';

const TILES_AT_ONCE = 64; // full ones; when they are here the next are chosen
const QUICK_AT_ONCE = 256;
const NEAR_SLICES = 2; // come before another area's whole stack
const STILL_MS = 1000; // who has not moved for so long does not scroll

/** Can the slice's picture be made of its stored values here? */
const isLocal = (object) => !isColour(object) && object.bits_stored <= 16 && object.rows * object.columns <= LOSSLESS_PIXELS_MAX;

export class PicturePlan {
    #index = -1;
    #movedAt = -Infinity;
    #everyMs = Infinity;
    #all = false; // of the others
    #lacks = true; // something of the slice on the screen
    #complete = ''; // what was wanted when last everything of it was here

    /** maxBytes(): of a stack no more is asked for ahead. */
    constructor(maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** Is every slice of the stack here as it is wanted, as far as make() last looked? */
    get isAll() {
        return this.#all && !this.#lacks;
    }

    /** How fast the reader goes: told by the slices that are asked for. */
    #move(index, nowMs) {
        if (index === this.#index) return;
        const since = nowMs - this.#movedAt;
        this.#everyMs = this.#index < 0 || since > STILL_MS ? Infinity : since;
        this.#index = index;
        this.#movedAt = nowMs;
    }

    /** The small picture of a rendition, whole; null where there is none much smaller. */
    quick(manifest, index, full) {
        const level = quickLevel(full.columns, full.rows, full.level);
        return level === null ? null : new Rendition(manifest, index, level, full.window, QUICK_QUALITY, full.look);
    }

    /** stack: StackModel. target(index) -> Rendition as it is wanted; part(index): what of it is on the screen. store: PictureStore. line: LineMeter.
     *  windowing: null, 'drag' while the window is dragged, 'moved' when it was moved. alone: nothing but the picture on the
     *  screen. nowMs: a clock. Returns {items, lookMs}: items for store.want(), and after how long to look again (0: when something happens). */
    make({ stack, target, part, store, line, windowing = null, alone = false, nowMs }) {
        this.#move(stack.index, nowMs);
        const here = this.#here(stack, target, part, store);
        const facts = { line, picture: here.picture, slices: stack.size, restMs: nowMs - this.#movedAt, everyMs: this.#everyMs, windowing: windowing !== null };
        this.#lacks = here.missing.length > 0;
        let steps = decide({ ...facts, missing: 1 });
        const others = alone || windowing === 'drag' ? { quick: [], full: [] } : this.#others(stack, target, part, store, steps, here);
        if (here.missing.length + others.quick.length + others.full.length === 0) steps = decide({ ...facts, missing: 0 });
        const items = [];
        if (here.quick && steps.quickFirst && here.missing.length > 0) items.push({ ...here.quick, urgent: true });
        if (here.missing.length > 0 && (steps.full || !here.quick)) items.push({ rendition: here.rendition, tiles: here.missing, urgent: true });
        if (here.exact && steps.lossless && !alone) items.push({ rendition: null, tiles: [here.exact], urgent: windowing !== null, soon: true });
        items.push(...others.quick, ...(steps.full ? others.full : []));
        return { items, lookMs: steps.lookMs };
    }

    /** The slice the reader is at. */
    #here(stack, target, part, store) {
        const { index, manifest } = stack;
        const object = stack.object();
        if (object.problem) return { picture: { fullBytes: 0, quickBytes: 0, losslessBytes: 0 }, missing: [] };
        const rendition = target(index);
        const tiles = this.#sized(rendition, rendition.tiles(part(index)), store);
        const url = losslessUrl(manifest.series, rendition.sliceKey, rendition.look);
        const made = Boolean(store.slice(url, rendition.window));
        const local = isLocal(object) && rendition.window?.lut === undefined && !made && !store.slice(url) && !store.failure(url);
        const small = this.quick(manifest, index, rendition);
        const quick = small && { rendition: small, tiles: this.#sized(small, small.tiles(), store) };
        const sum = (list) => list.reduce((bytes, tile) => bytes + tile.bytes, 0);
        const losslessBytes = local ? guessLosslessBytes(object.rows * object.columns) : 0;
        return {
            rendition,
            missing: made ? [] : this.#missing(tiles, store),
            quick: quick && this.#missing(quick.tiles, store).length > 0 ? quick : null,
            exact: local ? { url, bytes: losslessBytes } : null,
            picture: { fullBytes: sum(tiles), quickBytes: quick ? sum(quick.tiles) : 0, losslessBytes },
        };
    }

    #sized(rendition, tiles, store) {
        const side = (size) => Math.min(rendition.tileSize, levelSize(size, rendition.level));
        const pixels = side(rendition.columns) * side(rendition.rows);
        return tiles.map(({ url }) => ({ url, bytes: store.bytesOf(url, pixels, rendition.quality) }));
    }

    #missing(tiles, store) {
        return tiles.filter(({ url }) => !store.facts(url) && !store.failure(url));
    }

    /** Those that come after, small ones apart: in the direction of scrolling first. */
    #others(stack, target, part, store, steps, here) {
        const [quick, full] = [[], []];
        const wanted = `${here.rendition?.key.replace(/^.*-\d+\//, '')} ${JSON.stringify(part(stack.index))} ${stack.manifest.series} ${stack.manifest.revision} ${stack.key(0)} ${stack.size} ${store.losses} ${steps.full}`;
        if (wanted === this.#complete) return { quick, full };
        let [bytes, asked, looked] = [0, 0, 0];
        this.#all = false;
        let ended = true;
        for (const index of stack.byNeed()) {
            if (index === stack.index || stack.object(index).problem) continue;
            const near = looked++ < NEAR_SLICES;
            const rendition = target(index);
            const tiles = this.#sized(rendition, rendition.tiles(part(index)), store);
            bytes += tiles.reduce((sum, tile) => sum + tile.bytes, 0);
            const missing = this.#missing(tiles, store);
            if (missing.length > 0) {
                const small = (steps.quickAll || !steps.full) && this.quick(stack.manifest, index, rendition);
                const smallOnes = small ? this.#missing(this.#sized(small, small.tiles(), store), store) : [];
                if (smallOnes.length > 0) quick.push({ rendition: small, tiles: smallOnes, soon: true });
                if (asked < TILES_AT_ONCE) full.push({ rendition, tiles: missing, urgent: false, near });
                asked += missing.length;
            }
            if (bytes > this.maxBytes() || quick.length >= QUICK_AT_ONCE || (asked >= TILES_AT_ONCE && !steps.quickAll && steps.full)) {
                ended = false;
                break;
            }
        }
        if (quick.length + full.length > 0) return { quick, full };
        this.#complete = wanted;
        this.#all = ended;
        return { quick, full };
    }
}
