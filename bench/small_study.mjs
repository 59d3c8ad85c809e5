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

function metaHeader(sopUid, sopClass = CR_CLASS) {
    const version = Buffer.from([0x02, 0x00, 0x01, 0x00, 0x4f, 0x42, 0, 0, 2, 0, 0, 0, 0, 1]);
    const rest = Buffer.concat([version, element(2, 2, 'UI', sopClass), element(2, 3, 'UI', sopUid), element(2, 0x10, 'UI', '1.2.840.10008.1.2.1'),
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

/* What an image of a CT says beside its identifiers: some forty attributes, as scanners send them. */
const ofScanner = [
    [8, 8, 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'], [8, 0x20, 'DA', '20240115'], [8, 0x21, 'DA', '20240115'], [8, 0x22, 'DA', '20240115'], [8, 0x23, 'DA', '20240115'],
    [8, 0x30, 'TM', '101112'], [8, 0x31, 'TM', '101213'], [8, 0x32, 'TM', '101314.25'], [8, 0x33, 'TM', '101315'], [8, 0x50, 'SH', 'A0000012345'], [8, 0x60, 'CS', 'CT'],
    [8, 0x70, 'LO', 'A MANUFACTURER'], [8, 0x80, 'LO', 'A HOSPITAL'], [8, 0x90, 'PN', 'REFERRING^DOCTOR'], [8, 0x1010, 'SH', 'CT01'], [8, 0x1030, 'LO', 'CHEST'],
    [8, 0x103e, 'LO', 'CHEST 1.0 LUNG'], [8, 0x1090, 'LO', 'MODEL 64'], [0x10, 0x10, 'PN', 'BENCH^PATIENT'], [0x10, 0x20, 'LO', 'BENCH1'], [0x10, 0x30, 'DA', '19600101'],
    [0x10, 0x40, 'CS', 'F'], [0x10, 0x1010, 'AS', '064Y'], [0x18, 0x15, 'CS', 'CHEST'], [0x18, 0x50, 'DS', '1.0'], [0x18, 0x60, 'DS', '120'], [0x18, 0x90, 'DS', '500'],
    [0x18, 0x1020, 'LO', 'V1.2.3'], [0x18, 0x1030, 'LO', 'CHEST ROUTINE'], [0x18, 0x1100, 'DS', '350'], [0x18, 0x1120, 'DS', '0'], [0x18, 0x1150, 'IS', '500'],
    [0x18, 0x1151, 'IS', '220'], [0x18, 0x1152, 'IS', '110'], [0x18, 0x1210, 'SH', 'B60f'], [0x18, 0x5100, 'CS', 'HFS']];

function word(group, number, value) {
    const bytes = Buffer.alloc(10);
    bytes.writeUInt16LE(group, 0);
    bytes.writeUInt16LE(number, 2);
    bytes.write('US', 4, 'latin1');
    bytes.writeUInt16LE(2, 6);
    bytes.writeUInt16LE(value, 8);
    return bytes;
}

/** Image `number` of series `series` of one study of its own: 8 x 8 of 16 bits. */
export function smallImage(series, number) {
    const study = `${UID_ROOT}.7.${series}`, sop = `${study}.1.${number}`, CT_CLASS = '1.2.840.10008.5.1.4.1.1.2';
    const pixels = Buffer.alloc(12 + 128);
    pixels.writeUInt16LE(0x7fe0, 0);
    pixels.writeUInt16LE(0x10, 2);
    pixels.write('OW', 4, 'latin1');
    pixels.writeUInt32LE(128, 8);
    const elements = [...ofScanner, [8, 0x16, 'UI', CT_CLASS], [8, 0x18, 'UI', sop], [0x20, 0x0d, 'UI', study], [0x20, 0x0e, 'UI', `${study}.1`], [0x20, 0x10, 'SH', '1'],
        [0x20, 0x11, 'IS', '3'], [0x20, 0x13, 'IS', String(number)], [0x20, 0x32, 'DS', `-175.0\\-175.0\\${number}.5`], [0x20, 0x37, 'DS', '1\\0\\0\\0\\1\\0'],
        [0x20, 0x52, 'UI', `${study}.2`], [0x20, 0x1041, 'DS', `${number}.5`], [0x28, 0x30, 'DS', '0.684\\0.684'], [0x28, 0x1050, 'DS', '-600'], [0x28, 0x1051, 'DS', '1500'],
        [0x28, 0x1052, 'DS', '-1024'], [0x28, 0x1053, 'DS', '1'], [0x28, 4, 'CS', 'MONOCHROME2']]
        .map(([group, at, vr, value]) => ({ order: group * 65536 + at, bytes: element(group, at, vr, value) }));
    for (const [at, value] of [[2, 1], [0x10, 8], [0x11, 8], [0x100, 16], [0x101, 12], [0x102, 11], [0x103, 0]])
        elements.push({ order: 0x28 * 65536 + at, bytes: word(0x28, at, value) });
    elements.sort((a, b) => a.order - b.order);
    return Buffer.concat([metaHeader(sop, CT_CLASS), ...elements.map(({ bytes }) => bytes), pixels]);
}
