// overlay.js - the words around a picture: who, what, how shown, which slice. They describe the picture on the screen.

import { make, setText } from './dom.js';
import * as format from './format.js';
import { edgeLetters, planeName, stepBetween } from './geometry.js';
import { ageText, language, t } from './i18n.js';
import { isColour } from './stack_model.js';

const GAP_FROM = 1.5; // times the usual step
const RULER_SHARE = 0.3; // of the view's width
const RULER_MAX_PX = 220;

/** "1956/02/14 (S31)  F  70 y" in the reader's language. */
export function personLine(patient, studyDate) {
    const lang = language();
    const birth = format.date(patient.birth_date, lang);
    const era = lang === 'ja' ? format.eraYear(patient.birth_date) : '';
    return [
        era ? `${birth}（${era}）` : birth,
        patient.sex ? t(`sex.${patient.sex}`) : '',
        ageText(patient.birth_date, studyDate),
    ]
        .filter(Boolean)
        .join('  ');
}

function patientLines(study) {
    const { patient } = study;
    const name = format.patientName(patient.name, language());
    const second = [name.kana, name.other].filter(Boolean).join('  ');
    return [name.main || t('patient.unnamed'), second, patient.id, personLine(patient, study.date)];
}

function studyLines(study) {
    const source = study.institution || study.facility;
    const when = [format.date(study.date, language()), format.time(study.time)].filter(Boolean).join(' ');
    const accession = study.accession ? t('overlay.accession', { text: study.accession }) : '';
    return [source, when, study.description, accession, source ? t('overlay.notice') : ''];
}

function seriesLines(series, stack, shown) {
    const slice = stack.slice(shown.index);
    const object = stack.object(shown.index);
    const name = [series.number === null ? '' : t('overlay.series', { n: series.number }), series.description]
        .filter(Boolean)
        .join('  ');
    const place = t('overlay.image', { n: shown.index + 1, all: stack.size });
    const thick = slice.thickness_mm > 0 ? t('overlay.thickness', { mm: format.number(slice.thickness_mm, 2) }) : '';
    const gap =
        stack.manifest.spacing_mm > 0 ? t('overlay.gap', { mm: format.number(stack.manifest.spacing_mm, 2) }) : '';
    const side = [object.laterality ? t(`side.${object.laterality}`) : '', object.view_position].filter(Boolean).join('  ');
    return [name, [thick, gap].filter(Boolean).join('  '), side, gapNote(stack, shown.index) || orderNote(stack.manifest), place];
}

/** Where slices are missing it is told at the place, on either side of it. */
function gapNote(stack, index) {
    const usual = stack.manifest.spacing_mm;
    if (!(usual > 0)) return '';
    const steps = [
        ['overlay.gapBefore', stepBetween(stack.slice(index - 1), stack.slice(index))],
        ['overlay.gapAfter', stepBetween(stack.slice(index), stack.slice(index + 1))],
    ];
    const wide = steps.find(([, mm]) => mm !== null && mm > GAP_FROM * usual);
    return wide ? t(wide[0], { mm: format.number(wide[1], 1) }) : '';
}

function orderNote(manifest) {
    if (manifest.slices.length < 2) return '';
    if (manifest.order === 'instance') return t('overlay.orderInstance');
    if (manifest.order === 'mixed') return t('overlay.orderMixed');
    return manifest.even_spacing === false ? t('overlay.uneven') : '';
}

function windowText({ center, width, lut, explanation }) {
    if (lut !== undefined) return t('overlay.table', { name: explanation || lut + 1 });
    return t('overlay.window', { center: format.number(center), width: format.number(width) });
}

function pictureLines(stack, shown, viewport) {
    const slice = stack.slice(shown.index);
    const object = stack.object(shown.index);
    const window = shown.window && !isColour(object) ? windowText(shown.window) : '';
    const plane = planeName(slice.orientation);
    const location =
        stack.manifest.order === 'position' ? t('overlay.location', { mm: format.number(slice.location_mm) }) : '';
    const zoom = t('overlay.zoom', { percent: Math.round(viewport.scale * 100) });
    return [[plane ? t(`plane.${plane}`) : '', location].filter(Boolean).join('  '), zoom, window];
}

const ratioText = (ratio) => (ratio > 0 ? ` ${format.number(ratio)}:1` : '');

/** What compression did to the picture: {text, source}; source true when the stored picture was lossy already. tiles: what the service said of
 *  each tile on the screen (api.js); the one that lost most is told. */
export function lossyNote(object, tiles) {
    const worst = tiles.reduce((most, one) => (one.ratio > (most?.ratio ?? -1) ? one : most), null);
    const source = object.lossy || tiles.some((one) => one.source);
    const ours = worst?.quality ? `${t('overlay.lossy')}${ratioText(worst.ratio)} (${t('overlay.jpeg', { q: worst.quality })})` : '';
    if (!source) return { text: ours, source };
    const before = object.lossy_ratio || worst?.sourceRatio || 0;
    return { text: [`${t('overlay.lossySource')}${ratioText(before)}`, ours].filter(Boolean).join('  '), source };
}

class Corner {
    constructor(className, lines) {
        this.lines = Array.from({ length: lines }, () => make('div'));
        this.element = make('div', { class: `corner ${className}` }, this.lines);
    }

    show(texts) {
        this.lines.forEach((line, index) => setText(line, texts[index] || ''));
    }
}

export class Overlay {
    constructor() {
        this.corners = {
            patient: new Corner('top left', 4),
            study: new Corner('top right', 5),
            picture: new Corner('bottom left', 3),
            series: new Corner('bottom right', 5),
        };
        this.lossy = make('div', { class: 'lossy' });
        this.corners.picture.element.append(this.lossy);
        this.edges = {};
        for (const side of ['left', 'right', 'top', 'bottom'])
            this.edges[side] = make('div', { class: `edge at-${side}`, dataset: { edge: side } });
        this.rulerText = make('span');
        this.ruler = make('div', { class: 'ruler', hidden: true }, make('i'), this.rulerText);
        this.element = make(
            'div',
            { class: 'overlay' },
            Object.values(this.corners).map((corner) => corner.element),
            Object.values(this.edges),
            this.ruler,
        );
    }

    /** shown: {index, window, lossy} of the picture on the screen, or null when there is none yet. */
    show({ study, series, stack, shown, viewport }) {
        this.corners.patient.show(patientLines(study));
        this.corners.study.show(studyLines(study));
        const known = shown && stack?.slice(shown.index);
        this.corners.series.show(known ? seriesLines(series, stack, shown) : []);
        this.showPicture({ stack, shown, viewport });
        this.#showLossy(known && !shown.problem ? lossyNote(stack.object(shown.index), shown.lossy) : null);
        this.#showEdges(known && !shown.problem ? stack : null, shown?.index, viewport);
        this.#showRuler(known && !shown.problem ? stack.millimetres(shown.index) : null, viewport);
    }

    /** What changes with the window. */
    showPicture({ stack, shown, viewport }) {
        const known = shown && stack?.slice(shown.index) && !shown.problem;
        this.corners.picture.show(known ? pictureLines(stack, shown, viewport) : []);
    }

    #showLossy(note) {
        setText(this.lossy, note?.text ?? '');
        this.lossy.classList.toggle('source', !!note?.source);
    }

    #showEdges(stack, index, viewport) {
        const orientation = stack?.slice(index).orientation;
        const found = edgeLetters(orientation, viewport.turn(), stack?.object(index).patient_orientation);
        for (const [side, element] of Object.entries(this.edges)) setText(element, found[side]);
    }

    #showRuler(millimetres, viewport) {
        const max = Math.min(RULER_MAX_PX, viewport.view.width * RULER_SHARE);
        const ruler = millimetres && format.ruler(millimetres.perUnit / viewport.scale, max);
        this.ruler.hidden = !ruler;
        if (!ruler) return;
        this.ruler.firstElementChild.style.width = `${ruler.px}px`;
        const text = format.lengthText(ruler.mm);
        setText(this.rulerText, millimetres.source === 'detector' ? t('overlay.atDetector', { text }) : text);
    }
}
