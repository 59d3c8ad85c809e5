// tile_batch.js - many tiles in one answer (docs/http-api.md): which may go together, the address, and the answer taken apart as it comes. No DOM.

const TILE = /^\/tiles\/(\d+)\/(\d+-\d+\/\d+\/\d+\/\d+)\.jpg\?(.*)$/;

/** Tiles of one batch have the same one: series, window and quality. null: a tile that goes alone. */
export function batchKey(url) {
    const parts = TILE.exec(url);
    return parts && `${parts[1]}?${parts[3]}`;
}

/** Tiles that have about as many bytes: of one series, level and quality. null: no tile. */
export function kindOf(url) {
    const parts = TILE.exec(url);
    return parts && `${parts[1]} ${parts[2].split('/')[1]} ${/q=\d+/.exec(parts[3])?.[0]}`;
}

/** The address of tiles of one key. */
export function batchUrl(urls) {
    const parts = urls.map((url) => TILE.exec(url));
    return `/tiles/${parts[0][1]}/batch?${parts[0][3]}&like=1&tiles=${parts.map((one) => one[2]).join(',')}`;
}

/** Takes an answer apart, whatever pieces it comes in. take(bytes) gives [{code, window, lossy, message, bytes}] of the tiles that are whole. */
export class BatchReader {
    #pending = [];
    #size = 0; // of all pending
    #head = null; // of the tile whose bytes come
    #before = new Uint8Array(); // the tile that came last

    take(bytes) {
        const tiles = [];
        this.#pending.push(bytes);
        this.#size += bytes.length;
        while (this.#head ? this.#size >= this.#head.size : this.#findLine()) {
            tiles.push({ ...this.#head, bytes: this.#tile(this.#head) });
            this.#head = null;
        }
        return tiles;
    }

    /** What a tile begins with as the one before it did not come: it is put there. */
    #tile({ code, size, like = 0 }) {
        if (!(like >= 0 && like <= this.#before.length)) throw new Error(`a tile that begins like ${like} bytes of one of ${this.#before.length}`);
        const bytes = this.#cut(size, this.#before.subarray(0, like));
        if (code === 200) this.#before = bytes;
        return bytes;
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

    /** The next bytes, behind those given. */
    #cut(size, begin = new Uint8Array()) {
        const out = new Uint8Array(begin.length + size);
        out.set(begin);
        for (let at = begin.length; at < out.length; ) {
            const part = this.#pending[0];
            const taken = part.subarray(0, out.length - at);
            out.set(taken, at);
            at += taken.length;
            if (taken.length === part.length) this.#pending.shift();
            else this.#pending[0] = part.subarray(taken.length);
        }
        this.#size -= size;
        return out;
    }
}
