// Measuring in a real browser on real files: what is written on the screen against pydicom's and numpy's reading of the files (FEATURES E, complaints 7 and 10).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { begin, clean, click, ct, distance, drag, end, file, label, linesOf, marksOf, near, numbers, onScreen, open, press, saved, skip, tool, truth, valuesThere, whereIs } from '../lib/marks.mjs';
import { must, until } from '../lib/service.mjs';

before(() => begin('mr', 'dx', 'us', 'plain', 'uneven'));
after(end);

test('CT: length, two axes, angle, Cobb and the values of regions are those of the file', { skip }, async () => {
    const place = await whereIs(ct[27]);
    await clean(place);
    const page = await open(place);
    await tool(page, 'l');
    await drag(page, [60, 60], [160, 90]);
    await page.keyboard.press('b');
    await drag(page, [200, 60], [300, 60]);
    await drag(page, [250, 40], [255, 90]);
    await page.keyboard.press('a');
    await drag(page, [340, 60], [380, 100]);
    await click(page, [430, 60]);
    await page.keyboard.press('c');
    await drag(page, [40, 150], [110, 160]);
    await drag(page, [40, 230], [110, 210]);
    await page.keyboard.press('g');
    await drag(page, [180, 150], [240, 190]);
    await page.keyboard.press('e');
    await drag(page, [300, 160], [380, 220]);
    await page.keyboard.press('d');
    await press(page, [[180, 300], [240, 300], [250, 340], [200, 360], [170, 330]]);
    await page.keyboard.press('u');
    await click(page, [330.5, 330.5]);
    const marks = await saved(place, 8);
    const by = Object.fromEntries(marks.map((mark) => [mark.kind, mark]));
    for (const [kind, asked] of [['length', [[60, 60], [160, 90]]], ['ellipse', [[300, 160], [380, 220]]]])
        by[kind].points.forEach(([x, y], i) => assert.ok(Math.hypot(x - asked[i][0], y - asked[i][1]) < 0.6, `${kind}: ${x},${y} for ${asked[i]}`));

    await valuesThere(page);
    const spacing = (await truth(place, by.length)).pixel_spacing;
    assert.equal(spacing.length, 2);
    const [lengthText] = await linesOf(label(page, 'length'));
    assert.match(lengthText, /^\d+\.\d mm$/);
    near(numbers(lengthText)[0], distance(by.length.points, spacing), 0.051, 'length');
    const [axes] = await linesOf(label(page, 'bidirectional'));
    near(numbers(axes)[0], distance(by.bidirectional.points.slice(0, 2), spacing), 0.051, 'long axis');
    near(numbers(axes)[1], distance(by.bidirectional.points.slice(2), spacing), 0.051, 'short axis');
    const [a, v, b] = by.angle.points;
    const degrees = Math.abs(Math.atan2((a[0] - v[0]) * (b[1] - v[1]) - (a[1] - v[1]) * (b[0] - v[0]), (a[0] - v[0]) * (b[0] - v[0]) + (a[1] - v[1]) * (b[1] - v[1]))) * (180 / Math.PI);
    near(numbers((await linesOf(label(page, 'angle')))[0])[0], degrees, 0.051, 'angle');
    const slope = ([p, q]) => Math.atan2(q[1] - p[1], q[0] - p[0]) * (180 / Math.PI);
    near(numbers((await linesOf(label(page, 'cobb')))[0])[0], Math.abs(slope(by.cobb.points.slice(0, 2)) - slope(by.cobb.points.slice(2))), 0.051, 'Cobb');

    for (const kind of ['rectangle', 'ellipse', 'freehand']) {
        const expected = await truth(place, by[kind]);
        const [first, second, third] = await linesOf(label(page, kind));
        assert.match(first, /^Mean -?[\d.]+ HU {2}SD [\d.]+$/);
        const [mean, sd] = numbers(first);
        near(mean, expected.mean, 0.051, `${kind} mean`);
        near(sd, expected.sd, 0.051, `${kind} SD`);
        assert.deepEqual(numbers(second), [expected.min, expected.max], kind);
        assert.match(third, /^Area [\d.]+ mm²$/);
        assert.equal(by[kind].measured.count, expected.count);
    }
    const [[left, top], [right, bottom]] = by.ellipse.points;
    near(numbers((await linesOf(label(page, 'ellipse')))[2])[0], Math.abs((Math.PI / 4) * (right - left) * (bottom - top) * spacing[0] * spacing[1]), 0.51, 'area');
    const probe = await truth(place, by.probe);
    await at.soon(async () => (await linesOf(label(page, 'probe')))[0], `${probe.mean} HU`);
    assert.deepEqual(page.troubles, []);
    await at.shot(page, 'marks-ct-en-1280');
    await at.closePage(page);
});

test('MR: values have no invented unit, lengths are those of Pixel Spacing', { skip }, async () => {
    const place = await whereIs(file('mr'));
    await clean(place);
    const page = await open(place);
    await tool(page, 'e');
    await drag(page, [150, 150], [260, 300]);
    await page.keyboard.press('l');
    await drag(page, [300, 100], [300, 400]);
    const [ellipse, length] = ['ellipse', 'length'].map((kind) => (marks) => marks.find((mark) => mark.kind === kind));
    const marks = await saved(place, 2);
    const expected = await truth(place, ellipse(marks));
    await valuesThere(page);
    const [first, second] = await linesOf(label(page, 'ellipse'));
    assert.match(first, /^Mean -?[\d.]+ {2}SD [\d.]+$/);
    near(numbers(first)[0], expected.mean, Math.abs(expected.mean) * 5e-4 + 1e-6, 'mean');
    near(numbers(first)[1], expected.sd, expected.sd * 5e-4 + 1e-6, 'SD');
    assert.deepEqual(numbers(second), [expected.min, expected.max]);
    near(numbers((await linesOf(label(page, 'length')))[0])[0], distance(length(marks).points, expected.pixel_spacing), 0.051, 'length');
    await at.closePage(page);
});

test('a projection: millimetres are called those at the detector', { skip }, async () => {
    const place = await whereIs(file('dx'));
    assert.equal(place.slice.spacing_source, 'detector');
    await clean(place);
    const page = await open(place);
    await tool(page, 'l');
    await drag(page, [30, 40], [150, 90]);
    const [mark] = await saved(place, 1);
    const [text] = await linesOf(label(page, 'length'));
    const { imager_spacing: spacing } = await truth(place, mark);
    assert.match(text, /^\d+\.\d mm at detector$/);
    near(numbers(text)[0], distance(mark.points, spacing), 0.051, 'length');
    await at.soon(() => page.locator('.mark[data-kind="length"]').getAttribute('aria-label'), /Imager Pixel Spacing/);
    await at.closePage(page);
});

test('without a spacing there are pixels and no millimetres, of a length as of an area', { skip }, async () => {
    const place = await whereIs(file('plain'));
    assert.equal(place.slice.spacing_source, 'none');
    await clean(place);
    const page = await open(place);
    await tool(page, 'l');
    await drag(page, [100, 100], [400, 500]);
    await page.keyboard.press('g');
    await drag(page, [500, 200], [600, 260]);
    await page.keyboard.press('u');
    await click(page, [300.5, 150.5]);
    const marks = await saved(place, 3);
    await valuesThere(page);
    const { points } = marks.find(({ kind }) => kind === 'length');
    const [text] = await linesOf(label(page, 'length'));
    assert.match(text, /^\d+\.\d px$/);
    near(numbers(text)[0], distance(points, [1, 1]), 0.051, 'length');
    await at.soon(async () => (await linesOf(label(page, 'rectangle'))).join(' '), /^Area \d+ px²$/);
    await at.soon(async () => (await linesOf(label(page, 'probe')))[0], /^R \d+ {2}G \d+ {2}B \d+$/);
    assert.doesNotMatch(await page.locator('.marks-drawing').textContent(), /mm/);
    await at.closePage(page);
});

test('ultrasound: millimetres of the region, seconds of the trace, pixels outside and across', { skip }, async () => {
    const place = await whereIs(file('us'));
    const [section, trace] = place.object.regions;
    const deltas = async (tag) => [...(await must('dcmdump', ['-q', '+P', tag, place.file])).out.matchAll(/FD (\S+)/g)].map(([, value]) => Number(value));
    const [sectionX, traceX] = await deltas('0018,602c');
    const [sectionY] = await deltas('0018,602e');
    await clean(place);
    const page = await open(place);
    await tool(page, 'l');
    const shown = async (from, to) => {
        await page.keyboard.press('l');
        await drag(page, from, to);
        const mark = await until('the mark is saved with its values', async () => (await marksOf(place)).find(({ measured, kind }) => kind === 'length' && measured));
        await at.eventually(page, 'its label', () => document.querySelector('.mark-label tspan')?.textContent);
        const found = { mark, lines: await linesOf(label(page, 'length')), name: await page.locator('.mark[data-kind="length"]').getAttribute('aria-label') };
        await clean(place);
        await at.eventually(page, 'it is gone', () => !document.querySelector('.mark'));
        return found;
    };
    const inside = await shown([section.left + 30, section.top + 30], [section.left + 130, section.top + 230]);
    assert.match(inside.lines[0], /^\d+\.\d mm$/);
    near(numbers(inside.lines[0])[0], distance(inside.mark.points, [10 * sectionY, 10 * sectionX]), 0.051, 'length');
    assert.match(inside.name, /ultrasound region/);
    assert.ok(inside.lines.some((line) => line === 'by the ultrasound region'), inside.lines.join());
    const along = await shown([trace.left + 5, trace.top + 20], [trace.left + 65, trace.top + 20]);
    assert.match(along.lines[0], /^[\d.]+ s$/);
    near(numbers(along.lines[0])[0], Math.abs(along.mark.points[1][0] - along.mark.points[0][0]) * traceX, 0.0006, 'seconds');
    const outside = await shown([10, 10], [90, 40]);
    assert.match(outside.lines[0], /^\d+\.\d px$/);
    assert.ok(outside.lines.includes('outside the ultrasound regions'), outside.lines.join());
    const across = await shown([60, 200], [300, 300]);
    assert.match(across.lines[0], /^\d+\.\d px$/);
    assert.ok(across.lines.includes('across ultrasound regions'), across.lines.join());
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('pixels that are not square: lengths and angles are those in the patient', { skip }, async () => {
    const place = await whereIs(file('uneven'));
    await clean(place);
    const page = await open(place);
    await tool(page, 'l');
    await drag(page, [10, 5], [10, 20]);
    await page.keyboard.press('a');
    await drag(page, [45, 10], [30, 10]);
    await click(page, [40, 20]);
    const marks = await saved(place, 2);
    const { pixel_spacing: spacing } = await truth(place, marks[0]);
    assert.notEqual(spacing[0], spacing[1]);
    const { points } = marks.find(({ kind }) => kind === 'length');
    near(numbers((await linesOf(label(page, 'length')))[0])[0], distance(points, spacing), 0.051, 'length');
    const [a, v, b] = marks.find(({ kind }) => kind === 'angle').points.map(([x, y]) => [x * spacing[1], y * spacing[0]]);
    const angle = Math.abs(Math.atan2(b[1] - v[1], b[0] - v[0]) - Math.atan2(a[1] - v[1], a[0] - v[0])) * (180 / Math.PI);
    near(numbers((await linesOf(label(page, 'angle')))[0])[0], angle > 180 ? 360 - angle : angle, 0.051, 'angle');
    await at.closePage(page);
});

test('while a region is drawn its values come along, one question at a time', { skip }, async () => {
    const place = await whereIs(ct[20]);
    await clean(place);
    const page = await open(place);
    let flying = 0;
    let most = 0;
    page.on('request', (request) => request.url().includes('/values') && (most = Math.max(most, ++flying)));
    for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => request.url().includes('/values') && flying--);
    await tool(page, 'e');
    const from = await onScreen(page, [150, 150]);
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(from[0] + 160, from[1] + 120, { steps: 40 });
    await at.eventually(page, 'values of the drawing', () => /Mean/.test(document.querySelector('.mark.live .mark-label')?.textContent ?? ''));
    await page.mouse.up();
    await saved(place, 1);
    assert.equal(most, 1);
    await at.closePage(page);
});
