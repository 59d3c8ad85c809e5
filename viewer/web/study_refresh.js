// study_refresh.js - something of a study on the page changed at the service: it is looked at again, and who reads does not lose the place.

import { getStack, getStudy } from './api.js';
import { throttled } from './events.js';
import { openingSeries } from './series_strip.js';
import { mainSet } from './split.js';

const EVERY_MS = 1500;

export class StudyRefresh {
    #throttle;

    /** onStudy(study): newer facts of the study that is read. onFirst(): it has pictures now. onClosed(id): a study is not open any more. */
    constructor(page, { onStudy, onFirst, onClosed }) {
        Object.assign(this, { page, onStudy, onFirst, onClosed });
        this.#throttle = throttled(() => this.#all(), EVERY_MS);
    }

    /** Soon. */
    ask() {
        this.#throttle.ask();
    }

    stop() {
        this.#throttle.stop();
    }

    /** Studies whose pictures are on the screen or in the strip. */
    studies() {
        const { study, model } = this.page;
        return [...new Set([study, ...model.studies.map((one) => one.study)])];
    }

    async #all() {
        const { page } = this;
        for (const { id } of this.studies()) {
            try {
                await this.#one(await getStudy(id, page.abort.signal));
            } catch (error) {
                if (error.status === 404) this.onClosed(id);
                else if (error.name !== 'AbortError' && error.temporary) this.ask();
                if (error.status !== 404 || page.isShut) return;
            }
        }
    }

    async #one(study) {
        const { grid, model, studyId } = this.page;
        const before = model.replace(study);
        if (study.id === studyId) this.onStudy(study);
        for (const tile of grid.tiles.filter((one) => one.shows?.study.id === study.id)) await this.#tile(tile, study, before);
        const nothing = grid.tiles.every((tile) => !tile.shows);
        if (study.id === studyId && nothing && openingSeries(study.series_list)) await this.onFirst();
    }

    async #tile(tile, study, before) {
        const { page } = this;
        const { series: old } = tile.shows;
        const series = study.series_list.find((one) => one.id === old.id);
        if (!series || series.frames === 0) {
            tile.clear();
            return;
        }
        const was = before?.series_list.find((one) => one.id === old.id) ?? old;
        const grown = series.frames !== was.frames || series.objects !== was.objects || series.away !== was.away;
        const manifest = grown ? await getStack(series.id, page.abort.signal) : null;
        if (tile.shows?.series.id !== series.id || !tile.stage?.stack) return;
        tile.shows = { ...tile.shows, study, series };
        const sets = manifest && page.model.put(series.id, manifest);
        const key = tile.stage.stack.key();
        const holds = ({ manifest: one }) => one.slices.some((slice) => `${one.objects[slice.object].id}-${slice.frame}` === key);
        const set = sets && (sets.find(holds) ?? sets[tile.shows.set] ?? mainSet(sets));
        if (set) tile.shows.set = set.set;
        tile.stage.update(study, series, set?.manifest ?? null);
        page.showStrip();
    }
}
