// events.js - the service's events, for whatever on the page listens. All windows of a browser share one stream: by a SharedWorker; where there is none, by
// one of them that is the leader and tells the others; where that cannot be either, each page has its own.

import { eventsUrl, fileUrl } from './api.js';
import { EventStream } from './event_stream.js';

const NAME = 'kakehashi.events';
const LINGER_MS = 3000; // from one page of ours to the next the stream stays
const HERE_MS = 5000; // a worker that has not answered by then never will

/** By the worker; onFail() when that is not to be had. */
class Shared {
    constructor(onEvent, onFail) {
        this.worker = new SharedWorker(fileUrl('event_worker.js'), { type: 'module', name: NAME });
        this.late = setTimeout(onFail, HERE_MS);
        this.worker.addEventListener('error', onFail);
        this.worker.port.addEventListener('message', ({ data }) => {
            clearTimeout(this.late);
            if (data !== 'here') onEvent(data.kind, data.data);
        });
        this.worker.port.start();
        this.worker.port.postMessage('join');
    }

    close() {
        clearTimeout(this.late);
        this.worker.port.postMessage('leave');
        this.worker.port.close();
    }
}

/** By one of the pages: who has the lock has the stream. */
class Led {
    constructor(onEvent) {
        this.onEvent = onEvent;
        this.channel = new BroadcastChannel(NAME);
        this.channel.addEventListener('message', ({ data }) => onEvent(data.kind, data.data));
        this.stop = new AbortController();
        const asked = performance.now();
        navigator.locks.request(NAME, { signal: this.stop.signal }, () => this.#lead(performance.now() - asked > 1000)).catch(() => {});
    }

    /** after: there was another leader before, and what happened since nobody told. */
    #lead(after) {
        const tell = (kind, data) => {
            this.channel.postMessage({ kind, data });
            this.onEvent(kind, data);
        };
        const stream = new EventStream(eventsUrl(), tell);
        stream.open();
        if (after) tell('reload', {});
        return new Promise((resolve) => {
            this.release = () => {
                stream.close();
                resolve();
            };
        });
    }

    close() {
        this.stop.abort();
        this.release?.();
        this.channel.close();
    }
}

class Own {
    constructor(onEvent) {
        this.stream = new EventStream(eventsUrl(), onEvent);
        this.stream.open();
    }

    close() {
        this.stream.close();
    }
}

const listeners = new Set();
let line = null;
let leaving = 0;
let workerFails = false;

function deliver(kind, data) {
    for (const listener of [...listeners]) listener(kind, data);
}

function make() {
    if (globalThis.SharedWorker && !workerFails) {
        try {
            return new Shared(deliver, () => {
                workerFails = true;
                if (!line) return;
                line.close();
                line = make();
            });
        } catch {
            workerFails = true;
        }
    }
    return navigator.locks && globalThis.BroadcastChannel ? new Led(deliver) : new Own(deliver);
}

function leave() {
    clearTimeout(leaving);
    leaving = 0;
    line?.close();
    line = null;
}

function join() {
    clearTimeout(leaving);
    leaving = 0;
    line ??= make();
}

/** listener(kind, data) for "study", "pull", "node", "send", "rule", "finding", "closed" (a study that was open here is not any more) and "reload". Returns the function that stops it. */
export function onEvent(listener) {
    listeners.add(listener);
    join();
    return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && !leaving) leaving = setTimeout(leave, LINGER_MS);
    };
}

// A page that is put away, to come back perhaps, hears nothing meanwhile.
globalThis.addEventListener?.('pagehide', leave);
globalThis.addEventListener?.('pageshow', (event) => {
    if (!event.persisted || listeners.size === 0) return;
    join();
    deliver('reload', {});
});

/** Call `work` soon, and at most once per `intervalMs` however often it is asked for. Returns {ask, stop}. */
export function throttled(work, intervalMs) {
    let timer = 0;
    let last = -Infinity;
    const run = () => {
        timer = 0;
        last = performance.now();
        work();
    };
    return {
        ask() {
            if (timer) return;
            timer = setTimeout(run, Math.max(50, last + intervalMs - performance.now()));
        },
        stop() {
            clearTimeout(timer);
            timer = 0;
        },
    };
}
