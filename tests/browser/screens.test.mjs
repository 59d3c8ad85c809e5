// Every screen as an eye would find it, at the sizes that it is read at and in both languages: no words cut off or one upon the other, enough contrast,
// targets for a finger, names for every control (tests/lib/look.mjs); dialogs and menus by keyboard alone, and back to where one was.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { faults } from '../lib/look.mjs';
import { firstLink } from '../lib/people.mjs';
import { ctFiles, Service } from '../lib/service.mjs';

const SIZES = [
    { width: 1280, height: 720 },
    { width: 2560, height: 1440 },
    { width: 820, height: 1180, touch: true },
];
let service, doors, browser, study;

before(async () => {
    service = await Service.start({ files: ctFiles() });
    doors = await Service.start({ settings: { access: { accounts: 'on' } } });
    [study] = await service.studies();
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
    await doors?.stop();
});

const open = (target, options, base = service.url) => at.openPage(browser, base, target, options);
/** Nothing is wrong with the page as it is now, or becomes in a moment. */
const looks = (page, { touch, language }, where) => at.soon(async () => ({ where, faults: await faults(page, { touch, language }) }), { where, faults: [] });

// ---- what the screens show: the longest names there are

const WORDS = {
    ja: { name: { alphabetic: 'Kadenokouji^Hananosukezaemon', ideographic: '勘解由小路^花之介左衛門', phonetic: 'かでのこうじ^はなのすけざえもん' }, what: '胸部〜骨盤部 単純および造影ダイナミックCT（肝細胞癌術後経過観察）', where: '独立行政法人かけはし地域中核総合医療センター附属病院', reason: '病院側で 60 件が拒否されました' },
    en: { name: { alphabetic: 'Featherstonehaugh-Cholmondeley^Bartholomew Maximilian', ideographic: '', phonetic: '' }, what: 'Chest, abdomen and pelvis, dynamic liver protocol', where: 'Kakehashi Regional Core General Medical Center and University Hospital', reason: '60 objects were refused (A900)' },
};
const made = (language, id, more = {}) => ({
    id,
    uid: `1.2.${id}`,
    date: '20261103',
    time: '101500',
    description: WORDS[language].what,
    accession: `A2026110300${id}`,
    institution: WORDS[language].where,
    facility: 'city-hospital',
    patient: { id: `K-00000000${id}`, birth_date: '19560214', sex: 'F', name: WORDS[language].name },
    modalities: ['CT', 'PT', 'SR', 'KO'],
    series: 12,
    objects: 4210,
    images: 4200,
    frames: 4200,
    bytes: 1e9,
    away: 0,
    arriving: false,
    first_arrival: '2026-11-20T21:00:00.000Z',
    last_arrival: '2026-11-20T21:01:00.000Z',
    pull: null,
    ...more,
});
const pull = (state, more = {}) => ({ state, expected: 4210, received: 1370, failed: 0, reason: '', ...more });
const several = (language) => [
    made(language, 1),
    made(language, 2, { pull: pull('running') }),
    made(language, 3, { pull: pull('partial', { received: 4150, failed: 60, reason: WORDS[language].reason }) }),
    made(language, 4, { modalities: ['SR'], images: 0, frames: 0, objects: 2 }),
];
const session = (language, more = {}) => ({
    accounts: true,
    signed_in: true,
    locked: false,
    token: 't',
    idle_s: 900,
    locks_in_s: 900,
    ends_in_s: 36000,
    password_days_left: 3,
    person: { login: 'd', name: WORDS[language].name.ideographic.replace('^', ' ') || 'Bartholomew Maximilian', role: 'doctor', facility: { code: 'c', name: WORDS[language].where } },
    ...more,
});

async function withPeople(page, language, more) {
    const patient = { id: 7, number: 'Y-0012', birth_date: '19560214', sex: 'F', name: WORDS[language].name };
    const sources = ['city-hospital', 'center'].map((facility, n) => ({ facility, name: `${WORDS[language].where} ${n + 1}`, by: n ? 'emergency' : 'grant', until: '2027-11-20T03:00:00.000Z' }));
    const hospitals = sources.map(({ facility, name }) => ({ code: facility, name }));
    await page.route(/\/api\/session$/, (route) => route.fulfill({ json: session(language, more) }));
    await page.route(/\/api\/session\/alive$/, (route) => route.fulfill({ json: session(language, more) }));
    await page.route(/\/api\/patients\?/, (route) => route.fulfill({ json: { patients: [{ ...patient, sources }] } }));
    await page.route(/\/api\/patients\/\d+$/, (route) => route.fulfill({ json: { patient, sources, more: false, studies: several(language) } }));
    await page.route(/\/api\/emergency$/, (route) => route.fulfill({ json: { may: true, minutes: 240, reason_min: 10, hospitals } }));
}

// ---- each screen

/** name: open it, and see that it is well. */
const SCREENS = {
    async list(size) {
        const page = await open('/', { ...size, route: (one) => one.route(/\/api\/studies\?/, (route) => route.fulfill({ json: { total: 4, studies: several(size.language) } })) });
        await page.locator('tr[data-study]').first().waitFor();
        await looks(page, size, 'the list');
        await page.unroute(/\/api\/studies\?/);
        await page.fill('input[type=search]', 'nobody of this name');
        await page.locator('.list-message:not([hidden]) h1').waitFor();
        await looks(page, size, 'nothing found');
        await page.route(/\/api\/studies\?/, (route) => route.abort());
        await page.fill('input[type=search]', 'nobody');
        await page.locator('.list-message .button.primary').waitFor();
        await looks(page, size, 'no answer');
        return page;
    },
    async patients(size) {
        const page = await open('/', { ...size, route: (one) => withPeople(one, size.language) });
        await page.locator('.way-text').waitFor();
        for (const way of ['number', 'card', 'kana']) {
            await page.click(`[data-way="${way}"]`);
            await looks(page, size, `the search by ${way}`);
        }
        await page.click('.button.warn');
        await page.locator('.emergency').waitFor();
        await looks(page, size, 'emergency access');
        await page.keyboard.press('Escape');
        await page.click('[data-way="number"]');
        await page.fill('.way-text', 'Y-0012');
        await page.click('.way-form .primary');
        await page.locator('[data-patient]').first().waitFor();
        await looks(page, size, 'who was found');
        await page.click('[data-patient] a');
        await page.locator('[data-study]').first().waitFor();
        await looks(page, size, 'the time line');
        return page;
    },
    async doors(size) {
        const page = await open('/sign-in', size, doors.url);
        await page.locator('input[autocomplete=username]').waitFor();
        await looks(page, size, 'signing in');
        await page.goto(`${doors.url}/welcome/${firstLink(doors)}`);
        await page.locator('input[autocomplete=new-password]').first().waitFor();
        await looks(page, { ...size, language: null }, 'the welcome'); // the office's first account has an English name
        await page.goto(`${doors.url}/welcome/${'x'.repeat(43)}`);
        await page.locator('.access-card h1, .access h1').first().waitFor();
        await looks(page, size, 'a link that is over');
        return page;
    },
    async lock(size) {
        const locked = { locked: true };
        const page = await open(`/studies/${study.id}`, { ...size, route: (one) => withPeople(one, size.language, locked) });
        await page.locator('.lock:not([hidden]) input').waitFor();
        await looks(page, size, 'the lock');
        return page;
    },
    async admin(size) {
        const page = await open('/admin', size);
        for (const section of ['nodes', 'queue', 'failures', 'associations', 'arrivals', 'refusals', 'findings', 'changes']) {
            await page.goto(`${service.url}/admin/${section}`);
            await page.locator('.admin-body:not([hidden])').waitFor();
            await looks(page, size, `operations, ${section}`);
        }
        await page.fill('.search-input', study.patient.id);
        await page.locator('.found [data-action]').first().waitFor();
        await looks(page, size, 'operations, found');
        for (const action of ['correct', 'delete']) {
            await page.locator(`.found [data-action="${action}"]`).first().click();
            await page.locator('dialog.ask').waitFor();
            await looks(page, size, `operations, ${action}`);
            await page.keyboard.press('Escape');
            await page.locator('dialog.ask').waitFor({ state: 'detached' });
        }
        return page;
    },
    async display(size) {
        const page = await open('/display', size);
        await page.locator('canvas.display-pattern').waitFor();
        await looks(page, size, 'the display check');
        return page;
    },
    async viewer(size) {
        const page = await viewer(size);
        await looks(page, size, 'the viewer');
        for (const menu of await page.locator('.toolbar [data-menu]:visible:enabled').evaluateAll((all) => all.map((one) => one.dataset.menu))) {
            await page.click(`.toolbar [data-menu="${menu}"]`);
            await page.locator(`.toolbar [data-menu="${menu}"][aria-expanded=true]`).waitFor();
            await looks(page, size, `the menu ${menu}`);
            await page.keyboard.press('Escape');
        }
        for (const [key, selector] of DIALOGS) {
            await page.keyboard.press(key);
            await page.locator(selector).waitFor();
            await looks(page, size, selector);
            await page.keyboard.press('Escape');
            await page.locator(selector).waitFor({ state: 'detached' });
        }
        await page.keyboard.press('Shift+p');
        await page.locator('.simple-out').waitFor();
        await looks(page, size, 'shown to the patient');
        await page.keyboard.press('Escape');
        for (const layout of ['2x2', '3x3']) {
            await page.click('[data-menu=layout]');
            await page.click(`[data-action="layout.${layout}"]`);
            await page.locator(`.grid[data-layout="${layout}"]`).waitFor();
            await looks(page, size, layout);
        }
        return page;
    },
};
const DIALOGS = [
    ['Shift+n', '.small-dialog'],
    ['Shift+o', '.small-dialog'],
    ['?', 'dialog.help'],
    ['q', 'dialog.take'],
];

/** The study with all its parts. */
async function viewer(options) {
    const page = await open(`/studies/${study.id}`, options);
    await at.pictureReady(page);
    await at.eventually(page, 'the parts', () => document.querySelector('[data-action="simple"]') && document.querySelector('[data-menu="measure"]'));
    await page.locator('.picture-area[data-step=exact]').waitFor();
    return page;
}

for (const size of SIZES) {
    for (const language of ['ja', 'en']) {
        for (const [name, visit] of Object.entries(SCREENS)) {
            test(`${name}, ${size.width} x ${size.height}, ${language}`, async () => {
                const page = await visit({ ...size, language });
                assert.deepEqual(page.troubles, []);
                await at.closePage(page);
            });
        }
    }
}

// ---- by keyboard

const focused = (page) => page.evaluate(() => [document.activeElement.localName, ...document.activeElement.classList, document.activeElement.dataset.menu ?? ''].join('.'));

test('a dialog of the viewer is opened and closed by keys, and the focus is back where it was', async () => {
    const page = await viewer({ language: 'en' });
    await page.locator('.picture-area').focus();
    const before = await focused(page);
    for (const [key, selector] of DIALOGS) {
        await page.keyboard.press(key);
        await page.locator(selector).waitFor();
        await at.soon(() => page.evaluate((wanted) => document.querySelector(wanted).contains(document.activeElement), selector), true, `${selector} has the focus`);
        await page.keyboard.press('Escape');
        await page.locator(selector).waitFor({ state: 'detached' });
        await at.soon(() => focused(page), before, `after ${selector}`);
    }
    await at.closePage(page);
});

test('a menu of the toolbar is opened, walked and left by keys, and its button has the focus again', async () => {
    const page = await viewer({ language: 'en' });
    for (const menu of await page.locator('.toolbar [data-menu]:visible:enabled').evaluateAll((all) => all.map((one) => one.dataset.menu))) {
        const button = page.locator(`.toolbar [data-menu="${menu}"]`);
        await button.focus();
        await page.keyboard.press('Enter');
        await at.soon(() => button.getAttribute('aria-expanded'), 'true', menu);
        await page.keyboard.press('ArrowDown');
        await at.soon(() => page.evaluate(() => document.activeElement.closest('.menu') !== null), true, `${menu} is walked`);
        await page.keyboard.press('Escape');
        await at.soon(() => button.getAttribute('aria-expanded'), (value) => value !== 'true', menu);
        await at.soon(() => button.evaluate((one) => one === document.activeElement), true, `${menu} is left`);
    }
    await at.closePage(page);
});

test('whatever Tab comes to shows that it has the focus', async () => {
    for (const target of ['/', `/studies/${study.id}`, '/admin/changes', '/display']) {
        const page = target.startsWith('/studies') ? await viewer({ language: 'en' }) : await open(target, { language: 'en' });
        await page.locator('main, .admin-body, .display').first().waitFor();
        const bare = new Set();
        for (let n = 0; n < 45; n++) {
            await page.keyboard.press('Tab');
            const name = await page.evaluate(() => {
                const one = document.activeElement;
                if (one === document.body || one.matches('.picture-area')) return ''; // its frame is drawn over the picture
                const rings = [one, one.parentElement, one.parentElement.parentElement, one.closest('tr')].filter(Boolean).map((element) => getComputedStyle(element));
                const shown = (rings[0].outlineStyle !== 'none' && Number.parseFloat(rings[0].outlineWidth) >= 1) || rings.some((style) => style.boxShadow !== 'none');
                return shown ? '' : one.outerHTML.slice(0, 80);
            });
            if (name) bare.add(name);
        }
        assert.deepEqual([...bare], [], target);
        await at.closePage(page);
    }
});

test('an address that there is not says so in words, and leads back', async () => {
    const page = await open('/nowhere', { touch: true });
    await page.getByRole('heading', { name: 'このページはありません' }).waitFor();
    await looks(page, { touch: true }, 'no such page');
    await page.click('a.button');
    await page.locator('tr[data-study]').first().waitFor();
    await at.closePage(page);
});

test('twice as large: the page of a small window can still be used', async () => {
    for (const language of ['ja', 'en']) {
        const size = { width: 640, height: 360, language }; // 1280 x 720 at 200 % (WCAG 2.2 1.4.4)
        for (const name of ['list', 'patients', 'doors', 'lock', 'display', 'viewer']) await at.closePage(await SCREENS[name](size));
    }
});
