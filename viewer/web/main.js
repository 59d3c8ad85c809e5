// main.js - the frame around every page: header, language, and which page is shown.

import { AccountPage } from './account.js';
import { AdminPage } from './admin.js';
import { icon, make, setText } from './dom.js';
import { LANGUAGES, language, onLanguage, setLanguage, start, t } from './i18n.js';
import { LockScreen } from './lock.js';
import { PatientsPage } from './patients.js';
import { PatientPage } from './patients_timeline.js';
import { startRouter } from './router.js';
import { Session } from './session.js';
import { SignInPage } from './sign_in.js';
import { ListPage } from './study_list.js';
import { ViewerPage } from './viewer.js';
import { WelcomePage } from './welcome.js';

const NAMES = { ja: '日本語', en: 'English' };

const OUTSIDE = ['sign-in', 'welcome']; // pages of nobody

/** Who is signed in, and the way out (AZ-32). */
class Who {
    constructor(session) {
        this.session = session;
        this.name = make('span', {});
        this.facility = make('span', { class: 'who-facility' });
        this.link = make('a', { class: 'who-link', href: '/account', 'data-route': true }, this.name, this.facility);
        this.outName = make('span', { class: 'sign-out-name' });
        this.out = make(
            'button',
            { type: 'button', class: 'button', dataset: { action: 'sign-out' }, onclick: () => session.signOut() },
            icon('out', 'icon small'),
            this.outName,
        );
        this.element = make('div', { class: 'who' }, this.link, this.out);
    }

    translate() {
        const { person } = this.session;
        setText(this.name, person?.name ?? '');
        setText(this.facility, person?.facility?.name ?? '');
        this.link.setAttribute('aria-label', `${t('account.title')}: ${person?.name ?? ''}, ${person?.facility?.name ?? ''}`);
        setText(this.outName, t('access.signOut'));
        this.out.setAttribute('aria-label', t('access.signOut'));
    }
}

class Header {
    constructor(session) {
        this.who = session.person ? new Who(session) : null;
        this.operates = !session.person || session.person.role === 'office';
        this.name = make('span', { class: 'app-name' });
        this.home = make('a', { class: 'brand', href: '/', 'data-route': true }, icon('bridge', 'logo'), this.name);
        this.back = make('a', { class: 'tool back', href: '/', 'data-route': true }, icon('left'));
        this.middle = make('div', { class: 'header-middle' });
        this.all = make('a', { class: 'tool wide all-studies', href: '/studies', 'data-route': true, hidden: true });
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
            this.all,
            this.admin,
            this.who?.element ?? null,
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

    /** home: the page that is at "/"; from: the list that a study was opened from. */
    show(page, middle, home, from) {
        this.homePage = home;
        this.back.hidden = page === home || OUTSIDE.includes(page);
        this.back.setAttribute('href', page === 'study' ? from : '/');
        this.all.hidden = page !== 'patients';
        this.admin.hidden = page !== 'list' || !this.operates;
        this.middle.replaceChildren(...(middle ? [middle] : []));
        this.translate();
    }

    translate() {
        setText(this.name, t('app.name'));
        const mine = this.homePage === 'patients';
        const back = t(mine ? 'patients.back' : 'action.list');
        this.home.setAttribute('aria-label', `${t('app.name')}: ${t(mine ? 'patients.title' : 'list.title')}`);
        this.back.setAttribute('aria-label', back);
        this.back.dataset.tip = back;
        setText(this.all, t('patients.all'));
        setText(this.adminName, t('admin.open'));
        this.admin.setAttribute('aria-label', t('admin.open'));
        this.who?.translate();
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

/** From 14 days before the password runs out (KN-13). */
class Expiry {
    constructor(session) {
        this.session = session;
        this.text = make('span', {});
        this.link = make('a', { href: '/account', 'data-route': true });
        this.element = make('div', { class: 'expiry', role: 'status' }, this.text, this.link);
        this.translate();
    }

    translate() {
        const days = this.session.state.password_days_left ?? null;
        this.element.hidden = days === null;
        setText(this.text, days === 0 ? t('access.expiryToday') : t('access.expiry', { n: days ?? 0 }));
        setText(this.link, t('access.change'));
    }
}

/** What is at "/": the patients of who reads, the operators' page for the office, all studies without accounts. */
function homeOf(person) {
    if (!person) return 'list';
    return person.role === 'office' ? 'admin' : 'patients';
}

async function run() {
    watchTabbing();
    const session = new Session();
    await Promise.all([start(), session.start().catch(() => {})]);
    const header = new Header(session);
    const expiry = session.person ? new Expiry(session) : null;
    const root = make('div', { class: 'page' });
    document.body.replaceChildren(header.element, ...(expiry ? [expiry.element] : []), root);
    let page = null;
    let router = null;
    const lock = session.person ? new LockScreen(session, () => page) : null;
    const go = (path) => router.go(path);
    const open = (route) => {
        if (route.page === 'sign-in') return new SignInPage(root, session);
        if (route.page === 'welcome') return new WelcomePage(root, route.code, session);
        if (route.page === 'account') return new AccountPage(root, session);
        if (route.page === 'study') return new ViewerPage(root, route.studyId, go);
        if (route.page === 'patient') return new PatientPage(root, route.patientId);
        if (route.page === 'patients') return new PatientsPage(root, go);
        return route.page === 'admin' ? new AdminPage(root, route.section ?? '') : new ListPage(root, go);
    };
    const home = homeOf(session.person);
    let from = '/';
    const show = (asked) => {
        const route = asked.page === 'home' ? { page: home } : asked;
        if (route.page === 'admin' && page instanceof AdminPage) {
            page.go(route.section ?? '');
            return;
        }
        page?.close();
        document.body.dataset.page = route.page;
        page = open(route);
        if (['list', 'patient'].includes(route.page)) from = location.pathname + location.search;
        header.show(route.page, page.person, home, from);
    };
    const begin = () => (router = startRouter(show));
    if (session.locked) {
        lock.show(); // a page that was loaded while the screen is locked shows nothing before it is unlocked
        const stop = session.on((what) => {
            if (what !== 'unlocked') return;
            stop();
            begin();
        });
    } else {
        begin();
    }
    session.on((what) => what === 'unlocked' && header.translate());
    onLanguage(() => {
        header.translate();
        expiry?.translate();
        lock?.translate();
        page?.translate();
    });
}

run();
