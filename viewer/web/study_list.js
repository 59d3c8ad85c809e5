// study_list.js - the page with all studies: search, filters, pages, and rows that keep themselves up to date.

import { listInvoked, listStudies, studyPath } from './api.js';
import { icon, make, setText } from './dom.js';
import { onEvent, throttled } from './events.js';
import * as format from './format.js';
import { count, failureText, t } from './i18n.js';
import * as cells from './study_cells.js';
import { hasPictures } from './study_state.js';

const PAGE_SIZE = 50;
const TYPING_MS = 250;
const RELOAD_EVERY_MS = 3000;
const CHANGING = ['study', 'pull', 'reload', 'closed']; // kinds of events after which the list may be another
const MODALITIES = ['CT', 'MR', 'CR', 'DX', 'US', 'XA', 'MG', 'NM', 'PT', 'RF', 'ES', 'OT', 'SR'];
const INVOKED = '/IHEInvokeImageDisplay'; // another system's link: its query says which studies
const COLUMNS = ['patient', 'study', 'description', 'hospital', 'size', 'state'];

const digits = (text) => (/^\d{8}$/.test(text ?? '') ? text : '');

export class ListPage {
    constructor(root, go) {
        this.root = root;
        this.go = go;
        this.abort = new AbortController();
        this.invoked = location.pathname === INVOKED ? location.search : null;
        this.filter = this.#filterOfAddress();
        this.typing = throttled(() => this.#search(), TYPING_MS);
        this.reload = throttled(() => this.#load(true), RELOAD_EVERY_MS);
        this.#build();
        this.stopEvents = onEvent((kind) => {
            if (CHANGING.includes(kind)) this.reload.ask();
        });
        document.addEventListener('keydown', (event) => this.#key(event), { signal: this.abort.signal });
        this.listed = this.#load(false);
    }

    close() {
        this.abort.abort();
        this.request?.abort();
        this.stopEvents();
        this.typing.stop();
        this.reload.stop();
    }

    // ---- building

    #build() {
        this.search = make('input', {
            type: 'search',
            class: 'search-input',
            autocomplete: 'off',
            spellcheck: 'false',
            enterkeyhint: 'search',
            value: this.filter.q,
            oninput: () => this.#typed(),
        });
        this.modality = make('select', { onchange: () => this.#search() });
        this.from = make('input', {
            type: 'date',
            value: format.dateToInput(this.filter.from),
            onchange: () => this.#search(),
        });
        this.to = make('input', {
            type: 'date',
            value: format.dateToInput(this.filter.to),
            onchange: () => this.#search(),
        });
        this.clear = make('button', { type: 'button', class: 'button quiet', onclick: () => this.#clear() });
        this.labels = { modality: make('span'), from: make('span'), to: make('span') };
        const form = make(
            'form',
            { class: 'filters', role: 'search', onsubmit: (event) => this.#submit(event) },
            make('div', { class: 'search' }, icon('search'), this.search, make('kbd', {}, '/')),
            make('label', { class: 'field' }, this.labels.modality, this.modality),
            make('label', { class: 'field' }, this.labels.from, this.from),
            make('label', { class: 'field' }, this.labels.to, this.to),
            this.clear,
        );
        this.body = make('tbody');
        this.heads = COLUMNS.map((name) => make('th', { scope: 'col', class: `col-${name}` }));
        this.table = make('table', { class: 'studies' }, make('thead', {}, make('tr', {}, this.heads)), this.body);
        this.message = make('div', { class: 'list-message', hidden: true });
        this.total = make('div', { class: 'total', role: 'status' });
        this.previous = make(
            'button',
            { type: 'button', class: 'button icon-only', onclick: () => this.#page(-1) },
            icon('left'),
        );
        this.next = make(
            'button',
            { type: 'button', class: 'button icon-only', onclick: () => this.#page(1) },
            icon('right'),
        );
        this.notice = make('div', { class: 'notice' });
        const footer = make(
            'footer',
            { class: 'pages' },
            this.notice,
            this.total,
            make('div', { class: 'page-buttons' }, this.previous, this.next),
        );
        this.scroller = make('div', { class: 'list-scroll' }, this.table, this.message);
        this.root.replaceChildren(make('main', { class: 'list' }, form, this.scroller, footer));
        this.translate();
    }

    translate() {
        document.title = `${t('list.title')}  ${t('app.name')}`;
        this.search.placeholder = t('list.search');
        this.search.setAttribute('aria-label', t('list.search'));
        setText(this.labels.modality, t('list.modality'));
        setText(this.labels.from, t('list.from'));
        setText(this.labels.to, t('list.to'));
        setText(this.clear, t('list.clear'));
        setText(this.notice, t('app.notice'));
        this.modality.replaceChildren(
            make('option', { value: '' }, t('list.all')),
            ...MODALITIES.map((name) => make('option', { value: name }, name)),
        );
        this.modality.value = this.filter.modality;
        COLUMNS.forEach((name, index) => setText(this.heads[index], t(`column.${name}`)));
        this.previous.setAttribute('aria-label', t('list.previous'));
        this.next.setAttribute('aria-label', t('list.next'));
        if (this.answer) this.#show();
    }

    // ---- the filter and the address

    #filterOfAddress() {
        const query = new URLSearchParams(this.invoked === null ? location.search : '');
        const offset = Number(query.get('offset'));
        return {
            q: query.get('q') ?? '',
            modality: MODALITIES.includes(query.get('modality')) ? query.get('modality') : '',
            from: digits(query.get('from')),
            to: digits(query.get('to')),
            offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
        };
    }

    #writeAddress() {
        const query = new URLSearchParams();
        this.invoked = null; // whoever searches looks at all studies
        for (const [key, value] of Object.entries(this.filter)) if (value) query.set(key, value);
        const text = query.toString();
        const path = location.pathname === '/studies' ? '/studies' : '/';
        history.replaceState(history.state, '', text ? `${path}?${text}` : path);
    }

    #typed() {
        this.typing.stop();
        this.typing.ask();
    }

    #submit(event) {
        event.preventDefault();
        this.#search();
    }

    #search() {
        this.filter = {
            q: this.search.value.trim().normalize('NFC'),
            modality: this.modality.value,
            from: format.dateFromInput(this.from.value),
            to: format.dateFromInput(this.to.value),
            offset: 0,
        };
        this.#writeAddress();
        this.#load(false);
    }

    #clear() {
        for (const field of [this.search, this.modality, this.from, this.to]) field.value = '';
        this.#search();
        this.search.focus();
    }

    #page(direction) {
        this.filter.offset = Math.max(0, this.filter.offset + direction * PAGE_SIZE);
        this.#writeAddress();
        this.#load(false).then(() => this.scroller.scrollTo(0, 0));
    }

    get #filtered() {
        const { q, modality, from, to } = this.filter;
        return this.invoked !== null || !!(q || modality || from || to);
    }

    // ---- loading

    /** quiet: a reload in the background, which leaves what is shown alone when it fails. */
    async #load(quiet) {
        this.request?.abort();
        const request = new AbortController();
        this.request = request;
        if (!this.answer) this.#tell('spinner', t('list.loading'));
        this.table.classList.toggle('stale', !quiet && !!this.answer);
        try {
            const answer = await (this.invoked === null
                ? listStudies({ ...this.filter, limit: PAGE_SIZE }, request.signal)
                : listInvoked(this.invoked, request.signal));
            if (this.request !== request) return;
            this.answer = answer;
            this.failure = null;
        } catch (error) {
            if (error.name === 'AbortError' || this.request !== request) return;
            if (quiet && this.answer) {
                this.reload.ask();
                return;
            }
            this.failure = error;
        }
        this.table.classList.remove('stale');
        this.#show();
    }

    // ---- showing

    #show() {
        if (this.failure) {
            this.table.hidden = true;
            this.#showPages(0, 0);
            this.#tell(
                'broken',
                t('error.title'),
                failureText(this.failure),
                [
                    make(
                        'button',
                        { type: 'button', class: 'button primary', onclick: () => this.#load(false) },
                        t('action.retry'),
                    ),
                ],
            );
            return;
        }
        const { studies, total } = this.answer;
        const focused = document.activeElement?.closest?.('tr[data-study]')?.dataset.study;
        this.table.hidden = studies.length === 0;
        this.body.replaceChildren(...studies.map((study) => this.#row(study)));
        if (focused) this.body.querySelector(`tr[data-study="${focused}"] a`)?.focus({ preventScroll: true });
        if (studies.length === 0) this.#tellEmpty();
        else this.message.hidden = true;
        this.#showPages(studies.length, total);
    }

    #showPages(shown, total) {
        const { offset } = this.filter;
        const values = { from: count(offset + 1), to: count(offset + shown), total: count(total) };
        setText(this.total, shown === 0 ? '' : t('list.range', values) + this.#askedFor());
        this.previous.disabled = shown === 0 || offset === 0;
        this.next.disabled = offset + shown >= total;
        this.clear.disabled = !this.#filtered;
    }

    #askedFor() {
        if (this.invoked === null || !this.answer) return '';
        const { missing } = this.answer;
        return `  ${t('list.invoked')}${missing > 0 ? `  ${t('list.missing', { n: missing })}` : ''}`;
    }

    #tellEmpty() {
        if (this.#filtered) {
            this.#tell('search', t('list.nothing'), t('list.nothingText'), [
                make('button', { type: 'button', class: 'button', onclick: () => this.#clear() }, t('list.clear')),
            ]);
            return;
        }
        this.#tell('bridge', t('list.empty'), t('list.emptyText'), [
            make(
                'ul',
                {},
                make('li', {}, t('list.emptyPush')),
                make('li', {}, t('list.emptyPull'), make('code', {}, 'kakehashi pull')),
                make('li', {}, t('list.emptyImport'), make('code', {}, 'kakehashi import')),
            ),
        ]);
    }

    #tell(picture, title, text = '', rest = []) {
        const mark = picture === 'spinner' ? make('i', { class: 'spinner large' }) : icon(picture, 'icon large');
        this.message.replaceChildren(mark, make('h1', {}, title), ...(text ? [make('p', {}, text)] : []), ...rest);
        this.message.hidden = false;
    }

    #row(study) {
        const path = studyPath(study.id);
        const row = make(
            'tr',
            { dataset: { study: String(study.id) }, class: hasPictures(study) ? null : 'without-pictures' },
            make('td', { class: 'col-patient' }, cells.patient(study, path)),
            make('td', { class: 'col-study' }, cells.when(study)),
            make('td', { class: 'col-description' }, cells.what(study)),
            make(
                'td',
                { class: 'col-hospital' },
                cells.source(study),
            ),
            make('td', { class: 'col-size' }, cells.size(study)),
            make('td', { class: 'col-state' }, cells.state(study)),
        );
        row.addEventListener('click', (event) => {
            if (!event.target.closest('a') && !getSelection().toString()) this.go(path);
        });
        return row;
    }

    // ---- keys

    #key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const typing = event.target.closest?.('input, select, textarea');
        if (event.key === '/' && !typing) {
            event.preventDefault();
            this.search.select();
            return;
        }
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step || (typing && event.target !== this.search)) return;
        const links = [...this.body.querySelectorAll('a.name')];
        const at = links.indexOf(document.activeElement?.closest?.('tr')?.querySelector('a.name'));
        if (at < 0 && step < 0) return;
        event.preventDefault();
        if (at === 0 && step < 0) this.search.focus();
        else links[Math.min(links.length - 1, at + step)]?.focus();
    }
}
