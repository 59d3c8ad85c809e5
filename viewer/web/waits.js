// waits.js - how long the reader waited: from the click to the first full picture, and to that of the last slice of the first stack. Said discreetly, and told
// to the service's metrics (docs/operations.md), without a word of whose pictures they are.

import { line, tellWaits } from './api.js';
import { loadStyles, make, setText } from './dom.js';
import { loadWords, t } from './i18n.js';

const seconds = (ms) => (ms < 9950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)));

/** "3.9 Mbit/s", of bytes a millisecond. */
export function rateText(rate) {
    const mbit = (rate * 8) / 1000;
    return `${mbit < 0.95 ? mbit.toFixed(2) : mbit < 9.5 ? mbit.toFixed(1) : String(Math.round(mbit))} Mbit/s`;
}

/** What is told: rounded, in the bounds of the service. */
export const report = ({ began, first, last, slices, rate }) => ({
    first_ms: Math.round(first - began),
    last_ms: last === null ? -1 : Math.round(last - began),
    slices,
    kbit_s: Math.round(rate * 8),
});

class Waits {
    constructor(page, stage) {
        Object.assign(this, { page, stage, began: page.beganAt, first: stage.fullAt ?? null, last: null, told: false });
        this.slices = stage.stack.size;
        this.stack = stage.stack;
        this.element = make('div', { class: 'waits' });
        page.element.append(this.element);
        this.stop = page.listen((what) => what === 'change' && this.#look());
        this.leave = () => this.tell();
        addEventListener('pagehide', this.leave);
        this.#look();
    }

    #look() {
        const { stage } = this;
        if (this.told || stage.stack !== this.stack) return;
        if (this.first === null && stage.fullAt) this.first = stage.fullAt;
        if (this.first !== null && stage.asks.pictures.isAll) {
            this.last = performance.now();
            this.tell();
        }
        this.translate();
    }

    /** Once: when all is here, or the reader leaves. */
    tell() {
        if (this.told || this.first === null) return;
        this.told = true;
        tellWaits(report({ ...this, rate: line.known ? line.rate : 0 }));
    }

    translate() {
        if (this.first === null) return;
        const parts = [t('waits.first', { s: seconds(this.first - this.began) })];
        if (this.last !== null) parts.push(t('waits.all', { s: seconds(this.last - this.began) }));
        if (line.known) parts.push(rateText(line.rate));
        setText(this.element, parts.join('\n'));
    }

    shut() {
        this.element.remove();
        this.#end();
    }

    close() {
        this.#end();
    }

    #end() {
        this.tell();
        this.stop();
        removeEventListener('pagehide', this.leave);
    }
}

export async function attach(page) {
    await Promise.all([loadStyles('waits'), loadWords('waits')]);
    const stage = page.grid.stages.find((one) => one.stack);
    return stage ? new Waits(page, stage) : {};
}
