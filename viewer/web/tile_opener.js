// tile_opener.js - a series is fetched and shown in a tile, with word above it of whose it is; of several askings for one tile the last one counts.

import { getStack } from './api.js';
import * as format from './format.js';
import { language, t } from './i18n.js';
import { mainSet } from './split.js';
import { ageOfPrior } from './viewer_words.js';

export class TileOpener {
    /** onOpen(tile): the picture is in its tile. */
    constructor(page, onOpen) {
        this.page = page;
        this.onOpen = onOpen;
    }

    /** Show a series in a tile: {set, index} of what, the largest set and its middle slice when not told. True when it is there. */
    async show(tile, study, series, { set = null, index = null } = {}) {
        if (!tile || !series || series.frames === 0) return false;
        const { page } = this;
        tile.opening?.abort();
        const opening = new AbortController();
        tile.opening = opening;
        tile.shows = { study, series, set: set ?? 0 };
        page.showStrip();
        try {
            const manifest = await getStack(series.id, opening.signal);
            if (page.abort.signal.aborted || tile.opening !== opening || !page.grid.tiles.includes(tile)) return false;
            const sets = page.model.put(series.id, manifest);
            const chosen = sets[set] ?? mainSet(sets);
            tile.shows = { study, series, set: chosen.set };
            page.notice.hide();
            tile.placed = index !== null; // told by the address: it stays there
            tile.open().open(study, series, chosen.manifest, index);
            this.headOf(tile);
            this.onOpen(tile);
            return true;
        } catch (error) {
            if (tile.opening === opening) this.#failed(tile, error, () => this.show(tile, study, series, { set, index }));
            return false;
        }
    }

    /** An entry of the strip, as StripModel lists it. */
    showEntry(tile, { study, series, set, known }) {
        return this.show(tile, study, series, { set: known ? set : null });
    }

    /** Whose picture it is, when it is not of the study that is read. */
    headOf(tile) {
        const { page } = this;
        const { study } = tile.shows;
        const prior = study.id !== page.studyId;
        const from = [format.date(study.date, language()), prior ? ageOfPrior(study.date, page.study.date) : '', study.institution || study.facility];
        tile.element.classList.toggle('prior', prior);
        tile.setHead(t(prior ? 'prior.head' : 'prior.current', { from: from.filter(Boolean).join('  ') }));
    }

    #failed(tile, error, again) {
        if (error.name === 'AbortError') return;
        const { page } = this;
        if (tile.stage && !tile.stage.stack) tile.clear(); // one that was to show its first picture
        tile.shows = null;
        if (page.grid.stages.length === 0) page.notice.failed(error, again);
        else tile.setHead(t('grid.failed', { reason: error.message }));
        page.changed();
    }
}
