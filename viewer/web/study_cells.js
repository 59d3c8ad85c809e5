// study_cells.js - what a line about a study shows: of the list of all studies, and of a patient's time line.

import { icon, make } from './dom.js';
import * as format from './format.js';
import { ageText, count, language, t } from './i18n.js';
import { arrival, hasPictures } from './study_state.js';

export function patient(study, path) {
    const { patient } = study;
    const lang = language();
    const name = format.patientName(patient.name, lang);
    const born = format.date(patient.birth_date, lang);
    const era = lang === 'ja' ? format.eraYear(patient.birth_date) : '';
    const facts = [
        patient.id,
        era ? `${born}（${era}）` : born,
        patient.sex ? t(`sex.${patient.sex}`) : '',
        ageText(patient.birth_date, study.date),
    ];
    return [
        make(
            'a',
            { href: path, 'data-route': true, class: 'name' },
            make('bdi', {}, name.main || t('patient.unnamed')),
        ),
        name.kana || name.other
            ? make(
                  'span',
                  { class: 'readings' },
                  name.kana ? make('bdi', {}, name.kana) : null,
                  name.other ? make('bdi', { class: 'roman' }, name.other) : null,
              )
            : null,
        make(
            'small',
            { class: 'facts' },
            facts.filter(Boolean).map((fact) => make('span', {}, fact)),
        ),
    ].filter(Boolean);
}

export function when(study) {
    const day = format.date(study.date, language());
    return [make('span', { class: 'day' }, day || t('list.noDate')), make('small', {}, format.time(study.time))];
}

export function what(study) {
    const chips = study.modalities.map((name) => make('span', { class: `chip chip-${name.toLowerCase()}` }, name));
    return [
        make('span', { class: 'chips' }, chips),
        make('bdi', { class: study.description ? 'what' : 'quiet' }, study.description || t('list.noDescription')),
        study.accession ? make('small', {}, study.accession) : null,
    ].filter(Boolean);
}

export function size(study) {
    if (!hasPictures(study))
        return [make('span', { class: 'quiet' }, t('list.objects', { n: count(study.objects) }))];
    return [
        make('span', {}, t('list.images', { n: count(study.frames) })),
        make('small', {}, t('list.series', { n: count(study.series) })),
    ];
}

export function state(study) {
    const state = arrival(study);
    const values = { received: count(state.received), expected: count(state.expected) };
    const parts = [];
    if (state.kind === 'arriving' || state.kind === 'waiting') {
        parts.push(make('span', { class: 'state arriving' }, t(`state.${state.kind}`, values)));
        parts.push(
            make('progress', {
                max: String(Math.max(1, state.expected)),
                value: String(state.received),
                'aria-label': t('state.progress'),
            }),
        );
    } else if (state.kind === 'still') {
        parts.push(make('span', { class: 'state arriving' }, t('state.still', values)));
    } else if (state.kind === 'away') {
        parts.push(make('span', { class: 'state away' }, icon('bridge', 'icon small'), t('state.away')));
        if (state.received > 0) parts.push(make('small', {}, t('state.awayPart', values)));
    } else if (state.kind === 'partial') {
        parts.push(
            make('span', { class: 'state partial' }, icon('warning', 'icon small'), t('state.partial', values)),
        );
        if (state.reason) parts.push(make('small', { title: state.reason }, state.reason));
    } else if (hasPictures(study)) {
        parts.push(
            make('span', { class: `state ${state.kind}` }, icon('check', 'icon small'), t(`state.${state.kind}`)),
        );
    }
    if (!hasPictures(study))
        parts.unshift(
            make('span', { class: 'state without' }, icon('document', 'icon small'), t('state.noPictures')),
        );
    return parts;
}

export function source(study) {
    return [make('bdi', {}, study.institution || study.facility), study.institution ? make('small', {}, study.facility) : null];
}
