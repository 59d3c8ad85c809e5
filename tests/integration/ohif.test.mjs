// OHIF as npm has it, in a headless Chromium, served from a site of its own that is listed in [dicomweb] origins: study list, open, scroll,
// window, measure. Every pixel it shows has the value in HU that DCMTK's dump of the file gives.
//
// The package has 50 MB: it is fetched once, with --long, into $XDG_CACHE_HOME/kakehashi. Without it these tests are skipped.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ohifAnswer, ohifConfig, ohifFiles } from '../lib/ohif.mjs';
import { attribute, must, phantomFiles, root, Service, slow, temporaryFolder, until } from '../lib/service.mjs';

const playwright = path.join(root, 'tests/browser/node_modules/playwright-core/index.mjs');
const chromium = process.env.KH_CHROMIUM ?? '/usr/bin/chromium';

/** The folder of the built viewer, or why there is none. */
function fetched() {
    if (!fs.existsSync(playwright)) return { why: 'playwright-core is not installed in tests/browser' };
    if (!fs.existsSync(chromium)) return { why: `no ${chromium}` };
    return ohifFiles(Boolean(process.env.KH_LONG));
}

const { dist, why } = fetched();
let server, origin, service, browser, page, files, study;

function serve(request, answer) {
    const { file, isConfig, headers } = ohifAnswer(dist, request.url);
    answer.writeHead(200, headers);
    if (isConfig) answer.end(ohifConfig(`${service.url}/dicomweb`));
    else fs.createReadStream(file).pipe(answer);
}

before(async () => {
    if (why) return;
    server = http.createServer(serve);
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    origin = `http://127.0.0.1:${server.address().port}`;
    files = phantomFiles(6);
    [study] = Object.values(await attribute('0020,000d', [files[0]]));
    service = await Service.start({ files, settings: { dicomweb: { origins: origin } } });
    const { chromium: launcher } = await import(playwright);
    browser = await launcher.launch({ executablePath: chromium, args: ['--headless=new', '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'] });
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    page.setDefaultTimeout(30000 * slow);
});
after(async () => { await browser?.close(); await service?.stop(); server?.close(); });

/** What the viewport shows. */
const state = () => page.evaluate(() => {
    const viewport = globalThis.cornerstone?.getRenderingEngines()[0]?.getViewports()[0];
    const id = viewport?.getCurrentImageId?.();
    const image = id && globalThis.cornerstone.cache.getImage(id);
    if (!image) return null;
    return { instance: /instances\/([0-9.]+)/.exec(id)[1], index: viewport.getCurrentImageIdIndex(), voi: viewport.getProperties().voiRange, rows: image.rows, columns: image.columns,
        values: [...image.voxelManager.getScalarData()] };
});

/** {instance: HU of each pixel} by DCMTK's dump. */
async function dumped() {
    const [uids, slopes, intercepts] = await Promise.all(['0008,0018', '0028,1053', '0028,1052'].map((tag) => attribute(tag, files)));
    const values = {};
    for (const file of files) {
        const folder = temporaryFolder('kh-dump');
        await must('dcmdump', ['-q', '+W', folder, file]);
        const raw = fs.readFileSync(path.join(folder, fs.readdirSync(folder)[0]));
        values[uids[file]] = Array.from({ length: raw.length / 2 }, (_, i) => raw.readInt16LE(2 * i) * Number(slopes[file]) + Number(intercepts[file]));
    }
    return values;
}

test('the study list', { skip: why }, async () => {
    await page.goto(origin);
    await page.getByText('Kakuu').first().waitFor();
    await page.getByText('CT', { exact: true }).first().waitFor();
});

test('open, scroll: each slice has the HU of the file', { skip: why }, async () => {
    await page.goto(`${origin}/viewer?StudyInstanceUIDs=${study}`);
    const expected = await dumped();
    const [signs, bits] = await Promise.all(['0028,0103', '0028,0101'].map((tag) => must('dcmdump', ['-q', '+P', tag, files[0]])));
    assert.match(signs.out, / US 0/); // as it is read above: no sign, and less than 15 bits
    assert.match(bits.out, / US 1[0-5]/);
    await until('a picture', state, { seconds: 60 });
    await page.getByText('Skip all').click({ timeout: 3000 }).catch(() => {}); // the tour of the first visit
    const box = await page.locator('canvas.cornerstone-canvas').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const seen = new Set();
    for (let i = 0; i < files.length; i++) {
        const shown = await until(`slice ${i}`, async () => { const now = await state(); return now?.index === i ? now : null; });
        assert.deepEqual([shown.rows, shown.columns], [512, 512]);
        assert.deepEqual(shown.values, expected[shown.instance]);
        seen.add(shown.instance);
        await page.mouse.wheel(0, 100);
    }
    assert.equal(seen.size, files.length);
});

test('window and measure', { skip: why }, async () => {
    const box = await page.locator('canvas.cornerstone-canvas').boundingBox();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const drag = async (dx, dy, fromX = x, fromY = y) => {
        await page.mouse.move(fromX, fromY);
        await page.mouse.down();
        await page.mouse.move(fromX + dx, fromY + dy, { steps: 8 });
        await page.mouse.up();
    };
    const first = await state();
    await drag(60, 40);
    await until('another window', async () => { const now = await state(); return now.voi.upper - now.voi.lower > first.voi.upper - first.voi.lower + 20; });
    await page.locator('[data-cy="MeasurementTools-split-button-primary"]').click();
    await drag(200, 0, x - 100, y - 50);
    const measured = () => page.evaluate(() => globalThis.cornerstoneTools.annotation.state.getAllAnnotations()
        .filter((one) => one.metadata.toolName === 'Length').map((one) => Object.values(one.data.cachedStats)[0]?.length)[0]);
    const spacing = Number(Object.values(await attribute('0028,0030', [files[0]]))[0].split('\\')[0]);
    const expected = (200 * 512 * spacing) / box.height; // the picture fills the viewport's height
    let length;
    await until(`a length of ${expected} mm`, async () => { length = await measured(); return Math.abs(length - expected) < 0.03 * expected; })
        .catch((error) => { error.message += `, measured ${length} mm`; throw error; });
});
