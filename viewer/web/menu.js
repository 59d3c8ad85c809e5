// menu.js - a menu under a button: reached by mouse, finger and keys, closed by Escape or a press elsewhere, never past the window's edge.

import { icon, make } from './dom.js';

const EDGE_PX = 8;

function itemElement(item, close) {
    if (item.element) return item.element;
    if (item.title) return make('div', { class: 'menu-title', role: 'presentation' }, item.title);
    const role = item.checked === undefined ? 'menuitem' : item.radio ? 'menuitemradio' : 'menuitemcheckbox';
    const choose = () => {
        if (!item.stays) close();
        item.run();
    };
    return make(
        'button',
        {
            type: 'button',
            role,
            class: 'menu-item',
            disabled: item.disabled,
            dataset: item.action ? { action: item.action } : {},
            'aria-checked': item.checked === undefined ? null : String(item.checked),
            onclick: choose,
        },
        item.icon ? icon(item.icon) : item.checked === undefined ? null : icon('check', item.checked ? 'icon small' : 'icon small unchecked'),
        make('span', { class: 'menu-label' }, item.label),
        item.values ? make('span', { class: 'values' }, item.values) : null,
        item.key ? make('kbd', {}, item.key) : null,
    );
}

export class Menu {
    /** button opens it; items() gives [{label, run, values?, key?, icon?, checked?, radio?, stays?, disabled?, action?}], a {title}, or an {element}
     *  that does what it does itself. The menu's element is put beside the button by the caller. */
    constructor(button, items) {
        Object.assign(this, { button, items });
        this.element = make('div', { class: 'menu', role: 'menu', hidden: true });
        button.setAttribute('aria-haspopup', 'menu');
        button.setAttribute('aria-expanded', 'false');
        button.addEventListener('click', () => (this.element.hidden ? this.open() : this.close()));
        this.element.addEventListener('keydown', (event) => this.#key(event));
        this.outside = (event) => {
            if (!this.element.contains(event.target) && !button.contains(event.target)) this.close();
        };
    }

    open() {
        this.fill(this.items());
        this.element.hidden = false;
        this.button.setAttribute('aria-expanded', 'true');
        document.addEventListener('pointerdown', this.outside, true);
        this.#place();
        this.#stops()[0]?.focus();
    }

    /** Other items in the menu that is open. */
    fill(items) {
        this.element.replaceChildren(...items.map((item) => itemElement(item, () => this.close())));
    }

    close() {
        if (this.element.hidden) return;
        this.element.hidden = true;
        this.button.setAttribute('aria-expanded', 'false');
        document.removeEventListener('pointerdown', this.outside, true);
    }

    #place() {
        this.element.style.left = '0';
        const box = this.element.getBoundingClientRect();
        const over = box.right + EDGE_PX - document.documentElement.clientWidth;
        if (over > 0) this.element.style.left = `${-Math.min(over, Math.max(0, box.left - EDGE_PX))}px`;
        this.element.style.maxHeight = `${Math.max(160, document.documentElement.clientHeight - box.top - EDGE_PX)}px`;
    }

    #stops() {
        return [...this.element.querySelectorAll('button:not(:disabled), input')];
    }

    #key(event) {
        const stops = this.#stops();
        const at = stops.indexOf(document.activeElement);
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === 'Escape') {
            this.close();
            this.button.focus();
        } else if (step && stops.length > 0 && document.activeElement?.tagName !== 'INPUT') stops[(at + step + stops.length) % stops.length].focus();
        else {
            event.stopPropagation();
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    }
}
