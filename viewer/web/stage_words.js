// stage_words.js - what a picture area says of itself: its state for style sheets and readers of screens, that a slice is waited for, that it cannot be shown.

import { setText } from './dom.js';
import { t } from './i18n.js';

const LOADING_MARK_AFTER_MS = 150;

export class StageWords {
    #timer = 0;

    constructor(stage) {
        this.stage = stage;
    }

    stop() {
        clearTimeout(this.#timer);
    }

    /** After every change. Only of a stage with a stack. */
    tell() {
        const { area, shown, stack, draft } = this.stage;
        const waiting = stack.size > 0 && !(shown?.index === stack.index && (shown.problem || shown.exact || draft));
        area.dataset.state = shown?.problem ? 'problem' : waiting ? 'loading' : shown ? 'ready' : 'empty';
        area.dataset.slice = shown ? String(shown.index + 1) : '';
        area.dataset.step = shown?.step ?? '';
        area.setAttribute('aria-label', t('overlay.image', { n: stack.index + 1, all: stack.size }));
        this.#tellLoading(waiting && shown?.index !== stack.index);
        this.#tellProblem(shown ?? {});
    }

    /** A mark only when waiting lasts: at the speed of reading it would flicker. */
    #tellLoading(waiting) {
        const { loading, loadingText, stack } = this.stage;
        if (!waiting) {
            clearTimeout(this.#timer);
            this.#timer = 0;
            loading.hidden = true;
            return;
        }
        setText(loadingText, t('viewer.loading', { n: stack.index + 1 }));
        if (!this.#timer) this.#timer = setTimeout(() => (loading.hidden = false), LOADING_MARK_AFTER_MS);
    }

    #tellProblem({ problem: why, gone, video }) {
        const { problem, problemTitle, problemText } = this.stage;
        problem.hidden = !why;
        if (!why) return;
        setText(problemTitle, t(video ? 'problem.video' : gone ? 'problem.gone' : 'problem.title'));
        setText(problemText, video ? t('problem.videoText') : why);
    }
}
