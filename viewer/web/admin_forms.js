// admin_forms.js - dialogs: are you sure, and what is to be said of a study or a patient. Each gives a promise of what was answered.

import { make } from './dom.js';
import * as format from './format.js';
import { language, t } from './i18n.js';

const WHO_KEY = 'kakehashi.operator';
const REASON_BYTES = 200;
const WHO_BYTES = 64;

function remembered() {
    try {
        return localStorage.getItem(WHO_KEY) ?? '';
    } catch {
        return ''; // storage may be closed to us
    }
}

function remember(name) {
    try {
        localStorage.setItem(WHO_KEY, name);
    } catch {
        // Then it is typed again.
    }
}

const bytesOf = (text) => new TextEncoder().encode(text).length;

/** A dialog with a form. content: elements; read(): what is sent, or null when something is wrong; send(values) may throw. Resolves to
 *  what send gave, null when it was given up. */
function ask({
    title,
    text,
    content = [],
    yes,
    danger = true,
    read = () => ({}),
    send = async () => true,
    first = null,
}) {
    return new Promise((resolve) => {
        const problem = make('p', { class: 'form-problem', role: 'alert' });
        const no = make('button', { type: 'button', class: 'button', dataset: { action: 'no' } }, t('admin.keep'));
        const go = make(
            'button',
            { type: 'submit', class: `button ${danger ? 'danger' : 'primary'}`, dataset: { action: 'yes' } },
            yes,
        );
        const form = make(
            'form',
            { method: 'dialog' },
            make('h2', {}, title),
            text ? make('p', { class: 'hint' }, text) : null,
            content,
            problem,
            make('div', { class: 'form-acts' }, no, go),
        );
        const dialog = make('dialog', { class: 'ask', 'aria-label': title }, form);
        let result = null;
        form.addEventListener('input', () => (problem.textContent = ''));
        no.addEventListener('click', () => dialog.close());
        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            const values = read(problem);
            if (!values) return;
            go.disabled = true;
            problem.textContent = '';
            try {
                result = await send(values);
                dialog.close();
            } catch (error) {
                problem.textContent =
                    error.status === 0 ? t('error.unreachable') : t('admin.notDone', { reason: error.message });
            }
            go.disabled = false;
        });
        dialog.addEventListener('close', () => {
            dialog.remove();
            resolve(result);
        });
        document.body.append(dialog);
        dialog.showModal();
        (first ?? no).focus();
    });
}

/** Are you sure? true or null. */
export const confirm = ({ title, text, yes }) => ask({ title, text, yes });

function field(label, input, hint = '') {
    return make('label', { class: 'field' }, make('span', {}, label), input, hint ? make('small', {}, hint) : null);
}

const textInput = (name, value = '', more = {}) =>
    make('input', { type: 'text', name, value, autocomplete: 'off', spellcheck: 'false', ...more });

/** Why, and who asks: kept with every change. Undoing has no reason of its own. */
function authorFields({ withReason = true } = {}) {
    const who = textInput('asked_by', remembered(), { maxlength: WHO_BYTES });
    const reason = textInput('reason', '', { maxlength: REASON_BYTES });
    const fields = [...(withReason ? [[reason, REASON_BYTES]] : []), [who, WHO_BYTES]];
    const read = (problem) => {
        const values = Object.fromEntries(fields.map(([input]) => [input.name, input.value.trim()]));
        const wrong = fields.find(([{ name }, most]) => !values[name] || bytesOf(values[name]) > most);
        if (!wrong) {
            remember(values.asked_by);
            return values;
        }
        problem.textContent = t(values[wrong[0].name] ? 'form.tooLong' : 'form.missing');
        wrong[0].focus();
        return null;
    };
    return { reason, who, read };
}

/** Who does it, and nothing else: send({asked_by}). */
export function askWho(title, text, yes, send) {
    const author = authorFields({ withReason: false });
    return ask({
        title,
        text,
        content: [field(t('form.who'), author.who)],
        yes,
        danger: false,
        read: author.read,
        send,
        first: author.who.value ? null : author.who,
    });
}

/** Take a change back: send({asked_by}). */
export const askUndo = (title, text, send) => askWho(title, text, t('admin.undo'), send);

/** Delete a study: send({reason, asked_by}). about: an element that says which. */
export function askDelete(about, send) {
    const author = authorFields();
    return ask({
        title: t('form.deleteTitle'),
        text: t('form.deleteText'),
        content: [
            about,
            field(t('form.reason'), author.reason, t('form.reasonHint')),
            field(t('form.who'), author.who),
        ],
        yes: t('form.delete'),
        read: author.read,
        send,
        first: author.reason,
    });
}

const PATIENT = ['new_id', 'name_ideographic', 'name_phonetic', 'name_alphabetic', 'birth_date', 'sex'];

function present(patient) {
    const { alphabetic, ideographic, phonetic } = patient.name;
    return {
        new_id: patient.id,
        name_alphabetic: alphabetic,
        name_ideographic: ideographic,
        name_phonetic: phonetic,
        birth_date: format.dateToInput(patient.birth_date),
        sex: patient.sex,
    };
}

function sexInput(value) {
    const options = ['', 'M', 'F', 'O'].map((sex) =>
        make('option', { value: sex }, sex ? t(`sex.${sex}`) : t('form.unknown')),
    );
    const select = make('select', { name: 'sex' }, options);
    select.value = value;
    return select;
}

/** Correct a patient: send({patient_id, and what was changed, reason, asked_by}). */
export function askPatient(patient, send) {
    const was = present(patient);
    const author = authorFields();
    const inputs = Object.fromEntries(PATIENT.map((name) => [name, textInput(name, was[name])]));
    inputs.birth_date = make('input', { type: 'date', name: 'birth_date', value: was.birth_date });
    inputs.sex = sexInput(was.sex);
    const order =
        language() === 'ja'
            ? PATIENT
            : ['new_id', 'name_alphabetic', 'name_ideographic', 'name_phonetic', 'birth_date', 'sex'];
    const hints = { new_id: t('form.idHint'), name_alphabetic: t('form.nameHint') };
    const read = (problem) => {
        const changed = {};
        for (const name of PATIENT) {
            const value = inputs[name].value.trim().normalize('NFC');
            if (value !== was[name]) changed[name] = name === 'birth_date' ? format.dateFromInput(value) : value;
        }
        if (Object.keys(changed).length === 0) {
            problem.textContent = t('form.nothingChanged');
            inputs.new_id.focus();
            return null;
        }
        const by = author.read(problem);
        return by && { patient_id: patient.id, ...changed, ...by };
    };
    return ask({
        title: t('form.patientTitle'),
        text: t('form.patientText'),
        content: [
            make(
                'div',
                { class: 'form-grid' },
                order.map((name) => field(t(`value.${name}`), inputs[name], hints[name])),
            ),
            field(t('form.reason'), author.reason, t('form.reasonHint')),
            field(t('form.who'), author.who),
        ],
        yes: t('form.correct'),
        danger: false,
        read,
        send,
        first: inputs.new_id,
    });
}
