// main.js - the frame around every page: header, language, and which page is shown.

import { AdminPage } from './admin.js';
import { icon, make, setText } from './dom.js';
import { LANGUAGES, language, onLanguage, setLanguage, start, t } from './i18n.js';
import { startRouter } from './router.js';
import { ListPage } from './study_list.js';
import { ViewerPage } from './viewer.js';

const NAMES = { ja: '日本語', en: 'English' };

class Header {
    constructor() {
        this.name = make('span', { class: 'app-name' });
        this.home = make('a', { class: 'brand', href: '/', 'data-route': true }, icon('bridge', 'logo'), this.name);
        this.back = make('a', { class: 'tool back', href: '/', 'data-route': true }, icon('left'));
        this.middle = make('div', { class: 'header-middle' });
        this.adminName = make('span', {});
        this.admin = make(
            'a',
            { class: 'tool wide admin-link', href: '/admin', 'data-route': true },
            icon('admin'),
            this.adminName,
        );
        this.languages = make(
            'div',
            { class: 'languages', role: 'group' },
            LANGUAGES.map((name) => this.#language(name)),
        );
        this.element = make(
            'header',
            { class: 'app-header' },
            this.back,
            this.home,
            this.middle,
            this.admin,
            this.languages,
        );
    }

    #language(name) {
        return make(
            'button',
            { type: 'button', lang: name, dataset: { language: name }, onclick: () => setLanguage(name) },
            NAMES[name],
        );
    }

    show(page, middle) {
        this.back.hidden = page === 'list';
        this.admin.hidden = page !== 'list';
        this.middle.replaceChildren(...(middle ? [middle] : []));
        this.translate();
    }

    translate() {
        setText(this.name, t('app.name'));
        this.home.setAttribute('aria-label', `${t('app.name')}: ${t('list.title')}`);
        this.back.setAttribute('aria-label', t('action.list'));
        this.back.dataset.tip = t('action.list');
        setText(this.adminName, t('admin.open'));
        this.admin.setAttribute('aria-label', t('admin.open'));
        this.languages.setAttribute('aria-label', t('app.language'));
        for (const button of this.languages.children)
            button.setAttribute('aria-pressed', String(button.dataset.language === language()));
    }
}

/** The picture area shows its focus only to those who move by Tab: it has the focus nearly always. */
function watchTabbing() {
    document.addEventListener('keydown', (event) => {
        if (event.key === 'Tab') document.body.classList.add('tabbing');
    });
    document.addEventListener('pointerdown', () => document.body.classList.remove('tabbing'));
}

async function run() {
    watchTabbing();
    await start();
    const header = new Header();
    const root = make('div', { class: 'page' });
    document.body.replaceChildren(header.element, root);
    let page = null;
    let router = null;
    const go = (path) => router.go(path);
    const open = (route) => {
        if (route.page === 'study') return new ViewerPage(root, route.studyId, go);
        return route.page === 'admin' ? new AdminPage(root, route.section) : new ListPage(root, go);
    };
    router = startRouter((route) => {
        if (route.page === 'admin' && page instanceof AdminPage) {
            page.go(route.section);
            return;
        }
        page?.close();
        document.body.dataset.page = route.page;
        page = open(route);
        header.show(route.page, page.person);
    });
    onLanguage(() => {
        header.translate();
        page.translate();
    });
}

run();
