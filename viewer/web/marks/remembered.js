// remembered.js - what of marks this tab alone remembers, also when it is loaded anew: in which window they were made.

const KEY = 'kakehashi.marks';
const MOST = 200; // of each

export class Remembered {
    constructor() {
        let stored = {};
        try {
            stored = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
        } catch {
            // Storage may be closed to us: then it lasts as long as the page.
        }
        this.windows = new Map(stored.windows ?? []); // mark id -> {center, width}
    }

    keep() {
        const last = (map) => [...map].slice(-MOST);
        try {
            sessionStorage.setItem(KEY, JSON.stringify({ windows: last(this.windows) }));
        } catch {
            // As above.
        }
    }
}
