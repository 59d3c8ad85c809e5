// states.mjs - presentation states for tests: made of an image by DCMTK's dcmpsmk, changed in dumps; DCMTK's own picture of them by dcmp2pgm.
import fs from 'node:fs';
import path from 'node:path';
import { must, temporaryFolder } from './service.mjs';

let folder;
let count = 0;
const place = (name) => path.join((folder ??= temporaryFolder('kh-states')), name);

/** Elements of a file taken away by their tags "(gggg,eeee)", others put in as dump lines in place of what they are of. */
export async function changeObject(file, lines, gone = []) {
    const { out } = await must('dcmdump', ['-q', '+L', file]);
    const tags = new Set(gone);
    let depth = 0;
    for (const line of lines) {
        if (line.startsWith('(fffe,e0dd)')) depth--;
        else if (depth === 0) tags.add(line.slice(0, 11));
        if (line.endsWith(' SQ')) depth++;
    }
    const kept = [];
    let skipping = false;
    for (const line of out.split('\n')) {
        if (/^\((?!fffe)/.test(line)) skipping = tags.has(line.slice(0, 11)) || /^\(0002,00(0[0-3]|12|13)/.test(line);
        if (!skipping && /^\s*\(/.test(line)) kept.push(line);
    }
    fs.writeFileSync(`${file}.dump`, [...kept, ...lines, ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
}

/** A state of the image as DCMTK makes it, changed: its file. */
export async function makeState(image, lines = [], gone = []) {
    const file = place(`state-${++count}.dcm`);
    await must('dcmpsmk', ['-q', image, file]);
    if (lines.length > 0 || gone.length > 0) await changeObject(file, lines, gone);
    return file;
}

/** What DCMTK makes of an image and a state of it: {width, height, pixels}. Its grey transforms; shutters, overlays and turns it leaves to its viewer. */
export async function dcmtkPicture(image, state) {
    const file = place(`picture-${++count}.pgm`);
    await must('dcmp2pgm', ['-q', '-p', state, image, file]);
    const bytes = fs.readFileSync(file);
    const [header, width, height] = /^P5\s+(?:#[^\n]*\n)?\s*(\d+)\s+(\d+)\s+255\s/.exec(bytes.subarray(0, 128).toString('latin1'));
    return { width: Number(width), height: Number(height), pixels: bytes.subarray(header.length) };
}
