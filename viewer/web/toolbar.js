// toolbar.js - the viewer's buttons. Each tells its name and key; what has no room goes into a menu at the end.

import { icon, make } from './dom.js';
import { t } from './i18n.js';
import { keyFor } from './keymap.js';
import { Menu } from './menu.js';

const withKey = (text, key) => (key ? `${text}  (${key})` : text);
const pictureOf = (action) => action.replace(/^tool\./, '');

/** A command, or a menu, as it stands in the toolbar. */
class Item {
    constructor(page, spec, radio) {
        this.page = page;
        this.spec = typeof spec === 'string' ? { action: spec } : spec;
        this.radio = radio;
        const { action, menu, wide } = this.spec;
        this.label = make('span');
        this.button = make('button', { type: 'button', class: wide ? 'tool wide' : 'tool', dataset: action ? { action } : { menu } });
        if (radio) this.button.setAttribute('role', 'radio');
        if (menu) {
            this.menu = new Menu(this.button, () => this.spec.items(page, () => this.menu.close()));
            this.element = make('div', { class: 'tool-menu' }, this.button, this.menu.element);
        } else {
            this.button.addEventListener('click', () => page.commands.run(action));
            this.element = this.button;
        }
    }

    get name() {
        return t(`action.${this.spec.action ?? this.spec.menu}`);
    }

    get picture() {
        return this.spec.icon ?? pictureOf(this.spec.action ?? this.spec.menu);
    }

    get enabled() {
        const { action, enabled } = this.spec;
        return action ? this.page.commands.enabled(action) : (enabled?.(this.page) ?? true);
    }

    translate() {
        const { wide, action, menu, tip } = this.spec;
        const { name } = this;
        const mark = icon(this.picture);
        if (menu) this.button.replaceChildren(mark, ...(wide ? [make('span', {}, name)] : []), icon('down', 'icon small'));
        else this.button.replaceChildren(mark);
        this.button.setAttribute('aria-label', name);
        this.button.dataset.tip = withKey(name, action ? keyFor(action) : tip);
        this.menu?.close();
    }

    show() {
        this.button.disabled = !this.enabled;
        const on = this.spec.action && this.page.commands.pressed(this.spec.action);
        if (on !== undefined) this.button.setAttribute(this.radio ? 'aria-checked' : 'aria-pressed', String(on));
    }

    /** As a line of the menu of what has no room. */
    asMenuItem(more) {
        const { action, menu, items } = this.spec;
        const about = { label: this.name, icon: this.picture, disabled: !this.enabled };
        if (menu) return { ...about, stays: true, run: () => more.fill(items(this.page, () => more.close())) };
        const on = this.page.commands.pressed(action);
        return { ...about, key: keyFor(action), checked: on, radio: this.radio, action, run: () => this.page.commands.run(action) };
    }
}

export class Toolbar {
    #groups = []; // {name, keep, element, items}

    constructor(page, groups) {
        this.page = page;
        this.moreButton = make('button', { type: 'button', class: 'tool', dataset: { menu: 'more' } });
        this.more = new Menu(this.moreButton, () => this.#hidden().map((item) => item.asMenuItem(this.more)));
        this.moreElement = make('div', { class: 'tools tool-menu more', hidden: true }, this.moreButton, this.more.element);
        this.element = make('div', { class: 'toolbar', role: 'toolbar' });
        for (const group of groups) this.#make(group);
        this.#arrange();
        this.observer = new ResizeObserver(() => this.#fit());
        this.observer.observe(this.element);
        this.translate();
    }

    /** A group more (as in toolbar_items.js), behind the group `after`. */
    add(group, after) {
        const made = this.#make(group);
        const at = this.#groups.findIndex((one) => one.name === after);
        this.#groups.splice(this.#groups.indexOf(made), 1);
        this.#groups.splice(at < 0 ? this.#groups.length - 1 : at + 1, 0, made);
        for (const item of made.items) item.translate();
        this.#arrange();
        this.#fit();
        this.show();
    }

    close() {
        this.observer.disconnect();
        for (const item of this.#items()) item.menu?.close();
        this.more.close();
    }

    translate() {
        this.element.setAttribute('aria-label', t('viewer.tools'));
        for (const item of this.#items()) item.translate();
        this.moreButton.replaceChildren(icon('more'));
        this.moreButton.setAttribute('aria-label', t('action.more'));
        this.moreButton.dataset.tip = t('action.more');
        this.more.close();
        this.#fit();
    }

    /** The state of the page, on the buttons. */
    show() {
        for (const item of this.#items()) item.show();
    }

    #make(group) {
        const items = group.items.map((spec) => new Item(this.page, spec, group.radio && typeof spec === 'string'));
        const role = group.radio ? 'radiogroup' : null;
        const element = make('div', { class: `tools ${group.name}${group.end ? ' at-end' : ''}`, role }, items.map((item) => item.element));
        const made = { name: group.name, keep: group.keep ?? 5, end: group.end, menu: group.menu ?? false, element, items };
        this.#groups.push(made);
        return made;
    }

    #arrange() {
        const middle = this.#groups.filter((group) => !group.end);
        const end = this.#groups.filter((group) => group.end);
        this.element.replaceChildren(...middle.map((group) => group.element), this.moreElement, ...end.map((group) => group.element));
    }

    #items() {
        return this.#groups.flatMap((group) => group.items);
    }

    #hidden() {
        return this.#items().filter((item) => item.element.hidden);
    }

    /** What has no room, the least kept first, goes into the menu, to what is always there. */
    #fit() {
        for (const group of this.#groups) for (const item of group.items) item.element.hidden = group.menu;
        for (const group of this.#groups) group.element.hidden = group.menu;
        const always = this.#groups.some((group) => group.menu);
        this.moreElement.hidden = !always;
        const tooWide = () => this.element.scrollWidth > this.element.clientWidth;
        if (this.element.clientWidth === 0 || !tooWide()) return;
        this.moreElement.hidden = false;
        const shown = this.#groups.filter((group) => !group.menu).sort((a, b) => a.keep - b.keep);
        for (const item of shown.flatMap((group) => [...group.items].reverse())) {
            if (!tooWide()) break;
            item.element.hidden = true;
        }
        for (const group of this.#groups) group.element.hidden = group.items.every((item) => item.element.hidden);
    }
}
