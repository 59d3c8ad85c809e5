// picture_shares.js - several picture areas of a page, one store of pictures and one line: what each wants is put into one order of need, the
// area in the reader's hands first. No DOM.

import { PictureStore } from './picture_store.js';

const NEAR = 8; // of what the first area wants ahead, before the others' next

/** One list of [{rendition, tiles, urgent, soon, near}] out of those of several areas, the first area's first: what is on the screens, what is wanted soon
 *  (small pictures), the next of each, all that the first area wants, then that of the others in turn: their stored values are not worth a
 *  picture of the first. Pure. */
export function merge(lists) {
    const isSoon = (item, area) => item.soon && (area === 0 || item.rendition !== null);
    const order = lists.flatMap((list) => list.filter((item) => item.urgent));
    order.push(...lists.flatMap((list, area) => list.filter((item) => !item.urgent && isSoon(item, area))));
    const [first = [], ...others] = lists.map((list, area) => list.filter((item) => !item.urgent && !isSoon(item, area)));
    order.push(...first.splice(0, NEAR), ...others.flatMap((list) => list.filter((item) => item.near)), ...first);
    const later = others.map((list) => list.filter((item) => !item.near));
    while (later.some((list) => list.length > 0)) order.push(...later.flatMap((list) => list.splice(0, 1)));
    return order;
}

/** One area's part of the store. */
class Share {
    constructor(shares, { onChange, onIdle }) {
        Object.assign(this, { shares, onChange, onIdle, items: [], shown: [] });
    }

    /** As PictureStore.want(), for this area. */
    want(items) {
        this.items = items;
        this.shares.ask();
    }

    /** As PictureStore.setShown(), for this area. */
    setShown(urls) {
        this.shown = urls;
        this.shares.keep();
    }

    /** This area comes first from now on. */
    first() {
        this.shares.putFirst(this);
    }

    close() {
        this.shares.leave(this);
    }
}

export class PictureShares {
    #shares = []; // the one in the reader's hands first
    #asked = 0; // a timer

    /** onTrouble(error or null): of the line. */
    constructor({ onTrouble }) {
        this.store = new PictureStore({
            onChange: () => this.#shares.forEach((share) => share.onChange()),
            onTrouble,
            onIdle: () => this.#shares.forEach((share) => share.onIdle()),
        });
    }

    get count() {
        return this.#shares.length;
    }

    open(callbacks) {
        const share = new Share(this, callbacks);
        this.#shares.push(share);
        return share;
    }

    putFirst(share) {
        if (this.#shares[0] === share || !this.#shares.includes(share)) return;
        this.#shares = [share, ...this.#shares.filter((other) => other !== share)];
        this.ask();
    }

    leave(share) {
        this.#shares = this.#shares.filter((other) => other !== share);
        this.ask();
        this.keep();
    }

    /** Several areas that change at once are one question. */
    ask() {
        if (this.#shares.length < 2) this.#ask();
        else this.#asked ||= setTimeout(() => this.#ask(), 0);
    }

    #ask() {
        clearTimeout(this.#asked);
        this.#asked = 0;
        this.store.want(merge(this.#shares.map((share) => share.items)));
    }

    keep() {
        this.store.setShown(this.#shares.flatMap((share) => share.shown));
    }

    /** Something that was open is not any more: nothing is kept, the areas that stay ask anew. */
    forget() {
        this.keep();
        this.store.clear();
        for (const share of this.#shares) share.onChange();
    }

    close() {
        clearTimeout(this.#asked);
        this.#shares = [];
        this.store.close();
    }
}
