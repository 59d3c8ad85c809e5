// exact_picture.js - a slice's picture made here, from its stored values, by the steps of docs/rendering.md that a slope and a window can tell: padding,
// modality, VOI (PS3.3 C.11.2.1.2, C.11.2.1.3), polarity. Pure.

const VALUES = 65536;

/** Can these facts (lossless.js) and this window (null: the slice's own) be shown here? What belongs to a table or a mark is the service's matter. */
export const canShow = (facts, window) => !facts.hasTables && window?.lut === undefined;

/** y of the clause for ymin 0 and ymax 1: a function of the modality value. */
export function voi(name, { center, width }) {
    if (name === 'SIGMOID') return (x) => 1 / (1 + Math.exp((-4 * (x - center)) / width));
    const [origin, span] = name === 'LINEAR' ? [center - 0.5, width - 1] : [center, width];
    return (x) => (x <= origin - span / 2 ? 0 : x > origin + span / 2 ? 1 : (x - origin) / span + 0.5);
}

/** The first of the numbers low..high for which a condition holds, when it holds for all after it; high where it holds for none. */
function firstOf(low, high, holds) {
    let [from, to] = [low, high];
    while (from < to) {
        const middle = (from + to) >> 1;
        if (holds(middle)) to = middle;
        else from = middle + 1;
    }
    return from;
}

/** The grey of each stored value as a pixel of an ImageData, 0xAABBGGRR, by its 16 bits. table: one of an earlier call for the same facts, to be used again. */
export function windowTable(facts, window, table = new Uint32Array(VALUES)) {
    const { slope, intercept, signed, inverse, padding, bitsStored } = facts;
    const y = voi(facts.voiFunction, window ?? facts.window);
    const low = signed ? -(2 ** (bitsStored - 1)) : 0;
    const end = low + 2 ** bitsStored;
    const greyOf = (stored) => {
        const grey = Math.floor(255 * y(slope * stored + intercept) + 0.5);
        return inverse ? 255 - grey : grey;
    };
    // Most of the values are beyond the window: only its ramp is reckoned value by value.
    const [first, last] = [greyOf(low), greyOf(end - 1)];
    const begin = firstOf(low, end, (stored) => greyOf(stored) !== first);
    const rest = firstOf(begin, end, (stored) => greyOf(stored) === last);
    fillGrey(table, low, begin, first);
    for (let stored = begin; stored < rest; stored++) table[stored & 0xffff] = 0xff000000 + greyOf(stored) * 0x010101;
    fillGrey(table, rest, end, last);
    if (padding) fillGrey(table, Math.max(low, padding.first), Math.min(end, padding.last + 1), 0);
    return table;
}

/** The same grey for the stored values first..end; negative ones lie in the table's upper half. */
function fillGrey(table, first, end, grey) {
    const pixel = 0xff000000 + grey * 0x010101;
    if (first < 0) table.fill(pixel, first + VALUES, Math.min(end, 0) + VALUES);
    if (end > 0) table.fill(pixel, Math.max(first, 0), end);
}

/** values: Int16Array or Uint16Array; pixels: Uint32Array over the ImageData's bytes. */
export function paint(values, table, pixels) {
    const words = new Uint16Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < words.length; i++) pixels[i] = table[words[i]];
}
