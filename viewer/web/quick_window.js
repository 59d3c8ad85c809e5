// quick_window.js - a part of the viewer: the window that is dragged, on the screen in every frame. What lies on the canvas is kept as values at the
// screen's own resolution (stored ones where they are here, else the greys of the JPEG); a frame is then one look-up for each pixel, and nothing else of
// the page is touched. When the hand rests, the picture is drawn as it always is. To bring values to the screen's resolution takes several frames of a
// slow processor: it is done before the hand moves, when the tool is taken or the button pressed.

import { paint, windowTable } from './exact_picture.js';
import { resample, tapsOf } from './resample.js';
import { isColour } from './stack_model.js';
import { greyTable, onSlice } from './window_level.js';

const REST_MS = 150; // of the hand, with the button still held
const WORDS_EVERY_MS = 250; // the window's numbers
const WORDS_THERE_EVERY_MS = 1000; // the same where the hand is not
const FOLLOWS_EVERY_MS = 30; // where the hand is not: every second frame
const PREPARE_AFTER_MS = 200; // of rest with the tool in hand
const PREPARE_AT_LAST_MS = 500; // a page that is never idle
const OPAQUE_WHITE = 0x00ffffff; // what inverts a grey and leaves it opaque

let builtAt = -Infinity; // in any area: one of them is enough for a frame

class QuickWindow {
    #key = ''; // of what is on the canvas, but its window; '' where nothing can be shown so
    #base = null; // {values, table, image, pixels, left, top}
    #begun = false; // a drag: what is asked for and told at its beginning is done
    #draft = null;
    #rested = false;
    #timer = 0;
    #toldAt = -Infinity;
    #paintedAt = -Infinity;

    constructor(stage) {
        this.stage = stage;
    }

    /** The picture in the stage's window is on the canvas; false: it has to be drawn and told as always. */
    show() {
        const { stage } = this;
        const key = this.#keyNow();
        if (key !== this.#key) {
            [this.#key, this.#base, this.#begun] = [key, null, false];
        }
        if (!stage.windowing || key === '') return this.#leave();
        const first = !this.#begun;
        const rested = this.#rested;
        [this.#begun, this.#rested] = [true, false];
        if (rested || (first && !this.#base)) return false;
        if (first) stage.asks.plan(); // nothing but this slice while it is dragged
        if (this.#waits()) {
            stage.refresh();
            return true;
        }
        this.#base ??= this.#build();
        if (!this.#base) return false;
        this.#paint();
        this.#tell();
        return true;
    }

    /** Have what a drag needs before it begins. */
    prepare() {
        const { stage } = this;
        if (this.#base || stage.blanked || this.#key === '' || this.#key !== this.#keyNow() || !stage.shown.values) return;
        this.#base = this.#build();
        if (this.#base) this.#fill();
    }

    #keyNow() {
        const { shown, stack } = this.stage;
        if (!shown || shown.problem || isColour(stack.object(shown.index))) return '';
        return `${this.stage.drawingPlace()} ${stack.index} ${shown.values ? shown.values.url : shown.tiles.map((tile) => tile.url).join(' ')}`;
    }

    /** An area where the hand is not leaves the frame to the one where it is. */
    #waits() {
        if (!this.stage.following) return false;
        return performance.now() - (this.#base ? this.#paintedAt : builtAt) < FOLLOWS_EVERY_MS;
    }

    #leave() {
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.#begun = false;
        if (this.stage.tool !== 'window') this.#base = null;
        else if (!this.#base && this.#key !== '') this.#timer = setTimeout(() => this.#prepareSoon(), PREPARE_AFTER_MS);
        return false;
    }

    #prepareSoon() {
        if (globalThis.requestIdleCallback) requestIdleCallback(() => this.prepare(), { timeout: PREPARE_AT_LAST_MS });
        else this.prepare();
    }

    close() {
        clearTimeout(this.#timer);
        [this.#key, this.#base] = ['', null];
    }

    #build() {
        const { shown } = this.stage;
        builtAt = performance.now();
        return shown.values ? this.#ofValues(shown) : this.#ofPicture();
    }

    #ofValues({ values: { facts, values }, tiles: [tile] }) {
        const { stage } = this;
        const box = this.#box(tile);
        if (!box) return null;
        const { across, down, turned } = box;
        const crisp = stage.drawer.isCrisp(stage.viewport);
        const taps = turned ? [facts.rows, facts.columns] : [facts.columns, facts.rows];
        const [x, y] = [across, down].map((one, at) => tapsOf({ size: taps[at], crisp, ...one }));
        return { facts, values: resample(values, facts.columns, x, y, turned), table: new Uint32Array(2 ** 16), ...this.#image(box) };
    }

    /** The greys that were drawn, in the window that they were made with. */
    #ofPicture() {
        const { stage } = this;
        const { drawer, shown, viewport, stack } = stage;
        const last = shown.tiles.at(-1);
        const [left, top] = [Math.min(...shown.tiles.map((tile) => tile.left)), Math.min(...shown.tiles.map((tile) => tile.top))];
        const box = this.#box({ left, top, right: last.right, bottom: last.bottom });
        if (!box) return null;
        drawer.draw(shown.tiles, viewport, stack.pixelAspect(shown.index));
        const image = this.#image(box);
        const { data } = drawer.context.getImageData(box.left, box.top, box.across.count, box.down.count);
        const values = new Uint16Array(data.length / 4);
        for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
        return { facts: null, values, from: shown.window, ...image };
    }

    /** Where on the canvas a picture lies, the part that is outside left away. */
    #box(tile) {
        const { drawer, viewport, stack, shown, canvas } = this.stage;
        const { x0, x1, y0, y1, a, b, c, d } = drawer.placeOf(tile, viewport, stack.pixelAspect(shown.index));
        const cut = (low, high, most, mirrored) => {
            const [first, end] = [Math.max(0, low), Math.min(most, high)];
            return { length: high - low, from: first - low, count: end - first, mirrored };
        };
        const across = cut(x0, x1, canvas.width, a + c < 0);
        const down = cut(y0, y1, canvas.height, b + d < 0);
        if (across.count < 1 || down.count < 1) return null;
        return { left: Math.max(0, x0), top: Math.max(0, y0), across, down, turned: a === 0 };
    }

    #image({ left, top, across, down }) {
        const image = this.stage.drawer.context.createImageData(across.count, down.count);
        return { left, top, image, pixels: new Uint32Array(image.data.buffer) };
    }

    /** Each pixel in the window. */
    #fill() {
        const { stage } = this;
        const { facts, values, from, pixels } = this.#base;
        const window = onSlice(stage.window, stage.stack.slice(stage.shown.index));
        const table = facts ? windowTable(facts, window, this.#base.table) : greyTable(from, window);
        if (stage.invert) for (let i = 0; i < table.length; i++) table[i] ^= OPAQUE_WHITE;
        paint(values, table, pixels);
    }

    #paint() {
        const { stage } = this;
        const { image, left, top } = this.#base;
        this.#fill();
        stage.drawer.put(image, left, top);
        stage.drawn = ''; // not what draw() makes
        this.#paintedAt = performance.now();
    }

    /** The window's numbers, and that the hand rests; drafts are asked for where the stored values are not here. */
    #tell() {
        const { stage } = this;
        const now = performance.now();
        if (stage.draft !== this.#draft && !stage.shown.values) stage.asks.plan();
        this.#draft = stage.draft;
        if (now - this.#toldAt >= (stage.following ? WORDS_THERE_EVERY_MS : WORDS_EVERY_MS)) {
            this.#toldAt = now;
            stage.overlay.showPicture(stage.state());
        }
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
            this.#rested = true;
            stage.refresh();
        }, REST_MS);
    }
}

export function attach(page) {
    page.eachStage((stage) => (stage.quick = new QuickWindow(stage)));
}
