// small_study.mjs - a study of one image without pixels as a Part 10 file, for filling a peer: explicit little endian, nothing that needs escaping.
const UID_ROOT = '1.2.826.0.1.3680043.10.10';
const CR_CLASS = '1.2.840.10008.5.1.4.1.1.1';

function element(group, number, vr, value) {
    const padding = value.length % 2 === 0 ? '' : vr === 'UI' ? '\0' : ' ';
    const bytes = Buffer.from(value + padding, 'latin1');
    const head = Buffer.alloc(8);
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(number, 2);
    head.write(vr, 4, 'latin1');
    head.writeUInt16LE(bytes.length, 6);
    return Buffer.concat([head, bytes]);
}

function metaHeader(sopUid) {
    const version = Buffer.from([0x02, 0x00, 0x01, 0x00, 0x4f, 0x42, 0, 0, 2, 0, 0, 0, 0, 1]);
    const rest = Buffer.concat([version, element(2, 2, 'UI', CR_CLASS), element(2, 3, 'UI', sopUid), element(2, 0x10, 'UI', '1.2.840.10008.1.2.1'),
        element(2, 0x12, 'UI', UID_ROOT)]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(rest.length);
    return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.from([0x02, 0, 0, 0, 0x55, 0x4c, 4, 0]), length, rest]);
}

/** Patient B<number>, one study. */
export function smallStudy(number) {
    const study = `${UID_ROOT}.${number}`;
    const day = String(1 + number % 28).padStart(2, '0');
    return Buffer.concat([metaHeader(`${study}.1.1`),
        element(8, 0x16, 'UI', CR_CLASS), element(8, 0x18, 'UI', `${study}.1.1`), element(8, 0x20, 'DA', `202401${day}`), element(8, 0x30, 'TM', '101112'),
        element(8, 0x50, 'SH', `A${number}`), element(8, 0x60, 'CS', 'CR'), element(0x10, 0x10, 'PN', `NAME${number}^GIVEN`), element(0x10, 0x20, 'LO', `B${number}`),
        element(0x20, 0x0d, 'UI', study), element(0x20, 0x0e, 'UI', `${study}.1`), element(0x20, 0x13, 'IS', '1')]);
}
