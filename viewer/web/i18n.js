// i18n.js - texts in the reader's language. The words live in lang/*.js, loaded when needed.

import { ageMonths, ageYears, today } from './format.js';
import { later } from './later.js';

const STORE_KEY = 'kakehashi.language';
export const LANGUAGES = ['ja', 'en'];

let current = 'en';
let words = {};
const parts = new Set(); // of the words, that a page loaded of itself
const listeners = new Set();

/** The language to begin with: what was chosen before, else the browser's first that we speak, else English. */
export function preferred(stored, languages) {
    if (LANGUAGES.includes(stored)) return stored;
    for (const tag of languages || []) {
        const base = tag.toLowerCase().split('-')[0];
        if (LANGUAGES.includes(base)) return base;
    }
    return 'en';
}

/** Fill {name} places of a text. A plural is a pair [one, many], chosen by values.n. */
export function fill(text, values = {}) {
    const chosen = Array.isArray(text) ? text[String(values.n) === '1' ? 0 : 1] : text;
    return chosen.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const language = () => current;

/** The text for a key; an unknown key shows itself. */
export function t(key, values) {
    const text = words[key];
    return text === undefined ? key : fill(text, values);
}

/** Why something was not had, in the reader's language; what the service says of it stands behind. */
export function failureText(error) {
    if (error.status === 0) return t('error.unreachable');
    if (error.status === 503 || error.status === 429) return `${t('error.busy')} (${error.message})`;
    return error.status ? error.message : t('error.ours');
}

/** A count with the language's thousands marks. */
export const count = (value) => new Intl.NumberFormat(current).format(value);

/** Age at the study: years, for children under three months of the year too. */
export function ageText(birth, studyDate) {
    const at = studyDate || today();
    const years = ageYears(birth, at);
    if (years === null) return '';
    return years < 3 ? t('age.months', { n: ageMonths(birth, at) }) : t('age.years', { n: years });
}

export function onLanguage(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

const wordsOf = async (name) => (await later(() => import(`./lang/${name}.js`))).default;

async function use(next) {
    const loaded = await Promise.all([wordsOf(next), ...[...parts].map((part) => wordsOf(`${part}_${next}`))]);
    words = Object.assign({}, ...loaded);
    current = next;
    document.documentElement.lang = next;
}

/** The words of a part that is not on every page: lang/{part}_{language}.js, in every language from now on. */
export async function loadWords(part) {
    if (parts.has(part)) return;
    const loaded = await wordsOf(`${part}_${current}`);
    parts.add(part);
    words = { ...words, ...loaded };
}

function stored() {
    try {
        return localStorage.getItem(STORE_KEY);
    } catch {
        return null; // storage may be closed to us
    }
}

/** first: parts of the words that the first page needs of itself. */
export function start(first = []) {
    for (const part of first) parts.add(part);
    return use(preferred(stored(), navigator.languages));
}

export async function setLanguage(next) {
    if (!LANGUAGES.includes(next) || next === current) return;
    await use(next);
    try {
        localStorage.setItem(STORE_KEY, next);
    } catch {
        // The choice then lasts as long as the page.
    }
    for (const listener of [...listeners]) listener(next);
}
