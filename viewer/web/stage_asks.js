// stage_asks.js - what a picture area asks for: how each slice is wanted at this zoom and window, which come first, which are decoded ahead.

import { line } from './api.js';
import { afterPaint } from './dom.js';
import { PicturePlan } from './picture_plan.js';
import { PREFETCH_MAX_BYTES } from './picture_store.js';
import { isColour } from './stack_model.js';
import { levelFor, Rendition } from './tile_source.js';
import * as voi from './window_level.js';

const DECODE_AHEAD = 4; // slices decoded ahead of the reader, in the direction of scrolling
const DRAFT_QUALITY = 50; // while the window is being dragged

/** Of this window, in the next study, too: are pictures shown without the overlays of their files (60xx)? */
export const overlays = { hidden: sessionStorage.getItem('kakehashi.overlays') === 'off' };

export class StageAsks {
    #timer = 0;
    #begun = false; // the first picture is on the screen, or its reader went on: the others may come
    #openedAt = 0; // slice

    constructor(stage) {
        this.stage = stage;
        this.pictures = new PicturePlan(() => PREFETCH_MAX_BYTES / stage.shares.count);
    }

    stop() {
        clearTimeout(this.#timer);
    }

    /** How a slice is wanted now. */
    target(index) {
        const { stack, viewport, draft, window: chosen } = this.stage;
        const object = stack.object(index);
        const level = levelFor(viewport.scale * devicePixelRatio, object.columns, object.rows, stack.manifest.tile_size);
        const window = isColour(object) ? null : voi.onSlice(draft ?? chosen, stack.slice(index));
        return new Rendition(stack.manifest, index, level, window, draft ? DRAFT_QUALITY : stack.manifest.default_quality, this.stage.look(index));
    }

    /** The part on the screen, in full-size pixels of a slice. */
    part(index) {
        const aspect = this.stage.stack.pixelAspect(index);
        const { left, right, top, bottom } = this.stage.viewport.visible();
        return { left, right, top: top / aspect, bottom: bottom / aspect };
    }

    /** The picture of a stack of one slice that stands for one whose manifest is on the way. */
    first() {
        const { stack, store, share } = this.stage;
        const [target, part] = [(index) => this.target(index), (index) => this.part(index)];
        const { items } = new PicturePlan(() => 0).make({ stack, target, part, store, line, alone: true, nowMs: performance.now() });
        share.want(items);
    }

    /** A stack was opened: until its first picture is on the screen, line and processor are for that alone. */
    opened() {
        this.#begun = false;
        this.#openedAt = this.stage.stack.index;
    }

    #begin() {
        if (this.#begun) return;
        this.#begun = true;
        this.plan();
    }

    /** After every change, and when the line has room. */
    plan() {
        this.stop();
        const { stack, store, blanked, window, share, shown } = this.stage;
        if (!stack || stack.size === 0 || blanked) return;
        const windowing = this.stage.windowing ? 'drag' : window ? 'moved' : null;
        const target = (index) => this.target(index);
        const part = (index) => this.part(index);
        this.#begun ||= stack.index !== this.#openedAt;
        if (!this.#begun && (shown?.exact || shown?.problem)) afterPaint(() => this.#begin());
        const { items, lookMs } = this.pictures.make({ stack, target, part, store, line, windowing, alone: !this.#begun, nowMs: performance.now() });
        if (lookMs > 0) this.#timer = setTimeout(() => this.plan(), lookMs);
        share.want(items);
        if (this.#begun) this.#decodeAhead();
    }

    #decodeAhead() {
        const { stack, store } = this.stage;
        for (let step = 1; step <= DECODE_AHEAD; step++) {
            const index = stack.index + step * stack.direction;
            if (index < 0 || index >= stack.size || stack.object(index).problem) break;
            const full = this.target(index);
            const tiles = full.tiles(this.part(index));
            const quick = tiles.every(({ url }) => store.facts(url)) ? null : this.pictures.quick(stack.manifest, index, full);
            for (const { url } of quick ? quick.tiles() : tiles) store.decode(url);
        }
    }
}
