// commands.js - everything a key or a button of the viewer does, by name. Parts of the viewer add theirs.

import { openHelp } from './help.js';
import { later } from './later.js';
import { presetsFor } from './presets.js';
import { neighbour } from './series_strip.js';
import { isColour } from './stack_model.js';

const ZOOM_STEP = 1.25;
const FAST = 10;

const stack = (page) => page.stage?.stack;

/** The windows for the picture on the screen, as presets.js lists them. */
export const presetsOf = (page) =>
    stack(page) ? presetsFor(stack(page).manifest.modality, stack(page).object(), stack(page).slice(), page.settings?.get('presets')) : [];

function pick(page, digit) {
    const preset = presetsOf(page).find((one) => one.key === digit);
    if (preset) page.stage.setWindow(preset.window);
}

function openNeighbour(page, direction) {
    const shows = page.grid.active.shows;
    const next = shows && neighbour(page.sets(shows.study), `${shows.series.id}.${shows.set}`, direction);
    if (next) page.show(page.grid.active, shows.study, next.series, { set: next.set });
}

function fullScreen(page) {
    if (document.fullscreenElement) document.exitFullscreen();
    else page.element.requestFullscreen?.().catch(() => {});
}

const tool = (name) => ({
    run: (page) => page.setTool(name),
    pressed: (page) => page.tool === name,
    enabled: (page) => page.isOpen && !(name === 'window' && isColour(stack(page)?.object())),
});
const always = (run, pressed) => ({ run, pressed, enabled: () => true });

/** name -> run(page, argument, shift), or {run, pressed(page)?, enabled(page)?}: whether it is on, and whether there is something to do it to
 *  (a picture, when not told). */
const OWN = {
    'tool.scroll': tool('scroll'),
    'tool.window': tool('window'),
    'tool.zoom': tool('zoom'),
    'tool.pan': tool('pan'),
    previous: (page, _, shift) => page.stage?.scroll(shift ? -FAST : -1),
    next: (page, _, shift) => page.stage?.scroll(shift ? FAST : 1),
    back10: (page) => page.stage?.scroll(-FAST),
    ahead10: (page) => page.stage?.scroll(FAST),
    first: (page) => page.stage?.goTo(0),
    last: (page) => page.stage?.goTo(Infinity),
    previousSeries: (page) => openNeighbour(page, -1),
    nextSeries: (page) => openNeighbour(page, 1),
    preset: (page, digit) => pick(page, digit),
    setWindow: (page, window) => page.stage?.setWindow(window),
    invert: { run: (page) => page.stage?.toggleInvert(), pressed: (page) => page.stage?.invert ?? false },
    fit: (page) => page.stage?.fit(),
    oneToOne: (page) => page.stage?.oneToOne(),
    zoomIn: (page) => page.stage?.zoomBy(ZOOM_STEP),
    zoomOut: (page) => page.stage?.zoomBy(1 / ZOOM_STEP),
    rotate: (page, _, shift) => page.stage?.rotate(shift ? -1 : 1),
    flipHorizontal: (page) => page.stage?.flip(false),
    flipVertical: (page) => page.stage?.flip(true),
    reset: (page) => page.stage?.reset(),
    text: { run: (page) => page.toggleText(), pressed: (page) => page.textShown },
    maximise: { run: (page) => page.grid.maximise(), pressed: (page) => page.grid.maximised !== null, enabled: (page) => page.grid.tiles.length > 1 },
    takePicture: async (page) => (await later(() => import('./take_picture.js'))).takePicture(page.stage),
    fullScreen: always(fullScreen, () => Boolean(document.fullscreenElement)),
    list: always((page) => page.go('/')),
    help: always((page) => openHelp(page)),
    editKeys: always(async (page) => (await later(() => import('./keys_dialog.js'))).openKeys(page)),
};

export class Commands {
    #table = new Map();

    constructor(page) {
        this.page = page;
        this.add(OWN);
    }

    /** As OWN. One of the same name takes the place of the one before. */
    add(entries) {
        for (const [name, entry] of Object.entries(entries))
            this.#table.set(name, typeof entry === 'function' ? { run: entry } : entry);
    }

    has(name) {
        return this.#table.has(name);
    }

    /** argument: what the command works with, of a key its name. */
    run(name, argument, shift = false) {
        const entry = this.#table.get(name);
        if (!entry || this.page.isShut) return;
        entry.run(this.page, argument, shift);
        this.page.changed();
    }

    /** true, false; undefined for what is neither on nor off. */
    pressed(name) {
        return this.#table.get(name)?.pressed?.(this.page);
    }

    enabled(name) {
        const entry = this.#table.get(name);
        if (!entry) return false;
        return entry.enabled ? entry.enabled(this.page) : this.page.isOpen;
    }
}
