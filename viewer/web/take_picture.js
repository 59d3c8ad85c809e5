// take_picture.js - a picture for the clipboard, a file or the printer: the service makes it, with words that say whose it is, and records what it is for.

import { takenPicture } from './api.js';
import { icon, loadStyles, make, setText } from './dom.js';
import { failureText, language, loadWords, t } from './i18n.js';

const PURPOSES = ['care', 'explanation', 'conference'];
const canCopy = () => Boolean(globalThis.ClipboardItem && navigator.clipboard?.write); // a page of plain HTTP may not

/** What is on the screen of a stage, as the service is asked for it; null when nothing is. */
function asked(stage) {
    const slice = stage.stack?.slice();
    if (!slice || stage.stack.object().problem) return null;
    const own = stage.window?.lut === undefined && !stage.applied ? stage.currentWindow() : stage.window;
    return { series: stage.series.id, object: stage.stack.object().id, frame: slice.frame, window: own, invert: stage.invert, look: stage.look(stage.stack.index) };
}

const fileName = ({ series, object, frame }) => `kakehashi-${series}-${object}-${frame + 1}.png`;

function save(blob, name) {
    const url = URL.createObjectURL(blob);
    make('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** The sheet is in the page only while it is printed. */
async function print(blob) {
    const url = URL.createObjectURL(blob);
    const picture = make('img', { alt: '', src: url });
    const sheet = make('div', { class: 'print-sheet' }, picture);
    document.body.append(sheet);
    await picture.decode();
    globalThis.print();
    sheet.remove();
    URL.revokeObjectURL(url);
}

class Dialog {
    /** marks: {shown, burn(blob)} of the picture; null when nothing is drawn on it. */
    constructor(what, marks) {
        this.what = what;
        this.marks = marks;
        this.withMarks = marks && make('input', { type: 'checkbox', name: 'marks', checked: marks.shown });
        this.note = make('p', { class: 'form-problem', role: 'alert' });
        this.done = make('p', { class: 'soft', role: 'status' });
        const close = make('button', { type: 'button', class: 'tool', 'aria-label': t('action.close'), onclick: () => this.element.close() }, icon('close'));
        this.buttons = ['copy', 'save', 'print'].filter((way) => way !== 'copy' || canCopy()).map((way) => this.#button(way));
        this.element = make(
            'dialog',
            { class: 'take', 'aria-label': t('take.title') },
            make('header', {}, make('h2', {}, t('take.title')), close),
            make('p', { class: 'soft' }, t('take.text')),
            make('fieldset', {}, make('legend', {}, t('take.purpose')), PURPOSES.map((purpose) => this.#purpose(purpose))),
            marks && make('label', {}, this.withMarks, t('take.marks')),
            make('div', { class: 'form-acts' }, this.buttons),
            this.note,
            this.done,
        );
        this.element.addEventListener('keydown', (event) => event.stopPropagation());
        this.element.addEventListener('close', () => this.element.remove());
        document.body.append(this.element);
        this.element.showModal();
    }

    #purpose(purpose) {
        const choose = () => {
            this.purpose = purpose;
            for (const button of this.buttons) button.disabled = false;
        };
        return make('label', {}, make('input', { type: 'radio', name: 'purpose', value: purpose, autofocus: purpose === PURPOSES[0], onchange: choose }), t(`take.${purpose}`));
    }

    #button(way) {
        return make('button', { type: 'button', class: 'button', disabled: true, dataset: { way }, onclick: () => this.#go(way) }, icon(way, 'icon small'), t(`take.${way}`));
    }

    async #go(way) {
        setText(this.note, '');
        setText(this.done, t('take.making'));
        const given = takenPicture({ ...this.what, purpose: this.purpose, language: language() });
        const picture = this.withMarks?.checked ? given.then((blob) => this.marks.burn(blob)) : given;
        try {
            // a browser lets a page write to the clipboard only at once after a press: it is given the promise
            if (way === 'copy') await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
            if (way === 'save') save(await picture, fileName(this.what));
            if (way === 'print') await print(await picture);
            setText(this.done, t(`take.done.${way}`));
        } catch (error) {
            setText(this.done, '');
            const failure = await picture.then(() => error, (why) => why);
            setText(this.note, failure.status === 404 ? t('take.notAllowed') : failureText(failure));
        }
    }
}

/** Ask what the picture of this stage is for, and give it. */
export async function takePicture(stage) {
    const what = asked(stage);
    if (!what) return;
    const marks = stage.layers.find((layer) => layer.taken)?.taken() ?? null;
    await Promise.all([loadStyles('take'), loadWords('take')]);
    new Dialog(what, marks);
}
