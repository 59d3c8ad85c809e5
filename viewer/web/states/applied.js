// applied.js - a presentation state on one picture area: which of its slices it is for, what they are asked for with, and where they lie. Slices that it does
// not name are shown as they are, at the place that they had. No DOM.

import { placeViewport } from './place.js';

const KEPT = ['scale', 'offset', 'quarterTurns', 'flipped', 'fitted'];
const keep = (viewport) => Object.fromEntries(KEPT.map((name) => [name, viewport[name]]));

function bring(viewport, kept) {
    Object.assign(viewport, kept);
    viewport.setView(viewport.view.width, viewport.view.height); // the window may have another size by now
}

/** Which images of the series a state names: (object, frame) -> {area} or null. */
export function coverage({ images, areas }) {
    const named = new Map(images.map(({ object, frame, area }) => [`${object}-${frame ?? 'all'}`, { area: area === null ? null : areas[area] }]));
    return (object, frame) => named.get(`${object}-${frame}`) ?? named.get(`${object}-all`) ?? null;
}

export class Applied {
    #plain = null; // how the picture lay before
    #placed = null; // for which area it lies now, {key, view, lies}

    /** state: as the service tells it, with what it draws. screen(): {perMm, ratio}. onLeave(): it is gone. */
    constructor(stage, state, screen, onLeave) {
        Object.assign(this, { stage, state, screen, onLeave });
        this.find = coverage(state);
    }

    /** {area} when the state is for the slice, else null. */
    on(index = this.stage.stack.index) {
        const slice = this.stage.stack.slice(index);
        return slice && this.find(this.stage.stack.object(index).id, slice.frame);
    }

    look(index) {
        return this.on(index) ? `&state=${this.state.id}` : '';
    }

    /** Before the picture is drawn: the slice lies as the state has it, when the one before did not. */
    arrange() {
        const here = this.on();
        const { viewport } = this.stage;
        if (!here) {
            if (this.#plain) bring(viewport, this.#plain);
            this.#plain = this.#placed = null;
            return;
        }
        const key = JSON.stringify(here.area);
        const view = `${viewport.view.width} ${viewport.view.height}`;
        const lies = () => JSON.stringify(keep(viewport));
        // in a window of another size it is placed anew, unless the reader moved it
        if (key === this.#placed?.key && (view === this.#placed.view || lies() !== this.#placed.lies)) return;
        this.#plain ??= keep(viewport);
        const aspect = this.stage.stack.pixelAspect();
        placeViewport(viewport, this.state, here.area, this.stage.stack.object(), { aspect, ...this.screen() });
        this.#placed = { key, view, lies: lies() };
    }

    /** The picture lies as it did before. */
    leave() {
        if (this.#plain) bring(this.stage.viewport, this.#plain);
        this.#plain = this.#placed = null;
        this.onLeave();
    }
}
