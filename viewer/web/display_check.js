// display_check.js - is this screen fit for looking at pictures? A pattern, pixel for pixel, what to look for in it, and what the answers mean.
// A browser neither reads nor sets the light of a screen: that is said.

import { evenPattern, qualityPattern } from './display_pattern.js';
import { icon, make } from './dom.js';
import * as format from './format.js';
import { language, t } from './i18n.js';

const KEPT = 'kakehashi.display'; // {at, good}: the last check of this screen
const CHECKS = ['extremes', 'steps', 'corners', 'lines', 'letters', 'even', 'reflections'];
const PATTERNS = ['quality', 'black', 'grey', 'white'];
const GREYS = { black: 13, grey: 128, white: 242 };
const DAILY_MS = 24 * 3600 * 1000;

function lastCheck() {
    try {
        const kept = JSON.parse(localStorage.getItem(KEPT));
        return Number.isFinite(kept?.at) ? { at: kept.at, good: kept.good === true } : null;
    } catch {
        return null;
    }
}

/** Pixels of the screen, drawn one to one. */
function draw(canvas, pattern) {
    const context = canvas.getContext('2d');
    const paint = (grey) => (context.fillStyle = `rgb(${grey} ${grey} ${grey})`);
    for (const { x, y, width, height, grey } of pattern.shapes) {
        paint(grey);
        context.fillRect(x, y, width, height);
    }
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { letter, x, y, size, grey } of pattern.words) {
        paint(grey);
        context.font = `600 ${size}px sans-serif`;
        context.fillText(letter, x, y);
    }
}

export class DisplayPage {
    constructor(root) {
        this.person = make('h1', { class: 'page-title' });
        this.answers = new Map();
        this.pattern = 'quality';
        this.canvas = make('canvas', { class: 'display-pattern', role: 'img' });
        this.board = make('div', { class: 'display-board', tabindex: '0' }, this.canvas);
        this.panel = make('section', { class: 'display-panel' });
        this.element = make('main', { class: 'display' }, this.board, this.panel);
        root.replaceChildren(this.element);
        this.observer = new ResizeObserver(() => this.#draw());
        this.observer.observe(this.board);
        this.onKey = (event) => this.#key(event);
        document.addEventListener('keydown', this.onKey);
        this.translate();
    }

    close() {
        this.observer.disconnect();
        document.removeEventListener('keydown', this.onKey);
    }

    /** Nothing of anybody is shown here. */
    blank() {}

    translate() {
        this.person.textContent = t('display.title');
        document.title = `${t('display.title')}  ${t('app.name')}`;
        this.#show();
        this.#draw();
    }

    #key(event) {
        if (event.target.closest?.('input, select, textarea, dialog')) return;
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        this.#turn(PATTERNS[(PATTERNS.indexOf(this.pattern) + step + PATTERNS.length) % PATTERNS.length]);
    }

    #turn(pattern) {
        this.pattern = pattern;
        this.#show();
        this.#draw();
    }

    /** On whole pixels of the screen: a scaled pattern would say nothing about lines. */
    #draw() {
        const ratio = devicePixelRatio;
        const { clientWidth, clientHeight } = this.board;
        if (clientWidth === 0 || clientHeight === 0) return;
        const even = this.pattern !== 'quality';
        const side = Math.floor(Math.min(clientWidth, clientHeight) * ratio);
        const [width, height] = even ? [Math.floor(clientWidth * ratio), Math.floor(clientHeight * ratio)] : [side, side];
        this.canvas.width = width;
        this.canvas.height = height;
        this.canvas.style.width = `${width / ratio}px`;
        this.canvas.style.height = `${height / ratio}px`;
        this.canvas.setAttribute('aria-label', t(`display.pattern.${this.pattern}`));
        draw(this.canvas, even ? evenPattern(width, height, GREYS[this.pattern]) : qualityPattern(side));
    }

    // ---- the panel

    #show() {
        this.panel.replaceChildren(
            make('p', { class: 'soft' }, t('display.how')),
            this.#patterns(),
            ...this.#checks(),
            this.#verdict(),
            this.#facts(),
            this.#grades(),
        );
    }

    #patterns() {
        const choose = (name) =>
            make(
                'button',
                { type: 'button', class: 'button', dataset: { pattern: name }, 'aria-pressed': String(name === this.pattern), onclick: () => this.#turn(name) },
                t(`display.pattern.${name}`),
            );
        const full = make(
            'button',
            { type: 'button', class: 'button', onclick: () => this.board.requestFullscreen?.().catch(() => {}) },
            icon('fullScreen', 'icon small'),
            t('action.fullScreen'),
        );
        return make('div', { class: 'display-patterns', role: 'group', 'aria-label': t('display.patterns') }, PATTERNS.map(choose), full);
    }

    #checks() {
        return CHECKS.map((name) => {
            const choice = (value) => {
                const input = make('input', {
                    type: 'radio',
                    name: `check-${name}`,
                    value,
                    checked: this.answers.get(name) === value,
                    onchange: () => this.#answer(name, value),
                });
                return make('label', {}, input, t(`display.${value}`));
            };
            return make('fieldset', { class: 'display-check', dataset: { check: name } }, make('legend', {}, t(`display.check.${name}`)), choice('yes'), choice('no'));
        });
    }

    #answer(name, value) {
        this.answers.set(name, value);
        if (this.answers.size === CHECKS.length) this.#keep();
        this.panel.querySelector('.display-verdict').replaceWith(this.#verdict());
    }

    #keep() {
        try {
            localStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), good: this.#good() }));
        } catch {
            // Then the next visit does not know of this one.
        }
    }

    #good() {
        return [...this.answers.values()].every((value) => value === 'yes');
    }

    #verdict() {
        const done = this.answers.size === CHECKS.length;
        const failed = CHECKS.filter((name) => this.answers.get(name) === 'no');
        const last = lastCheck();
        const lines = failed.map((name) => make('li', {}, t(`display.advice.${name}`)));
        const word = done ? (this.#good() ? 'good' : 'bad') : 'open';
        const parts = [make('strong', {}, t(`display.verdict.${word}`, { n: CHECKS.length - this.answers.size }))];
        if (lines.length > 0) parts.push(make('ul', {}, lines));
        if (!done && last) {
            const old = Date.now() - last.at > DAILY_MS ? t('display.again') : '';
            parts.push(make('p', {}, t(last.good ? 'display.lastGood' : 'display.lastBad', { when: format.localTime(last.at, language()) }), ' ', old));
        }
        return make('div', { class: `display-verdict ${word}`, role: 'status' }, parts);
    }

    #facts() {
        const ratio = devicePixelRatio;
        const [width, height] = [Math.round(screen.width * ratio), Math.round(screen.height * ratio)];
        const row = (label, value) => make('div', {}, make('dt', {}, label), make('dd', {}, value));
        const zoom = Number.isInteger(ratio) ? String(ratio) : `${format.number(ratio, 2)}  ${t('display.zoomed')}`;
        return make(
            'dl',
            { class: 'display-facts' },
            row(t('display.size'), `${width} × ${height}`),
            row(t('display.ratio'), zoom),
            row(t('display.depth'), t('display.bits', { n: screen.colorDepth })),
        );
    }

    /** JESRA X-0093 */
    #grades() {
        const row = (...cells) => make('tr', {}, cells.map((cell) => make('td', {}, cell)));
        const head = ['grade', 'light', 'ratioOf', 'contrast'].map((name) => make('th', { scope: 'col' }, t(`display.${name}`)));
        return make(
            'details',
            { class: 'display-grades' },
            make('summary', {}, t('display.grades')),
            make('table', {}, make('thead', {}, make('tr', {}, head)), make('tbody', {}, row('1A', '≥ 350', '≥ 250', '± 10 %'), row('1B', '≥ 170', '≥ 250', '± 15 %'), row('2', '≥ 100', '≥ 100', '± 30 %'))),
            make('p', {}, t('display.cannot')),
        );
    }
}
