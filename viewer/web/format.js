// format.js - dates, names, ages and sizes as people read them. Pure.

export const ERAS = [
    { from: '20190501', letter: 'R', kanji: '令和', first: 2019 },
    { from: '19890108', letter: 'H', kanji: '平成', first: 1989 },
    { from: '19261225', letter: 'S', kanji: '昭和', first: 1926 },
    { from: '19120730', letter: 'T', kanji: '大正', first: 1912 },
    { from: '18680125', letter: 'M', kanji: '明治', first: 1868 },
];

const isDate = (text) => /^\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/.test(text || '');
const OLDEST_YEARS = 130; // beyond it a birth date is a placeholder, not an age
const EAST_ASIAN = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff66-\uff9f]/;

/** DICOM DA to 2026/11/03 (ja) or 2026-11-03 (en); anything else as it is. */
export function date(text, language) {
    if (!isDate(text)) return text || '';
    return [text.slice(0, 4), text.slice(4, 6), text.slice(6, 8)].join(language === 'ja' ? '/' : '-');
}

/** DICOM TM to 10:15; "" when there is none. */
export function time(text) {
    const match = /^(\d{2}):?(\d{2})?/.exec(text || '');
    return match ? `${match[1]}:${match[2] || '00'}` : '';
}

/** The year of a DA in the Japanese calendar: "S31", "R1"; "" before the calendar began. */
export function eraYear(text) {
    const era = isDate(text) && ERAS.find((candidate) => text >= candidate.from);
    return era ? `${era.letter}${Number(text.slice(0, 4)) - era.first + 1}` : '';
}

/** Whole years between two DAs, null when either is unknown or the order is wrong. */
export function ageYears(birth, at) {
    if (!isDate(birth) || !isDate(at) || at < birth) return null;
    const years = Math.floor((Number(at) - Number(birth)) / 10000);
    return years <= OLDEST_YEARS ? years : null;
}

/** Whole months between two DAs, null as above. */
export function ageMonths(birth, at) {
    if (!isDate(birth) || !isDate(at) || at < birth) return null;
    const month = (text) => Number(text.slice(0, 4)) * 12 + Number(text.slice(4, 6));
    return month(at) - month(birth) - (at.slice(6) < birth.slice(6) ? 1 : 0);
}

/** Today as DA, local time. */
export function today(now = new Date()) {
    const two = (value) => String(value).padStart(2, '0');
    return `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
}

/** <input type=date> to DA and back; "" for nothing. */
export const dateFromInput = (value) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? value.replaceAll('-', '') : '');
export const dateToInput = (text) => (isDate(text) ? date(text, 'en') : '');

/** One component group of a DICOM person name, family first, read with spaces. */
export function nameGroup(group) {
    const [family = '', given = '', middle = '', prefix = '', suffix = ''] = (group || '')
        .split('^')
        .map((part) => part.trim());
    return [prefix, family, given, middle, suffix].filter(Boolean).join(' ');
}

/** The alphabetic group: "Yamada, Hanako"; written in kana, kanji or hangul all the same it takes no comma. */
export function romanName(group) {
    if (EAST_ASIAN.test(group)) return nameGroup(group);
    const [family = '', given = '', middle = '', prefix = '', suffix = ''] = (group || '')
        .split('^')
        .map((part) => part.trim());
    const rest = [prefix, given, middle, suffix].filter(Boolean).join(' ');
    return family && rest ? `${family}, ${rest}` : family || rest;
}

/** A name for a language: {main, kana, other}. Japanese reads the ideographic group, others the alphabetic one; what is
 *  missing is replaced by what is there, and nothing is shown twice. */
export function patientName(name, language) {
    const roman = romanName(name?.alphabetic);
    const kanji = nameGroup(name?.ideographic);
    const kana = nameGroup(name?.phonetic);
    const order = language === 'ja' ? [kanji, roman, kana] : [roman, kanji, kana];
    const main = order.find(Boolean) || '';
    const rest = (text) => (text && text !== main ? text : '');
    return { main, kana: rest(kana), other: rest(language === 'ja' ? roman : kanji) };
}

/** A number with at most `digits` decimals and no trailing zeros. */
export function number(value, digits = 1) {
    return Number.isFinite(value) ? String(Number(value.toFixed(digits))).replace(/^-0$/, '0') : '';
}

/** A ruler of round length for `mmPerPx` that fits into maxPx: {mm, px}; null when nothing sensible fits. */
export function ruler(mmPerPx, maxPx) {
    if (!(mmPerPx > 0) || !(maxPx > 0)) return null;
    const max = mmPerPx * maxPx;
    const power = 10 ** Math.floor(Math.log10(max));
    const mm = [5, 2, 1].map((step) => step * power).find((length) => length <= max);
    return { mm, px: mm / mmPerPx };
}

export const lengthText = (mm) => (mm >= 10 ? `${number(mm / 10, 0)} cm` : `${number(mm, 2)} mm`);

/** Bytes as people read them: "15.8 MB". */
export function bytes(value) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let at = 0;
    let left = Math.max(0, Number(value) || 0);
    for (; left >= 999.5 && at < units.length - 1; at++) left /= 1000;
    return `${number(left, at === 0 || left >= 99.5 ? 0 : 1)} ${units[at]}`;
}

/** A length of time in its largest unit: {unit: "second", "minute", "hour" or "day", n}. */
export function span(ms) {
    const seconds = Math.floor(ms / 1000);
    if (seconds < 60) return { unit: 'second', n: seconds };
    if (seconds < 3600) return { unit: 'minute', n: Math.floor(seconds / 60) };
    if (seconds < 86400) return { unit: 'hour', n: Math.floor(seconds / 3600) };
    return { unit: 'day', n: Math.floor(seconds / 86400) };
}

const twoDigits = (value) => String(value).padStart(2, '0');
const clock = (at) => `${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`;

/** A moment (ms since 1970) in local time: 2026/11/03 10:15:00 (ja) or 2026-11-03 10:15:00 (en). */
export function localTime(ms, language) {
    const at = new Date(ms);
    return `${date(today(at), language)} ${clock(at)}:${twoDigits(at.getSeconds())}`;
}

/** The same to the minute: what a person is told of consents and sessions. */
export const minuteTime = (ms, language) => localTime(ms, language).slice(0, -3);

/** The same without what goes without saying: 10:15 today, 11/03 10:15 this year, else the day. */
export function nearTime(ms, language, now = new Date()) {
    const at = new Date(ms);
    const day = date(today(at), language);
    if (today(at) === today(now)) return clock(at);
    return at.getFullYear() === now.getFullYear() ? `${day.slice(5)} ${clock(at)}` : day;
}
