// patients_emergency.js - emergency access: one patient at one hospital, with a reason, for a time; told to the hospital at once (R11, AZ-33).

import { takeEmergency } from './api.js';
import { birthDate } from './birth_date.js';
import { make, setText } from './dom.js';
import { t } from './i18n.js';

const FAULTS = { 400: 'emergency.fault', 404: 'emergency.notFound', 403: 'emergency.notFound' };

export class EmergencyDialog {
    /** offered: {hospitals: [{code, name}], minutes, reason_min}; done(patientId) when it was given. */
    constructor(offered, done) {
        this.offered = offered;
        this.done = done;
        this.#build();
        document.body.append(this.element);
        this.element.showModal();
    }

    close() {
        this.element.close();
        this.element.remove();
    }

    #field(name, input) {
        return make('label', { class: 'field' }, make('span', {}, t(`emergency.${name}`)), input);
    }

    #build() {
        this.hospital = make(
            'select',
            { name: 'facility', required: true },
            make('option', { value: '' }, t('emergency.choose')),
            this.offered.hospitals.map(({ code, name }) => make('option', { value: code }, name || code)),
        );
        const text = (name) => make('input', { name, type: 'text', autocomplete: 'off', spellcheck: 'false' });
        this.number = text('number');
        this.kana = text('kana');
        this.birth = text('birth');
        this.birth.placeholder = t('patients.example.birth');
        this.reason = make('textarea', { name: 'reason', rows: '3', required: true, maxlength: '500' });
        this.fault = make('p', { class: 'way-fault', role: 'alert', hidden: true });
        this.send = make('button', { type: 'submit', class: 'button danger' }, t('emergency.send'));
        this.element = make(
            'dialog',
            { class: 'emergency', 'aria-labelledby': 'emergency-title', onclose: () => this.element.remove() },
            make(
                'form',
                { novalidate: true, onsubmit: (event) => this.#submitted(event) },
                make('h2', { id: 'emergency-title' }, t('emergency.title')),
                make('p', {}, t('emergency.text', { hours: Math.round((this.offered.minutes / 60) * 10) / 10 })),
                this.#field('hospital', this.hospital),
                this.#field('number', this.number),
                make('p', { class: 'or' }, t('emergency.or')),
                make('div', { class: 'pair' }, this.#field('kana', this.kana), this.#field('birth', this.birth)),
                this.#field('reason', this.reason),
                this.fault,
                make(
                    'div',
                    { class: 'buttons' },
                    make('button', { type: 'button', class: 'button', onclick: () => this.close() }, t('emergency.cancel')),
                    this.send,
                ),
            ),
        );
    }

    #blame(key, values) {
        this.fault.hidden = false;
        setText(this.fault, t(key, values));
    }

    /** What is sent; null when something is missing, which is told then. */
    #asked() {
        const value = (input) => input.value.normalize('NFKC').trim();
        const asked = { facility: this.hospital.value, reason: value(this.reason) };
        if (asked.reason.length < this.offered.reason_min) {
            this.#blame('emergency.reasonShort', { n: this.offered.reason_min });
            return null;
        }
        if (value(this.number)) return { ...asked, number: value(this.number) };
        const birth = birthDate(this.birth.value);
        if (value(this.kana) && birth) return { ...asked, kana: value(this.kana), birth };
        this.#blame('emergency.who');
        return null;
    }

    async #submitted(event) {
        event.preventDefault();
        const asked = this.#asked();
        if (!asked) return;
        this.send.disabled = true;
        try {
            const { patient } = await takeEmergency(asked);
            this.close();
            this.done(patient);
        } catch (error) {
            this.#blame(FAULTS[error.status] ?? 'error.unreachable');
        } finally {
            this.send.disabled = false;
        }
    }
}
