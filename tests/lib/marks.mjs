// marks.mjs - what the tests of marks in a real browser share: real files behind a service, a page at the image of one of them, presses at points of its
// frame, the marks as the service has them, and what pydicom and numpy say of their points.
import assert from 'node:assert/strict';
import path from 'node:path';
import * as at from './browser.mjs';
import { ctFiles, dataDir, must, needsData, root, Service, until } from './service.mjs';

export const skip = needsData;
const FILES = skip ? {} : { mr: 'mr-hitachi-spine/DCMDT/D0000014', dx: 'highdicom/dx_image.dcm', us: 'broken/no-pixel-spacing.dcm', plain: 'fo-dicom/JPEGwithIcon.dcm', uneven: 'nonsquare/001.dcm' };
export const file = (name) => path.join(dataDir, FILES[name]);

export let browser, ct, service;
let studies;

/** Before the tests of a file: a service with the CT and the named ones of FILES, and a browser. */
export async function begin(...names) {
    if (skip) return;
    ct = ctFiles();
    service = await Service.start({ files: [...ct, ...names.map(file)] });
    browser = await at.openBrowser();
    studies = await Promise.all((await service.studies()).map(({ id }) => service.json(`/api/studies/${id}`)));
}

export async function end() {
    await browser?.close();
    await service?.stop();
}

// ---- where things are

const uidOf = async (one) => /\[(.*)\]/.exec((await must('dcmdump', ['+P', '0008,0018', one])).out)[1];

/** {study, series, index, object, slice} of a file as the service holds it. */
export async function whereIs(one) {
    const uid = await uidOf(one);
    for (const study of studies) {
        for (const series of study.series_list.filter(({ frames }) => frames > 0)) {
            const stack = await service.json(`/api/series/${series.id}/stack`);
            const index = stack.slices.findIndex(({ object }) => stack.objects[object].sop_uid === uid);
            if (index >= 0) return { study, series, index, slice: stack.slices[index], object: stack.objects[stack.slices[index].object], file: one };
        }
    }
    throw new Error(`not held: ${one}`);
}

export async function open(place, options = {}) {
    const page = await at.openPage(browser, service.url, `/studies/${place.study.id}?series=${place.series.id}&slice=${place.index + 1}`, { language: 'en', ...options });
    await at.pictureReady(page, place.index + 1);
    await at.eventually(page, 'the tools', () => document.querySelector('[data-menu="measure"]') && !document.querySelector('[data-menu="measure"]').disabled);
    page.place = place;
    return page;
}

/** The point of the screen of a point of a frame that is fitted, not turned. */
export async function onScreen(page, [x, y]) {
    const { rows, columns, pixel_aspect: aspect } = page.place.object;
    const box = await page.locator('.picture-area').boundingBox();
    const scale = Math.min(box.width / columns, box.height / (rows * aspect));
    return [box.x + box.width / 2 + (x - columns / 2) * scale, box.y + box.height / 2 + (y - rows / 2) * aspect * scale];
}

export async function press(page, points) {
    const places = await Promise.all(points.map((point) => onScreen(page, point)));
    await page.mouse.move(...places[0]);
    await page.mouse.down();
    for (const place of places.slice(1)) await page.mouse.move(...place, { steps: 3 });
    await page.mouse.up();
}
export const drag = (page, from, to) => press(page, [from, to]);
export const click = (page, point) => press(page, [point]);

export const marksOf = async ({ study }) => (await service.json(`/api/studies/${study.id}/marks`)).marks;
export const figures = (page) => page.locator('.mark').count();
export const label = (page, kind) => page.locator(`.mark[data-kind="${kind}"] .mark-label`).first();
export const linesOf = (locator) => locator.locator('tspan').allTextContents();

export async function tool(page, key) {
    await page.keyboard.press(key);
    await at.eventually(page, 'the marks', () => document.querySelector('.marks-layer'));
}

/** Wait until everything is saved; the marks of the study as the service has them. */
export async function saved(place, count) {
    return until(`${count} marks are saved`, async () => {
        const marks = await marksOf(place);
        return marks.length === count && marks;
    });
}

export async function post(target, body) {
    const answer = await service.request(target, { method: 'POST', headers: { 'content-type': 'application/json', origin: service.url }, body: JSON.stringify(body) });
    assert.equal(answer.code, 200, answer.body.toString());
}

export async function clean(place) {
    for (const { id, version } of await marksOf(place)) await post(`/api/studies/${place.study.id}/marks/${id}/delete`, { version });
}

/** Wait until no label waits for its values any more. */
export const valuesThere = (page) => at.eventually(page, 'values', () => document.querySelector('.marks-drawing') && !document.querySelector('.marks-drawing').textContent.includes('…'));

/** What pydicom and numpy say of a mark's points. */
export async function truth(place, mark) {
    const { out } = await must('/usr/bin/python3', [path.join(root, 'tests/lib/roi_values.py')], { input: JSON.stringify({ file: place.file, frame: mark.frame, kind: mark.kind, points: mark.points }) });
    return JSON.parse(out);
}
export const distance = ([[ax, ay], [bx, by]], [row, column]) => Math.hypot((bx - ax) * column, (by - ay) * row);
export const numbers = (text) => [...text.matchAll(/-?\d+(?:\.\d+)?/g)].map(Number);
export const near = (shown, expected, by, what) => assert.ok(Math.abs(shown - expected) <= by, `${what}: ${shown} on the screen, expected ${expected}`);

/** A drag of a finger, still down; {lift()}. */
export async function touch(page, points) {
    const client = await page.context().newCDPSession(page);
    const send = (type, list) => client.send('Input.dispatchTouchEvent', { type, touchPoints: list.map(([x, y]) => ({ x, y })) });
    await send('touchStart', [points[0]]);
    for (const point of points.slice(1)) await send('touchMove', [point]);
    return { lift: () => send('touchEnd', []) };
}
