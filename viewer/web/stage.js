// stage.js - one picture area: a stack of slices on a canvas with its words, scrolled, windowed, zoomed and panned.
// The picture on the screen stays until the next one is there; what is shown and what is wanted are kept apart.

import { losslessUrl } from './api.js';
import { CanvasDrawer } from './canvas_drawer.js';
import { make } from './dom.js';
import { ExactPainter } from './exact_painter.js';
import { t } from './i18n.js';
import { attachInput } from './input.js';
import { Overlay } from './overlay.js';
import { SliceSlider } from './slice_slider.js';
import { Hands } from './stage_hands.js';
import { isColour, StackModel } from './stack_model.js';
import { overlays, StageAsks } from './stage_asks.js';
import { stageParts } from './stage_parts.js';
import { StageWords } from './stage_words.js';
import { Viewport } from './viewport.js';
import * as voi from './window_level.js';

let stages = 0;

export class Stage {
    /** shares: the page's PictureShares. callbacks: onChange() after every visible change, onMove(what) when the reader changed the place:
     *  "scroll", "window", "zoom", "turn" with how; onClick(point, event, state) of a press that moved nothing and no layer took. */
    constructor({ shares, onChange, onMove = () => {}, onClick = () => {} }) {
        this.onChange = onChange;
        this.onMove = onMove;
        this.onClick = onClick;
        this.tool = 'scroll';
        this.viewport = new Viewport();
        this.stack = null;
        this.window = null; // asked for; null: each slice's own
        this.invert = false;
        this.shown = null; // {index, rendition, tiles, window, lossy, exact} or {index, problem}
        this.drag = null; // what the hands are doing (stage_hands.js)
        this.measured = false;
        this.following = null; // a window that is being dragged in another area
        this.quick = null; // quick_window.js, once it is here
        this.layers = []; // above the picture, the last one on top
        this.applied = null; // a presentation state (states/applied.js): {look(index), arrange(), leave()}
        this.frame = 0;
        this.drawn = '';
        this.shares = shares;
        this.store = shares.store;
        this.share = shares.open({ onChange: () => this.#came(), onIdle: () => this.asks.plan() });
        this.asks = new StageAsks(this);
        this.painter = new ExactPainter();
        this.#build();
        this.hands = new Hands(this);
        this.detach = attachInput(this.area, this.hands);
    }

    #build() {
        Object.assign(this, stageParts(`kh-window-${++stages}`));
        this.words = new StageWords(this);
        this.overlay = new Overlay();
        this.area.insertBefore(this.overlay.element, this.loading);
        this.slider = new SliceSlider((index) => this.goTo(index));
        this.element = make('div', { class: 'stage' }, this.area, this.slider.element);
        this.drawer = new CanvasDrawer(this.canvas, this.filter);
        this.observer = new ResizeObserver(() => this.#resize());
        this.observer.observe(this.area);
    }

    /** Something that lies above the picture: marks, reference lines, a magnifier. A layer has
     *    element            laid over the area (class "layer"); where the pointer goes is told by grab, never by the element
     *    show(state)        after every change: {study, series, stack, shown, viewport}; shown is null while nothing is on the screen
     *    grab?(point, event, state)  a press at point (CSS pixels of the area): {move(point, event), end(point, event, cancelled)} takes the
     *                       drag from the tool, null leaves it; the layer on top is asked first
     *    hover?(point, event, state) the pointer passes without a press
     *    close?()           for good */
    addLayer(layer) {
        layer.element.classList.add('layer');
        this.layers.push(layer);
        this.area.insertBefore(layer.element, this.overlay.element);
        if (this.stack) layer.show(this.state());
    }

    /** What layers and others are shown. */
    state() {
        return { study: this.study, series: this.series, stack: this.stack, shown: this.#described(), viewport: this.viewport };
    }

    /** Show a series from its middle slice, or from `index`. */
    open(study, series, manifest, index = null) {
        this.study = study;
        this.series = series;
        this.stack = new StackModel(manifest);
        if (index !== null) this.stack.moveTo(index);
        this.#leave();
        this.window = null;
        this.invert = false;
        this.shown = null;
        this.fullAt = null; // when the first full picture was there
        this.viewport.reset();
        this.drawn = '';
        this.drawer.clear();
        this.asks.opened();
        if (this.measured) this.#render();
        else this.#resize();
        this.refresh();
    }

    /** The picture that a series opens with, most likely, asked for while its manifest is on the way (series.opening tells enough of it). */
    expect({ id, opening }) {
        if (this.stack || this.blanked) return;
        const { object, frame, tile_size, default_quality, ...facts } = opening;
        this.stack = new StackModel({ series: id, tile_size, default_quality, objects: [{ id: object, ...facts }], slices: [{ object: 0, frame }] });
        this.#measure();
        this.#fitPicture();
        this.asks.first();
        this.stack = null;
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
            this.store.forgive();
        }
        this.refresh();
    }

    #reason(failure) {
        return failure.status === 503 && this.series.away > 0 ? t('problem.away') : failure.message;
    }

    close() {
        cancelAnimationFrame(this.frame);
        this.words.stop();
        this.hands.stop();
        this.asks.stop();
        this.observer.disconnect();
        this.detach();
        for (const layer of this.layers) layer.close?.();
        this.quick?.close();
        this.share.close();
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

    /** The window being dragged, here or in an area that this one follows; null when none is. */
    get draft() {
        return this.drag?.draft ?? this.following;
    }

    /** Is the window being dragged, here or there? */
    get windowing() {
        return this.drag?.kind === 'window' || this.following !== null;
    }

    goTo(index) {
        if (this.stack?.moveTo(index)) this.moved('scroll');
    }

    scroll(steps) {
        if (this.stack?.moveBy(steps)) this.moved('scroll');
    }

    /** The reader moved something: it is drawn, and told to whoever follows. turn: of "turn", what was done. */
    moved(what, turn) {
        this.refresh();
        this.onMove(what, turn);
    }

    /** Do as another area does; nobody is told. index: a slice. window, draft: as they are there, draft null when its drag has ended.
     *  place: {scale, x, y}, the point of the picture in the middle; or "fit". turn: as moved() tells it. */
    follow({ index, window, draft, place, turn }) {
        if (!this.stack) return;
        if (index !== undefined) this.stack.moveTo(index);
        if (window !== undefined) {
            this.window = window;
            this.following = draft ?? null;
        }
        if (place === 'fit') this.viewport.fit();
        else if (place) this.viewport.centreOn(place.scale, place.x, place.y);
        if (turn) this.viewport.turnBy(turn);
        this.refresh();
    }

    /** window: {center, width}, one with a `lut` for a table of the file, or null for each slice's own. */
    setWindow(window) {
        this.window = window && window.lut === undefined ? voi.normalise(window) : window;
        this.moved('window');
    }

    toggleInvert() {
        this.invert = !this.invert;
        this.refresh();
    }

    /** The window of the picture as the reader sees it now; null when unknown or in colour. */
    currentWindow() {
        const asked = this.stack && voi.onSlice(this.window, this.stack.slice());
        if (asked) return { center: asked.center, width: asked.width };
        const own = this.stack && this.store.fileWindow(this.#keyOf(this.stack.index));
        return own ?? this.shown?.window ?? null;
    }

    zoomBy(factor, x, y) {
        this.viewport.zoomBy(factor, x, y);
        this.moved('zoom');
    }

    fit() {
        this.viewport.fit();
        this.moved('zoom');
    }

    pan(dx, dy) {
        this.viewport.pan(dx, dy);
        this.moved('zoom');
    }

    /** So large that `scale` CSS pixels are one unit of the picture. */
    zoomTo(scale) {
        this.viewport.zoomTo(scale, this.viewport.view.width / 2, this.viewport.view.height / 2);
        this.moved('zoom');
    }

    oneToOne() {
        this.viewport.oneToOne(devicePixelRatio);
        this.moved('zoom');
    }

    rotate(quarterTurns) {
        this.#turn({ quarterTurns });
    }

    flip(vertical) {
        this.#turn({ flip: vertical ? 'vertical' : 'horizontal' });
    }

    #turn(turn) {
        this.viewport.turnBy(turn);
        this.moved('turn', turn);
    }

    /** How a slice is asked for beside its window: more of a tile's query. */
    look(index) {
        return (this.applied?.look(index) ?? '') + (overlays.hidden && this.stack.object(index)?.overlays ? '&overlays=0' : '');
    }

    #keyOf(index) {
        return this.stack.key(index) + this.look(index);
    }

    #leave() {
        this.applied?.leave();
        this.applied = null;
    }

    /** Everything as when the series was opened, but on this slice. */
    reset() {
        this.#leave();
        this.window = null;
        this.invert = false;
        this.viewport.reset();
        this.refresh();
        for (const what of ['window', 'turn', 'zoom']) this.onMove(what, { upright: true });
    }

    retry() {
        this.store.forgive();
        this.refresh();
    }

    /** Nobody is there: nothing is on the canvas, in this turn. Slice, window and zoom stay; so does what is kept in memory. */
    blank(on) {
        this.blanked = on;
        this.drawn = '';
        for (const layer of this.layers) layer.element.hidden = on;
        if (on) {
            cancelAnimationFrame(this.frame);
            this.frame = 0;
            this.drawer.clear();
            this.share.want([]);
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

    /** Something that was asked for: the page's first picture waits for no frame, what comes later shares one. */
    #came() {
        if (this.stack && this.fullAt === null && this.shares.count === 1 && !this.blanked) this.#render();
        else this.refresh();
    }

    /** False where there is no room for a picture. */
    #measure() {
        const { clientWidth, clientHeight } = this.area;
        if (clientWidth === 0 || clientHeight === 0) return false;
        this.drawer.resize(clientWidth, clientHeight, devicePixelRatio);
        this.viewport.setView(clientWidth, clientHeight);
        this.measured = true;
        return true;
    }

    #resize() {
        if (this.#measure() && !this.blanked) this.#render();
    }

    // ---- what is shown

    #render() {
        if (!this.stack) return;
        if (this.stack.size > 0) {
            this.#fitPicture();
            this.applied?.arrange();
            this.#choose();
            if (this.quick?.show()) return;
            this.#draw();
            this.asks.plan();
        }
        this.#tell();
    }

    #fitPicture() {
        const object = this.stack.object();
        if (object.rows > 0 && object.columns > 0)
            this.viewport.setPicture(object.columns, object.rows * this.stack.pixelAspect());
    }

    #choose() {
        const { index } = this.stack;
        const object = this.stack.object();
        const target = object.problem ? null : this.asks.target(index);
        if (target && this.#takeExact(index, target)) return;
        const needed = target?.tiles(this.asks.part(index)) ?? [];
        const failure = needed.map(({ url }) => this.store.failure(url)).find(Boolean);
        if (object.problem || failure) {
            this.shown = { index, problem: object.problem || this.#reason(failure), gone: failure?.status === 404, video: object.video === true };
            this.share.setShown([]);
            return;
        }
        const tiles = this.#decoded(needed);
        if (tiles.length === needed.length) this.#take(index, target, tiles, !this.draft);
        else this.#takeStandIn(index, target, tiles);
    }

    /** Made here of the slice's stored values, in whichever window. */
    #takeExact(index, target) {
        if (isColour(this.stack.object(index))) return false;
        const url = losslessUrl(target.series, target.sliceKey, target.look);
        const asked = voi.onSlice(this.window, this.stack.slice(index));
        const slice = this.store.slice(url, asked);
        if (!slice) return false;
        const window = asked ?? slice.facts.window;
        const paint = () => this.painter.paint(url, slice, window);
        const whole = { left: 0, top: 0, right: target.columns, bottom: target.rows };
        const tile = { url: `${url} ${window.center} ${window.width}`, ...whole, made: true, get bitmap() { return paint(); } };
        const values = { url, facts: slice.facts, values: slice.values };
        this.shown = { index, rendition: target, tiles: [tile], values, window, lossy: [slice.lossy], exact: true, step: 'exact', key: target.lookKey };
        this.share.setShown([url]);
        return true;
    }

    #decoded(tiles) {
        return tiles.map((tile) => ({ ...tile, bitmap: this.store.bitmap(tile.url) })).filter((tile) => tile.bitmap);
    }

    #take(index, rendition, tiles, exact) {
        const window = this.store.facts(tiles[0].url)?.window ?? rendition.window;
        const lossy = tiles.map(({ url }) => this.store.facts(url)?.lossy).filter(Boolean);
        this.shown = { index, rendition, tiles, window, lossy, exact, step: exact ? 'full' : 'stand-in', key: rendition.lookKey };
        if (exact) this.fullAt ??= performance.now();
        this.share.setShown(tiles.map((tile) => tile.url));
    }

    /** While the wanted picture is on its way: the same slice at another level or window, with what has come of the wanted one. One in the wanted window is
     *  better than one that is not, then a finer one. */
    #takeStandIn(index, target, arrived) {
        const rank = (one) => [!voi.same(one.window, target.window), one.level];
        const others = this.store.renditions(target.lookKey).sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
        for (const other of others) {
            if (other.key === target.key) continue;
            const parts = other.tiles(other.level === target.level ? this.asks.part(index) : undefined);
            const tiles = this.#decoded(parts);
            if (tiles.length < parts.length) continue;
            this.#take(index, other, voi.same(other.window, target.window) ? [...tiles, ...arrived] : tiles, false);
            return;
        }
        const gone = this.shown?.problem || (this.shown?.tiles && !this.shown.tiles.every((tile) => tile.made || this.store.isDecoded(tile.url)));
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

    #drawingKey() {
        return `${this.drawingPlace()} ${this.shown.tiles.map((tile) => tile.url).join(' ')}`;
    }

    /** Changes when the canvas has to be drawn anew although its tiles stay. */
    drawingPlace() {
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
        return place.join(' ');
    }

    // ---- what is told

    #tell() {
        const { stack } = this;
        this.words.tell();
        const state = this.state();
        this.overlay.show(state);
        for (const layer of this.layers) layer.show(state);
        this.slider.show(stack.size, stack.index, (index) => stack === this.stack && this.store.has(this.#keyOf(index)));
        this.onChange();
    }

    #described() {
        if (!this.shown || this.shown.problem) return this.shown;
        const asked = voi.onSlice(this.window, this.stack.slice(this.shown.index));
        const window = asked ?? this.store.fileWindow(this.shown.key) ?? this.shown.window;
        return { ...this.shown, window };
    }
}
