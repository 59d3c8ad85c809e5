// tile_loader.js - fetches tiles in the order they are needed, a few at a time; what nobody wants any more is cancelled. No DOM.

const MAX_TRIES = 4;
const FIRST_WAIT_MS = 400;

export class TileLoader {
    #wanted = [];
    #running = new Map(); // url -> {controller, urgent}
    #failed = new Map(); // url -> error that will not go away by itself
    #waits = new Map(); // url -> {tries, timer}
    #busy = false; // something was wanted since onIdle was last called

    /** fetchTile(url, signal, urgent) -> tile. onTile(url, tile), onError(url, error) report; onIdle() when nothing wanted is left to ask for. */
    constructor({ fetchTile, onTile, onError, onIdle = () => {}, concurrency = 5 }) {
        this.fetchTile = fetchTile;
        this.onTile = onTile;
        this.onError = onError;
        this.onIdle = onIdle;
        this.concurrency = concurrency;
    }

    get running() {
        return this.#running.size;
    }

    /** Replace what is wanted: [{url, urgent}] by need, urgent ones first. Running requests that are wanted no more are cancelled;
     *  an urgent one takes the place of the least needed running one. */
    want(list) {
        this.#wanted = list;
        this.#busy = list.length > 0;
        const rank = new Map(list.map((item, index) => [item.url, index]));
        for (const [url, job] of this.#running) {
            if (!rank.has(url)) this.#cancel(url, job);
        }
        for (const [url, wait] of this.#waits) {
            if (rank.has(url)) continue;
            clearTimeout(wait.timer);
            this.#waits.delete(url);
        }
        const waiting = list.filter((item) => item.urgent && this.#startable(item.url)).length;
        const spare = [...this.#running]
            .filter(([url]) => !list[rank.get(url)].urgent)
            .sort((a, b) => rank.get(b[0]) - rank.get(a[0]));
        let free = this.concurrency - this.#running.size;
        for (const [url, job] of spare) {
            if (free >= waiting) break;
            this.#cancel(url, job);
            free++;
        }
        this.#pump();
    }

    /** Why a tile will not come, null when it may. */
    failure(url) {
        return this.#failed.get(url) ?? null;
    }

    /** Forget failures, so that they are tried again. */
    forgive() {
        this.#failed.clear();
    }

    stop() {
        this.want([]);
        this.#failed.clear();
    }

    #startable(url) {
        return !this.#running.has(url) && !this.#failed.has(url) && !this.#waits.get(url)?.timer;
    }

    #cancel(url, job) {
        this.#running.delete(url);
        job.controller.abort();
    }

    #pump() {
        for (const item of this.#wanted) {
            if (this.#running.size >= this.concurrency) return;
            if (this.#startable(item.url)) this.#start(item.url, item.urgent);
        }
        if (!this.#busy || this.#running.size > 0 || this.#waits.size > 0) return;
        this.#busy = false;
        this.onIdle();
    }

    async #start(url, urgent) {
        const job = { controller: new AbortController() };
        this.#running.set(url, job);
        try {
            const tile = await this.fetchTile(url, job.controller.signal, urgent);
            if (this.#running.get(url) !== job) return;
            this.#done(url);
            this.onTile(url, tile);
        } catch (error) {
            if (this.#running.get(url) !== job) return;
            this.#running.delete(url);
            this.#retryOrFail(url, error);
        }
        this.#pump();
    }

    #done(url) {
        this.#running.delete(url);
        this.#waits.delete(url);
        this.#wanted = this.#wanted.filter((item) => item.url !== url);
    }

    #retryOrFail(url, error) {
        const tries = (this.#waits.get(url)?.tries ?? 0) + 1;
        const lineDown = error.status === 0; // a cut line is waited out, however long
        if (!error.temporary || (tries >= MAX_TRIES && !lineDown)) {
            this.#failed.set(url, error);
            this.#done(url);
            this.onError(url, error, false);
            return;
        }
        const waitMs = error.retryAfterMs || FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 4);
        const wait = { tries, timer: 0 };
        wait.timer = setTimeout(() => {
            wait.timer = 0;
            this.#pump();
        }, waitMs);
        this.#waits.set(url, wait);
        this.onError(url, error, true);
    }
}
