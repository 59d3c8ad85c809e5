// dom.js - making elements. Texts go in as text, never as markup.

import { fileUrl, iconUrl } from './api.js';

const SVG = 'http://www.w3.org/2000/svg';

/** make("button", {class: "x", onclick: f, "aria-label": "..."}, ...children): strings become text, null and false nothing. */
export function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else if (name === 'dataset') Object.assign(element.dataset, value);
        else element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
}

export function icon(name, className = 'icon') {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', className);
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS(SVG, 'use');
    use.setAttribute('href', iconUrl(name));
    svg.append(use);
    return svg;
}

/** An SVG filter with a table per colour, for CanvasDrawer; put into the page by the caller. */
export function tableFilter(id) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'hidden-svg');
    svg.setAttribute('aria-hidden', 'true');
    const filter = document.createElementNS(SVG, 'filter');
    const set = (name, value) => filter.setAttribute(name, value);
    set('id', id);
    set('color-interpolation-filters', 'sRGB');
    set('x', '0');
    set('y', '0');
    set('width', '1');
    set('height', '1');
    const transfer = document.createElementNS(SVG, 'feComponentTransfer');
    for (const channel of ['R', 'G', 'B']) {
        const part = document.createElementNS(SVG, `feFunc${channel}`);
        part.setAttribute('type', 'table');
        transfer.append(part);
    }
    filter.append(transfer);
    svg.append(filter);
    return { svg, filter };
}

export function setText(element, text) {
    if (element.textContent === text) return;
    const { firstChild } = element;
    if (text && firstChild?.nodeType === Node.TEXT_NODE && firstChild === element.lastChild) firstChild.data = text; // no new node, no new style
    else element.textContent = text;
}

const PAINTED_MS = 250; // at the latest: a page that nobody looks at paints nothing

/** Call work() once what was changed up to now is on the screen: drawn in the next frame, or in the one that is being made, and shown when the page is
 *  asked for the frame after that. */
export function afterPaint(work) {
    let timer = 0;
    const once = () => {
        clearTimeout(timer);
        if (timer) work();
        timer = 0;
    };
    timer = setTimeout(once, PAINTED_MS);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(once)));
}

/** Modules that will be imported soon: asked for now, all at once. */
export function preload(names) {
    for (const name of names) {
        const href = fileUrl(name);
        if (!document.querySelector(`link[href="${href}"]`)) document.head.append(make('link', { rel: 'modulepreload', href }));
    }
}

/** The styles of a part that is not on every page: {name}.css, there when the promise is. */
export function loadStyles(name) {
    const href = fileUrl(`${name}.css`);
    if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
    return new Promise((resolve) => {
        const link = make('link', { rel: 'stylesheet', href, onload: resolve, onerror: resolve });
        document.head.append(link);
    });
}
