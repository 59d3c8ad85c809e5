// reader_probe.mjs - what is watched from inside a page, frame by frame, without a word of the page's own scripts: when it was clicked, when the
// picture of a slice was on the screen, what frames showed while somebody scrolled or dragged. Times are performance.now() of the page.

/** Before a page loads. globalThis.probe in it: see the functions. */
export async function installProbe(page) {
    await page.addInitScript(() => {
        const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
        const area = () => document.querySelector('.picture-area');
        const probe = { clickedAt: null };
        globalThis.probe = probe;
        addEventListener('click', (event) => { probe.clickedAt ??= event.timeStamp; }, { capture: true });

        /** From the next click on: { any, exact } in ms after it: the first frame after the one in which some picture, and the exact one, was drawn.
         *  looks: { any, exact } functions of the page as text. */
        probe.arm = () => {
            probe.clickedAt = null;
            probe.found = (async () => {
                const found = {};
                while (found.exact === undefined) {
                    await frame();
                    if (probe.clickedAt === null) continue;
                    const { any, exact } = probe.look();
                    if (!any) continue;
                    await frame(); // what was drawn in the frame before is on the screen
                    const now = performance.now() - probe.clickedAt;
                    found.any ??= now;
                    if (exact) found.exact = now;
                }
                return { ...found, clickedAt: performance.timeOrigin + probe.clickedAt };
            })();
        };

        /** Our own viewer: what its picture area says. That it is true is shown by probe.compare(). */
        probe.look = () => {
            const state = area()?.dataset.state;
            return { any: Boolean(area()?.dataset.slice) && ['loading', 'ready'].includes(state), exact: state === 'ready' };
        };

        /** Mean difference, grey levels, of what is on the canvas from pictures of the service at these addresses, scaled as the canvas is. */
        probe.compare = async (urls) => {
            const canvas = document.querySelector('canvas.picture');
            const side = Math.min(canvas.width, canvas.height);
            const [left, top] = [canvas.width, canvas.height].map((size) => Math.round((size - side) / 2));
            const shown = canvas.getContext('2d').getImageData(left, top, side, side).data;
            const differences = [];
            for (const url of urls) {
                const other = new OffscreenCanvas(side, side).getContext('2d');
                other.imageSmoothingQuality = 'high';
                other.drawImage(await createImageBitmap(await (await fetch(url)).blob()), 0, 0, side, side);
                const { data } = other.getImageData(0, 0, side, side);
                let sum = 0;
                for (let i = 0; i < data.length; i += 4) sum += Math.abs(data[i] - shown[i]);
                differences.push(sum / (side * side));
            }
            return differences;
        };

        /** Frame by frame until probe.scrolled(): does the picture on the screen belong to the slice that was asked for? One that was asked for
         *  less than three frames of 60 Hz ago may be on its way to the screen. */
        probe.watchScroll = () => {
            const found = { frames: 0, empty: 0, slices: 0, long: [], going: true };
            const tasks = new PerformanceObserver((list) => found.long.push(...list.getEntries().map(({ duration }) => duration)));
            tasks.observe({ type: 'longtask' });
            let wanted = null, askedAt = 0;
            const look = (now) => {
                if (!found.going) return;
                const asked = document.querySelector('.stage [role=slider]').getAttribute('aria-valuenow');
                if (asked !== wanted) {
                    if (wanted !== null) found.slices += Math.abs(asked - wanted);
                    [wanted, askedAt] = [asked, now];
                }
                found.frames++;
                const late = now - askedAt > 50 && area().dataset.slice !== wanted;
                if (late || !probe.look().any) found.empty++;
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
            probe.scrolled = () => {
                found.going = false;
                found.long.push(...tasks.takeRecords().map(({ duration }) => duration));
                tasks.disconnect();
                return found;
            };
        };

        /** Frame by frame until probe.windowed(): is the picture shown with another window than in the frame before? */
        probe.watchWindow = () => {
            const found = { frames: 0, changed: 0, going: true };
            const begin = performance.now();
            let before = null;
            const canvas = document.querySelector('.picture-area canvas.picture');
            const shown = () => {
                const line = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1).data; // windowed anew, or as it was and filtered
                let sum = 0;
                for (let i = 0; i < line.length; i += 4) sum = (Math.imul(sum, 31) + line[i]) | 0;
                return `${sum} ${canvas.style.filter} ${area().querySelector('feFuncR')?.getAttribute('tableValues')}`;
            };
            const look = () => {
                if (!found.going) return;
                const now = shown();
                found.frames++;
                if (before !== null && now !== before) found.changed++;
                before = now;
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
            probe.windowed = () => {
                found.going = false;
                return { ...found, seconds: (performance.now() - begin) / 1000 };
            };
        };

        /** When the first control of the page could be used: the frame after the one in which it was there and took the keyboard. */
        probe.firstControl = async () => {
            const usable = (one) => !one.disabled && one.offsetParent !== null;
            for (;;) {
                await frame();
                const control = [...document.querySelectorAll('.page input, .page button, .page select, #root input, #root button')].find(usable);
                if (!control) continue;
                control.focus();
                if (document.activeElement !== control) continue;
                await frame();
                const now = performance.now();
                return { atMs: performance.timeOrigin + now, seconds: now / 1000, name: `<${control.localName} class="${control.className.slice(0, 40)}">` };
            }
        };
    });
}
