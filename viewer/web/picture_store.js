// picture_store.js - the pictures this page holds: received JPEGs and, for those near the screen, decoded ones; both bounded by
// bytes. Knows which slices have a picture and with which window it was made.

import { getTile, getTileBatch } from './api.js';
import { batchKey } from './tile_batch.js';
import { TileCache } from './tile_cache.js';
import { TileLoader } from './tile_loader.js';

const RECEIVED_MAX_BYTES = 72 * 2 ** 20;
const DECODED_MAX_BYTES = 64 * 2 ** 20;
const RENDITIONS_PER_SLICE = 4;
const CONCURRENT_REQUESTS = 5; // of a browser's six connections; the sixth carries events
export const PREFETCH_MAX_BYTES = RECEIVED_MAX_BYTES * 0.8;

export class PictureStore {
    #shown = new Set(); // urls on the screen: these stay decoded
    #decoding = new Map(); // url -> promise
    #tilesOf = new Map(); // sliceKey -> Set of urls received
    #renditions = new Map(); // sliceKey -> Map(key -> Rendition), newest last
    #fileWindows = new Map(); // sliceKey -> window used when none was asked for

    /** onChange() is called when a picture has arrived, was decoded, or will not come; onTrouble(error) when the line is down,
     *  onTrouble(null) when it is back; onIdle() when everything asked for is here. */
    constructor({ onChange, onTrouble, onIdle }) {
        this.onChange = onChange;
        this.onTrouble = onTrouble;
        this.sliceOfUrl = new Map();
        this.received = new TileCache(RECEIVED_MAX_BYTES, {
            dispose: (tile) => this.#forget(tile),
            pinned: (url) => this.#shown.has(url),
        });
        this.decoded = new TileCache(DECODED_MAX_BYTES, {
            dispose: (bitmap) => bitmap.close(),
            pinned: (url) => this.#shown.has(url),
        });
        this.loader = new TileLoader({
            fetchTile: getTile,
            fetchBatch: getTileBatch,
            batchKey,
            onTile: (url, tile) => this.#arrived(url, tile),
            onError: (url, error, again) => {
                if (again && error.status === 0) this.onTrouble(error);
                this.onChange();
            },
            onIdle,
            concurrency: CONCURRENT_REQUESTS,
        });
    }

    /** Ask for renditions' tiles by need: [{rendition, tiles, urgent}]. Tiles that are here are not asked for again. */
    want(items) {
        const list = [];
        this.sliceOfUrl.clear();
        for (const { rendition, tiles, urgent } of items) {
            for (const { url } of tiles) {
                if (this.received.has(url)) continue;
                list.push({ url, urgent });
                this.sliceOfUrl.set(url, rendition);
            }
        }
        this.loader.want(list);
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

    /** What the service said of a tile: {window, lossy}; null when it is not here. */
    facts(url) {
        return this.received.get(url) ?? null;
    }

    failure(url) {
        return this.loader.failure(url);
    }

    has(sliceKey) {
        return this.#tilesOf.has(sliceKey);
    }

    fileWindow(sliceKey) {
        return this.#fileWindows.get(sliceKey) ?? null;
    }

    /** Renditions of a slice of which something was received, the newest first. */
    renditions(sliceKey) {
        return [...(this.#renditions.get(sliceKey)?.values() ?? [])].reverse();
    }

    /** Keep these tiles decoded. */
    setShown(urls) {
        this.#shown = new Set(urls);
    }

    close() {
        this.loader.stop();
        this.#shown.clear();
        this.received.clear();
        this.decoded.clear();
    }

    #arrived(url, tile) {
        const rendition = this.sliceOfUrl.get(url);
        if (!rendition) return;
        const { sliceKey } = rendition;
        this.onTrouble(null);
        this.received.set(url, { ...tile, url, sliceKey }, tile.blob.size);
        if (!this.#tilesOf.has(sliceKey)) this.#tilesOf.set(sliceKey, new Set());
        this.#tilesOf.get(sliceKey).add(url);
        if (!rendition.window && tile.window) this.#fileWindows.set(sliceKey, tile.window);
        this.#remember(rendition);
        this.onChange();
    }

    #remember(rendition) {
        const known = this.#renditions.get(rendition.sliceKey) ?? new Map();
        known.delete(rendition.key);
        known.set(rendition.key, rendition);
        if (known.size > RENDITIONS_PER_SLICE) known.delete(known.keys().next().value);
        this.#renditions.set(rendition.sliceKey, known);
    }

    #forget(tile) {
        this.decoded.delete(tile.url);
        const urls = this.#tilesOf.get(tile.sliceKey);
        urls?.delete(tile.url);
        if (urls?.size === 0) {
            this.#tilesOf.delete(tile.sliceKey);
            this.#renditions.delete(tile.sliceKey);
        }
    }
}
