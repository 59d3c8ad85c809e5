// svg.js - making SVG elements.

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, tag);
    setAll(element, attributes);
    element.append(...children);
    return element;
}

/** Attributes that differ are set; null takes one away. */
export function setAll(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined) element.removeAttribute(name);
        else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
}
