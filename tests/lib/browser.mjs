// browser.mjs - a headless Chromium on our pages, and what tests want to know of a picture: which slice, how bright, how alike.
//
// KH_CHROMIUM names the browser (/usr/bin/chromium). KH_SHOTS names a folder to keep screenshots in. KH_BEHIND=6 makes the pages' processor
// so many times slower and their line late, with KH_SLOW as large: what reads a page before it has reacted is found out here, not elsewhere.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from '../browser/node_modules/playwright-core/index.mjs';
import { sleep, slow, until } from './service.mjs';

const FLAGS = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];
export const SAMPLE = 32; // pictures are compared as SAMPLE x SAMPLE grey values

export async function openBrowser() {
    return chromium.launch({ executablePath: process.env.KH_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/**
 * A page at `target`. options: width, height, language ('ja' or 'en'), touch, route(page) to intercept before loading.
 * page.troubles lists what a page of ours must not do: script errors, breaches of the policy, requests elsewhere.
 */
export async function openPage(
    browser,
    base,
    target,
    { width = 1280, height = 720, language = 'ja', touch = false, route } = {},
) {
    const locale = language === 'ja' ? 'ja-JP' : 'en-US';
    const context = await browser.newContext({ viewport: { width, height }, locale, hasTouch: touch, isMobile: false });
    const page = await context.newPage();
    page.setDefaultTimeout(15000 * slow);
    page.troubles = [];
    page.on('pageerror', (error) => page.troubles.push(`script: ${error.message}`));
    page.on('console', (message) => {
        const text = message.text();
        if (message.type() === 'error' && !/status of (4|5)\d\d|ERR_/.test(text))
            page.troubles.push(`console: ${text}`);
    });
    page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(base) && !/^(data|blob):/.test(url)) page.troubles.push(`request to ${url}`);
    });
    await page.addInitScript(() => {
        /** Means over sample x sample blocks of a square of a canvas: no scaling of the browser's in between. */
        globalThis.blockMeans = (canvas, left, top, side, sample) => {
            const { data } = canvas.getContext('2d').getImageData(left, top, side, side);
            const sums = new Float64Array(sample * sample);
            const counts = new Float64Array(sample * sample);
            for (let y = 0; y < side; y++) {
                for (let x = 0; x < side; x++) {
                    const block = Math.floor((y * sample) / side) * sample + Math.floor((x * sample) / side);
                    sums[block] += data[4 * (y * side + x) + 1];
                    counts[block]++;
                }
            }
            return Array.from(sums, (sum, block) => sum / counts[block]);
        };
        document.addEventListener('securitypolicyviolation', (event) =>
            console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
        );
    });
    if (route) await route(page);
    await hinder(page);
    await page.goto(base + target);
    return page;
}

/** What KH_BEHIND asks for. */
async function hinder(page) {
    const rate = Number(process.env.KH_BEHIND ?? 1);
    if (rate <= 1) return;
    const client = await page.context().newCDPSession(page);
    await client.send('Emulation.setCPUThrottlingRate', { rate });
    await client.send('Network.enable');
    await client.send('Network.emulateNetworkConditions', { offline: false, latency: 20 * rate, downloadThroughput: -1, uploadThroughput: -1 });
}

export const closePage = (page) => page.context().close();

/** Poll until look(argument), run in the page, gives something true, which is returned. (The browser's policy forbids the
 *  library's own waitForFunction, which builds a function from text.) */
export function eventually(page, what, look, argument) {
    return until(what, () => page.evaluate(look, argument).catch(() => null), { seconds: 15, everyMs: 15 });
}

/**
 * Wait until what look() gives is the expected: equal to it, matching it if it is a RegExp, true of it if it is a function; that value.
 * What is not so in time fails as the assertion that it is.
 */
export async function soon(look, expected, message) {
    const end = Date.now() + 15000 * slow;
    for (;;) {
        try {
            const value = await look();
            if (expected instanceof RegExp) assert.match(value, expected, message);
            else if (typeof expected === 'function') assert.ok(expected(value), message ?? JSON.stringify(value));
            else assert.deepEqual(value, expected, message);
            return value;
        } catch (error) {
            if (Date.now() > end) throw error;
        }
        await sleep(20);
    }
}

/** Wait until the picture on the screen is the exact one of a slice (1 is the first); of the slice wanted, without a number. */
export function pictureReady(page, slice) {
    return eventually(
        page,
        `picture of slice ${slice ?? 'any'}`,
        (wanted) =>
            new Promise((resolve) => {
                requestAnimationFrame(() =>
                    requestAnimationFrame(() => {
                        const area = document.querySelector('.picture-area');
                        resolve(
                            area?.dataset.state === 'ready' &&
                                !area.dataset.drag &&
                                (!wanted || area.dataset.slice === String(wanted)),
                        );
                    }),
                );
            }),
        slice ?? null,
    );
}

/** Wait until the whole stack is here as it is wanted, not only the small pictures that come before on a thin line. Of a page in English. */
export const wholeStack = (page) => eventually(page, 'every slice in full', () => /all \d/.test(document.querySelector('.waits')?.textContent));

/** Wait for a placeholder in the place of a slice; its text. */
export async function placeholder(page, slice) {
    await eventually(
        page,
        `placeholder of slice ${slice}`,
        (wanted) => {
            const area = document.querySelector('.picture-area');
            return area?.dataset.state === 'problem' && area.dataset.slice === String(wanted);
        },
        slice,
    );
    return page.textContent('.problem');
}

/** What is drawn in the middle square of the canvas, as SAMPLE x SAMPLE grey values: the picture before the window filter. */
export function drawn(page) {
    return page.evaluate((sample) => {
        const canvas = document.querySelector('canvas.picture');
        const side = Math.min(canvas.width, canvas.height);
        const [left, top] = [canvas.width, canvas.height].map((size) => Math.round((size - side) / 2));
        return blockMeans(canvas, left, top, side, sample);
    }, SAMPLE);
}

/** The same of what a person sees: canvas with its filter, without the words. */
export async function seen(page) {
    await page.evaluate(
        () =>
            new Promise((resolve) => {
                document.querySelector('.overlay').classList.add('hidden-svg');
                requestAnimationFrame(() => requestAnimationFrame(resolve));
            }),
    );
    const png = await page.screenshot({ clip: await page.locator('.picture-area').boundingBox() });
    await page.evaluate(() => document.querySelector('.overlay').classList.remove('hidden-svg'));
    return page.evaluate(
        async ([bytes, sample]) => {
            const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))]));
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            canvas.getContext('2d').drawImage(picture, 0, 0);
            const side = Math.min(canvas.width, canvas.height);
            const [left, top] = [canvas.width, canvas.height].map((size) => Math.round((size - side) / 2));
            return blockMeans(canvas, left, top, side, sample);
        },
        [png.toString('base64'), SAMPLE],
    );
}

/** The service's own picture at an address, scaled like a fitted one on the screen, as SAMPLE x SAMPLE grey values. */
export function served(page, target) {
    return page.evaluate(
        async ([url, sample]) => {
            const picture = await createImageBitmap(await (await fetch(url)).blob());
            const { width, height } = document.querySelector('canvas.picture');
            const side = Math.min(width, height);
            const fit = side / Math.max(picture.width, picture.height);
            const columns = Math.round(picture.width * fit);
            const rows = Math.round(picture.height * fit);
            const canvas = new OffscreenCanvas(side, side);
            const context = canvas.getContext('2d');
            context.imageSmoothingQuality = 'high';
            context.drawImage(picture, Math.round((side - columns) / 2), Math.round((side - rows) / 2), columns, rows);
            return blockMeans(canvas, 0, 0, side, sample);
        },
        [target, SAMPLE],
    );
}

export const mean = (picture) => picture.reduce((sum, value) => sum + value, 0) / picture.length;
/** Mean absolute difference in grey levels. */
export const difference = (a, b) => mean(a.map((value, i) => Math.abs(value - b[i])));

/** Words in a corner of the picture: 'top left', 'bottom right', ... */
export async function corner(page, name) {
    return page.locator(`.corner.${name.replace(' ', '.')}`).innerText();
}

export async function shot(page, name) {
    if (!process.env.KH_SHOTS) return;
    fs.mkdirSync(process.env.KH_SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(process.env.KH_SHOTS, `${name}.png`) });
}
