// samples.mjs - compressed images as hospitals send them, made from numbers by DCMTK's and GDCM's tools.
import fs from 'node:fs';
import path from 'node:path';
import { run } from './process.mjs';

const kinds = {
    xa: { modality: 'XA', sopClass: '1.2.840.10008.5.1.4.1.1.12.1', frames: 96, rows: 512, columns: 512, allocated: 8, stored: 8 },
    mg: { modality: 'MG', sopClass: '1.2.840.10008.5.1.4.1.1.1.2', frames: 1, rows: 3062, columns: 2394, allocated: 16, stored: 12 },
};

const smooth = (x, y, frame) => 0.5 + 0.3 * Math.sin(x * 9 + frame * 0.06) * Math.cos(y * 7) + 0.15 * Math.sin(x * 31 + y * 23);

/* Shapes that change slowly and the noise of a detector. */
function makePixels({ frames, rows, columns, allocated, stored }) {
    const values = new (allocated === 8 ? Uint8Array : Uint16Array)(frames * rows * columns);
    const top = 2 ** stored - 1;
    let noise = 1;
    let at = 0;
    for (let frame = 0; frame < frames; frame++) {
        for (let y = 0; y < rows; y++) {
            for (let x = 0; x < columns; x++) {
                noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
                values[at++] = Math.max(0, Math.min(top, Math.round(top * (0.9 * smooth(x / columns, y / rows, frame) + 0.02 * (noise / 2 ** 32 - 0.5)))));
            }
        }
    }
    return Buffer.from(values.buffer);
}

async function makeNative(work, name) {
    const kind = kinds[name];
    const raw = path.join(work, `${name}.raw`);
    const dump = path.join(work, `${name}.dump`);
    const file = path.join(work, `${name}-native.dcm`);
    fs.writeFileSync(raw, makePixels(kind));
    const frames = kind.frames > 1 ? `(0028,0008) IS [${kind.frames}]\n(0028,0009) AT (0018,1063)\n(0018,1063) DS [66]\n` : '';
    fs.writeFileSync(dump, `(0008,0016) UI [${kind.sopClass}]\n(0008,0018) UI [1.2.276.0.7230010.3.1.4.1]\n(0008,0060) CS [${kind.modality}]\n`
        + `(0010,0010) PN [BENCH^${kind.modality}]\n(0010,0020) LO [bench-${name}]\n(0020,000d) UI [1.2.276.0.7230010.3.1.2.1]\n`
        + `(0020,000e) UI [1.2.276.0.7230010.3.1.3.1]\n(0020,0013) IS [1]\n(0028,0002) US 1\n(0028,0004) CS [MONOCHROME2]\n${frames}`
        + `(0028,0010) US ${kind.rows}\n(0028,0011) US ${kind.columns}\n(0028,0100) US ${kind.allocated}\n(0028,0101) US ${kind.stored}\n`
        + `(0028,0102) US ${kind.stored - 1}\n(0028,0103) US 0\n(0028,1050) DS [${2 ** (kind.stored - 1)}]\n(0028,1051) DS [${2 ** kind.stored}]\n`
        + `(7fe0,0010) ${kind.allocated === 8 ? 'OB' : 'OW'} =${raw}\n`);
    await run('dump2dcm', ['+te', dump, file]);
    fs.rmSync(raw);
    return file;
}

/** Objects of series of their own, JPEG lossless as XA and mammography systems send: "xa", 96 frames, or "mg", 3062 x 2394. */
export async function makeSeries(work, name, copies) {
    const native = await makeNative(work, name);
    const files = [];
    for (let i = 0; i < copies; i++) {
        const file = path.join(work, `${name}-${i}.dcm`);
        if (i === 0) await run('dcmcjpeg', ['+e1', native, file]);
        else fs.copyFileSync(files[0], file);
        await run('dcmodify', ['-nb', '-gst', '-gse', '-gin', file]);
        files.push(file);
    }
    fs.rmSync(native);
    return files;
}

/** One image once as JPEG lossless and once as JPEG 2000. */
export async function compress(work, image) {
    const files = { jpeg_lossless: path.join(work, 'one-jpeg.dcm'), j2k: path.join(work, 'one-j2k.dcm') };
    await run('dcmcjpeg', ['+e1', image, files.jpeg_lossless]);
    await run('gdcmconv', ['--j2k', image, files.j2k]);
    return files;
}
