// tile_cache.js - a store bounded by bytes that forgets what was used longest ago. Pure.

export class TileCache {
    #entries = new Map(); // oldest use first
    #bytes = 0;

    /** dispose(value) is called for each value that leaves; pinned(key) true keeps an entry although the store is full. */
    constructor(maxBytes, { dispose = () => {}, pinned = () => false } = {}) {
        this.maxBytes = maxBytes;
        this.dispose = dispose;
        this.pinned = pinned;
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

    set(key, value, bytes) {
        this.delete(key);
        this.#entries.set(key, { value, bytes });
        this.#bytes += bytes;
        this.#shrink(key);
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

    #shrink(newest) {
        if (this.#bytes <= this.maxBytes) return;
        for (const key of [...this.#entries.keys()]) {
            if (this.#bytes <= this.maxBytes) return;
            if (key !== newest && !this.pinned(key)) this.delete(key);
        }
    }
}
