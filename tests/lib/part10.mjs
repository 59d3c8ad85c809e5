// part10.mjs - Part 10 files written byte by byte, also wrong ones that no tool would write: explicit VR little endian, even lengths are the
// caller's matter.

const LONG = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);

/** Numbers as the VR has them, texts padded to an even length. */
function valueBytes(vr, value) {
    if (Buffer.isBuffer(value)) return value;
    if (typeof value === 'string') return Buffer.from(value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' '), 'latin1');
    const numbers = [value].flat();
    const size = { US: 2, SS: 2, UL: 4, SL: 4 }[vr];
    const bytes = Buffer.alloc(numbers.length * size);
    numbers.forEach((number, i) => (size === 2 ? bytes.writeUInt16LE(number & 0xffff, 2 * i) : bytes.writeUInt32LE(number >>> 0, 4 * i)));
    return bytes;
}

/** One element; length: what it says of its length, when that is not so. */
export function element(tag, vr, value = '', { length } = {}) {
    const bytes = valueBytes(vr, value);
    const head = Buffer.alloc(LONG.has(vr) ? 12 : 8);
    head.writeUInt16LE(tag >>> 16, 0);
    head.writeUInt16LE(tag & 0xffff, 2);
    head.write(vr, 4, 'latin1');
    if (LONG.has(vr)) head.writeUInt32LE(length ?? bytes.length, 8);
    else head.writeUInt16LE(length ?? bytes.length, 6);
    return Buffer.concat([head, bytes]);
}

/** The elements of a group 2 and a preamble before a data set. */
export function part10(dataset, { uid, syntax = '1.2.840.10008.1.2.1', sopClass = '1.2.840.10008.5.1.4.1.1.7', groupLength } = {}) {
    const meta = Buffer.concat([
        element(0x00020001, 'OB', Buffer.from([0, 1])), element(0x00020002, 'UI', sopClass), element(0x00020003, 'UI', uid),
        element(0x00020010, 'UI', syntax), element(0x00020012, 'UI', '1.2.3')]);
    return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), element(0x00020000, 'UL', groupLength ?? meta.length), meta, dataset]);
}

let count = 0;
/** An instance of its own study and series: {uid, study, series, bytes}. elements: [tag, element] in any order over those of a small grey
 *  picture of 8 x 8 words; null leaves one out. */
export function instance(elements = [], { syntax, change = (dataset) => dataset, sopClass = '1.2.840.10008.5.1.4.1.1.7' } = {}) {
    const uid = `1.2.392.200036.9999.89.${process.pid}.${++count}`;
    const all = new Map([
        [0x00080016, element(0x00080016, 'UI', sopClass)], [0x00080018, element(0x00080018, 'UI', uid)],
        [0x00080060, element(0x00080060, 'CS', 'OT')], [0x00100010, element(0x00100010, 'PN', 'Hostile^Test')],
        [0x00100020, element(0x00100020, 'LO', 'HOSTILE')], [0x0020000d, element(0x0020000d, 'UI', `${uid}.1`)],
        [0x0020000e, element(0x0020000e, 'UI', `${uid}.2`)], [0x00200013, element(0x00200013, 'IS', '1')],
        [0x00280002, element(0x00280002, 'US', 1)], [0x00280004, element(0x00280004, 'CS', 'MONOCHROME2')],
        [0x00280010, element(0x00280010, 'US', 8)], [0x00280011, element(0x00280011, 'US', 8)],
        [0x00280100, element(0x00280100, 'US', 16)], [0x00280101, element(0x00280101, 'US', 16)],
        [0x00280102, element(0x00280102, 'US', 15)], [0x00280103, element(0x00280103, 'US', 0)],
        [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(128, 7))]]);
    for (const [tag, bytes] of elements) if (bytes) all.set(tag, bytes); else all.delete(tag);
    const dataset = Buffer.concat([...all].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
    return { uid, study: `${uid}.1`, series: `${uid}.2`, bytes: part10(change(dataset), { uid, syntax, sopClass }) };
}

/** Encapsulated pixel data: an empty offset table and a fragment for each. */
export function encapsulated(fragments) {
    const item = (bytes) => {
        const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
        const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
        head.writeUInt32LE(even.length, 4);
        return Buffer.concat([head, even]);
    };
    const end = Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    return element(0x7fe00010, 'OB', Buffer.concat([item(Buffer.alloc(0)), ...fragments.map(item), end]), { length: 0xffffffff });
}
