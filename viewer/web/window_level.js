// window_level.js - window centre and width: dragging, and how a picture made with one window looks in another. Pure.
// A window is {center, width} in modality units; pixel values p run from 0 to 1.

const MIN_WIDTH = 1;
const MAX_WIDTH = 1e6;
const MAX_CENTER = 1e6;
const FULL_DRAG_PX = 400; // dragging this far changes by the sensitivity's base

const round = (value) => (Math.abs(value) < 20 ? Math.round(value * 10) / 10 : Math.round(value));

/** A window that can be asked for: width at least 1, numbers of reasonable length. */
export function normalise(window) {
    const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, window.width));
    const center = Math.min(MAX_CENTER, Math.max(-MAX_CENTER, window.center));
    return { center: round(center), width: round(width) };
}

/** The window after dragging from `start` by (dx, dy) CSS pixels: right is wider, up is a lower centre (IHE BIR). */
export function drag(start, dx, dy) {
    const base = Math.max(start.width, 20);
    const width = start.width + (dx / FULL_DRAG_PX) * base * (dx > 0 ? 2 : 1);
    const center = start.center + (dy / FULL_DRAG_PX) * base;
    return normalise({ center, width });
}

/** The linear change that shows a picture made with `from` as if it had been made with `to`: p' = slope * p + intercept. */
export function remap(from, to) {
    const slope = from.width / to.width;
    const lowFrom = from.center - from.width / 2;
    const lowTo = to.center - to.width / 2;
    return { slope, intercept: (lowFrom - lowTo) / to.width };
}

const STEPS = 64;
const GREYS = 256;
const clip = (value) => Math.min(1, Math.max(0, value));

/** How bright `steps` + 1 even greys of a picture made with `from` are when it is shown as if made with `to`. What the first window had clipped stays
 *  black or white: air and metal are what lies there mostly. */
function preview(from, to, steps) {
    const { slope, intercept } = from && to ? remap(from, to) : { slope: 1, intercept: 0 };
    const table = Array.from({ length: steps + 1 }, (_, step) => clip((slope * step) / steps + intercept));
    table[0] = 0;
    table[steps] = 1;
    return table;
}

/** preview() for a filter, inverted or not; null for no change. */
export function previewTable(from, to, invert) {
    const { slope, intercept } = from && to ? remap(from, to) : { slope: 1, intercept: 0 };
    if (Math.abs(slope - 1) < 1e-6 && Math.abs(intercept) < 1e-6 && !invert) return null;
    const table = preview(from, to, STEPS);
    return invert ? table.map((value) => 1 - value) : table;
}

/** preview() of each grey of 8 bits, as a pixel of an ImageData, 0xAABBGGRR. */
export function greyTable(from, to) {
    return Uint32Array.from(preview(from, to, GREYS - 1), (value) => 0xff000000 + Math.round(value * 255) * 0x010101);
}

/** The window to ask for on a slice: one made of numbers as it is; a VOI LUT (it has a `lut`) where the slice has that one, by number and
 *  name, else by name; null, the slice's own, where it has none. */
export function onSlice(window, slice) {
    if (!window || window.lut === undefined) return window;
    const tables = (slice?.windows ?? []).filter((one) => one.lut !== undefined);
    const named = tables.filter((one) => (one.explanation ?? '') === (window.explanation ?? ''));
    return named.find((one) => one.lut === window.lut) ?? (window.explanation ? named[0] : undefined) ?? null;
}

export const same = (a, b) =>
    a === b || (!!a && !!b && a.center === b.center && a.width === b.width && a.lut === b.lut);
