// "My patients" in a real browser: three ways to search and no fourth (TB-6), the time line over all hospitals with source and notice (AZ-27),
// emergency access. The service's answers are made up here; tests/portal/test_patients.c asks for the real ones.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service } from '../lib/service.mjs';

let base, service, browser;

before(async () => {
    if (!process.env.KH_URL) service = await Service.start({ files: ctFiles().slice(0, 3) });
    base = process.env.KH_URL ?? service.url;
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const patient = {
    id: 7,
    number: 'Y-0012',
    birth_date: '19560214',
    sex: 'F',
    name: { alphabetic: 'Yamada^Hanako', ideographic: '山田^花子', phonetic: 'やまだ^はなこ' },
};
const sources = [
    { facility: 'city', name: '架け橋市民病院', by: 'grant', until: '2027-11-20T03:00:00.000Z' },
    { facility: 'center', name: '県立医療センター', by: 'emergency', until: '2026-11-21T03:00:00.000Z' },
];
const study = (id, more = {}) => ({
    id,
    uid: `1.2.${id}`,
    date: '20261103',
    time: '101500',
    description: '胸腹部CT',
    accession: `A${id}`,
    institution: '',
    facility: 'city',
    patient: { id: 'C-1001', birth_date: '19560214', sex: 'F', name: patient.name },
    modalities: ['CT'],
    series: 2,
    objects: 421,
    images: 420,
    frames: 420,
    away: 0,
    pull: null,
    arriving: false,
    ...more,
});
const line = {
    patient,
    sources,
    more: false,
    studies: [
        study(1),
        study(2, { facility: 'center', date: '20260401', modalities: ['MR'], description: '頭部MRI', away: 421 }),
        study(3, { date: '20250911', pull: { state: 'running', expected: 421, received: 137, failed: 0, reason: '' } }),
    ],
};
const emergency = {
    may: true,
    minutes: 240,
    reason_min: 10,
    hospitals: [
        { code: 'city', name: '架け橋市民病院' },
        { code: 'center', name: '県立医療センター' },
    ],
};
const session = (role) => ({
    accounts: true,
    signed_in: true,
    locked: false,
    token: 't',
    idle_s: 900,
    locks_in_s: 900,
    ends_in_s: 36000,
    person: { login: 'd', name: '医師 太郎', role, facility: { code: 'yamamoto', name: 'やまもと内科' } },
});

/** Answers by path; `asked` collects what the page asked for. */
function answers({ role = 'doctor', found = [{ ...patient, sources }], one = line, offered = emergency, asked = [], taken } = {}) {
    return async (page) => {
        const reply = (pattern, body) =>
            page.route(pattern, (route) => {
                asked.push(`${route.request().method()} ${decodeURIComponent(new URL(route.request().url()).search)}${route.request().postData() ?? ''}`);
                return typeof body === 'function' ? body(route) : route.fulfill({ json: body });
            });
        await page.route(/\/api\/session$/, (route) => route.fulfill({ json: session(role) }));
        await page.route(/\/api\/session\/alive$/, (route) => route.fulfill({ json: { ends_in_s: 36000 } }));
        await reply(/\/api\/patients\?/, { patients: found });
        await reply(/\/api\/patients\/\d+$/, one);
        await page.route(/\/api\/emergency$/, (route) =>
            route.request().method() === 'POST' ? (asked.push(route.request().postData()), taken(route)) : route.fulfill({ json: offered }),
        );
    };
}

const searchBy = async (page, way, text, birth) => {
    await page.click(`[data-way="${way}"]`);
    await page.fill('.way-text', text);
    if (birth !== undefined) await page.fill('.way-birth', birth);
    await page.click('.way-form .primary');
};

for (const [name, way, text, birth, expected] of [
    ['own number', 'number', ' Y-0012 ', undefined, 'GET ?number=Y-0012'],
    ['card', 'card', '１２３４', undefined, 'GET ?card=1234'],
    ['kana and birth date', 'kana', 'やまだ はなこ', 'S31.2.14', 'GET ?kana=やまだ+はなこ&birth=19560214'],
]) {
    test(`a patient is found by ${name}`, async () => {
        const asked = [];
        const page = await at.openPage(browser, base, '/', { route: answers({ asked }) });
        await searchBy(page, way, text, birth);
        await page.waitForSelector('[data-patient="7"]');
        assert.deepEqual(asked, [expected]);
        const row = await page.textContent('[data-patient="7"]');
        for (const part of ['山田 花子', 'やまだ はなこ', 'Yamada, Hanako', 'Y-0012', '架け橋市民病院', '県立医療センター']) assert.ok(row.includes(part), part);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });
}

for (const [name, text, birth, says] of [
    ['kana alone', 'やまだ', '', '氏名だけでは検索できません'],
    ['a birth date alone', '', '19560214', 'かな氏名を入力'],
    ['a birth date that is none', 'やまだ', '19561314', '日付として読めません'],
]) {
    test(`${name} finds nobody and says so`, async () => {
        const asked = [];
        const page = await at.openPage(browser, base, '/', { route: answers({ asked }) });
        await searchBy(page, 'kana', text, birth);
        await page.locator('.way-fault', { hasText: says }).waitFor();
        assert.equal(await page.locator('[data-patient]').count(), 0);
        assert.deepEqual(asked, [], 'the service is not asked');
        await at.closePage(page);
    });
}

test('nobody is listed without a search, and who is not found is told why that may be', async () => {
    const page = await at.openPage(browser, base, '/', { language: 'en', route: answers({ found: [] }) });
    await page.waitForSelector('.way-text');
    assert.equal(await page.locator('[data-patient]').count(), 0);
    await searchBy(page, 'number', 'X');
    await page.locator('.list-message', { hasText: 'No such patient is open to you' }).waitFor();
    await at.soon(() => page.textContent('.list-message'), /linked/);
    await at.closePage(page);
});

test('the time line: every hospital, newest first, each study with its source, notice and state; one click opens it', async () => {
    const page = await at.openPage(browser, base, '/', { route: answers() });
    await searchBy(page, 'number', 'Y-0012');
    await page.click('[data-patient="7"] a');
    await page.waitForSelector('[data-study="1"]');
    await page.waitForURL('**/patients/7');
    await at.soon(() => page.locator('[data-study]').evaluateAll((rows) => rows.map((row) => row.dataset.study)), ['1', '2', '3']);
    const rows = await at.soon(() => page.locator('[data-study]').allInnerTexts(), (all) => all.length === 3 && all[2].includes('137 / 421'));
    for (const [index, hospital, state] of [
        [0, '架け橋市民病院', '受信済み'],
        [1, '県立医療センター', '病院に保管'],
        [2, '架け橋市民病院', '受信中 137 / 421'],
    ]) {
        assert.ok(rows[index].includes(`提供：${hospital}`), rows[index]);
        assert.ok(rows[index].includes(`${hospital}に帰属`), rows[index]);
        assert.ok(rows[index].includes(state), rows[index]);
    }
    const head = await page.textContent('.patient-head');
    for (const part of ['山田 花子', 'やまだ はなこ', 'Yamada, Hanako', 'Y-0012', '緊急閲覧']) assert.ok(head.includes(part), part);
    await page.click('[data-study="1"] a');
    await page.waitForURL('**/studies/1');
    await page.click('.tool.back');
    await page.waitForURL('**/patients/7');
    await at.closePage(page);
});

test('what is closed while it is looked at leaves the screen', async () => {
    let open = true;
    const one = (route) => (open ? route.fulfill({ json: line }) : route.fulfill({ status: 404, json: { error: 'not_found', message: 'no such patient' } }));
    const page = await at.openPage(browser, base, '/patients/7', { route: answers({ one }) });
    await page.waitForSelector('[data-study="1"]');
    open = false;
    await page.evaluate(() => dispatchEvent(new PopStateEvent('popstate')));
    await page.locator('.list-message', { hasText: 'この患者は閲覧できません' }).waitFor();
    assert.equal(await page.locator('[data-study]').count(), 0);
    assert.ok(!(await page.textContent('.page')).includes('山田'));
    await at.closePage(page);
});

test('emergency access: hospital, who and a reason are demanded; then the patient opens', async () => {
    const asked = [];
    const taken = (route) => route.fulfill({ json: { patient: 7, until: '2026-11-21T03:00:00.000Z' } });
    const page = await at.openPage(browser, base, '/', { route: answers({ asked, taken }) });
    await page.click('.button.warn');
    await page.selectOption('.emergency select', 'center');
    await page.fill('.emergency textarea', '救急');
    await page.click('.emergency .danger');
    await page.locator('.emergency .way-fault', { hasText: '10文字以上' }).waitFor();
    await page.fill('.emergency textarea', '意識不明で救急搬送された');
    await page.click('.emergency .danger');
    await page.locator('.emergency .way-fault', { hasText: 'その病院の患者番号' }).waitFor();
    assert.deepEqual(asked, []);
    await page.fill('.emergency [name=number]', 'M-2005');
    await page.click('.emergency .danger');
    await page.waitForURL('**/patients/7');
    assert.deepEqual(JSON.parse(asked[0]), { facility: 'center', reason: '意識不明で救急搬送された', number: 'M-2005' });
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('who may not take emergency access is not offered it', async () => {
    const page = await at.openPage(browser, base, '/', { route: answers({ role: 'registrar', offered: { may: false, hospitals: [], minutes: 0, reason_min: 0 } }) });
    await page.waitForSelector('.way-text');
    await at.soon(() => page.locator('.button.warn').isVisible(), false);
    await at.closePage(page);
});

for (const [role, selector] of [
    ['doctor', '.way-text'],
    ['office', '.admin-body'],
]) {
    test(`what is at the top for ${role}`, async () => {
        const page = await at.openPage(browser, base, '/', { route: answers({ role }) });
        await page.locator(selector).first().waitFor();
        await at.soon(() => page.getAttribute('body', 'data-page'), role === 'office' ? 'admin' : 'patients');
        await at.closePage(page);
    });
}
