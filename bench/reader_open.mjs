// reader_open.mjs - from the click in the list of studies to the first full-size picture, and that it is one.
import { freshPage, watchRequests } from './reader_browser.mjs';
import { base } from './reader_site.mjs';
import { say } from './process.mjs';

const SAME = 1.5; // grey levels on average, drawn twice
const OTHER = 2; // times as far is a picture of half the size, at least

/** A page of ours with the list of studies on it, at rest; page.requests: what it asked for. */
export async function listPage(browser, state) {
    const page = await freshPage(browser, state);
    page.requests = watchRequests(page);
    await page.goto(`${base}/studies`);
    await page.locator('tr[data-study] a').first().waitFor();
    await page.waitForTimeout(500);
    return page;
}

/** Opens the study of so many images: { any, exact } in ms after the click, and when that was. */
export async function openStudy(page, images) {
    await page.evaluate(() => probe.arm());
    await page.click(`tr[data-study]:has-text("${images.toLocaleString('en')}") a`);
    return page.evaluate(() => probe.found);
}

/** The manifest of the study's longest stack, as the page may ask for it. */
export function longestStack(page) {
    return page.evaluate(async () => {
        const [, study] = /\/studies\/(\d+)/.exec(location.pathname);
        const { series_list: all } = await (await fetch(`/api/studies/${study}`)).json();
        const longest = all.reduce((most, one) => (one.frames > most.frames ? one : most));
        return (await fetch(`/api/series/${longest.id}/stack`)).json();
    });
}

/** "/tiles/SERIES/OBJECT-FRAME" of a slice. */
export const sliceUrl = (stack, { object, frame }) => `/tiles/${stack.series}/${stack.objects[object].id}-${frame}`;

/** Throws when the picture on the screen is not the full-size one of its slice: a picture of half the size has to be farther from it. */
export async function verify(page) {
    const stack = await longestStack(page);
    const number = Number(await page.getAttribute('.picture-area', 'data-slice'));
    const slice = sliceUrl(stack, stack.slices[number - 1]);
    const [full, half] = await page.evaluate((urls) => probe.compare(urls), [`${slice}/0/0/0.jpg?q=80`, `${slice}/1/0/0.jpg?q=80`]);
    say(`  slice ${number} is on the screen: ${full.toFixed(2)} grey levels from the full-size picture, ${half.toFixed(2)} from the one of half the size`);
    if (!(full < SAME && half > OTHER * full)) throw new Error('reader: the picture on the screen is not the full-size one');
}

const milliseconds = (value) => (value === null || value === undefined ? '-' : value.toFixed(0));

/** What was asked for after the click and before the picture was there. */
export function tellRequests(page, { clickedAt, exact }) {
    say('     start   answer      end    bytes');
    for (const one of page.requests.filter(({ startMs }) => startMs >= clickedAt - 5 && startMs <= clickedAt + exact)) {
        const times = [one.startMs, one.answerMs, one.endMs].map((when) => milliseconds(when && when - clickedAt).padStart(8));
        say(`  ${times.join(' ')} ${String(one.bytes).padStart(8)}  ${one.url.slice(base.length, base.length + 60)}${one.endMs ? '' : ' (goes on)'}`);
    }
}

/** One round: { ours, peer } in seconds. */
export async function measureOpen({ browser, state, images, other, ohif, webgl, line, mbit, roundTripMs, round }) {
    const page = await listPage(browser, state);
    const found = await openStudy(page, images);
    if (round === 0) {
        tellRequests(page, found);
        await verify(page);
    }
    await page.context().close();
    const values = { ours: found.exact / 1000 };
    if (ohif) {
        if (mbit < 100) await line.set(100, 0, { checked: false });
        const theirs = await ohif.warmPage(webgl, images, other);
        if (mbit < 100) await line.set(mbit, roundTripMs, { checked: false });
        values.peer = (await ohif.open(theirs))?.exact / 1000 || undefined; // none: it is told as one that has no picture
        await theirs.context().close();
    }
    return values;
}
