// npm's dicomweb-client in a headless Chromium against the service: what it retrieves is what was stored.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { attribute, phantomFiles, root, Service } from '../lib/service.mjs';
import { openBrowser } from '../lib/browser.mjs';

const files = phantomFiles(6);
const sha = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
let service, browser, page, uids;

before(async () => {
    service = await Service.start({ files });
    const [study, series, instance] = await Promise.all(['0020,000d', '0020,000e', '0008,0018'].map((tag) => attribute(tag, files)));
    uids = files.map((file) => ({ studyInstanceUID: study[file], seriesInstanceUID: series[file], sopInstanceUID: instance[file] }));
    browser = await openBrowser();
    page = await (await browser.newContext({ bypassCSP: true })).newPage();
    await page.goto(service.url);
    await page.addScriptTag({ path: path.join(root, 'tests/browser/node_modules/dicomweb-client/build/dicomweb-client.js') });
    await page.evaluate((url) => {
        globalThis.client = new DICOMwebClient.api.DICOMwebClient({ url });
        globalThis.sums = (buffers) => Promise.all(buffers.map(async (buffer) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', buffer)), (byte) => byte.toString(16).padStart(2, '0')).join('')));
    }, `${service.url}/dicomweb`);
});
after(async () => { await browser?.close(); await service?.stop(); });

const sums = (method, options) => page.evaluate(async ([name, given]) => globalThis.sums([await globalThis.client[name](given)].flat()), [method, options]);

test('a study, a series and an instance', async () => {
    const expected = files.map((file) => sha(fs.readFileSync(file))).sort();
    assert.deepEqual((await sums('retrieveStudy', uids[0])).sort(), expected);
    assert.deepEqual((await sums('retrieveSeries', uids[0])).sort(), expected);
    assert.deepEqual(await sums('retrieveInstance', uids[0]), [sha(fs.readFileSync(files[0]))]);
});

test('frames', async () => {
    const bytes = fs.readFileSync(files[2]);
    const pixels = sha(bytes.subarray(bytes.length - 512 * 512 * 2));
    assert.deepEqual(await sums('retrieveInstanceFrames', { ...uids[2], frameNumbers: [1] }), [pixels]);
    assert.deepEqual(await sums('retrieveInstanceFrames', { ...uids[2], frameNumbers: [1], mediaTypes: [{ mediaType: 'application/octet-stream', transferSyntaxUID: '*' }] }), [pixels]);
});

test('metadata and the bulk data that they name', async () => {
    for (const method of ['retrieveStudyMetadata', 'retrieveSeriesMetadata']) {
        const told = await page.evaluate(async ([name, given]) => (await globalThis.client[name](given)).map((one) => one['00080018'].Value[0]), [method, uids[0]]);
        assert.deepEqual(told.sort(), uids.map((one) => one.sopInstanceUID).sort());
    }
    const { uri, rows } = await page.evaluate(async (given) => {
        const found = await globalThis.client.retrieveInstanceMetadata(given);
        const one = Array.isArray(found) ? found[0] : found;
        return { uri: one['7FE00010'].BulkDataURI, rows: one['00280010'].Value[0] };
    }, uids[3]);
    assert.equal(rows, 512);
    const bytes = fs.readFileSync(files[3]);
    assert.deepEqual(await sums('retrieveBulkData', { BulkDataURI: uri }), [sha(bytes.subarray(bytes.length - 512 * 512 * 2))]);
});
