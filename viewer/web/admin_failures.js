// admin_failures.js - what ended with a part or nothing, why, and again.

import { askAdmin, getAdmin } from './api.js';
import { Jobs, moreButton } from './admin_jobs.js';
import { button, empty } from './admin_parts.js';
import { make, setText } from './dom.js';
import { count, t } from './i18n.js';

const STEP = 50;
const MOST = 100;

export class FailuresSection {
    constructor(page) {
        this.page = page;
        this.limit = STEP;
        this.jobs = new Jobs(page);
        this.all = button('retryAll', '', () => this.#retryAll());
        this.bar = make('div', { class: 'section-bar' }, this.all);
        this.more = make('div', { hidden: true });
        this.none = make('div', { hidden: true });
        this.element = make('div', {}, this.bar, this.jobs.element, this.more, this.none);
    }

    translate() {
        this.jobs.translate();
        setText(this.all, t('admin.retryAll'));
        this.none.replaceChildren(empty('check', t('admin.failures.none'), t('admin.failures.noneText')));
        this.more.replaceChildren(moreButton(() => this.#more()));
    }

    async load(signal) {
        this.answer = await getAdmin('failures', { limit: this.limit }, signal);
    }

    show() {
        const { pulls, sends } = this.answer;
        const jobs = [...pulls, ...sends].sort((a, b) => Date.parse(b.updated) - Date.parse(a.updated));
        this.shown = jobs;
        this.jobs.set(jobs);
        this.bar.hidden = jobs.length < 2;
        this.more.hidden = !(this.answer.more_pulls || this.answer.more_sends);
        this.none.hidden = jobs.length > 0;
    }

    /** For the badge beside the section's name. */
    get count() {
        return this.more.hidden ? this.shown.length : undefined;
    }

    #more() {
        this.limit = MOST;
        this.page.reload.ask();
    }

    /** One after the other: the queue decides what runs at once. */
    async #retryAll() {
        const jobs = [...this.shown];
        let done = 0;
        this.all.disabled = true;
        await this.page.attempt(async () => {
            for (const job of jobs) {
                try {
                    await askAdmin(job.pull ? 'pulls' : 'sends', job.pull ?? job.send, 'retry');
                    done++;
                } catch (error) {
                    if (error.status !== 409 && error.status !== 404) throw error; // it moved meanwhile
                }
            }
        }, '');
        this.all.disabled = false;
        if (done > 0) this.page.say(t('admin.retriedAll', { n: count(done) }));
    }
}
