// presets.js - named windows a reader can pick. Pure.

import { isColour } from './stack_model.js';
import { same } from './window_level.js';

/** CT windows in Hounsfield units; `key` is the digit that picks it. */
export const CT_PRESETS = [
    { key: '1', name: 'preset.abdomen', center: 40, width: 400 },
    { key: '2', name: 'preset.lung', center: -600, width: 1500 },
    { key: '3', name: 'preset.mediastinum', center: 40, width: 350 },
    { key: '4', name: 'preset.bone', center: 400, width: 1800 },
    { key: '5', name: 'preset.brain', center: 40, width: 80 },
];

const MAX_FILE_WINDOWS = 8;
const FIRST_FILE_KEY = 6;
const LAST_KEY = 9;

/** True when pixel values are Hounsfield units, so that CT windows mean something. */
export const isHounsfield = (modality, object) =>
    modality === 'CT' && (!object || object.rescale_type === '' || object.rescale_type === 'HU');

/** Scanners write one window several times: one of each is enough. */
const distinct = (windows) =>
    windows.filter((window, index) => windows.findIndex((other) => same(other, window)) === index);

/** What the menu offers for a slice: [{key, name | text, window}]; window null is "as the file says", one with a `lut` a table of the
 *  file. Colour has no window. own: a person's presets by modality, [{label, center, width}], in place of ours. */
export function presetsFor(modality, object, slice, own = undefined) {
    if (!object || isColour(object)) return [];
    const list = [{ key: '0', name: 'preset.default', window: null }];
    const kept = own?.[modality];
    if (Array.isArray(kept)) {
        for (const [at, { label, center, width }] of kept.slice(0, LAST_KEY).entries())
            list.push({ key: String(at + 1), label, window: { center, width } });
    } else if (isHounsfield(modality, object)) {
        for (const { key, name, center, width } of CT_PRESETS) list.push({ key, name, window: { center, width } });
    }
    const first = Math.max(FIRST_FILE_KEY, Array.isArray(kept) ? kept.length + 1 : 0);
    const files = distinct(slice?.windows || []).slice(0, MAX_FILE_WINDOWS);
    files.forEach((window, index) => {
        const { center, width, lut, explanation = '' } = window;
        list.push({
            key: first + index <= LAST_KEY ? String(first + index) : '',
            name: lut === undefined ? 'preset.file' : 'preset.fileTable',
            text: explanation,
            window: lut === undefined ? { center, width } : { center, width, lut, explanation },
        });
    });
    return list;
}
