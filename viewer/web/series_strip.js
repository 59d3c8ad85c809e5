// series_strip.js - the study's series as thumbnails; the open one is marked, those without pictures are listed but quiet.

import { icon, make } from './dom.js';
import { count, t } from './i18n.js';

const hasPictures = (series) => series.frames > 0;

const SCOUT_MAX_FRAMES = 3;

/** The series that opens first: the first stack, passing over scouts; without a stack the first with a picture. null for none. */
export const openingSeries = (list) =>
    list.find((series) => series.frames > SCOUT_MAX_FRAMES) ?? list.find(hasPictures) ?? null;

/** The neighbour of a series that has pictures, in a direction (1 or -1); null at the end. */
export function neighbour(list, seriesId, direction) {
    const shown = list.filter(hasPictures);
    return shown[shown.findIndex((series) => series.id === seriesId) + direction] ?? null;
}

export class SeriesStrip {
    constructor(onOpen) {
        this.onOpen = onOpen;
        this.items = new Map(); // id -> {button, key}
        this.element = make('nav', { class: 'strip' });
    }

    /** thumbnails: false holds the pictures back, so that the first slice has the line for itself. */
    show(list, openId, thumbnails) {
        this.element.setAttribute('aria-label', t('viewer.series'));
        for (const [id, item] of this.items) {
            if (list.some((series) => series.id === id)) continue;
            item.button.remove();
            this.items.delete(id);
        }
        list.forEach((series, index) => {
            const button = this.#item(series, thumbnails);
            if (this.element.children[index] !== button)
                this.element.insertBefore(button, this.element.children[index] ?? null);
            button.setAttribute('aria-current', series.id === openId ? 'true' : 'false');
        });
    }

    #item(series, thumbnails) {
        const key = [series.frames, series.objects, series.description, t('viewer.series'), thumbnails].join('|');
        const known = this.items.get(series.id);
        if (known?.key === key) return known.button;
        const button =
            known?.button ?? make('button', { type: 'button', class: 'thumb', onclick: () => this.onOpen(series.id) });
        button.disabled = !hasPictures(series);
        button.dataset.series = String(series.id);
        button.replaceChildren(this.#picture(series, thumbnails), this.#words(series));
        this.items.set(series.id, { button, key });
        return button;
    }

    #picture(series, thumbnails) {
        const box = make('span', { class: 'thumb-picture' });
        if (!hasPictures(series)) box.append(icon('document', 'icon large'));
        else if (thumbnails && series.thumbnail) {
            const picture = make('img', { alt: '', decoding: 'async', src: series.thumbnail, draggable: 'false' });
            picture.addEventListener('error', () => picture.replaceWith(icon('broken', 'icon large')));
            box.append(picture);
        }
        const number = hasPictures(series) ? count(series.frames) : count(series.objects);
        box.append(make('span', { class: 'thumb-count' }, number));
        return box;
    }

    #words(series) {
        const name = series.description || series.protocol || series.body_part;
        const numberText = series.number === null ? series.modality : `${series.number}  ${series.modality}`;
        return make(
            'span',
            { class: 'thumb-words' },
            make('span', { class: 'thumb-number' }, numberText),
            make('span', { class: 'thumb-name', title: name }, name),
        );
    }
}
