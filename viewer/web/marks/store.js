// store.js - the marks of one study: as they are shown, and on their way to the service. They save themselves; while the line is down they wait in
// memory and are sent again with growing delay; what somebody else changed meanwhile is shown, and ours is kept beside it as a new mark. No DOM.

import { newId } from './uuid.js';

const DELAYS_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const MEMBERS = ['id', 'kind', 'series', 'sop_uid', 'frame', 'points', 'text', 'label'];

/** What of a mark its maker says. */
export const contentOf = (mark) => Object.fromEntries(MEMBERS.map((name) => [name, mark[name] ?? null]));
const textOf = (mark) => JSON.stringify(MEMBERS.filter((name) => name !== 'series').map((name) => mark[name] ?? null)); // the object tells its series
export const sameContent = (a, b) => textOf(a) === textOf(b);

/** Answers that may be another one a little later; a locked screen (401) is unlocked again. */
const isTemporary = (error) => error.status === 0 || error.status === 401 || error.status === 429 || error.status >= 500;

export class MarkStore {
    /** service: {load(), save(mark), remove(id, version)}, promises; they reject with {status, body, message}. wait(work, ms) and stop(timer): the clock.
     *  onChange() after every change; onNotice("both" | "restored") when somebody else's version came in between; onSaved() after each save. */
    constructor({ service, onChange, onNotice = () => {}, onSaved = () => {}, wait = setTimeout, stop = clearTimeout }) {
        Object.assign(this, { service, onChange, onNotice, onSaved, wait, stop });
        this.marks = new Map();
        this.loaded = false;
        this.refused = new Map(); // id -> the error by which the service does not take it
        this.failures = 0;
        this.hindrance = null; // the error by which it waits
        this.queue = new Set(); // ids whose state the service does not have yet
        this.versions = new Map();
        this.sent = new Map(); // id -> contents whose answer did not come: they may be there
        this.renamed = new Map(); // id -> the new one ours goes by
        this.loads = new Set(); // of each list of marks on its way, the ids that were settled since it was asked for
        this.timer = 0;
        this.busy = false;
    }

    get list() {
        return [...this.marks.values()];
    }

    get unsaved() {
        return this.queue.size + this.refused.size;
    }

    /** True when the line is to blame for what is not saved. */
    get isWaiting() {
        return this.failures > 0 && this.queue.size > 0;
    }

    /** Take what the service has; what is on its way stays, and so does what was saved while the answer was. */
    async load() {
        const since = new Set();
        this.loads.add(since);
        try {
            this.take(await this.service.load(), since);
        } finally {
            this.loads.delete(since);
        }
    }

    /** since: ids of which these marks may be an older state. */
    take(marks, since = new Set()) {
        const isOurs = (id) => this.#isOurs(id) || since.has(id);
        const there = new Set(marks.map(({ id }) => id));
        for (const id of [...this.marks.keys()]) if (!there.has(id) && !isOurs(id)) this.marks.delete(id);
        for (const mark of marks) {
            if (isOurs(mark.id)) continue;
            this.marks.set(mark.id, mark);
            this.versions.set(mark.id, mark.version);
        }
        this.loaded = true;
        this.onChange();
    }

    #isOurs(id) {
        return this.queue.has(id) || this.refused.has(id);
    }

    /** Show a mark as it is now, and save it. */
    put(mark) {
        this.marks.set(mark.id, mark);
        this.#queue(mark.id);
    }

    remove(id) {
        this.marks.delete(id);
        this.#queue(id);
    }

    /** The service has its state, or takes none of it; an answer that was asked for before may not know. */
    #settled(id) {
        this.queue.delete(id);
        for (const since of this.loads) since.add(id);
    }

    #queue(id) {
        this.refused.delete(id);
        this.queue.add(id);
        this.onChange();
        this.#send();
    }

    /** Try now what waits; the line may be back. */
    retry() {
        this.stop(this.timer);
        this.timer = 0;
        this.#send();
    }

    /** Nothing is tried any more. */
    close() {
        this.stop(this.timer);
        this.queue.clear();
        this.refused.clear();
    }

    async #send() {
        if (this.busy || this.timer) return;
        this.busy = true;
        while (this.queue.size > 0) {
            const [id] = this.queue;
            try {
                await (this.marks.has(id) ? this.#save(id, this.marks.get(id)) : this.#remove(id));
                this.failures = 0;
            } catch (error) {
                if (isTemporary(error)) {
                    this.#later(error);
                    break;
                }
                this.#refuse(id, error);
            }
            this.onChange();
        }
        this.busy = false;
        this.onChange();
    }

    #later(error) {
        const delay = DELAYS_MS[Math.min(this.failures, DELAYS_MS.length - 1)];
        this.failures++;
        this.hindrance = error;
        this.timer = this.wait(() => this.retry(), Math.max(delay, error.retryAfterMs ?? 0));
    }

    #refuse(id, error) {
        this.#settled(id);
        if (this.marks.has(id)) this.refused.set(id, error);
    }

    async #save(id, mark) {
        const text = textOf(mark);
        this.#remember(id, text);
        let answer;
        try {
            answer = await this.service.save({ ...contentOf(mark), version: this.versions.get(id) ?? 0 });
        } catch (error) {
            if (error.status === 409) this.#resolve(id, mark, error.body?.mark);
            else if (error.status === 404 && this.versions.get(id) > 0) this.#keepAsNew(id, mark, null);
            else throw error;
            return;
        }
        this.#adopt(id, answer, mark);
        this.onSaved();
    }

    #remember(id, text) {
        const texts = this.sent.get(id) ?? new Set();
        texts.add(text);
        this.sent.set(id, texts);
    }

    /** The service has this version of a mark; saved: what of ours that is. */
    #adopt(id, stored, saved) {
        this.versions.set(id, stored.version);
        this.sent.delete(id);
        const now = this.marks.get(id);
        if (now !== saved) return; // changed or deleted meanwhile: still to be sent
        this.#settled(id);
        this.marks.set(id, { ...now, ...stored });
    }

    /** 409: the service has another version than we thought. */
    #resolve(id, mark, found) {
        const stored = found?.deleted ? null : found;
        if (stored && sameContent(stored, mark)) this.#adopt(id, stored, mark);
        else if (stored && this.sent.get(id)?.has(textOf(stored))) this.versions.set(id, stored.version); // ours, whose answer was lost
        else this.#keepAsNew(id, mark, stored);
    }

    #keepAsNew(id, mark, stored) {
        const fresh = newId();
        const now = this.marks.get(id);
        this.#settled(id);
        this.sent.delete(id);
        if (stored) {
            this.marks.set(id, stored);
            this.versions.set(id, stored.version);
        } else {
            this.marks.delete(id);
        }
        if (!now) return;
        this.marks.set(fresh, { ...now, id: fresh, version: 0, measured: null });
        this.renamed.set(id, fresh);
        this.queue.add(fresh);
        this.onNotice('both', { from: id, to: fresh });
    }

    async #remove(id) {
        const version = this.versions.get(id);
        if (!version && !this.sent.has(id)) {
            this.#settled(id); // it never left this page
            return;
        }
        try {
            await this.service.remove(id, version ?? 0);
        } catch (error) {
            if (error.status === 409 && error.body?.mark && !error.body.mark.deleted) {
                this.#resolveRemoval(id, error.body.mark);
                return;
            }
            if (error.status !== 404 && error.status !== 409) throw error;
        }
        this.versions.delete(id);
        this.sent.delete(id);
        if (!this.marks.has(id)) this.#settled(id);
        this.onSaved();
    }

    /** It was changed elsewhere while we deleted it: what is new to us is not thrown away. */
    #resolveRemoval(id, stored) {
        const ours = this.sent.get(id)?.has(textOf(stored));
        this.versions.set(id, stored.version);
        if (ours) return; // the answer to our last save was lost: delete that
        this.#settled(id);
        this.marks.set(id, stored);
        this.onNotice('restored', { from: id, to: id });
    }
}
