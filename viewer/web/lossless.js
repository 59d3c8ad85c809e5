// lossless.js - undoes a lossless slice (GET /tiles/.../lossless), exact to the bit: pure, no DOM. The form is told in
// docs/http-api.md: a header, then the high and the low bytes of residuals against JPEG-LS's median prediction.

const HEADER_BYTES = 56;
const MAGIC = 0x314c484b; // "KHL1"
const VOI_FUNCTIONS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'];

/** What the header says of a slice; throws when the bytes are no such slice, or not all of it. */
export function readHeader(buffer) {
    const view = new DataView(buffer);
    if (buffer.byteLength < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) throw new Error('not a lossless slice');
    const rows = view.getUint16(4, true);
    const columns = view.getUint16(6, true);
    const flags = view.getUint8(9);
    const expected = HEADER_BYTES + rows * columns * 2;
    if (buffer.byteLength !== expected) throw new Error(`lossless slice of ${buffer.byteLength} bytes, expected ${expected}`);
    return {
        rows,
        columns,
        bitsStored: view.getUint8(8),
        signed: (flags & 1) !== 0,
        padding: flags & 2 ? { first: view.getInt32(12, true), last: view.getInt32(16, true) } : null,
        inverse: (flags & 4) !== 0,
        windowFromPixels: (flags & 8) !== 0,
        hasTables: (flags & 16) !== 0, // the picture needs more than slope and window
        voiFunction: VOI_FUNCTIONS[view.getUint8(10)] ?? 'LINEAR',
        slope: view.getFloat64(24, true),
        intercept: view.getFloat64(32, true),
        window: { center: view.getFloat64(40, true), width: view.getFloat64(48, true) },
    };
}

/** buffer: the answer's body, gunzipped. The header's facts and values: Int16Array or Uint16Array, row by row. */
export function decodeLossless(buffer) {
    const facts = readHeader(buffer);
    const { rows, columns } = facts;
    const count = rows * columns;
    const high = new Uint8Array(buffer, HEADER_BYTES, count);
    const low = new Uint8Array(buffer, HEADER_BYTES + count, count);
    const values = facts.signed ? new Int16Array(count) : new Uint16Array(count); // storing wraps modulo 2^16
    let at = 0;
    for (let row = 0; row < rows; row++) {
        let left = 0;
        let aboveLeft = 0;
        for (let column = 0; column < columns; column++, at++) {
            const folded = (high[at] << 8) | low[at];
            const above = row > 0 ? values[at - columns] : 0;
            let predicted;
            if (row === 0) predicted = left;
            else if (column === 0) predicted = above;
            else if (aboveLeft >= left && aboveLeft >= above) predicted = left < above ? left : above;
            else if (aboveLeft <= left && aboveLeft <= above) predicted = left > above ? left : above;
            else predicted = left + above - aboveLeft;
            values[at] = predicted + ((folded >>> 1) ^ -(folded & 1));
            left = values[at];
            aboveLeft = above;
        }
    }
    return { ...facts, values };
}
