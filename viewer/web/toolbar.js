// toolbar.js - the viewer's buttons. Each tells its name and key; the state of the picture is shown on them.

import { icon, make } from './dom.js';
import * as format from './format.js';
import { t } from './i18n.js';
import { keyFor } from './keymap.js';

const TOOLS = ['scroll', 'window', 'zoom', 'pan'];
const GROUPS = [
    ['invert'],
    ['fit', 'oneToOne', 'zoomOut', 'zoomIn'],
    ['rotate', 'flipHorizontal', 'flipVertical'],
    ['reset'],
    ['text', 'fullScreen', 'help'],
];

const ALWAYS = ['fullScreen', 'help'];

const label = (action) => {
    const key = keyFor(action);
    return key ? `${t(`action.${action}`)}  (${key})` : t(`action.${action}`);
};

export class Toolbar {
    /** run(action, argument) does what a button says; presets() lists the windows for the picture on the screen. */
    constructor({ run, presets }) {
        this.run = run;
        this.presets = presets;
        this.buttons = new Map();
        this.menu = make('div', { class: 'menu', role: 'menu', hidden: true });
        this.menuButton = make('button', {
            type: 'button',
            class: 'tool wide',
            'aria-haspopup': 'menu',
            'aria-expanded': 'false',
            onclick: () => this.#toggleMenu(),
        });
        const tools = make(
            'div',
            { class: 'tools', role: 'radiogroup' },
            TOOLS.map((name) => this.#tool(name)),
        );
        const groups = GROUPS.map((group) =>
            make(
                'div',
                { class: 'tools' },
                group.map((action) => this.#button(action)),
            ),
        );
        this.element = make(
            'div',
            { class: 'toolbar', role: 'toolbar' },
            tools,
            make('div', { class: 'tools preset' }, this.menuButton, this.menu),
            groups,
        );
        this.onOutside = (event) => {
            if (!this.menu.hidden && !event.target.closest?.('.preset')) this.#closeMenu();
        };
        document.addEventListener('pointerdown', this.onOutside);
        this.menu.addEventListener('keydown', (event) => this.#menuKey(event));
        this.translate();
    }

    close() {
        document.removeEventListener('pointerdown', this.onOutside);
    }

    #tool(name) {
        const action = `tool.${name}`;
        const button = this.#button(action, name);
        button.setAttribute('role', 'radio');
        return button;
    }

    #button(action, picture = action) {
        const button = make(
            'button',
            { type: 'button', class: 'tool', dataset: { action }, onclick: () => this.run(action) },
            icon(picture),
        );
        this.buttons.set(action, button);
        return button;
    }

    translate() {
        this.element.setAttribute('aria-label', t('viewer.tools'));
        for (const [action, button] of this.buttons) {
            button.dataset.tip = label(action);
            button.setAttribute('aria-label', t(`action.${action}`));
        }
        this.menuButton.replaceChildren(
            icon('presets'),
            make('span', {}, t('action.presets')),
            icon('down', 'icon small'),
        );
        this.menuButton.setAttribute('aria-label', t('action.presets'));
        this.menuButton.dataset.tip = `${t('action.presets')}  (0–9)`;
        this.#closeMenu();
    }

    /** open: there is something to work on; tool: the current one; invert, text: whether on; colour: the picture has no window. */
    show({ open, tool, invert, text, colour }) {
        for (const [action, button] of this.buttons) button.disabled = !open && !ALWAYS.includes(action);
        for (const name of TOOLS) this.buttons.get(`tool.${name}`).setAttribute('aria-checked', String(name === tool));
        this.buttons.get('invert').setAttribute('aria-pressed', String(invert));
        this.buttons.get('text').setAttribute('aria-pressed', String(text));
        this.buttons.get('tool.window').disabled = !open || colour;
        this.menuButton.disabled = !open || colour;
    }

    #toggleMenu() {
        if (!this.menu.hidden) {
            this.#closeMenu();
            return;
        }
        this.menu.replaceChildren(...this.presets().map((preset) => this.#menuItem(preset)));
        this.menu.hidden = false;
        this.menuButton.setAttribute('aria-expanded', 'true');
        this.menu.firstElementChild?.focus();
    }

    #menuItem(preset) {
        const values = preset.window
            ? `${format.number(preset.window.center)} / ${format.number(preset.window.width)}`
            : '';
        const name = preset.text ? `${t(preset.name)}: ${preset.text}` : t(preset.name);
        const choose = () => {
            this.#closeMenu();
            this.run('setWindow', preset.window);
        };
        return make(
            'button',
            { type: 'button', role: 'menuitem', class: 'menu-item', onclick: choose },
            make('span', {}, name),
            make('span', { class: 'values' }, values),
            make('kbd', {}, preset.key),
        );
    }

    #closeMenu() {
        this.menu.hidden = true;
        this.menuButton.setAttribute('aria-expanded', 'false');
    }

    #menuKey(event) {
        const items = [...this.menu.children];
        const at = items.indexOf(document.activeElement);
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === 'Escape') {
            this.#closeMenu();
            this.menuButton.focus();
        } else if (step) items[(at + step + items.length) % items.length].focus();
        else return;
        event.preventDefault();
        event.stopPropagation();
    }
}
