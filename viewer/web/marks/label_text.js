// label_text.js - what is written beside a mark: its measure, the values inside it, its text and its author. Pure but for the words.

import { number, patientName } from '../format.js';
import { language, t } from '../i18n.js';
import { hasPixels } from './shapes.js';

const FINE_MM = 0.1; // spacing below which hundredths of a millimetre mean something

/** A pixel value: to a tenth in Hounsfield units, else to four digits. */
export function valueText(value, unit) {
    if (!Number.isFinite(value)) return '';
    return unit === 'HU' || Number.isInteger(value) ? number(value, 1) : String(Number(value.toPrecision(4)));
}

const withUnit = (value, unit) => [valueText(value, unit), unit].filter(Boolean).join(' ');

const atDetector = (text, source) => (source === 'detector' ? t('overlay.atDetector', { text }) : text);
const digitsOf = (scale) => (scale?.row > 0 && Math.min(scale.row, scale.column) < FINE_MM ? 2 : 1);

/** "34.2 mm", "34.2 mm at detector" or "61.3 px"; several lengths are joined as "34.2 × 20.1 mm". */
export function lengthText(mm, px, source, scale) {
    const inMm = mm.every((length) => Number.isFinite(length));
    const digits = inMm ? digitsOf(scale) : 1;
    const numbers = (inMm ? mm : px).map((length) => Number(length).toFixed(digits)).join(' × ');
    return inMm ? atDetector(`${numbers} mm`, source) : `${numbers} px`;
}

const AXIS_DIGITS = 3;

/** In an ultrasound region that is no section, what it says of each axis that it has: "0.42 s · 31 cm/s". A length says nothing of an axis it does not go along. */
function axesText(kind, found) {
    return ['axis_x', 'axis_y']
        .filter((name) => Number.isFinite(found[name]) && (kind === 'probe' || found[name] > 0))
        .map((name) => `${Number(found[name].toPrecision(AXIS_DIGITS))} ${found[`${name}_unit`]}`)
        .join(' · ');
}

export function areaText({ area_mm2: mm2, area_px: px, spacing_source: source }) {
    const digits = (value) => (value < 100 ? 1 : 0);
    if (Number.isFinite(mm2)) return atDetector(`${mm2.toFixed(digits(mm2))} mm²`, source);
    return Number.isFinite(px) ? `${px.toFixed(digits(px))} px²` : '';
}

export const degreesText = (degrees) => (Number.isFinite(degrees) ? `${degrees.toFixed(1)}°` : '');

function pixelLines(kind, found, state) {
    const { mean, sd, min, max, unit } = found;
    if (Number.isFinite(mean)) {
        if (kind === 'probe') return [withUnit(mean, unit)];
        return [
            t('marks.meanSd', { mean: withUnit(mean, unit), sd: valueText(sd, unit) }),
            t('marks.minMax', { min: valueText(min, unit), max: valueText(max, unit) }),
        ];
    }
    if (found.rgb) return [t('marks.rgb', { r: found.rgb[0], g: found.rgb[1], b: found.rgb[2] })];
    if (state === 'waiting') return ['…'];
    return kind === 'probe' || state === 'failed' ? [t(state === 'failed' ? 'marks.valuesFailed' : 'marks.noValues')] : [];
}

/** What is known of a mark in lines. found: measure() and, over it, what the service says of these points; state: "known", "waiting" for values,
 *  or "failed". */
export function measureLines(kind, found, state, scale) {
    if (state === 'foreign') return [];
    if (kind === 'length') return [axesText(kind, found) || lengthText([found.length_mm], [found.length_px], found.spacing_source, scale)];
    if (kind === 'bidirectional') {
        return [lengthText([found.length_mm, found.short_mm], [found.length_px, found.short_px], found.spacing_source, scale)];
    }
    if (kind === 'angle') return [degreesText(found.degrees)];
    if (kind === 'cobb') return [t('marks.cobb', { degrees: degreesText(found.degrees) })];
    if (!hasPixels(kind)) return [];
    const area = kind === 'probe' ? '' : areaText(found);
    return [...pixelLines(kind, found, state), kind === 'probe' && axesText(kind, found), area && t('marks.area', { area })];
}

/** Who made a mark of somebody else: "Sato, City hospital"; of an object of another system its kind, too. */
export function authorText({ author, form }) {
    if (!author || author.mine) return '';
    const [alphabetic = '', ideographic = '', phonetic = ''] = (author.name ?? '').split('=');
    const name = form ? patientName({ alphabetic, ideographic, phonetic }, language()).main : author.name;
    const place = author.facility;
    const who = name && place ? t('marks.author', { name, place }) : name || place || (form ? '' : t('marks.someone'));
    return [who, form].filter(Boolean).join('  ');
}

/** All lines beside a mark: {text, kind}, kind "text", "measure" or "author". */
export function labelLines(mark, found, state, scale) {
    const texts = mark.text ? [{ text: mark.text, kind: 'text' }] : [];
    const measures = measureLines(mark.kind, found, state, scale).map((text) => ({ text, kind: 'measure' }));
    const author = { text: authorText(mark), kind: 'author' };
    return [...texts, ...measures, author].filter(({ text }) => text);
}

/** Where the millimetres of a mark come from, in a word; nothing of what has none. */
export function spacingLines(kind, scale) {
    const has = ['length', 'bidirectional', 'rectangle', 'ellipse', 'freehand'].includes(kind) || (kind === 'probe' && scale.axes);
    return has ? [{ text: t(`marks.by.${scale.source}`), kind: 'source' }] : [];
}

/** Where the millimetres come from, for the list and for screen readers. */
export const sourceText = (source) => t(`marks.source.${source ?? 'none'}`);

/** A text in lines of a width: between words, or between characters where one word is too long or there are none. width(text) measures. */
export function wrap(text, width, limit) {
    if (width(text) <= limit) return [text];
    const lines = [];
    let line = '';
    for (const part of text.match(/[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+/g) ?? [text]) {
        for (const piece of width(part) > limit ? part : [part]) {
            if (line && width((line + piece).trimEnd()) > limit) {
                lines.push(line.trimEnd());
                line = '';
            }
            line += piece;
        }
    }
    return [...lines, line.trimEnd()].filter(Boolean);
}
