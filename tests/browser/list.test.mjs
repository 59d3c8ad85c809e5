// The list of studies in a real browser: names in three scripts, search, filters, pages, keys, trouble, and its two languages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service } from '../lib/service.mjs';

let base, service, browser;

before(async () => {
    if (!process.env.KH_URL) service = await Service.start({ files: ctFiles() });
    base = process.env.KH_URL ?? service.url;
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const names = { alphabetic: 'Yamada^Hanako', ideographic: '山田^花子', phonetic: 'やまだ^はなこ' };
/** A study as the API tells it; `more` over it. */
const study = (id, more = {}) => ({
    id,
    uid: `1.2.${id}`,
    date: '20261103',
    time: '101500',
    description: '胸腹部CT',
    accession: `A${id}`,
    institution: '架け橋市民病院',
    facility: 'city-hospital',
    patient: { id: `K-${id}`, birth_date: '19560214', sex: 'F', name: names },
    modalities: ['CT'],
    series: 2,
    objects: 421,
    images: 420,
    frames: 420,
    bytes: 1e8,
    first_arrival: '2026-11-20T21:00:00.000Z',
    last_arrival: '2026-11-20T21:01:00.000Z',
    pull: null,
    ...more,
});
const answer = (route, studies, total = studies.length) => route.fulfill({ json: { total, studies } });
const LIST = /\/api\/studies\?/;
const withList = (studies, total) => (page) => page.route(LIST, (route) => answer(route, studies, total));
const rows = (page) => page.locator('tr[data-study]');

test('what the service holds is listed and opens by a click', async () => {
    const page = await at.openPage(browser, base, '/');
    const { total, studies } = await (await fetch(`${base}/api/studies?limit=50`)).json();
    await rows(page).first().waitFor();
    await at.soon(() => rows(page).count(), studies.length);
    await at.soon(() => page.textContent('.total'), new RegExp(`^${total} 件`));
    await at.shot(page, 'list-ja-1280');
    const first = studies.find((one) => one.frames > 0);
    await page.click(`tr[data-study="${first.id}"] .col-description`);
    await page.waitForURL(`**/studies/${first.id}*`);
    await at.pictureReady(page);
    await page.goBack();
    await rows(page).first().waitFor();
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a name is read in three scripts, the one of the language first', async () => {
    for (const [language, main, others] of [
        ['ja', '山田 花子', ['やまだ はなこ', 'Yamada, Hanako']],
        ['en', 'Yamada, Hanako', ['やまだ はなこ', '山田 花子']],
    ]) {
        const page = await at.openPage(browser, base, '/', { language, route: withList([study(1)]) });
        await rows(page).first().waitFor();
        await at.soon(() => page.textContent('.name'), main);
        const text = await rows(page).first().innerText();
        for (const other of others) assert.ok(text.includes(other), other);
        assert.ok(text.includes('K-1'));
        await at.closePage(page);
    }
});

test('states are told: complete, arriving, partial with its reason, without pictures', async () => {
    const pull = (state, more = {}) => ({ state, expected: 421, received: 137, failed: 0, reason: '', ...more });
    const page = await at.openPage(browser, base, '/', {
        route: withList([
            study(1, { pull: pull('complete', { received: 421 }) }),
            study(2, { pull: pull('running') }),
            study(3, { pull: pull('partial', { received: 415, failed: 6, reason: '6 refused (A900)' }) }),
            study(4, { modalities: ['SR'], images: 0, frames: 0, objects: 2 }),
        ]),
    });
    await rows(page).first().waitFor();
    const state = (n) => rows(page).nth(n).locator('.col-state');
    await at.soon(() => state(0).innerText(), /受信済み/);
    await at.soon(() => state(1).innerText(), /137 \/ 421/);
    await at.soon(() => state(1).locator('progress').getAttribute('value'), '137');
    await at.soon(() => state(2).innerText(), /415 \/ 421[^]*6 refused \(A900\)/);
    await at.soon(() => state(3).innerText(), /画像なし/);
    await at.shot(page, 'list-ja-states');
    await at.closePage(page);
});

test('search and filters go to the service, once typing pauses, and stay in the address', async () => {
    const asked = [];
    const page = await at.openPage(browser, base, '/', {
        route: (one) =>
            one.route(LIST, (route) => {
                asked.push(Object.fromEntries(new URL(route.request().url()).searchParams));
                return answer(route, [study(1)]);
            }),
    });
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    // Typed without a pause: from outside the browser a busy machine would make pauses between the keys.
    await page.evaluate(() => {
        for (const letter of '山田 K-1') document.execCommand('insertText', false, letter);
    });
    await at.eventually(page, 'the page', () => location.search.includes('q='));
    await at.soon(() => [...new Set(asked.map(({ q }) => q))], [undefined, '山田 K-1'], 'asked at first, and when all was typed');
    await page.selectOption('select', 'CT');
    await page.fill('input[type=date] >> nth=0', '2026-11-01');
    await page.fill('input[type=date] >> nth=1', '2026-11-30');
    await at.eventually(page, 'the page', () => location.search.includes('to=20261130'));
    await at.soon(() => asked.at(-1), {
        q: '山田 K-1',
        modality: 'CT',
        from: '20261101',
        to: '20261130',
        offset: '0',
        limit: '50',
    });
    await page.reload();
    await rows(page).first().waitFor();
    await at.soon(() => page.inputValue('input[type=search]'), '山田 K-1');
    await page.click('.filters button');
    await at.eventually(page, 'the page', () => location.search === '');
    await at.closePage(page);
});

test('pages: fifty rows at a time, however many there are', async () => {
    const all = Array.from({ length: 120 }, (_, n) => study(n + 1));
    const page = await at.openPage(browser, base, '/', {
        route: (one) =>
            one.route(LIST, (route) => {
                const query = new URL(route.request().url()).searchParams;
                const offset = Number(query.get('offset'));
                return answer(route, all.slice(offset, offset + Number(query.get('limit'))), all.length);
            }),
    });
    await rows(page).first().waitFor();
    await at.soon(() => rows(page).count(), 50);
    await page.click('.page-buttons button:last-child');
    await page.waitForSelector('tr[data-study="51"]');
    await page.click('.page-buttons button:last-child');
    await page.waitForSelector('tr[data-study="101"]');
    await at.soon(() => rows(page).count(), 20);
    await at.soon(() => page.isDisabled('.page-buttons button:last-child'), true);
    await at.soon(() => page.textContent('.total'), /120 件中 101 – 120/);
    await at.closePage(page);
});

test('arrows move between rows, Enter opens', async () => {
    const page = await at.openPage(browser, base, '/', { route: withList([study(1), study(2), study(3)]) });
    await rows(page).first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await at.soon(() => page.evaluate(() => document.activeElement.closest('tr').dataset.study), '2');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await at.soon(() => page.evaluate(() => document.activeElement.type), 'search');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/studies/1');
    await at.closePage(page);
});

test('an empty archive says how studies come, an empty search says so', async () => {
    for (const [target, expected] of [
        ['/', /kakehashi import/],
        ['/?q=nobody', /条件に合う検査はありません/],
    ]) {
        const page = await at.openPage(browser, base, target, { route: withList([]) });
        await page.waitForSelector('.list-message:not([hidden]) h1');
        await at.soon(() => page.textContent('.list-message'), expected);
        await at.closePage(page);
    }
});

test('a failure is told and can be tried again', async () => {
    let fails = true;
    const page = await at.openPage(browser, base, '/', {
        route: (one) =>
            one.route(LIST, (route) =>
                fails
                    ? route.fulfill({
                          status: 503,
                          headers: { 'Retry-After': '1' },
                          json: { error: 'busy', message: 'the index is busy' },
                      })
                    : answer(route, [study(1)]),
            ),
    });
    await page.waitForSelector('.list-message .button.primary');
    await at.soon(() => page.textContent('.list-message'), /the index is busy/);
    fails = false;
    await page.click('.list-message .button.primary');
    await rows(page).first().waitFor();
    await at.closePage(page);
});

test('a study without pictures says so, one that is gone too', async () => {
    const empty = study(7, {
        modalities: ['SR'],
        images: 0,
        frames: 0,
        objects: 2,
        series_list: [
            {
                id: 1,
                number: 1,
                modality: 'SR',
                description: '読影レポート',
                objects: 2,
                images: 0,
                frames: 0,
                thumbnail: null,
            },
        ],
    });
    let page = await at.openPage(browser, base, '/studies/7', {
        route: (one) => one.route(/\/api\/studies\/7$/, (route) => route.fulfill({ json: empty })),
    });
    await page.waitForSelector('.viewer-message h1');
    await at.eventually(page, 'the page', () =>
        /画像はありません/.test(document.querySelector('.viewer-message').textContent),
    );
    await at.soon(() => page.textContent('.viewer-message'), /読影レポート/);
    await at.shot(page, 'viewer-ja-no-pictures');
    await at.closePage(page);
    page = await at.openPage(browser, base, '/studies/999999999');
    await at.eventually(page, 'the page', () =>
        /見つかりません/.test(document.querySelector('.viewer-message')?.textContent),
    );
    await page.click('.viewer-message a');
    await page.waitForSelector('.list');
    await at.closePage(page);
});

test('texts of strangers are shown as text', async () => {
    const nasty = '<img src=x onerror=alert(1)>';
    const page = await at.openPage(browser, base, '/', {
        route: withList([
            study(1, {
                description: nasty,
                institution: nasty,
                patient: {
                    id: nasty,
                    birth_date: nasty,
                    sex: 'F',
                    name: { alphabetic: nasty, ideographic: '', phonetic: '' },
                },
            }),
        ]),
    });
    await rows(page).first().waitFor();
    assert.equal(await page.locator('tr[data-study] img').count(), 0);
    assert.ok((await rows(page).first().innerText()).includes(nasty));
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

for (const [name, width, height, language] of [
    ['1280', 1280, 720, 'en'],
    ['820', 820, 1180, 'ja'],
    ['2560', 2560, 1440, 'en'],
]) {
    test(`the list fits ${width} x ${height}`, async () => {
        const page = await at.openPage(browser, base, '/', { width, height, language });
        await rows(page).first().waitFor();
        await at.shot(page, `list-${language}-${name}`);
        const overflow = () => page.evaluate(() => {
            const scroller = document.querySelector('.list-scroll');
            return Math.max(
                document.documentElement.scrollWidth - innerWidth,
                scroller.scrollWidth - scroller.clientWidth,
            );
        });
        await at.soon(overflow, (pixels) => pixels <= 0, 'it is too wide');
        await at.closePage(page);
    });
}

test("another system's link opens the study, or the list of what it asked for", async () => {
    const { studies } = await (await fetch(`${base}/api/studies?limit=50`)).json();
    const first = studies.find((one) => one.frames > 0);
    const call = `/IHEInvokeImageDisplay?requestType=STUDY&viewerType=IHE_BIR&studyUID=${first.uid}`;
    const page = await at.openPage(browser, base, call);
    await page.waitForURL(`**/studies/${first.id}*`);
    await at.pictureReady(page);
    assert.deepEqual(page.troubles, []);

    const list = await at.openPage(browser, base, `${call},1.2.3`, { language: 'en' });
    await rows(list).first().waitFor();
    await at.soon(() => rows(list).count(), 1);
    await at.soon(() => list.textContent('.total'), /Asked for by another system\s+Not here: 1 of those asked for/);
    await list.click('.filters button.quiet'); // and back to all studies
    await list.waitForURL((url) => url.pathname === '/' && url.search === '');
    await list.locator('.total').filter({ hasNotText: 'another system' }).waitFor();
    await at.soon(() => rows(list).count(), studies.length);
    assert.deepEqual(list.troubles, []);

    const none = await at.openPage(browser, base, '/IHEInvokeImageDisplay?requestType=PATIENT&patientID=nobody');
    await at.soon(() => none.textContent('h1'), /求められた検査はここにありません/);
    await at.soon(() => none.textContent('main'), /not here/);
    await none.click('a[href="/"]');
    await rows(none).first().waitFor();
    assert.deepEqual(none.troubles, []);
});
