// dom.js - making elements. Texts go in as text, never as markup.

import { iconUrl } from './api.js';

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
    if (element.textContent !== text) element.textContent = text;
}
