// admin.js - the operators' page: a strip that says how the service is, the sections beside it, one of them shown and kept up to date.

import { adminPath, getAdmin, getHealth } from './api.js';
import { ArrivalsSection } from './admin_arrivals.js';
import { AssociationsSection, RefusalsSection } from './admin_associations.js';
import { ChangesSection } from './admin_changes.js';
import { FailuresSection } from './admin_failures.js';
import { FindingsSection } from './admin_findings.js';
import { NodesSection } from './admin_nodes.js';
import { empty } from './admin_parts.js';
import { QueueSection } from './admin_queue.js';
import { Summary } from './admin_summary.js';
import { icon, make, setText } from './dom.js';
import { onEvent, throttled } from './events.js';
import { count, failureText, t } from './i18n.js';

/* Each section: kinds of events after which it is asked for again, and how often besides (0: never).
 * It has element, load(signal), show(), translate(), and may have event(kind, data): true when that is all there is to do. */
const SECTIONS = [
    { name: 'nodes', mark: 'nodes', Section: NodesSection, kinds: ['node'], everyMs: 15000 },
    { name: 'queue', mark: 'queue', Section: QueueSection, kinds: ['pull', 'send', 'rule'], everyMs: 0 },
    { name: 'failures', mark: 'warning', Section: FailuresSection, kinds: ['pull', 'send'], everyMs: 0 },
    { name: 'associations', mark: 'links', Section: AssociationsSection, kinds: [], everyMs: 2000 },
    { name: 'arrivals', mark: 'chart', Section: ArrivalsSection, kinds: ['study'], everyMs: 60000 },
    { name: 'refusals', mark: 'refusal', Section: RefusalsSection, kinds: [], everyMs: 10000 },
    { name: 'findings', mark: 'differ', Section: FindingsSection, kinds: ['finding', 'study'], everyMs: 10000 },
    { name: 'changes', mark: 'changes', Section: ChangesSection, kinds: ['study'], everyMs: 30000 },
];
const BADGES = { queue: 'open', failures: 'failed', findings: 'findings' };
const RELOAD_EVERY_MS = 1000;
const HEALTH_EVERY_MS = 15000; // it counts every study

export class AdminPage {
    constructor(root, section) {
        this.root = root;
        this.abort = new AbortController();
        this.nodes = new Map(); // by id
        this.reload = throttled(() => this.#load(true), RELOAD_EVERY_MS);
        this.look = throttled(() => this.#health(), HEALTH_EVERY_MS);
        this.person = make('h1', { class: 'page-title' });
        this.#build();
        this.stopEvents = onEvent((kind, data) => this.#event(kind, data));
        this.healthTimer = setInterval(() => document.hidden || this.look.ask(), HEALTH_EVERY_MS);
        document.addEventListener('visibilitychange', () => this.#seen(), { signal: this.abort.signal });
        this.#health();
        this.go(section);
    }

    close() {
        this.abort.abort();
        this.request?.abort();
        this.section?.close?.();
        this.stopEvents();
        this.reload.stop();
        this.look.stop();
        clearInterval(this.healthTimer);
        clearInterval(this.timer);
    }

    /** Show a section; the first one where the name is none of ours. */
    go(name) {
        this.request?.abort();
        this.section?.close?.();
        clearInterval(this.timer);
        this.reload.stop();
        this.current = SECTIONS.find((one) => one.name === name) ?? SECTIONS[0];
        this.section = new this.current.Section(this);
        this.loaded = false;
        this.problem = null;
        if (this.current.everyMs > 0)
            this.timer = setInterval(() => document.hidden || this.reload.ask(), this.current.everyMs);
        this.body.replaceChildren(this.section.element);
        this.scroller.scrollTo(0, 0);
        this.say('');
        this.translate();
        this.#load(false);
    }

    nodeName(id) {
        return this.nodes.get(id)?.name ?? t('admin.nodeGone', { id });
    }

    /** What came of something that was asked for. kind: "good" or "bad". */
    say(text, kind = 'good') {
        this.note.className = `admin-note ${kind}`;
        setText(this.note, text);
    }

    /** Do something for a person, say what came of it, and look again. Returns the answer, null when it failed. */
    async attempt(work, done) {
        let answer = null;
        try {
            answer = await work();
            this.say(done);
        } catch (error) {
            this.say(this.words(error), 'bad');
        }
        this.reload.ask();
        this.#health();
        return answer;
    }

    words(error) {
        return error.status === 0 ? t('error.unreachable') : t('admin.notDone', { reason: error.message });
    }

    // ---- building

    #build() {
        this.links = SECTIONS.map(({ name, mark }) => {
            const badge = make('span', { class: 'badge', hidden: true });
            const label = make('span');
            const link = make('a', { href: adminPath(name), 'data-route': true }, icon(mark), label, badge);
            return { name, link, label, badge };
        });
        this.nav = make(
            'nav',
            { class: 'admin-nav' },
            this.links.map(({ link }) => link),
        );
        this.choice = make('select', { onchange: () => this.#choose() });
        this.summary = new Summary();
        this.title = make('h2', {});
        this.hint = make('p', { class: 'hint' });
        this.note = make('p', { class: 'admin-note', role: 'status' });
        this.body = make('div', { class: 'admin-body' });
        this.message = make('div', { class: 'admin-message', hidden: true });
        this.scroller = make('div', { class: 'list-scroll', tabindex: '-1' }, this.body, this.message);
        const heading = make('div', { class: 'admin-heading' }, this.title, this.hint);
        this.root.replaceChildren(
            make(
                'main',
                { class: 'admin' },
                this.summary.element,
                make('div', { class: 'admin-choice' }, this.choice),
                this.nav,
                make('section', { class: 'admin-section' }, heading, this.note, this.scroller),
            ),
        );
    }

    #choose() {
        this.links.find(({ name }) => name === this.choice.value).link.click();
    }

    translate() {
        const { name } = this.current;
        setText(this.person, t('admin.title'));
        setText(this.title, t(`admin.${name}`));
        setText(this.hint, t(`admin.${name}.hint`));
        document.title = `${t(`admin.${name}`)}  ${t('admin.title')}  ${t('app.name')}`;
        this.nav.setAttribute('aria-label', t('admin.sections'));
        this.choice.setAttribute('aria-label', t('admin.sections'));
        this.#translateLinks();
        this.summary.translate();
        this.section.translate();
        if (this.loaded) this.section.show();
        if (this.problem) this.#tellProblem();
    }

    #translateLinks() {
        for (const { name, link, label } of this.links) {
            setText(label, t(`admin.${name}`));
            if (name === this.current.name) link.setAttribute('aria-current', 'page');
            else link.removeAttribute('aria-current');
        }
        this.#badges();
    }

    #badges() {
        const { health } = this.summary;
        const counts = {
            open: (health?.pulls_open ?? 0) + (health?.sends_open ?? 0),
            failed: (health?.pulls_failed ?? 0) + (health?.sends_failed ?? 0),
            findings: health?.findings_open ?? 0,
        };
        const shown = this.loaded ? this.section.count : undefined; // newer than what was told of the whole
        this.choice.replaceChildren(
            ...this.links.map(({ name, badge }) => {
                const told = counts[BADGES[name]] ?? 0;
                const n = name === this.current.name ? (shown ?? told) : told;
                badge.hidden = n === 0;
                badge.classList.toggle('bad', name === 'failures');
                setText(badge, count(n));
                return make(
                    'option',
                    { value: name },
                    n > 0 ? `${t(`admin.${name}`)}  (${count(n)})` : t(`admin.${name}`),
                );
            }),
        );
        this.choice.value = this.current.name;
    }

    // ---- staying up to date

    #seen() {
        if (document.hidden) return;
        this.reload.ask();
        this.look.ask();
    }

    #event(kind, data) {
        if (kind !== 'node') this.look.ask();
        if (kind === 'node' || kind === 'reload') this.nodesAsked = false;
        if (kind !== 'reload' && !this.current.kinds.includes(kind)) return;
        if (!(this.loaded && this.section.event?.(kind, data))) this.reload.ask();
    }

    async #health() {
        try {
            this.summary.show(await getHealth(this.abort.signal));
        } catch (error) {
            if (error.name === 'AbortError') return;
            this.summary.show(null);
        }
        this.#badges();
    }

    async #loadNodes(signal) {
        if (this.nodesAsked || this.current.name === 'nodes') return; // that section asks for them itself
        this.nodesAsked = true;
        try {
            const { nodes } = await getAdmin('nodes', null, signal);
            this.nodes = new Map(nodes.map((node) => [node.id, node]));
        } catch (error) {
            this.nodesAsked = false;
            throw error;
        }
    }

    /** quiet: what is shown stays when it fails. */
    async #load(quiet) {
        this.request?.abort();
        const request = new AbortController();
        this.request = request;
        if (!this.loaded && !this.problem) this.#tell(make('i', { class: 'spinner large' }), t('list.loading'));
        try {
            await this.#loadNodes(request.signal);
            await this.section.load(request.signal);
            if (this.request !== request) return;
            if (this.problem && this.loaded) this.say('');
            this.problem = null;
            this.loaded = true;
        } catch (error) {
            if (error.name === 'AbortError' || this.request !== request) return;
            this.problem = error;
        }
        if (!this.problem) {
            this.message.hidden = true;
            this.body.hidden = false;
            this.section.show();
            this.#badges();
        } else if (!quiet || !this.loaded) {
            this.#tellProblem();
        } else {
            this.reload.stop();
            this.say(this.words(this.problem), 'bad');
            setTimeout(() => this.request === request && this.#load(true), 5000);
        }
    }

    #tell(mark, title) {
        this.message.replaceChildren(make('div', { class: 'list-message' }, mark, make('h2', {}, title)));
        this.message.hidden = false;
        this.body.hidden = true;
    }

    #tellProblem() {
        if (this.loaded) return;
        const words = failureText(this.problem);
        const again = make(
            'button',
            { type: 'button', class: 'button primary', onclick: () => this.#load(false) },
            t('action.retry'),
        );
        this.message.replaceChildren(empty('broken', t('error.title'), words, again));
        this.message.hidden = false;
        this.body.hidden = true;
    }
}
