// desk.js - the marks of a viewer page: the studies' stores, what is selected, being drawn or hidden, undo, and the keys.

import { deleteMark, getMarks, getValues, saveMark } from '../api.js';
import { onEvent, throttled } from '../events.js';
import { History } from './history.js';
import { measure, scaleOf } from './measure.js';
import { Remembered } from './remembered.js';
import { isKind, KINDS } from './shapes.js';
import { contentOf, MarkStore } from './store.js';
import { newId } from './uuid.js';
import { Values } from './values.js';

const LOOK_AGAIN_MS = 2000;

const leaving = new Set(); // stores of pages that were left while something was not saved yet
const desks = new Set();

/** Asks before the window goes with something that is not saved. */
addEventListener('beforeunload', (event) => {
    const stores = [...leaving, ...[...desks].flatMap((desk) => desk.stores)];
    if (stores.some((store) => store.unsaved > 0)) event.preventDefault();
});

const isMeasured = (kind) => !['arrow', 'text', 'key'].includes(kind);
const answered = (values) => Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== null));

export class Desk {
    /** page: the viewer's. */
    constructor(page) {
        this.page = page;
        this.layers = new Set();
        this.listeners = new Set();
        this.entries = new Map(); // study id -> {store, history}
        this.selected = null; // {study, id}
        this.hidden = false;
        this.live = null; // {study, mark}: being drawn or moved, in place of the stored one
        this.values = new Values({ ask: getValues, onAnswer: () => this.changed() });
        this.remembered = new Remembered();
        this.channel = new BroadcastChannel('kakehashi.marks');
        this.channel.addEventListener('message', (event) => this.#lookAgain(event.data.study));
        this.stopEvents = onEvent((kind, data) => this.#event(kind, data));
        this.abort = new AbortController();
        const { signal } = this.abort;
        addEventListener('online', () => this.stores.forEach((store) => store.retry()), { signal });
        // what was told while the line was down is not told again
        addEventListener('online', () => this.#lookAtAll(), { signal });
        document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#lookAtAll(), { signal });
        desks.add(this);
    }

    get stores() {
        return [...this.entries.values()].map(({ store }) => store);
    }

    /** What is not saved waits on behind the page that is left. */
    close() {
        this.abort.abort();
        this.stopEvents();
        this.channel.close();
        desks.delete(this);
        for (const { store, again } of this.entries.values()) {
            again.stop();
            store.refused.clear();
            if (store.unsaved === 0) {
                store.close();
                continue;
            }
            leaving.add(store);
            store.onChange = () => store.unsaved === 0 && leaving.delete(store);
        }
        this.entries.clear();
    }

    /** listener() after every change. */
    onChange(listener) {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    changed() {
        for (const layer of this.layers) layer.refresh();
        for (const listener of this.listeners) listener();
    }

    // ---- studies

    /** The store and the history of a study; marks: what the service has, when it was asked already. */
    entry(studyId, marks = null) {
        let entry = this.entries.get(studyId);
        if (!entry) {
            entry = this.#open(studyId);
            this.entries.set(studyId, entry);
            if (marks === null) entry.again.ask();
        }
        if (marks && !entry.store.loaded) entry.store.take(marks);
        return entry;
    }

    #open(studyId) {
        const store = new MarkStore({
            service: {
                load: async () => (await getMarks(studyId, this.abort.signal)).marks,
                save: async (mark) => (await saveMark(studyId, mark)).mark,
                remove: (id, version) => deleteMark(studyId, id, version),
            },
            onChange: () => this.changed(),
            onSaved: () => !this.abort.signal.aborted && this.channel.postMessage({ study: studyId }),
            onNotice: (what, ids) => this.#notice(studyId, what, ids),
            wait: (work, ms) => setTimeout(work, ms),
            stop: (timer) => clearTimeout(timer),
        });
        const again = throttled(() => store.load().catch(() => {}), LOOK_AGAIN_MS);
        return { store, again, history: new History() };
    }

    #lookAgain(studyId) {
        this.entries.get(studyId)?.again.ask();
    }

    #event(kind, data) {
        if (kind !== 'marks' && kind !== 'reload') return;
        if (data.study !== undefined) this.#lookAgain(data.study);
        else this.#lookAtAll();
    }

    #lookAtAll() {
        for (const { again } of this.entries.values()) again.ask();
    }

    #notice(studyId, what, { from, to }) {
        const { history } = this.entry(studyId);
        if (from !== to) history.rename(from, to);
        if (this.selected?.id === from) this.selected = { study: studyId, id: to };
        this.tell(what);
    }

    /** A line for the reader, for a while. */
    tell(what) {
        this.notice = { what, at: performance.now() };
        this.changed();
    }

    // ---- what is on a slice

    /** The marks on an image: those of the store, the one in hand as it is now. */
    on(studyId, sopUid, frame) {
        const here = (mark) => mark.sop_uid === sopUid && mark.frame === frame;
        const { live } = this;
        const list = this.entry(studyId).store.list.filter((mark) => here(mark) && mark.id !== live?.mark.id);
        return live && live.study === studyId && here(live.mark) ? [...list, live.mark] : list;
    }

    /** What is known of a mark: {found, state, scale}, as measureLines() takes it; state "foreign": nothing is said of it here. slice, object: of its stack, null while that is not here. */
    known(mark, slice, object) {
        const scale = scaleOf(slice, object, mark);
        const { kind, points } = mark;
        if (mark.form) return { found: {}, state: 'foreign', scale }; // drawn elsewhere: its numbers are in its text
        if (!isMeasured(kind) || (points.length !== KINDS[kind].points && kind !== 'freehand') || (kind === 'freehand' && points.length < 3)) {
            return { found: {}, state: 'waiting', scale };
        }
        const found = measure(mark, scale);
        if (mark.measured) return { found: { ...found, ...answered(mark.measured) }, state: 'known', scale };
        if (!object) return { found, state: 'waiting', scale };
        const question = { series: mark.series, object: object.id, frame: mark.frame, kind, points };
        this.values.want(question);
        const { values, state } = this.values.look(question);
        return { found: { ...found, ...answered(values) }, state, scale };
    }

    // ---- changing

    select(studyId, id) {
        if (this.selected?.id === id) return;
        this.selected = id ? { study: studyId, id } : null;
        this.changed();
    }

    setHidden(hidden) {
        this.hidden = hidden;
        this.changed();
    }

    setLive(studyId, mark) {
        this.live = mark ? { study: studyId, mark } : null;
        this.changed();
    }

    /** A new mark, ready for its points. */
    blank(kind, state) {
        const object = state.stack.object(state.shown.index);
        const { frame } = state.stack.slice(state.shown.index);
        const place = { series: state.series.id, sop_uid: object.sop_uid, frame };
        return { id: newId(), kind, ...place, points: [], text: '', label: null, measured: null, version: 0, author: { mine: true } };
    }

    /** Keep a mark as it is now; before: as it was, null of a new one. */
    keep(studyId, before, after) {
        const { store, history } = this.entry(studyId);
        history.add(before && contentOf(before), after && contentOf(after));
        this.live = null;
        if (!before) this.#rememberWindow(after.id);
        if (after) store.put(after);
        else store.remove(before.id);
    }

    #rememberWindow(id) {
        const window = this.page.stage?.currentWindow();
        if (!window) return;
        this.remembered.windows.set(id, window);
        this.remembered.keep();
    }

    remove(studyId, mark) {
        if (!mark?.author?.mine) return;
        this.keep(studyId, mark, null);
        this.select(studyId, null);
    }

    selectedMark() {
        if (!this.selected) return null;
        return this.entry(this.selected.study).store.marks.get(this.selected.id) ?? null;
    }

    undo() {
        this.#step((history) => history.undo());
    }

    redo() {
        this.#step((history) => history.redo());
    }

    #step(take) {
        const studyId = this.page.stage?.study?.id;
        if (studyId === undefined || this.live) return;
        const { store, history } = this.entry(studyId);
        const step = take(history);
        if (!step) return;
        if (!step.to) {
            store.remove(step.from.id);
            if (this.selected?.id === step.from.id) this.select(studyId, null);
            return;
        }
        let now = store.marks.get(step.to.id);
        let { id } = step.to;
        if (!now) {
            id = newId(); // the service knows the old one as deleted
            history.rename(step.to.id, id);
            now = { version: 0, author: { mine: true } };
        }
        store.put({ ...now, ...step.to, id, measured: null });
    }

    // ---- not saved

    /** {waiting, refused, error, line, hindrance}: how many marks are on their way, how many the service does not take and by which error, whether they wait for the
     *  line or the service, and by which error. */
    get unsaved() {
        const { stores } = this;
        const refused = stores.flatMap((store) => [...store.refused.values()]);
        return {
            waiting: stores.reduce((sum, store) => sum + store.queue.size, 0),
            refused: refused.length,
            error: refused[0] ?? null,
            line: stores.some((store) => store.isWaiting),
            hindrance: stores.find((store) => store.isWaiting)?.hindrance ?? null,
        };
    }

    /** Is the tool of a stage one that draws? */
    draws(stage) {
        return isKind(stage.tool) && stage.tool !== 'key';
    }

    /** Make this image a key image, or no longer: {study, series, stack, shown}. */
    toggleKey(state) {
        const object = state.stack.object(state.shown.index);
        const { frame } = state.stack.slice(state.shown.index);
        const mine = this.on(state.study.id, object.sop_uid, frame).find((mark) => mark.kind === 'key' && mark.author?.mine);
        if (mine) this.remove(state.study.id, mine);
        else this.keep(state.study.id, null, this.blank('key', state));
    }
}

