// lossless.js - undoes a lossless slice (GET /tiles/.../lossless), exact to the bit, as its bytes arrive: pure, no DOM. The form is told
// in docs/http-api.md: a header, then three parts, each the high and then the low bytes of residuals. With them every fourth, every
// second and every value of rows and columns is known.

export const HEADER_BYTES = 56;
const MAGIC = 0x324c484b; // "KHL2"
const PIXELS_MAX = 67108864;
const VOI_FUNCTIONS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'];

const STEPS = [4, 2, 1]; // between the values known after each part

/** Values whose row and column are both multiples of step. */
const latticeCount = ({ rows, columns }, step) => Math.ceil(rows / step) * Math.ceil(columns / step);

const unfold = (high, low) => {
    const folded = (high << 8) | low;
    return (folded >>> 1) ^ -(folded & 1);
};

/** What the header says of a slice; throws when the bytes begin no such slice. */
export function readHeader(bytes) {
    if (bytes.length < HEADER_BYTES) throw new Error(`lossless slice cut in its header, after ${bytes.length} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
    if (view.getUint32(0, true) !== MAGIC) throw new Error('not a lossless slice');
    const rows = view.getUint16(4, true);
    const columns = view.getUint16(6, true);
    const bitsStored = view.getUint8(8);
    const flags = view.getUint8(9);
    const voiFunction = VOI_FUNCTIONS[view.getUint8(10)];
    if (rows < 1 || columns < 1 || rows * columns > PIXELS_MAX) throw new Error(`lossless slice of ${columns} x ${rows}`);
    if (bitsStored < 1 || bitsStored > 16) throw new Error(`lossless slice of ${bitsStored} bits, expected 1 to 16`);
    if (!voiFunction) throw new Error(`VOI function ${view.getUint8(10)}, expected 0 to 2`);
    return {
        rows,
        columns,
        bitsStored,
        signed: (flags & 1) !== 0,
        padding: flags & 2 ? { first: view.getInt32(12, true), last: view.getInt32(16, true) } : null,
        inverse: (flags & 4) !== 0,
        windowFromPixels: (flags & 8) !== 0,
        hasTables: (flags & 16) !== 0, // the picture needs more than slope and window
        voiFunction,
        slope: view.getFloat64(24, true),
        intercept: view.getFloat64(32, true),
        window: { center: view.getFloat64(40, true), width: view.getFloat64(48, true) },
    };
}

/** Every fourth value, by JPEG-LS's median of left, above and above left. */
function undoLattice(values, { rows, columns }, high, low) {
    const step = STEPS[0];
    const up = step * columns;
    let i = 0;
    for (let row = 0; row < rows; row += step) {
        let left = 0;
        let aboveLeft = 0;
        for (let column = 0, at = row * columns; column < columns; column += step, i++, at += step) {
            const above = row > 0 ? values[at - up] : 0;
            let predicted;
            if (row === 0) predicted = left;
            else if (column === 0) predicted = above;
            else if (aboveLeft >= left && aboveLeft >= above) predicted = left < above ? left : above;
            else if (aboveLeft <= left && aboveLeft <= above) predicted = left > above ? left : above;
            else predicted = left + above - aboveLeft;
            values[at] = predicted + unfold(high[i], low[i]); // storing wraps modulo 2^16
            left = values[at];
            aboveLeft = above;
        }
    }
}

/** floor(half the sum of the middle two). */
function middle(a, b, c, d) {
    const lowAb = a < b ? a : b;
    const highAb = a < b ? b : a;
    const lowCd = c < d ? c : d;
    const highCd = c < d ? d : c;
    return ((lowAb > lowCd ? lowAb : lowCd) + (highAb < highCd ? highAb : highCd)) >> 1;
}

/** One row of those values that lie in the middle of four of the lattice before (diagonal), or between them: every 2 * near-th from first
 *  on. i: number of its first residual. Returns that of the next row. */
function undoRow(values, { rows, columns }, row, near, diagonal, high, low, i) {
    const first = diagonal || (row / near) % 2 === 0 ? near : 0;
    const up = (row >= near ? -near : near) * columns;
    const down = (row + near < rows ? near : -near) * columns;
    const flat = rows <= near; // nothing above or below: those to the left and right stand for them
    const step = 2 * near;
    let column = first;
    let at = row * columns + first;
    const atEdge = () => {
        const left = columns <= near ? up : column >= near ? -near : near; // alone in its row: the other way round
        const right = columns <= near ? down : column + near < columns ? near : -near;
        const four = diagonal ? [up + left, up + right, down + left, down + right] : [flat ? left : up, flat ? right : down, left, right];
        values[at] = middle(...four.map((by) => values[at + by])) + unfold(high[i], low[i]);
        i++;
        column += step;
        at += step;
    };
    if (column < near && column < columns) atEdge();
    const [a, b, c, d] = diagonal
        ? [at + up - near, at + up + near, at + down - near, at + down + near]
        : [flat ? at - near : at + up, flat ? at + near : at + down, at - near, at + near];
    const inside = Math.max(0, Math.ceil((columns - near - column) / step)); // values with neighbours on all sides
    for (let n = 0, by = 0; n < inside; n++, by += step, i++) {
        const predicted = middle(values[a + by], values[b + by], values[c + by], values[d + by]);
        values[at + by] = predicted + unfold(high[i], low[i]);
    }
    column += inside * step;
    at += inside * step;
    if (column < columns) atEdge();
    return i;
}

/** From every 2 * near-th value of rows and columns to every near-th. */
function undoLevel(values, facts, near, high, low) {
    let i = 0;
    for (let row = near; row < facts.rows; row += 2 * near) i = undoRow(values, facts, row, near, true, high, low, i);
    for (let row = 0; row < facts.rows; row += near) i = undoRow(values, facts, row, near, false, high, low, i);
}

/** A slice that arrives in pieces. onStep({step, rows, columns, values}) is called when a picture of every 4th, then of every 2nd value of
 *  a row and of the rows is whole; {step: 1} is the slice itself. */
export class LosslessReader {
    #onStep;
    #bytes = new Uint8Array(HEADER_BYTES);
    #length = 0;
    #next = 0; // part
    #begin = HEADER_BYTES; // of the next part

    constructor(onStep = () => {}) {
        this.#onStep = onStep;
        this.facts = null; // what the header says, once it is here
        this.values = null; // Int16Array or Uint16Array, row by row; those not yet come are 0
    }

    /** The answer's next bytes, gunzipped. Throws when they are not, or no longer, those of a slice. */
    push(chunk) {
        let rest = chunk;
        if (!this.facts) {
            const head = rest.subarray(0, HEADER_BYTES - this.#length);
            this.#bytes.set(head, this.#length);
            this.#length += head.length;
            rest = rest.subarray(head.length);
            if (this.#length < HEADER_BYTES) return;
            this.#prepare();
        }
        if (this.#length + rest.length > this.#bytes.length) {
            throw new Error(`lossless slice of more than ${this.#bytes.length} bytes`);
        }
        this.#bytes.set(rest, this.#length);
        this.#length += rest.length;
        while (this.#next < STEPS.length && this.#undoNext());
    }

    /** After the last bytes: the header's facts and values. Throws when some are missing. */
    end() {
        if (!this.facts) throw new Error(`lossless slice cut in its header, after ${this.#length} bytes`);
        if (this.#next < STEPS.length) {
            throw new Error(`lossless slice of ${this.#length} bytes, expected ${this.#bytes.length}`);
        }
        return { ...this.facts, values: this.values };
    }

    #prepare() {
        this.facts = readHeader(this.#bytes);
        const count = this.facts.rows * this.facts.columns;
        const bytes = new Uint8Array(HEADER_BYTES + 2 * count);
        bytes.set(this.#bytes);
        this.#bytes = bytes;
        this.values = this.facts.signed ? new Int16Array(count) : new Uint16Array(count);
    }

    /** Undo the next part if it is here. */
    #undoNext() {
        const step = STEPS[this.#next];
        const known = this.#next > 0 ? latticeCount(this.facts, 2 * step) : 0;
        const count = latticeCount(this.facts, step) - known;
        const end = this.#begin + 2 * count;
        if (this.#length < end) return false;
        const high = this.#bytes.subarray(this.#begin, this.#begin + count);
        const low = this.#bytes.subarray(this.#begin + count, end);
        if (this.#next === 0) undoLattice(this.values, this.facts, high, low);
        else undoLevel(this.values, this.facts, step, high, low);
        this.#begin = end;
        this.#next++;
        this.#onStep(this.#picture(step));
        return true;
    }

    #picture(step) {
        const { rows, columns } = this.facts;
        if (step === 1) return { step, rows, columns, values: this.values };
        const picture = { step, rows: Math.ceil(rows / step), columns: Math.ceil(columns / step) };
        const values = new this.values.constructor(picture.rows * picture.columns);
        for (let row = 0, i = 0; row < picture.rows; row++) {
            for (let at = row * step * columns, column = 0; column < picture.columns; column++, i++, at += step) {
                values[i] = this.values[at];
            }
        }
        return { ...picture, values };
    }
}

/** buffer: the answer's whole body, gunzipped. The header's facts and values. */
export function decodeLossless(buffer) {
    const reader = new LosslessReader();
    reader.push(new Uint8Array(buffer));
    return reader.end();
}
