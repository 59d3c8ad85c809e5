// A study that is still arriving, and objects that cannot be shown, through the real service: new slices appear by themselves,
// the reader stays where they are, and a broken object is a placeholder with its reason.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, must, Pacs, Service, storescu, temporaryFolder } from '../lib/service.mjs';

const FIRST = 12; // slices there when the reader comes
let service, browser, files;

before(async () => {
    files = ctFiles();
    service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'city-hospital']] });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const sliceCount = (page) =>
    page.evaluate(() => Number(document.querySelector('.slider')?.getAttribute('aria-valuemax') ?? 0));
const onScreen = async (page) =>
    (await at.soon(() => at.corner(page, 'bottom left'), /Loc|位置/)).split('\n')[0];

test('a study appears in an open list, and its slices in an open viewer, without losing the place', async () => {
    const list = await at.openPage(browser, service.url, '/');
    await list.waitForSelector('.list-message:not([hidden])');
    await storescu(service.dicomPort, files.slice(0, FIRST));
    await list.locator('tr[data-study]').first().waitFor();
    const study = Number(await list.getAttribute('tr[data-study]', 'data-study'));
    await at.closePage(list);

    const page = await at.openPage(browser, service.url, `/studies/${study}`);
    await at.pictureReady(page);
    const before = { place: await onScreen(page), picture: await at.drawn(page) };
    const { code } = await storescu(service.dicomPort, files.slice(FIRST));
    assert.equal(code, 0);
    await at.eventually(
        page,
        'all slices in the viewer',
        (all) => document.querySelector('.slider').getAttribute('aria-valuemax') === String(all),
        files.length,
    );
    await at.pictureReady(page);
    await at.soon(() => onScreen(page), before.place, 'the same slice');
    await at.soon(async () => at.difference(await at.drawn(page), before.picture), (off) => off < 0.5, 'the same picture');
    await page.keyboard.press('End');
    await at.pictureReady(page, files.length);
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('the banner counts what a pull has brought, and goes when it is complete', async () => {
    const [study] = await service.studies();
    const full = await service.json(`/api/studies/${study.id}`);
    let pull = { state: 'running', expected: 421, received: 137, failed: 0, reason: '' };
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, {
        route: async (one) => {
            await one.addInitScript(() => delete globalThis.SharedWorker); // the stream of the worker is out of a route's reach
            await one.route(/\/api\/studies\/\d+$/, (route) => route.fulfill({ json: { ...full, pull } }));
            await one.route('**/api/events', (route) => {
                const data = {
                    pull: 5,
                    study_uid: study.uid,
                    state: 'partial',
                    expected: 421,
                    received: 415,
                    failed: 6,
                    reason: '6 refused (A900)',
                };
                pull = data;
                return setTimeout(
                    () =>
                        route.fulfill({
                            contentType: 'text/event-stream',
                            body: `id: 1\nevent: pull\ndata: ${JSON.stringify(data)}\n\n`,
                        }),
                    1500,
                );
            });
        },
    });
    pull = { ...pull, state: 'running' };
    await page.waitForSelector('.banner.arriving progress');
    await at.eventually(page, 'the reason', () =>
        /6 refused \(A900\)/.test(document.querySelector('.banner.partial')?.textContent),
    );
    await at.soon(() => page.textContent('.banner'), /415/);
    await at.closePage(page);
});

test('a pull from a PACS fills the list and the viewer', async () => {
    const pacs = await Pacs.start({
        files: files.slice(0, 20),
        peers: [{ title: 'KAKEHASHI', port: service.dicomPort }],
    });
    await service.must(['node', 'add', ...pacs.node('FAR')]);
    const page = await at.openPage(browser, service.url, '/');
    await page.locator('tr[data-study]').first().waitFor();
    await service.must(['pull', 'FAR', '--all'], { seconds: 60 });
    await at.eventually(
        page,
        'a second study, of the hospital',
        () => document.querySelectorAll('tr[data-study]').length === 2,
    );
    await at.eventually(page, 'its twenty slices', () => /20 枚/.test(document.querySelector('tbody').textContent));
    await pacs.stop();
    await at.closePage(page);
});

test('an object whose pixels are cut short is a placeholder with the reason; the others are shown', async () => {
    const folder = temporaryFolder('kh-broken');
    const copies = files.slice(0, 5).map((file, index) => {
        const copy = path.join(folder, `${index}.dcm`);
        fs.copyFileSync(file, copy);
        return copy;
    });
    const fresh = ['-nb', '-m', '(0020,000D)=1.2.3.4.5', '-m', '(0020,000E)=1.2.3.4.5.6', '-m', '(0010,0020)=BROKEN'];
    await must('dcmodify', [...fresh, ...copies]);
    for (const [index, copy] of copies.entries())
        await must('dcmodify', ['-nb', '-imt', '-m', `(0008,0018)=1.2.3.4.5.6.${index + 1}`, copy]);
    await must('dcmodify', ['-nb', '-m', '(0028,0010)=1024', copies[2]]);
    await service.must(['import', folder]);
    const study = (await service.studies()).find((one) => one.patient.id === 'BROKEN');
    const [series] = (await service.json(`/api/studies/${study.id}`)).series_list;
    const stack = await service.json(`/api/series/${series.id}/stack`);
    const broken = stack.slices.findIndex((slice) => stack.objects[slice.object].sop_uid === '1.2.3.4.5.6.3');
    assert.ok(broken >= 0, 'the broken object has its place in the stack');
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`);
    await at.eventually(page, 'the first picture or placeholder', () =>
        ['ready', 'problem'].includes(document.querySelector('.picture-area')?.dataset.state),
    );
    await page.keyboard.press('Home');
    for (let index = 0; index < stack.slices.length; index++) {
        if (index === broken) assert.match(await at.placeholder(page, index + 1), /この画像は表示できません.+\d/s);
        else await at.pictureReady(page, index + 1);
        await page.keyboard.press('ArrowDown');
    }
    await at.soon(() => sliceCount(page), stack.slices.length);
    await at.shot(page, 'viewer-ja-broken-real');
    await at.closePage(page);
});
