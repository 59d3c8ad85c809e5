// dialog.js - a small form over the page: closed by its button, Escape or a press outside; Enter does what it is for.

import { icon, make } from './dom.js';
import { t } from './i18n.js';

/** parts: elements. done(): true closes it. {element, close}. */
export function openDialog(title, parts, { yes = t('tools.apply'), done = null } = {}) {
    const shut = make('button', { type: 'button', class: 'tool', 'aria-label': t('action.close') }, icon('close'));
    const apply = done && make('button', { type: 'submit', class: 'button primary' }, yes);
    const form = make('form', { class: 'small-form' }, parts, apply ? make('div', { class: 'small-form-end' }, apply) : null);
    const dialog = make('dialog', { class: 'small-dialog', 'aria-label': title }, make('header', {}, make('h2', {}, title), shut), form);
    shut.addEventListener('click', () => dialog.close());
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        if (done?.()) dialog.close();
    });
    dialog.addEventListener('click', (event) => {
        if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener('keydown', (event) => event.stopPropagation());
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    return { element: dialog, close: () => dialog.close() };
}

/** A number with its name; read by value(). */
export function numberField(label, value, { min, max, step = 'any', name }) {
    const input = make('input', { type: 'number', value: String(value), min: min === undefined ? null : String(min), max: max === undefined ? null : String(max), step: String(step), required: true, name });
    return { element: make('label', { class: 'small-field' }, make('span', {}, label), input), input, value: () => Number(input.value) };
}
