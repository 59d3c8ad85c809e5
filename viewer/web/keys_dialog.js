// keys_dialog.js - a person's own keys: every command with its keys. Each can be changed for another one or taken away, and one more added, by pressing it.
// Works by keyboard alone: arrows go from command to command and from key to key, Enter asks for a key, Delete takes one away, Tab leaves the list.

import { openDialog } from './dialog.js';
import { icon, loadStyles, make, setText } from './dom.js';
import { loadWords, t } from './i18n.js';
import { assign, deliveredKeys, holdersOf, KEY_GROUPS, keyLabel, keyName, KEYS_MAX, labelsOf, mapOf, ownKeys, refusal, useKeys } from './keymap.js';

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

const nameOf = (action) => t(`action.${action}`);
const spoken = (entry) => labelsOf(entry).join(' ') || t('keys.none');

/** A command with its keys: a button for each, and one for one more. */
class Row {
    constructor(dialog, entry) {
        this.dialog = dialog;
        this.action = entry.action;
        this.chips = make('div', { class: 'keys-chips' });
        const name = nameOf(this.action);
        this.add = make('button', { type: 'button', class: 'tool keys-add', tabindex: '-1', hidden: entry.fixed ?? false, title: t('keys.add'), 'aria-label': `${name}: ${t('keys.add')}`, onclick: () => dialog.ask(this, null) }, icon('add'));
        this.anew = make('button', { type: 'button', class: 'tool keys-anew', title: t('keys.anew'), 'aria-label': `${name}: ${t('keys.anew')}`, onclick: () => dialog.anew(this) }, icon('undo'));
        this.element = make('div', { class: 'keys-row', dataset: { keys: this.action } }, make('span', { class: 'keys-name' }, name), this.chips, this.add, this.anew);
        this.show(entry);
    }

    show(entry) {
        this.keys = entry.keys;
        const labels = labelsOf(entry);
        const plain = (label) => (label === '–' ? ' – ' : make('kbd', {}, label));
        const chips = entry.fixed ? labels.map(plain) : [...entry.keys.map((key) => this.#chip(key)), ...(entry.always ? [plain(entry.always)] : [])];
        this.chips.replaceChildren(...(chips.length > 0 ? chips : [make('span', { class: 'keys-none' }, t('keys.none'))]));
        this.add.disabled = entry.keys.length >= KEYS_MAX;
        this.anew.hidden = !entry.changed;
        this.text = `${nameOf(this.action)} ${labels.join(' ')}`.normalize('NFKC').toLowerCase();
    }

    #chip(key) {
        const label = t('keys.chip', { name: nameOf(this.action), key: keyLabel(key) });
        return make('button', { type: 'button', class: 'keys-chip', tabindex: '-1', dataset: { key }, 'aria-label': label, onclick: () => this.dialog.ask(this, key) }, make('kbd', {}, keyLabel(key)));
    }

    /** What takes the focus for a key, of another one when it is gone. */
    cell(key = null) {
        const chips = [...this.chips.querySelectorAll('.keys-chip')];
        return chips.find((chip) => chip.dataset.key === key) ?? (this.add.disabled ? chips[0] : this.add);
    }
}

class KeysDialog {
    constructor(page) {
        this.page = page;
        this.own = ownKeys(page.settings?.get('keys'));
        this.asking = null; // {row, key, cell}: the key in whose place a new one is asked for, null for one more
        this.rows = mapOf(this.own).map((entry) => new Row(this, entry));
        this.filter = make('input', { type: 'search', placeholder: t('keys.filter'), 'aria-label': t('keys.filter'), oninput: () => this.#filter() });
        this.list = make('div', { class: 'keys-list', role: 'group', 'aria-label': t('action.editKeys') }, this.#sections());
        this.status = make('p', { class: 'keys-status', role: 'status' });
        this.all = make('button', { type: 'button', class: 'button quiet', dataset: { action: 'keys.all' }, onclick: () => this.#allAnew() });
        this.panel = make('div', { class: 'keys-ask' });
        this.dialog = openDialog(t('action.editKeys'), [make('p', { class: 'keys-how' }, t('keys.how')), this.filter, this.list, this.status, make('div', { class: 'preset-more' }, this.all)]);
        this.dialog.element.classList.add('keys-dialog');
        this.dialog.element.addEventListener('keydown', (event) => this.#key(event), true);
        this.dialog.element.addEventListener('cancel', (event) => this.panel.isConnected && event.preventDefault());
        this.dialog.element.addEventListener('close', () => page.settings?.flush());
        this.#show();
        this.filter.focus();
    }

    #sections() {
        const of = (group) => mapOf(this.own).filter((entry) => entry.group === group).map(({ action }) => this.rows.find((row) => row.action === action).element);
        return KEY_GROUPS.map((group) => make('section', {}, make('h3', {}, t(`help.${group}`)), of(group)));
    }

    // ---- a new key

    /** Ask for a key in the place of one that the command has, or for one more. */
    ask(row, key) {
        this.#leave();
        const cell = row.cell(key);
        this.asking = { row, key, cell };
        this.#stop(cell);
        cell.dataset.state = 'asking';
        const name = nameOf(row.action);
        if (key === null) {
            this.#openPanel(row, t('keys.press', { name }));
        } else {
            const away = make('button', { type: 'button', class: 'button quiet', dataset: { action: 'keys.remove' }, onclick: () => this.#remove(row, key) }, t('keys.remove', { key: keyLabel(key) }));
            this.#openPanel(row, t('keys.instead', { name, key: keyLabel(key) }), away);
        }
        cell.focus();
    }

    #remove(row, key) {
        const at = row.keys.indexOf(key);
        const keys = row.keys.filter((one) => one !== key);
        this.#give(row, keys, [], keys[Math.min(at, keys.length - 1)]);
    }

    anew(row) {
        this.#leave();
        const delivered = deliveredKeys(row.action);
        this.#offer(row, delivered, delivered[0]);
    }

    /** These keys for a command, unless another one has some of them: then the person decides, and is told what is left there. key: the one in question. */
    #offer(row, keys, key) {
        const holders = holdersOf(this.own, row.action, keys);
        if (holders.length === 0) {
            this.#give(row, keys, [], key);
            return;
        }
        this.#leave();
        const take = make('button', { type: 'button', class: 'button primary', dataset: { action: 'keys.take' }, onclick: () => this.#give(row, keys, holders, key) }, t('keys.take'));
        const leave = make('button', { type: 'button', class: 'button quiet', onclick: () => this.#leave(row.cell(row.keys[0])) }, t('keys.leave'));
        const told = holders.map((entry) => {
            const rest = { ...entry, keys: entry.keys.filter((one) => !keys.includes(one)) };
            const taken = entry.keys.filter((one) => keys.includes(one)).map(keyLabel).join(' ');
            return t('keys.held', { key: taken, other: nameOf(entry.action), rest: spoken(rest) });
        });
        this.#openPanel(row, told.join(' '), take, leave);
        take.focus();
    }

    #give(row, keys, holders, key) {
        this.#leave();
        this.#use(assign(this.own, row.action, keys));
        const now = (action) => spoken(mapOf(this.own).find((entry) => entry.action === action));
        const all = [{ action: row.action }, ...holders];
        setText(this.status, all.map(({ action }) => t('keys.given', { name: nameOf(action), key: now(action) })).join(' '));
        const cell = row.cell(key);
        this.#stop(cell);
        cell.focus();
    }

    #use(own) {
        this.own = own;
        const { page } = this;
        page.settings?.set('keys', Object.keys(own).length > 0 ? own : undefined);
        useKeys(own);
        page.toolbar.translate();
        this.#show();
    }

    #show() {
        const map = mapOf(this.own);
        for (const row of this.rows) row.show(map.find((entry) => entry.action === row.action));
        this.#stop(this.#cells()[0]);
        this.all.disabled = Object.keys(this.own).length === 0;
        delete this.all.dataset.sure;
        setText(this.all, t('keys.allAnew'));
    }

    /** Pressed twice: what a person has chosen is not lost by one press. */
    #allAnew() {
        if (this.all.dataset.sure === undefined) {
            this.all.dataset.sure = '';
            setText(this.all, t('keys.allSure'));
            return;
        }
        this.#use({});
        setText(this.status, t('keys.allDone'));
        this.filter.focus();
    }

    #openPanel(row, text, ...buttons) {
        this.panel.replaceChildren(make('span', { role: 'alert' }, text), make('div', { class: 'preset-more' }, buttons));
        row.element.append(this.panel);
    }

    /** Nothing is asked any more; cell: where the focus goes. */
    #leave(cell = null) {
        if (this.asking) delete this.asking.cell.dataset.state;
        this.asking = null;
        this.panel.remove();
        cell?.focus();
    }

    // ---- keys of the dialog

    #key(event) {
        const row = this.rows.find((one) => one.element.contains(event.target));
        const onCell = event.target.matches('.keys-chip, .keys-add');
        if (event.key === 'Escape' && this.panel.isConnected) this.#leave(this.asking?.cell ?? row?.cell(row.keys[0]));
        else if (this.asking && event.target === this.asking.cell && event.key !== 'Tab') this.#pressed(this.asking, event);
        else if (onCell && event.key in STEPS) this.#step(row, event.target, STEPS[event.key]);
        else if (event.target.matches('.keys-chip') && ['Delete', 'Backspace'].includes(event.key)) this.#remove(row, event.target.dataset.key);
        else if (event.target === this.filter && event.key === 'ArrowDown') this.#to(this.#cells()[0]);
        else return;
        event.preventDefault();
        event.stopPropagation();
    }

    #pressed({ row, key }, event) {
        if (event.repeat) return;
        const name = keyName(event);
        if (event.ctrlKey || event.metaKey || event.altKey) {
            if (name) this.#refuse('browser');
            return;
        }
        if (!name) {
            if (event.isComposing || event.key === 'Process') this.#refuse('input');
            return;
        }
        const why = refusal(name) || (mapOf(this.own).some((entry) => entry.fixed && entry.keys.includes(name)) ? 'digits' : '');
        if (why) this.#refuse(why);
        else if (row.keys.includes(name)) this.#refuse('had');
        else this.#offer(row, key === null ? [...row.keys, name] : row.keys.map((one) => (one === key ? name : one)), name);
    }

    #refuse(why) {
        setText(this.panel.firstElementChild, t(`keys.refused.${why}`));
    }

    /** What takes the focus, of the rows that are seen. */
    #cells() {
        return [...this.list.querySelectorAll('.keys-row:not([hidden]) :is(.keys-chip, .keys-add:not(:disabled, [hidden]))')];
    }

    /** From a cell to the one beside it, or to the first of the row above or below. */
    #step(row, cell, [across, down]) {
        const cells = this.#cells();
        if (across !== 0) {
            const next = cells[cells.indexOf(cell) + across];
            if (row.element.contains(next ?? null)) this.#to(next);
            return;
        }
        const rows = [...new Set(cells.map((one) => one.closest('.keys-row')))];
        const next = rows[rows.indexOf(row.element) + down];
        this.#to(cells.find((one) => next?.contains(one)));
    }

    #to(cell) {
        if (!cell) return;
        this.#leave();
        this.#stop(cell);
        cell.focus();
    }

    /** Tab comes to one cell of the list. */
    #stop(cell) {
        for (const one of this.list.querySelectorAll('.keys-chip, .keys-add')) one.tabIndex = one === cell ? 0 : -1;
    }

    #filter() {
        const words = this.filter.value.normalize('NFKC').toLowerCase().trim().split(/\s+/);
        this.#leave();
        for (const row of this.rows) row.element.hidden = !words.every((word) => row.text.includes(word));
        for (const section of this.list.children) section.hidden = [...section.querySelectorAll('.keys-row')].every((row) => row.hidden);
        this.#stop(this.#cells()[0]);
    }
}

export async function openKeys(page) {
    await Promise.all([loadWords('keys'), loadStyles('keys')]);
    return new KeysDialog(page);
}
