// The viewer in a real browser, on a CT as the service holds it: every slice is drawn and is the right one; window, zoom, keys,
// mouse, touch and language do what they say.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service } from '../lib/service.mjs';

const SAME = 1; // mean grey levels two samples of one picture may differ by
let base, service, browser, study, series, stack;

before(async () => {
    if (!process.env.KH_URL) service = await Service.start({ files: ctFiles() });
    base = process.env.KH_URL ?? service.url;
    browser = await at.openBrowser();
    const get = async (target) => (await fetch(base + target)).json();
    const list = (await get('/api/studies?modality=CT&limit=200')).studies;
    study = await get(
        `/api/studies/${list.find((one) => one.frames >= 54 && (one.pull?.state ?? 'complete') === 'complete').id}`,
    );
    series = study.series_list.find((one) => one.frames > 1);
    stack = await get(`/api/series/${series.id}/stack`);
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const open = (options) =>
    at.openPage(browser, base, `/studies/${study.id}?series=${series.id}&slice=${middle() + 1}`, options);
const middle = () => stack.slices.length >> 1;
function tile(index, query = '') {
    const slice = stack.slices[index];
    return `/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}/0/0/0.jpg${query}`;
}
const area = (page) => page.locator('.picture-area');
async function drag(page, from, to, { button = 'left', hold } = {}) {
    const box = await area(page).boundingBox();
    const point = ([x, y]) => [box.x + box.width / 2 + x, box.y + box.height / 2 + y];
    if (hold) await page.keyboard.down(hold);
    await page.mouse.move(...point(from));
    await page.mouse.down({ button });
    await page.mouse.move(...point([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
    await page.mouse.move(...point(to));
    await page.mouse.up({ button });
    if (hold) await page.keyboard.up(hold);
}
const sliceShown = async (page) => Number(await area(page).getAttribute('data-slice'));
/** Wait until the picture that is seen is the one that the service gives at an address. */
const seenAs = async (page, expected, message) => at.soon(async () => at.difference(await at.seen(page), expected), (off) => off < SAME, message);
async function zoomPercent(page) {
    return Number(/(\d+)%/.exec(await at.corner(page, 'bottom left'))[1]);
}
async function windowShown(page) {
    const [, center, width] = /C (-?[\d.]+) +W ([\d.]+)/.exec(await at.corner(page, 'bottom left'));
    return { center: Number(center), width: Number(width) };
}

test('the study opens at the middle slice of its first stack', async () => {
    const page = await at.openPage(browser, base, `/studies/${study.id}`);
    const first = study.series_list.find((one) => one.frames > 3);
    await at.pictureReady(page, (first.frames >> 1) + 1);
    await at.shot(page, 'viewer-ja-1280');
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('from end to end every slice is drawn, none black, each the one the service holds there', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.keyboard.press('Home');
    let last = null;
    const identical = [];
    for (let index = 0; index < stack.slices.length; index++) {
        await at.pictureReady(page, index + 1);
        const expected = await at.served(page, tile(index, '?q=80'));
        const alike = (now) => at.difference(now, expected) < SAME;
        const picture = await at.soon(() => at.drawn(page), alike, `slice ${index + 1} differs from the picture of the service`);
        assert.ok(Math.max(...picture) > 40, `slice ${index + 1} is black`);
        await at.soon(() => at.corner(page, 'bottom right'), new RegExp(`${index + 1} / ${stack.slices.length}`));
        if (last && at.difference(picture, last) === 0) identical.push(index + 1);
        last = picture;
        await page.keyboard.press('ArrowDown');
    }
    assert.deepEqual(identical, [], 'neighbours that look alike');
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
});

test('slices lie in the order of their positions along the normal', () => {
    const along = stack.slices.map(({ position: p, orientation: o }) => {
        const normal = [o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]];
        return p[0] * normal[0] + p[1] * normal[1] + p[2] * normal[2];
    });
    const steps = along.slice(1).map((value, index) => Math.sign(value - along[index]));
    assert.equal(new Set(steps).size, 1);
});

test('wheel, keys and slider go to the slices they name', async () => {
    const page = await open();
    const size = stack.slices.length;
    const start = middle() + 1;
    await at.pictureReady(page, start);
    await area(page).hover();
    const steps = [
        ['a notch', () => page.mouse.wheel(0, 100), start + 1],
        ['a notch back', () => page.mouse.wheel(0, -100), start],
        ['PageDown', () => page.keyboard.press('PageDown'), start + 10],
        ['PageUp', () => page.keyboard.press('PageUp'), start],
        ['Shift and arrow', () => page.keyboard.press('Shift+ArrowUp'), start - 10],
        ['arrow', () => page.keyboard.press('ArrowDown'), start - 9],
        ['End', () => page.keyboard.press('End'), size],
        ['past the end', () => page.keyboard.press('ArrowDown'), size],
        ['Home', () => page.keyboard.press('Home'), 1],
    ];
    for (const [name, act, expected] of steps) {
        await act();
        await at.pictureReady(page, expected).catch(() => assert.fail(`${name}: not at ${expected}`));
    }
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, 100);
    await page.keyboard.up('Shift');
    await at.pictureReady(page, 11);
    const slider = await page.locator('.slider').boundingBox();
    await page.mouse.click(slider.x + slider.width / 2, slider.y + slider.height - 4);
    await at.pictureReady(page, size);
    await at.soon(() => page.getAttribute('.slider', 'aria-valuenow'), String(size));
    await at.closePage(page);
});

test('dragging the scroll tool down goes on, up goes back', async () => {
    const page = await open();
    await at.pictureReady(page);
    await drag(page, [0, 0], [0, 100]);
    await at.pictureReady(page);
    await at.soon(() => sliceShown(page), (slice) => slice > middle() + 1);
    await at.pictureReady(page);
    await drag(page, [0, 0], [0, -100]);
    await at.pictureReady(page, middle() + 1);
    await at.closePage(page);
});

test('dragging the window: right is wider, up is a lower centre and a brighter picture', async () => {
    const page = await open();
    await at.pictureReady(page);
    const before = await windowShown(page);
    const pictureBefore = await at.seen(page);
    await page.keyboard.press('w');
    await drag(page, [0, 0], [0, -120]);
    await at.pictureReady(page);
    const up = await at.soon(() => windowShown(page), (now) => now.center < before.center && now.width === before.width);
    await at.soon(() => at.seen(page), (now) => at.mean(now) > at.mean(pictureBefore), 'a lower centre is brighter');
    await drag(page, [0, 0], [120, 0]);
    await at.pictureReady(page);
    const right = await at.soon(() => windowShown(page), (now) => now.width > up.width && now.center === up.center);
    const exact = await at.served(page, tile(middle(), `?c=${right.center}&w=${right.width}&q=80`));
    await seenAs(page, exact, 'the exact picture follows');
    await at.closePage(page);
});

test('while the window is dragged the picture on the screen follows at once, near the exact one', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.keyboard.press('1');
    await at.pictureReady(page);
    await page.route('**/tiles/**', (route) => setTimeout(() => route.abort(), 60000));
    await page.keyboard.press('w');
    const box = await area(page).boundingBox();
    await page.mouse.move(box.x + 400, box.y + 300);
    await page.mouse.down();
    await page.mouse.move(box.x + 440, box.y + 280, { steps: 4 });
    const { center, width } = await at.soon(() => windowShown(page), (now) => now.center !== 40 && now.width !== 400);
    const preview = await at.seen(page);
    await page.unroute('**/tiles/**');
    const exact = await at.served(page, tile(middle(), `?c=${center}&w=${width}&q=80`));
    assert.ok(at.difference(preview, exact) < 4 * SAME, `preview differs by ${at.difference(preview, exact)}`);
    await page.mouse.up();
    await at.closePage(page);
});

test('presets by digit and menu ask for their window, 0 goes back to the own one', async () => {
    const page = await open();
    await at.pictureReady(page);
    const own = await windowShown(page);
    for (const [digit, center, width] of [
        ['1', 40, 400],
        ['2', -600, 1500],
        ['3', 40, 350],
        ['4', 400, 1800],
        ['5', 40, 80],
    ]) {
        await page.keyboard.press(digit);
        await at.pictureReady(page);
        await at.soon(() => windowShown(page), { center, width });
        const exact = await at.served(page, tile(middle(), `?c=${center}&w=${width}&q=80`));
        await seenAs(page, exact, `preset ${digit}`);
    }
    await page.keyboard.press('0');
    await at.pictureReady(page);
    await at.soon(() => windowShown(page), own);
    await page.click('.preset button[aria-haspopup]');
    await at.shot(page, 'viewer-ja-presets');
    await page.click('.menu-item:nth-child(3)');
    await at.pictureReady(page);
    await at.soon(() => windowShown(page), { center: -600, width: 1500 });
    await at.closePage(page);
});

test('inverting turns black to white', async () => {
    const page = await open();
    await at.pictureReady(page);
    const before = await at.seen(page);
    await page.keyboard.press('i');
    const inverted = before.map((value) => 255 - value);
    await seenAs(page, inverted, 'what was black is white');
    await at.closePage(page);
});

test('zoom, pan, fit, 1:1 and reset', async () => {
    const page = await open();
    await at.pictureReady(page);
    const fitted = await zoomPercent(page);
    const whole = await at.drawn(page);
    await area(page).hover();
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await at.pictureReady(page);
    const zoomed = await at.soon(() => zoomPercent(page), (now) => now > fitted);
    await at.pictureReady(page);
    const before = await at.drawn(page);
    await drag(page, [0, 0], [90, 40], { button: 'middle' });
    await at.pictureReady(page);
    await at.soon(async () => at.difference(before, await at.drawn(page)), (off) => off > 1, 'middle drag pans');
    await drag(page, [0, 0], [-90, -40], { hold: 'Space' });
    await at.pictureReady(page);
    await at.soon(async () => at.difference(before, await at.drawn(page)), (off) => off < SAME, 'Space and drag pans back');
    await drag(page, [0, 0], [0, -60], { button: 'right' });
    await at.pictureReady(page);
    await at.soon(() => zoomPercent(page), (now) => now > zoomed, 'right drag up zooms in');
    await page.keyboard.press('o');
    await at.pictureReady(page);
    await at.soon(() => zoomPercent(page), 100);
    await page.keyboard.press('+');
    await at.pictureReady(page);
    await at.soon(() => zoomPercent(page), 125);
    await page.keyboard.press('f');
    await at.pictureReady(page);
    await at.soon(() => zoomPercent(page), fitted);
    await page.keyboard.press('2');
    await page.keyboard.press('r');
    await page.keyboard.press('+');
    await page.keyboard.press('Escape');
    await at.pictureReady(page);
    await at.soon(async () => at.difference(whole, await at.drawn(page)), (off) => off < SAME, 'reset shows what was shown at first');
    await at.soon(() => sliceShown(page), middle() + 1, 'reset stays on the slice');
    await at.closePage(page);
});

test('orientation letters follow turning and flipping', async () => {
    const page = await open();
    await at.pictureReady(page);
    const edges = async () =>
        (await at.pictureReady(page)) &&
        Object.fromEntries(
            await Promise.all(
                ['left', 'right', 'top', 'bottom'].map(async (side) => [
                    side,
                    await page.textContent(`[data-edge=${side}]`),
                ]),
            ),
        );
    const first = await at.soon(edges, (all) => Object.values(all).every((letters) => letters !== ''));
    assert.match(`${first.left}${first.right}`, /^(R|L|A|P|H|F)+$/);
    await page.keyboard.press('h');
    await at.soon(() => edges(), { ...first, left: first.right, right: first.left });
    await page.keyboard.press('h');
    await page.keyboard.press('v');
    await at.soon(() => edges(), { ...first, top: first.bottom, bottom: first.top });
    await page.keyboard.press('v');
    await page.keyboard.press('r');
    await at.soon(() => edges(), { left: first.bottom, top: first.left, right: first.top, bottom: first.right });
    await at.closePage(page);
});

test('the words around the picture tell who, what and how, in either language', async () => {
    const noExact = (page) => page.route('**/lossless', (route) => route.fulfill({ status: 422, body: '{}' })); // it would not be lossy any more
    const page = await open({ route: noExact });
    await at.pictureReady(page);
    const { patient } = study;
    const roman = patient.name.alphabetic.split('^')[0];
    const japanese = await at.soon(() => at.corner(page, 'top left'), (words) => words.includes(patient.id));
    assert.ok(japanese.includes(patient.name.ideographic.split('^')[0] || roman), 'kanji when there is kanji');
    await page.click('[data-language=en]');
    await at.eventually(page, 'the page', () => document.documentElement.lang === 'en');
    await at.pictureReady(page);
    await at.eventually(
        page,
        'the page',
        (name) => document.querySelector('.corner.top.left').innerText.startsWith(name),
        roman,
    );
    await at.soon(() => at.corner(page, 'bottom left'), /Axial|Sagittal|Coronal|Oblique/);
    await at.soon(() => at.corner(page, 'bottom left'), /Lossy (source|[\d.]+:1 \(JPEG q80\))/);
    await at.soon(() => page.textContent('.ruler span').then((text) => /\d (cm|mm)/.test(text)), true);
    await page.keyboard.press('t');
    await at.soon(() => page.locator('.overlay').isVisible(), false);
    await page.keyboard.press('t');
    await page.reload();
    await at.pictureReady(page);
    await at.soon(() => page.getAttribute('html', 'lang'), 'en', 'the choice is remembered');
    await at.shot(page, 'viewer-en-1280');
    await at.closePage(page);
});

test('help opens by ? and closes by Escape without resetting the view', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.keyboard.press('+');
    await at.pictureReady(page);
    const zoomed = await zoomPercent(page);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog.help[open]');
    await at.shot(page, 'viewer-ja-help');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog.help', { state: 'detached' });
    await at.soon(() => zoomPercent(page), zoomed);
    await at.closePage(page);
});

test('every control can be reached by keyboard and has a name', async () => {
    const page = await open();
    await at.pictureReady(page);
    const unnamed = await page.evaluate(() =>
        [...document.querySelectorAll('button, a, input, select, [role=slider], [role=img]')]
            .filter((one) => one.offsetParent && !(one.getAttribute('aria-label') || one.textContent.trim()))
            .map((one) => one.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(unnamed, []);
    for (let n = 0; n < 3; n++) await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none');
    await at.closePage(page);
});

test('a reload comes back to the same slice', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.keyboard.press('Home');
    await at.pictureReady(page, 1);
    await at.eventually(page, 'the page', () => /slice=1$/.test(location.search));
    await page.reload();
    await at.pictureReady(page, 1);
    await at.closePage(page);
});

test('on a tablet one finger scrolls, two zoom, and everything fits', async () => {
    const page = await open({ width: 820, height: 1180, touch: true });
    await at.pictureReady(page, middle() + 1);
    await at.shot(page, 'viewer-ja-820');
    const box = await area(page).boundingBox();
    const session = await page.context().newCDPSession(page);
    const touch = (type, ...points) =>
        session.send('Input.dispatchTouchEvent', {
            type,
            touchPoints: points.map(([x, y], id) => ({ x: box.x + x, y: box.y + y, id })),
        });
    await touch('touchStart', [300, 300]);
    for (let y = 300; y <= 420; y += 20) await touch('touchMove', [300, y]);
    await touch('touchEnd');
    await at.pictureReady(page);
    await at.soon(() => sliceShown(page), (slice) => slice > middle() + 1, 'one finger scrolls');
    const before = await zoomPercent(page);
    await touch('touchStart', [300, 300], [400, 400]);
    for (let d = 0; d <= 100; d += 20) await touch('touchMove', [300 - d, 300 - d], [400 + d, 400 + d]);
    await touch('touchEnd');
    await at.pictureReady(page);
    await at.soon(() => zoomPercent(page), (now) => now > before * 1.5, 'two fingers zoom');
    const small = await page.evaluate(
        () =>
            [...document.querySelectorAll('.toolbar button')].filter(
                (one) => one.offsetParent && one.getBoundingClientRect().height < 44,
            ).length,
    );
    assert.equal(small, 0, 'buttons are large enough for a finger');
    const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(overflow <= 0);
    await at.closePage(page);
});

/** A batch as the service would answer it if the tiles of one object could not be made. */
async function batchWithout(route, id, message) {
    const url = new URL(route.request().url());
    const series = url.pathname.split('/')[2];
    const tiles = url.searchParams.get('tiles').split(',');
    url.searchParams.delete('tiles');
    const parts = [];
    for (const tile of tiles) {
        if (tile.startsWith(`${id}-`)) {
            parts.push(Buffer.from(`${JSON.stringify({ code: 422, size: 0, message })}\n`));
            continue;
        }
        const answer = await fetch(`${url.origin}/tiles/${series}/${tile}.jpg?${url.searchParams}`);
        const bytes = Buffer.from(await answer.arrayBuffer());
        const head = { code: 200, size: bytes.length, window: answer.headers.get('x-kakehashi-window'), lossy: answer.headers.get('x-kakehashi-lossy') };
        parts.push(Buffer.from(`${JSON.stringify(head)}\n`), bytes);
    }
    await route.fulfill({ status: 200, contentType: 'application/vnd.kakehashi.tiles', body: Buffer.concat(parts) }).catch(() => {}); // it may be cancelled
}

test('a slice that cannot be shown says why, and its neighbours are still shown', async () => {
    const broken = middle() + 1;
    const reason = 'PixelData: 262144 bytes, expected 524288';
    const id = stack.objects[stack.slices[broken].object].id;
    const page = await open({
        route: async (one) => {
            await one.route(`**/tiles/*/${id}-*/**`, (route) =>
                route.fulfill({
                    status: 422,
                    contentType: 'application/json',
                    body: JSON.stringify({ error: 'cannot_show', message: reason }),
                }),
            );
            await one.route(/\/tiles\/\d+\/batch\?/, (route) => batchWithout(route, id, reason));
        },
    });
    await at.pictureReady(page);
    await page.keyboard.press('ArrowDown');
    assert.ok((await at.placeholder(page, broken + 1)).includes(reason));
    await at.shot(page, 'viewer-ja-broken');
    await page.keyboard.press('ArrowDown');
    await at.pictureReady(page, broken + 2);
    await page.keyboard.press('ArrowUp');
    await at.placeholder(page, broken + 1);
    await at.closePage(page);
});

test('after the first picture there is never an empty frame, however slow the line', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.route('**/tiles/**', async (route) => {
        await new Promise((resolve) => {
            setTimeout(resolve, 120);
        });
        await route.continue().catch(() => {});
    });
    await page.keyboard.press('4'); // a window nothing was fetched for
    const counts = await page.evaluate(async (steps) => {
        const canvas = document.querySelector('canvas.picture');
        const look = () => {
            const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
            return data.some((value) => value > 0);
        };
        let empty = 0;
        for (let n = 0; n < steps; n++) {
            document.dispatchEvent(
                new KeyboardEvent('keydown', { key: n < steps / 2 ? 'ArrowDown' : 'ArrowUp', bubbles: true }),
            );
            await new Promise((resolve) => {
                setTimeout(resolve, 30);
            });
            if (!look()) empty++;
        }
        return { empty };
    }, 40);
    assert.equal(counts.empty, 0);
    await at.pictureReady(page);
    await at.closePage(page);
});

test('a cut line is told and waited out', async () => {
    const page = await open();
    await at.pictureReady(page);
    await page.context().setOffline(true);
    await page.keyboard.press('4');
    await page.waitForSelector('.line-trouble:not([hidden])');
    await page.context().setOffline(false);
    await at.pictureReady(page);
    await at.soon(() => page.locator('.line-trouble').isVisible(), false);
    await at.closePage(page);
});
