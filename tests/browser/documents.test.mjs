// Reports, PDFs and electrocardiograms in the viewer: beside the pictures, as words and drawings, nothing of them as markup; gone when the screen is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { fragments, makeObject } from '../lib/objects.mjs';
import { ctFiles, dataDir, must, needsData, Service, temporaryFolder, until } from '../lib/service.mjs';

const skip = needsData;
const file = (name) => path.join(dataDir ?? '', name);
const folder = temporaryFolder('kh-beside');
let service, browser, studies;

/** A report whose words would be a script, were they markup; in the study of the CT. */
async function hostileReport(ct) {
    const [, study] = /\[(.*)\]/.exec((await must('dcmdump', ['+P', '0020,000d', ct])).output);
    const [, patient] = /\[(.*)\]/.exec((await must('dcmdump', ['+P', '0010,0020', ct])).output);
    const dcm = path.join(folder, 'report.dcm');
    const item = (type, concept, rest) => ['(fffe,e000) na', `(0040,a040) CS [${type}]`, '(0040,a043) SQ', '(fffe,e000) na', '(0008,0100) SH [1]', '(0008,0102) SH [99T]', `(0008,0104) LO [${concept}]`, '(fffe,e00d) na', '(fffe,e0dd) na', ...rest, '(fffe,e00d) na'];
    fs.writeFileSync(`${dcm}.dump`, ['(0002,0010) UI =LittleEndianExplicit', '(0008,0005) CS [ISO_IR 192]', '(0008,0016) UI [1.2.840.10008.5.1.4.1.1.88.11]', '(0008,0018) UI [1.2.3.4.99.1]', '(0008,0060) CS [SR]',
        `(0010,0020) LO [${patient}]`, `(0020,000d) UI [${study}]`, '(0020,000e) UI [1.2.3.4.99.2]', '(0020,0013) IS [1]', '(0040,a040) CS [CONTAINER]', '(0040,a043) SQ', '(fffe,e000) na', '(0008,0100) SH [1]', '(0008,0102) SH [99T]',
        '(0008,0104) LO [Imaging Report]', '(fffe,e00d) na', '(fffe,e0dd) na', '(0040,a050) CS [SEPARATE]', '(0040,a730) SQ', ...item('TEXT', 'Finding', ['(0040,a160) UT [<img src=x onerror=alert(1)> 右肺に結節]']), '(fffe,e0dd) na', ''].join('\n'));
    await must('dump2dcm', ['-q', `${dcm}.dump`, dcm]);
    return dcm;
}

/** A video as an endoscope sends one: what Chromium itself records of a moving ball, in one fragment. */
async function video() {
    const page = await browser.newPage();
    const recorded = await page.evaluate(async () => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
        const context = canvas.getContext('2d');
        const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/mp4;codecs=avc1.42E01E' });
        const parts = [];
        recorder.addEventListener('dataavailable', ({ data }) => parts.push(data));
        recorder.start();
        for (let n = 0; n < 20; n++) {
            context.fillStyle = '#203040';
            context.fillRect(0, 0, 320, 240);
            context.fillStyle = '#ffaa88';
            context.fillRect(20 + 10 * n, 100, 40, 40);
            await new Promise((resolve) => setTimeout(resolve, 40));
        }
        recorder.stop();
        await new Promise((resolve) => recorder.addEventListener('stop', resolve));
        return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
    });
    await page.close();
    const even = Buffer.from(recorded.length % 2 === 0 ? recorded : [...recorded, 0]);
    const { file: made } = await makeObject(['(0008,0016) UI [1.2.840.10008.5.1.4.1.1.77.1.1.1]', '(0008,103e) LO [Gastroscopy]', '(0028,0008) IS [20]', '(0018,1063) DS [40]', '(0028,0002) US 3', '(0028,0004) CS [YBR_PARTIAL_420]', '(0028,0006) US 0',
        '(0028,0010) US 240', '(0028,0011) US 320', '(0028,0100) US 8', '(0028,0101) US 8', '(0028,0102) US 7', '(0028,0103) US 0', ...fragments([even])], { modality: 'ES', syntax: 'MPEG4HighProfile/Level4.1' });
    return made;
}

before(async () => {
    browser = await at.openBrowser();
    const files = ctFiles().slice(0, 3);
    service = await Service.start({ files: [...files, await hostileReport(files[0]), await video(), ...(skip ? [] : [file('pydicom/waveform_ecg.dcm'), file('generated/encapsulated_pdf.dcm')])] });
    studies = await service.studies();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});
const studyWith = (modality) => studies.find((one) => one.modalities.includes(modality)).id;
const panel = (page) => page.locator('.document-panel');

for (const [language, width, height] of [['ja', 1280, 720], ['en', 820, 1180]]) {
    test(`a report stands beside the picture, its words as words, ${language}`, async () => {
        const page = await at.openPage(browser, service.url, `/studies/${studyWith('SR')}`, { language, width, height });
        await page.locator('.picture-area[data-state=ready]').waitFor();
        await page.locator('.strip .thumb', { hasText: 'SR' }).click();
        await panel(page).locator('.report').waitFor();
        const text = await at.soon(() => panel(page).innerText(), /右肺に結節/);
        assert.match(text, /<img src=x onerror=alert\(1\)> 右肺に結節/);
        assert.match(text, /Imaging Report/);
        assert.equal(await panel(page).locator('img').count(), 0);
        if (width > 1000) {
            const boxes = async () => [await page.locator('.picture-area').boundingBox(), await panel(page).boundingBox()];
            await at.soon(boxes, ([picture, words]) => picture.x + picture.width <= words.x + 1, 'beside, not over');
        }
        await at.shot(page, `report-${language}-${width}`);
        await panel(page).locator('header button').click();
        await at.soon(() => panel(page).isVisible(), false);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });
}

test('an electrocardiogram is drawn; a study without pictures opens with what it has', { skip }, async () => {
    const page = await at.openPage(browser, service.url, `/studies/${studyWith('ECG')}`, { language: 'en' });
    const picture = panel(page).locator('img');
    await picture.waitFor();
    await until('the drawing is there', () => picture.evaluate((img) => img.complete && img.naturalWidth > 0));
    const size = await picture.evaluate((img) => [img.naturalWidth, img.naturalHeight]);
    assert.ok(size[0] > 900, `${size}`); // 10 s and margins in mm, at 96 pixels an inch
    await at.shot(page, 'ecg-en-1280');
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});

test('a video plays beside its place as it is stored, comes back by its series, and stops when the panel is closed', async () => {
    const page = await at.openPage(browser, service.url, `/studies/${studyWith('ES')}`, { language: 'en' });
    const player = panel(page).locator('video');
    await player.waitFor();
    await until('it can play', () => player.evaluate((one) => one.readyState >= 2 && one.videoWidth === 320 && one.videoHeight === 240));
    await page.locator('.problem', { hasText: 'A video' }).waitFor();
    await player.evaluate((one) => one.play());
    await until('it has played', () => player.evaluate((one) => one.currentTime > 0.1));
    await at.shot(page, 'video-en-1280');
    await panel(page).locator('header button').click();
    await player.waitFor({ state: 'detached' });
    await page.locator('.strip .thumb').first().click();
    await player.waitFor();
    assert.equal(await page.locator('.cine-bar').isVisible(), false, 'there are no frames to play');
    assert.deepEqual(page.troubles, []);
    await page.context().close();
});

test('a PDF is held in a frame of its own', { skip }, async () => {
    let answered;
    const route = (one) => { answered = one.waitForResponse(/\/rendered$/); };
    const page = await at.openPage(browser, service.url, `/studies/${studyWith('DOC')}`, { language: 'en', route });
    await panel(page).locator('iframe').waitFor();
    const answer = await answered;
    assert.equal(answer.status(), 200);
    assert.equal(answer.headers()['content-type'], 'application/pdf');
    await at.shot(page, 'pdf-en-1280');
    assert.deepEqual(page.troubles.filter((one) => !/request to chrome/.test(one)), []);
    await page.context().close();
});
