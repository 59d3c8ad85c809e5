// One stream of events for all windows of a browser, by a worker, by a leader, and each its own where neither can be; who leaves it ends it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import { ctFiles, Service, until } from '../lib/service.mjs';

let service, browser, files;

before(async () => {
    files = ctFiles();
    service = await Service.start({ files: files.slice(0, 4) });
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
});

const streams = async () => Number(/^kakehashi_http_streams (\d+)$/m.exec((await service.request('/metrics')).body.toString())[1]);
const streamsAre = (count) => until(`${count} streams`, async () => (await streams()) === count, { seconds: 15 });

/** Windows of one browser on the list, each after what it lacks was taken away. */
async function windows(count, without) {
    const context = await browser.newContext({ locale: 'en-US' });
    const pages = [];
    for (let i = 0; i < count; i++) {
        const page = await context.newPage();
        await page.addInitScript((names) => {
            for (const name of names) {
                if (name === 'locks') Object.defineProperty(navigator, 'locks', { value: undefined });
                else delete globalThis[name];
            }
        }, without);
        await page.goto(service.url);
        await page.waitForSelector('main');
        pages.push(page);
    }
    return { context, pages };
}

let given = 4;
/** Something arrives: every window asks for its list again. */
async function allHear(pages) {
    const asked = pages.map((page) => page.waitForRequest(/\/api\/studies\?/));
    await service.must(['import', '--facility', 'local', files[given++]]);
    await Promise.all(asked);
}

for (const [name, without, expected] of [
    ['a worker', [], 1],
    ['a leader among the windows', ['SharedWorker'], 1],
    ['each its own', ['SharedWorker', 'locks'], 3],
]) {
    test(`three windows, ${name}: ${expected} of the browser's connections`, async () => {
        await streamsAre(0);
        const { context, pages } = await windows(3, without);
        await streamsAre(expected);
        await allHear(pages);
        await pages.shift().close(); // the leader, where there is one
        await streamsAre(expected === 3 ? 2 : 1);
        await allHear(pages);
        assert.equal(await streams(), expected === 3 ? 2 : 1);
        await context.close();
        await streamsAre(0);
    });
}

test('a worker that cannot be had is done without', async () => {
    const context = await browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    await page.addInitScript(() => {
        const Real = globalThis.SharedWorker;
        globalThis.SharedWorker = class extends Real {
            constructor() {
                super('/web/no_such_worker.js', { type: 'module' });
            }
        };
    });
    await page.goto(service.url);
    await streamsAre(1);
    await allHear([page]);
    await context.close();
    await streamsAre(0);
});

test('from the list to a study and back the stream stays the same', async () => {
    const { context, pages: [page] } = await windows(1, []);
    await streamsAre(1);
    const [study] = await service.studies();
    await page.evaluate((id) => {
        history.pushState(null, '', `/studies/${id}`);
        dispatchEvent(new PopStateEvent('popstate'));
    }, study.id);
    await at.pictureReady(page);
    assert.equal(await streams(), 1);
    await page.goBack();
    await page.waitForSelector('.study-list, main');
    assert.equal(await streams(), 1);
    await context.close();
});
