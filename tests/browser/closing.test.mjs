// A withdrawal in a real browser (RELIABILITY S3, AZ-23, AZ-32): the open viewer is shut and says why, in each window, and nothing of the study stays on the screen; the
// time line and the list drop it by themselves; whoever is signed out elsewhere stands before the sign-in. And the page on which a terminal gets its
// certificate (AZ-5), in both languages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import * as at from '../lib/browser.mjs';
import { Listener, newPerson, Visitor } from '../lib/people.mjs';
import { attribute, ctFiles, Service, until } from '../lib/service.mjs';

let service, installs, browser, who, patient, study;
const data = () => path.join(service.dir, 'data');
const visible = (page, selector) => page.locator(selector).first().waitFor({ state: 'visible' });
/** As a program of the reader: signing in at the same terminal ends what was signed in there. */
const ask = async (target) => who.visitor.ask(target, { headers: { authorization: `Bearer ${who.token}`, cookie: null } });
const consent = () => Number(fill(data(), `consent north ${patient} east images 100 -`)[0]);
const withdraw = (id) => fill(data(), `withdraw ${id}`);

before(async () => {
    const files = ctFiles();
    [patient] = Object.values(await attribute('0010,0020', files.slice(0, 1)));
    service = await Service.start({ files, facility: 'north', settings: { access: { accounts: 'on', factors: 'password', one_terminal: 'no' } } });
    fill(data(), 'facility north discloser', 'facility east viewer', `patient north ${patient}`, 'patient east E1', `link north ${patient} east E1`);
    who = await newPerson(service, 'reader', 'east', 'doctor');
    const open = consent();
    await until('it is open', async () => ([study] = (await ask('/api/studies')).json.studies));
    withdraw(open);
    installs = await Service.start({ settings: { access: { accounts: 'on' }, http: { proxies: '10.9.9.9', names: 'images.example', client_certificates: 'optional' } } });
    fill(path.join(installs.dir, 'data'), 'facility east viewer');
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
    await installs?.stop();
});

async function signedIn(target, options) {
    const page = await at.openPage(browser, service.url, target, options);
    await visible(page, 'input[autocomplete=username]');
    await page.fill('input[autocomplete=username]', who.login);
    await page.fill('input[autocomplete=current-password]', who.password);
    await page.locator('button[type=submit]:visible').first().click();
    return page;
}
/** Another window of the same browser. */
async function window2(page, target) {
    const other = await page.context().newPage();
    await other.goto(service.url + target);
    return other;
}
const opened = async () => {
    const id = consent();
    await until('it is open', async () => (await ask(`/api/studies/${study.id}`)).code === 200);
    return id;
};
/** Brightest value of any canvas of the page. */
const brightest = (page) =>
    page.evaluate(() => Math.max(0, ...[...document.querySelectorAll('canvas')].filter((one) => one.width && one.height).map((canvas) =>
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.reduce((most, value) => Math.max(most, value), 0))));

for (const [language, title] of [['ja', /閲覧できなくなりました|閲覧できません|公開|終了/], ['en', /no longer|not open|closed|withdrawn/i]]) {
    test(`an open viewer is shut in each window and says why (${language})`, async () => {
        const id = await opened();
        const page = await signedIn(`/studies/${study.id}`, { language });
        await at.pictureReady(page);
        const other = await window2(page, `/studies/${study.id}`);
        await at.pictureReady(other);
        await at.soon(() => brightest(page), (value) => value > 0);
        withdraw(id);
        for (const one of [page, other]) {
            await one.getByText(title).first().waitFor();
            assert.equal(await brightest(one), 0, 'every pixel is gone');
            assert.equal((await one.locator('.person').innerText()).trim(), '', 'and the name');
            assert.doesNotMatch(await one.locator('body').innerText(), new RegExp(patient.replace(/[^\w]/g, '.')));
            assert.equal(await one.locator('.strip img, .series-strip img').count(), 0);
        }
        await page.bringToFront();
        await at.shot(page, `closed-${language}`);
        await page.reload();
        assert.equal(await brightest(page), 0);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });
}

test('the time line and the list drop it by themselves, opened by nobody', async () => {
    const id = await opened();
    const { patients } = (await ask('/api/patients?number=E1')).json;
    const page = await signedIn(`/patients/${patients[0].id}`);
    await visible(page, '[data-study]');
    const list = await window2(page, '/studies');
    await visible(list, `[data-study="${study.id}"], a[href="/studies/${study.id}"]`);
    await until('both listen', async () => (await Promise.all([page, list].map((one) => one.evaluate(() => performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/api/')).length)))).every((count) => count > 0));
    await new Promise((resolve) => { setTimeout(resolve, 1000); }); // the streams' first look
    withdraw(id);
    await page.locator('[data-study]').first().waitFor({ state: 'detached' });
    await list.locator(`a[href="/studies/${study.id}"]`).first().waitFor({ state: 'detached' });
    await page.bringToFront();
    await at.shot(page, 'time-line-closed-ja');
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('where I am signed in, ended one by one on the page of the account; and a screen that is signed out from elsewhere', async () => {
    const id = await opened();
    const page = await signedIn('/account', { language: 'en' });
    const elsewhere = new Visitor(service, '127.0.0.9');
    await elsewhere.signIn(who.login, who.password);
    const listener = new Listener(elsewhere);
    await until('it listens', () => listener.text.includes('retry:'));
    await page.reload();
    await visible(page, '[data-part=sessions]');
    const rows = page.locator('[data-part=sessions] li');
    await rows.filter({ hasText: '127.0.0.9' }).waitFor();
    const before = await rows.count();
    await at.shot(page, 'account-sessions-en');
    await at.soon(() => rows.locator('button').count(), before - 1, 'all but this one');
    await rows.filter({ hasText: '127.0.0.9' }).getByRole('button', { name: 'Sign out there' }).click();
    await rows.filter({ hasText: '127.0.0.9' }).waitFor({ state: 'detached' });
    await at.soon(() => rows.count(), before - 1);
    await listener.ended;
    assert.equal((await elsewhere.ask('/api/account')).code, 401);
    await at.closePage(page);

    const viewer = await signedIn(`/studies/${study.id}`);
    await at.pictureReady(viewer);
    await elsewhere.signIn(who.login, who.password);
    const there = (await elsewhere.ask('/api/account')).json.sessions.find((one) => one.address === '127.0.0.1');
    assert.equal((await elsewhere.change(`/api/account/sessions/${there.id}/end`)).code, 200);
    await viewer.locator('input[autocomplete=username]').waitFor(); // its events ended; asked again, it was told so
    await at.soon(() => viewer.locator('.access-notice').innerText(), /別の場所/);
    withdraw(id);
    await at.closePage(viewer);
});

for (const language of ['ja', 'en']) {
    test(`/install: what to do, the file, once (${language})`, async () => {
        const { link, password } = JSON.parse((await installs.must(['terminal', 'issue', 'east', `tablet-${language}`, '--link', '--json'])).out);
        const target = new URL(link).pathname;
        const page = await at.openPage(browser, installs.url, target, { language });
        const button = page.locator(`a[href="${target}/terminal.p12"]:visible`);
        await button.waitFor();
        await at.soon(() => button.count(), 1, 'one language, one button');
        await at.soon(() => page.locator('.terminal:visible').innerText(), new RegExp(`tablet-${language}\\s+east`));
        await at.shot(page, `install-${language}`);
        await at.soon(() => page.locator('body').innerText(), language === 'ja' ? /証明書/ : /certificate/i);
        const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
        const bytes = fs.readFileSync(await download.path());
        assert.equal(bytes[0], 0x30, 'DER of a PKCS#12');
        assert.match(download.suggestedFilename(), /\.p12$/);
        assert.match(password, /^[\w-]{16,}$/);
        assert.ok(!(await page.content()).includes(password), 'its password goes another way');
        await page.reload();
        const late = { ja: 'すでに使われたか、期限が切れています', en: 'It has been used or has run out' };
        await page.getByText(late[language]).waitFor();
        await at.soon(() => page.locator(`a[href="${target}/terminal.p12"]`).count(), 0, 'the link was good once');
        await at.shot(page, `install-used-${language}`);
        const other = language === 'ja' ? 'en' : 'ja';
        await page.locator(`nav a[lang=${other}]`).click(); // the other language, without a script
        await page.getByText(late[other]).waitFor();
        await at.soon(() => page.getByText(late[language]).isVisible(), false);
        assert.deepEqual(page.troubles, []);
        await at.closePage(page);
    });
}
