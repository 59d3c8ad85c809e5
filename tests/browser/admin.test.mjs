// The operators' page in a real browser, over a real service with stock systems around it: what it shows is what the service tells,
// and what a person does there is done.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as at from '../lib/browser.mjs';
import {
    freePort,
    listens,
    must,
    Pacs,
    phantomFiles,
    Service,
    start,
    storescu,
    temporaryFolder,
    until,
} from '../lib/service.mjs';
import { Peer } from '../lib/upper_layer.mjs';

const SECTIONS = ['nodes', 'queue', 'failures', 'associations', 'arrivals', 'refusals', 'changes'];
const sent = phantomFiles(8); // by the scanner
const [PULLED, SLOW] = ['1.2.392.200036.9999.77.1', '1.2.392.200036.9999.77.2']; // studies at the PACS
let service, pacs, browser, held, dicomPort, awayPort;

/** The same slices as a study of another patient. */
async function copies(uid, patient) {
    const folder = temporaryFolder();
    const files = phantomFiles(54)
        .slice(0, 20)
        .map((file, n) => {
            const copy = path.join(folder, `${n}.dcm`);
            fs.copyFileSync(file, copy);
            return copy;
        });
    await must('dcmodify', [
        '-nb',
        '-gin',
        '-m',
        `0020,000d=${uid}`,
        '-m',
        `0020,000e=${uid}.1`,
        '-m',
        `0010,0020=${patient}`,
        ...files,
    ]);
    return files;
}

const node = (name, title, port, ...more) => [
    name,
    '--ae-title',
    title,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--facility',
    'hospital',
    ...more,
];
const two = (n) => String(n).padStart(2, '0');

/** A window of an hour that is not now: what waits for it goes on waiting. */
function laterHours() {
    const hour = new Date().getHours();
    return `${two((hour + 3) % 24)}:00-${two((hour + 4) % 24)}:00`;
}

before(async () => {
    dicomPort = await freePort();
    awayPort = await freePort();
    held = [...(await copies(PULLED, 'P-1')), ...(await copies(SLOW, 'P-2'))];
    pacs = await Pacs.start({ files: held, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    service = await Service.start({
        dicomPort,
        settings: {
            pull: { attempts: 2, retry_first: '100 ms', retry_longest: '100 ms' },
            send: { attempts: 1 },
        },
        nodes: [
            node('north', 'PACS', pacs.port, '--bandwidth', '1 MiB'),
            node('away', 'AWAY', awayPort),
            node('later', 'LATER', pacs.port, '--hours', laterHours()),
            ['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital'],
        ],
    });
    await storescu(dicomPort, sent);
    browser = await at.openBrowser();
});
after(async () => {
    await browser?.close();
    await service?.stop();
    await pacs?.stop();
});

const open = (section, options) => at.openPage(browser, service.url, `/admin/${section}`, options);
const row = (page, words) => page.locator('.admin-table tbody tr', { hasText: words });
const act = (page, words, action) => row(page, words).locator(`[data-action="${action}"]`);

async function done(page) {
    assert.deepEqual(page.troubles, []);
    await at.closePage(page);
}

test('it is reached from the list and leads back; the address keeps the section', async () => {
    const page = await at.openPage(browser, service.url, '/', { language: 'en' });
    await page.click('.admin-link');
    await page.waitForURL('**/admin');
    await row(page, 'north').waitFor();
    await page.click('.admin-nav a[href="/admin/arrivals"]');
    await page.waitForURL('**/admin/arrivals');
    await page.locator('.chart').waitFor();
    await at.soon(() => page.title(), /Arrivals/);
    await page.reload();
    await page.locator('.chart').waitFor();
    await page.goBack();
    await row(page, 'north').waitFor();
    await at.soon(() => page.textContent('.admin-summary'), /All is well/);
    await page.click('.app-header .back');
    await page.locator('tr[data-study]').first().waitFor();
    await done(page);
});

test('nodes: rights, last contact, an echo with its time, a reason and what to do', async () => {
    const page = await open('nodes', { language: 'en' });
    await row(page, 'scanner').waitFor();
    await at.soon(() => row(page, 'scanner').innerText(), /STORESCU[^]*send[^]*it called us/);
    await at.soon(() => row(page, 'later').innerText(), /hours \d\d:00-\d\d:00/);
    await act(page, 'north', 'echo').click();
    await row(page, 'north').locator('.mark.good').waitFor();
    await at.soon(() => row(page, 'north').innerText(), /Answers, \d+ ms[^]*just now/);
    await row(page, 'north').locator('.is-contact', { hasText: 'we reached it' }).waitFor();
    await act(page, 'away', 'echo').click();
    await row(page, 'away').locator('.mark.bad').waitFor();
    await at.soon(() => row(page, 'away').innerText(), /No answer[^]*nothing listens on this port[^]*refused/i);
    await at.soon(() => act(page, 'scanner', 'echo').count(), 0, 'it has no address');
    await page.click('[data-language="ja"]');
    await row(page, '応答あり').waitFor();
    await at.soon(() => row(page, 'away').innerText(), /応答なし[^]*待ち受けていません/);
    await at.shot(page, 'admin-nodes-ja');
    await done(page);
});

test('a node that is added appears by itself', async () => {
    const page = await open('nodes');
    await row(page, 'north').waitFor();
    await service.must(['node', 'add', 'newcomer', '--ae-title', 'NEW', '--facility', 'clinic']);
    await row(page, 'newcomer').waitFor();
    await service.must(['node', 'remove', 'newcomer']);
    await row(page, 'newcomer').waitFor({ state: 'detached' });
    await done(page);
});

test('a failed pull says why, is tried again from the page and ends', async () => {
    await service.must(['pull', 'away', '--study', PULLED]);
    const page = await open('failures', { language: 'en' });
    await row(page, 'away').waitFor();
    await at.soon(() => row(page, 'away').innerText(), /Failed[^]*nothing listens[^]*refused/i);
    await page.locator('.admin-nav .badge.bad:visible', { hasText: '1' }).waitFor();
    await at.shot(page, 'admin-failures-en');
    const there = await Pacs.start({
        files: held,
        title: 'AWAY',
        port: awayPort,
        peers: [{ title: 'KAKEHASHI', port: dicomPort }],
    });
    await act(page, 'away', 'retry').click();
    await row(page, 'away').waitFor({ state: 'detached' });
    await at.soon(() => page.innerText('.admin-body'), /Nothing has failed/);
    await until('it is complete', async () => (await service.json('/api/pulls')).pulls[0].state === 'complete');
    await there.stop();
    await done(page);
});

test('a pull goes on under the eyes: its bar moves, nothing else does', async () => {
    const page = await open('queue', { language: 'en' });
    await page.locator('.admin-body .list-message h2').waitFor();
    await service.must(['pull', 'north', '--study', SLOW]);
    const seen = new Set();
    const bar = page.locator('.jobs tbody tr progress');
    await bar.waitFor();
    await page.evaluate(() => {
        document.querySelector('.jobs tbody tr').firstMark = true;
    });
    await act(page, 'north', 'cancel').focus();
    await until('the bar moved', async () => {
        const value = await bar.evaluate((one) => (one.hasAttribute('value') ? one.value : null)).catch(() => null);
        if (value > 0) seen.add(value);
        return seen.size >= 3;
    });
    const same = await page.evaluate(() => ({
        row: document.querySelector('.jobs tbody tr').firstMark,
        focus: document.activeElement.dataset.action,
    }));
    assert.deepEqual(same, { row: true, focus: 'cancel' });
    await at.soon(() => row(page, 'north').innerText(), /\d+ of 20/);
    await row(page, 'Kakuu, Tarou').locator('a.link').waitFor();
    await row(page, 'north').waitFor({ state: 'detached' });
    await done(page);
});

test('a pull that waits is cancelled, once a person is sure', async () => {
    await service.must(['pull', 'later', '--study', '1.2.3.4']);
    const page = await open('queue', { language: 'en' });
    await row(page, 'later').waitFor();
    await at.soon(() => row(page, 'later').innerText(), /Waiting[^]*only at/);
    await at.shot(page, 'admin-queue-en');
    await act(page, 'later', 'cancel').click();
    await page.locator('dialog.ask').waitFor();
    await at.soon(() => page.innerText('dialog.ask'), /Cancel this pull from later\?/);
    await at.shot(page, 'admin-cancel-en');
    await page.keyboard.press('Escape');
    await page.locator('dialog.ask').waitFor({ state: 'detached' });
    assert.equal((await service.json('/api/admin/queue')).pulls.length, 1);
    await act(page, 'later', 'cancel').click();
    await page.click('dialog.ask [data-action="yes"]');
    await row(page, 'later').waitFor({ state: 'detached' });
    await at.soon(() => page.locator('.admin-note').innerText(), 'It was cancelled.');
    assert.equal((await service.json('/api/pulls')).pulls[0].state, 'cancelled');
    await done(page);
});

test('what the service refuses is told in its words', async () => {
    await service.must(['pull', 'later', '--study', '1.2.3.5']);
    const page = await open('queue', {
        language: 'en',
        route: (one) =>
            one.route('**/cancel', (route) =>
                route.fulfill({ status: 409, json: { error: 'conflict', message: 'pull 9 is complete already' } }),
            ),
    });
    await act(page, 'later', 'cancel').click();
    await page.click('dialog.ask [data-action="yes"]');
    await page.locator('.admin-note.bad').waitFor();
    await at.soon(() => page.locator('.admin-note').innerText(), /Not done: pull 9 is complete already/);
    await page.unroute('**/cancel');
    await act(page, 'later', 'cancel').click();
    await page.click('dialog.ask [data-action="yes"]');
    await row(page, 'later').waitFor({ state: 'detached' });
    await done(page);
});

test('associations appear while they last', async () => {
    const page = await open('associations', { language: 'en' });
    await page.locator('.admin-body h2', { hasText: 'Nobody is connected' }).waitFor();
    const peer = await Peer.associate(dicomPort);
    await peer.echo();
    await row(page, 'scanner').waitFor();
    await row(page, '1 echo').waitFor();
    await at.soon(() => row(page, 'scanner').innerText(), /STORESCU → KAKEHASHI[^]*second/);
    await at.shot(page, 'admin-associations-en');
    await peer.release();
    await row(page, 'scanner').waitFor({ state: 'detached' });
    await done(page);
});

test('who was turned away is told with the reason, once for all calls', async () => {
    for (let n = 0; n < 2; n++)
        assert.notEqual((await storescu(dicomPort, sent.slice(0, 1), { calling: 'STRANGER' })).code, 0);
    assert.notEqual((await storescu(dicomPort, sent.slice(0, 1), { called: 'SOMEBODY' })).code, 0);
    const page = await open('refusals', { language: 'en' });
    await row(page, 'STRANGER').waitFor();
    await at.soon(
        () => row(page, 'STRANGER').innerText(),
        /STRANGER → KAKEHASHI[^]*Turned away, 2 times[^]*not among ours[^]*no node calls/,
    );
    await at.soon(
        () => row(page, 'SOMEBODY').innerText(),
        /STORESCU → SOMEBODY[^]*Turned away, 1 time[^]*title that is not ours/,
    );
    await at.shot(page, 'admin-refusals-en');
    await done(page);
});

test('the bars of arrivals are the figures the service tells, of all and of each source', async () => {
    const page = await open('arrivals', { language: 'en' });
    await page.locator('.chart .bar').first().waitFor({ state: 'attached' });
    const { arrivals, from_hour: from, to_hour: to } = await service.json('/api/admin/arrivals');
    const bars = () =>
        page
            .locator('.plot .bar')
            .evaluateAll((all) => all.map((one) => [Number(one.dataset.hour), Number(one.dataset.objects)]));
    const expected = (source) =>
        Array.from({ length: to - from + 1 }, (_, n) => [
            from + n,
            arrivals
                .filter((one) => one.hour === from + n && (!source || one.source === source))
                .reduce((sum, one) => sum + one.objects, 0),
        ]);
    assert.ok(arrivals.some((one) => one.source === 'north') && arrivals.some((one) => one.source === 'scanner'));
    await at.soon(() => bars(), expected());
    await act(page, 'scanner', 'source').click();
    await at.soon(() => bars(), expected('scanner'));
    await at.soon(() => row(page, 'scanner').innerText(), new RegExp(`\\b${sent.length}\\b`));
    const tallest = () => page.locator('.plot .bar').evaluateAll((all) => Math.max(...all.map((one) => one.getBoundingClientRect().height)));
    await at.soon(tallest, (height) => height > 20, 'the tallest is seen');
    await page.click('.figures summary');
    const figures = () =>
        page
            .locator('.figures tbody tr')
            .evaluateAll((all) =>
                all.map((one) => [Number(one.dataset.hour), Number(one.querySelector('.is-objects').textContent)]),
            );
    await at.soon(
        figures,
        expected('scanner')
            .filter(([, objects]) => objects > 0)
            .reverse(),
    );
    await at.shot(page, 'admin-arrivals-en');
    await done(page);
});

test('rules: how far a back-fill is, and what it found', async () => {
    await service.must(['rule', 'add', 'backfill', 'old', '--node', 'north', '--from', '20260901', '--to', '20260930']);
    const page = await open('queue', { language: 'en' });
    await row(page, 'day 30 of 30').waitFor();
    await at.soon(() => row(page, 'old').innerText(), /Back-fill {2}north[^]*2 studies found[^]*2 here[^]*Done/);
    await service.must(['rule', 'remove', 'old']);
    await row(page, 'old').waitFor({ state: 'detached' });
    await done(page);
});

test('a send that was not taken is tried again from the page', async () => {
    const port = await freePort();
    await service.must(['node', 'add', ...node('archive', 'STORESCP', port)]);
    await service.must(['rule', 'add', 'forward', 'onward', '--node', 'archive', '--source', 'scanner', '--at-once']);
    await storescu(dicomPort, (await copies('1.2.392.200036.9999.77.3', 'P-3')).slice(0, 3));
    const page = await open('failures', { language: 'en' });
    await row(page, 'archive').waitFor();
    await at.soon(() => row(page, 'archive').innerText(), /Send \d+[^]*Kakuu, Tarou[^]*Failed[^]*nothing listens/);
    const scp = start('storescp', ['--ignore', String(port)]);
    await until('storescp listens', () => listens(port));
    await act(page, 'archive', 'retry').click();
    await row(page, 'archive').waitFor({ state: 'detached' });
    process.kill(scp.pid, 'SIGKILL');
    await service.must(['rule', 'remove', 'onward']);
    await service.must(['node', 'remove', 'archive']);
    await done(page);
});

test('a service that does not answer is told, and comes back by itself', async () => {
    let fails = true;
    const page = await open('nodes', {
        language: 'en',
        route: (one) => one.route(/\/api\/admin\/nodes$/, (route) => (fails ? route.abort() : route.continue())),
    });
    await page.locator('.admin-message .button.primary').waitFor();
    await at.soon(() => page.innerText('.admin-message'), /does not answer/);
    fails = false;
    await page.click('.admin-message .button.primary');
    await row(page, 'north').waitFor();
    await at.closePage(page);
});

test('the words under the chart of arrivals stay on it and apart from each other, whatever the hour is', async () => {
    const told = await service.json('/api/admin/arrivals');
    let later = 0; // hours: as if it were that much later
    for (const [width, least] of [
        [360, 2], // midnights
        [820, 8],
        [1280, 8],
    ]) {
        const page = await at.openPage(browser, service.url, '/admin', { width, height: 800, language: 'en' });
        await page.route('**/api/admin/arrivals', (route) =>
            route.fulfill({
                json: {
                    from_hour: told.from_hour + later,
                    to_hour: told.to_hour + later,
                    arrivals: told.arrivals.map((row) => ({ ...row, hour: row.hour + later })),
                },
            }),
        );
        for (later = 0; later < 24; later++) {
            await page.goto(`${service.url}/admin/arrivals`);
            await page.locator('.hours-axis span').first().waitFor({ state: 'attached' });
            const { over, close, shown } = await page.evaluate(() => {
                const edge = document.querySelector('.plot').getBoundingClientRect().right;
                const words = [...document.querySelectorAll('.hours-axis span')]
                    .filter((one) => one.offsetParent)
                    .map((one) => one.getBoundingClientRect());
                return {
                    over: Math.max(...words.map(({ right }) => right)) - edge,
                    close: Math.min(...words.slice(1).map(({ left }, n) => left - words[n].right)),
                    shown: words.length,
                };
            });
            assert.ok(over <= 0.5, `${width} px, ${later} h later: ${over} px over the edge`);
            assert.ok(close > 0, `${width} px, ${later} h later: two words ${close} px apart`);
            assert.ok(shown >= least, `${width} px, ${later} h later: ${shown} words`);
        }
        await at.closePage(page);
    }
});

for (const [width, height, touch] of [
    [360, 740, true],
    [820, 1180, true],
    [1280, 720, false],
    [2560, 1440, false],
]) {
    for (const language of ['ja', 'en']) {
        test(`every section fits ${width} x ${height}, ${language}`, async () => {
            const page = await at.openPage(browser, service.url, '/admin', { width, height, touch, language });
            for (const section of SECTIONS) {
                await page.goto(`${service.url}/admin/${section}`);
                await page.locator('.admin-body:not([hidden])').waitFor();
                const wide = () => page.evaluate(() => {
                    const scroller = document.querySelector('.admin .list-scroll');
                    return Math.max(
                        document.documentElement.scrollWidth - innerWidth,
                        scroller.scrollWidth - scroller.clientWidth,
                    );
                });
                await at.soon(wide, (pixels) => pixels <= 0, `${section} is too wide`);
                await at.shot(page, `admin-${section}-${language}-${width}`);
            }
            if (width === 360) {
                await page.selectOption('.admin-choice select', 'queue');
                await page.waitForURL('**/admin/queue');
                const low = () => page.evaluate(
                    () =>
                        [...document.querySelectorAll('button, .admin select, .admin a, .app-header .back')].filter(
                            (one) => one.offsetParent && one.getBoundingClientRect().height < 32,
                        ).length,
                );
                await at.soon(low, 0, 'too low for a finger');
            }
            await done(page);
        });
    }
}
