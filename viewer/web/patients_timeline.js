// patients_timeline.js - one patient: the studies of all hospitals that are open to this person, newest first, each with its source and that
// hospital's notice (AZ-27). Nothing is loaded of a study before it is opened (AZ-30).

import { getPatient, studyPath } from './api.js';
import { icon, make, setText } from './dom.js';
import { onEvent, throttled } from './events.js';
import * as format from './format.js';
import { count, language, t } from './i18n.js';
import { factsOf, nameParts } from './patients.js';
import * as cells from './study_cells.js';
import { hasPictures } from './study_state.js';

const RELOAD_EVERY_MS = 3000;
const CHANGING = ['study', 'pull', 'reload', 'closed'];

export class PatientPage {
    constructor(root, patientId) {
        this.root = root;
        this.patientId = patientId;
        this.reload = throttled(() => this.#load(true), RELOAD_EVERY_MS);
        this.name = make('h1', { class: 'patient-name' });
        this.facts = make('p', { class: 'facts' });
        this.sources = make('ul', { class: 'sources' });
        this.line = make('div', { class: 'timeline' });
        this.message = make('div', { class: 'list-message', hidden: true });
        this.head = make('header', { class: 'patient-head', hidden: true }, this.name, this.facts, this.sources);
        this.root.replaceChildren(make('main', { class: 'patients' }, this.head, this.line, this.message));
        this.stopEvents = onEvent((kind) => {
            if (CHANGING.includes(kind)) this.reload.ask();
        });
        document.title = t('app.name');
        this.listed = this.#load(false);
    }

    close() {
        this.request?.abort();
        this.stopEvents();
        this.reload.stop();
    }

    async #load(quiet) {
        this.request?.abort();
        const request = new AbortController();
        this.request = request;
        if (!quiet) this.#tell('spinner', t('list.loading'));
        try {
            const answer = await getPatient(this.patientId, request.signal);
            if (this.request !== request) return;
            this.answer = answer;
            this.failure = null;
        } catch (error) {
            if (error.name === 'AbortError' || this.request !== request) return;
            if (quiet && error.temporary) {
                this.reload.ask();
                return;
            }
            this.failure = error; // what is no longer open is not left on the screen (AZ-23)
            this.answer = null;
        }
        this.#show();
    }

    translate() {
        if (this.answer || this.failure) this.#show();
    }

    #show() {
        this.head.hidden = this.line.hidden = !this.answer;
        if (!this.answer) {
            const { status, message } = this.failure;
            this.name.replaceChildren();
            this.line.replaceChildren();
            if (status === 404) this.#tell('search', t('patients.gone'), t('patients.goneText'));
            else this.#tell('broken', t('error.title'), status === 0 ? t('error.unreachable') : message);
            return;
        }
        const { patient, sources, studies, more } = this.answer;
        this.message.hidden = true;
        document.title = `${t('patients.timeline')}  ${t('app.name')}`;
        this.name.replaceChildren(...nameParts(patient));
        this.facts.replaceChildren(...factsOf(patient).map((fact) => make('span', {}, fact)));
        this.sources.replaceChildren(...sources.map((one) => this.#source(one)));
        const names = new Map(sources.map((one) => [one.facility, one.name || one.facility]));
        this.line.replaceChildren(...this.#years(studies, names));
        if (more) this.line.append(make('p', { class: 'quiet' }, t('patients.more', { n: count(studies.length) })));
        if (studies.length === 0) this.#tell('document', t('patients.noStudies'), t('patients.noStudiesText'));
    }

    #source(one) {
        const until = one.until ? format.minuteTime(Date.parse(one.until), language()) : '';
        const by = t(`patients.by.${one.by === 'grant' && until ? 'grantUntil' : one.by}`, { until });
        return make(
            'li',
            { class: `source source-${one.by}` },
            one.by === 'emergency' ? icon('warning', 'icon small') : null,
            make('bdi', {}, one.name || one.facility),
            make('small', {}, by),
        );
    }

    #years(studies, names) {
        const years = new Map();
        for (const study of studies) {
            const year = study.date.slice(0, 4);
            if (!years.has(year)) years.set(year, []);
            years.get(year).push(this.#study(study, names));
        }
        return [...years].map(([year, rows]) =>
            make(
                'section',
                {},
                make('h2', { class: 'year' }, year ? t('patients.year', { year }) : t('list.noDate')),
                make('ol', { class: 'line' }, rows),
            ),
        );
    }

    #study(study, names) {
        const source = names.get(study.facility) || study.facility;
        return make(
            'li',
            { dataset: { study: String(study.id) }, class: hasPictures(study) ? null : 'without-pictures' },
            make(
                'a',
                { class: 'study-row', href: studyPath(study.id), 'data-route': true },
                make('span', { class: 'at' }, cells.when(study)),
                make('span', { class: 'is' }, cells.what(study), make('small', { class: 'from' }, t('patients.source', { source }))),
                make('span', { class: 'many' }, cells.size(study)),
                make('span', { class: 'how' }, cells.state(study)),
                make('small', { class: 'belongs' }, t('patients.notice', { source })),
            ),
        );
    }

    #tell(picture, title, text = '') {
        const mark = picture === 'spinner' ? make('i', { class: 'spinner large' }) : icon(picture, 'icon large');
        this.message.replaceChildren(mark, make('h2', {}, title), ...(text ? [make('p', {}, text)] : []));
        this.message.hidden = false;
        setText(this.facts, this.answer ? this.facts.textContent : '');
    }
}
