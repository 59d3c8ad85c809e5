// own_hanging.js - a hanging that a person has made: of what is on the screen, kept as data, and found again in another study of its kind, whatever its
// series are called there. Pure.

import { kindOf, planeOf, sideOf, textOf, viewOf } from './hanging.js';

const WORDS_MAX = 12; // of a description
const WORD_CHARS_MAX = 32;
const TILES_MAX = 9;
const PLANE_WEIGHT = 4;
const WORDS_WEIGHT = 3;

const wordsOf = (set) => [...new Set(textOf(set).split(' ').filter(Boolean))].slice(0, WORDS_MAX).map((word) => word.slice(0, WORD_CHARS_MAX));

/** {grid, tiles} of what hangs: entries as hanging.js matches them, null for an empty tile; isPrior(set). */
export function ownHanging(rows, columns, sets, isPrior) {
    const tiles = sets.map(
        (set) =>
            set && {
                from: isPrior(set) ? 'prior' : 'current',
                modality: set.series.modality,
                kind: kindOf(set),
                plane: planeOf(set),
                laterality: sideOf(set),
                view: viewOf(set),
                words: wordsOf(set),
            },
    );
    return { grid: [rows, columns], tiles };
}

const isText = (value) => typeof value === 'string' && value.length <= WORD_CHARS_MAX;

function readTile(tile) {
    if (!tile || !['current', 'prior'].includes(tile.from)) return null;
    const text = (name) => (isText(tile[name]) ? tile[name] : '');
    const words = Array.isArray(tile.words) ? tile.words.filter(isText).slice(0, WORDS_MAX) : [];
    return { from: tile.from, modality: text('modality'), kind: text('kind'), plane: text('plane'), laterality: text('laterality'), view: text('view'), words };
}

/** [rows, columns] within 3 x 3, null when it is no such thing. */
export function readGrid(value) {
    const [rows, columns] = Array.isArray(value) ? value : [];
    return [1, 2, 3].includes(rows) && [1, 2, 3].includes(columns) ? [rows, columns] : null;
}

/** What was kept, as far as it is such a thing; null when it is none. */
export function readHanging(value) {
    const grid = readGrid(value?.grid);
    if (!grid || !Array.isArray(value.tiles)) return null;
    const tiles = value.tiles.slice(0, Math.min(TILES_MAX, grid[0] * grid[1])).map(readTile);
    return tiles.some(Boolean) ? { grid, tiles } : null;
}

export const needsPrior = ({ tiles }) => tiles.some((tile) => tile?.from === 'prior');

/** How well a set goes into a place; 0 where it cannot. */
function likeness(tile, set) {
    if (set.frames === 0 || set.series.modality !== tile.modality || kindOf(set) !== tile.kind) return 0;
    const [side, view] = [sideOf(set), viewOf(set)];
    if ((tile.laterality && side && tile.laterality !== side) || (tile.view && view && tile.view !== view)) return 0;
    const words = wordsOf(set);
    const common = words.filter((word) => tile.words.includes(word)).length;
    const all = new Set([...words, ...tile.words]).size;
    return 1 + (tile.plane && planeOf(set) === tile.plane ? PLANE_WEIGHT : 0) + (all > 0 ? (WORDS_WEIGHT * common) / all : 0);
}

/** What hangs where: an entry or null for each tile. The best pair of place and set first, so that no place takes what another one is made for; a place that
 *  finds nothing alike takes what is left of its kind. */
export function hangOwn({ tiles }, current, prior = []) {
    const result = tiles.map(() => null);
    const pairs = tiles.flatMap((tile, at) =>
        (tile?.from === 'prior' ? prior : tile ? current : []).map((set, order) => ({ at, set, order, score: likeness(tile, set) })),
    );
    const taken = new Set();
    for (const { at, set } of pairs.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || a.at - b.at || a.order - b.order)) {
        if (result[at] || taken.has(set)) continue;
        result[at] = set;
        taken.add(set);
    }
    return result;
}
