// admin_nodes.js - the systems we talk with: what they may do, when they were last heard of, and whether they answer now.

import { askAdmin, getAdmin } from './api.js';
import { ago, button, cell, chip, empty, moment, reason, Rows, small, state, table } from './admin_parts.js';
import { make, setText } from './dom.js';
import { t } from './i18n.js';

const COLUMNS = ['node', 'address', 'rights', 'contact', 'echo'];
const ASKED_AT_ONCE = 2; // the service asks four; others want to ask, too

export class NodesSection {
    constructor(page) {
        this.page = page;
        this.echoes = new Map(); // by name: {waiting}, {answers, took_us, reason, at}, {error}
        this.contacts = new Map();
        this.table = table(COLUMNS, 'nodes');
        this.rows = new Rows(this.table.body, {
            key: (node) => node.id,
            cells: (node) => this.#cells(node),
            look: (node) => JSON.stringify([node, this.contacts.get(node.id), this.echoes.get(node.name)]),
        });
        this.all = button('echoAll', '', () => this.#askAll());
        this.bar = make('div', { class: 'section-bar' }, this.all);
        this.none = make('div', { hidden: true });
        this.element = make('div', {}, this.bar, this.table.element, this.none);
    }

    translate() {
        this.table.translate();
        this.rows.forget();
        setText(this.all, t('admin.echoAll'));
        this.none.replaceChildren(
            empty(
                'nodes',
                t('admin.nodes.none'),
                t('admin.nodes.noneText'),
                make('code', {}, 'kakehashi node add --help'),
            ),
        );
    }

    async load(signal) {
        const { nodes } = await getAdmin('nodes', null, signal);
        this.page.nodes = new Map(nodes.map((node) => [node.id, node]));
        this.nodes = nodes;
        try {
            const { contacts } = await getAdmin('contacts', null, signal);
            this.contacts = new Map(contacts.map((one) => [one.node, one]));
        } catch (error) {
            if (error.name === 'AbortError') throw error; // without the bridge nobody knows; the nodes are shown all the same
        }
    }

    show() {
        this.rows.set(this.nodes);
        this.table.element.hidden = this.bar.hidden = this.nodes.length === 0;
        this.none.hidden = this.nodes.length > 0;
    }

    #cells(node) {
        return [
            cell('node', make('strong', { class: 'what' }, node.name), small(node.facility)),
            cell('address', ...this.#address(node)),
            cell('rights', ...this.#rights(node)),
            cell('contact', ...this.#contact(node)),
            cell('echo', this.#echo(node)),
        ];
    }

    #address(node) {
        const where = node.host ? `${node.host}:${node.port}` : t('admin.noAddress');
        return [make('span', { class: 'title' }, node.ae_title), node.tls ? chip('TLS', 'good') : null, small(where)];
    }

    #rights(node) {
        const rights = ['store', 'query', 'retrieve'].filter((right) => node[`may_${right}`]);
        const way = node.retrieve && t(`admin.retrieve.${node.retrieve}`);
        const facts = [way, node.hours && t('admin.hours', { hours: node.hours })].filter(Boolean);
        return [
            make(
                'span',
                { class: 'chips' },
                rights.length > 0
                    ? rights.map((right) => chip(t(`admin.right.${right}`)))
                    : chip(t('admin.right.none'), 'quiet'),
            ),
            facts.length > 0 ? small(facts.map((fact) => make('span', { class: 'fact' }, fact))) : null,
        ];
    }

    #contact(node) {
        const { called_ms: called = 0, reached_ms: reached = 0 } = this.contacts.get(node.id) ?? {};
        if (!called && !reached) return [make('span', { class: 'quiet' }, t('admin.noContact'))];
        const last = Math.max(called, reached);
        return [moment(last), small(t(last === called ? 'admin.called' : 'admin.reached'))];
    }

    // ---- echo

    #echo(node) {
        const echo = this.echoes.get(node.name);
        if (!node.host) return make('span', { class: 'quiet' }, '–');
        const ask = button('echo', t('admin.echo'), () => this.#ask(node), {
            disabled: !!echo?.waiting,
            'aria-label': t('admin.echoOf', { name: node.name }),
        });
        return make(
            'div',
            { class: 'echo' },
            ask,
            make('div', { class: 'echo-result', role: 'status' }, this.#result(echo)),
        );
    }

    #result(echo) {
        if (!echo) return null;
        if (echo.waiting) return make('span', { class: 'mark' }, make('i', { class: 'spinner' }), t('admin.asking'));
        if (echo.error) return state('bad', this.page.words(echo.error));
        if (!echo.answers) return [state('bad', t('admin.noAnswer')), reason(echo.reason)];
        const ms = Math.max(1, Math.round(echo.took_us / 1000));
        return [state('good', t('admin.answers', { ms })), small(ago(echo.at))];
    }

    async #ask(node) {
        this.echoes.set(node.name, { waiting: true });
        this.rows.again(node);
        try {
            this.echoes.set(node.name, { ...(await askAdmin('nodes', node.name, 'echo')), at: Date.now() });
        } catch (error) {
            this.echoes.set(node.name, { error });
        }
        this.rows.again(node);
        if (this.echoes.get(node.name).answers) this.page.reload.ask(); // it was heard of just now
    }

    async #askAll() {
        const left = this.nodes.filter((node) => node.host);
        this.all.disabled = true;
        const next = async () => {
            for (let node = left.shift(); node; node = left.shift()) await this.#ask(node);
        };
        await Promise.all(Array.from({ length: ASKED_AT_ONCE }, next));
        this.all.disabled = false;
    }
}
