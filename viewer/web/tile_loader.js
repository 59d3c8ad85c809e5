// tile_loader.js - fetches tiles in the order they are needed; what nobody wants any more is cancelled. What is urgent comes alone and at once, the rest
// in batches, of which never more is asked for than the line holds. No DOM.

const MAX_TRIES = 4;
const BATCH_TILES = 192;
const BATCHES = 3; // at once: one begins while the other ends
const COMING = 2; // of a batch: the tile that arrives now, and the next
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 3000; // of a line that is down
const STALL_MS = 10000; // without a byte: the line was cut, and nobody told us
const LOOK_MS = 2000;
const ANY_BYTES = 24 * 1024; // of a tile of which nobody says how large it is
const FAST = 8; // a line that holds so many of the urgent ones has room beside them

export class TileLoader {
    #wanted = [];
    #running = new Map(); // url -> job
    #jobs = new Set(); // {controller, urls: Map of what has not come -> its bytes, batch, urgent, movedAt}
    #failed = new Map(); // url -> error that will not go away by itself
    #waits = new Map(); // url -> {tries, timer}
    #down = { tries: 0, timer: 0 }; // the line
    #busy = false; // something was wanted since onIdle was last called
    #watch = 0;

    /** fetchTile(url, signal, urgent, onMove) -> tile. fetchBatch(urls, signal, onTile, onError, onMove) for tiles of which batchKey(url) is the same;
     *  without it all come alone. onMove() is called for each piece that comes. onTile(url, tile), onError(url, error, again) report; onIdle() when
     *  nothing wanted is left to ask for. budget(): bytes that may be asked for and not be here. */
    constructor({ fetchTile, fetchBatch = null, batchKey = () => null, onTile, onError, onIdle = () => {}, concurrency = 5, budget = () => 2 ** 22, clock = () => performance.now() }) {
        this.fetchTile = fetchTile;
        this.fetchBatch = fetchBatch;
        this.batchKey = batchKey;
        this.onTile = onTile;
        this.onError = onError;
        this.onIdle = onIdle;
        this.concurrency = concurrency;
        this.budget = budget;
        this.clock = clock;
    }

    get running() {
        return this.#jobs.size;
    }

    isRunning(url) {
        return this.#running.has(url);
    }

    /** Bytes asked for that are not here. */
    get outstanding() {
        let sum = 0;
        for (const job of this.#jobs) sum += this.#left(job);
        return sum;
    }

    #left(job) {
        let sum = 0;
        for (const bytes of job.urls.values()) sum += bytes;
        return sum;
    }

    /** Replace what is wanted: [{url, urgent, bytes}] by need, urgent ones first; bytes: about how many. Running requests that are wanted no more are
     *  cancelled, unless they are as good as here; an urgent one takes the place of the least needed running one. */
    want(list) {
        this.#wanted = list;
        this.#busy = list.length > 0;
        const rank = new Map(list.map((item, index) => [item.url, index]));
        const little = this.budget() / 4;
        for (const job of [...this.#jobs]) {
            const still = [...job.urls.keys()].filter((url) => rank.has(url)).length;
            if (still === 0 ? list.length === 0 || this.#left(job) > little : 2 * still < job.urls.size && this.#left(job) > little) this.#cancel(job);
        }
        for (const [url, wait] of this.#waits) {
            if (rank.has(url)) continue;
            clearTimeout(wait.timer);
            this.#waits.delete(url);
        }
        this.#makeWay(list, rank);
        this.#pump();
    }

    /** For urgent ones: what is queued before them ends when that is more than the line may hold, and where all places are taken; the least needed
     *  first. */
    #makeWay(list, rank) {
        const waiting = list.filter((item) => item.urgent && this.#startable(item.url)).length;
        if (waiting === 0) return;
        const need = (job) => rank.get(job.urls.keys().next().value) ?? Infinity;
        const brings = (job) => [...job.urls.keys()].slice(0, COMING).some((url) => list[rank.get(url)]?.urgent);
        const spare = [...this.#jobs].filter((job) => !brings(job)).sort((a, b) => need(b) - need(a));
        let free = this.concurrency - this.#jobs.size;
        let queued = spare.reduce((sum, job) => sum + this.#left(job), 0);
        for (const job of spare) {
            if (free >= waiting && queued <= this.budget()) break;
            queued -= this.#left(job);
            this.#cancel(job);
            free++;
        }
    }

    /** The line is said to be back: try now. */
    kick() {
        clearTimeout(this.#down.timer);
        this.#down.timer = 0;
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
        clearTimeout(this.#down.timer);
        clearInterval(this.#watch);
        this.#down = { tries: 0, timer: 0 };
        this.#watch = 0;
    }

    #startable(url) {
        return !this.#running.has(url) && !this.#failed.has(url) && !this.#waits.get(url)?.timer;
    }

    #cancel(job) {
        for (const url of job.urls.keys()) this.#running.delete(url);
        this.#jobs.delete(job);
        job.controller.abort();
    }

    #pump() {
        if (this.#down.timer) return;
        for (const item of this.#wanted) {
            if (!item.urgent) break;
            if (this.#jobs.size >= this.concurrency) return;
            if (this.#startable(item.url)) this.#start(item);
        }
        while (this.#mayStart() && this.#startNext());
        if (!this.#busy || this.#jobs.size > 0 || this.#waits.size > 0) return;
        this.#busy = false;
        this.onIdle();
    }

    /** Is the line about to be empty? Beside urgent ones only where it is fast. */
    #mayStart() {
        if (this.#jobs.size >= this.concurrency || [...this.#jobs].filter((job) => !job.urgent).length >= BATCHES) return false;
        const budget = this.budget();
        const urgent = [...this.#jobs].filter((job) => job.urgent).reduce((sum, job) => sum + this.#left(job), 0);
        return this.outstanding <= budget / 2 && FAST * urgent <= budget;
    }

    #startNext() {
        const item = this.#wanted.find((one) => !one.urgent && this.#startable(one.url));
        if (!item) return false;
        const key = this.fetchBatch && this.batchKey(item.url);
        if (key) this.#startBatch(this.#withKey(key));
        else this.#start(item);
        return true;
    }

    /** The most needed tiles of a batch, in this order, as many as the line holds: it waits behind what is left of the one under way, so that the line is
     *  not empty between them although the service took its time. */
    #withKey(key) {
        const items = [];
        let room = this.budget();
        for (const item of this.#wanted) {
            if (item.urgent || !this.#startable(item.url) || this.batchKey(item.url) !== key) continue;
            room -= item.bytes ?? ANY_BYTES;
            if ((room < 0 && items.length > 0) || items.length === BATCH_TILES) break;
            items.push(item);
        }
        return items;
    }

    #begin(items, batch, urgent) {
        const urls = new Map(items.map((item) => [item.url, item.bytes ?? ANY_BYTES]));
        const job = { controller: new AbortController(), urls, batch, urgent, movedAt: this.clock() };
        for (const url of urls.keys()) this.#running.set(url, job);
        this.#jobs.add(job);
        if (!this.#watch) this.#watch = setInterval(() => this.look(), LOOK_MS);
        return job;
    }

    /** A line that is cut says nothing: what has not moved for long is given up and asked for again. Called every two seconds. */
    look() {
        const now = this.clock();
        for (const job of [...this.#jobs]) {
            if (now - job.movedAt < STALL_MS) continue;
            const error = Object.assign(new Error('nothing came'), { status: 0, temporary: true });
            for (const url of [...job.urls.keys()]) this.#failedTo(job, url, error);
            this.#cancel(job);
        }
        if (this.#jobs.size > 0) return;
        clearInterval(this.#watch);
        this.#watch = 0;
        this.#pump();
    }

    async #start(item) {
        const { url, urgent } = item;
        const job = this.#begin([item], false, Boolean(urgent));
        const onMove = () => (job.movedAt = this.clock());
        try {
            this.#came(job, url, await this.fetchTile(url, job.controller.signal, Boolean(urgent), onMove));
        } catch (error) {
            this.#failedTo(job, url, error);
        }
        this.#end(job);
    }

    async #startBatch(items) {
        const job = this.#begin(items, true, false);
        const onTile = (url, tile) => this.#came(job, url, tile);
        const onError = (url, error) => this.#failedTo(job, url, error);
        const onMove = () => (job.movedAt = this.clock());
        try {
            await this.fetchBatch([...job.urls.keys()], job.controller.signal, onTile, onError, onMove);
        } catch (error) {
            for (const url of [...job.urls.keys()]) this.#failedTo(job, url, error);
        }
        this.#end(job);
    }

    #came(job, url, tile) {
        if (this.#running.get(url) !== job) return;
        job.urls.delete(url);
        this.#done(url);
        this.#down.tries = 0;
        this.onTile(url, tile);
        if (job.batch && job.urls.size > 0) this.#pump(); // the next request leaves before the line is empty
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
        if (error.name === 'AbortError') return;
        if (error.status === 0) {
            this.#lineDown(error);
            this.onError(url, error, true);
            return;
        }
        const tries = (this.#waits.get(url)?.tries ?? 0) + 1;
        if (!error.temporary || tries >= MAX_TRIES) {
            this.#failed.set(url, error);
            this.#done(url);
            this.onError(url, error, false);
            return;
        }
        const wait = { tries, timer: 0 };
        wait.timer = setTimeout(
            () => {
                wait.timer = 0;
                this.#pump();
            },
            error.retryAfterMs || FIRST_WAIT_MS * 2 ** (tries - 1),
        );
        this.#waits.set(url, wait);
        this.onError(url, error, true);
    }

    /** A cut line is waited out, however long: everything wanted stays wanted. */
    #lineDown(error) {
        if (this.#down.timer) return;
        const waitMs = error.retryAfterMs || Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#down.tries++);
        this.#down.timer = setTimeout(() => this.kick(), waitMs);
    }
}
