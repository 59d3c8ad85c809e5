// admin_parts.js - what the sections of the operators' page are made of: rows that keep themselves, states, times.

import { icon, make } from './dom.js';
import * as format from './format.js';
import { count, language, t } from './i18n.js';
import { advice } from './admin_reasons.js';

/** Rows of a table body, by key: what did not change stays, so that the focus and what moves do too. cells(item) makes the cells;
 *  look(item), a text, says whether an item still looks the same. */
export class Rows {
    constructor(body, { key, cells, look = JSON.stringify, className = () => '' }) {
        Object.assign(this, { body, key, cells, look, className });
        this.rows = new Map();
    }

    set(items) {
        const wanted = new Set(items.map((item) => String(this.key(item))));
        const lost = [...this.rows].filter(([key]) => !wanted.has(key));
        const hadFocus = lost.some(([, row]) => row.element.contains(document.activeElement));
        for (const [key, row] of lost) {
            row.element.remove();
            this.rows.delete(key);
        }
        items.forEach((item, index) => {
            const { element } = this.#row(item);
            if (this.body.children[index] !== element)
                this.body.insertBefore(element, this.body.children[index] ?? null);
        });
        if (hadFocus) (this.body.querySelector('button, a') ?? this.body.closest('[tabindex]'))?.focus();
    }

    /** Show an item anew, whatever it looked like. */
    again(item) {
        const row = this.rows.get(String(this.key(item)));
        if (row) this.#fill(row, item);
    }

    forget() {
        for (const row of this.rows.values()) row.look = null;
    }

    #row(item) {
        const key = String(this.key(item));
        let row = this.rows.get(key);
        if (!row) {
            row = { element: make('tr', { dataset: { key } }), look: null };
            this.rows.set(key, row);
        }
        const look = this.look(item);
        if (row.look !== look) this.#fill(row, item);
        row.look = look;
        return row;
    }

    #fill(row, item) {
        const focused = row.element.contains(document.activeElement) ? document.activeElement.dataset.action : null;
        const bar = row.element.querySelector('progress');
        row.element.className = this.className(item);
        const cells = this.cells(item);
        const next = cells.map((cell) => cell.querySelector('progress')).find(Boolean);
        if (bar && next) keepBar(bar, next);
        row.element.replaceChildren(...cells);
        if (focused) row.element.querySelector(`[data-action="${focused}"]`)?.focus({ preventScroll: true });
    }
}

/** The bar that is on the screen goes on, from where it stands. */
function keepBar(bar, next) {
    const { max, value } = next;
    const label = next.getAttribute('aria-label');
    next.replaceWith(bar);
    bar.setAttribute('aria-label', label);
    bar.max = max;
    requestAnimationFrame(() => {
        bar.value = value;
    });
}

/** A table of our look: columns are names, their heads in lang as `admin.column.NAME`. */
export function table(columns, className) {
    const heads = columns.map((name) => make('th', { scope: 'col', class: `is-${name}` }));
    const body = make('tbody');
    const element = make(
        'table',
        { class: `admin-table ${className}` },
        make('thead', {}, make('tr', {}, heads)),
        body,
    );
    const translate = () => columns.forEach((name, index) => (heads[index].textContent = t(`admin.column.${name}`)));
    return { element, body, translate };
}

/** Which study: whose, when and what, as the list of studies says it. */
export function about({ patient, date, description }) {
    const name = format.patientName(patient.name, language()).main || t('patient.unnamed');
    const facts = [patient.id, format.date(date, language()), description].filter(Boolean);
    return [
        make('strong', {}, make('bdi', {}, name)),
        small(facts.map((fact) => make('bdi', { class: 'fact' }, fact))),
    ];
}

/** A cell with the name of its column, which is shown where there is no room for heads. */
export const cell = (name, ...children) =>
    make('td', { class: `is-${name}`, 'data-label': t(`admin.column.${name}`) }, ...children);

export const small = (...children) => make('small', {}, ...children);

/** action is a word for tests and for the focus. */
export const button = (action, text, onclick, more = {}) =>
    make('button', { type: 'button', class: 'button compact', onclick, ...more, dataset: { action } }, text);

export const chip = (text, kind = '') => make('span', { class: `chip ${kind}` }, text);

const MARKS = { good: 'check', bad: 'warning', warn: 'warning' };
export function state(kind, text) {
    const mark = MARKS[kind];
    return make('span', { class: `mark ${kind}` }, mark ? icon(mark, 'icon small') : null, make('span', {}, text));
}

/** Why, in the words of who said so, and what can be done about it. */
export function reason(text) {
    if (!text) return null;
    const key = advice(text);
    return make(
        'div',
        { class: 'reason' },
        key ? make('p', { class: 'advice' }, t(`advice.${key}`)) : null,
        make('p', { class: 'words', translate: 'no' }, text),
    );
}

/** When, as short as it can be said; the whole under the pointer. */
export function moment(value) {
    const ms = typeof value === 'number' ? value : Date.parse(value);
    if (!Number.isFinite(ms)) return make('span', { class: 'quiet' }, '–');
    const whole = format.localTime(ms, language());
    return make('time', { datetime: new Date(ms).toISOString(), title: whole }, format.nearTime(ms, language()));
}

/** How long ago: "3 min ago". */
export function ago(ms, now = Date.now()) {
    const { unit, n } = format.span(Math.max(0, now - ms));
    return unit === 'second' && n < 10 ? t('admin.justNow') : t('admin.ago', { span: spanText({ unit, n }) });
}

export const spanText = ({ unit, n }) => t(`span.${unit}`, { n });

export const bytes = (value) => format.bytes(value);

export const objects = (n) => t('admin.objects', { n: count(n) });

/** In the place of rows: what it means that there are none, and what to do. */
export function empty(mark, title, text, ...more) {
    return make(
        'div',
        { class: 'list-message' },
        icon(mark, 'icon large'),
        make('h2', {}, title),
        text ? make('p', {}, text) : null,
        ...more,
    );
}
