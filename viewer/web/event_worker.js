// event_worker.js - a SharedWorker: one stream of events for all pages of this browser, so that it takes one of the six connections that HTTP/1.1 has, not
// one for each window. A page says "join" and "leave"; it is sent "here", then {kind, data}.

import { EventStream } from './event_stream.js';

const pages = new Set();
const stream = new EventStream('/api/events', (kind, data) => {
    for (const page of pages) page.postMessage({ kind, data });
});

globalThis.addEventListener('connect', ({ ports: [page] }) => {
    page.addEventListener('message', ({ data }) => {
        if (data === 'join') {
            pages.add(page);
            page.postMessage('here');
            stream.open();
        } else if (data === 'leave') {
            pages.delete(page);
            if (pages.size === 0) stream.close();
        }
    });
    page.start();
});
