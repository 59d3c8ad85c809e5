// viewer_words.js - what the viewer's page says beside the pictures: whose study it is, what is still arriving, why nothing is shown.

import { icon, make } from './dom.js';
import * as format from './format.js';
import { count, failureText, language, t } from './i18n.js';
import { personLine } from './overlay.js';
import { arrival, isComing } from './study_state.js';

const toList = () => make('a', { class: 'button', href: '/', 'data-route': true }, t('action.list'));

/** The header's words of a patient. */
export function personParts(study) {
    const name = format.patientName(study.patient.name, language());
    return [
        make('strong', {}, make('bdi', {}, name.main || t('patient.unnamed'))),
        make('span', {}, study.patient.id),
        make('span', { class: 'less' }, personLine(study.patient, study.date)),
    ];
}

/** "2026/11/03  CT  胸腹部CT", for the window's title without the last. */
export const studyTitle = (study, withDescription = true) =>
    [format.date(study.date, language()), study.modalities.join(' '), withDescription ? study.description : '']
        .filter(Boolean)
        .join('  ');

/** How much older a prior is than the study that is read: "8 months earlier". "" when either date is not told. */
export function ageOfPrior(date, current) {
    if (!/^\d{8}$/.test(date) || !/^\d{8}$/.test(current)) return '';
    const at = (text) => Date.UTC(Number(text.slice(0, 4)), Number(text.slice(4, 6)) - 1, Number(text.slice(6)));
    const days = Math.round((at(current) - at(date)) / 86400000);
    const [n, unit] = Math.abs(days) < 60 ? [days, 'Days'] : Math.abs(days) < 730 ? [Math.round(days / 30.44), 'Months'] : [Math.round(days / 365.25), 'Years'];
    if (n === 0) return t('prior.sameDay');
    return t(`prior.${n > 0 ? 'earlier' : 'later'}${unit}`, { n: Math.abs(n) });
}

/** The line above the pictures: what is arriving or away. recall(): ask the hospital. */
export class Banner {
    constructor(recall) {
        this.recall = recall;
        this.failure = null; // why asking the hospital failed
        this.element = make('div', { class: 'banner', role: 'status', hidden: true });
    }

    show(study) {
        const state = arrival(study);
        const values = { received: count(state.received), expected: count(state.expected), reason: state.reason };
        this.element.hidden = !['arriving', 'waiting', 'still', 'partial', 'away'].includes(state.kind);
        this.element.className = `banner ${state.kind}`;
        if (this.element.hidden) return;
        const parts = [make('span', {}, t(`banner.${state.kind}`, values))];
        if (state.kind === 'away' && this.failure) {
            parts.push(make('span', { class: 'reason' }, t('banner.recallFailed', { reason: this.failure })));
            parts.push(make('button', { type: 'button', onclick: () => this.recall() }, t('banner.recall')));
        }
        if (['arriving', 'waiting'].includes(state.kind)) parts.push(this.#bar(state));
        else if (state.reason) parts.push(make('span', { class: 'reason' }, state.reason));
        this.element.replaceChildren(...parts);
    }

    #bar(state) {
        const max = String(Math.max(1, state.expected));
        return make('progress', { max, value: String(state.received), 'aria-label': t('state.progress') });
    }

    hide() {
        this.element.hidden = true;
    }
}

const OPENING_MARK_AFTER_MS = 150; // as stage_words.js has it: a mark only when waiting lasts

/** A message in the place of the pictures. */
export class Notice {
    #timer = 0; // of one that is about to be shown

    constructor() {
        this.element = make('div', { class: 'viewer-message', hidden: true });
    }

    get hidden() {
        return this.element.hidden && !this.#timer;
    }

    hide() {
        this.#stop();
        this.element.hidden = true;
    }

    #stop() {
        clearTimeout(this.#timer);
        this.#timer = 0;
    }

    show(picture, title = '', text = '', rest = []) {
        this.#stop();
        const mark = picture === 'spinner' ? make('i', { class: 'spinner large' }) : icon(picture, 'icon large');
        const parts = [mark, make('h1', {}, title), text ? make('p', {}, text) : null, ...rest];
        this.element.replaceChildren(...parts.filter(Boolean));
        this.element.hidden = false;
    }

    opening() {
        this.hide();
        this.#timer = setTimeout(() => this.show('spinner', t('viewer.opening')), OPENING_MARK_AFTER_MS);
    }

    closed() {
        this.show('broken', t('viewer.closed'), t('viewer.closedText'), [toList()]);
    }

    noPictures(study) {
        const objects = study.series_list.map((series) =>
            make('li', {}, make('b', {}, series.modality), ` ${series.description}  `, t('list.objects', { n: series.objects })),
        );
        const coming = isComing(study);
        this.show(
            coming ? 'spinner' : 'document',
            t(coming ? 'viewer.noPicturesYet' : 'viewer.noPictures'),
            t(coming ? 'viewer.noPicturesYetText' : 'viewer.noPicturesText'),
            [make('ul', {}, objects), toList()],
        );
    }

    /** again(): try it once more. */
    failed(error, again) {
        const gone = error.status === 404;
        const retry = make('button', { type: 'button', class: 'button primary', onclick: again }, t('action.retry'));
        this.show(
            'broken',
            t(gone ? 'viewer.notFound' : 'error.title'),
            gone ? t('viewer.notFoundText') : failureText(error),
            gone ? [toList()] : [retry, toList()],
        );
    }
}
