// patients.js - "my patients": who reads finds a patient who has come to the own site, by the own number, by the card, or by kana and birth
// date (TB-6, TB-7). Whatever is found is what the service lets this person find; the page asks for nothing else.

import { findPatients, getEmergency, patientPath } from './api.js';
import { birthDate } from './birth_date.js';
import { icon, make, setText } from './dom.js';
import * as format from './format.js';
import { ageText, failureText, language, loadWords, t } from './i18n.js';
import { later } from './later.js';

const WAYS = ['number', 'card', 'kana'];

// Kept while the page is: who comes back from a patient finds the search as it was. Not in the address: that is written into histories.
let last = { way: 'number', number: '', card: '', kana: '', birth: '' };

/** Name in three scripts, the one of the language first. */
export function nameParts(patient) {
    const name = format.patientName(patient.name, language());
    return [
        make('bdi', { class: 'patient-main' }, name.main || t('patient.unnamed')),
        name.kana ? make('bdi', { class: 'patient-reading' }, name.kana) : null,
        name.other ? make('bdi', { class: 'patient-reading' }, name.other) : null,
    ].filter(Boolean);
}

export function factsOf(patient) {
    const born = format.date(patient.birth_date, language());
    const era = language() === 'ja' ? format.eraYear(patient.birth_date) : '';
    return [
        patient.number ? t('patients.ownNumber', { number: patient.number }) : '',
        era ? `${born}（${era}）` : born,
        patient.sex ? t(`sex.${patient.sex}`) : '',
        ageText(patient.birth_date, ''),
    ].filter(Boolean);
}

export class PatientsPage {
    constructor(root, go) {
        this.root = root;
        this.go = go;
        this.#build();
        this.#askEmergency();
        if (last.answer) this.#show();
    }

    close() {
        this.request?.abort();
        this.dialog?.close();
    }

    // ---- building

    #build() {
        this.title = make('h1', { class: 'patients-title' });
        this.tabs = make('div', { class: 'ways', role: 'radiogroup' }, WAYS.map((way) => this.#tab(way)));
        this.text = make('input', { type: 'text', class: 'way-text', autocomplete: 'off', spellcheck: 'false', required: true });
        this.textLabel = make('span');
        this.birth = make('input', { type: 'text', class: 'way-birth', autocomplete: 'off', inputmode: 'text' });
        this.birthLabel = make('span');
        this.birthField = make('label', { class: 'field' }, this.birthLabel, this.birth);
        this.submit = make('button', { type: 'submit', class: 'button primary' });
        this.form = make(
            'form',
            { class: 'way-form', role: 'search', novalidate: true, onsubmit: (event) => this.#submitted(event) },
            make('label', { class: 'field grow' }, this.textLabel, this.text),
            this.birthField,
            this.submit,
        );
        this.fault = make('p', { class: 'way-fault', role: 'alert', hidden: true });
        this.results = make('ul', { class: 'patients-found', 'aria-live': 'polite' });
        this.message = make('div', { class: 'list-message', hidden: true });
        this.emergency = make('button', { type: 'button', class: 'button warn', hidden: true, onclick: () => this.#openEmergency() });
        this.notice = make('p', { class: 'notice' });
        this.root.replaceChildren(
            make(
                'main',
                { class: 'patients' },
                make('div', { class: 'patients-head' }, this.title, this.emergency),
                make('section', { class: 'way-panel' }, this.tabs, this.form, this.fault),
                this.results,
                this.message,
                this.notice,
            ),
        );
        this.text.value = last[last.way];
        this.birth.value = last.birth;
        this.translate();
        this.text.focus();
    }

    #tab(way) {
        return make('button', {
            type: 'button',
            role: 'radio',
            dataset: { way },
            onclick: () => this.#choose(way),
            onkeydown: (event) => this.#tabKey(event, way),
        });
    }

    #tabKey(event, way) {
        const step = { ArrowRight: 1, ArrowLeft: WAYS.length - 1 }[event.key];
        if (!step) return;
        event.preventDefault();
        this.#choose(WAYS[(WAYS.indexOf(way) + step) % WAYS.length]);
        this.tabs.querySelector('[aria-checked="true"]').focus();
    }

    translate() {
        document.title = `${t('patients.title')}  ${t('app.name')}`;
        setText(this.title, t('patients.title'));
        this.tabs.setAttribute('aria-label', t('patients.ways'));
        for (const tab of this.tabs.children) {
            setText(tab, t(`patients.way.${tab.dataset.way}`));
            tab.setAttribute('aria-checked', String(tab.dataset.way === last.way));
            tab.tabIndex = tab.dataset.way === last.way ? 0 : -1;
        }
        setText(this.textLabel, t(`patients.field.${last.way}`));
        this.text.placeholder = t(`patients.example.${last.way}`);
        this.text.inputMode = last.way === 'kana' ? 'text' : 'latin';
        setText(this.birthLabel, t('patients.field.birth'));
        this.birth.placeholder = t('patients.example.birth');
        this.birthField.hidden = last.way !== 'kana';
        setText(this.submit, t('patients.search'));
        setText(this.emergency, t('emergency.open'));
        setText(this.notice, t('app.notice'));
        if (this.faultKey) setText(this.fault, t(this.faultKey));
        if (last.answer || this.failure) this.#show();
        else this.#tell('bridge', t('patients.begin'), t('patients.beginText'));
    }

    #choose(way) {
        last[last.way] = this.text.value;
        last.way = way;
        last.answer = null;
        this.failure = null;
        this.#blame(null);
        this.text.value = last[way];
        this.results.replaceChildren();
        this.translate();
        this.text.focus();
    }

    // ---- searching

    #blame(key, field) {
        this.faultKey = key;
        this.fault.hidden = !key;
        if (key) setText(this.fault, t(key));
        for (const input of [this.text, this.birth]) input.toggleAttribute('aria-invalid', input === field);
        field?.focus();
    }

    /** {number}, {card} or {kana, birth}; null when something is missing, which is told then. */
    #asked() {
        const text = this.text.value.normalize('NFKC').trim();
        if (!text) {
            this.#blame(`patients.missing.${last.way}`, this.text);
            return null;
        }
        if (last.way !== 'kana') return { [last.way]: text };
        if (!this.birth.value.trim()) {
            this.#blame('patients.missing.birth', this.birth);
            return null;
        }
        const birth = birthDate(this.birth.value);
        if (birth) return { kana: text, birth };
        this.#blame('patients.noDay', this.birth);
        return null;
    }

    async #submitted(event) {
        event.preventDefault();
        last[last.way] = this.text.value;
        last.birth = this.birth.value;
        last.answer = null;
        this.failure = null;
        this.results.replaceChildren();
        const asked = this.#asked();
        if (!asked) {
            this.#tell('search', t('patients.nothingAsked'));
            return;
        }
        this.#blame(null);
        this.request?.abort();
        const request = new AbortController();
        this.request = request;
        this.#tell('spinner', t('list.loading'));
        try {
            last.answer = await findPatients(asked, request.signal);
        } catch (error) {
            if (error.name === 'AbortError') return;
            this.failure = error;
        }
        if (this.request === request) this.#show();
    }

    // ---- showing

    #show() {
        if (this.failure) {
            this.#tell('broken', t('error.title'), failureText(this.failure));
            return;
        }
        const { patients } = last.answer;
        this.results.replaceChildren(...patients.map((patient) => this.#row(patient)));
        if (patients.length > 0) this.message.hidden = true;
        else this.#tell('search', t('patients.none'), t('patients.noneText'));
    }

    #row(patient) {
        return make(
            'li',
            { dataset: { patient: String(patient.id) } },
            make(
                'a',
                { class: 'patient-row', href: patientPath(patient.id), 'data-route': true },
                make('span', { class: 'patient-name' }, nameParts(patient)),
                make('small', { class: 'facts' }, factsOf(patient).map((fact) => make('span', {}, fact))),
                make(
                    'span',
                    { class: 'chips' },
                    patient.sources.map((one) => make('span', { class: `chip source-${one.by}` }, one.name || one.facility)),
                ),
                icon('right', 'icon small'),
            ),
        );
    }

    #tell(picture, title, text = '') {
        const mark = picture === 'spinner' ? make('i', { class: 'spinner large' }) : icon(picture, 'icon large');
        this.message.replaceChildren(mark, make('h2', {}, title), ...(text ? [make('p', {}, text)] : []));
        this.message.hidden = false;
    }

    // ---- emergency

    async #askEmergency() {
        try {
            this.offered = await getEmergency();
            this.emergency.hidden = !this.offered.may;
        } catch {
            this.emergency.hidden = true; // not offered to this person, or not now
        }
    }

    async #openEmergency() {
        const [{ EmergencyDialog }] = await Promise.all([later(() => import('./patients_emergency.js')), loadWords('emergency')]);
        this.dialog?.close();
        this.dialog = new EmergencyDialog(this.offered, (patient) => this.go(patient === null ? '/studies' : patientPath(patient)));
    }
}
