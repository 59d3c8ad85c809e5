// series_strip.js - the series as thumbnails: of the study, and of earlier ones below. The open ones are marked; each tells how much of it is here and
// how much was looked at. Those without pictures are listed but quiet. A thumbnail is pressed to open it, or dragged to a tile.

import { icon, make, setText } from './dom.js';
import { count, t } from './i18n.js';
import { attachThumbDrag } from './thumb_drag.js';

const hasPictures = (series) => series.frames > 0;

const SCOUT_MAX_FRAMES = 3;

/** The series that opens first: the first stack, passing over scouts; without a stack the first with a picture. null for none. */
export const openingSeries = (list) =>
    list.find((series) => series.frames > SCOUT_MAX_FRAMES) ?? list.find(hasPictures) ?? null;

/** The neighbour of a set that has pictures, in a direction (1 or -1); null at the end. list: [{key, frames}]. */
export function neighbour(list, key, direction) {
    const shown = list.filter(hasPictures);
    return shown[shown.findIndex((one) => one.key === key) + direction] ?? null;
}

/** A thumbnail and what it knows. */
class Thumb {
    constructor(strip) {
        this.strip = strip;
        this.key = '';
        this.loaded = make('i');
        this.bar = make('span', { class: 'thumb-loaded', hidden: true }, this.loaded);
        this.seen = make('span', { class: 'thumb-seen', hidden: true }, icon('check', 'icon small'));
        this.button = make('button', { type: 'button', class: 'thumb' });
        attachThumbDrag(this.button, {
            press: () => this.entry && strip.actions.open(this.entry),
            over: (x, y) => strip.actions.over(x, y),
            drop: (x, y) => strip.actions.drop(this.entry, x, y),
        });
    }

    show(entry, thumbnails) {
        this.entry = entry;
        const { series } = entry;
        const key = [entry.key, entry.frames, series.objects, entry.name, entry.thumbnail, t('viewer.series'), thumbnails].join('|');
        if (key === this.key) return;
        this.key = key;
        this.button.disabled = entry.frames === 0 && !series.objects;
        this.button.dataset.series = String(series.id);
        this.button.dataset.set = String(entry.set);
        this.button.replaceChildren(this.#picture(thumbnails), this.#words());
    }

    #picture(thumbnails) {
        const { entry } = this;
        const box = make('span', { class: 'thumb-picture' });
        if (entry.frames === 0) box.append(icon('document', 'icon large'));
        else if (thumbnails && entry.thumbnail) {
            const picture = make('img', { alt: '', decoding: 'async', src: entry.thumbnail, draggable: 'false' });
            picture.addEventListener('error', () => picture.replaceWith(icon('broken', 'icon large')));
            box.append(picture);
        }
        box.append(this.seen, make('span', { class: 'thumb-count' }, count(entry.frames || entry.series.objects)), this.bar);
        return box;
    }

    #words() {
        const { series, name } = this.entry;
        const numberText = series.number === null ? series.modality : `${series.number}  ${series.modality}`;
        return make(
            'span',
            { class: 'thumb-words' },
            make('span', { class: 'thumb-number' }, numberText),
            make('span', { class: 'thumb-name', title: name }, name),
        );
    }

    /** loaded, seen: so many of its slices. */
    tell({ loaded, seen }) {
        const all = this.entry.frames;
        this.bar.hidden = loaded === 0 || all === 0;
        this.loaded.style.width = `${Math.min(100, Math.floor((100 * loaded) / Math.max(1, all)))}%`;
        this.seen.hidden = seen === 0 || all === 0;
        this.seen.classList.toggle('all', seen >= all);
        if (all > 0) this.button.title = t('strip.facts', { loaded: Math.floor((100 * loaded) / all), seen: count(seen), all: count(all) });
    }
}

export class SeriesStrip {
    /** actions: open(entry), over(x, y) while one is dragged (null when it has ended), drop(entry, x, y), openStudy(id). */
    constructor(actions) {
        this.actions = actions;
        this.thumbs = new Map(); // key of an entry -> Thumb
        this.heads = new Map(); // id of a study -> its line
        this.element = make('nav', { class: 'strip' });
    }

    /** groups: [{id, title, detail, open, prior, entries}] of studies; entries: [{key, series, set, frames, name, thumbnail}]. openKeys: of what is on the
     *  screen. thumbnails: false holds the pictures back, so that the first slice has the line for itself. */
    show(groups, openKeys, thumbnails) {
        this.element.setAttribute('aria-label', t('viewer.series'));
        const wanted = groups.flatMap((group) => [...this.#head(group, groups.length), ...this.#group(group, thumbnails)]);
        for (const [key, thumb] of this.thumbs) {
            if (wanted.includes(thumb.button)) continue;
            this.thumbs.delete(key);
        }
        wanted.forEach((element, index) => {
            if (this.element.children[index] !== element) this.element.insertBefore(element, this.element.children[index] ?? null);
        });
        while (this.element.children.length > wanted.length) this.element.lastElementChild.remove();
        for (const [key, { button }] of this.thumbs) button.setAttribute('aria-current', String(openKeys.has(key)));
    }

    #head(group, groups) {
        if (groups < 2 && !group.prior) return [];
        let known = this.heads.get(group.id);
        if (!known) {
            const title = make('span', { class: 'strip-title' });
            const detail = make('span', { class: 'strip-detail' });
            const button = make('button', { type: 'button', class: 'strip-study', onclick: () => this.actions.openStudy(group.id) }, title, detail);
            known = { title, detail, button };
            this.heads.set(group.id, known);
        }
        setText(known.title, group.title);
        setText(known.detail, group.detail);
        known.button.dataset.study = String(group.id);
        known.button.classList.toggle('prior', group.prior);
        known.button.setAttribute('aria-expanded', String(group.open));
        return [known.button];
    }

    #group(group, thumbnails) {
        return group.entries.map((entry) => {
            if (!this.thumbs.has(entry.key)) this.thumbs.set(entry.key, new Thumb(this));
            const thumb = this.thumbs.get(entry.key);
            thumb.show(entry, thumbnails);
            return thumb.button;
        });
    }

    /** facts(entry) gives {loaded, seen}. */
    tell(facts) {
        for (const thumb of this.thumbs.values()) thumb.tell(facts(thumb.entry));
    }
}
