// tile_source.js - the tiles that make up a slice's picture: levels, columns, rows and their addresses. Pure.

import { tileUrl } from './api.js';

const LEVEL_TOLERANCE = 0.02; // a level may be enlarged by this much before the finer one is asked for

/** Pixels of a picture's side at a level. */
export const levelSize = (size, level) => Math.ceil(size / 2 ** level);

/** The smallest level whose whole picture fits one tile: smaller ones are not made. */
export function topLevel(columns, rows, tileSize) {
    let level = 0;
    while (Math.max(levelSize(columns, level), levelSize(rows, level)) > tileSize) level++;
    return level;
}

/** The coarsest level that still has a picture pixel for every pixel of the screen. deviceScale: screen pixels per picture pixel. */
export function levelFor(deviceScale, columns, rows, tileSize) {
    const wanted = Math.floor(Math.log2((1 + LEVEL_TOLERANCE) / deviceScale));
    return Math.min(topLevel(columns, rows, tileSize), Math.max(0, wanted));
}

/** One way to show a slice: which object and frame, at which level, with which window (null: the file's) and quality; look: as of tileUrl(). */
export class Rendition {
    constructor(manifest, sliceIndex, level, window, quality, look = '') {
        const slice = manifest.slices[sliceIndex];
        const object = manifest.objects[slice.object];
        this.series = manifest.series;
        this.object = object.id;
        this.frame = slice.frame;
        this.columns = object.columns;
        this.rows = object.rows;
        this.tileSize = manifest.tile_size;
        this.level = level;
        this.window = window;
        this.quality = quality;
        this.look = look;
        this.sliceKey = `${object.id}-${slice.frame}`;
        this.lookKey = this.sliceKey + look; // what has a window of its own
        this.key = this.#url(0, 0);
    }

    #url(column, row) {
        return tileUrl(this.series, this.object, this.frame, this.level, column, row, this.window, this.quality, this.look);
    }

    /** The tiles that touch a part of the picture, {left, top, right, bottom} in full-size pixels; all of them without one.
     *  Each is {url, left, top, right, bottom}, its place in full-size pixels. */
    tiles(part = { left: 0, top: 0, right: this.columns, bottom: this.rows }) {
        const step = this.tileSize * 2 ** this.level; // full-size pixels a tile spans
        const last = (size) => Math.max(0, Math.ceil(size / step) - 1);
        const range = (low, high, size) => [
            Math.min(last(size), Math.max(0, Math.floor(low / step))),
            Math.min(last(size), Math.max(0, Math.ceil(high / step) - 1)),
        ];
        const [firstColumn, lastColumn] = range(part.left, part.right, this.columns);
        const [firstRow, lastRow] = range(part.top, part.bottom, this.rows);
        const list = [];
        for (let row = firstRow; row <= lastRow; row++) {
            for (let column = firstColumn; column <= lastColumn; column++) {
                list.push({
                    url: this.#url(column, row),
                    left: column * step,
                    top: row * step,
                    right: Math.min(this.columns, (column + 1) * step),
                    bottom: Math.min(this.rows, (row + 1) * step),
                });
            }
        }
        return list;
    }
}
