// i18n.js - texts in the reader's language. The words live in lang/*.js, loaded when needed.

const STORE_KEY = 'kakehashi.language';
export const LANGUAGES = ['ja', 'en'];

let current = 'en';
let words = {};
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

/** A count with the language's thousands marks. */
export const count = (value) => new Intl.NumberFormat(current).format(value);

export function onLanguage(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

async function use(next) {
    words = (await import(`./lang/${next}.js`)).default;
    current = next;
    document.documentElement.lang = next;
}

function stored() {
    try {
        return localStorage.getItem(STORE_KEY);
    } catch {
        return null; // storage may be closed to us
    }
}

export const start = () => use(preferred(stored(), navigator.languages));

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
