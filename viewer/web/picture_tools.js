// picture_tools.js - a part of the viewer: the magnifier, and the picture as large as the patient.

import { CanvasDrawer } from './canvas_drawer.js';
import { numberField, openDialog } from './dialog.js';
import { make } from './dom.js';
import { loadWords, t } from './i18n.js';
import { keyFor } from './keymap.js';
import { Viewport } from './viewport.js';

const GLASS_PX = 220;
const GLASS_ZOOM = 2.5;
const CARD_MM = 85.6; // ISO/IEC 7810 ID-1
const STORE_KEY = 'kakehashi.pxPerMm'; // of this browser on this screen
const CARD_FIRST_PX = 324; // at 96 pixels an inch

const filterStub = { id: '', querySelectorAll: () => [] };

/** A layer: what lies under the pointer, larger, in the window of the picture. */
class Magnifier {
    constructor(tools, stage) {
        Object.assign(this, { tools, stage });
        this.canvas = make('canvas', { class: 'magnifier' });
        this.element = make('div', { class: 'magnifier-layer' }, this.canvas);
        this.drawer = new CanvasDrawer(this.canvas, filterStub);
        this.at = null;
        this.away = () => this.hide();
        stage.area.addEventListener('pointerleave', this.away);
        this.canvas.hidden = true;
    }

    show() {
        this.#draw();
    }

    hover(point) {
        this.at = point;
        this.#draw();
    }

    hide() {
        this.at = null;
        this.canvas.hidden = true;
    }

    close() {
        this.stage.area.removeEventListener('pointerleave', this.away);
    }

    #draw() {
        const { stage, at } = this;
        const { shown, viewport } = stage;
        const on = this.tools.magnifier && at && shown?.tiles && !stage.blanked;
        this.canvas.hidden = !on;
        if (!on) return;
        const glass = new Viewport();
        glass.setView(GLASS_PX, GLASS_PX);
        glass.setPicture(viewport.picture.width, viewport.picture.height);
        Object.assign(glass, { quarterTurns: viewport.quarterTurns, flipped: viewport.flipped });
        const middle = viewport.toPicture(at.x, at.y);
        glass.fitted = false;
        glass.scale = viewport.scale * GLASS_ZOOM;
        const { a, b, c, d } = glass.turn();
        const [px, py] = [(glass.picture.width / 2 - middle.x) * glass.scale, (glass.picture.height / 2 - middle.y) * glass.scale];
        glass.offset = { x: a * px + c * py, y: b * px + d * py };
        this.drawer.resize(GLASS_PX, GLASS_PX, devicePixelRatio);
        this.drawer.draw(shown.tiles, glass, stage.stack.pixelAspect(shown.index));
        const { style } = this.canvas;
        style.filter = stage.canvas.style.filter;
        style.transform = `translate(${at.x - GLASS_PX / 2}px, ${at.y - GLASS_PX / 2}px)`;
    }
}

/** CSS pixels, of the screen as it was measured; null when it was not. */
export function pixelsPerMm() {
    try {
        const value = Number(localStorage.getItem(STORE_KEY));
        return value > 0.5 && value < 50 ? value : null;
    } catch {
        return null;
    }
}

function keep(value) {
    try {
        localStorage.setItem(STORE_KEY, String(value));
    } catch {
        // It then lasts as long as the page.
    }
}

/** A card of known width is held against the screen. then(pixels per millimetre). */
function calibrate(then) {
    const known = pixelsPerMm();
    const card = make('div', { class: 'card-outline' });
    const width = numberField(t('tools.cardWidth'), known ? Math.round(known * CARD_MM) : CARD_FIRST_PX, { min: 100, max: 2000, step: 1, name: 'card' });
    const range = make('input', { type: 'range', min: '100', max: '1200', value: width.input.value, 'aria-label': t('tools.cardWidth') });
    const show = (from, to) => {
        to.value = from.value;
        card.style.width = `${from.value}px`;
        card.style.height = `${(Number(from.value) * 53.98) / CARD_MM}px`;
    };
    range.addEventListener('input', () => show(range, width.input));
    width.input.addEventListener('input', () => show(width.input, range));
    const done = () => {
        const value = width.value() / CARD_MM;
        keep(value);
        then(value);
        return true;
    };
    openDialog(t('tools.calibrate'), [make('p', {}, t('tools.cardText')), card, range, width.element], { yes: t('tools.save'), done });
    show(range, width.input);
}

class PictureTools {
    constructor(page) {
        this.page = page;
        this.magnifier = false;
        this.layers = [];
    }

    toggleMagnifier() {
        this.magnifier = !this.magnifier;
        for (const layer of this.layers) {
            if (this.magnifier) layer.show();
            else layer.hide();
        }
    }

    /** One millimetre of the patient on one of the screen; where the picture does not tell millimetres of the patient there is no true size. */
    trueSize() {
        const stage = this.page.stage;
        const millimetres = stage.stack.millimetres();
        if (!millimetres) return;
        const go = (perMm) => stage.zoomTo(perMm * millimetres.perUnit);
        const known = pixelsPerMm();
        if (known) go(known);
        else calibrate(go);
    }
}

export async function attach(page) {
    await loadWords('tools');
    const tools = new PictureTools(page);
    page.commands.add({
        magnifier: { run: () => tools.toggleMagnifier(), pressed: () => tools.magnifier },
        trueSize: { run: () => tools.trueSize(), enabled: () => page.isOpen && Boolean(page.stage.stack.millimetres()) },
        calibrate: { run: () => calibrate(() => {}), enabled: () => true },
    });
    page.eachStage((stage) => {
        const layer = new Magnifier(tools, stage);
        tools.layers.push(layer);
        stage.addLayer(layer);
    });
    const line = (action) => ({ label: t(`action.${action}`), action, key: keyFor(action), disabled: !page.commands.enabled(action), run: () => page.commands.run(action) });
    const sizes = { menu: 'trueSize', items: () => ['trueSize', 'calibrate'].map(line) };
    page.toolbar.add({ name: 'glass', keep: 3, items: ['magnifier', sizes] }, 'sizes');
    return { blank: (on) => on && tools.layers.forEach((layer) => layer.hide()) };
}
