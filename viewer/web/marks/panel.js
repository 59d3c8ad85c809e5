// panel.js - the list of a study's marks and key images: a click goes to the image.

import { getStack } from '../api.js';
import { icon, make } from '../dom.js';
import { onLanguage, t } from '../i18n.js';
import { authorText, measureLines } from './label_text.js';

const ICONS = { text: 'markText', key: 'keyImage' };
const ALL_SERIES = 50; // whose slices are looked up

export class MarksPanel {
    /** goTo({study, mark}) shows the image of a mark. */
    constructor(desk, page, goTo) {
        Object.assign(this, { desk, page, goTo });
        this.stacks = new Map(); // series id -> its manifest, or a promise of it
        this.body = make('div', { class: 'marks-list' });
        this.title = make('h2');
        this.closer = make('button', { type: 'button', class: 'tool', onclick: () => this.close() }, icon('close'));
        this.element = make('aside', { class: 'marks-panel' }, make('header', {}, this.title, this.closer), this.body);
        this.stops = [desk.onChange(() => this.show()), onLanguage(() => this.show())];
        this.show();
    }

    close() {
        for (const stop of this.stops) stop();
        this.element.remove();
        this.onClose?.();
    }

    show() {
        const study = this.page.stage?.study;
        this.title.textContent = t('marks.list');
        this.closer.setAttribute('aria-label', t('action.close'));
        this.element.setAttribute('aria-label', t('marks.list'));
        const marks = study ? this.#sorted(study, this.desk.entry(study.id).store.list) : [];
        const shown = JSON.stringify([document.documentElement.lang, study?.id, marks, this.desk.selected?.id, this.desk.hidden, this.#places(marks)]);
        if (shown === this.shown) return;
        this.shown = shown;
        const focused = document.activeElement?.closest?.('.marks-item')?.dataset.mark;
        this.body.replaceChildren(...this.#hiddenNote(), ...(marks.length > 0 ? marks.map((mark) => this.#item(study, mark)) : [make('p', {}, t('marks.none'))]));
        if (focused) this.body.querySelector(`[data-mark="${CSS.escape(focused)}"] button`)?.focus();
    }

    #hiddenNote() {
        if (!this.desk.hidden) return [];
        const button = make('button', { type: 'button', class: 'button', onclick: () => this.desk.setHidden(false) }, t('marks.show'));
        return [make('p', { class: 'marks-hidden-note' }, t('marks.hiddenNow'), button)];
    }

    /** Key images first, then by series, image and time. */
    #sorted(study, marks) {
        const order = new Map(study.series_list.map((series, index) => [series.id, index]));
        const rank = (mark) => [mark.kind === 'key' ? 0 : 1, order.get(mark.series) ?? 999, this.#index(mark) ?? 0];
        return [...marks].sort((a, b) => {
            const [x, y] = [rank(a), rank(b)];
            const at = x.findIndex((value, index) => value !== y[index]);
            return at < 0 ? String(a.at ?? '').localeCompare(String(b.at ?? '')) : x[at] - y[at];
        });
    }

    #places(marks) {
        return marks.map((mark) => this.#index(mark));
    }

    /** The slice a mark is on, from 0; null while its series is not known. */
    #index(mark) {
        const manifest = this.stacks.get(mark.series);
        if (manifest === undefined) this.#ask(mark.series);
        if (!manifest?.slices) return null;
        const found = manifest.slices.findIndex(({ object, frame }) => frame === mark.frame && manifest.objects[object].sop_uid === mark.sop_uid);
        return found >= 0 ? found : null;
    }

    #ask(series) {
        if (this.stacks.size >= ALL_SERIES) return;
        const asked = getStack(series).then(
            (manifest) => {
                this.stacks.set(series, manifest);
                this.show();
            },
            () => this.stacks.delete(series),
        );
        this.stacks.set(series, asked);
    }

    #item(study, mark) {
        const index = this.#index(mark);
        const series = study.series_list.find(({ id }) => id === mark.series);
        const name = series?.number ?? series?.description ?? '';
        const place = index === null ? t('marks.placeSeries', { series: name }) : t('marks.place', { series: name, n: index + 1 });
        const author = authorText(mark);
        const words = [make('span', { class: 'marks-what' }, this.#what(mark, index)), make('span', { class: 'marks-where' }, [place, author].filter(Boolean).join('  '))];
        const go = make(
            'button',
            { type: 'button', class: 'marks-go', onclick: () => this.#go(study, mark), 'aria-current': this.desk.selected?.id === mark.id ? 'true' : null },
            icon(ICONS[mark.kind] ?? mark.kind),
            make('span', { class: 'marks-words' }, words),
        );
        const bin = mark.author?.mine
            ? make('button', { type: 'button', class: 'tool', 'aria-label': t('marks.delete'), onclick: () => this.desk.remove(study.id, mark) }, icon('trash', 'icon small'))
            : null;
        return make('div', { class: `marks-item${author ? ' other' : ''}`, dataset: { mark: mark.id } }, go, bin);
    }

    /** Its text, or its measure; a name when there is neither. */
    #what(mark, index) {
        const manifest = this.stacks.get(mark.series);
        const slice = manifest?.slices?.[index] ?? null;
        const object = slice && manifest.objects[slice.object];
        const known = this.desk.known(mark, slice, object);
        const measures = mark.measured || slice ? measureLines(mark.kind, known.found, known.state, known.scale) : [];
        return [mark.text, ...measures].filter(Boolean).join('\n') || t(`action.tool.${mark.kind}`);
    }

    async #go(study, mark) {
        this.desk.setHidden(false);
        if (mark.author?.mine) this.desk.select(study.id, mark.id);
        await this.goTo({ study, mark });
    }
}
