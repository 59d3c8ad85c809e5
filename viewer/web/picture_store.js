// picture_store.js - the pictures this page holds: received JPEGs, decoded ones near the screen, slices with their stored values.
// All of it keeps to one bound of bytes. Knows which slices have a picture and with which window it was made.

import { getLossless, getTile, getTileBatch, line } from './api.js';
import { canShow } from './exact_picture.js';
import { guessBytes } from './ladder.js';
import { batchKey, kindOf } from './tile_batch.js';
import { SharedLimit, TileCache } from './tile_cache.js';
import { TileLoader } from './tile_loader.js';

const LITTLE = typeof navigator !== 'undefined' && navigator.deviceMemory <= 2; // GiB; what does not say has enough
const HELD_MAX_BYTES = (LITTLE ? 64 : 120) * 2 ** 20; // of one tab, all together
const DECODED_MAX_BYTES = (LITTLE ? 24 : 48) * 2 ** 20;
const EXACT_MAX_BYTES = 24 * 2 ** 20;
const RECEIVED_MAX_BYTES = 80 * 2 ** 20;
const RENDITIONS_PER_SLICE = 4;
const CONCURRENT_REQUESTS = 5; // of a browser's six connections; the sixth carries events
const WEIGHT = 0.25; // of a new tile in the mean size of its kind
export const PREFETCH_MAX_BYTES = RECEIVED_MAX_BYTES * 0.8;

export class PictureStore {
    #shown = new Set(); // urls on the screen: these stay
    #closed = false;
    #decoding = new Map(); // url -> promise
    #tilesOf = new Map(); // lookKey -> Set of urls received
    #renditions = new Map(); // lookKey -> Map(key -> Rendition), newest last
    #fileWindows = new Map(); // lookKey -> window used when none was asked for
    #wanted = new Map(); // url -> Rendition; null for stored values
    #urgent = new Set(); // urls for the screen, now
    #sizes = new Map(); // kind -> mean bytes
    #down = false;

    /** onChange() is called when a picture has arrived, was decoded, or will not come; onTrouble(error) when the line is down, onTrouble(null) when it is
     *  back; onIdle() when everything asked for is here. */
    constructor({ onChange, onTrouble, onIdle }) {
        Object.assign(this, { onChange, onTrouble });
        this.losses = 0; // pictures that were here and had to go: what was complete need not be any more
        this.limit = new SharedLimit(HELD_MAX_BYTES);
        const pinned = (url) => this.#shown.has(url);
        this.decoded = new TileCache(DECODED_MAX_BYTES, { dispose: (bitmap) => bitmap.close(), pinned, limit: this.limit });
        this.exact = new TileCache(EXACT_MAX_BYTES, { pinned, limit: this.limit });
        this.received = new TileCache(RECEIVED_MAX_BYTES, { dispose: (tile) => this.#forget(tile), pinned, limit: this.limit });
        this.loader = new TileLoader({
            fetchTile: (url, signal, urgent, onMove) => (kindOf(url) ? getTile(url, signal, urgent, onMove) : getLossless(url, signal, onMove)),
            fetchBatch: getTileBatch,
            batchKey,
            onTile: (url, tile) => this.#arrived(url, tile),
            onError: (url, error, again) => this.#failed(error, again),
            onIdle,
            concurrency: CONCURRENT_REQUESTS,
            budget: () => line.budget,
        });
        if (!line.known && typeof performance !== 'undefined') line.seed(performance.getEntriesByType?.('resource') ?? []);
    }

    /** Ask for pictures by need, urgent ones first: [{rendition, tiles: [{url, bytes}], urgent}]; rendition null for stored values. What is here is not asked
     *  for again. */
    want(items) {
        const list = [];
        const before = this.#wanted;
        this.#wanted = new Map([...before].filter(([url]) => this.loader.isRunning(url)));
        const listed = new Set();
        this.#urgent.clear();
        for (const { rendition, tiles, urgent } of items) {
            for (const { url, bytes } of tiles) {
                if (listed.has(url) || this.received.has(url) || this.exact.has(url)) continue;
                listed.add(url);
                this.#wanted.set(url, rendition);
                if (urgent) this.#urgent.add(url);
                list.push({ url, urgent, bytes });
            }
        }
        this.loader.want(list);
    }

    /** About how many bytes a tile of so many pixels will have. */
    bytesOf(url, pixels, quality) {
        return this.#sizes.get(kindOf(url)) ?? guessBytes(pixels, quality);
    }

    /** The decoded tile, or undefined; decoding begins if the tile is here. */
    bitmap(url) {
        const bitmap = this.decoded.get(url);
        if (!bitmap) this.decode(url);
        return bitmap;
    }

    decode(url) {
        const tile = this.received.get(url);
        if (!tile || this.decoded.has(url) || this.#decoding.has(url)) return;
        const work = createImageBitmap(tile.blob).then(
            (bitmap) => {
                this.#decoding.delete(url);
                if (this.#closed) return void bitmap.close();
                this.decoded.set(url, bitmap, bitmap.width * bitmap.height * 4);
                this.onChange();
            },
            () => {
                this.#decoding.delete(url);
                this.received.delete(url); // a damaged answer: ask again when it is wanted again
            },
        );
        this.#decoding.set(url, work);
    }

    isDecoded(url) {
        return this.decoded.has(url);
    }

    /** What the service said of a tile: {window, lossy, blob}; null when it is not here. */
    facts(url) {
        return this.received.peek(url) ?? null;
    }

    /** Why a tile will not come, null when it may. */
    failure(url) {
        return this.loader.failure(url);
    }

    forgive() {
        this.loader.forgive();
    }

    /** A slice's stored values by their address: {facts, values, lossy}; null when they are not here, or its picture in that window is not for us to make.
     *  window undefined: in whichever. */
    slice(url, window) {
        const slice = this.exact.get(url);
        return slice && (window === undefined || canShow(slice.facts, window)) ? slice : null;
    }

    has(lookKey) {
        return this.#tilesOf.has(lookKey);
    }

    fileWindow(lookKey) {
        return this.#fileWindows.get(lookKey) ?? null;
    }

    /** Renditions of a slice of which something was received, the newest first. */
    renditions(lookKey) {
        return [...(this.#renditions.get(lookKey)?.values() ?? [])].reverse();
    }

    /** Keep these on the screen. */
    setShown(urls) {
        this.#shown = new Set(urls);
    }

    /** Nothing is kept. */
    clear() {
        for (const cache of [this.decoded, this.exact, this.received]) cache.clear();
        this.#fileWindows.clear();
    }

    close() {
        this.#closed = true;
        this.loader.stop();
        this.#shown.clear();
        this.#wanted.clear();
        this.clear();
    }

    #failed(error, again) {
        if (again && error.status === 0) {
            this.#down = true;
            this.onTrouble(error);
        }
        this.onChange();
    }

    #arrived(url, tile) {
        const rendition = this.#wanted.get(url);
        this.#wanted.delete(url);
        if (this.#down) this.onTrouble(null);
        this.#down = false;
        if (tile.values) this.exact.set(url, tile, tile.values.byteLength);
        if (!rendition) return void this.onChange();
        const { lookKey } = rendition;
        const kind = kindOf(url);
        const mean = this.#sizes.get(kind) ?? tile.blob.size;
        this.#sizes.set(kind, mean + WEIGHT * (tile.blob.size - mean));
        this.received.set(url, { ...tile, url, lookKey }, tile.blob.size);
        if (!this.#tilesOf.has(lookKey)) this.#tilesOf.set(lookKey, new Set());
        this.#tilesOf.get(lookKey).add(url);
        if (!rendition.window && tile.window) this.#fileWindows.set(lookKey, tile.window);
        this.#remember(rendition);
        if (this.#urgent.has(url)) this.decode(url); // not a frame later, when it is looked for
        this.onChange();
    }

    #remember(rendition) {
        const known = this.#renditions.get(rendition.lookKey) ?? new Map();
        known.delete(rendition.key);
        known.set(rendition.key, rendition);
        if (known.size > RENDITIONS_PER_SLICE) known.delete(known.keys().next().value);
        this.#renditions.set(rendition.lookKey, known);
    }

    #forget(tile) {
        this.losses++;
        this.decoded.delete(tile.url);
        const urls = this.#tilesOf.get(tile.lookKey);
        urls?.delete(tile.url);
        if (urls?.size === 0) {
            this.#tilesOf.delete(tile.lookKey);
            this.#renditions.delete(tile.lookKey);
        }
    }
}
