// resample.js - stored values at the size, place and turn in which a picture lies on the screen, so that a window can be changed there by one look-up for each
// pixel. Pure.

const inside = (value, low, high) => Math.min(high, Math.max(low, value));

/** Of each of `count` pixels from `from` on, of `length` on which `size` values lie: where its values begin, and how much of each is in it (a triangle;
 *  where values are many to a pixel, over all of them). crisp: the nearest alone. mirrored: the last value comes first. */
export function tapsOf({ size, length, from = 0, count = length, mirrored = false, crisp = false }) {
    const step = size / length;
    const reach = Math.max(1, step);
    const taps = crisp ? 1 : Math.min(size, Math.ceil(2 * reach));
    const starts = new Int32Array(count);
    const weights = new Float32Array(count * taps).fill(1);
    for (let i = 0; i < count; i++) {
        const straight = (from + i + 0.5) * step;
        const at = mirrored ? size - straight : straight;
        const first = crisp ? Math.floor(at) : Math.ceil(at - reach - 0.5);
        starts[i] = inside(first, 0, size - taps);
        if (crisp) continue;
        let sum = 0;
        for (let t = 0; t < taps; t++) sum += weights[i * taps + t] = Math.max(0, 1 - Math.abs(starts[i] + t + 0.5 - at) / reach);
        for (let t = 0; t < taps; t++) weights[i * taps + t] /= sum;
    }
    return { starts, weights, taps, count };
}

/** Rows first..end of the values, each made as long as `along` says. */
function alongRows(values, columns, first, end, { starts, weights, taps, count }) {
    const out = new Float32Array((end - first) * count);
    for (let row = first, o = 0; row < end; row++) {
        const begin = row * columns;
        for (let i = 0, w = 0; i < count; i++, o++) {
            let sum = 0;
            for (let at = begin + starts[i], last = at + taps; at < last; at++, w++) sum += weights[w] * values[at];
            out[o] = sum;
        }
    }
    return out;
}

/** values: row by row, `columns` of them in each. across, down: tapsOf() the picture's pixels; turned: rows of values are columns of the picture. Gives
 *  across.count * down.count values of the same kind. */
export function resample(values, columns, across, down, turned) {
    const [along, over] = turned ? [down, across] : [across, down];
    const first = Math.min(...over.starts);
    const end = Math.max(...over.starts) + over.taps;
    const lines = alongRows(values, columns, first, end, along);
    const out = new values.constructor(across.count * down.count);
    const [byLine, byPoint] = turned ? [1, across.count] : [across.count, 1];
    const { starts, weights, taps } = over;
    for (let line = 0; line < over.count; line++) {
        const begin = (starts[line] - first) * along.count;
        for (let point = 0, o = line * byLine; point < along.count; point++, o += byPoint) {
            let sum = 0;
            for (let t = 0, at = begin + point, w = line * taps; t < taps; t++, at += along.count) sum += weights[w + t] * lines[at];
            out[o] = Math.floor(sum + 0.5);
        }
    }
    return out;
}
