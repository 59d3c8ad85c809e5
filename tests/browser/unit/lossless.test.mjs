// lossless.test.mjs - lossless slices undone as they arrive, against an encoder written here from the definition in docs/http-api.md.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLossless, HEADER_BYTES, LosslessReader } from '../../../viewer/web/lossless.js';

const FORMS = [
    { name: 'smooth, 12 bits', rows: 33, columns: 70, bits: 12, signed: false, value: (x, y) => (x * 20 + y * 5 + ((x * y) % 9)) & 0xfff },
    { name: 'noise, 16 bits', rows: 64, columns: 64, bits: 16, signed: false,
      value: (x, y) => (x * 40503 + y * 30011 + x * y * 977) & 0xffff },
    { name: 'noise, signed', rows: 31, columns: 17, bits: 16, signed: true, value: (x, y) => ((x * 40503 + y * 30011) & 0xffff) - 32768 },
    { name: 'extremes', rows: 17, columns: 33, bits: 16, signed: true, value: (x, y) => [-32768, 32767, 0][(x + y) % 3] },
    { name: 'a checkerboard', rows: 9, columns: 10, bits: 16, signed: false, value: (x, y) => ((x + y) % 2) * 65535 },
    ...[1, 2, 3, 4, 5, 6].flatMap((rows) =>
        [1, 2, 3, 4, 5, 6].map((columns) => ({
            name: `${columns} x ${rows}`,
            rows,
            columns,
            bits: 12,
            signed: false,
            value: (x, y) => (x * 1000 + y * 333) & 0xfff,
        })),
    ),
];

function header({ rows, columns, bits, signed }) {
    const view = new DataView(new ArrayBuffer(HEADER_BYTES));
    'KHL2'.split('').forEach((letter, i) => view.setUint8(i, letter.charCodeAt(0)));
    view.setUint16(4, rows, true);
    view.setUint16(6, columns, true);
    view.setUint8(8, bits);
    view.setUint8(9, (signed ? 1 : 0) | 2 | 4);
    view.setUint8(10, 2);
    view.setInt32(12, -2048, true);
    view.setInt32(16, -2000, true);
    [0.5, -1024, 40, 400.5].forEach((number, i) => view.setFloat64(24 + 8 * i, number, true));
    return new Uint8Array(view.buffer);
}

/** The mean of the middle two of four, rounded down. */
const middle = (...four) => {
    const sorted = four.sort((a, b) => a - b);
    return Math.floor((sorted[1] + sorted[2]) / 2);
};

function lattice4(form, at) {
    const residuals = [];
    for (let y = 0; y < form.rows; y += 4) {
        for (let x = 0; x < form.columns; x += 4) {
            const a = x > 0 ? at(y, x - 4) : 0;
            const b = y > 0 ? at(y - 4, x) : 0;
            const c = x > 0 && y > 0 ? at(y - 4, x - 4) : 0;
            let predicted = a + b - c;
            if (y === 0) predicted = a;
            else if (x === 0) predicted = b;
            else if (c >= Math.max(a, b)) predicted = Math.min(a, b);
            else if (c <= Math.min(a, b)) predicted = Math.max(a, b);
            residuals.push(at(y, x) - predicted);
        }
    }
    return residuals;
}

function level(form, at, near) {
    const { rows, columns } = form;
    const other = (index, by, size) => (index + by >= 0 && index + by < size ? index + by : index - by);
    const residuals = [];
    for (let y = near; y < rows; y += 2 * near) {
        for (let x = near; x < columns; x += 2 * near) {
            const corners = [y - near, other(y, near, rows)].flatMap((v) => [x - near, other(x, near, columns)].map((u) => at(v, u)));
            residuals.push(at(y, x) - middle(...corners));
        }
    }
    for (let y = 0; y < rows; y += near) {
        for (let x = (y / near) % 2 ? 0 : near; x < columns; x += 2 * near) {
            const beside = columns > near ? [-near, near].map((by) => at(y, other(x, by, columns))) : null;
            const aboveAndBelow = rows > near ? [-near, near].map((by) => at(other(y, by, rows), x)) : null;
            residuals.push(at(y, x) - middle(...(beside ?? aboveAndBelow), ...(aboveAndBelow ?? beside)));
        }
    }
    return residuals;
}

function parts(form) {
    const at = (y, x) => form.value(x, y);
    return [lattice4(form, at), level(form, at, 2), level(form, at, 1)];
}

function encode(form) {
    const bytes = [...header(form)];
    for (const residuals of parts(form)) {
        const folded = residuals.map((residual) => {
            const wrapped = ((residual + 32768) & 0xffff) - 32768;
            return wrapped >= 0 ? 2 * wrapped : -2 * wrapped - 1;
        });
        bytes.push(...folded.map((number) => number >> 8), ...folded.map((number) => number & 255));
    }
    return new Uint8Array(bytes);
}

const lattice = (form, step) => {
    const values = [];
    for (let y = 0; y < form.rows; y += step) for (let x = 0; x < form.columns; x += step) values.push(form.value(x, y));
    return values;
};

for (const form of FORMS) {
    test(`every value of a slice comes back: ${form.name}`, () => {
        const slice = decodeLossless(encode(form).buffer);
        assert.deepEqual([...slice.values], lattice(form, 1));
        assert.equal(slice.values.constructor, form.signed ? Int16Array : Uint16Array);
    });
}

test('the header tells how to show it', () => {
    const { values, ...facts } = decodeLossless(encode(FORMS[2]).buffer);
    assert.equal(values.length, 31 * 17);
    assert.deepEqual(facts, {
        rows: 31,
        columns: 17,
        bitsStored: 16,
        signed: true,
        padding: { first: -2048, last: -2000 },
        inverse: true,
        windowFromPixels: false,
        hasTables: false,
        voiFunction: 'SIGMOID',
        slope: 0.5,
        intercept: -1024,
        window: { center: 40, width: 400.5 },
    });
});

for (const size of [1, 7, 56, 57, 500, 1e6]) {
    test(`in pieces of ${size} bytes every fourth, every second, then every value is there`, () => {
        const form = FORMS[0];
        const bytes = encode(form);
        const steps = [];
        const reader = new LosslessReader((picture) => steps.push(picture));
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
        reader.end();
        assert.deepEqual(
            steps.map((picture) => [picture.step, picture.columns, picture.rows]),
            [
                [4, 18, 9],
                [2, 35, 17],
                [1, 70, 33],
            ],
        );
        for (const picture of steps) assert.deepEqual([...picture.values], lattice(form, picture.step));
    });
}

test('the first picture needs no more than its own part', () => {
    const form = FORMS[0];
    const bytes = encode(form);
    const first = HEADER_BYTES + 2 * 18 * 9;
    let steps = 0;
    const reader = new LosslessReader(() => steps++);
    reader.push(bytes.subarray(0, first - 1));
    assert.equal(steps, 0);
    reader.push(bytes.subarray(first - 1, first));
    assert.equal(steps, 1);
    assert.throws(() => reader.end(), /lossless slice of 380 bytes, expected 4676/);
});

const changed = (at, value) => {
    const bytes = encode(FORMS[0]);
    bytes[at] = value;
    return bytes;
};
const REFUSED = [
    ['nothing', new Uint8Array(0), /cut in its header/],
    ['a header cut by a byte', encode(FORMS[0]).subarray(0, HEADER_BYTES - 1), /cut in its header/],
    ['another form', changed(3, '1'.charCodeAt(0)), /not a lossless slice/],
    ['no rows', changed(4, 0), /lossless slice of 70 x 0/],
    ['no columns', changed(6, 0), /lossless slice of 0 x 33/],
    ['no bits', changed(8, 0), /0 bits/],
    ['17 bits', changed(8, 17), /17 bits/],
    ['an unknown VOI function', changed(10, 3), /VOI function 3/],
    ['a byte missing', encode(FORMS[0]).subarray(0, -1), /of 4675 bytes, expected 4676/],
    ['a byte too many', new Uint8Array([...encode(FORMS[0]), 0]), /more than 4676 bytes/],
    ['one more row than there is', changed(4, 34), /expected 4816/],
    ['one row less than there is', changed(4, 32), /more than 4536/],
];

for (const [name, bytes, message] of REFUSED) {
    test(`refused: ${name}`, () => {
        const reader = new LosslessReader();
        assert.throws(() => {
            reader.push(bytes);
            reader.end();
        }, message);
    });
}

test('a header that claims more than there can be takes no memory', () => {
    const bytes = header({ rows: 65535, columns: 65535, bits: 16, signed: false });
    const reader = new LosslessReader();
    assert.throws(() => reader.push(bytes), /lossless slice of 65535 x 65535/);
    assert.equal(reader.values, null);
});
