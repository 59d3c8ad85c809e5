// tile_cache.js - a store bounded by bytes that forgets what was used longest ago, and a bound that several of them keep to together. Pure.

export class TileCache {
    #entries = new Map(); // oldest use first
    #bytes = 0;

    /** dispose(value) is called for each value that leaves; pinned(key) true keeps an entry although the store is full. limit: a SharedLimit that
     *  it keeps to beside its own. */
    constructor(maxBytes, { dispose = () => {}, pinned = () => false, limit = null } = {}) {
        this.maxBytes = maxBytes;
        this.dispose = dispose;
        this.pinned = pinned;
        this.limit = limit;
        limit?.add(this);
    }

    get bytes() {
        return this.#bytes;
    }

    get size() {
        return this.#entries.size;
    }

    has(key) {
        return this.#entries.has(key);
    }

    /** The value, now the most recently used; undefined when it is not here. */
    get(key) {
        const entry = this.#entries.get(key);
        if (!entry) return undefined;
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        return entry.value;
    }

    /** The value; its use does not count. */
    peek(key) {
        return this.#entries.get(key)?.value;
    }

    keys() {
        return [...this.#entries.keys()];
    }

    set(key, value, bytes) {
        this.delete(key);
        this.#entries.set(key, { value, bytes });
        this.#bytes += bytes;
        this.shrink(this.#bytes - this.maxBytes, key);
        this.limit?.shrink(this, key);
    }

    delete(key) {
        const entry = this.#entries.get(key);
        if (!entry) return;
        this.#entries.delete(key);
        this.#bytes -= entry.bytes;
        this.dispose(entry.value);
    }

    clear() {
        for (const key of [...this.#entries.keys()]) this.delete(key);
    }

    /** Let so many bytes go, if there are so many that may; newest stays. */
    shrink(excess, newest) {
        if (excess <= 0) return;
        const most = this.#bytes - excess;
        for (const key of [...this.#entries.keys()]) {
            if (this.#bytes <= most) return;
            if (key !== newest && !this.pinned(key)) this.delete(key);
        }
    }
}

/** Bytes that several stores have together. The one that was made first gives first: make those first whose values are had again most cheaply. */
export class SharedLimit {
    #caches = [];

    constructor(maxBytes) {
        this.maxBytes = maxBytes;
    }

    get bytes() {
        return this.#caches.reduce((sum, cache) => sum + cache.bytes, 0);
    }

    add(cache) {
        this.#caches.push(cache);
    }

    shrink(owner, newest) {
        for (const cache of this.#caches) cache.shrink(this.bytes - this.maxBytes, cache === owner ? newest : undefined);
    }
}
