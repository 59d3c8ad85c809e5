// text_editor.js - writing beside a mark: a field on the picture. Enter ends it unless it chooses what an input method offers, Escape leaves the text
// as it was. A text has no lines of its own: what is pasted comes as one.

import { make } from '../dom.js';
import { t } from '../i18n.js';

const MAX_TEXT = 1024;
const WIDTH_PX = 240;
const EDGE_PX = 8;

const plain = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();

/** layer: over the picture area, which has the focus afterwards; point: [x, y] in it. Promises the text, null when it was given up. */
export function editText(layer, area, [x, y], text) {
    const field = make('textarea', { class: 'mark-field', rows: 1, maxlength: MAX_TEXT, 'aria-label': t('marks.text'), placeholder: t('marks.text') });
    field.value = text;
    const fit = () => {
        field.style.height = 'auto';
        field.style.height = `${field.scrollHeight + 2}px`;
    };
    field.style.left = `${Math.max(EDGE_PX, Math.min(x, area.clientWidth - WIDTH_PX - EDGE_PX))}px`;
    field.style.top = `${Math.max(EDGE_PX, Math.min(y, area.clientHeight - 48))}px`;
    for (const type of ['pointerdown', 'pointerup', 'wheel', 'dblclick', 'contextmenu'])
        field.addEventListener(type, (event) => event.stopPropagation());
    field.addEventListener('input', fit);
    layer.append(field);
    fit();
    return new Promise((resolve) => {
        let done = false;
        const end = (result, back = true) => {
            if (done) return;
            done = true;
            field.remove();
            if (back) area.focus({ preventScroll: true });
            resolve(result);
        };
        field.addEventListener('keydown', (event) => {
            event.stopPropagation();
            if (event.isComposing || event.keyCode === 229) return; // Enter and Escape belong to the input method
            if (event.key === 'Escape') end(null);
            if (event.key !== 'Enter') return;
            event.preventDefault();
            end(plain(field.value));
        });
        field.addEventListener('blur', () => end(plain(field.value), false));
        requestAnimationFrame(() => field.focus({ preventScroll: true }));
    });
}
