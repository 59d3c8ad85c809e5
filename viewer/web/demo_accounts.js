// demo_accounts.js - the accounts of a demo, on its sign-in page: nothing anywhere else, where the service names none.

import { getDemo } from './api.js';
import { make } from './dom.js';
import { language, t } from './i18n.js';

/** An element with the accounts, null where there are none. pick({login, password}) when one is chosen. */
export async function demoAccounts(pick) {
    const { accounts } = await getDemo().catch(() => ({ accounts: [] }));
    if (accounts.length === 0) return null;
    const row = (account) =>
        make(
            'li',
            {},
            make(
                'button',
                { type: 'button', class: 'demo-account', dataset: { login: account.login }, onclick: () => pick(account) },
                make('b', {}, account.name),
                make('code', {}, account.login),
                make('code', {}, account.password),
                make('small', {}, account[language()]),
            ),
        );
    return make(
        'section',
        { class: 'demo-accounts' },
        make('h2', {}, t('demo.title')),
        make('p', {}, t('demo.text')),
        make('ul', {}, accounts.map(row)),
    );
}
