// strip_model.js - what the strip lists: the study that is read and earlier ones, their series taken apart into sets, and how much of each was looked at.

import { getStudy, thumbUrl } from './api.js';
import { t } from './i18n.js';
import { setsOf } from './split.js';
import { ageOfPrior, studyTitle } from './viewer_words.js';

const keyOf = (manifest, slice) => `${manifest.objects[slice.object].id}-${slice.frame}`;

const nameOf = (series) => series.description || series.protocol || series.body_part;

/** "Sagittal", "2 of 3": what tells a set from the others of its series. */
function setName({ plane, pass, passes, scout, clip, set }) {
    const parts = [scout ? t('strip.scout') : plane ? t(`plane.${plane}`) : clip ? t('strip.clip', { n: set + 1 }) : '', pass ? t('strip.pass', { n: pass, all: passes }) : ''];
    return parts.filter(Boolean).join(' ');
}

export class StripModel {
    #sets = new Map(); // series id -> setsOf() of its manifest, once that was looked at
    #seen = new Map(); // key of an entry -> Set of slices that were on the screen

    constructor(store) {
        this.store = store;
        this.studies = []; // {study, open, summary: only its line is known}
    }

    /** [{study, open}], the study that is read first; a prior of which only the list's line is known has summary: true. */
    setStudies(list) {
        this.studies = list;
    }

    /** Earlier studies, as lists give them; those that are known whole stay so. */
    setPriors(list) {
        const known = new Map(this.studies.map((one) => [one.study.id, one]));
        const [current] = this.studies;
        this.studies = [current, ...list.filter((study) => study.id !== current.study.id).map((study) => known.get(study.id) ?? { study, open: false, summary: true })];
    }

    /** Put a study in the place of what is known of it, which is returned. */
    replace(study) {
        const one = this.studies.find((other) => other.study.id === study.id);
        if (!one) return null;
        const before = one.summary ? null : one.study;
        Object.assign(one, { study, summary: false });
        return before;
    }

    remove(studyId) {
        for (const series of this.studies.find((one) => one.study.id === studyId)?.study.series_list ?? []) this.#sets.delete(series.id);
        this.studies = this.studies.filter((one) => one.study.id !== studyId);
    }

    /** The whole of a study in the list. */
    async whole(studyId, signal) {
        const one = this.studies.find((other) => other.study.id === studyId);
        if (one?.summary) Object.assign(one, { study: await getStudy(studyId, signal), summary: false });
        return one?.study ?? null;
    }

    /** The series of a study are listed. */
    open(studyId) {
        const one = this.studies.find((other) => other.study.id === studyId);
        if (one) one.open = true;
    }

    async toggle(studyId, signal) {
        const one = this.studies.find((other) => other.study.id === studyId);
        if (!one) return;
        one.open = !one.open;
        if (one.open) await this.whole(studyId, signal);
    }

    /** A series' manifest was fetched: its sets. */
    put(seriesId, manifest) {
        const sets = setsOf(manifest);
        this.#sets.set(seriesId, sets);
        return sets;
    }

    /** [{key, study, series, set, frames, name, thumbnail, known}]; known: the series was taken apart. */
    entries(study) {
        return (study?.series_list ?? []).flatMap((series) => this.#entriesOf(study, series));
    }

    #entriesOf(study, series) {
        const sets = this.#sets.get(series.id);
        if (!sets || sets.length < 2)
            return [{ key: `${series.id}.0`, study, series, set: 0, frames: series.frames, name: nameOf(series), thumbnail: series.thumbnail, known: Boolean(sets), about: sets?.[0] }];
        return sets.map((one) => ({
            key: `${series.id}.${one.set}`,
            study,
            series,
            set: one.set,
            frames: one.manifest.slices.length,
            name: [nameOf(series), setName(one)].filter(Boolean).join('  '),
            thumbnail: this.#thumbnail(series, one.manifest),
            known: true,
            about: one,
        }));
    }

    #thumbnail(series, { slices, objects }) {
        const slice = slices[slices.length >> 1];
        return objects[slice.object].problem ? null : thumbUrl(series.id, objects[slice.object].id, slice.frame);
    }

    /** As SeriesStrip.show() takes them. */
    groups() {
        return this.studies.map(({ study, open, summary }, at) => ({
            id: study.id,
            title: studyTitle(study),
            detail: at === 0 ? t('strip.current') : [ageOfPrior(study.date, this.studies[0].study.date), study.institution || study.facility].filter(Boolean).join('  '),
            open,
            prior: at > 0,
            entries: open && !summary ? this.entries(study) : [],
        }));
    }

    /** A slice is on the screen. */
    saw({ series, set }, stage) {
        const key = `${series.id}.${set}`;
        if (!this.#seen.has(key)) this.#seen.set(key, new Set());
        this.#seen.get(key).add(stage.stack.key(stage.shown.index));
    }

    /** {loaded, seen} of an entry, in slices. */
    facts({ key, series, set }) {
        const manifest = this.#sets.get(series.id)?.[set]?.manifest;
        const loaded = manifest ? manifest.slices.filter((slice) => this.store.has(keyOf(manifest, slice))).length : 0;
        return { loaded, seen: this.#seen.get(key)?.size ?? 0 };
    }
}
