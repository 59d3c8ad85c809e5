// layer.js - what a presentation state draws on one picture area, and the line that tells that one is applied, and whose it is.

import { icon, make, setText } from '../dom.js';
import { t } from '../i18n.js';
import { setAll, svg } from '../marks/svg.js';
import { titleOf } from './dialog.js';
import { combine, displayMatrix, frameMatrix, through } from './place.js';
import { drawnOn, pathOf } from './shapes.js';

const LINE_PX = 16;
const BESIDE_PX = 6; // a text without a box stands so far from its anchor
const ANCHORS = { left: 'start', center: 'middle', right: 'end' };

/** Texts stand upright at their place; shapes are moved with the picture by one matrix. */
export class StateLayer {
    #key = '';
    #texts = [];

    constructor(stage, leave) {
        this.stage = stage;
        this.shapes = { pixel: svg('g'), display: svg('g') };
        this.words = svg('g');
        this.svg = svg('svg', { class: 'state-drawing', 'aria-hidden': 'true' });
        this.title = make('span');
        this.off = make('button', { type: 'button', class: 'state-off', onclick: leave }, icon('close', 'icon small'));
        this.chip = make('div', { class: 'state-chip', role: 'status', hidden: true }, icon('states', 'icon small'), this.title, this.off);
        for (const type of ['pointerdown', 'click', 'dblclick']) this.chip.addEventListener(type, (event) => event.stopPropagation());
        this.element = make('div', { class: 'state-layer' }, this.svg, this.chip);
    }

    show({ stack, shown, viewport }) {
        const { applied } = this.stage;
        this.chip.hidden = !applied;
        if (applied) this.#tell(applied);
        const here = applied && shown && !shown.problem ? applied.on(shown.index) : null;
        this.svg.style.display = here ? '' : 'none';
        if (!here) return;
        const slice = stack.slice(shown.index);
        const object = stack.object(shown.index);
        const key = `${applied.state.id} ${object.id}-${slice.frame}`;
        if (key !== this.#key) this.#make(drawnOn(applied.state, object.id, slice.frame));
        this.#key = key;
        this.#place(frameMatrix(viewport, stack.pixelAspect(shown.index)), displayMatrix(applied.state, here.area, object));
    }

    #tell(applied) {
        const { creator, facility } = applied.state;
        const title = [titleOf(applied.state), creator || facility].filter(Boolean).join(' · ');
        const words = applied.on() ? title : t('states.notHere', { title });
        setText(this.title, words);
        this.chip.title = words;
        this.off.setAttribute('aria-label', t('states.leave'));
        this.off.title = t('states.leave');
    }

    #make(parts) {
        this.#texts = [];
        const groups = parts.map(({ layer, shapes }) => {
            const group = svg('g', { class: 'state-ink', 'data-layer': layer.name });
            if (layer.rgb) group.style.color = `rgb(${layer.rgb.join(', ')})`;
            for (const shape of shapes) group.append(shape.type === 'text' ? this.#text(shape) : this.#shape(shape));
            return group;
        });
        this.svg.replaceChildren(...groups);
    }

    #shape(shape) {
        const seam = svg('path', { class: 'state-seam', d: pathOf(shape), 'data-units': shape.units });
        const path = svg('path', { class: `state-line ${shape.type}`, d: pathOf(shape), 'data-units': shape.units });
        if (shape.filled && shape.type !== 'point') path.classList.add('filled');
        return svg('g', {}, seam, path);
    }

    #text(shape) {
        const text = svg('text', { class: 'state-text' });
        const lines = shape.text.split('\n').map((line) => svg('tspan', {}, line));
        const leader = shape.anchor_visible && shape.box ? svg('path', { class: 'state-line' }) : null;
        text.append(...lines);
        this.#texts.push({ shape, text, lines, leader });
        return leader ? svg('g', {}, leader, text) : text;
    }

    /** pixel: frame places to the view; display: those of the displayed area to frame places. */
    #place(pixel, display) {
        const matrices = { pixel, display: combine(pixel, display) };
        for (const path of this.svg.querySelectorAll('path[data-units]')) setAll(path, { transform: `matrix(${matrices[path.dataset.units].join(' ')})` });
        for (const one of this.#texts) this.#placeText(one, matrices);
    }

    #placeText(one, matrices) {
        const { shape, text, lines, leader } = one;
        const box = shape.box?.map((corner) => through(matrices[shape.box_units], corner));
        const anchor = shape.anchor && through(matrices[shape.anchor_units], shape.anchor);
        const align = box ? shape.align : 'left';
        const [left, right] = box ? [box[0][0], box[1][0]].sort((a, b) => a - b) : [anchor[0] + BESIDE_PX, 0];
        const top = box ? Math.min(box[0][1], box[1][1]) : anchor[1] - LINE_PX - BESIDE_PX;
        const x = { left, center: (left + right) / 2, right }[align];
        setAll(text, { 'text-anchor': ANCHORS[align] });
        lines.forEach((line, index) => setAll(line, { x: Math.round(x), y: Math.round(top + (index + 0.8) * LINE_PX) }));
        if (!leader) return;
        one.width ??= text.getBBox().width; // it stays
        const begin = x - { left: 0, center: 0.5, right: 1 }[align] * one.width;
        const near = [Math.min(begin + one.width, Math.max(begin, anchor[0])), Math.min(top + lines.length * LINE_PX, Math.max(top, anchor[1]))];
        setAll(leader, { d: `M${anchor.map(Math.round).join(' ')}L${near.map(Math.round).join(' ')}` });
    }
}
