// tile_loader.js - fetches tiles in the order they are needed, a few at a time; what nobody wants any more is cancelled. What is urgent comes
// alone, the rest in batches: one answer with many tiles, so that a line of long round trips is full. No DOM.

const MAX_TRIES = 4;
const BATCH_TILES = 24; // some seconds of a thin line
const LONG_BATCH_TILES = 192; // beside the first one: a stack in one round trip
const OUT_OF_ORDER = 4 * BATCH_TILES; // that many others are needed more
const BATCHES = 2; // at once: one begins while the other ends
const COMING = 2; // of a batch: the tile that arrives now, and the next
const FIRST_WAIT_MS = 400;

export class TileLoader {
    #wanted = [];
    #running = new Map(); // url -> job
    #jobs = new Set(); // {controller, urls: what of it has not come, batch}
    #failed = new Map(); // url -> error that will not go away by itself
    #waits = new Map(); // url -> {tries, timer}
    #busy = false; // something was wanted since onIdle was last called

    /** fetchTile(url, signal, urgent) -> tile. fetchBatch(urls, signal, onTile, onError) for tiles of which batchKey(url) is the same; without it
     *  all come alone. onTile(url, tile), onError(url, error) report; onIdle() when nothing wanted is left to ask for. */
    constructor({ fetchTile, fetchBatch = null, batchKey = () => null, onTile, onError, onIdle = () => {}, concurrency = 5 }) {
        this.fetchTile = fetchTile;
        this.fetchBatch = fetchBatch;
        this.batchKey = batchKey;
        this.onTile = onTile;
        this.onError = onError;
        this.onIdle = onIdle;
        this.concurrency = concurrency;
    }

    get running() {
        return this.#jobs.size;
    }

    /** Replace what is wanted: [{url, urgent}] by need, urgent ones first. Running requests that are wanted no more are cancelled;
     *  an urgent one takes the place of the least needed running one. */
    want(list) {
        this.#wanted = list;
        this.#busy = list.length > 0;
        const rank = new Map(list.map((item, index) => [item.url, index]));
        for (const job of [...this.#jobs]) {
            const still = [...job.urls].filter((url) => rank.has(url)).length;
            if (2 * still < job.urls.size || still === 0 || this.#comesLate(job, rank)) this.#cancel(job);
        }
        for (const [url, wait] of this.#waits) {
            if (rank.has(url)) continue;
            clearTimeout(wait.timer);
            this.#waits.delete(url);
        }
        this.#makeWay(list, rank);
        this.#pump();
    }

    /** A long batch goes on in the order it was asked in; it ends when what it brings next is what is needed last. */
    #comesLate(job, rank) {
        return job.urls.size > BATCH_TILES && [...job.urls].slice(COMING, BATCH_TILES).some((url) => !(rank.get(url) < OUT_OF_ORDER));
    }

    /** For urgent ones: batches end, since they fill the line, then the least needed of the others. One that is about to come in a batch is
     *  left to it. */
    #makeWay(list, rank) {
        const isUrgent = (url) => list[rank.get(url)]?.urgent;
        for (const job of [...this.#jobs]) {
            if (job.batch && [...job.urls].slice(COMING).some(isUrgent)) this.#cancel(job);
        }
        const waiting = list.filter((item) => item.urgent && this.#startable(item.url)).length;
        if (waiting === 0) return;
        const need = (job) => rank.get([...job.urls][0]);
        const spare = [...this.#jobs].filter((job) => job.batch || !isUrgent([...job.urls][0])).sort((a, b) => b.batch - a.batch || need(b) - need(a));
        let free = this.concurrency - this.#jobs.size;
        for (const job of spare) {
            if (free >= waiting && !job.batch) break;
            this.#cancel(job);
            free++;
        }
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

    #cancel(job) {
        for (const url of job.urls) this.#running.delete(url);
        this.#jobs.delete(job);
        job.controller.abort();
    }

    #pump() {
        for (const item of [...this.#wanted]) {
            if (this.#jobs.size >= this.concurrency) return;
            if (!this.#startable(item.url)) continue;
            const key = this.fetchBatch && !item.urgent && this.batchKey(item.url);
            if (!key) this.#start(item.url, item.urgent);
            else if ([...this.#jobs].filter((job) => job.batch).length < BATCHES) this.#startBatch(this.#withKey(key));
        }
        if (!this.#busy || this.#jobs.size > 0 || this.#waits.size > 0) return;
        this.#busy = false;
        this.onIdle();
    }

    /** The most needed tiles of a batch, in this order: a short one comes first, and all that follows fills the line behind it. */
    #withKey(key) {
        const most = [...this.#jobs].some((job) => job.batch) ? LONG_BATCH_TILES : BATCH_TILES;
        const fitting = this.#wanted.filter((item) => !item.urgent && this.#startable(item.url) && this.batchKey(item.url) === key);
        return fitting.slice(0, most).map((item) => item.url);
    }

    #begin(urls, batch) {
        const job = { controller: new AbortController(), urls: new Set(urls), batch };
        for (const url of urls) this.#running.set(url, job);
        this.#jobs.add(job);
        return job;
    }

    async #start(url, urgent) {
        const job = this.#begin([url], false);
        try {
            this.#came(job, url, await this.fetchTile(url, job.controller.signal, urgent));
        } catch (error) {
            this.#failedTo(job, url, error);
        }
        this.#end(job);
    }

    async #startBatch(urls) {
        const job = this.#begin(urls, true);
        const onTile = (url, tile) => this.#came(job, url, tile);
        const onError = (url, error) => this.#failedTo(job, url, error);
        try {
            await this.fetchBatch(urls, job.controller.signal, onTile, onError);
        } catch (error) {
            for (const url of [...job.urls]) this.#failedTo(job, url, error);
        }
        this.#end(job);
    }

    #came(job, url, tile) {
        if (this.#running.get(url) !== job) return;
        job.urls.delete(url);
        this.#done(url);
        this.onTile(url, tile);
    }

    #failedTo(job, url, error) {
        if (this.#running.get(url) !== job) return;
        job.urls.delete(url);
        this.#running.delete(url);
        this.#retryOrFail(url, error);
    }

    #end(job) {
        if (this.#jobs.delete(job)) this.#pump();
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
