// layer.js - the marks on one picture area: drawn, taken hold of, moved. What a press does is in gestures.js.

import { make } from '../dom.js';
import { onLanguage, t } from '../i18n.js';
import { Figure } from './figure.js';
import { drawing, editing, movingLabel } from './gestures.js';
import { hit, REACH_PX, TOUCH_REACH_PX } from './hit.js';
import { boxAt, placeAtVertex, placeLabel, within } from './label_place.js';
import { labelLines, sourceText, spacingLines, wrap } from './label_text.js';
import { Loupe } from './loupe.js';
import { bounds, handles, isWhole, KINDS, middles, outline } from './shapes.js';
import { svg } from './svg.js';
import { editText } from './text_editor.js';

const HANDLE_PX = 5;
const TOUCH_HANDLE_PX = 10;
const DRAWN_SHARE = 0.7; // of that is a point of a drawn outline, of which there are many
const APART_PX = 30; // two of them on the screen, to have another one offered between them
const TOUCH_APART_PX = 60;
const AGAIN_MS = 500; // two presses within this are a double one, as desktops have it
const KEY_TOP_PX = 40;
const CROSS_PX = 9;
const TEXT_MAX_PX = 300; // longer texts are broken into lines

/** Of a probe, the cross around its pixel. */
const padded = ([[x, y]]) => ({ left: x - CROSS_PX, top: y - CROSS_PX, right: x + CROSS_PX, bottom: y + CROSS_PX });

export class MarksLayer {
    constructor(stage, desk) {
        this.stage = stage;
        this.desk = desk;
        this.svg = svg('svg', { class: 'marks-drawing' });
        this.loupe = new Loupe(stage.canvas);
        this.element = make('div', { class: 'marks-layer' }, this.svg, this.loupe.element);
        this.figures = new Map(); // mark id -> Figure
        this.looks = []; // of the marks on the screen, the last one on top
        this.state = null;
        this.touch = false;
        this.drawing = null; // a mark that is being drawn: {draft, mark, key}
        this.hovered = null;
        this.pen = document.createElement('canvas').getContext('2d');
        this.stopLanguage = onLanguage(() => this.refresh());
        stage.area.setAttribute('role', 'group'); // what lies in a picture (role img) is not told to anybody
        this.onDouble = (event) => (desk.draws(stage) || this.pressedTwice) && event.preventDefault();
        stage.area.addEventListener('dblclick', this.onDouble);
        desk.layers.add(this);
    }

    close() {
        cancelAnimationFrame(this.frame);
        this.stopLanguage();
        this.stage.area.removeEventListener('dblclick', this.onDouble);
        this.desk.layers.delete(this);
        this.element.remove();
    }

    // ---- places

    get isReady() {
        return Boolean(this.state?.shown && !this.state.shown.problem);
    }

    get object() {
        return this.state.stack.object(this.state.shown.index);
    }

    get slice() {
        return this.state.stack.slice(this.state.shown.index);
    }

    /** What shapes.js calls a frame. */
    get frameSize() {
        const { columns, rows } = this.object;
        return { columns, rows, aspect: this.state.stack.pixelAspect(this.state.shown.index) };
    }

    get key() {
        return `${this.object.sop_uid} ${this.slice.frame}`;
    }

    toView([x, y]) {
        const { viewport, stack, shown } = this.state;
        const place = viewport.toView(x, y * stack.pixelAspect(shown.index));
        return [place.x, place.y];
    }

    toFrame([x, y]) {
        const { viewport, stack, shown } = this.state;
        const place = viewport.toPicture(x, y);
        return [place.x, place.y / stack.pixelAspect(shown.index)];
    }

    // ---- drawing

    show(state) {
        this.state = state;
        if (this.drawing && (!this.isReady || this.key !== this.drawing.key)) this.stopDrawing();
        this.render();
    }

    refresh() {
        if (this.frame) return;
        this.frame = requestAnimationFrame(() => {
            this.frame = 0;
            this.render();
        });
    }

    /** What is taken hold of is what is there now, not what the last frame showed: a press may come before the next one. */
    #settle() {
        if (!this.frame) return;
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.render();
    }

    render() {
        const marks = this.isReady && !this.desk.hidden ? this.#marksHere() : [];
        if (marks.length === 0 && this.looks.length === 0) return;
        this.#measureFont();
        this.looks = this.#arrange(marks);
        const shown = new Set(marks.map(({ id }) => id));
        for (const [id, figure] of this.figures) {
            if (shown.has(id)) continue;
            figure.element.remove();
            this.figures.delete(id);
        }
        for (const look of this.looks) this.#figure(look.id).show(look);
    }

    /** What a presentation state draws is not drawn twice while it is applied. */
    #marksHere() {
        const marks = this.desk.on(this.state.study.id, this.object.sop_uid, this.slice.frame);
        return this.stage.applied?.on(this.state.shown.index) ? marks.filter(({ form }) => form !== 'GSPS') : marks;
    }

    #figure(id) {
        let figure = this.figures.get(id);
        if (!figure) {
            figure = new Figure(id);
            this.figures.set(id, figure);
            this.svg.append(figure.element);
        }
        return figure;
    }

    #measureFont() {
        const { fontSize, fontFamily } = getComputedStyle(this.svg);
        this.fontPx = parseFloat(fontSize) || 13;
        this.pen.font = `${this.fontPx}px ${fontFamily}`;
    }

    #arrange(marks) {
        const looks = marks.map((mark) => this.#look(mark));
        const around = looks.map(({ kind, points, lines }) => (kind === 'probe' ? padded(points) : bounds(lines.flat().length > 0 ? lines.flat() : points)));
        const taken = marks.length > 0 ? this.#words() : [];
        if (this.loupe.box) taken.push(this.loupe.box);
        let keys = 0;
        looks.forEach((look, index) => {
            const others = around.filter((box, other) => box && other !== index);
            look.label = this.#label(look, around[index], taken, others, look.kind === 'key' ? keys++ : 0);
            if (look.label) taken.push(look.label.box);
        });
        return looks;
    }

    #look(mark) {
        const { desk } = this;
        const own = Boolean(mark.author?.mine);
        const selected = own && desk.selected?.id === mark.id;
        const live = desk.live?.mark.id === mark.id;
        const known = desk.known(mark, this.slice, this.object);
        const lines = isWhole(mark) ? labelLines(mark, known.found, known.state, known.scale) : [];
        const classes = [own ? 'own' : 'other', selected && 'selected', live && 'live', this.hovered === mark.id && 'hovered'].filter(Boolean);
        const whole = !(this.drawing && this.drawing.mark.id === mark.id);
        return {
            id: mark.id,
            mark,
            kind: mark.kind,
            own,
            selected,
            classes,
            points: mark.points.map((point) => this.toView(point)),
            lines: outline(mark).map((line) => line.map((point) => this.toView(point))),
            handles: selected && whole && !live ? this.#handles(mark) : [],
            handleRadius: (this.touch ? TOUCH_HANDLE_PX : HANDLE_PX) * (mark.kind === 'freehand' ? DRAWN_SHARE : 1),
            handleName: t('marks.handle'),
            text: this.#wrapped(mark.kind === 'key' ? [{ text: `★ ${t('action.tool.key')}`, kind: 'key' }, ...lines] : lines),
            more: (selected || live) && lines.length > 0 ? spacingLines(mark.kind, known.scale) : [],
            name: this.#name(mark, lines, known.found),
        };
    }

    /** Points of a drawn outline lie close: only between those that are apart is there room for one more. */
    #handles(mark) {
        const seen = handles(mark).map(({ id, point }) => ({ id, point: this.toView(point) }));
        const apart = (index) => {
            const [a, b] = [seen[index].point, seen[(index + 1) % seen.length].point];
            return Math.hypot(a[0] - b[0], a[1] - b[1]) >= (this.touch ? TOUCH_APART_PX : APART_PX);
        };
        return [...seen, ...middles(mark).filter((_, index) => apart(index)).map(({ id, point }) => ({ id, point: this.toView(point), adds: true }))];
    }

    #wrapped(lines) {
        const width = (text) => this.pen.measureText(text).width;
        return lines.flatMap(({ text, kind }) => wrap(text, width, TEXT_MAX_PX).map((line) => ({ text: line, kind })));
    }

    #name(mark, lines, found) {
        const parts = [t(`action.tool.${mark.kind}`), ...lines.map(({ text }) => text)];
        if (found.spacing_source) parts.push(sourceText(found.spacing_source));
        return parts.join(', ');
    }

    #label(look, around, taken, others, row) {
        if (look.text.length === 0) return null;
        const lineHeight = Math.round(this.fontPx * 1.35);
        const width = Math.ceil(Math.max(...look.text.map(({ text }) => this.pen.measureText(text).width)));
        const size = { width, height: lineHeight * look.text.length };
        const lines = [...look.text, ...look.more]; // what is more hangs below: nothing moves when a mark is chosen
        const plateWidth = Math.max(width, ...look.more.map(({ text }) => this.pen.measureText(text).width));
        const about = { lines, lineHeight, plateWidth, ascent: Math.round(this.fontPx * 1.02) };
        const { view } = this.state.viewport;
        if (look.kind === 'key') return { ...about, box: boxAt((view.width - width) / 2, KEY_TOP_PX + row * size.height, size), noLeader: true };
        if (!around) return null;
        if (look.kind === 'text') return { ...about, box: boxAt(around.left, around.top, size), noLeader: true };
        const offset = look.mark.label; // from its first point to the label's centre, pixels of the frame
        if (offset) {
            const [x, y] = look.mark.points[0];
            const [cx, cy] = this.toView([x + offset[0], y + offset[1]]);
            return { ...about, box: within(boxAt(cx - width / 2, cy - size.height / 2, size), view) };
        }
        if (look.kind === 'angle' && look.points.length === 3) return { ...about, box: placeAtVertex(look.points, size, view) };
        return { ...about, box: placeLabel(around, size, view, taken, others) };
    }

    /** Where the words of the picture are: labels leave them free. */
    #words() {
        const { area } = this.stage;
        if (area.classList.contains('no-text')) return [];
        const { left, top } = area.getBoundingClientRect();
        return [...area.querySelectorAll('.overlay .corner')].map((corner) => {
            const box = corner.getBoundingClientRect();
            return { left: box.left - left, top: box.top - top, right: box.right - left, bottom: box.bottom - top };
        });
    }

    /** What is drawn on the picture on the screen, for a picture that is taken along: {shown, burn(blob)}; null when there is nothing. */
    taken() {
        if (!this.isReady) return null;
        const { desk, object, slice } = this;
        const marks = desk.on(this.state.study.id, object.sop_uid, slice.frame).filter(isWhole);
        if (marks.length === 0) return null;
        const drawn = marks.map((mark) => ({ mark, known: desk.known(mark, slice, object), label: mark.label }));
        const { aspect } = this.frameSize;
        const { fontFamily } = getComputedStyle(this.svg);
        return { shown: !desk.hidden, burn: async (blob) => (await import('./burn.js')).burn(blob, drawn, object, aspect, fontFamily) };
    }

    // ---- the reader's hands

    #under(point, touch) {
        const reach = touch ? TOUCH_REACH_PX : REACH_PX;
        const figures = this.looks.map((look) => ({ ...look, label: look.label?.box ?? null, lines: look.lines.length > 0 ? look.lines : look.points.map((p) => [p]) }));
        return hit([point.x, point.y], figures, reach, this.desk.draws(this.stage) ? reach / 2 : reach);
    }

    hover(point, event, state) {
        this.state = state;
        if (!this.isReady || this.desk.hidden) return;
        if (this.drawing) {
            this.drawing.draft.move(this.toFrame([point.x, point.y]), false);
            this.showDraft();
            return;
        }
        const found = this.#under(point, false);
        this.stage.area.style.cursor = found ? (found.part === 'handle' ? 'move' : 'pointer') : this.desk.draws(this.stage) ? 'crosshair' : '';
        if (this.hovered === (found?.id ?? null)) return;
        this.hovered = found?.id ?? null;
        this.refresh();
    }

    /** A press on a mark, or the beginning of a new one; with a key held the press means something else. */
    grab(point, event, state) {
        this.state = state;
        this.touch = event.pointerType === 'touch';
        if (!this.isReady || event.button > 0 || event.shiftKey || event.ctrlKey || event.metaKey) return null;
        const { desk, stage } = this;
        const draws = desk.draws(stage);
        if (draws && desk.hidden) desk.setHidden(false);
        if (desk.hidden) return null;
        if (this.drawing) return drawing(this, point);
        this.#settle();
        const found = this.#under(point, this.touch);
        this.pressedTwice = this.#isAgain(found, event);
        // with a tool in hand only what is selected is moved, and by its lines: labels lie where the next mark may begin; a click chooses
        const takes = found && (!draws || (desk.selected?.id === found.id && found.part !== 'label'));
        if (takes) {
            desk.select(state.study.id, found.id);
            const mark = desk.selectedMark();
            if (mark) return found.part === 'label' && mark.kind !== 'text' ? movingLabel(this, mark, point) : editing(this, mark, found, point);
        }
        desk.select(state.study.id, null);
        const chosen = found && (found.part === 'body' || KINDS[stage.tool]?.points > 1) ? found.id : null;
        return draws ? drawing(this, point, stage.tool, chosen) : null;
    }

    /** The second of two presses on one and the same part. */
    #isAgain(found, event) {
        const { last } = this;
        this.last = found && { ...found, at: event.timeStamp };
        return Boolean(found && last && ['id', 'part', 'handle'].every((name) => last[name] === found[name]) && event.timeStamp - last.at < AGAIN_MS);
    }

    // ---- what gestures do

    showDraft() {
        const { draft, mark } = this.drawing;
        this.desk.setLive(this.state.study.id, { ...mark, points: draft.points });
    }

    stopDrawing() {
        if (!this.drawing) return;
        this.drawing = null;
        this.loupe.hide();
        this.desk.setLive(null, null);
    }

    showLoupe(point, mark) {
        if (!this.touch) return;
        const lines = mark ? outline(mark).map((line) => line.map((one) => this.toView(one))) : [];
        this.loupe.show([point.x, point.y], lines, this.state.viewport.view);
    }

    /** Write at a mark; an empty text mark is none. */
    async write(mark) {
        const studyId = this.state.study.id;
        const box = this.looks.find(({ id }) => id === mark.id)?.label?.box;
        const [x, y] = mark.points.length > 0 ? this.toView(mark.points.at(-1)) : [this.state.viewport.view.width / 2, KEY_TOP_PX];
        const text = await editText(this.element, this.stage.area, box ? [box.left, box.top] : [x, y], mark.text);
        const stored = this.desk.entry(studyId).store.marks.get(mark.id);
        if (mark.kind === 'text' && !stored) {
            if (text) this.desk.keep(studyId, null, { ...mark, text });
            else this.desk.setLive(null, null);
            return;
        }
        if (text === null || !stored || text === stored.text) return;
        if (mark.kind === 'text' && !text) this.desk.remove(studyId, stored);
        else this.desk.keep(studyId, stored, { ...stored, text });
    }
}
