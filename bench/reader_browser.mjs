// reader_browser.mjs - Debian's Chromium at the other end of the line: one that trusts the bench's certificate and keeps nothing from page to page,
// what it asked for and when, and the work of a page seen from outside (throttled, its memory).
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { installProbe } from './reader_probe.mjs';

const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/* OHIF draws by WebGL. */
const FLAGS_WEBGL = [...FLAGS.filter((flag) => flag !== '--disable-gpu'), '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'];
const library = path.join(import.meta.dirname, '../tests/browser/node_modules/playwright-core/index.mjs');
const program = process.env.KH_CHROMIUM ?? '/usr/bin/chromium';

function keyDigest(certificate) {
    const key = new crypto.X509Certificate(fs.readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' });
    return crypto.createHash('sha256').update(key).digest('base64');
}

/** One on the reader's side of the line. identity: of the server that it talks to, whose certificate is as good to it as any. */
export async function openBrowser(work, line, identity, { webgl = false } = {}) {
    if (!fs.existsSync(library)) throw new Error('reader: playwright-core is not installed: npm ci in tests/browser');
    if (!fs.existsSync(program)) throw new Error(`reader: no browser at ${program} (KH_CHROMIUM)`);
    const { chromium } = await import(library);
    const [command, args] = line.inside('reader', program, []);
    const wrapper = path.join(fs.mkdtempSync(path.join(work, 'browser-')), 'chromium');
    fs.writeFileSync(wrapper, `#!/bin/sh\nexec ${command} ${args.join(' ')} "$@"\n`, { mode: 0o755 });
    return chromium.launch({ executablePath: wrapper, handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
        args: [...(webgl ? FLAGS_WEBGL : FLAGS), `--ignore-certificate-errors-spki-list=${keyDigest(identity.certificate)}`] });
}

/** A page with nothing kept from before but who is signed in (state: of another context). page.tools: the protocol's own session. */
export async function freshPage(browser, state = undefined) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, locale: 'en-US', storageState: state });
    const page = await context.newPage();
    page.setDefaultTimeout(60000);
    page.tools = await context.newCDPSession(page);
    await page.tools.send('Network.enable');
    await installProbe(page);
    return page;
}

/** Nobody listens to a page's network any more. For who does, the browser keeps the bodies of answers in the page's own process, up to 100 MB each: no
 *  memory of the page's. */
export async function stopWatching(page) {
    const driver = page._toImpl?.()?._delegate?._mainFrameSession?._client; // Playwright listens as well, and offers no way to have it stop
    if (!driver) throw new Error('reader: this Playwright does not let go of the network: the memory of a tab cannot be measured with it');
    for (const session of [driver, page.tools]) await session.send('Network.disable');
}

/** Everything a page asks for from now on: { url, startMs, answerMs, endMs, bytes, cut } by the wall clock, in the order asked. */
export function watchRequests(page) {
    const list = [], byId = new Map();
    const clock = { offset: 0 };
    const at = ({ timestamp }) => timestamp * 1000 + clock.offset;
    page.tools.on('Network.requestWillBeSent', (event) => {
        clock.offset = event.wallTime * 1000 - event.timestamp * 1000;
        const one = { url: event.request.url, startMs: at(event), answerMs: null, endMs: null, bytes: 0, kept: false };
        list.push(one);
        byId.set(event.requestId, one);
    });
    const known = (name, take) => page.tools.on(`Network.${name}`, (event) => { const one = byId.get(event.requestId); if (one) take(one, event); });
    known('responseReceived', (one, event) => {
        one.answerMs = at(event);
        one.bytes += event.response.encodedDataLength;
        one.kept = Boolean(event.response.fromDiskCache);
        one.protocol = event.response.securityDetails?.protocol;
    });
    known('dataReceived', (one, event) => { one.bytes += event.encodedDataLength; one.lastMs = at(event); });
    known('loadingFinished', (one, event) => { one.endMs = at(event); one.bytes = event.encodedDataLength; });
    known('loadingFailed', (one, event) => { one.endMs = at(event); one.cut = event.errorText; });
    return list;
}
