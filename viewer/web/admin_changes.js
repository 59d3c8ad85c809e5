// admin_changes.js - what was said of objects after they came: deleted, taken back, corrected; by whom, why, and how to take it back.
// A search finds the study that something is to be said of.

import { askAdmin, getAdmin, listStudies, studyPath } from './api.js';
import { askDelete, askPatient, askUndo } from './admin_forms.js';
import { moreButton } from './admin_jobs.js';
import { about, button, cell, chip, empty, moment, objects, Rows, small, state, table } from './admin_parts.js';
import { icon, make, setText } from './dom.js';
import { throttled } from './events.js';
import { t } from './i18n.js';

const STEP = 50;
const MOST = 500;
const FOUND = 8;
const KIND_MARKS = { rejected: 'warn', deleted: 'bad', gone: 'warn', patient: 'run', study: 'run', returned: 'good' };

export class ChangesSection {
    constructor(page) {
        this.page = page;
        this.limit = STEP;
        this.found = [];
        this.typing = throttled(() => this.#find(), 250);
        this.#buildSearch();
        this.table = table(['when', 'change', 'reason', 'state', 'act'], 'changes');
        this.rows = new Rows(this.table.body, {
            key: (change) => change.change,
            cells: (change) => this.#cells(change),
            className: (change) => (change.undone ? 'undone' : ''),
        });
        this.more = make('div', { hidden: true });
        this.none = make('div', { hidden: true });
        this.element = make(
            'div',
            {},
            this.form,
            this.results.element,
            this.nothing,
            this.table.element,
            this.more,
            this.none,
        );
    }

    #buildSearch() {
        this.search = make('input', {
            type: 'search',
            class: 'search-input',
            autocomplete: 'off',
            spellcheck: 'false',
            oninput: () => this.#typed(),
        });
        this.form = make(
            'form',
            { class: 'section-bar', role: 'search', onsubmit: (event) => this.#submit(event) },
            make('div', { class: 'search' }, icon('search'), this.search),
        );
        this.results = table(['study', 'hospital', 'act'], 'found');
        this.results.element.hidden = true;
        this.foundRows = new Rows(this.results.body, {
            key: (study) => study.id,
            cells: (study) => this.#foundCells(study),
        });
        this.nothing = make('p', { class: 'hint nothing', hidden: true });
    }

    close() {
        this.typing.stop();
        this.request?.abort();
    }

    translate() {
        this.table.translate();
        this.results.translate();
        this.rows.forget();
        this.foundRows.forget();
        this.search.placeholder = t('admin.findStudy');
        this.search.setAttribute('aria-label', t('admin.findStudy'));
        setText(this.nothing, t('list.nothing'));
        this.more.replaceChildren(moreButton(() => this.#more()));
        this.none.replaceChildren(empty('changes', t('admin.changes.none'), t('admin.changes.noneText')));
        this.foundRows.set(this.found);
    }

    async load(signal) {
        this.answer = await getAdmin('changes', { limit: this.limit }, signal);
    }

    show() {
        const { changes, more } = this.answer;
        this.rows.set(changes);
        this.table.element.hidden = changes.length === 0;
        this.none.hidden = changes.length > 0;
        this.more.hidden = !more || this.limit >= MOST;
    }

    #more() {
        this.limit = Math.min(MOST, this.limit + STEP);
        this.page.reload.ask();
    }

    // ---- the changes

    #cells(change) {
        return [
            cell('when', moment(change.when), small(change.asked_by)),
            cell('change', ...this.#what(change)),
            cell('reason', make('bdi', {}, change.reason)),
            cell('state', ...this.#state(change)),
            cell('act', make('div', { class: 'acts' }, this.#acts(change))),
        ];
    }

    #what(change) {
        const kind = chip(t(`admin.change.${change.kind}`), KIND_MARKS[change.kind] ?? '');
        const facts = change.objects > 0 ? objects(change.objects) : '';
        return [
            make(
                'div',
                { class: 'chips' },
                kind,
                make('span', { class: 'quiet' }, change.facility),
                facts ? make('span', { class: 'quiet' }, facts) : null,
            ),
            ...(change.study ? about(change.study) : []),
            ...change.values.map(({ value, was, becomes }) =>
                make(
                    'div',
                    { class: 'value' },
                    make('span', { class: 'quiet' }, t(`value.${value}`)),
                    make('bdi', { class: 'was' }, was || t('value.empty')),
                    ' → ',
                    make('bdi', {}, becomes || t('value.empty')),
                ),
            ),
        ];
    }

    #state(change) {
        if (change.undone)
            return [state('quiet', t('admin.undone')), small(moment(change.undone), `  ${change.undone_by}`)];
        if (change.purged) return [state('warn', t('admin.purged'))];
        return [state('run', t('admin.stands'))];
    }

    #acts(change) {
        const acts = [];
        if (change.study && change.study.objects > 0)
            acts.push(
                make(
                    'a',
                    { href: studyPath(change.study.id), 'data-route': true, class: 'button compact quiet' },
                    t('admin.openStudy'),
                ),
            );
        if (!change.undone) acts.push(button('undo', t('admin.undo'), () => this.#undo(change)));
        return acts;
    }

    async #undo(change) {
        const kind = t(`admin.change.${change.kind}`);
        const done = await askUndo(
            t('admin.undoSure', { kind }),
            t(change.purged ? 'admin.undoPurged' : 'admin.undoText'),
            (body) => askAdmin('changes', change.change, 'undo', body),
        );
        this.#changed(done, 'admin.undoneNow');
    }

    // ---- finding a study

    #typed() {
        this.typing.stop();
        this.typing.ask();
    }

    #submit(event) {
        event.preventDefault();
        this.#find();
    }

    async #find() {
        this.request?.abort();
        this.request = new AbortController();
        const q = this.search.value.trim().normalize('NFC');
        try {
            this.found = q ? (await listStudies({ q, limit: FOUND }, this.request.signal)).studies : [];
        } catch (error) {
            if (error.name !== 'AbortError') this.page.say(this.page.words(error), 'bad');
            return;
        }
        this.foundRows.set(this.found);
        this.results.element.hidden = this.found.length === 0;
        this.nothing.hidden = !q || this.found.length > 0;
    }

    #foundCells(study) {
        return [
            cell('study', ...about(study)),
            cell('hospital', make('bdi', {}, study.facility), small(study.modalities.join(' '))),
            cell(
                'act',
                make(
                    'div',
                    { class: 'acts' },
                    button('correct', t('admin.correctPatient'), () => this.#correct(study)),
                    button('delete', t('admin.deleteStudy'), () => this.#delete(study)),
                ),
            ),
        ];
    }

    async #correct(study) {
        let id = study.patient.id;
        const done = await askPatient(study.patient, (body) => {
            id = body.new_id ?? id;
            return askAdmin('patients', study.facility, 'correct', body);
        });
        if (done) this.search.value = id; // by the old one he is no longer found
        this.#changed(done, 'admin.corrected');
    }

    async #delete(study) {
        const done = await askDelete(make('div', { class: 'about' }, about(study)), (body) =>
            askAdmin('studies', study.id, 'delete', body),
        );
        this.#changed(done, 'admin.deleted');
    }

    #changed(done, text) {
        if (!done) return;
        this.page.say(t(text));
        this.page.reload.ask();
        if (this.search.value) this.#find();
    }
}
