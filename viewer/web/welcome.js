// welcome.js - what a one-time link leads to: the first account of the office, or an invitation. A password of one's own, then the second factor.

import { askSession, askWelcome, getWelcome } from './api.js';
import { enrol, field, form, newPassword, problemText } from './access_forms.js';
import { icon, make } from './dom.js';
import { t } from './i18n.js';

export class WelcomePage {
    constructor(root, code, session) {
        Object.assign(this, { code, session });
        this.card = make('div', { class: 'access-card' });
        this.rules = make('p', { class: 'access-rules' });
        root.replaceChildren(make('main', { class: 'access' }, this.card, this.rules));
        document.title = t('app.name');
        this.#load();
    }

    close() {}

    async #load() {
        this.rules.textContent = t('access.rules');
        try {
            this.invited = await getWelcome(this.code);
            this.#form();
        } catch (error) {
            this.gone = error;
            this.#gone();
        }
    }

    #gone() {
        const known = this.gone.status === 404;
        this.card.replaceChildren(
            make(
                'div',
                { class: 'access-form' },
                icon('broken', 'icon large'),
                make('h1', {}, t(known ? 'access.linkGone' : 'error.title')),
                make('p', { class: 'soft' }, known ? t('access.linkGoneText') : problemText(this.gone)),
                make('a', { class: 'button', href: '/sign-in' }, t('access.signIn')),
            ),
        );
    }

    #form() {
        const login = field(t('access.login'), { autocomplete: 'username', readonly: true });
        const password = newPassword(this.invited.password_min);
        login.input.value = this.invited.login;
        const made = form({
            title: t('access.welcome'),
            text: t('access.welcomeText', { name: this.invited.name, facility: this.invited.facility }),
            parts: [login.element, ...password.elements],
            yes: t('access.go'),
            send: async () => {
                const chosen = password.value();
                await askWelcome(this.code, { password: chosen });
                await this.#signIn(chosen);
            },
        });
        this.card.replaceChildren(made.element);
        password.input.focus();
    }

    /** The link is used up; the password that was just chosen opens the account. */
    async #signIn(password) {
        this.step = 'signing-in';
        try {
            const { step } = await askSession('sign-in', { login: this.invited.login, password });
            await this.#next(step);
        } catch {
            location.replace('/sign-in');
        }
    }

    async #next(step) {
        await this.session.refresh();
        if (step === 'enrol') await enrol(this.card, async () => this.#next((await this.session.refresh()).step ?? 'done'));
        else location.replace(step === 'done' ? '/' : '/sign-in');
    }

    translate() {
        this.rules.textContent = t('access.rules');
        if (this.gone) this.#gone();
        else if (this.invited && !this.step) this.#form();
    }
}
