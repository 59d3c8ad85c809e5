// objects.mjs - DICOM objects made for a test by DCMTK's dump2dcm from lines as dcmdump prints them, and pictures read back by DCMTK.
import fs from 'node:fs';
import path from 'node:path';
import { must, temporaryFolder } from './service.mjs';

let folder;
let count = 0;
const place = (name) => {
    folder ??= temporaryFolder('kh-objects');
    return path.join(folder, name);
};

/** A file with these bytes: {path} for a dump line, as in `(7fe0,0010) OW =${bytes(...)}`. */
export function bytesFile(bytes, extension = 'raw') {
    const file = place(`bytes-${++count}.${extension}`);
    fs.writeFileSync(file, bytes);
    return file;
}

/** An object of its own study and series, unless lines tell them: {file, uid}. lines: dump lines of all that makes the picture; syntax: DCMTK's name of it. */
export async function makeObject(lines, { syntax = 'LittleEndianExplicit', modality = 'CT' } = {}) {
    const uid = `1.2.392.200036.9999.88.${process.pid}.${++count}`;
    const file = place(`object-${count}.dcm`);
    const dump = place(`object-${count}.dump`);
    const own = [
        `(0002,0010) UI =${syntax}`, '(0008,0016) UI =CTImageStorage', `(0008,0018) UI [${uid}]`, `(0008,0060) CS [${modality}]`,
        '(0010,0020) LO [TEST]', `(0020,000d) UI [${uid}.1]`, `(0020,000e) UI [${uid}.2]`, '(0020,0013) IS [1]'];
    const told = new Set(lines.map((line) => line.slice(0, 11))); // dump2dcm keeps the first of two
    fs.writeFileSync(dump, [...own.filter((line) => !told.has(line.slice(0, 11))), ...lines, ''].join('\n'));
    await must('dump2dcm', ['-q', dump, file]);
    return { file, uid };
}

/** The lines of a grey image. */
export const grey = ({ rows, columns, allocated = 16, stored = 12, high = stored - 1, signed = 0, photometric = 'MONOCHROME2' }) => [
    '(0028,0002) US 1', `(0028,0004) CS [${photometric}]`, `(0028,0010) US ${rows}`, `(0028,0011) US ${columns}`,
    `(0028,0100) US ${allocated}`, `(0028,0101) US ${stored}`, `(0028,0102) US ${high}`, `(0028,0103) US ${signed}`];

/** The lines of encapsulated frames, a fragment each. */
export const fragments = (frames) => [
    `(7fe0,0010) OB (PixelSequence #=${frames.length + 1})`, '(fffe,e000) pi (no value available)',
    ...frames.map((frame) => `(fffe,e000) pi =${bytesFile(frame)}`), '(fffe,e0dd) na'];

/** A sequence of items, each a list of lines. */
export const sequence = (tag, items) => [`${tag} SQ`, ...items.flatMap((item) => ['(fffe,e000) na', ...item, '(fffe,e00d) na']), '(fffe,e0dd) na'];

/** Little-endian words. */
export function words(values) {
    const bytes = Buffer.alloc(values.length * 2);
    values.forEach((value, index) => bytes.writeUInt16LE(value & 0xffff, index * 2));
    return bytes;
}

/** {width, height, channels, pixels} of a JPEG, decoded by DCMTK. */
export async function jpegPixels(jpeg) {
    const file = bytesFile(jpeg, 'jpg');
    await must('img2dcm', ['-q', file, `${file}.dcm`]);
    await must('dcmj2pnm', ['-q', '+op', `${file}.dcm`, `${file}.pnm`]);
    const pnm = fs.readFileSync(`${file}.pnm`);
    const [header, kind, width, height] = /^P([56])\s+(\d+)\s+(\d+)\s+255\s/.exec(pnm.subarray(0, 64).toString('latin1'));
    return { width: Number(width), height: Number(height), channels: kind === '6' ? 3 : 1, pixels: pnm.subarray(header.length) };
}

/** What a running service has of an object: {series, object, slices} of its stack, and the address of a frame's tile. */
export async function stackOf(service, uid) {
    for (const study of await service.studies()) {
        for (const series of (await service.json(`/api/studies/${study.id}`)).series_list) {
            const stack = await service.json(`/api/series/${series.id}/stack`);
            const object = stack.objects.find((one) => one.sop_uid === uid);
            if (!object) continue;
            const frame = (number) => `/tiles/${series.id}/${object.id}-${number}`;
            return { stack, object, slices: stack.slices, tile: (number = 0, query = '') => `${frame(number)}/0/0/0.jpg${query}`, lossless: (number = 0) => `${frame(number)}/lossless` };
        }
    }
    throw new Error(`no object ${uid}`);
}
