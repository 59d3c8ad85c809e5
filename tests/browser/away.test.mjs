// A study that went back to its hospital: the list says so, opening it fetches it, and its slices appear by themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, freePort, Pacs, Service, until } from '../lib/service.mjs';

let service, pacs, browser, study;

before(async () => {
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    pacs = await Pacs.start({ files: ctFiles(), peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()] });
    await service.must(['pull', 'PACS', '--all', '--wait']);
    [study] = await service.studies();
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
    await pacs?.stop();
});

test('the list says that a study is at the hospital, in both languages', async () => {
    await service.must(['evict', study.uid]);
    for (const [language, words] of [['en', /At the hospital/], ['ja', /病院に保管/]]) {
        const page = await at.openPage(browser, service.url, '/', { language });
        await page.locator('tr[data-study] .state.away').waitFor();
        await at.soon(() => page.locator('tr[data-study] .col-state').innerText(), words);
        await at.closePage(page);
    }
});

test('an opened study comes back, and its pictures appear by themselves', async () => {
    assert.equal((await service.json(`/api/studies/${study.id}`)).away, study.objects);
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`);
    await at.pictureReady(page);
    await page.keyboard.press('End');
    await at.pictureReady(page, study.frames);
    assert.equal((await service.json(`/api/studies/${study.id}`)).away, 0);
    await page.locator('.banner').waitFor({ state: 'hidden' });
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('a hospital that does not answer: the banner says where the study is', async () => {
    await until('it is whole', async () => (await service.json(`/api/studies/${study.id}`)).away === 0);
    await service.must(['evict', study.uid]);
    await service.must(['node', 'remove', 'PACS']);
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`);
    await page.locator('.banner.away button').waitFor();
    await at.soon(() => page.locator('.banner').innerText(), /hospital|病院/);
    await at.closePage(page);
});
