// hanging.js - which rule a study hangs by, and what hangs where: plain matching of plain data (hanging_rules.js). Pure.
//
// A set, as it is matched: {study, series, set, frames, plane, scout, clip, laterality, told, view}; plane and the rest "" while its series has not been looked
// at: then only words tell, as a reader reads them in the list.

import { RULES } from './hanging_rules.js';

const STACK_MIN = 4; // pictures
const PLANE_WORDS = { axial: ['ax', 'tra', '横断', '水平'], sagittal: ['sag', '矢状'], coronal: ['cor', '冠状', '前額'] };
const PROJECTIONS = ['CR', 'DX', 'MG', 'RG', 'IO', 'PX', 'XR'];

const between = (value, range) => !range || (value >= range[0] && value <= range[1]);

/** Full-width letters are letters, too. */
const plain = (text) => ` ${(text ?? '').normalize('NFKC').toLowerCase().replace(/[_\-./]+/g, ' ')} `;

export const textOf = (set) => plain([set.series.description, set.series.protocol, set.series.body_part].join(' '));
const textOfStudy = (study, sets) => plain([study.description, ...sets.map((set) => `${set.series.body_part} ${set.series.description} ${set.series.protocol}`)].join(' '));
const has = (text, words) => words.some((word) => text.includes(word));

export function kindOf(set) {
    if (set.clip) return 'clip';
    if (PROJECTIONS.includes(set.series.modality)) return 'picture';
    if (set.scout || set.frames < STACK_MIN) return 'single';
    return ['US', 'XA', 'RF'].includes(set.series.modality) ? 'clip' : 'stack';
}

/** Of which plane, by its positions, else by its words; "" when neither tells. */
export function planeOf(set) {
    if (set.plane) return set.plane;
    const text = textOf(set);
    return Object.keys(PLANE_WORDS).find((plane) => has(text, PLANE_WORDS[plane])) ?? '';
}

/** "CC" or "MLO" of a mammogram: as it tells it, else by Patient Orientation, whose columns run to the feet in the oblique view only, else by its words; "" when
 *  none tells. A side view hangs where the oblique one would; an exaggerated one is none of the four. */
export function viewOf(set) {
    const view = plain(set.view).trim().toUpperCase();
    if (view) return { CC: 'CC', MLO: 'MLO', ML: 'MLO', LM: 'MLO' }[view] ?? view;
    const down = set.told?.[1] ?? '';
    if (down) return down.includes('F') ? 'MLO' : 'CC';
    const text = textOf(set);
    return has(text, ['mlo', ' ml ']) ? 'MLO' : has(text, [' cc ', 'rcc', 'lcc']) ? 'CC' : '';
}

/** On which side of a mammogram as it is stored the chest wall is: 1 right, -1 left, 0 when it is not told. told: where rows and columns run, as Patient
 *  Orientation says. */
export function wallOf(told) {
    const along = told?.[0] ?? '';
    const back = along.includes('P');
    return back === along.includes('A') ? 0 : back ? 1 : -1;
}

/** Mammograms face each other: the chest wall of the right breast is on the right, that of the left one on the left, as if the patient stood before the
 *  reader. true: this one was delivered the other way round. laterality: "R" or "L". */
export const facesAway = (laterality, told) => ({ R: -1, L: 1 })[laterality] === wallOf(told);

/** How large mammograms beside each other are at most, so that a millimetre of each is as long on the screen: pictures [{fit, mm, source}], the scale that fills
 *  the tile, millimetres of a unit and where they are known from (mm 0: not at all). Scales; Infinity for one that is alone of its source. */
export function scalesBeside(pictures) {
    return pictures.map(({ mm, source }) => {
        const alike = pictures.filter((other) => mm > 0 && other.mm > 0 && other.source === source);
        return alike.length > 1 ? mm * Math.min(...alike.map((other) => other.fit / other.mm)) : Infinity;
    });
}

export function sideOf(set) {
    const told = set.laterality || set.series.laterality;
    if (told) return told;
    const text = textOf(set);
    return has(text, [' r ', 'right', ' rt', '右', ' rcc', ' rmlo']) ? 'R' : has(text, [' l ', 'left', ' lt', '左', ' lcc', ' lmlo']) ? 'L' : '';
}

/** What a study is, for the rules: counts of what can be shown. */
export function factsOf(study, sets) {
    const shown = sets.filter((set) => set.frames > 0);
    const of = (kind) => shown.filter((set) => kindOf(set) === kind);
    const planes = new Map();
    for (const set of of('stack')) planes.set(planeOf(set), (planes.get(planeOf(set)) ?? 0) + 1);
    const pictures = shown.reduce((sum, set) => sum + (kindOf(set) === 'picture' ? set.frames : 0), 0);
    return {
        modalities: [...new Set([...(study.modalities ?? []), ...shown.map((set) => set.series.modality)])],
        text: textOfStudy(study, shown),
        stacks: of('stack').length,
        pictures,
        clips: of('clip').length,
        phases: Math.max(0, ...planes.values()),
    };
}

function fits(rule, facts, prior) {
    const { modality, words, stacks, pictures, clips, phases, prior: wanted } = rule.fits;
    return (
        (!modality || modality.some((one) => facts.modalities.includes(one))) &&
        (!words || has(facts.text, words)) &&
        between(facts.stacks, stacks) &&
        between(facts.pictures, pictures) &&
        between(facts.clips, clips) &&
        between(facts.phases, phases) &&
        (wanted === undefined || wanted === prior)
    );
}

/** What a person's choice is kept by: modality and part of the body. */
export function choiceKey(study, sets) {
    const facts = factsOf(study, sets);
    const parts = { head: ['head', 'brain', '頭', '脳'], chest: ['chest', 'thorax', '胸', '肺'], abdomen: ['abdom', '腹'], spine: ['spine', '椎'], breast: ['breast', '乳'] };
    const part = Object.keys(parts).find((name) => has(facts.text, parts[name])) ?? '';
    return [facts.modalities.filter((one) => !['SR', 'KO', 'PR', 'DOC', 'OT'].includes(one)).sort().join('+'), part].filter(Boolean).join(' ');
}

/** The rule of a study: the person's choice (an id) where it names one, else the first that fits. prior: there is one to hang. */
export function chooseRule(study, sets, prior, chosen = null, rules = RULES) {
    const facts = factsOf(study, sets);
    const known = chosen && rules.find((rule) => rule.id === chosen);
    return known ?? rules.find((rule) => fits(rule, facts, prior)) ?? rules.at(-1);
}

/** Rules that could hang this study, the one that fits best first. */
export const rulesFor = (study, sets, prior, rules = RULES) => rules.filter((rule) => fits(rule, factsOf(study, sets), prior));

/** The earlier study to hang beside a study: the same kind of examination, of the same part where words tell, the newest; of whichever hospital. studies: as
 *  lists give them. null for none. */
export function choosePrior(study, studies) {
    const own = study.modalities ?? [];
    const text = plain([study.description, ...(study.series_list ?? []).map((series) => series.body_part)].join(' '));
    const when = (one) => `${one.date}${one.time}`;
    const candidates = studies.filter((one) => one.id !== study.id && one.frames > 0 && when(one) < when(study) && one.date && one.modalities.some((modality) => own.includes(modality)));
    const score = (one) => likeness(text, plain(one.description));
    return candidates.sort((a, b) => score(b) - score(a) || (when(a) < when(b) ? 1 : -1))[0] ?? null;
}

const PARTS = [
    ['head', 'brain', '頭', '脳'],
    ['neck', '頸部', '頚部'],
    ['chest', 'thorax', 'lung', '胸', '肺'],
    ['abdom', 'liver', 'pelvis', '腹', '肝', '骨盤'],
    ['spine', '椎'],
    ['knee', '膝'],
    ['breast', 'mammo', '乳'],
    ['heart', 'cardi', 'coron', '心'],
];

/** 1: a part of the body in common; -1: both tell, and nothing is; 0: one does not tell. */
function likeness(a, b) {
    const partsOf = (text) => PARTS.filter((words) => has(text, words));
    const [mine, other] = [partsOf(a), partsOf(b)];
    if (mine.length === 0 || other.length === 0) return 0;
    return mine.some((part) => other.includes(part)) ? 1 : -1;
}

function matches(tile, set) {
    const text = textOf(set);
    return (
        set.frames > 0 &&
        (!tile.modality || set.series.modality === tile.modality) &&
        (!tile.kind || kindOf(set) === tile.kind) &&
        (!tile.words || has(text, tile.words)) &&
        (!tile.without || !has(text, tile.without)) &&
        (!tile.plane || planeOf(set) === tile.plane) &&
        (!tile.laterality || sideOf(set) === tile.laterality) &&
        (!tile.view || viewOf(set) === tile.view)
    );
}

/** How well a set of a prior goes with what hangs beside it: plane, description, number of pictures. */
function near(set, beside) {
    if (!beside) return 0;
    const share = Math.min(set.frames, beside.frames) / Math.max(set.frames, beside.frames, 1);
    const words = new Set(textOf(beside).split(' ').filter((word) => word.length > 1));
    const common = textOf(set).split(' ').filter((word) => words.has(word)).length;
    return (planeOf(set) === planeOf(beside) ? 4 : 0) + (set.series.modality === beside.series.modality ? 2 : 0) + Math.min(3, common) + share;
}

const isScout = (set) => set.scout || has(textOf(set), ['scout', 'localizer', 'localiser', 'topogram', 'survey', '位置決']);

/** What hangs in the tiles of a rule: a set or null for each. current, priors: sets of the study and of the prior. */
export function hang(rule, current, prior = []) {
    const shown = new Set();
    const result = rule.tiles.map(() => null);
    const pick = (at, list) => {
        if (list.length === 0) return;
        result[at] = list[Math.min(rule.tiles[at].nth ?? 0, list.length - 1)];
        if ((rule.tiles[at].nth ?? 0) >= list.length) result[at] = null;
    };
    const order = (list) => [...list.filter((set) => !isScout(set)), ...list.filter(isScout)];
    rule.tiles.forEach((tile, at) => {
        if (tile.from !== 'current') return;
        const list = order(current.filter((set) => matches(tile, set) && (tile.nth || !shown.has(set))));
        pick(at, list);
        if (result[at]) shown.add(result[at]);
    });
    rule.tiles.forEach((tile, at) => {
        if (tile.from !== 'prior') return;
        const beside = result.find((set, n) => set && rule.tiles[n].from === 'current' && same(rule.tiles[n], tile)) ?? result[0];
        const list = order(prior.filter((set) => matches(tile, set)));
        pick(at, [...list].sort((a, b) => isScout(a) - isScout(b) || near(b, beside) - near(a, beside)));
    });
    if (!rule.own && rule.tiles.every((tile) => tile.optional)) result.sort((a, b) => Number(!a) - Number(!b));
    fillOptional(rule, result, order(current), shown);
    if (!result.some(Boolean)) result[0] = order(current.filter((set) => set.frames > 0))[0] ?? null;
    return result;
}

/** What goes into places that are free, when more has come: of what a rule hangs where (placed, null: the reader has chosen the tiles), else what is not on
 *  the screen yet. shown: keys of the tiles, null of a free one. An entry or null for each tile; one that shows something gets none. */
export function fill(shown, placed, current) {
    const taken = new Set(shown.filter(Boolean));
    const rest = current.filter((set) => set.frames > 0 && !isScout(set));
    return shown.map((key, at) => {
        if (key) return null;
        const next = placed ? placed[at] : rest.find((set) => !taken.has(set.key));
        if (!next || taken.has(next.key)) return null;
        taken.add(next.key);
        return next;
    });
}

const same = (a, b) => a.laterality === b.laterality && a.view === b.view && (a.nth ?? 0) === (b.nth ?? 0);

/** What a rule has no name for takes the places that may be anything. */
function fillOptional(rule, result, current, shown) {
    rule.tiles.forEach((tile, at) => {
        if (result[at] || !tile.optional) return;
        const next = current.find((set) => set.frames > 0 && !shown.has(set) && kindOf(set) !== 'single');
        if (!next) return;
        result[at] = next;
        shown.add(next);
    });
}
