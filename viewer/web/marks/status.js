// status.js - says discreetly what of the marks is not saved, and what became of one that was changed in two places.

import { make, setText } from '../dom.js';
import { onLanguage, t } from '../i18n.js';

const QUIET_MS = 1500; // saving that takes no longer is not worth a word
const NOTICE_MS = 10000;
const REASONS = { 403: 'marks.denied', 413: 'marks.full' };

export class MarksStatus {
    constructor(desk) {
        this.desk = desk;
        this.element = make('div', { class: 'marks-status', role: 'status', hidden: true });
        this.since = 0;
        this.stops = [desk.onChange(() => this.show()), onLanguage(() => this.show())];
    }

    close() {
        clearTimeout(this.timer);
        for (const stop of this.stops) stop();
        this.element.remove();
    }

    /** Nobody is there: nothing is said. */
    blank(on) {
        this.blanked = on;
        this.show();
    }

    show() {
        const { unsaved, notice } = this.desk;
        const now = performance.now();
        if (unsaved.waiting === 0) this.since = 0;
        else this.since ||= now;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.show(), 500);
        const text = this.#text(unsaved, notice, now);
        if (!text && !this.since) clearTimeout(this.timer);
        this.element.hidden = !text || Boolean(this.blanked);
        this.element.dataset.state = unsaved.refused > 0 ? 'refused' : unsaved.line ? 'waiting' : 'calm';
        setText(this.element, text);
    }

    #text({ waiting, refused, error, line, hindrance }, notice, now) {
        if (refused > 0) return t(REASONS[error.status] ?? 'marks.refused', { n: refused, reason: error.message });
        if (line) return hindrance?.status >= 500 ? t('marks.waitingService', { n: waiting, reason: hindrance.message }) : t('marks.waiting', { n: waiting });
        if (notice && now - notice.at < NOTICE_MS) return t(`marks.${notice.what}`);
        return this.since && now - this.since > QUIET_MS ? t('marks.saving', { n: waiting }) : '';
    }
}
