// slice_slider.js - the vertical bar beside a stack: where the reader is, which slices are here already, and a handle to drag.

import { make } from './dom.js';
import { t } from './i18n.js';

const HANDLE_PX = 28;
const EDGE_PX = 10;

export class SliceSlider {
    /** onMove(index) is called while the handle is dragged or the bar is pressed. */
    constructor(onMove) {
        this.onMove = onMove;
        this.size = 0;
        this.index = 0;
        this.canvas = make('canvas', { class: 'marks' });
        this.handle = make('div', { class: 'handle' });
        this.element = make(
            'div',
            { class: 'slider', role: 'slider', tabindex: '0', 'aria-orientation': 'vertical', 'aria-valuemin': '1' },
            this.canvas,
            this.handle,
        );
        this.#listen();
        new ResizeObserver(() => this.#layout()).observe(this.element);
    }

    /** size slices, at index; isLoaded(index) tells which have a picture. */
    show(size, index, isLoaded) {
        this.size = size;
        this.index = index;
        this.isLoaded = isLoaded;
        this.element.hidden = size < 2;
        this.element.setAttribute('aria-valuemax', String(size));
        this.element.setAttribute('aria-valuenow', String(index + 1));
        this.element.setAttribute('aria-valuetext', t('overlay.image', { n: index + 1, all: size }));
        this.element.setAttribute('aria-label', t('viewer.slices'));
        this.#place();
        this.#askMarks();
    }

    #layout() {
        const box = this.element.getBoundingClientRect();
        this.height = box.height;
        this.canvas.width = 6;
        this.canvas.height = Math.max(1, Math.round(this.height - 2 * EDGE_PX));
        this.#place();
        this.#drawMarks();
    }

    #place() {
        if (!this.height || this.size < 2) return;
        const travel = this.height - 2 * EDGE_PX - HANDLE_PX;
        this.handle.style.transform = `translateY(${EDGE_PX + (travel * this.index) / (this.size - 1)}px)`;
    }

    #askMarks() {
        if (this.asked) return;
        this.asked = true;
        requestAnimationFrame(() => {
            this.asked = false;
            this.#drawMarks();
        });
    }

    #drawMarks() {
        const context = this.canvas.getContext('2d');
        const { width, height } = this.canvas;
        context.clearRect(0, 0, width, height);
        if (!this.size || !this.isLoaded) return;
        context.fillStyle = '#4f7d97';
        for (let index = 0; index < this.size; index++) {
            if (!this.isLoaded(index)) continue;
            const top = Math.floor((index * height) / this.size);
            context.fillRect(0, top, width, Math.max(1, Math.ceil(((index + 1) * height) / this.size) - top));
        }
    }

    #listen() {
        const move = (event) => {
            const box = this.element.getBoundingClientRect();
            const travel = box.height - 2 * EDGE_PX - HANDLE_PX;
            const share = (event.clientY - box.top - EDGE_PX - HANDLE_PX / 2) / Math.max(1, travel);
            this.onMove(Math.round(Math.min(1, Math.max(0, share)) * (this.size - 1)));
        };
        this.element.addEventListener('pointerdown', (event) => {
            if (event.button !== 0) return;
            this.element.setPointerCapture(event.pointerId);
            move(event);
        });
        this.element.addEventListener('pointermove', (event) => {
            if (this.element.hasPointerCapture(event.pointerId)) move(event);
        });
    }
}
