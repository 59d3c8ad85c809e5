// modes.js - a part of the viewer: names hidden while others look on, the simple view for showing the patient, and a second window on another monitor.

import { getSession } from './api.js';
import { icon, make } from './dom.js';
import { loadWords, t } from './i18n.js';
import { centreOf, parallel, planeOf, sameSpace, sliceAt } from './planes.js';

const SECOND = 'kakehashi-second'; // name of the second window
const CHANNEL = 'kakehashi.windows';

class Modes {
    constructor(page) {
        this.page = page;
        this.namesHidden = false;
        this.simple = false;
        this.out = make('button', { type: 'button', class: 'button simple-out', dataset: { action: 'simple' }, onclick: () => this.toggleSimple() });
        this.escape = (event) => {
            if (event.key !== 'Escape' || !this.simple) return;
            event.stopImmediatePropagation();
            this.toggleSimple();
        };
        document.addEventListener('keydown', this.escape, true);
        this.channel = new BroadcastChannel(CHANNEL);
        this.channel.onmessage = ({ data }) => this.#heard(data);
        this.bye = () => this.channel.postMessage({ kind: 'gone' });
        addEventListener('pagehide', this.bye);
        this.#post({ kind: 'study', study: page.studyId });
        this.translate();
    }

    translate() {
        this.out.replaceChildren(icon('close'), make('span', {}, t('modes.out')));
    }

    toggleNames() {
        this.namesHidden = !this.namesHidden;
        document.body.classList.toggle('names-hidden', this.namesHidden);
    }

    /** The picture and its slider, and nothing else. */
    toggleSimple() {
        const { page } = this;
        this.simple = !this.simple;
        document.body.classList.toggle('simple', this.simple);
        if (this.simple && page.grid.tiles.length > 1 && !page.grid.maximised) {
            page.grid.maximise();
            this.maximised = true;
        } else if (!this.simple && this.maximised) {
            if (page.grid.maximised) page.grid.maximise();
            this.maximised = false;
        }
        if (this.simple) page.element.append(this.out);
        else this.out.remove();
        page.changed();
    }

    openSecond() {
        window.open(location.pathname + location.search, SECOND, 'popup');
    }

    #post(message) {
        this.channel.postMessage({ ...message, second: window.name === SECOND });
    }

    /** The reader scrolls here: the other window's pictures of the same space go along. */
    moved(stage) {
        const plane = this.page.linked?.on && stage.stack ? planeOf(stage.stack) : null;
        if (plane?.frameOfReference) this.#post({ kind: 'scroll', patient: this.page.study.patient.id, plane, point: centreOf(plane) });
    }

    async #heard(message) {
        const { page } = this;
        if (message.kind === 'study' && window.name === SECOND && !message.second && message.study !== page.studyId) page.go(`/studies/${message.study}`);
        if (message.kind === 'scroll') this.#follow(message);
        if (message.kind !== 'gone') return;
        const session = await getSession().catch(() => null);
        if (!session?.accounts || session.signed_in) return;
        if (window.name === SECOND) window.close();
        location.replace('/sign-in?why=out');
    }

    #follow({ plane, point }) {
        const { linked, grid } = this.page;
        if (!linked?.on || !linked.ways.has('scroll')) return;
        for (const stage of grid.stages) {
            const mine = stage.stack && stage.stack.size > 0 ? planeOf(stage.stack) : null;
            if (!sameSpace(mine, plane) || !parallel(mine, plane)) continue;
            const found = sliceAt(stage.stack, point, plane, true);
            if (found) stage.follow({ index: found.index });
        }
    }

    close() {
        document.removeEventListener('keydown', this.escape, true);
        removeEventListener('pagehide', this.bye);
        this.channel.close();
        document.body.classList.remove('names-hidden', 'simple');
    }
}

export async function attach(page) {
    await loadWords('tools');
    const modes = new Modes(page);
    page.commands.add({
        hideNames: { run: () => modes.toggleNames(), pressed: () => modes.namesHidden, enabled: () => true },
        simple: { run: () => modes.toggleSimple(), pressed: () => modes.simple },
        secondWindow: { run: () => modes.openSecond(), enabled: () => Boolean(page.study) },
    });
    page.toolbar.add({ name: 'modes', keep: 4, end: true, items: ['simple', 'hideNames', 'secondWindow'] }, 'anew');
    page.listen((what, detail) => {
        if (what === 'move' && detail.what === 'scroll') modes.moved(detail.stage);
    });
    return { close: () => modes.close(), shut: () => modes.close(), translate: () => modes.translate() };
}
