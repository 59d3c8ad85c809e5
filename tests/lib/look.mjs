// look.mjs - what an eye finds wrong with a page, asked of the page itself: words cut off or one upon the other, too little contrast (WCAG 2.2
// 1.4.3, 1.4.11), heads of tables beside their columns, targets too small for a finger (2.5.5), controls without a name (4.1.2), words missing or of the other language.

/** Runs in the page. {touch, language}: what to look for besides. A list of sentences; empty when nothing is wrong. */
function look({ touch, language }) {
    const found = new Set();
    const CONTROLS = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=slider], [role=menuitem], [role=menuitemradio]';
    const WRITTEN = 'bdi, code, .corner, .person, .strip, .tile-name, .who-link, .preset .menu, .report'; // by hospitals: in whatever language they write
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.querySelector('.lock:not([hidden])') ?? document.body;
    const told = (element) => {
        const name = element.getAttribute('aria-label') ?? element.textContent.trim();
        const kind = [element.localName, ...element.classList].join('.');
        return `${kind} "${name.replace(/\s+/g, ' ').slice(0, 50)}"`;
    };
    const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest('.hidden-svg');
    const styleOf = (element) => getComputedStyle(element);
    const upwards = (element) => {
        const all = [];
        for (let one = element; one; one = one.parentElement) all.push(one);
        return all;
    };

    // ---- colours
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const parsed = new Map();
    function rgba(text) {
        if (!parsed.has(text)) {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = text;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
            parsed.set(text, [r, g, b, a / 255]);
        }
        return parsed.get(text);
    }
    const over = ([r, g, b, a], under) => [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
    function behind(element) {
        const layers = [];
        for (const one of upwards(element)) {
            const colour = rgba(styleOf(one).backgroundColor);
            layers.push(colour);
            if (colour[3] === 1) break;
            if (one.localName === 'dialog') break;
        }
        const paper = styleOf(document.documentElement).colorScheme.includes('dark') ? [0, 0, 0] : [255, 255, 255];
        return layers.reverse().reduce((under, layer) => over(layer, under), paper);
    }
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const opacity = (element) => upwards(element).reduce((product, one) => product * Number(styleOf(one).opacity), 1);
    function contrast(element, colour) {
        const ground = behind(element);
        const [r, g, b, a] = rgba(colour);
        const [one, two] = [over([r, g, b, a * opacity(element)], ground), ground].map(luminance);
        return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    }
    const idle = (element) => element.closest(':disabled, [aria-disabled=true]');
    function seenWell(element, colour, what) {
        const { fontSize, fontWeight } = styleOf(element);
        const large = Number.parseFloat(fontSize) >= 24 || (Number.parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700);
        const value = contrast(element, colour);
        if (value < (large ? 3 : 4.5)) found.add(`contrast ${value.toFixed(2)} of ${what} ${told(element)}`);
    }

    // ---- words: where each stands, and what of it can be seen
    const overlap = (a, b) => ({ left: Math.max(a.left, b.left), top: Math.max(a.top, b.top), right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) });
    const wide = ({ left, right }) => right - left;
    const high = ({ top: y, bottom }) => bottom - y;
    const screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    const hides = (style, axis) => style[`overflow${axis}`] !== 'visible';
    const scrolls = (style, axis) => /auto|scroll/.test(style[`overflow${axis}`]);
    /** The part of a box that is seen, and whether a part is lost to who cannot scroll. */
    function visibleBox(element, box) {
        let [seen, lost] = [box, false];
        for (const one of upwards(element).slice(0, -1)) {
            const style = styleOf(one);
            if (hides(style, 'X') || hides(style, 'Y')) {
                const outer = one.getBoundingClientRect();
                const next = overlap(seen, outer);
                if (wide(next) < wide(seen) - 1.5 && !scrolls(style, 'X')) lost = true;
                if (high(next) < high(seen) - 3 && !scrolls(style, 'Y')) lost = true;
                if (one.localName === 'dialog' && (wide(next) < wide(seen) - 1.5)) lost = true;
                seen = next;
                if (wide(seen) <= 0 || high(seen) <= 0) return { seen: null, lost: lost && !upwards(one).some((up) => scrolls(styleOf(up), 'Y')) };
            }
            if (style.position === 'fixed') break;
        }
        const next = overlap(seen, screen);
        return { seen: wide(next) > 0 && high(next) > 0 ? next : null, lost: lost || wide(next) < wide(seen) - 1.5 };
    }
    const words = [];
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        const text = node.textContent.trim();
        if (text === '' || element.closest('option, noscript, script, style, title, .print-sheet') || !shown(element)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1);
        const svg = element.namespaceURI.endsWith('svg');
        if (!svg && !idle(element) && !element.closest('.overlay, .layer, .problem')) seenWell(element, styleOf(element).color, 'the words');
        if (/^[a-z]+(\.[a-zA-Z0-9]+)+$/.test(text) && /^[a-z]+\.[a-z]+[A-Z]?/.test(text) && !element.closest('code, input, [data-data]')) found.add(`words are missing: ${text}`);
        if (language === 'en' && /[\u3040-\u30ff\u4e00-\u9fff]/.test(text) && !element.closest(`${WRITTEN}, [lang=ja]`)) found.add(`Japanese on an English page: ${told(element)}`);
        if (language === 'ja' && /[a-z]{3,} [a-z]{2,}/.test(text) && !element.closest(`${WRITTEN}, [lang=en]`)) found.add(`English on a Japanese page: ${told(element)}`);
        for (const box of boxes) {
            const { seen, lost } = visibleBox(element, box);
            if (lost && !upwards(element).some((one) => one.title)) found.add(`cut off: ${told(element)}`);
            if (seen) words.push({ element, box: seen });
        }
    }
    // Hit tests that pass through nothing, for as long as this looks.
    const everything = new CSSStyleSheet();
    everything.replaceSync('* { pointer-events: auto !important; }');
    document.adoptedStyleSheets.push(everything);
    /** True when something opaque lies between the two: the lower one is covered, as under a menu or a panel. */
    function apart(a, b, both) {
        const hits = document.elementsFromPoint((both.left + both.right) / 2, (both.top + both.bottom) / 2);
        const places = [a, b].map((element) => hits.findIndex((hit) => hit === element || element.contains(hit)));
        if (places.includes(-1)) return true;
        const [upper, lower] = places[0] < places[1] ? [a, b] : [b, a];
        return hits.slice(0, Math.max(...places)).some((hit) => !hit.contains(lower) && (hit.contains(upper) || !upper.contains(hit)) && rgba(styleOf(hit).backgroundColor)[3] > 0.85);
    }
    for (let i = 0; i < words.length; i++) {
        for (let j = i + 1; j < words.length; j++) {
            const [a, b] = [words[i], words[j]];
            if (a.element === b.element || a.element.contains(b.element) || b.element.contains(a.element)) continue;
            const both = overlap(a.box, b.box);
            if (wide(both) <= 2 || high(both) <= 4 || apart(a.element, b.element, both)) continue;
            found.add(`one upon the other: ${told(a.element)} and ${told(b.element)}`);
        }
    }

    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== everything);

    // ---- tables
    for (const table of top.querySelectorAll('table')) {
        const [heads, cells] = [table.tHead?.rows[0], table.tBodies[0]?.rows[0]].map((row) => [...(row?.cells ?? [])].filter(shown));
        if (heads.length !== cells.length) continue; // a telephone's cards, a row that tells why there is none
        const beside = heads.find((head, i) => Math.abs(head.getBoundingClientRect().left - cells[i].getBoundingClientRect().left) > 1);
        if (beside) found.add(`beside its column: ${told(beside)}`);
    }

    // ---- controls
    for (const element of top.querySelectorAll(CONTROLS)) {
        if (!shown(element) || element.closest('.print-sheet')) continue;
        const labels = [...(element.labels ?? [])].map((one) => one.textContent.trim()).join(' ');
        const name = [element.getAttribute('aria-label'), element.getAttribute('aria-labelledby'), labels, element.title, element.matches('input, select, textarea') ? '' : element.textContent, element.querySelector?.('img[alt]')?.alt];
        if (!name.some((one) => one?.trim())) found.add(`without a name: ${element.outerHTML.slice(0, 90)}`);
        const mark = element.querySelector?.(':scope > svg.icon');
        if (mark && !idle(element) && shown(mark)) {
            const value = contrast(mark, styleOf(mark).color);
            if (value < 3) found.add(`contrast ${value.toFixed(2)} of the picture of ${told(element)}`);
        }
        if (element.placeholder && element.value === '') {
            seenWell(element, getComputedStyle(element, '::placeholder').color, 'the example in');
            canvas.font = styleOf(element).font;
            const room = element.clientWidth - Number.parseFloat(styleOf(element).paddingLeft) - Number.parseFloat(styleOf(element).paddingRight);
            if (canvas.measureText(element.placeholder).width > room + 1) found.add(`cut off: the example in ${told(element)}`);
        }
        const { seen, lost } = visibleBox(element, element.getBoundingClientRect());
        if (lost && wide(element.getBoundingClientRect()) > 4) found.add(`cut off: ${told(element)}`);
        if (!touch || !seen || idle(element)) continue;
        const inText = styleOf(element).display === 'inline' && [...element.parentElement.childNodes].some((one) => one !== element && one.textContent.trim() !== '' && one.nodeType === 3);
        const target = element.closest('label') ?? (element.type === 'checkbox' || element.type === 'radio' ? element.labels?.[0] : null) ?? element.closest('tr[data-study], [data-patient], [data-study]') ?? element;
        const box = target.getBoundingClientRect();
        if (!inText && (box.height < 43.5 || box.width < 43.5)) found.add(`${Math.round(box.width)} x ${Math.round(box.height)} for a finger: ${told(element)}`);
    }
    const sideways = document.documentElement.scrollWidth - innerWidth;
    if (sideways > 0) found.add(`the page is ${sideways} pixels too wide`);
    return [...found];
}

/** What is wrong with a page as it stands now. */
export const faults = (page, { touch = false, language = null } = {}) => page.evaluate(look, { touch, language });
