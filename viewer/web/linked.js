// linked.js - a part of the viewer: areas that follow the one in the reader's hands (scroll, window, zoom), reference lines, and the same point of the
// patient in all of them.

import * as format from './format.js';
import { t } from './i18n.js';
import { keyFor } from './keymap.js';
import { planeOf, sliceAt, toPatient } from './planes.js';
import { ReferenceLines } from './reference_lines.js';
import { linkOf, offsetOf, pairKey, placePaired, slicePaired, windowShared } from './sync.js';

const OFFSETS_MAX = 60; // pairs that are kept of a person; the oldest go
const WAYS = ['scroll', 'window', 'zoom', 'turn'];
const OFF_AT_FIRST = ['turn']; // a picture is turned because it alone lies wrongly, mostly

class Linked {
    constructor(page) {
        this.page = page;
        this.lines = new Map(); // stage -> ReferenceLines
        this.marked = null; // {point, frameOfReference}: shown in all areas
        this.notes = new Map(); // stage -> what its tile says of the link
        this.asked = 0; // an animation frame
        const saved = page.settings?.get('layout')?.sync ?? {};
        this.on = saved.on ?? true;
        this.ways = new Set(WAYS.filter((way) => saved[way] ?? !OFF_AT_FIRST.includes(way)));
        this.linesOn = saved.lines ?? true;
    }

    // ---- what the page tells

    hear(what, detail) {
        if (what === 'move') this.#moved(detail.stage, detail.what, detail.turn);
        if (what === 'click' && (detail.event.shiftKey || this.page.tool === 'localise')) this.localise(detail.stage, detail.point);
        if (what === 'open') this.#opened(detail.tile);
        if (['change', 'active', 'layout', 'closed'].includes(what)) this.#askDraw();
        if (what === 'shut') this.close();
    }

    close() {
        cancelAnimationFrame(this.asked);
        this.marked = null;
        this.lines.clear();
    }

    addTo(stage) {
        const layer = new ReferenceLines({
            reference: () => (this.linesOn && this.page.stage !== stage ? this.#activePlane() : null),
            point: () => this.marked,
        });
        this.lines.set(stage, layer);
        layer.close = () => this.lines.delete(stage);
        stage.addLayer(layer);
        stage.addLayer(this.#localiser(stage));
    }

    #activePlane() {
        const { stage } = this.page;
        return stage?.stack && stage.stack.size > 0 ? planeOf(stage.stack) : null;
    }

    #askDraw() {
        this.asked ||= requestAnimationFrame(() => {
            this.asked = 0;
            for (const layer of this.lines.values()) layer.draw();
            this.#tellLinks();
        });
    }

    // ---- following

    #side(stage) {
        const tile = this.page.grid.tiles.find((one) => one.stage === stage);
        if (!tile?.shows || !stage.stack || stage.stack.size === 0) return null;
        const { series, set } = tile.shows;
        return { stack: stage.stack, viewport: stage.viewport, uid: set > 0 ? `${series.uid}.${set}` : series.uid };
    }

    #others(stage) {
        return this.page.grid.tiles.map((tile) => tile.stage).filter((other) => other && other !== stage && this.#side(other));
    }

    #offset(a, b) {
        return (this.page.settings?.get('offsets') ?? {})[pairKey(a, b)];
    }

    #moved(stage, what, turn) {
        const a = this.#side(stage);
        if (what === 'scroll' && this.marked) this.#mark(null);
        if (!a || !this.on) return;
        for (const other of this.#others(stage)) this.#follow(stage, a, other, what, turn);
    }

    #follow(stage, a, other, what, turn) {
        const b = this.#side(other);
        const link = linkOf(a, b, this.#offset(a, b));
        if (what === 'scroll' && this.ways.has('scroll')) {
            const found = slicePaired(a, b, this.#offset(a, b));
            if (found) other.follow({ index: found.index });
            this.notes.set(other, found && !found.inside ? 'past' : '');
        }
        const lut = stage.window?.lut !== undefined;
        if (what === 'window' && this.ways.has('window') && !lut && windowShared(a, b))
            other.follow({ window: stage.window, draft: stage.draft });
        if (what === 'zoom' && this.ways.has('zoom')) {
            const place = placePaired(a, b, link);
            if (place && link !== '') other.follow({ place });
        }
        if (what === 'turn' && this.ways.has('turn') && link !== '') other.follow({ turn });
    }

    /** A picture that comes to those that are open goes to their place. */
    #opened(tile) {
        const active = this.page.stage;
        const lead = tile.stage === active ? this.#others(active)[0] : active;
        const [a, b] = [lead && this.#side(lead), this.#side(tile.stage)];
        if (!a || !b || !this.on || !this.ways.has('scroll') || lead === tile.stage || tile.placed) return;
        if (linkOf(a, b, this.#offset(a, b)) === '') return;
        const found = slicePaired(a, b, this.#offset(a, b));
        if (found?.inside) tile.stage.follow({ index: found.index });
    }

    // ---- by hand

    /** The slices on the screen belong together from now on, for this person. */
    linkHere() {
        const { stage, settings } = this.page;
        const a = stage && this.#side(stage);
        if (!a) return;
        let offsets = { ...settings?.get('offsets') };
        for (const other of this.#others(stage)) {
            const b = this.#side(other);
            if (linkOf(a, b, { mm: 0 }) !== 'hand') continue;
            const key = pairKey(a, b);
            delete offsets[key];
            offsets[key] = offsetOf(a, b);
        }
        offsets = Object.fromEntries(Object.entries(offsets).slice(-OFFSETS_MAX));
        settings?.set('offsets', offsets);
        this.on = true;
        this.ways.add('scroll');
        this.#save();
    }

    unlink() {
        const { stage, settings } = this.page;
        const a = stage && this.#side(stage);
        if (!a) return;
        const offsets = { ...settings?.get('offsets') };
        for (const other of this.#others(stage)) delete offsets[pairKey(a, this.#side(other))];
        settings?.set('offsets', offsets);
    }

    toggle(way) {
        if (way === 'on') this.on = !this.on;
        else if (way === 'lines') this.linesOn = !this.linesOn;
        else if (!this.ways.delete(way)) this.ways.add(way);
        this.#save();
    }

    #save() {
        const sync = { on: this.on, lines: this.linesOn, ...Object.fromEntries(WAYS.map((way) => [way, this.ways.has(way)])) };
        this.page.settings?.set('layout', { ...this.page.settings.get('layout'), sync });
        this.#askDraw();
    }

    menuItems() {
        const { page } = this;
        const check = (way, on) => ({ label: t(`sync.${way}`), checked: on, stays: false, action: `sync.${way}`, run: () => page.commands.run(`sync.${way}`) });
        return [
            { title: t('sync.title') },
            check('on', this.on),
            ...WAYS.map((way) => check(way, this.ways.has(way))),
            { title: t('sync.byHand') },
            { label: t('action.syncHere'), action: 'syncHere', key: keyFor('syncHere'), run: () => page.commands.run('syncHere') },
            { label: t('action.syncOff'), action: 'syncOff', run: () => page.commands.run('syncOff') },
            { title: t('sync.space') },
            { ...check('lines', this.linesOn), key: keyFor('sync.lines') },
        ];
    }

    // ---- one point in all

    #localiser(stage) {
        const element = document.createElement('div');
        const go = (point) => this.localise(stage, point);
        const gesture = { move: go, end: () => {} };
        return {
            element,
            show: () => {},
            grab: (point, event) => {
                if (this.page.tool !== 'localise' || event.button !== 0) return null;
                go(point);
                return gesture;
            },
        };
    }

    /** The point under (x, y) of an area's view, in all others. */
    localise(stage, { x, y }) {
        const plane = stage.shown && !stage.shown.problem ? planeOf(stage.stack, stage.shown.index) : null;
        if (!plane || !plane.frameOfReference) return;
        const at = stage.viewport.toPicture(x, y);
        const pixelY = at.y / stage.stack.pixelAspect(stage.shown.index);
        if (at.x < 0 || pixelY < 0 || at.x > plane.columns || pixelY > plane.rows) return;
        const point = toPatient(plane, at.x, pixelY);
        for (const other of this.#others(stage)) {
            const found = sliceAt(other.stack, point, plane);
            if (found?.inside) other.follow({ index: found.index });
            this.notes.set(other, found && !found.inside ? 'past' : '');
        }
        this.#mark({ point, frameOfReference: plane.frameOfReference });
    }

    #mark(marked) {
        this.marked = marked;
        this.#askDraw();
    }

    // ---- words

    #tellLinks() {
        const { grid, stage } = this.page;
        const a = stage && this.#side(stage);
        for (const tile of grid.tiles) {
            const b = tile.stage && this.#side(tile.stage);
            const others = a && b && tile.stage !== stage && this.on && this.ways.has('scroll');
            tile.setLink(others ? this.#linkText(a, b, tile.stage) : '');
        }
    }

    #linkText(a, b, stage) {
        const offset = this.#offset(a, b);
        const link = linkOf(a, b, offset);
        if (link === '') return '';
        if (this.notes.get(stage) === 'past') return t('sync.past');
        if (link === 'place') return t('sync.place');
        return offset.mm === undefined ? t('sync.handSlices', { n: offset.slices }) : t('sync.hand', { mm: format.number(Math.abs(offset.mm), 1) });
    }
}

export function attach(page) {
    const linked = new Linked(page);
    page.linked = linked;
    const many = () => page.grid.stages.length > 1;
    const toggles = Object.fromEntries(
        ['on', 'lines', ...WAYS].map((way) => [
            `sync.${way}`,
            {
                run: () => linked.toggle(way),
                pressed: () => (way === 'on' ? linked.on : way === 'lines' ? linked.linesOn : linked.ways.has(way)),
                enabled: () => Boolean(page.study),
            },
        ]),
    );
    page.commands.add({
        ...toggles,
        syncHere: { run: () => linked.linkHere(), enabled: many },
        syncOff: { run: () => linked.unlink(), enabled: many },
        'tool.localise': { run: () => page.setTool('localise'), pressed: () => page.tool === 'localise' },
    });
    page.eachStage((stage) => linked.addTo(stage));
    page.toolbar.add(
        { name: 'links', keep: 6, items: ['tool.localise', { menu: 'sync', items: () => linked.menuItems(), enabled: many }] },
        'layouts',
    );
    page.listen((what, detail) => linked.hear(what, detail));
    return { close: () => linked.close() };
}
