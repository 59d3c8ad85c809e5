// part.js - where the viewer page meets presentation states of others, and the overlays of files: commands and buttons; the rest is loaded when a state is first
// looked for.

import { getStates } from '../api.js';
import { loadStyles } from '../dom.js';
import { loadWords } from '../i18n.js';
import { later } from '../later.js';
import { overlays } from '../stage_asks.js';

const PX_PER_MM = 96 / 25.4; // of a screen that nobody measured

class Door {
    #layers = new WeakMap(); // stage -> StateLayer

    constructor(page) {
        this.page = page;
        page.listen((what, detail) => {
            // a table of the file is one of the file's: who picks it leaves the state
            if (what === 'move' && detail.what === 'window' && detail.stage.applied && detail.stage.window?.lut !== undefined) this.leave(detail.stage);
        });
    }

    /** Are there objects of the study that may be states? */
    get enabled() {
        return this.page.isOpen && Boolean(this.page.stage.study?.series_list.some(({ objects, images }) => objects > images));
    }

    #load() {
        this.loading ??= Promise.all([later(() => import('./dialog.js')), later(() => import('./layer.js')), later(() => import('./applied.js')), later(() => import('../picture_tools.js')), loadWords('states'), loadStyles('states/states')]).then(
            ([dialog, layer, applied, tools]) => ({ ...dialog, ...layer, ...applied, pixelsPerMm: tools.pixelsPerMm }),
            (error) => {
                this.loading = null; // the next press tries again
                throw error;
            },
        );
        return this.loading;
    }

    /** Those of the slice, as the service has them now. */
    async #statesOf({ stack }, coverage) {
        const [{ id }, { frame }] = [stack.object(), stack.slice()];
        const { states } = await getStates(stack.manifest.series);
        return states.filter((state) => coverage(state)(id, frame));
    }

    async open() {
        const { stage } = this.page;
        const { openStates, coverage } = await this.#load();
        if (!stage?.stack) return;
        const choose = (state) => (state ? this.apply(stage, state) : this.leave(stage));
        openStates(this.#statesOf(stage, coverage), { chosen: stage.applied?.state.id ?? null, aspect: stage.stack.pixelAspect(), choose });
    }

    async apply(stage, { id }) {
        const { Applied, StateLayer, pixelsPerMm } = await this.#load();
        const manifest = stage.stack?.manifest;
        const { state } = await getStates(manifest.series, id);
        if (stage.blanked || stage.stack?.manifest.series !== manifest.series) return;
        this.leave(stage);
        if (!this.#layers.has(stage)) {
            const layer = new StateLayer(stage, () => this.leave(stage));
            this.#layers.set(stage, layer);
            stage.addLayer(layer);
        }
        stage.window = null;
        stage.invert = false;
        stage.applied = new Applied(stage, state, () => ({ perMm: pixelsPerMm() ?? PX_PER_MM, ratio: devicePixelRatio }), () => stage.refresh());
        stage.refresh();
    }

    /** The plain view again. */
    leave(stage) {
        if (!stage.applied) return;
        const { applied } = stage;
        stage.applied = null;
        applied.leave();
        this.page.changed();
    }
}

function toggleOverlays(page) {
    overlays.hidden = !overlays.hidden;
    try {
        sessionStorage.setItem('kakehashi.overlays', overlays.hidden ? 'off' : 'on');
    } catch {
        // It then lasts as long as the page.
    }
    for (const stage of page.grid.stages) stage.refresh();
}

/** As parts.js asks of a part. */
export function attach(page) {
    const door = new Door(page);
    const hasOverlays = () => page.grid.stages.some((stage) => stage.stack?.object()?.overlays);
    page.commands.add({
        states: { run: () => door.open().catch(() => {}), pressed: () => Boolean(page.stage?.applied), enabled: () => door.enabled },
        overlays: { run: () => toggleOverlays(page), pressed: () => !overlays.hidden, enabled: () => page.isOpen && hasOverlays() },
    });
    page.toolbar.add({ name: 'states', keep: 1, items: ['states', 'overlays'] }, 'shades');
}
