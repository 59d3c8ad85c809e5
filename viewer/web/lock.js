// lock.js - what stands over the page while nobody is there: nothing of a patient is behind it. And the warning before.

import { icon, loadStyles, make, setText } from './dom.js';
import { loadWords, t } from './i18n.js';
import { later } from './later.js';

let forms = null; // the module, once it is here

export class LockScreen {
    /** page(): what is open now; its blank(true) takes pictures and names off the screen, blank(false) brings them back. */
    constructor(session, page) {
        Object.assign(this, { session, page });
        this.text = make('span');
        this.stay = make('button', { type: 'button', class: 'button' });
        this.warning = make('div', { class: 'lock-warning', role: 'alert', hidden: true }, icon('warning'), this.text, this.stay);
        this.cover = make('div', { class: 'lock', role: 'dialog', 'aria-modal': 'true', hidden: true });
        document.body.append(this.warning, this.cover);
        session.on((what, detail) => this.#happened(what, detail));
    }

    /** What the way back is made of is there before it is needed. */
    async prepare() {
        [forms] = await Promise.all([later(() => import('./access_forms.js')), loadStyles('access'), loadWords('access')]);
    }

    #happened(what, detail) {
        if (what === 'warning') this.#warn(detail);
        if (what === 'calm') this.warning.hidden = true;
        if (what === 'locked') this.show();
        if (what === 'unlocked') this.hide();
        if (what === 'ended') this.#leave(detail);
    }

    #warn(seconds) {
        this.warning.hidden = false;
        setText(this.text, t('lock.warning', { n: seconds }));
        setText(this.stay, t('lock.stay'));
    }

    /** In this turn: nothing is painted any more before the screen is empty. */
    show() {
        this.warning.hidden = true;
        this.#blank(true);
        for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
        if (document.fullscreenElement) document.exitFullscreen();
        this.cover.setAttribute('aria-label', t('lock.title'));
        this.cover.hidden = false;
        if (forms) this.#fill();
        else this.#fillLater();
    }

    /** The line may be down: then the page is as good as another one. */
    async #fillLater() {
        try {
            await this.prepare();
        } catch {
            this.cover.replaceChildren(make('button', { type: 'button', class: 'button', onclick: () => location.reload() }, t('lock.unlock')));
            return;
        }
        if (!this.cover.hidden) this.#fill();
    }

    hide() {
        this.cover.hidden = true;
        this.cover.replaceChildren();
        this.#blank(false);
    }

    #blank(on) {
        document.body.classList.toggle('blanked', on);
        for (const part of document.body.children) if (part !== this.cover) part.inert = on;
        this.page()?.blank?.(on);
    }

    #fill() {
        const { person } = this.session;
        const password = forms.field(t('access.password'), { type: 'password', autocomplete: 'current-password', maxlength: '128', required: true, 'data-again': true });
        const out = make('button', { type: 'button', class: 'button quiet wide', dataset: { action: 'sign-out' }, onclick: () => this.session.signOut() }, t('access.signOut'));
        const made = forms.form({
            title: t('lock.title'),
            text: t('lock.text'),
            parts: [make('p', { class: 'lock-person' }, make('strong', {}, person?.name ?? ''), make('span', {}, person?.facility?.name ?? '')), password.element],
            yes: t('lock.unlock'),
            send: () => this.session.unlock(password.input.value),
            more: [out],
        });
        made.element.classList.add('access-card');
        this.cover.replaceChildren(made.element);
        password.input.focus();
    }

    /** The document goes, and with it all that it kept in memory. */
    #leave(why) {
        this.#blank(true);
        const here = location.pathname + location.search;
        const next = why === 'out' || here === '/' ? '' : `&next=${encodeURIComponent(here)}`;
        location.replace(`/sign-in?why=${why}${next}`);
    }

    translate() {
        if (this.cover.hidden) return;
        this.cover.setAttribute('aria-label', t('lock.title'));
        if (forms) this.#fill();
    }
}
