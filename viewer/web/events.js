// events.js - the service's event stream, shared by everything on the page; the browser reconnects by itself.

import { eventsUrl } from './api.js';

const KINDS = ['study', 'pull', 'node', 'send', 'rule', 'finding', 'closed', 'reload'];
const listeners = new Set();
let source = null;

function deliver(kind, text) {
    let data = {};
    try {
        data = text ? JSON.parse(text) : {};
    } catch {
        return;
    }
    for (const listener of [...listeners]) listener(kind, data);
}

function open() {
    source = new EventSource(eventsUrl());
    for (const kind of KINDS) source.addEventListener(kind, (event) => deliver(kind, event.data));
    source.addEventListener('error', () => {
        if (source?.readyState !== EventSource.CLOSED) return;
        source = null; // refused for good: ask again later, and look at everything anew then
        setTimeout(() => {
            if (listeners.size === 0 || source) return;
            open();
            deliver('reload', '');
        }, 10000);
    });
}

/** listener(kind, data) for "study", "pull", "node", "send", "rule", "finding", "closed" (a study that was open here is not any more) and "reload". Returns the function that stops it. */
export function onEvent(listener) {
    listeners.add(listener);
    if (!source) open();
    return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        source?.close();
        source = null;
    };
}

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
