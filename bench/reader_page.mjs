// reader_page.mjs - from the address to the first control that answers, with nothing in the browser's cache, and what the page weighs until then;
// what a tab holds that has a stack of many slices open.
import { rendererMemory } from './line.mjs';
import { freshPage, stopWatching, watchRequests } from './reader_browser.mjs';
import { listPage, openStudy } from './reader_open.mjs';
import { base } from './reader_site.mjs';
import { say } from './process.mjs';

const SETTLED_MS = 4000;

/* Bytes that had come by then, without what the page asked the service for (/api/, /dicomweb/): what it is itself. */
function weight(requests, untilMs) {
    return requests.filter(({ url, startMs }) => startMs <= untilMs && !/\/(api|dicomweb)\//.test(new URL(url).pathname)).reduce((sum, one) => sum + one.bytes, 0);
}

async function load(page, address) {
    const requests = watchRequests(page);
    await page.goto(address, { waitUntil: 'commit' });
    const { atMs, seconds, name } = await page.evaluate(() => probe.firstControl());
    await page.waitForTimeout(200);
    return { seconds, kb: weight(requests, atMs) / 1000, name, count: requests.filter(({ startMs }) => startMs <= atMs).length };
}

/** One round: { control: { ours, peer } in seconds, page: { ours, peer } in KB }. */
export async function measurePage({ browser, state, ohif, webgl }) {
    const page = await freshPage(browser, state);
    const ours = await load(page, `${base}/`);
    say(`  the first control is ${ours.name}; ${ours.count} requests`);
    await page.context().close();
    if (!ohif) return { control: { ours: ours.seconds }, page: { ours: ours.kb } };
    const theirs = await freshPage(webgl);
    theirs.setDefaultTimeout(120000);
    const peer = await load(theirs, ohif.address);
    await theirs.context().close();
    return { control: { ours: ours.seconds, peer: peer.seconds }, page: { ours: ours.kb, peer: peer.kb } };
}

/* From end to end and back, most of what the tab held meanwhile. */
async function scrollThrough(page, line, picture, slices) {
    const box = await page.locator(picture).first().boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    let most = rendererMemory(line);
    for (let i = 0; i < slices; i++) {
        await page.mouse.wheel(0, i < slices / 2 ? 100 : -100);
        if (i % 50 === 0) most = Math.max(most, rendererMemory(line));
        await page.waitForTimeout(10);
    }
    await page.waitForTimeout(SETTLED_MS);
    return Math.max(most, rendererMemory(line));
}

/** One round: { ours, peer } in MB, after every slice was on the screen. large: images of the study. */
export async function measureTab({ browser, state, large, other, ohif, webgl, line }) {
    const page = await listPage(browser, state);
    await stopWatching(page);
    await openStudy(page, large);
    await page.waitForTimeout(SETTLED_MS);
    const values = { ours: await scrollThrough(page, line, '.picture-area', large) };
    await page.context().close();
    if (ohif) {
        const theirs = await ohif.warmPage(webgl, large, other);
        await stopWatching(theirs);
        if (await ohif.open(theirs)) {
            await theirs.waitForTimeout(SETTLED_MS);
            values.peer = await scrollThrough(theirs, line, 'canvas.cornerstone-canvas', large);
        }
        await theirs.context().close();
    }
    return values;
}
