// admin_findings.js - how what is here differs from what its hospital has by now: what was deleted there, what is another patient's. To be
// followed, or left; and how far the comparison with each system is.

import { askAdmin, getAdmin, studyPath } from './api.js';
import { askWho } from './admin_forms.js';
import { moreButton } from './admin_jobs.js';
import { about, button, cell, chip, empty, moment, objects, Rows, small, state, table } from './admin_parts.js';
import { make, setText } from './dom.js';
import { count, t } from './i18n.js';

const STEP = 50;
const MOST = 500;
const KIND_MARKS = { gone: 'warn', patient: 'run', instances: 'warn', returned: 'good', reappeared: 'good' };
const STATE_MARKS = { open: 'warn', applied: 'good', dismissed: 'quiet', over: 'quiet', undone: 'quiet' };

export class FindingsSection {
    constructor(page) {
        this.page = page;
        this.limit = STEP;
        this.all = false;
        this.compares = table(['node', 'compared', 'result', 'act'], 'compares');
        this.nodeRows = new Rows(this.compares.body, {
            key: ({ node }) => node.id,
            cells: (one) => this.#nodeCells(one),
        });
        this.showAll = make('input', { type: 'checkbox', onchange: () => this.#toggle() });
        this.showAllText = make('span');
        this.bar = make(
            'div',
            { class: 'section-bar' },
            make('label', { class: 'check' }, this.showAll, this.showAllText),
        );
        this.table = table(['when', 'study', 'difference', 'state', 'act'], 'findings');
        this.rows = new Rows(this.table.body, {
            key: (finding) => finding.finding,
            cells: (finding) => this.#cells(finding),
            className: ({ state: how }) => (how === 'open' ? '' : 'undone'),
        });
        this.more = make('div', { hidden: true });
        this.none = make('div', { hidden: true });
        this.element = make(
            'div',
            {},
            this.compares.element,
            this.bar,
            this.table.element,
            this.more,
            this.none,
        );
    }

    get count() {
        return this.answer?.open;
    }

    translate() {
        this.compares.translate();
        this.table.translate();
        this.nodeRows.forget();
        this.rows.forget();
        setText(this.showAllText, t('admin.findings.all'));
        this.more.replaceChildren(moreButton(() => this.#more()));
        this.none.replaceChildren(empty('check', t('admin.findings.none'), t('admin.findings.noneText')));
    }

    async load(signal) {
        this.answer = await getAdmin('findings', { limit: this.limit, all: this.all ? 1 : 0 }, signal);
    }

    show() {
        const { findings, more, compares } = this.answer;
        const rounds = new Map(compares.map((one) => [one.node, one]));
        const nodes = [...this.page.nodes.values()].filter((node) => node.host);
        this.nodeRows.set(nodes.map((node) => ({ node, round: rounds.get(node.id) ?? null })));
        this.compares.element.hidden = nodes.length === 0;
        this.rows.set(findings);
        this.table.element.hidden = findings.length === 0;
        this.none.hidden = findings.length > 0;
        this.more.hidden = !more || this.limit >= MOST;
    }

    #toggle() {
        this.all = this.showAll.checked;
        this.page.reload.ask();
    }

    #more() {
        this.limit = Math.min(MOST, this.limit + STEP);
        this.page.reload.ask();
    }

    // ---- how far the comparison is

    #nodeCells({ node, round }) {
        return [
            cell('node', make('strong', { class: 'what' }, node.name), small(node.facility)),
            cell('compared', ...this.#when(round)),
            cell('result', ...this.#result(round)),
            cell(
                'act',
                make(
                    'div',
                    { class: 'acts' },
                    button('compare', t('admin.compareNow'), () => this.#compare(node), {
                        'aria-label': t('admin.compareWith', { name: node.name }),
                        disabled: !!round && !round.ended && !round.reason,
                    }),
                ),
            ),
        ];
    }

    #when(round) {
        if (!round) return [make('span', { class: 'quiet' }, t('admin.compare.never'))];
        if (!round.began) return [make('span', { class: 'quiet' }, t('admin.compare.asked'))];
        return [moment(round.began), round.ended ? null : small(t('admin.compare.running'))];
    }

    #result(round) {
        if (!round?.began) return [make('span', { class: 'quiet' }, '–')];
        const differ = ['gone', 'patient', 'instances'].filter((kind) => round[kind] > 0);
        const facts = [
            t('admin.compare.same', { same: count(round.same), asked: count(round.asked) }),
            ...differ.map((kind) => t(`admin.compare.${kind}`, { n: count(round[kind]) })),
            round.known > 0 ? t('admin.compare.known', { n: count(round.known) }) : null,
        ].filter(Boolean);
        return [
            make(
                'span',
                {},
                facts.map((fact) => make('span', { class: 'fact' }, fact)),
            ),
            round.ended && !round.believed ? state('warn', t('admin.compare.unbelieved')) : null,
            round.reason ? small(make('bdi', { translate: 'no' }, round.reason)) : null,
        ];
    }

    #compare(node) {
        this.page.attempt(() => askAdmin('nodes', node.name, 'compare'), t('admin.compare.begun', { name: node.name }));
    }

    // ---- findings

    #cells(finding) {
        return [
            cell('when', moment(finding.since), small(this.page.nodeName(finding.node))),
            cell('study', ...(finding.study ? about(finding.study) : [t('admin.finding.studyGone')])),
            cell('difference', ...this.#difference(finding)),
            cell('state', ...this.#state(finding)),
            cell('act', make('div', { class: 'acts' }, this.#acts(finding))),
        ];
    }

    #difference({ kind, here, there, missing }) {
        const words = [chip(t(`admin.finding.${kind}`), KIND_MARKS[kind] ?? '')];
        if (kind === 'patient')
            words.push(
                make(
                    'div',
                    { class: 'value' },
                    make('span', { class: 'quiet' }, t('value.patient_id')),
                    make('bdi', {}, here || t('value.empty')),
                    ' → ',
                    make('bdi', {}, there),
                ),
            );
        if (kind === 'instances' || kind === 'reappeared') words.push(small(objects(missing)));
        return words;
    }

    #state(finding) {
        const how = finding.state === 'applied' && finding.undone ? 'undone' : finding.state;
        const words = [state(STATE_MARKS[how] ?? '', t(`admin.finding.is.${how}`))];
        if (finding.ended)
            words.push(small(moment(finding.ended), finding.ended_by ? `  ${this.#who(finding.ended_by)}` : ''));
        return words;
    }

    #who(name) {
        return name === 'compare' ? t('admin.finding.byItself') : name;
    }

    #acts(finding) {
        const acts = [];
        if (finding.study?.objects > 0)
            acts.push(
                make(
                    'a',
                    { href: studyPath(finding.study.id), 'data-route': true, class: 'button compact quiet' },
                    t('admin.openStudy'),
                ),
            );
        const open = finding.state === 'open';
        const may = open || finding.state === 'dismissed' || (finding.state === 'applied' && finding.undone);
        if (may)
            acts.push(button('apply', t(`admin.finding.apply.${finding.kind}`), () => this.#apply(finding)));
        if (open || finding.state === 'dismissed')
            acts.push(button('retry', t('admin.finding.ask'), () => this.#ask(finding)));
        if (open) acts.push(button('dismiss', t('admin.finding.dismiss'), () => this.#dismiss(finding)));
        return acts;
    }

    async #apply(finding) {
        const { kind, here, there } = finding;
        const done = await askWho(
            t(`admin.finding.applySure.${kind}`, { here: here || t('value.empty'), there }),
            t(`admin.finding.applyText.${kind}`),
            t(`admin.finding.apply.${kind}`),
            (body) => askAdmin('findings', finding.finding, 'apply', body),
        );
        this.#changed(done, 'admin.finding.applied');
    }

    #ask(finding) {
        this.page.attempt(() => askAdmin('findings', finding.finding, 'ask'), t('admin.finding.asked'));
    }

    async #dismiss(finding) {
        const done = await askWho(
            t('admin.finding.dismissSure'),
            t('admin.finding.dismissText'),
            t('admin.finding.dismiss'),
            (body) => askAdmin('findings', finding.finding, 'dismiss', body),
        );
        this.#changed(done, 'admin.finding.dismissed');
    }

    #changed(done, text) {
        if (!done) return;
        this.page.say(t(text));
        this.page.reload.ask();
    }
}
