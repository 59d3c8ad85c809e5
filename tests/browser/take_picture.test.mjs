// A picture taken along from the viewer: its purpose is asked, it is copied, saved or printed as it is shown, with the words; both languages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

let service, browser, study;
before(async () => {
    service = await Service.start({ files: ctFiles().slice(0, 5) });
    browser = await at.openBrowser();
    [study] = await service.studies();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

async function dialog(options) {
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, options);
    await page.locator('.picture-area[data-state=ready]').waitFor();
    await page.keyboard.press('q');
    await page.locator('dialog.take').waitFor();
    return page;
}
const size = (png) => ({ width: png.readUInt32BE(16), height: png.readUInt32BE(20) });

for (const language of ['ja', 'en']) {
    test(`nothing is given before its purpose is said; it is saved as a PNG of picture and words, ${language}`, async () => {
        const page = await dialog({ language });
        await at.shot(page, `take-${language}`);
        const text = await at.soon(() => page.innerText('dialog.take'), (words) => words.trim() !== '');
        assert.ok(!text.includes('take.'), 'a text without words');
        await at.soon(() => page.isDisabled('[data-way=save]'), true);
        await page.check('dialog.take input[value=explanation]');
        const coming = page.waitForEvent('download');
        await page.click('[data-way=save]');
        const download = await coming;
        const png = fs.readFileSync(await download.path());
        assert.deepEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
        const { width, height } = size(png);
        assert.ok(width >= 512 && height > width, `${width} x ${height}`);
        assert.match(download.suggestedFilename(), /^kakehashi-\d+-\d+-1\.png$/);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });
}

test('the window on the screen is the one of the picture', async () => {
    const page = await dialog({ language: 'en' });
    await page.keyboard.press('Escape');
    const told = async () => /C (-?[\d.]+) +W ([\d.]+)/.exec(await at.corner(page, 'bottom left'));
    const [before] = await told();
    await page.keyboard.press('2');
    await until('another window is told', async () => (await told())?.[0] !== before);
    const [, center, width] = await told();
    await page.keyboard.press('i');
    await page.keyboard.press('q');
    await page.check('dialog.take input[value=care]');
    const asked = page.waitForRequest(/\/picture\?/);
    await page.click('[data-way=save]');
    const query = new URL((await asked).url()).searchParams;
    assert.deepEqual([query.get('purpose'), Number(query.get('c')), Number(query.get('w')), query.get('invert')], ['care', Number(center), Number(width), '1']);
    await page.context().close();
});

/** Of a PNG: its size, and where the yellow of marks is: [left, top, right, bottom], null without any. */
const yellowOf = (page, png) => page.evaluate(async (text) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(picture, 0, 0);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    let box = null;
    for (let at = 0; at < data.length; at += 4) {
        if (!(data[at] > 200 && data[at + 1] > 180 && data[at + 2] < 120)) continue;
        const [x, y] = [(at / 4) % canvas.width, Math.floor(at / 4 / canvas.width)];
        box = box ? [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)] : [x, y, x, y];
    }
    return { width: picture.width, height: picture.height, box };
}, png.toString('base64'));

test('marks are on the picture when that is wanted, at their place, and never on the words below it', async () => {
    const page = await at.openPage(browser, service.url, `/studies/${study.id}`, { language: 'en' });
    await page.locator('.picture-area[data-state=ready]').waitFor();
    await page.keyboard.press('q');
    await page.locator('dialog.take').waitFor();
    assert.equal(await page.locator('dialog.take input[name=marks]').count(), 0, 'nothing is drawn');
    await page.keyboard.press('Escape');
    const { id, width: columns } = await page.evaluate(async (studyId) => {
        const series = (await (await fetch(`/api/studies/${studyId}`)).json()).series_list.find(({ frames }) => frames > 0);
        const stack = await (await fetch(`/api/series/${series.id}/stack`)).json();
        const shown = Number(document.querySelector('.picture-area').dataset.slice) - 1;
        const object = stack.objects[stack.slices[shown].object];
        const mark = crypto.randomUUID();
        await fetch(`/api/studies/${studyId}/marks/${mark}`, { method: 'POST', headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ kind: 'rectangle', sop_uid: object.sop_uid, frame: 0, version: 0, points: [[100, 150], [300, 250]], text: '' }) });
        return { id: mark, width: object.columns };
    }, study.id);
    await page.locator(`[data-mark="${id}"]`).waitFor();
    const taken = async (withMarks) => {
        await page.keyboard.press('q');
        await page.check('dialog.take input[value=care]');
        const box = page.locator('dialog.take input[name=marks]');
        assert.equal(await box.isChecked(), true, 'on when marks are shown');
        if (!withMarks) await box.uncheck();
        const coming = page.waitForEvent('download');
        await page.click('[data-way=save]');
        const png = fs.readFileSync(await (await coming).path());
        await page.keyboard.press('Escape');
        await page.locator('dialog.take').waitFor({ state: 'detached' });
        return yellowOf(page, png);
    };
    const without = await taken(false);
    assert.equal(without.box, null);
    const marked = await taken(true);
    assert.deepEqual([marked.width, marked.height], [without.width, without.height]);
    const scale = marked.width / columns;
    const [left, top, right, bottom] = marked.box;
    assert.ok(Math.abs(left - 100 * scale) <= 3 * scale && Math.abs(top - 150 * scale) <= 3 * scale, `begins at ${left}, ${top}`);
    assert.ok(right >= 300 * scale - 2 && bottom >= 250 * scale - 2 && bottom < columns * scale, `ends at ${right}, ${bottom}`);
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});

test('it is copied to the clipboard', async () => {
    const page = await dialog({ language: 'en' });
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: service.url });
    await page.check('dialog.take input[value=care]');
    await page.click('[data-way=copy]');
    await page.locator('dialog.take', { hasText: 'in the clipboard' }).waitFor();
    const kinds = await page.evaluate(async () => (await navigator.clipboard.read()).flatMap((one) => one.types));
    assert.deepEqual(kinds, ['image/png']);
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});

test('what is printed is the picture alone', async () => {
    const page = await dialog({ language: 'en' });
    await page.evaluate(() => {
        globalThis.print = () => {
            globalThis.printed = document.querySelector('.print-sheet img').naturalHeight;
        };
    });
    await page.check('dialog.take input[value=conference]');
    await page.click('[data-way=print]');
    await until('the picture is printed', () => page.evaluate(() => globalThis.printed > 0));
    await at.soon(() => page.locator('.print-sheet').count(), 0, 'gone afterwards');
    await page.context().close();
});

test('where it is not allowed the page says so', async () => {
    const page = await dialog({ language: 'en', route: (p) => p.route(/\/picture\?purpose=/, (route) => route.fulfill({ status: 404, contentType: 'application/json', body: '{"error":"not_found","message":"no such study, series or object"}' })) });
    await page.check('dialog.take input[value=care]');
    await page.click('[data-way=save]');
    await at.soon(() => page.locator('dialog.take [role=alert]').innerText(), /does not allow/);
    await page.context().close();
});
