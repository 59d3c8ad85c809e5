// reader_scroll.mjs - hands on the picture: frames that do not show the slice that was asked for while somebody scrolls, tasks that keep the page
// from answering, and how many frames a second show another window while one is dragged on a slow processor.
import { listPage, openStudy } from './reader_open.mjs';
import { say } from './process.mjs';

const PER_SECOND = 12;
const SCROLLED_S = 10;
const FIRST_S = 1; // after the picture was there
const THROTTLE = 4;
const DRAG_S = 4;
const MOUSE_HZ = 125;

/* A place on the picture, also when an earlier study hangs beside it a moment later. */
async function onPicture(page) {
    const box = await page.locator('.picture-area').first().boundingBox();
    return [box.x + box.width / 4, box.y + box.height / 2];
}

const sleepUntil = (at) => new Promise((resolve) => { setTimeout(resolve, Math.max(0, at - performance.now())); });

/** One round: { empty_frames, long_tasks }. */
export async function measureScroll({ browser, state, images }) {
    const page = await listPage(browser, state);
    await openStudy(page, images);
    await page.mouse.move(...await onPicture(page));
    await page.waitForTimeout(FIRST_S * 1000);
    await page.evaluate(() => probe.watchScroll());
    const begin = performance.now();
    for (let i = 0; i < SCROLLED_S * PER_SECOND; i++) {
        await sleepUntil(begin + (i * 1000) / PER_SECOND);
        await page.mouse.wheel(0, 100);
    }
    const { frames, empty, slices, long } = await page.evaluate(() => probe.scrolled());
    await page.context().close();
    say(`  ${SCROLLED_S} s, ${slices} slices, ${frames} frames: ${empty} without the slice that was asked for; long tasks: ${long.map((ms) => `${ms.toFixed(0)} ms`).join(', ') || 'none'}`);
    if (slices < 0.9 * SCROLLED_S * PER_SECOND) throw new Error(`reader: ${slices} slices were scrolled, expected ${SCROLLED_S * PER_SECOND}`);
    return { empty, long: long.length };
}

/** One round: frames with another window on the picture, per second. */
export async function measureDrag({ browser, state, images }) {
    const page = await listPage(browser, state);
    await openStudy(page, images);
    await page.waitForTimeout(3000);
    const [x, y] = await onPicture(page);
    await page.keyboard.press('w');
    await page.tools.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE });
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 5, y);
    await page.evaluate(() => probe.watchWindow());
    const begin = performance.now();
    let moves = 0;
    for (; performance.now() < begin + DRAG_S * 1000; moves++) {
        const turn = moves / 40;
        const place = { x: x + 120 * Math.sin(turn), y: y + 60 * Math.cos(turn) };
        page.tools.send('Input.dispatchMouseEvent', { type: 'mouseMoved', button: 'left', buttons: 1, ...place }).catch(() => {}); // a mouse does not wait for the page
        await sleepUntil(begin + (moves * 1000) / MOUSE_HZ);
    }
    const { frames, changed, seconds } = await page.evaluate(() => probe.windowed());
    await page.mouse.up();
    await page.context().close();
    say(`  ${(moves / seconds).toFixed(0)} moves, ${(frames / seconds).toFixed(1)} frames and ${(changed / seconds).toFixed(1)} other windows a second`);
    return changed / seconds;
}
