// What operators say of objects after they came, in a real browser: deleted, corrected, undone; by whom and why.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { phantomFiles, Service } from '../lib/service.mjs';

let service, browser;

before(async () => {
    service = await Service.start({ files: phantomFiles(8), facility: 'hospital' });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const open = (section, options) => at.openPage(browser, service.url, `/admin/${section}`, options);
const row = (page, words) => page.locator('.admin-table tbody tr', { hasText: words });

async function done(page) {
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
}

test('a study is deleted and brought back, by keyboard alone', async () => {
    const page = await at.openPage(browser, service.url, '/', { language: 'en' });
    const all = (await service.studies()).length;
    const [study] = await service.studies();
    const reach = async (selector) => {
        for (let n = 0; n < 60; n++) {
            if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
            await page.keyboard.press('Tab');
        }
        assert.fail(`${selector} is not reached by Tab`);
    };
    await page.locator('tr[data-study]').first().waitFor();
    await reach('.admin-link');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin');
    await reach('.admin-nav a[href="/admin/changes"]');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/changes');
    await reach('.search-input');
    await page.keyboard.type(study.patient.id);
    await page.locator('.found tbody tr').first().waitFor();
    await reach('.found [data-action="delete"]');
    await page.keyboard.press('Enter');
    await page.locator('dialog.ask').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.form-problem', { hasText: 'must not be empty' }).waitFor();
    await page.keyboard.type('sent to the wrong network');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Operator A');
    await at.shot(page, 'admin-delete-en');
    await page.keyboard.press('Enter');
    await page.locator('dialog.ask').waitFor({ state: 'detached' });
    assert.equal((await service.studies()).length, all - 1);
    await row(page, 'sent to the wrong network').waitFor();
    await at.soon(() => row(page, 'sent to the wrong network').innerText(), /Operator A[^]*Deleted[^]*Stands/);
    await reach('.changes [data-action="undo"]');
    await page.keyboard.press('Enter');
    await page.locator('dialog.ask').waitFor();
    await at.soon(() => page.inputValue('dialog.ask [name="asked_by"]'), 'Operator A', 'remembered');
    await reach('dialog.ask [data-action="yes"]');
    await page.keyboard.press('Enter');
    await row(page, 'Undone').first().waitFor();
    assert.equal((await service.studies()).length, all);
    await done(page);
});

test('a patient is corrected, and the list shows it', async () => {
    const [study] = await service.studies();
    const page = await open('changes');
    await page.fill('.search-input', study.patient.id);
    await page.locator('.found tbody tr').first().waitFor();
    await page.locator('.found [data-action="correct"]').first().click();
    await page.locator('dialog.ask').waitFor();
    await at.soon(() => page.inputValue('[name="new_id"]'), study.patient.id);
    await page.fill('[name="reason"]', '装置での入力誤り');
    await page.fill('[name="asked_by"]', '佐藤');
    await page.click('dialog.ask [data-action="yes"]');
    await page.locator('.form-problem', { hasText: '変更された項目がありません' }).waitFor();
    await page.fill('[name="name_ideographic"]', '修正^花子');
    await page.fill('[name="new_id"]', 'K-000042');
    await page.selectOption('[name="sex"]', 'F');
    await at.shot(page, 'admin-correct-ja');
    await page.click('dialog.ask [data-action="yes"]');
    await page.locator('dialog.ask').waitFor({ state: 'detached' });
    await row(page, '装置での入力誤り').waitFor();
    await at.soon(() => row(page, '装置での入力誤り').innerText(), /佐藤[^]*患者情報の訂正[^]*→ 修正\^花子/);
    await at.shot(page, 'admin-changes-ja');
    await page.locator('.found tbody tr', { hasText: 'K-000042' }).waitFor();
    await page.click('.app-header .back');
    const listed = page.locator('tr[data-study]', { hasText: 'K-000042' });
    await listed.first().waitFor();
    await at.soon(() => listed.first().innerText(), /修正 花子[^]*女/);
    await done(page);
});

test('what peers and operators write is shown as text', async () => {
    const nasty = '<img src=x onerror=alert(1)>';
    const change = {
        change: 1,
        kind: 'deleted',
        facility: nasty,
        when: '2026-11-20T21:00:00.000Z',
        reason: nasty,
        asked_by: nasty,
        objects: 1,
        undone: null,
        undone_by: '',
        purged: false,
        study: null,
        values: [{ value: 'sex', was: nasty, becomes: '' }],
    };
    const page = await open('changes', {
        route: (one) =>
            one.route(/\/api\/admin\/changes/, (route) => route.fulfill({ json: { changes: [change], more: false } })),
    });
    await row(page, nasty).waitFor();
    assert.equal(await page.locator('.admin-table img').count(), 0);
    await done(page);
});
