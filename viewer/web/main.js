// main.js - the frame around every page: header, language, and which page is shown.

import { getStudy } from './api.js';
import { icon, loadStyles, make, preload, setText } from './dom.js';
import { LANGUAGES, language, loadWords, onLanguage, setLanguage, start, t } from './i18n.js';
import { later, wasRenewed } from './later.js';
import { LockScreen } from './lock.js';
import { PatientsPage } from './patients.js';
import { parse, startRouter } from './router.js';
import { Session } from './session.js';
import { SOON, VIEWER } from './viewer_modules.js';

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
        this.link.title = [person?.name, person?.facility?.name].filter(Boolean).join('\n'); // where there is no room for them
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

const NEXT_AFTER_MS = 100; // of a page that answers already: what the next click needs, sooner when the page shows what it was opened for
const NEXT_AFTER_OTHERS_MS = 5000; // those that have much of their own to load
const RENEWED_MS = 8000;

/** Pages that come when they are asked for: what they are made of beside the page itself, all of it asked for at once, not one import after the other,
 *  and how. ask(route): what they show, on its way before anything else. */
const LATER = {
    list: { ahead: SOON, module: () => import('./study_list.js'), make: ({ ListPage }, { root, go }) => new ListPage(root, go) },
    patient: { ahead: SOON, module: () => import('./patients_timeline.js'), make: ({ PatientPage }, { root, route }) => new PatientPage(root, route.patientId) },
    'sign-in': { module: () => import('./sign_in.js'), styles: ['access'], words: ['access'], make: ({ SignInPage }, { root, session }) => new SignInPage(root, session) },
    welcome: { module: () => import('./welcome.js'), styles: ['access'], words: ['access'], make: ({ WelcomePage }, { root, session, route }) => new WelcomePage(root, route.code, session) },
    account: { module: () => import('./account.js'), styles: ['access'], words: ['access'], make: ({ AccountPage }, { root, session }) => new AccountPage(root, session) },
    admin: {
        module: () => import('./admin.js'),
        styles: ['admin', 'admin_tables', 'admin_parts'],
        words: ['admin'],
        make: ({ AdminPage }, { root, route }) => new AdminPage(root, route.section ?? ''),
    },
    study: {
        ahead: VIEWER,
        module: () => import('./viewer.js'),
        styles: ['viewer'],
        words: ['viewer', 'layout'],
        ask: ({ studyId }) => getStudy(studyId),
        make: ({ ViewerPage }, { root, route, go, asked }) => new ViewerPage(root, route.studyId, go, asked),
    },
    display: { module: () => import('./display_check.js'), styles: ['display'], words: ['display'], make: ({ DisplayPage }, { root }) => new DisplayPage(root) },
};

/** The files that a page is made of beside its module are on their way before that names them. */
function askAhead({ ahead = [], styles = [] }) {
    preload(ahead);
    return Promise.all(styles.map(loadStyles));
}

/** A page's module, once all is here that it is made of; from then on it is page.loaded. */
async function load(page) {
    const { module, words = [], ...rest } = page;
    [page.loaded] = await Promise.all([later(module), askAhead(rest), ...words.map(loadWords)]);
    return page.loaded;
}

/** The page, in this turn where all of it is here; else a promise of what builds it. */
function openLater(page, place) {
    const asked = page.ask?.(place.route);
    asked?.catch(() => {}); // the page that it is for tells why
    const build = (loaded) => page.make(loaded, { ...place, asked });
    return page.loaded ? build(page.loaded) : load(page).then((loaded) => () => build(loaded));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The page answers: what the next click opens comes while nobody waits for it, and is made ready to run; then what comes after that, unless the click was
 *  made meanwhile. */
async function prepareNext(from, lock, isShown) {
    const study = () => load(LATER.study);
    const lists = () => Promise.all([load(LATER.list), load(LATER.patient), lock?.prepare()]);
    const order = { patients: [lists, study], list: [study, lists], patient: [study, lists] }[from] ?? [lists];
    for (const prepare of order) if (isShown()) await prepare();
}

/** Told once to who finds the page loaded anew. */
function tellRenewed() {
    const note = make('div', { class: 'renewed', role: 'status' }, t('app.renewed'));
    document.body.append(note);
    setTimeout(() => note.remove(), RENEWED_MS);
}

/** What is at "/": the patients of who reads, the operators' page for the office, all studies without accounts. */
function homeOf(person) {
    if (!person) return 'list';
    return person.role === 'office' ? 'admin' : 'patients';
}

async function run() {
    watchTabbing();
    const first = LATER[parse(location.pathname).page] ?? {};
    askAhead(first);
    const session = new Session();
    await Promise.all([start(first.words), session.start().catch(() => {})]);
    const header = new Header(session);
    const expiry = session.person ? new Expiry(session) : null;
    const root = make('div', { class: 'page' });
    document.body.replaceChildren(header.element, ...(expiry ? [expiry.element] : []), root);
    let page = null;
    let router = null;
    const lock = session.person ? new LockScreen(session, () => page) : null;
    const go = (path) => router.go(path);
    const open = (route) => {
        if (route.page === 'patients') return new PatientsPage(root, go);
        return openLater(LATER[route.page] ?? LATER.list, { root, session, route, go });
    };
    const home = homeOf(session.person);
    let from = '/';
    let asked = 0; // pages so far: one that comes late shows nothing when another was asked for meanwhile
    const showing = (route, opened) => {
        page = opened;
        if (session.locked) page.blank?.(true);
        if (['list', 'patient'].includes(route.page)) from = location.pathname + location.search;
        header.show(route.page, page.person, home, from);
        if (OUTSIDE.includes(route.page)) return;
        const soon = ['patients', 'list', 'patient'].includes(route.page);
        const rested = [page.listed, pause(soon ? NEXT_AFTER_MS : NEXT_AFTER_OTHERS_MS)].filter(Boolean);
        Promise.race(rested).then(() => prepareNext(route.page, lock, () => page === opened)).catch(() => {});
    };
    const show = async (wanted) => {
        const route = wanted.page === 'home' ? { page: home } : wanted;
        const number = ++asked;
        if (route.page === 'admin' && page?.section !== undefined) {
            page.go(route.section ?? '');
            return;
        }
        page?.close();
        page = null;
        document.body.dataset.page = route.page;
        const opened = open(route);
        if (!(opened instanceof Promise)) {
            showing(route, opened);
            return;
        }
        const build = await opened;
        if (number === asked) showing(route, build());
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
    if (wasRenewed()) tellRenewed();
    session.on((what) => what === 'unlocked' && header.translate());
    onLanguage(() => {
        header.translate();
        expiry?.translate();
        lock?.translate();
        page?.translate();
    });
}

run();
