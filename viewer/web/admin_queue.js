// admin_queue.js - what is being fetched and sent, and what rules ask hospitals for.

import { askAdmin, getAdmin } from './api.js';
import { bar, Jobs, moreButton } from './admin_jobs.js';
import { button, cell, empty, reason, Rows, small, state, table } from './admin_parts.js';
import { confirm } from './admin_forms.js';
import { make, setText } from './dom.js';
import * as format from './format.js';
import { count, language, t } from './i18n.js';

const STEP = 50;
const MOST = 100; // the service gives so many of each
const OPEN = ['waiting', 'running'];
const GOES = ['walking', 'fetching']; // a back-fill

export class QueueSection {
    constructor(page) {
        this.page = page;
        this.limit = STEP;
        this.jobs = new Jobs(page);
        this.table = table(['rule', 'found', 'progress', 'act'], 'rules');
        this.rules = new Rows(this.table.body, { key: (rule) => rule.rule, cells: (rule) => this.#cells(rule) });
        this.title = make('h3', {});
        this.block = make('div', { class: 'block' }, this.title, this.table.element);
        this.more = make('div', { hidden: true });
        this.none = make('div', { hidden: true });
        this.element = make('div', {}, this.jobs.element, this.more, this.none, this.block);
    }

    translate() {
        this.jobs.translate();
        this.table.translate();
        this.rules.forget();
        setText(this.title, t('admin.rules'));
        this.none.replaceChildren(
            empty(
                'check',
                t('admin.queue.none'),
                t('admin.queue.noneText'),
                make('code', {}, 'kakehashi pull NODE --study UID'),
            ),
        );
        this.more.replaceChildren(moreButton(() => this.#more()));
    }

    async load(signal) {
        this.answer = await getAdmin('queue', { limit: this.limit }, signal);
    }

    show() {
        const { pulls, sends, rules } = this.answer;
        const jobs = [...pulls, ...sends].sort(byUrgency);
        this.jobs.set(jobs);
        this.rules.set(rules);
        this.more.hidden = !(this.answer.more_pulls || this.answer.more_sends);
        this.none.hidden = jobs.length > 0;
        this.block.hidden = rules.length === 0;
    }

    /** For the badge beside the section's name. */
    get count() {
        const { pulls, sends, more_pulls, more_sends } = this.answer;
        return more_pulls || more_sends ? undefined : pulls.length + sends.length;
    }

    /** A pull that goes on needs no new list. */
    event(kind, data) {
        const job = kind === 'pull' && this.answer.pulls.find((one) => one.pull === data.pull);
        if (!job || !OPEN.includes(data.state) || job.state !== data.state) return false;
        if (!job.about && data.received > 0) return false; // whose it is can be told by now
        Object.assign(job, data);
        this.show();
        return true;
    }

    #more() {
        if (this.limit < MOST) {
            this.limit = MOST;
            this.page.reload.ask();
        } else {
            this.page.say(t('admin.moreByCommand'));
        }
    }

    // ---- rules

    #cells(rule) {
        const backfill = rule.kind === 'backfill';
        return [
            cell('rule', make('strong', {}, rule.name), small(`${t(`admin.rule.${rule.kind}`)}  ${rule.node}`)),
            cell('found', ...(backfill ? this.#backfillFound(rule) : this.#lookupFound(rule))),
            cell(
                'progress',
                ...(backfill ? this.#backfillProgress(rule) : this.#lookupProgress(rule)),
                reason(rule.reason),
            ),
            cell('act', make('div', { class: 'acts' }, this.#acts(rule))),
        ];
    }

    #backfillFound(rule) {
        const lang = language();
        const days = [rule.date_from, rule.date_to].map((day) => format.date(day, lang)).join(' – ');
        return [
            make('span', {}, t('admin.found', { n: count(rule.found ?? 0) })),
            small(
                t('admin.foundOf', {
                    held: count(rule.held ?? 0),
                    fetched: count(rule.fetched ?? 0),
                    open: count(rule.open ?? 0),
                    failed: count(rule.failed ?? 0),
                }),
            ),
            small(days),
        ];
    }

    #backfillProgress(rule) {
        const line = [
            state(GOES.includes(rule.state) ? 'run' : 'quiet', t(`admin.backfill.${rule.state ?? 'waiting'}`)),
        ];
        if (rule.days)
            line.push(
                make('span', { class: 'of' }, t('admin.days', { done: count(rule.days_done), all: count(rule.days) })),
            );
        if (rule.days && GOES.includes(rule.state)) line.push(bar(rule.days_done, rule.days));
        return [make('div', { class: 'progress-line' }, line)];
    }

    #lookupFound(rule) {
        return [
            make('span', {}, t('admin.found', { n: count(rule.found ?? 0) })),
            small(t('admin.filed', { n: count(rule.filed ?? 0) })),
        ];
    }

    #lookupProgress(rule) {
        const all = (rule.waiting ?? 0) + (rule.done ?? 0) + (rule.failed ?? 0);
        const line = [state(rule.waiting > 0 ? 'run' : 'quiet', t(rule.enabled ? 'admin.ruleOn' : 'admin.ruleOff'))];
        line.push(
            make(
                'span',
                { class: 'of' },
                t('admin.lookups', {
                    done: count(rule.done ?? 0),
                    waiting: count(rule.waiting ?? 0),
                    failed: count(rule.failed ?? 0),
                }),
            ),
        );
        if (rule.waiting > 0) line.push(bar(all - rule.waiting, all));
        return [make('div', { class: 'progress-line' }, line)];
    }

    #acts(rule) {
        const acts = [];
        if ((rule.failed ?? 0) > 0 || rule.state === 'cancelled')
            acts.push(button('retry', t('action.retry'), () => this.#ask(rule, 'retry', 'admin.retried')));
        if (GOES.includes(rule.state)) acts.push(button('cancel', t('admin.cancel'), () => this.#cancel(rule)));
        return acts;
    }

    #ask(rule, action, done) {
        return this.page.attempt(() => askAdmin('rules', rule.name, action), t(done));
    }

    async #cancel(rule) {
        const title = t('admin.cancelSure.rule', { name: rule.name });
        if (await confirm({ title, text: t('admin.cancelText.rule'), yes: t('admin.cancelYes') }))
            await this.#ask(rule, 'cancel', 'admin.cancelled');
    }
}

/* What runs before what waits, the urgent before the rest, then what was asked for first. */
function byUrgency(a, b) {
    return (
        (b.state === 'running') - (a.state === 'running') ||
        a.priority - b.priority ||
        Date.parse(a.created) - Date.parse(b.created)
    );
}
