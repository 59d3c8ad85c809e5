// account.js - what a person can see and change of the own account: password, second factor, tokens for programs, and where one is signed in.

import { askAccount, getAccount } from './api.js';
import { enrol, field, form, newPassword, problemText, recoveryCodes } from './access_forms.js';
import { icon, make } from './dom.js';
import * as format from './format.js';
import { language, t } from './i18n.js';

const SCOPES = ['find', 'view', 'take', 'store'];

const when = (text) => (text ? format.minuteTime(Date.parse(text), language()) : t('account.never'));

export class AccountPage {
    constructor(root, session) {
        this.session = session;
        this.person = make('h1', { class: 'page-title' });
        this.element = make('main', { class: 'account' });
        root.replaceChildren(this.element);
        this.#load();
    }

    close() {
        this.closed = true;
    }

    blank(on) {
        if (on) this.element.replaceChildren();
        else this.#load();
    }

    async #load() {
        this.person.textContent = t('account.title');
        document.title = `${t('account.title')}  ${t('app.name')}`;
        try {
            this.account = await getAccount();
        } catch (error) {
            this.element.replaceChildren(make('p', { class: 'form-problem', role: 'alert' }, problemText(error)));
            return;
        }
        if (!this.closed && !this.session.locked) this.#show();
    }

    #show() {
        this.element.replaceChildren(this.#who(), this.#password(), this.#factor(), this.#sessions(), this.#tokens());
    }

    #card(name, ...children) {
        return make('section', { class: 'account-card', dataset: { part: name }, 'aria-label': t(`account.${name}`) }, make('h2', {}, t(`account.${name}`)), children);
    }

    #who() {
        const { person, password, totp } = this.account;
        const row = (label, value) => make('div', {}, make('dt', {}, label), make('dd', {}, value));
        const changed = t('account.changedOn', { when: when(password.changed) });
        const ends = password.ends ? t('account.endsOn', { when: when(password.ends) }) : t('account.noExpiry');
        return this.#card(
            'person',
            make(
                'dl',
                {},
                row(t('access.name'), person.name),
                row(t('access.login'), person.login),
                row(t('account.role'), t(`role.${person.role}`)),
                row(t('account.facility'), person.facility?.name ?? '–'),
                row(t('access.password'), `${changed} ${ends}`),
                row(t('access.second'), t(totp ? 'account.on' : 'account.off')),
            ),
        );
    }

    #password() {
        const old = field(t('access.oldPassword'), { type: 'password', autocomplete: 'current-password', required: true, maxlength: '128' });
        const password = newPassword(this.account.password.min);
        const made = form({
            parts: [old.element, ...password.elements],
            yes: t('access.change'),
            send: async () => {
                await askAccount('password', { old: old.input.value, new: password.value() });
                made.element.replaceWith(make('p', { class: 'done', role: 'status' }, icon('check', 'icon small'), t('account.changed')));
                await this.session.refresh();
            },
        });
        return this.#card('password', made.element);
    }

    #ownPassword() {
        return field(t('access.password'), {
            type: 'password',
            autocomplete: 'current-password',
            required: true,
            maxlength: '128',
            'data-again': true,
        });
    }

    #factor() {
        const place = make('div');
        const { totp, recovery_left: left } = this.account;
        const password = this.#ownPassword();
        const made = form({
            text: t(totp ? 'account.factorOn' : 'account.factorOff', { n: left }),
            parts: [password.element],
            yes: t(totp ? 'account.factorRenew' : 'account.factorBegin'),
            send: () => enrol(place, () => this.#load(), { level: 'h3', password: password.input.value }),
        });
        place.append(made.element);
        return this.#card('factor', place);
    }

    #sessions() {
        const rows = this.account.sessions.map((one) =>
            make(
                'li',
                {},
                make(
                    'div',
                    {},
                    make('strong', {}, one.terminal || one.address),
                    one.terminal ? make('span', {}, one.address) : null,
                    one.current ? make('span', { class: 'mark good' }, t('account.here')) : null,
                ),
                make('small', {}, t('account.since', { began: when(one.began), used: when(one.used) })),
                one.current ? null : this.#act(t('account.endOne'), () => askAccount(`sessions/${one.id}/end`, {})),
            ),
        );
        const others = this.account.sessions.some((one) => !one.current);
        return this.#card(
            'sessions',
            make('ul', { class: 'rows' }, rows),
            others ? this.#act(t('account.end'), () => askAccount('sessions/end', {})) : null,
        );
    }

    #act(label, work) {
        const button = make('button', { type: 'button', class: 'button' }, label);
        button.addEventListener('click', async () => {
            button.disabled = true;
            try {
                await work();
                await this.#load();
            } catch (error) {
                button.after(make('p', { class: 'form-problem', role: 'alert' }, problemText(error)));
                button.disabled = false;
            }
        });
        return button;
    }

    #tokens() {
        const rows = this.account.tokens.map((one) =>
            make(
                'li',
                {},
                make('div', {}, make('strong', {}, one.name), make('span', { class: 'mark' }, one.scopes.split(',').map((scope) => t(`scope.${scope}`)).join(', '))),
                make('small', {}, t('account.tokenTimes', { made: when(one.made), ends: when(one.ends) }), ' ', one.used ? t('account.tokenUsed', { used: when(one.used) }) : t('account.tokenUnused')),
                this.#act(t('account.revoke'), () => askAccount(`tokens/${one.id}/revoke`, {})),
            ),
        );
        return this.#card('tokens', make('p', { class: 'soft' }, t('account.tokensText')), make('ul', { class: 'rows' }, rows), this.#makeToken());
    }

    #makeToken() {
        const name = field(t('account.tokenName'), { maxlength: '64', required: true, autocomplete: 'off' });
        const days = field(t('account.tokenDays'), { type: 'number', min: '1', max: String(this.account.token_days_max ?? 365), value: '90', required: true });
        const password = this.#ownPassword();
        const boxes = SCOPES.map((scope) => make('input', { type: 'checkbox', value: scope, checked: scope === 'find' || scope === 'view' }));
        const made = form({
            title: t('account.tokenMake'),
            level: 'h3',
            parts: [
                name.element,
                days.element,
                make('fieldset', {}, make('legend', {}, t('account.scopes')), boxes.map((box) => make('label', { class: 'check' }, box, t(`scope.${box.value}`)))),
                password.element,
            ],
            yes: t('account.tokenMake'),
            send: async () => {
                const scopes = boxes.filter((box) => box.checked).map((box) => box.value);
                const { token } = await askAccount('tokens', {
                    name: name.input.value.trim(),
                    days: Number(days.input.value),
                    scopes: scopes.join(','),
                    password: password.input.value,
                });
                made.element.replaceWith(recoveryShown(token, () => this.#load()));
            },
        });
        return made.element;
    }

    translate() {
        this.person.textContent = t('account.title');
        if (this.account && !this.session.locked) this.#show();
    }
}

/** A token, shown once. */
function recoveryShown(token, done) {
    const shown = recoveryCodes([token], done, 'h3');
    shown.querySelector('h3').textContent = t('account.tokenMade');
    shown.querySelector('.soft').textContent = t('account.tokenMadeText');
    return shown;
}
