// Signing in with a real browser: the first account from its link, wrong passwords and codes, the lock that takes the pictures off the screen and
// gives them back where they were (AZ-32), the notice before a password runs out (KN-13), both languages.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { firstLink, totp } from '../lib/people.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

const PASSWORD = 'a bridge over seven rivers';
const DAY_MS = 86400000;
const settings = { access: { accounts: 'on', idle: '12 s', longest: '1 h' } };
let service, browser, link, secret;

/** Changes rows of access.db, as another process may. */
function sql(text) {
    const { status, stderr } = spawnSync('sqlite3', [path.join(service.dir, 'data', 'access.db'), text], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
}

before(async () => {
    service = await Service.start({ files: ctFiles(), settings });
    link = firstLink(service);
    await service.stop();
    // The only account of this test reads images: a doctor of the facility that the images are of.
    sql("UPDATE facility SET code = 'local', name = 'さくら病院'; UPDATE person SET role = 1, name = '佐藤 花子', login = 'sato'");
    await service.launch();
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const open = (target, options) => at.openPage(browser, service.url, target, options);
const submit = (page) => page.locator('button[type=submit]:visible').first().click();
const visible = (page, selector) => page.locator(selector).first().waitFor({ state: 'visible' });

/** A code is good once (tests/access shows that), which would cost each of these tests half a minute: the step that was used is forgotten. */
async function code() {
    sql('PRAGMA busy_timeout = 5000; UPDATE second_factor SET last_step = 0');
    return totp(secret);
}

async function signIn(page, password = PASSWORD) {
    await visible(page, 'input[autocomplete=username]');
    await page.fill('input[autocomplete=username]', 'sato');
    await page.fill('input[autocomplete=current-password]', password);
    await submit(page);
}

/** Wait for an element with a hand at the mouse: a page that takes long is not locked meanwhile. */
const awake = (page, selector) =>
    until(`${selector} is seen`, async () => {
        await page.mouse.move(300 + Math.random() * 200, 4 + Math.random() * 20);
        return page.locator(selector).first().isVisible();
    }, { everyMs: 200 });

async function signedIn(target = '/', options) {
    const page = await open(target, options);
    await signIn(page);
    await visible(page, 'input.code');
    await page.fill('input.code', await code());
    await submit(page);
    await awake(page, '.who');
    return page;
}

test('the link of the first start: a password of one\'s own, a second factor, recovery codes shown once', async () => {
    const page = await open(`/welcome/${link}`);
    await visible(page, 'input[autocomplete=new-password]');
    await at.shot(page, 'welcome-ja');
    const fields = page.locator('input[autocomplete=new-password]');
    await fields.nth(0).fill('short one');
    await fields.nth(1).fill('short one');
    await submit(page);
    await page.locator('[role=alert]').filter({ hasText: '13 文字以上' }).waitFor();
    for (const index of [0, 1]) await fields.nth(index).fill(PASSWORD);
    await submit(page);
    await visible(page, '.qr');
    await page.locator('.secret summary').click();
    secret = (await page.locator('.secret code').innerText()).replace(/\s/g, '');
    await at.shot(page, 'enrol-ja');
    await page.fill('input.code', '000000');
    await submit(page);
    await page.locator('[role=alert]').filter({ hasText: '確認コードが違う' }).waitFor();
    await page.fill('input.code', await code());
    await submit(page);
    await visible(page, '.codes');
    await at.soon(() => page.locator('.codes li').count(), 10);
    await at.shot(page, 'recovery-ja');
    await page.evaluate(() => { globalThis.print = () => { document.body.dataset.printed = 'yes'; }; });
    await page.getByRole('button', { name: '印刷', exact: true }).click();
    await page.locator('body[data-printed]').waitFor();
    await page.emulateMedia({ media: 'print' }); // the codes alone, black on white
    await at.soon(() => page.locator('.codes code').first().evaluate((code) => getComputedStyle(code).color), 'rgb(0, 0, 0)');
    await at.soon(() => page.locator('.recovery .primary').isVisible(), false);
    await at.soon(() => page.locator('.brand').first().isVisible(), false);
    await at.shot(page, 'recovery-printed-ja');
    await page.emulateMedia({ media: 'screen' });
    await page.locator('.recovery .primary').click();
    await visible(page, '.who');
    await at.soon(() => page.locator('.who').innerText(), /佐藤 花子[\s\S]*さくら病院[\s\S]*ログアウト/);
    assert.deepEqual(page.troubles, []);
    await page.locator('[data-action=sign-out]').first().click();
    await visible(page, 'input[autocomplete=username]');
    await at.soon(() => page.locator('.access-notice').innerText(), /ログアウトしました/);
    await at.closePage(page);
});

test('the QR code on the page is the key that stands beside it', async () => {
    // Read back by nobody's eyes: dark modules at the three finder patterns, light around them (ISO/IEC 18004 6.3.3).
    const page = await open('/sign-in');
    const rows = await page.evaluate(async () => {
        const { qrCode } = await import('/web/access_forms.js');
        const svg = qrCode(['101', '010', '111'], 'x');
        return [svg.getAttribute('viewBox'), svg.querySelector('path').getAttribute('d')];
    });
    assert.deepEqual(rows, ['0 0 11 11', 'M4 4h1v1h-1zM6 4h1v1h-1zM5 5h1v1h-1zM4 6h3v1h-3z']);
    await at.closePage(page);
});

test('wrong password, wrong code, then in, and to the page that was asked for', async () => {
    const page = await open('/studies/1');
    await at.shot(page, 'sign-in-ja');
    await signIn(page, 'not the password at all');
    await visible(page, '.form-problem span');
    await at.soon(() => page.locator('.form-problem').innerText(), /ログイン ID またはパスワードが違います/);
    await at.soon(() => page.inputValue('input[autocomplete=current-password]'), '');
    await signIn(page);
    await visible(page, 'input.code');
    await at.shot(page, 'second-factor-ja');
    await page.fill('input.code', '123123');
    await submit(page);
    await visible(page, '.form-problem span');
    await at.soon(() => page.locator('.form-problem').innerText(), /確認コードが違う/);
    await page.fill('input.code', await code());
    await submit(page);
    await at.pictureReady(page);
    assert.equal(new URL(page.url()).pathname, '/studies/1');
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('nothing leads to another site after signing in', async () => {
    const page = await open('/sign-in');
    const paths = await page.evaluate(async () => {
        const { safeNext } = await import('/web/session.js');
        return ['/studies/1?slice=2', '//evil.example/', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '/sign-in?next=/', '/%0d%0a', ''].map((text) => safeNext(text));
    });
    assert.deepEqual(paths, ['/studies/1?slice=2', '/', '/', '/', '/', '/', '/%0d%0a', '/']);
    await at.closePage(page);
});

test('the language is switched on the spot, and stays', async () => {
    const page = await open('/sign-in');
    await visible(page, 'input[autocomplete=username]');
    await at.soon(() => page.locator('h1').innerText(), 'ログイン');
    await page.locator('[data-language=en]').click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await at.soon(() => page.getByLabel('Password', { exact: true }).count(), 1);
    await at.shot(page, 'sign-in-en');
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

/** Brightest value of any pixel of the canvas, and its alpha. */
const brightest = (page) =>
    page.evaluate(() => {
        const canvas = document.querySelector('canvas.picture');
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.reduce((most, value) => Math.max(most, value), 0);
    });

test('idle: warned, then every pixel is gone at once; unlocked, the same slice in the same window', async () => {
    const page = await signedIn('/studies/1');
    await at.pictureReady(page);
    await page.keyboard.press('Home');
    await at.pictureReady(page, 1);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await at.pictureReady(page, 3);
    await page.keyboard.press('2');
    const exact = () => page.locator('.picture-area[data-step=exact]').waitFor(); // the last step: nothing changes any more
    await at.pictureReady(page, 3);
    await exact();
    const corner = await at.corner(page, 'bottom left');
    const before = await at.drawn(page);
    await at.soon(() => brightest(page), (value) => value > 0);
    await visible(page, '.lock-warning');
    await at.shot(page, 'lock-warning-ja');
    await visible(page, '.lock');
    assert.equal(await brightest(page), 0);
    assert.equal(await page.locator('.person').isVisible(), false, 'no name of a patient either');
    assert.equal(await page.locator('.overlay').isVisible(), false);
    assert.equal(await page.locator('.series-strip img, .strip img').first().isVisible().catch(() => false), false);
    await at.shot(page, 'locked-ja');
    await page.fill('.lock input', 'not the password at all');
    await page.locator('.lock button[type=submit]').click();
    await visible(page, '.lock .form-problem span');
    assert.equal(await brightest(page), 0);
    await page.fill('.lock input', PASSWORD);
    await page.locator('.lock button[type=submit]').click();
    await page.locator('.lock').waitFor({ state: 'hidden' });
    const hand = setInterval(() => page.mouse.move(300 + Math.random() * 200, 4 + Math.random() * 20).catch(() => {}), 1000); // not locked again meanwhile
    hand.unref();
    await at.pictureReady(page, 3);
    await exact();
    await at.soon(() => at.corner(page, 'bottom left'), corner);
    await at.soon(async () => at.difference(await at.drawn(page), before), (off) => off < 1);
    clearInterval(hand);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a page that is loaded while the screen is locked shows nothing before it is unlocked', async () => {
    const page = await signedIn('/studies/1');
    await at.pictureReady(page);
    await visible(page, '.lock');
    await page.reload();
    await visible(page, '.lock input');
    assert.equal(await page.locator('canvas.picture').count(), 0);
    await page.fill('.lock input', PASSWORD);
    await page.locator('.lock button[type=submit]').click();
    await at.pictureReady(page);
    await at.closePage(page);
});

test('what moves a screen keeps it open, and what a script makes up does not', async () => {
    const page = await signedIn('/');
    await page.evaluate(() => {
        globalThis.noise = setInterval(() => document.dispatchEvent(new KeyboardEvent('keydown', { key: 'x', bubbles: true })), 200);
    });
    await visible(page, '.lock-warning');
    await page.mouse.move(200, 200);
    await page.mouse.move(260, 240);
    await page.locator('.lock-warning').waitFor({ state: 'hidden' });
    await visible(page, '.lock');
    await at.closePage(page);
});

test('signing out in one tab ends the other', async () => {
    const page = await signedIn('/');
    const other = await page.context().newPage();
    await other.goto(`${service.url}/`);
    await awake(other, '.who');
    await page.locator('[data-action=sign-out]').first().click();
    await other.locator('input[autocomplete=username]').waitFor();
    await at.closePage(page);
});

test('KN-13: from 14 days before it runs out, and only then, the password is asked to be changed', async () => {
    for (const [days, notice] of [[75, null], [76, '14'], [89, '1'], [90, 'over'], [1, null]]) {
        await service.stop();
        service.writeConfig({ access: { ...settings.access, idle: '1 h' } }); // nothing locks from here on
        sql(`UPDATE password SET changed_ms = ${Date.now() - days * DAY_MS - 3600000}`);
        await service.launch();
        if (notice === 'over') {
            const page = await open('/', { language: 'en' });
            await signIn(page);
            await page.getByText('The password has run out').waitFor();
            await at.closePage(page);
            continue;
        }
        const page = await signedIn('/', { language: 'en' });
        await at.soon(() => page.locator('.expiry').isVisible(), notice !== null, `${days} days`);
        if (notice) await at.soon(() => page.locator('.expiry').innerText(), new RegExp(`\\b${notice} days?\\b`));
        if (notice) await at.shot(page, `expiry-${days}-en`);
        await at.closePage(page);
    }
});

test('my account: what is mine, a new password, a token that is shown once', async () => {
    const page = await signedIn('/account');
    await visible(page, '[data-part=tokens] form');
    await at.shot(page, 'account-ja');
    await at.soon(() => page.locator('[data-part=person]').innerText(), /佐藤 花子[\s\S]*sato[\s\S]*医師[\s\S]*さくら病院/);
    const tokens = page.locator('[data-part=tokens]');
    await tokens.locator('input').first().fill('script');
    await tokens.locator('input[type=password]').fill(PASSWORD);
    await tokens.locator('button[type=submit]').click();
    await tokens.locator('.codes code').waitFor();
    await at.soon(() => tokens.locator('.codes code').innerText(), /^khp_[\w-]{43}$/);
    const card = page.locator('[data-part=password]');
    const inputs = card.locator('input');
    await inputs.nth(0).fill(PASSWORD);
    for (const index of [1, 2]) await inputs.nth(index).fill('eight bridges, no river');
    await card.locator('button[type=submit]').click();
    await card.locator('.done').waitFor();
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a telephone: everything of it fits, and can be touched', async () => {
    const page = await open('/sign-in', { width: 390, height: 760, touch: true });
    await visible(page, 'input[autocomplete=username]');
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    const low = () => page.evaluate(() => [...document.querySelectorAll('.access input, .access button[type=submit]')].filter((one) => one.getBoundingClientRect().height < 40).length);
    await at.soon(async () => [await wide(), await low()], [false, 0]);
    await at.shot(page, 'sign-in-phone');
    await at.closePage(page);
});
