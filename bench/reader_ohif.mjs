// reader_ohif.mjs - OHIF at the same two ends of the same line: its site beside the service, its study list and its viewer in a browser.
import path from 'node:path';
import { ohifFiles, version } from '../tests/lib/ohif.mjs';
import { SERVER } from './line.mjs';
import { say, start, stop } from './process.mjs';
import { freshPage } from './reader_browser.mjs';
import { base } from './reader_site.mjs';

const PORT = 8444;
const PATIENCE_MS = 120000; // for its first picture on the slowest line
const address = `https://${SERVER}:${PORT}`;

export class Ohif {
    /** null, and why is told, when it cannot be had. */
    static async start(line, site) {
        const { dist, why } = ohifFiles(true);
        if (why) {
            say(`  no OHIF beside it: ${why}`);
            return null;
        }
        const ohif = new Ohif();
        const { certificate, key } = site.identity;
        ohif.child = start(...line.inside('server', process.execPath, [path.join(import.meta.dirname, 'ohif_site.mjs'), dist, String(PORT), certificate, key, base, site.token]));
        await Promise.race([ohif.child.ended, new Promise((resolve) => { ohif.child.stdout.once('data', resolve); })]);
        if (ohif.child.exitCode !== null) throw new Error(`OHIF's site ended:\n${ohif.child.output.slice(-2000)}`);
        say(`  OHIF ${version} beside it`);
        return ohif;
    }

    get address() { return `${address}/`; }

    async stop() { await stop(this.child); }

    /** Its study list with the program itself in the browser's cache, as if it was used before: page, with the study of so many images chosen.
     *  other: another study's images, which is opened for that. */
    async warmPage(browser, images, other) {
        const page = await freshPage(browser);
        await this.#choose(page, other);
        await this.open(page);
        await this.#choose(page, images);
        return page;
    }

    async #choose(page, images) {
        await page.goto(address);
        await page.getByText(String(images), { exact: true }).click();
        await page.getByRole('button', { name: 'Basic Viewer' }).waitFor();
        await page.evaluate(() => {
            probe.look = () => {
                const viewport = globalThis.cornerstone?.getRenderingEngines()[0]?.getViewports()[0];
                const id = viewport?.getCurrentImageId?.();
                const canvas = document.querySelector('canvas.cornerstone-canvas');
                if (!id || !canvas?.width || !globalThis.cornerstone.cache.getImage(id)) return {};
                const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
                const any = data.some((value, i) => i % 4 === 0 && value > 40);
                return { any, exact: any };
            };
        });
    }

    /** From the click to the first picture: { any, exact } in ms; null when there is none in some minutes. */
    async open(page) {
        await page.evaluate(() => probe.arm());
        await page.getByRole('button', { name: 'Basic Viewer' }).click();
        return Promise.race([page.evaluate(() => probe.found), new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, null).unref(); })]);
    }
}
