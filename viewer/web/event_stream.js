// event_stream.js - the service's stream of events (docs/http-api.md): open while somebody wants it, opened again by itself. No DOM: it runs in a page or in
// the worker that all pages share.

const KINDS = ['study', 'pull', 'node', 'send', 'rule', 'finding', 'closed', 'marks', 'reload'];
const AGAIN_MS = 10000;

export class EventStream {
    #source = null;
    #timer = 0;

    /** onEvent(kind, data). */
    constructor(url, onEvent, Source = globalThis.EventSource) {
        Object.assign(this, { url, onEvent, Source });
    }

    open() {
        if (this.#source || this.#timer) return;
        const source = new this.Source(this.url);
        this.#source = source;
        for (const kind of KINDS) source.addEventListener(kind, (event) => this.#deliver(kind, event.data));
        source.addEventListener('error', () => this.#broke(source));
    }

    /** The browser connects again by itself; where it was refused for good we do, later, and everything is to be looked at anew then. */
    #broke(source) {
        if (this.#source !== source || source.readyState !== source.CLOSED) return;
        this.#source = null;
        this.#timer = setTimeout(() => {
            this.#timer = 0;
            this.open();
            this.onEvent('reload', {});
        }, AGAIN_MS);
    }

    close() {
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.#source?.close();
        this.#source = null;
    }

    #deliver(kind, text) {
        let data = {};
        try {
            data = text ? JSON.parse(text) : {};
        } catch {
            return;
        }
        this.onEvent(kind, data);
    }
}
