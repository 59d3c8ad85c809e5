// stage.js - one picture area: a stack of slices on a canvas with its words, scrolled, windowed, zoomed and panned.
// The picture on the screen stays until the next one is there; what is shown and what is wanted are kept apart.

import { CanvasDrawer } from './canvas_drawer.js';
import { icon, tableFilter, make, setText } from './dom.js';
import { t } from './i18n.js';
import { attachInput } from './input.js';
import { Overlay } from './overlay.js';
import { PREFETCH_MAX_BYTES, PictureStore } from './picture_store.js';
import { SliceSlider } from './slice_slider.js';
import { isColour, StackModel } from './stack_model.js';
import { levelFor, Rendition } from './tile_source.js';
import { Viewport } from './viewport.js';
import * as voi from './window_level.js';

const PREFETCH_AT_ONCE = 32; // tiles asked for ahead; when they are here the next are chosen
const DECODE_AHEAD = 4; // slices decoded ahead of the reader, in the direction of scrolling
const DRAFT_QUALITY = 50; // while the window is being dragged
const DRAFT_EVERY_MS = 300;
const LOADING_MARK_AFTER_MS = 150;
const ZOOM_DRAG = 1.006;
const MIN_DRAG_STEP_PX = 3;
const MAX_DRAG_STEP_PX = 24;

let stages = 0;

export class Stage {
    /** callbacks: onChange() after every visible change, onTrouble(error or null) for the line. */
    constructor({ onChange, onTrouble }) {
        this.onChange = onChange;
        this.tool = 'scroll';
        this.viewport = new Viewport();
        this.stack = null;
        this.window = null; // asked for; null: each slice's own
        this.invert = false;
        this.shown = null; // {index, rendition, tiles, window, lossy, exact} or {index, problem}
        this.drag = null;
        this.frame = 0;
        this.drawn = '';
        this.store = new PictureStore({ onChange: () => this.refresh(), onTrouble, onIdle: () => this.#plan() });
        this.#build();
        this.detach = attachInput(this.area, this.#actions());
    }

    #build() {
        const { svg, filter } = tableFilter(`kh-window-${++stages}`);
        this.canvas = make('canvas', { class: 'picture' });
        this.overlay = new Overlay();
        this.loadingText = make('span');
        this.loading = make(
            'div',
            { class: 'loading', role: 'status', hidden: true },
            make('i', { class: 'spinner' }),
            this.loadingText,
        );
        this.problemTitle = make('h2');
        this.problemText = make('p');
        this.problem = make(
            'div',
            { class: 'problem', role: 'alert', hidden: true },
            icon('broken', 'icon large'),
            this.problemTitle,
            this.problemText,
        );
        this.area = make(
            'div',
            { class: 'picture-area', tabindex: '0', role: 'img', dataset: { state: 'empty' } },
            svg,
            this.canvas,
            this.problem,
            this.overlay.element,
            this.loading,
        );
        this.slider = new SliceSlider((index) => this.goTo(index));
        this.element = make('div', { class: 'stage' }, this.area, this.slider.element);
        this.drawer = new CanvasDrawer(this.canvas, filter);
        this.observer = new ResizeObserver(() => this.#resize());
        this.observer.observe(this.area);
    }

    /** Show a series from its middle slice, or from `index`. */
    open(study, series, manifest, index = null) {
        this.study = study;
        this.series = series;
        this.stack = new StackModel(manifest);
        if (index !== null) this.stack.moveTo(index);
        this.window = null;
        this.invert = false;
        this.shown = null;
        this.viewport.reset();
        this.drawn = '';
        this.drawer.clear();
        this.#resize();
        this.refresh();
    }

    /** Newer facts about what is open: more slices, another count. Place, zoom and window stay. */
    update(study, series, manifest) {
        const key = this.shown && this.stack.key(this.shown.index);
        this.study = study;
        this.series = series;
        if (manifest) {
            this.stack.replace(manifest);
            if (this.shown)
                this.shown.index = Math.max(
                    0,
                    manifest.slices.findIndex((_, index) => this.stack.key(index) === key),
                );
            this.store.loader.forgive();
        }
        this.refresh();
    }

    #reason(failure) {
        return failure.status === 503 && this.series.away > 0 ? t('problem.away') : failure.message;
    }

    close() {
        cancelAnimationFrame(this.frame);
        clearTimeout(this.loadingTimer);
        clearTimeout(this.draftTimer);
        this.observer.disconnect();
        this.detach();
        this.store.close();
    }

    /** For good: nothing is on the canvas, nothing is kept. */
    shut() {
        this.blanked = true;
        this.close();
        this.drawer.clear();
        this.stack = null;
        this.shown = null;
        this.element.remove();
    }

    goTo(index) {
        if (this.stack?.moveTo(index)) this.refresh();
    }

    scroll(steps) {
        if (this.stack?.moveBy(steps)) this.refresh();
    }

    /** window: {center, width}, one with a `lut` for a table of the file, or null for each slice's own. */
    setWindow(window) {
        this.window = window && window.lut === undefined ? voi.normalise(window) : window;
        this.refresh();
    }

    toggleInvert() {
        this.invert = !this.invert;
        this.refresh();
    }

    /** The window of the picture as the reader sees it now; null when unknown or in colour. */
    currentWindow() {
        const asked = this.stack && voi.onSlice(this.window, this.stack.slice());
        if (asked) return { center: asked.center, width: asked.width };
        const own = this.stack && this.store.fileWindow(this.stack.key());
        return own ?? this.shown?.window ?? null;
    }

    zoomBy(factor, x, y) {
        this.viewport.zoomBy(factor, x, y);
        this.refresh();
    }

    fit() {
        this.viewport.fit();
        this.refresh();
    }

    oneToOne() {
        this.viewport.oneToOne(devicePixelRatio);
        this.refresh();
    }

    rotate(quarterTurns) {
        this.viewport.rotate(quarterTurns);
        this.refresh();
    }

    flip(vertical) {
        this.viewport.flip(vertical);
        this.refresh();
    }

    /** Everything as when the series was opened, but on this slice. */
    reset() {
        this.window = null;
        this.invert = false;
        this.viewport.reset();
        this.refresh();
    }

    retry() {
        this.store.loader.forgive();
        this.refresh();
    }

    /** Nobody is there: nothing is on the canvas, in this turn. Slice, window and zoom stay; so does what is kept in memory. */
    blank(on) {
        this.blanked = on;
        this.drawn = '';
        if (on) {
            cancelAnimationFrame(this.frame);
            this.frame = 0;
            this.drawer.clear();
        } else {
            this.retry();
        }
    }

    /** Draw at the next frame, however often asked. */
    refresh() {
        if (this.frame || this.blanked) return;
        this.frame = requestAnimationFrame(() => {
            this.frame = 0;
            this.#render();
        });
    }

    #resize() {
        const { clientWidth, clientHeight } = this.area;
        if (clientWidth === 0 || clientHeight === 0) return;
        this.drawer.resize(clientWidth, clientHeight, devicePixelRatio);
        this.viewport.setView(clientWidth, clientHeight);
        if (!this.blanked) this.#render();
    }

    // ---- what is shown

    #render() {
        if (!this.stack) return;
        if (this.stack.size > 0) {
            this.#fitPicture();
            this.#choose();
            this.#plan();
            this.#draw();
        }
        this.#tell();
    }

    #fitPicture() {
        const object = this.stack.object();
        if (object.rows > 0 && object.columns > 0)
            this.viewport.setPicture(object.columns, object.rows * this.stack.pixelAspect());
    }

    /** How a slice is wanted now. */
    #target(index) {
        const { manifest } = this.stack;
        const object = this.stack.object(index);
        const level = levelFor(this.viewport.scale * devicePixelRatio, object.columns, object.rows, manifest.tile_size);
        const asked = this.drag?.draft ?? this.window;
        const window = isColour(object) ? null : voi.onSlice(asked, this.stack.slice(index));
        const quality = this.drag?.draft ? DRAFT_QUALITY : manifest.default_quality;
        return new Rendition(manifest, index, level, window, quality);
    }

    /** The part on the screen, in full-size pixels of a slice. */
    #part(index) {
        const aspect = this.stack.pixelAspect(index);
        const { left, right, top, bottom } = this.viewport.visible();
        return { left, right, top: top / aspect, bottom: bottom / aspect };
    }

    #choose() {
        const { index } = this.stack;
        const object = this.stack.object();
        const target = object.problem ? null : this.#target(index);
        const needed = target?.tiles(this.#part(index)) ?? [];
        const failure = needed.map(({ url }) => this.store.failure(url)).find(Boolean);
        if (object.problem || failure) {
            this.shown = { index, problem: object.problem || this.#reason(failure), gone: failure?.status === 404 };
            this.store.setShown([]);
            return;
        }
        const tiles = this.#decoded(needed);
        if (tiles.length === needed.length) this.#take(index, target, tiles, !this.drag?.draft);
        else this.#takeStandIn(index, target, tiles);
    }

    #decoded(tiles) {
        return tiles.map((tile) => ({ ...tile, bitmap: this.store.bitmap(tile.url) })).filter((tile) => tile.bitmap);
    }

    #take(index, rendition, tiles, exact) {
        const window = this.store.facts(tiles[0].url)?.window ?? rendition.window;
        const lossy = tiles.map(({ url }) => this.store.facts(url)?.lossy).filter(Boolean);
        this.shown = { index, rendition, tiles, window, lossy, exact, key: rendition.sliceKey };
        this.store.setShown(tiles.map((tile) => tile.url));
    }

    /** While the wanted picture is on its way: the same slice at another level or window, with what has come of the wanted one. */
    #takeStandIn(index, target, arrived) {
        for (const other of this.store.renditions(target.sliceKey)) {
            if (other.key === target.key) continue;
            const parts = other.tiles(other.level === target.level ? this.#part(index) : undefined);
            const tiles = this.#decoded(parts);
            if (tiles.length < parts.length) continue;
            this.#take(index, other, voi.same(other.window, target.window) ? [...tiles, ...arrived] : tiles, false);
            return;
        }
        const gone =
            this.shown?.problem ||
            (this.shown?.tiles && !this.shown.tiles.every((tile) => this.store.decoded.has(tile.url)));
        if (gone) this.shown = this.shown.problem ? this.shown : null;
        else if (this.shown) this.shown.exact = false;
    }

    #draw() {
        const { shown } = this;
        if (!shown || shown.problem) {
            this.drawn = '';
            this.drawer.clear();
            return;
        }
        const drawing = this.#drawingKey();
        if (drawing !== this.drawn) {
            this.drawn = drawing;
            this.drawer.draw(shown.tiles, this.viewport, this.stack.pixelAspect(shown.index));
        }
        const colour = isColour(this.stack.object(shown.index));
        const asked = voi.onSlice(this.window, this.stack.slice(shown.index));
        const wanted = asked?.lut === undefined ? (asked ?? this.store.fileWindow(shown.key)) : shown.window;
        this.drawer.adjust(colour ? null : shown.window, colour ? null : wanted, this.invert);
    }

    /** Changes when the canvas has to be drawn anew. */
    #drawingKey() {
        const { scale, offset, view, quarterTurns, flipped } = this.viewport;
        const place = [
            scale,
            offset.x,
            offset.y,
            view.width,
            view.height,
            quarterTurns,
            flipped,
            this.canvas.width,
            this.canvas.height,
        ];
        return `${place.join(' ')} ${this.shown.tiles.map((tile) => tile.url).join(' ')}`;
    }

    // ---- what is asked for

    #plan() {
        if (!this.stack || this.stack.size === 0) return;
        const items = [];
        let bytes = 0;
        let asked = 0;
        for (const index of this.stack.byNeed()) {
            if (this.stack.object(index).problem) continue;
            const first = index === this.stack.index;
            if (!first && this.drag?.kind === 'window') break;
            const rendition = this.#target(index);
            const tiles = rendition.tiles(this.#part(index));
            const missing = tiles.filter(({ url }) => {
                bytes += this.store.facts(url)?.blob.size ?? 0;
                return !this.store.received.has(url) && !this.store.failure(url);
            });
            if (missing.length > 0) items.push({ rendition, tiles: missing, urgent: first });
            asked += missing.length;
            if (asked >= PREFETCH_AT_ONCE || bytes > PREFETCH_MAX_BYTES) break;
        }
        this.store.want(items);
        this.#decodeAhead();
    }

    #decodeAhead() {
        for (let step = 1; step <= DECODE_AHEAD; step++) {
            const index = this.stack.index + step * this.stack.direction;
            if (index < 0 || index >= this.stack.size || this.stack.object(index).problem) break;
            for (const { url } of this.#target(index).tiles(this.#part(index))) this.store.decode(url);
        }
    }

    // ---- what is told

    #tell() {
        const { area, shown, stack } = this;
        const waiting =
            stack.size > 0 && !(shown?.index === stack.index && (shown.problem || shown.exact || this.drag?.draft));
        area.dataset.state = shown?.problem ? 'problem' : waiting ? 'loading' : shown ? 'ready' : 'empty';
        area.dataset.slice = shown ? String(shown.index + 1) : '';
        this.#tellLoading(waiting);
        this.#tellProblem(shown?.problem, shown?.gone);
        this.overlay.show({
            study: this.study,
            series: this.series,
            stack,
            shown: this.#described(),
            viewport: this.viewport,
        });
        this.slider.show(stack.size, stack.index, (index) => this.store.has(stack.key(index)));
        area.setAttribute('aria-label', t('overlay.image', { n: stack.index + 1, all: stack.size }));
        this.onChange();
    }

    #described() {
        if (!this.shown || this.shown.problem) return this.shown;
        const asked = voi.onSlice(this.window, this.stack.slice(this.shown.index));
        const window = asked ?? this.store.fileWindow(this.shown.key) ?? this.shown.window;
        return { ...this.shown, window };
    }

    /** A mark only when waiting lasts: at the speed of reading it would flicker. */
    #tellLoading(waiting) {
        if (!waiting) {
            clearTimeout(this.loadingTimer);
            this.loadingTimer = 0;
            this.loading.hidden = true;
            return;
        }
        setText(this.loadingText, t('viewer.loading', { n: this.stack.index + 1 }));
        if (!this.loadingTimer)
            this.loadingTimer = setTimeout(() => (this.loading.hidden = false), LOADING_MARK_AFTER_MS);
    }

    #tellProblem(problem, gone) {
        this.problem.hidden = !problem;
        if (!problem) return;
        setText(this.problemTitle, t(gone ? 'problem.gone' : 'problem.title'));
        setText(this.problemText, problem);
    }

    // ---- the reader's hands

    #actions() {
        return {
            tool: () => this.tool,
            scroll: (steps) => this.scroll(steps),
            zoom: (factor, x, y) => this.zoomBy(factor, x, y),
            pan: (dx, dy) => {
                this.viewport.pan(dx, dy);
                this.refresh();
            },
            dragStart: (kind) => this.#dragStart(kind),
            drag: (kind, by) => this.#dragMove(kind, by),
            dragEnd: (kind, cancelled) => this.#dragEnd(kind, cancelled),
        };
    }

    #dragStart(kind) {
        if (!this.stack) return;
        this.drag = { kind, window: this.currentWindow(), before: this.window, index: this.stack.index, draft: null };
        this.area.dataset.drag = kind;
    }

    #dragMove(kind, by) {
        if (!this.drag) return;
        if (kind === 'scroll') this.#dragScroll(by.totalY);
        else if (kind === 'window') this.#dragWindow(by.totalX, by.totalY);
        else if (kind === 'zoom') this.viewport.zoomBy(ZOOM_DRAG ** -by.dy, by.x, by.y);
        else if (kind === 'pan') this.viewport.pan(by.dx, by.dy);
        this.refresh();
    }

    #dragScroll(totalY) {
        const step = Math.min(
            MAX_DRAG_STEP_PX,
            Math.max(MIN_DRAG_STEP_PX, this.viewport.view.height / this.stack.size),
        );
        this.stack.moveTo(this.drag.index + Math.trunc(totalY / step));
    }

    #dragWindow(totalX, totalY) {
        if (!this.drag.window || isColour(this.stack.object())) return;
        this.window = voi.drag(this.drag.window, totalX, totalY);
        if (this.drag.draft === null) this.drag.draft = this.window;
        if (!this.draftTimer) this.draftTimer = setTimeout(() => this.#nextDraft(), DRAFT_EVERY_MS);
    }

    #nextDraft() {
        this.draftTimer = 0;
        if (!this.drag?.draft || voi.same(this.drag.draft, this.window)) return;
        this.drag.draft = this.window;
        this.refresh();
    }

    #dragEnd(kind, cancelled) {
        if (cancelled && kind === 'window' && this.drag) this.window = this.drag.before;
        this.drag = null;
        clearTimeout(this.draftTimer);
        this.draftTimer = 0;
        delete this.area.dataset.drag;
        this.refresh();
    }
}
