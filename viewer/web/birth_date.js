// birth_date.js - a birth date as people write it: 1956-02-14, 1956/2/14, 19560214, S31.2.14, 昭和31年2月14日. Pure.

import { ERAS } from './format.js';

const two = (value) => String(value).padStart(2, '0');

function daysIn(year, month) {
    return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function dayOf(year, month, day) {
    const fits = year >= 1868 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
    return fits ? `${year}${two(month)}${two(day)}` : '';
}

function eraOf(name) {
    return ERAS.find((era) => era.letter === name.toUpperCase() || era.kanji === name);
}

/** YYYYMMDD; "" for what is no day. A year of an era it did not have (H40) is none. */
export function birthDate(text) {
    const written = text.normalize('NFKC').trim();
    const plain = /^(\d{4})(\d{2})(\d{2})$/.exec(written) ?? /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$/.exec(written);
    if (plain) return dayOf(Number(plain[1]), Number(plain[2]), Number(plain[3]));
    const era = /^([A-Za-z]|明治|大正|昭和|平成|令和)\s*(\d{1,2}|元)[-/.年](\d{1,2})[-/.月](\d{1,2})日?$/.exec(written);
    const found = era && eraOf(era[1]);
    if (!found) return '';
    const day = dayOf(found.first + (era[2] === '元' ? 1 : Number(era[2])) - 1, Number(era[3]), Number(era[4]));
    const next = ERAS[ERAS.indexOf(found) - 1];
    return day && day >= found.from && !(next && day >= next.from) ? day : '';
}
