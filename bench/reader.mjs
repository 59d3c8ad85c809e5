// reader.mjs - what a reader waits for at the far end of a thin line: the service and Debian's Chromium in two network namespaces (line.mjs), TLS 1.3
// and a doctor who is signed in included, OHIF beside it on the same server and line. A measurement is the line it is made on, the rows that it
// fills, and the function of one round: (context) => { id: { ours, peer } }. KH_READER_ALONE=1 leaves OHIF away.
import { Line } from './line.mjs';
import { say } from './process.mjs';
import { openBrowser, freshPage } from './reader_browser.mjs';
import { Ohif } from './reader_ohif.mjs';
import { listPage, longestStack, measureOpen, openStudy, sliceUrl } from './reader_open.mjs';
import { measurePage, measureTab } from './reader_page.mjs';
import { measureDrag, measureScroll } from './reader_scroll.mjs';
import { Site } from './reader_site.mjs';
import { measureStack } from './reader_stack.mjs';
import { row } from './report.mjs';

const SLICES = 300;
const OTHER_SLICES = 12; // of a study that is opened to have OHIF in its browser's cache
const LARGE_SLICES = 1000;
const SCOUT = 1; // image, of each study
const SLICE_BYTES = [30000, 34000]; // on average, at q80: what the bars are asked with

const thin = 'round trip 40 ms, TLS 1.3';
const open = (mbit, roundTripMs, max) => ({
    mbit, roundTripMs,
    rows: [{ id: `first_picture_${mbit}mbit_s`, unit: 's', bars: [{ of: 'value', max }],
        what: `from the click in the list to the first full-size picture (512 x 512, q80) of a CT of ${SLICES} slices, ${mbit} Mbit/s${roundTripMs ? `, ${thin}` : ', TLS 1.3'}; peer: OHIF, itself in the browser's cache` }],
    measure: async (context) => ({ [`first_picture_${mbit}mbit_s`]: await measureOpen(context) }),
});

const atMost = (max) => [{ of: 'value', max }];

const measurements = [
    open(1, 40, 0.8), open(4, 40, 0.4), open(100, 0, 0.15),
    {
        mbit: 4, roundTripMs: 40,
        rows: [
            { id: 'stack_preview_4mbit_s', unit: 's', bars: atMost(6), what: `from the click until every one of ${SLICES} slices has a picture, 4 Mbit/s, ${thin}` },
            { id: 'stack_full_4mbit_s', unit: 's', bars: atMost(22), what: 'the same until every one has its full-size picture' },
        ],
        measure: async (context) => {
            const { preview, full } = await measureStack(context);
            return { stack_preview_4mbit_s: { ours: preview }, stack_full_4mbit_s: { ours: full } };
        },
    },
    {
        mbit: 4, roundTripMs: 40,
        rows: [
            { id: 'empty_frames', unit: 'frames', bars: atMost(0), what: `in 10 s of scrolling at 12 slices/s, from 1 s after the first picture on: frames without a picture of the slice that was asked for 50 ms before, 4 Mbit/s, ${thin}` },
            { id: 'long_tasks', unit: 'tasks', bars: atMost(0), what: 'of the page meanwhile, over 50 ms' },
        ],
        measure: async (context) => {
            const { empty, long } = await measureScroll(context);
            return { empty_frames: { ours: empty }, long_tasks: { ours: long } };
        },
    },
    {
        mbit: 100, roundTripMs: 0,
        rows: [{ id: 'window_drag_fps', unit: 'frames/s', bars: [{ of: 'value', min: 59 }], what: 'frames with another window on the picture while one is dragged, on a processor throttled 4 times; asked: every frame of 60 Hz' }],
        measure: async (context) => ({ window_drag_fps: { ours: await measureDrag(context) } }),
    },
    {
        mbit: 1, roundTripMs: 40,
        rows: [
            { id: 'page_kb', unit: 'KB', bars: atMost(100), what: 'compressed bytes of the page itself until its first control answers; peer: OHIF' },
            { id: 'first_control_1mbit_s', unit: 's', bars: atMost(1.2), what: `from the address to that, nothing in the browser's cache, 1 Mbit/s, ${thin}; peer: OHIF` },
        ],
        measure: async (context) => {
            const { page, control } = await measurePage(context);
            return { page_kb: page, first_control_1mbit_s: control };
        },
    },
    {
        mbit: 100, roundTripMs: 0, large: true,
        rows: [{ id: 'tab_mb', unit: 'MB', bars: atMost(250), what: `the most (proportional set size) that the tab's renderer held while ${LARGE_SLICES} slices were scrolled through; peer: OHIF` }],
        measure: async (context) => ({ tab_mb: await measureTab(context) }),
    },
];

export const readerIds = measurements.flatMap(({ rows }) => rows.map(({ id }) => id));

/** The bars are asked with slices of a size: those of the demo have it. */
async function checkSlices(browser, state, images) {
    const page = await listPage(browser, state);
    await openStudy(page, images);
    const stack = await longestStack(page);
    const sizes = await page.evaluate(async (urls) => {
        const all = [];
        for (const url of urls) all.push((await (await fetch(url)).arrayBuffer()).byteLength);
        return all;
    }, stack.slices.map((slice) => `${sliceUrl(stack, slice)}/0/0/0.jpg?q=80`));
    await page.context().close();
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    say(`  ${sizes.length} slices, ${(mean / 1000).toFixed(1)} KB on average at q80`);
    if (sizes.length !== SLICES || mean < SLICE_BYTES[0] || mean > SLICE_BYTES[1]) throw new Error(`reader: ${sizes.length} slices of ${mean.toFixed(0)} bytes, expected ${SLICES} of ${SLICE_BYTES.join(' to ')}`);
}

/** The line, both sites and both browsers; closed again whatever happens. */
async function withBoth(work, withLarge, use) {
    const opened = [];
    const keep = (one, end) => { opened.unshift(end); return one; };
    try {
        const line = await Line.open();
        keep(line, () => line.close());
        const studies = [['--ct-slices', String(SLICES), '--earlier-slices', String(OTHER_SLICES), '--mr-slices', '0']];
        if (withLarge) studies.push(['--ct-slices', String(LARGE_SLICES), '--earlier-slices', '0', '--mr-slices', '0', '--seed', '65536']);
        const site = await Site.start(work, line, studies);
        keep(site, () => site.stop());
        await line.set(100, 0);
        const browser = await openBrowser(work, line, site.identity);
        keep(browser, () => browser.close());
        const page = await freshPage(browser);
        await site.signIn(page);
        const state = await page.context().storageState();
        await page.context().close();
        const ohif = process.env.KH_READER_ALONE ? null : await Ohif.start(line, site);
        if (ohif) keep(ohif, () => ohif.stop());
        const webgl = ohif && await openBrowser(work, line, site.identity, { webgl: true });
        if (webgl) keep(webgl, () => webgl.close());
        await checkSlices(browser, state, SLICES + SCOUT);
        return await use({ work, line, site, browser, state, ohif, webgl, images: SLICES + SCOUT, large: LARGE_SLICES + SCOUT, other: OTHER_SLICES + SCOUT });
    } finally {
        for (const end of opened) await end();
    }
}

async function measureAll(context, chosen, rounds) {
    const found = Object.fromEntries(chosen.flatMap(({ rows }) => rows.map(({ id }) => [id, { ours: [], peer: [] }])));
    for (const { mbit, roundTripMs, measure } of chosen) {
        for (let round = 0; round < rounds; round++) {
            await context.line.set(mbit, roundTripMs);
            const values = await measure({ ...context, mbit, roundTripMs, round });
            for (const [id, { ours, peer }] of Object.entries(values)) {
                found[id].ours.push(ours);
                if (peer !== undefined) found[id].peer.push(peer);
                say(`  round ${round + 1}: ${id} ${ours.toPrecision(4)}${peer === undefined ? '' : `, OHIF ${peer.toPrecision(4)}`}`);
            }
        }
    }
    return found;
}

export async function benchReader(work, rounds, wanted) {
    const chosen = measurements.filter(({ rows }) => rows.some(({ id }) => wanted(id)));
    const found = await withBoth(work, chosen.some(({ large }) => large), (context) => measureAll(context, chosen, rounds));
    return chosen.flatMap(({ rows }) => rows).filter(({ id }) => wanted(id)).map(({ id, what, unit, bars }) => row(id, what, unit, found[id], bars, 'OHIF'));
}
