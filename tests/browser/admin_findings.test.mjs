// What differs at a hospital, in a real browser: compared, followed, left, in both languages and by keyboard.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { noOrthanc as skip, pulledFromOrthanc, round, studyUid } from '../lib/orthanc.mjs';
import { sleep } from '../lib/service.mjs';

const held = [
    [1, 'P-1'],
    [2, 'P-2'],
    [3, 'P-3'],
    [4, 'P-4'],
];
let world, service, browser;

before(async () => {
    if (skip) return;
    world = await pulledFromOrthanc(held);
    service = world.service;
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await world?.stop();
});

const open = (options) => at.openPage(browser, service.url, '/admin/findings', options);
const row = (page, words) => page.locator('.findings tbody tr', { hasText: words });
const node = (page) => page.locator('.compares tbody tr', { hasText: 'orthanc' });
const shown = async () => (await service.studies()).map((study) => study.uid);

async function done(page) {
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
}

async function reach(page, selector) {
    for (let n = 0; n < 80; n++) {
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
        await page.keyboard.press('Tab');
    }
    assert.fail(`${selector} is not reached by Tab`);
}

test('compared from the page; what is gone is hidden, by keyboard alone', { skip }, async () => {
    const page = await open({ language: 'en' });
    await page.locator('.list-message', { hasText: 'Nothing differs' }).waitFor();
    await at.soon(() => node(page).innerText(), /orthanc[^]*not yet/);
    await world.remove(1);
    await world.rename('P-2', 'P-3');
    await reach(page, '.compares [data-action="compare"]');
    await page.keyboard.press('Enter');
    await node(page).locator('text=1 not there').waitFor();
    await row(page, 'Another patient there').waitFor(); // its number comes by an event
    await at.soon(() => row(page, 'Another patient there').innerText(), /P-2[^]*→[^]*P-3[^]*Waits for you/);
    await sleep(1100);
    await round(service);
    await row(page, 'Gone at the hospital').waitFor();
    await page.locator('.admin-nav a[href="/admin/findings"] .badge', { hasText: '2' }).waitFor();
    await at.shot(page, 'admin-findings-en');

    await reach(page, '.findings tr:has(.chip.warn) [data-action="apply"]');
    await page.keyboard.press('Enter');
    await page.locator('dialog.ask', { hasText: 'Hide this study?' }).waitFor();
    await page.keyboard.type('Operator A');
    await page.keyboard.press('Enter');
    await page.locator('dialog.ask').waitFor({ state: 'detached' });
    await row(page, 'Gone at the hospital').waitFor({ state: 'detached' });
    assert.ok(!(await shown()).includes(studyUid(1)));
    await page.locator('.section-bar input[type="checkbox"]').check();
    await row(page, 'Followed').waitFor();
    await at.soon(() => row(page, 'Followed').innerText(), /Operator A/);
    await page.click('.admin-nav a[href="/admin/changes"]');
    await page.locator('.changes tbody tr', { hasText: 'no longer at the hospital' }).waitFor();
    await done(page);
});

test('another patient is left as he is, in Japanese', { skip }, async () => {
    const page = await open();
    await row(page, '病院では別の患者').waitFor();
    await at.shot(page, 'admin-findings-ja');
    await row(page, '病院では別の患者').locator('[data-action="dismiss"]').click();
    await page.locator('dialog.ask').waitFor();
    await page.fill('dialog.ask [name="asked_by"]', '佐藤');
    await page.click('dialog.ask [data-action="yes"]');
    await page.locator('.list-message', { hasText: '相違はありません' }).waitFor();
    const [finding] = (await service.json('/api/admin/findings?all=1')).findings.filter((one) => one.kind === 'patient');
    assert.deepEqual([finding.state, finding.ended_by], ['dismissed', '佐藤']);
    await done(page);
});

test('objects that are there again are shown from the page', { skip }, async () => {
    const objects = async () => (await service.studies()).find((study) => study.uid === studyUid(4)).objects;
    const page = await open({ language: 'en' });
    const answer = async (words, question) => {
        await row(page, words).locator('[data-action="apply"]').click();
        await page.locator('dialog.ask', { hasText: question }).waitFor();
        await page.fill('dialog.ask [name="asked_by"]', 'Operator A');
        await page.click('dialog.ask [data-action="yes"]');
        await page.locator('dialog.ask').waitFor({ state: 'detached' });
        await row(page, words).waitFor({ state: 'detached' });
    };
    const putBack = await world.takeOut(4);
    await round(service);
    await sleep(1100);
    await round(service);
    await answer('Fewer objects there', 'Hide the objects that are no longer there?');
    assert.equal(await objects(), 1);
    await putBack();
    await round(service);
    await row(page, 'Objects there again').locator('text=1 object').waitFor();
    await answer('Objects there again', 'Show these objects again?');
    assert.equal(await objects(), 2);
    await page.click('.admin-nav a[href="/admin/changes"]');
    await page.locator('.changes tbody tr', { hasText: 'At the hospital again' }).waitFor();
    await done(page);
});

test('what hospitals and operators write is shown as text', { skip }, async () => {
    const nasty = '<img src=x onerror=alert(1)>';
    const finding = { finding: 1, kind: 'patient', state: 'dismissed', node: 1, here: nasty, there: nasty, missing: 0, since: '2026-11-20T21:00:00.000Z',
        noticed: '2026-11-20T21:00:00.000Z', ended: '2026-11-20T21:00:00.000Z', ended_by: nasty, change: 0, undone: false, study: null };
    const compare = { node: 1, began: '2026-11-20T21:00:00.000Z', ended: '2026-11-20T21:00:00.000Z', asked: 1, same: 0, known: 0, gone: 1, patient: 0, instances: 0,
        findings: 0, believed: false, reason: nasty };
    const page = await open({
        route: (one) => one.route(/\/api\/admin\/findings/, (route) => route.fulfill({ json: { findings: [finding], more: false, open: 0, compares: [compare] } })),
    });
    await row(page, nasty).waitFor();
    await node(page).locator(`text=${nasty}`).waitFor();
    assert.equal(await page.locator('.admin-table img').count(), 0);
    await done(page);
});
