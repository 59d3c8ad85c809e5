// grid.js - one to nine picture areas beside each other; one of them is the active one, to which keys and buttons go.

import { icon, make, setText } from './dom.js';
import { t } from './i18n.js';

export const GRID_MAX = 3; // rows, and columns

const inside = (value) => Math.min(GRID_MAX, Math.max(1, Math.round(value) || 1));

/** A place for a picture area. What it shows is told by the page: {study, series, set, prior}. */
class Tile {
    constructor(grid) {
        this.grid = grid;
        this.stage = null;
        this.shows = null;
        this.name = make('span', { class: 'tile-name' });
        this.link = make('span', { class: 'tile-link' });
        this.head = make('div', { class: 'tile-head' }, this.name, this.link);
        this.hint = make('div', { class: 'tile-hint' }, icon('layout', 'icon large'), make('span'));
        this.element = make('div', { class: 'tile' }, this.hint, this.head);
        const active = () => grid.activate(this);
        this.element.addEventListener('pointerdown', active, { capture: true });
        this.element.addEventListener('focusin', active);
        this.element.addEventListener('wheel', active, { capture: true, passive: true });
        this.element.addEventListener('dblclick', (event) => {
            if (event.target.closest('.picture-area') && !event.defaultPrevented) grid.maximise(this);
        });
        this.translate();
    }

    /** The picture area of this tile, made when it is first needed. */
    open() {
        if (!this.stage) {
            this.stage = this.grid.makeStage(this);
            this.element.append(this.stage.element);
            this.hint.hidden = true;
        }
        return this.stage;
    }

    /** Nothing is shown here any more. */
    clear() {
        this.opening?.abort();
        this.stage?.shut();
        this.stage = null;
        this.shows = null;
        this.setHead('');
        this.setLink('');
        this.hint.hidden = false;
    }

    /** What is said above the picture: of a prior, how old it is. */
    setHead(name) {
        setText(this.name, name);
        this.name.title = name; // where there is no room for it
    }

    /** How it follows the others. */
    setLink(text) {
        setText(this.link, text);
    }

    translate() {
        setText(this.hint.lastElementChild, t('grid.empty'));
    }
}

export class Grid {
    /** makeStage(tile) gives a tile its picture area; onActive() when another tile is the active one; onLayout() when the number of tiles or the
     *  maximised one has changed. */
    constructor({ makeStage, onActive, onLayout }) {
        Object.assign(this, { makeStage, onActive, onLayout });
        this.tiles = [];
        this.maximised = null;
        this.element = make('div', { class: 'grid' });
        this.set(1, 1);
    }

    get stages() {
        return this.tiles.map((tile) => tile.stage).filter(Boolean);
    }

    /** So many rows and columns; tiles that are too many are closed, the others keep their pictures. */
    set(rows, columns) {
        this.rows = inside(rows);
        this.columns = inside(columns);
        this.maximised = null;
        const count = this.rows * this.columns;
        for (const tile of this.tiles.splice(count)) {
            tile.clear();
            tile.element.remove();
        }
        while (this.tiles.length < count) {
            const tile = new Tile(this);
            this.tiles.push(tile);
            this.element.append(tile.element);
        }
        if (!this.tiles.includes(this.active)) this.active = this.tiles[0];
        this.#arrange();
    }

    activate(tile) {
        if (this.active === tile) return;
        this.active = tile;
        this.#mark();
        tile.stage?.share.first();
        this.onActive();
    }

    /** One tile over all the others, or, again, as it was. */
    maximise(tile = this.active) {
        if (this.tiles.length === 1) return;
        this.maximised = this.maximised ? null : tile;
        this.activate(tile);
        this.#arrange();
    }

    /** The tile at a place of the screen; null for none. */
    tileAt(x, y) {
        const found = document.elementFromPoint(x, y)?.closest('.tile');
        return this.tiles.find((tile) => tile.element === found) ?? null;
    }

    /** Show which tile would take what is dragged. */
    target(tile) {
        for (const one of this.tiles) one.element.classList.toggle('target', one === tile);
    }

    close() {
        for (const tile of this.tiles) {
            tile.opening?.abort();
            tile.stage?.close();
        }
    }

    clear() {
        for (const tile of this.tiles) tile.clear();
    }

    translate() {
        for (const tile of this.tiles) tile.translate();
    }

    #arrange() {
        const one = this.maximised !== null;
        const { style } = this.element;
        style.gridTemplateRows = `repeat(${one ? 1 : this.rows}, minmax(0, 1fr))`;
        style.gridTemplateColumns = `repeat(${one ? 1 : this.columns}, minmax(0, 1fr))`;
        this.element.dataset.layout = one ? 'maximised' : `${this.rows}x${this.columns}`;
        for (const tile of this.tiles) tile.element.hidden = one && tile !== this.maximised;
        this.#mark();
        this.onLayout?.();
    }

    #mark() {
        this.element.classList.toggle('many', this.tiles.length > 1 && !this.maximised);
        for (const tile of this.tiles) tile.element.classList.toggle('active', tile === this.active);
    }
}
