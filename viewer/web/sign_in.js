// sign_in.js - the door: login and password, the second factor, and what a first sign-in still owes (a password of one's own, a second factor).

import { askAccount, askSession } from './api.js';
import { codeField, enrol, field, form, newPassword } from './access_forms.js';
import { demoAccounts } from './demo_accounts.js';
import { make } from './dom.js';
import { failureText, t } from './i18n.js';
import { safeNext } from './session.js';

export class SignInPage {
    constructor(root, session) {
        this.session = session;
        this.query = new URLSearchParams(location.search);
        this.card = make('div', { class: 'access-card' });
        this.notice = make('p', { class: 'access-notice', role: 'status' });
        this.rules = make('p', { class: 'access-rules' });
        this.demo = make('div');
        root.replaceChildren(make('main', { class: 'access' }, this.notice, this.card, this.demo, this.rules));
        document.title = t('app.name');
        this.#show(session.state.signed_in ? 'done' : (session.state.step ?? 'password'));
    }

    close() {}

    /** "password", "second-factor", "recovery", "change" a one-time password, "enrol" a second factor; "done". */
    #show(step) {
        this.step = step;
        this.#words();
        this.#showDemo();
        if (step === 'done') location.replace(safeNext(this.query.get('next')));
        else if (step === 'enrol') enrol(this.card, () => this.#after()).catch((error) => this.#failed(error));
        else this.#form(step);
    }

    #words() {
        const why = this.query.get('why');
        this.notice.textContent = ['out', 'time', 'elsewhere'].includes(why) && this.step === 'password' ? t(`access.why.${why}`) : '';
        this.notice.hidden = this.notice.textContent === '';
        this.rules.textContent = t('access.rules');
    }

    async #showDemo() {
        const list = this.step === 'password' ? await demoAccounts((account) => this.#signIn(account)) : null;
        this.demo.replaceChildren(...(list && this.step === 'password' ? [list] : []));
    }

    async #signIn({ login, password }) {
        try {
            await this.#next(await askSession('sign-in', { login, password }));
        } catch (error) {
            this.#failed(error);
        }
    }

    #form(step) {
        const made = { password: () => this.#password(), 'second-factor': () => this.#code(false), recovery: () => this.#code(true), change: () => this.#change() }[step]();
        this.card.replaceChildren(made.element);
        made.element.querySelector('input')?.focus();
    }

    #password() {
        const login = field(t('access.login'), { autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', maxlength: '64', required: true });
        const password = field(t('access.password'), { type: 'password', autocomplete: 'current-password', maxlength: '128', required: true, 'data-again': true });
        login.input.value = this.login ?? '';
        return form({
            title: t('access.signIn'),
            parts: [login.element, password.element],
            yes: t('access.signIn'),
            send: async () => {
                this.login = login.input.value.trim();
                await this.#next(await askSession('sign-in', { login: this.login, password: password.input.value }));
            },
            more: [make('p', { class: 'soft small' }, t('access.forgotten'))],
        });
    }

    #code(recovery) {
        const code = codeField(recovery);
        const other = make(
            'button',
            { type: 'button', class: 'button quiet wide', onclick: () => this.#show(recovery ? 'second-factor' : 'recovery') },
            t(recovery ? 'access.useCode' : 'access.useRecovery'),
        );
        const back = make('button', { type: 'button', class: 'button quiet wide', onclick: () => this.#again() }, t('access.again'));
        return form({
            title: t('access.second'),
            text: t(recovery ? 'access.secondRecoveryText' : 'access.secondText'),
            parts: [code.element],
            yes: t('access.go'),
            send: async () => this.#next(await askSession('second-factor', { code: code.input.value.replace(/\s/g, '') })),
            more: [other, back],
        });
    }

    #change() {
        const password = newPassword(this.session.state.password_min ?? 13);
        return form({
            title: t('access.changeTitle'),
            text: t('access.changeText'),
            parts: password.elements,
            yes: t('access.change'),
            send: async () => this.#next(await askAccount('password', { new: password.value() })),
        });
    }

    async #again() {
        await askSession('sign-out', {}).catch(() => {});
        await this.session.refresh();
        this.#show('password');
    }

    /** What is owed now; the cookie is another, and so is the token. */
    async #next({ step }) {
        await this.session.refresh();
        this.#show(step);
    }

    async #after() {
        await this.#next({ step: (await this.session.refresh()).step ?? 'done' });
    }

    #failed(error) {
        this.card.replaceChildren(make('p', { class: 'form-problem', role: 'alert' }, failureText(error)));
    }

    translate() {
        if (this.step !== 'enrol' && this.step !== 'done') this.#show(this.step);
        else this.#words();
    }
}
