// Two windows of one reader, and a line that is cut: the second window is blank while the screen is locked (AZ-32) and leaves with who signs out; a cut of the
// line (a minute in the long form, connections broken and none made) leaves study and picture on the screen, and the reader signed in.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import * as at from '../lib/browser.mjs';
import { newPerson } from '../lib/people.mjs';
import { attribute, ctFiles, Service, sleep, until } from '../lib/service.mjs';

const CUT_S = process.env.KH_LONG ? 60 : 4;
const LOCKED_AFTER = 12; // seconds without input
const access = { accounts: 'on', factors: 'password', one_terminal: 'no' };
let service, browser, who, study;

before(async () => {
    const files = ctFiles();
    const [patient] = Object.values(await attribute('0010,0020', files.slice(0, 1)));
    service = await Service.start({ files, facility: 'north', settings: { access: { ...access, idle: '10 min' } } });
    const data = path.join(service.dir, 'data');
    fill(data, 'facility north discloser', 'facility east viewer', `patient north ${patient}`, 'patient east E1', `link north ${patient} east E1`);
    who = await newPerson(service, 'reader', 'east', 'doctor');
    fill(data, `consent north ${patient} east images 100 -`);
    const ask = (target) => who.visitor.ask(target, { headers: { authorization: `Bearer ${who.token}`, cookie: null } });
    await until('the study is open', async () => ([study] = (await ask('/api/studies')).json.studies ?? []));
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

async function signedIn(base, target, options) {
    const page = await at.openPage(browser, base, target, options);
    await page.locator('input[autocomplete=username]').waitFor();
    await page.fill('input[autocomplete=username]', who.login);
    await page.fill('input[autocomplete=current-password]', who.password);
    await page.locator('button[type=submit]:visible').first().click();
    await at.pictureReady(page);
    await at.eventually(page, 'the parts', () => document.querySelector('[data-action="simple"]'));
    return page;
}
async function secondWindow(page) {
    const popup = page.waitForEvent('popup');
    await page.keyboard.press('Shift+d');
    const second = await popup;
    await at.pictureReady(second);
    await at.eventually(second, 'its parts', () => document.querySelector('[data-action="simple"]'));
    return second;
}
/** Brightest value of any picture of the page. */
const brightest = (page) =>
    page.evaluate(() => Math.max(0, ...[...document.querySelectorAll('canvas.picture')].filter((one) => one.width && one.height).map((canvas) =>
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.reduce((most, value) => Math.max(most, value), 0))));

/** A line of which the far end can be lost: what is under way breaks off, nothing new is taken. */
class Line {
    #open = new Set();
    #cut = false;

    static async to(port) {
        const line = new Line();
        line.server = net.createServer((socket) => line.#carry(socket, port));
        await new Promise((resolve) => { line.server.listen(0, '127.0.0.1', resolve); });
        line.url = `http://127.0.0.1:${line.server.address().port}`;
        return line;
    }

    #carry(socket, port) {
        if (this.#cut) {
            socket.destroy();
            return;
        }
        const far = net.connect(port, '127.0.0.1');
        for (const [one, other] of [[socket, far], [far, socket]]) {
            this.#open.add(one);
            one.pipe(other);
            one.on('error', () => other.destroy());
            one.on('close', () => {
                this.#open.delete(one);
                other.destroy();
            });
        }
    }

    cut() {
        this.#cut = true;
        for (const socket of this.#open) socket.destroy();
    }

    mend() {
        this.#cut = false;
    }

    close() {
        this.cut();
        this.server.close();
    }
}

test(`a line cut for ${CUT_S} s: study and picture stay, it is said, and the reader is still signed in when it is back`, async () => {
    const line = await Line.to(Number(new URL(service.url).port));
    const page = await signedIn(line.url, `/studies/${study.id}`, { language: 'en' });
    await at.wholeStack(page);
    const before = await brightest(page);
    assert.ok(before > 0);
    line.cut();
    const ends = Date.now() + CUT_S * 1000;
    for (const [n, key] of ['Home', 'PageDown', 'End', 'ArrowUp'].entries()) {
        await page.keyboard.press(key);
        await at.pictureReady(page);
        assert.ok((await brightest(page)) > 0, `nothing on the screen after key ${n}`);
    }
    const slice = await page.getAttribute('.picture-area', 'data-slice');
    await page.keyboard.press('3'); // a window that is not here, and so asks for pictures
    await page.locator('.line-trouble').waitFor();
    while (Date.now() < ends) {
        assert.equal(await page.locator('.person').isVisible(), true);
        assert.equal(await page.getAttribute('.picture-area', 'data-slice'), slice);
        assert.ok((await brightest(page)) > 0);
        await sleep(Math.min(1000, Math.max(0, ends - Date.now())));
    }
    line.mend();
    await page.locator('.line-trouble').waitFor({ state: 'hidden' });
    await at.pictureReady(page);
    assert.equal(await page.getAttribute('.picture-area', 'data-slice'), slice);
    const signedInStill = await page.evaluate(async () => (await (await fetch('/api/session')).json()).signed_in);
    assert.equal(signedInStill, true);
    await page.keyboard.press('Home');
    await at.pictureReady(page, 1);
    await at.closePage(page);
    line.close();
});

test('the second window is blank while the screen is locked for want of input, and both are back when it is unlocked in one', async () => {
    await service.stop();
    service.writeConfig({ access: { ...access, idle: `${LOCKED_AFTER} s` } });
    await service.launch();
    const page = await signedIn(service.url, `/studies/${study.id}`, { language: 'en' });
    const second = await secondWindow(page);
    for (const one of [page, second]) await at.soon(() => brightest(one), (value) => value > 0);
    await Promise.all([page, second].map((one) => one.locator('.lock').waitFor({ timeout: 60000 }))); // nobody does anything
    for (const one of [page, second]) {
        await at.soon(() => brightest(one), 0, 'every pixel is gone');
        assert.equal(await one.locator('.person').isVisible(), false);
    }
    await page.fill('.lock input', who.password);
    await page.locator('.lock button[type=submit]').click();
    for (const one of [page, second]) {
        await one.locator('.lock').waitFor({ state: 'hidden' });
        await at.pictureReady(one);
        await at.soon(() => brightest(one), (value) => value > 0);
    }
    await at.closePage(page);
});

test('who signs out in the first window takes the second along: closed, or before the sign-in with nothing on it', async () => {
    await service.stop();
    service.writeConfig({ access: { ...access, idle: '10 min' } });
    await service.launch();
    const page = await signedIn(service.url, `/studies/${study.id}`, { language: 'en' });
    const second = await secondWindow(page);
    await page.locator('[data-action="sign-out"]:visible').first().click();
    await page.locator('input[autocomplete=username]').waitFor();
    await until('the second window is gone or empty', async () => second.isClosed() || (new URL(second.url()).pathname === '/sign-in' && (await brightest(second).catch(() => null)) === 0));
    await at.closePage(page);
});
