// admin_jobs.js - pulls and sends as rows: whose, how far, why not, and what can be done. The queue and the failures show them.

import { askAdmin, studyPath } from './api.js';
import { about, button, cell, moment, reason, Rows, small, spanText, state, table } from './admin_parts.js';
import { confirm } from './admin_forms.js';
import { icon, make } from './dom.js';
import * as format from './format.js';
import { count, t } from './i18n.js';

const COLUMNS = ['job', 'study', 'progress', 'asked', 'act'];
const MARKS = {
    running: 'run',
    waiting: 'run',
    partial: 'warn',
    unverified: 'warn',
    failed: 'bad',
    cancelled: 'quiet',
};

const kindOf = (job) => (job.pull ? 'pull' : 'send');
const idOf = (job) => job.pull ?? job.send;
const isOpen = (job) => job.state === 'waiting' || job.state === 'running';

/** How much of it is done: {done, all}; all is null while nobody knows. */
export function progress(job) {
    if (job.pull) return { done: job.received, all: job.expected > 0 ? job.expected : null };
    return { done: job.sent, all: job.total };
}

export class Jobs {
    constructor(page) {
        this.page = page;
        this.table = table(COLUMNS, 'jobs');
        this.element = this.table.element;
        this.rows = new Rows(this.table.body, {
            key: (job) => `${kindOf(job)}-${idOf(job)}`,
            cells: (job) => this.#cells(job),
            look: (job) => JSON.stringify([job, this.page.nodeName(job.node)]),
        });
    }

    translate() {
        this.table.translate();
        this.rows.forget();
    }

    set(jobs) {
        this.rows.set(jobs);
        this.element.hidden = jobs.length === 0;
    }

    #cells(job) {
        return [
            cell('job', ...this.#what(job)),
            cell('study', ...this.#study(job)),
            cell('progress', ...this.#progress(job)),
            cell('asked', moment(job.created), small(this.#asked(job))),
            cell('act', make('div', { class: 'acts' }, this.#acts(job))),
        ];
    }

    #what(job) {
        const kind = kindOf(job);
        const name = this.page.nodeName(job.node);
        return [
            make('span', { class: 'mark' }, icon(kind, 'icon small'), make('strong', {}, name)),
            small(t(`admin.${kind}`, { id: idOf(job) }), job.compare ? `  ${t('admin.compare')}` : ''),
        ];
    }

    #study(job) {
        const uid = make('span', { class: 'uid', translate: 'no' }, job.study_uid);
        if (!job.about) return [uid];
        const [name, facts] = about(job.about);
        const link = make('a', { href: studyPath(job.about.id), 'data-route': true, class: 'link' }, name);
        return [job.about.objects > 0 ? link : name, facts, small(uid)];
    }

    #progress(job) {
        const { done, all } = progress(job);
        const known = all !== null;
        const values = { done: count(done), all: known ? count(all) : '?' };
        const parts = [state(MARKS[job.state] ?? 'quiet', t(`admin.job.${job.state}`))];
        if (known || done > 0) parts.push(make('span', { class: 'of' }, t(known ? 'admin.of' : 'admin.soFar', values)));
        if (job.state === 'running' || (job.state === 'waiting' && done > 0)) parts.push(bar(done, all));
        if (job.bytes > 0) parts.push(small(format.bytes(job.bytes)));
        if (job.state === 'waiting') parts.push(this.#waitsFor(job));
        return [make('div', { class: 'progress-line' }, parts), reason(job.reason)];
    }

    #waitsFor(job) {
        const ms = Date.parse(job.not_before) - Date.now();
        const { hours } = this.page.nodes.get(job.node) ?? {};
        if (ms > 0) return small(t('admin.nextTry', { span: spanText(format.span(ms)), n: job.attempts + 1 }));
        return hours ? small(t('admin.onlyAt', { hours })) : null;
    }

    #asked(job) {
        return [t(`admin.priority.${job.priority}`), job.asked_by].filter(Boolean).join('  ');
    }

    #acts(job) {
        const running = job.state === 'running';
        const acts = [];
        if (!running) acts.push(button('retry', t(isOpen(job) ? 'admin.now' : 'action.retry'), () => this.#retry(job)));
        if (isOpen(job)) acts.push(button('cancel', t('admin.cancel'), () => this.#cancel(job)));
        return acts;
    }

    #retry(job) {
        return this.page.attempt(() => askAdmin(`${kindOf(job)}s`, idOf(job), 'retry'), t('admin.retried'));
    }

    async #cancel(job) {
        const kind = kindOf(job);
        const sure = await confirm({
            title: t(`admin.cancelSure.${kind}`, { name: this.page.nodeName(job.node) }),
            text: t(`admin.cancelText.${kind}`),
            yes: t('admin.cancelYes'),
        });
        if (sure) await this.page.attempt(() => askAdmin(`${kind}s`, idOf(job), 'cancel'), t('admin.cancelled'));
    }
}

/** A bar; without a value while nobody knows how much there is. */
export function bar(done, all) {
    const element = make('progress', { max: String(Math.max(1, all ?? 1)), 'aria-label': t('admin.column.progress') });
    if (all !== null) element.value = Math.min(done, Math.max(1, all));
    return element;
}

/** A button that asks for more of a list. */
export const moreButton = (onclick) => make('div', { class: 'more' }, button('more', t('admin.more'), onclick));
