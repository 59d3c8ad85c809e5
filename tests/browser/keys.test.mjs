// A person's own keys in a real browser: the dialog from the help and from the menu, by keyboard alone, in both languages; what it tells of a key that another
// command has; the help as the map is; the service keeping it, so that another browser has the same.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { filesUnder, must, program, Service, temporaryFolder, until } from '../lib/service.mjs';

let service, browser, study;

before(async () => {
    const folder = path.join(temporaryFolder('kh-keys'), 'phantom');
    await must(program, ['phantom', '--ct-slices', '12', '--earlier-slices', '0', '--mr-slices', '0', folder]);
    service = await Service.start({ files: filesUnder(folder) });
    browser = await at.openBrowser();
    const { studies } = await get('/api/studies?limit=50');
    study = studies.find((one) => one.modalities.includes('CT'));
});
after(async () => {
    await browser?.close();
    await service?.stop();
});
beforeEach(() =>
    until('settings as nobody chose any', async () => {
        const { version } = await get('/api/settings');
        const headers = { 'content-type': 'application/json', origin: service.url };
        return (await fetch(`${service.url}/api/settings`, { method: 'POST', headers, body: JSON.stringify({ version, settings: {} }) })).ok;
    }),
);

const get = async (target) => (await fetch(service.url + target)).json();
const kept = async () => (await get('/api/settings')).settings.keys;
const keptAs = (wanted) => until(`kept: ${JSON.stringify(wanted)}`, async () => JSON.stringify(await kept()) === JSON.stringify(wanted));

async function open(options) {
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, options);
    await at.pictureReady(page);
    await at.eventually(page, 'the parts', () => document.querySelector('[data-action="simple"]'));
    return page;
}
const row = (page, action) => page.locator(`.keys-row[data-keys="${action}"]`);
const chip = (page, action, key) => row(page, action).locator(`.keys-chip[data-key="${key}"]`);
const labelled = (page, action, wanted) =>
    at.eventually(page, `${action} has ${wanted}`, ([name, text]) => {
        const chips = document.querySelector(`.keys-row[data-keys="${name}"] .keys-chips`);
        const shown = [...(chips?.querySelectorAll('kbd') ?? [])].map((one) => one.textContent).join(' ');
        return (shown || chips?.textContent) === text;
    }, [action, wanted]);
const focusOn = (page, action, key) => at.eventually(page, `the focus on ${key ?? 'one more'} of ${action}`, ([name, wanted]) => {
    const { activeElement: one } = document;
    return one.closest('.keys-row')?.dataset.keys === name && (wanted ? one.dataset.key === wanted : one.matches('.keys-add'));
}, [action, key]);
const panelSays = (page, text) => page.locator('.keys-ask', { hasText: text }).waitFor();
const toolIs = (page, tool) => at.eventually(page, `the tool ${tool}`, (wanted) => document.querySelector('.picture-area').dataset.tool === wanted, tool);

test('from the help, by keyboard alone: a key is pressed, does it at once, is in the help and kept for the person', async () => {
    const page = await open({ language: 'en' });
    await page.keyboard.press('?');
    await page.locator('dialog.help [data-action=editKeys]').waitFor();
    await page.locator('dialog.help [data-action=editKeys]').focus();
    await page.keyboard.press('Enter');
    await page.locator('.keys-dialog').waitFor();
    await page.keyboard.type('pan');
    await at.eventually(page, 'what was looked for', () => [...document.querySelectorAll('.keys-row:not([hidden])')].some((one) => one.dataset.keys === 'tool.pan'));
    await page.keyboard.press('ArrowDown');
    await at.eventually(page, 'a cell has the focus', () => document.activeElement.matches('.keys-chip'));
    while (!(await page.evaluate(() => document.activeElement.closest('.keys-row').dataset.keys === 'tool.pan'))) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await panelSays(page, 'Press the new key for “Pan” instead of P');
    await at.shot(page, 'keys-en-ask');
    await page.keyboard.press('F2');
    await labelled(page, 'tool.pan', 'F2');
    await keptAs({ 'tool.pan': ['F2'] });
    await page.keyboard.press('Escape');
    await page.locator('.keys-dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('F2');
    await toolIs(page, 'pan');
    await page.keyboard.press('s');
    await toolIs(page, 'scroll');
    await page.keyboard.press('p'); // means nothing now
    await page.keyboard.press('?');
    await page.locator('dialog.help').waitFor();
    assert.equal(await page.getAttribute('.picture-area', 'data-tool'), 'scroll');
    const pan = page.locator('dialog.help .help-row', { has: page.getByText('Pan', { exact: true }) }).first();
    assert.equal((await pan.locator('dt').innerText()).trim(), 'F2');
    assert.match(await page.getAttribute('.toolbar [data-action="tool.pan"]', 'data-tip'), /\(F2\)/);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
    const other = await open({ language: 'ja' }); // another browser of the same person
    await other.keyboard.press('F2');
    await toolIs(other, 'pan');
    await at.closePage(other);
});

test('a key of another command is told and taken only when one says so; one command as delivered takes it back', async () => {
    const page = await open({ language: 'en' });
    await page.click('[data-menu=more]');
    await page.click('.more .menu-item[data-action=editKeys]');
    await chip(page, 'invert', 'i').click();
    await page.keyboard.press('w');
    await panelSays(page, 'W is the key of “Window”, which then has: no key');
    await at.shot(page, 'keys-en-held');
    await page.keyboard.press('Escape'); // leaves the question, not the dialog
    await page.locator('.keys-ask').waitFor({ state: 'detached' });
    await labelled(page, 'invert', 'I');
    await chip(page, 'invert', 'i').click();
    await page.keyboard.press('w');
    await panelSays(page, 'W is the key of “Window”');
    await page.keyboard.press('Enter');
    await labelled(page, 'invert', 'W');
    await labelled(page, 'tool.window', 'no key');
    await page.locator('.keys-status', { hasText: '“Window” has: no key' }).waitFor();
    await keptAs({ invert: ['w'] });
    await row(page, 'tool.window').locator('.keys-anew').click();
    await panelSays(page, 'W is the key of “Invert”');
    await page.keyboard.press('Enter');
    await labelled(page, 'tool.window', 'W');
    await labelled(page, 'invert', 'no key');
    await keptAs({ invert: [] });
    await row(page, 'invert').locator('.keys-anew').click();
    await labelled(page, 'invert', 'I');
    await keptAs(undefined);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a key is added, one of several changed or taken away, by mouse and by keyboard; the others stay', async () => {
    const page = await open({ language: 'en' });
    await page.click('[data-menu=more]');
    await page.click('.more .menu-item[data-action=editKeys]');
    await row(page, 'zoomIn').locator('.keys-add').click();
    await panelSays(page, 'Press one more key for “Zoom in”');
    await page.keyboard.press('=');
    await panelSays(page, 'has that key already');
    await page.keyboard.press('F4');
    await labelled(page, 'zoomIn', '+ ; = F4');
    await keptAs({ zoomIn: ['+', ';', '=', 'F4'] });
    assert.ok(await row(page, 'zoomIn').locator('.keys-add').isDisabled(), 'four are the most');
    await chip(page, 'zoomIn', ';').click();
    await page.click('.keys-ask [data-action="keys.remove"]');
    await labelled(page, 'zoomIn', '+ = F4');
    await focusOn(page, 'zoomIn', '=');
    await page.keyboard.press('Delete');
    await labelled(page, 'zoomIn', '+ F4');
    await focusOn(page, 'zoomIn', 'F4');
    await page.keyboard.press('ArrowLeft');
    await focusOn(page, 'zoomIn', '+');
    await page.keyboard.press('Enter');
    await panelSays(page, 'instead of +');
    await page.keyboard.press('F6');
    await labelled(page, 'zoomIn', 'F6 F4');
    // a key of a command that has several: what is left there is told
    await row(page, 'fit').locator('.keys-add').click();
    await page.keyboard.press('ArrowUp');
    await panelSays(page, '↑ is the key of “Previous slice (Shift: 10)”, which then has: ←');
    await at.shot(page, 'keys-en-one-of-two');
    await page.keyboard.press('Enter');
    await labelled(page, 'fit', 'F ↑');
    await labelled(page, 'previous', '←');
    await keptAs({ fit: ['f', 'ArrowUp'], zoomIn: ['F6', 'F4'] });
    await page.keyboard.press('Escape');
    await page.locator('.keys-dialog').waitFor({ state: 'detached' });
    const before = await page.getAttribute('.picture-area', 'data-slice');
    await page.keyboard.press('ArrowLeft');
    await at.eventually(page, 'the slice before', (slice) => document.querySelector('.picture-area').dataset.slice === String(slice - 1), before);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('what cannot be a key is said and not taken; no key is a choice; all as delivered is asked for twice', async () => {
    const page = await open({ language: 'ja' });
    await page.click('[data-menu=more]');
    await page.click('.more .menu-item[data-action=editKeys]');
    await chip(page, 'fit', 'f').click();
    await panelSays(page, '新しいキーを押してください');
    for (const [key, words] of [['F5', 'ブラウザー'], ['Control+b', 'ブラウザー'], ['Space', '画像の移動'], ['7', '数字キー']]) {
        await page.keyboard.press(key);
        await panelSays(page, words);
    }
    await at.shot(page, 'keys-ja-refused');
    await page.click('.keys-ask [data-action="keys.remove"]');
    await labelled(page, 'fit', 'キーなし');
    await chip(page, 'oneToOne', 'o').click();
    await page.keyboard.press('Shift+F');
    await labelled(page, 'oneToOne', '⇧F');
    await keptAs({ fit: [], oneToOne: ['Shift+f'] });
    await at.shot(page, 'keys-ja');
    await page.click('[data-action="keys.all"]');
    await page.locator('[data-action="keys.all"]', { hasText: 'もう一度' }).waitFor();
    await labelled(page, 'fit', 'キーなし');
    await page.click('[data-action="keys.all"]');
    await labelled(page, 'fit', 'F');
    await labelled(page, 'oneToOne', 'O');
    await keptAs(undefined);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('every command of the page with a key or a button is in the list', async () => {
    const page = await open({ language: 'en' });
    const buttons = await page.locator('.toolbar [data-action]').evaluateAll((all) => all.map((one) => one.dataset.action));
    await page.click('[data-menu=more]');
    await page.click('.more .menu-item[data-action=editKeys]');
    await row(page, 'fit').waitFor();
    const listed = await page.locator('.keys-row').evaluateAll((all) => all.map((one) => one.dataset.keys));
    assert.ok(buttons.length > 20);
    assert.deepEqual(buttons.filter((action) => !listed.includes(action) && !/^layout\./.test(action)), []);
    assert.equal(new Set(listed).size, listed.length);
    await at.closePage(page);
});
