// tile_batch.js - many tiles in one answer (docs/http-api.md): which may go together, the address, and the answer taken apart as it comes. No DOM.

const TILE = /^\/tiles\/(\d+)\/(\d+-\d+\/\d+\/\d+\/\d+)\.jpg\?(.*)$/;

/** Tiles of one batch have the same one: series, window and quality. null: a tile that goes alone. */
export function batchKey(url) {
    const parts = TILE.exec(url);
    return parts && `${parts[1]}?${parts[3]}`;
}

/** The address of tiles of one key. */
export function batchUrl(urls) {
    const parts = urls.map((url) => TILE.exec(url));
    return `/tiles/${parts[0][1]}/batch?${parts[0][3]}&tiles=${parts.map((one) => one[2]).join(',')}`;
}

/** Takes an answer apart, whatever pieces it comes in. take(bytes) gives [{code, window, lossy, message, bytes}] of the tiles that are whole. */
export class BatchReader {
    #pending = [];
    #size = 0; // of all pending
    #head = null; // of the tile whose bytes come

    take(bytes) {
        const tiles = [];
        this.#pending.push(bytes);
        this.#size += bytes.length;
        while (this.#head ? this.#size >= this.#head.size : this.#findLine()) {
            tiles.push({ ...this.#head, bytes: this.#cut(this.#head.size) });
            this.#head = null;
        }
        return tiles;
    }

    /** The next head, when its line is whole and its tile's bytes are here as well. */
    #findLine() {
        let before = 0;
        for (const part of this.#pending) {
            const end = part.indexOf(10);
            if (end >= 0) {
                const line = this.#cut(before + end + 1);
                this.#head = JSON.parse(new TextDecoder().decode(line));
                return this.#size >= this.#head.size;
            }
            before += part.length;
        }
        return false;
    }

    #cut(size) {
        const out = new Uint8Array(size);
        for (let at = 0; at < size; ) {
            const part = this.#pending[0];
            const taken = part.subarray(0, size - at);
            out.set(taken, at);
            at += taken.length;
            if (taken.length === part.length) this.#pending.shift();
            else this.#pending[0] = part.subarray(taken.length);
        }
        this.#size -= size;
        return out;
    }
}
