// viewer.js - the page of one study: strip of series, tools, the picture, and word of what is still arriving.

import { getStack, getStudy, recallStudy } from './api.js';
import { icon, make, setText } from './dom.js';
import { onEvent, throttled } from './events.js';
import * as format from './format.js';
import { openHelp } from './help.js';
import { count, language, t } from './i18n.js';
import { entryFor } from './keymap.js';
import { personLine } from './overlay.js';
import { presetsFor } from './presets.js';
import { openingSeries, neighbour, SeriesStrip } from './series_strip.js';
import { isColour } from './stack_model.js';
import { Stage } from './stage.js';
import { arrival, hasPictures, isComing } from './study_state.js';
import { Toolbar } from './toolbar.js';

const RELOAD_EVERY_MS = 1500;
const THUMBNAILS_AFTER_MS = 1500; // at the latest; sooner when the first picture is there
const REMEMBER_AFTER_MS = 600;
const ZOOM_STEP = 1.25;

export class ViewerPage {
    /** header: {setTitle, setMiddle}; go(path) leads to another page. */
    constructor(root, studyId, go) {
        this.root = root;
        this.studyId = studyId;
        this.go = go;
        this.abort = new AbortController();
        this.textShown = true;
        this.thumbnails = false;
        this.reload = throttled(() => this.#refresh(), RELOAD_EVERY_MS);
        this.#build();
        this.stopEvents = onEvent((kind, data) => this.#event(kind, data));
        document.addEventListener('keydown', (event) => this.#key(event), { signal: this.abort.signal });
        this.#load();
    }

    #build() {
        this.stage = new Stage({ onChange: () => this.#changed(), onTrouble: (error) => this.#trouble(error) });
        this.toolbar = new Toolbar({
            run: (action, argument) => this.run(action, argument),
            presets: () => this.#presets(),
        });
        this.strip = new SeriesStrip((id) => this.openSeries(id));
        this.person = make('div', { class: 'person' });
        this.banner = make('div', { class: 'banner', role: 'status', hidden: true });
        this.line = make('div', { class: 'line-trouble', role: 'status', hidden: true });
        this.notice = make('div', { class: 'viewer-message', hidden: true });
        this.middle = make('div', { class: 'viewer-middle' }, this.banner, this.line, this.stage.element, this.notice);
        this.element = make('main', { class: 'viewer' }, this.toolbar.element, this.strip.element, this.middle);
        this.root.replaceChildren(this.element);
    }

    close() {
        this.abort.abort();
        this.stopEvents();
        this.reload.stop();
        clearTimeout(this.rememberTimer);
        clearTimeout(this.thumbnailTimer);
        this.toolbar.close();
        this.stage.close();
    }

    /** Takes the picture off the screen, or brings it back as it was. */
    blank(on) {
        if (this.isShut) return;
        this.stage.blank(on);
        this.strip.element.hidden = on;
        if (!on) this.reload.ask();
    }

    // ---- loading

    async #load() {
        this.#message('spinner', t('viewer.opening'), '');
        try {
            this.study = await getStudy(this.studyId, this.abort.signal);
        } catch (error) {
            this.#loadFailed(error, () => this.#load());
            return;
        }
        this.#showStudy();
        this.#recall();
        const asked = this.#remembered();
        const series =
            this.study.series_list.find((one) => one.id === asked.series && one.frames > 0) ??
            openingSeries(this.study.series_list);
        if (series) await this.openSeries(series.id, series.id === asked.series ? asked.slice : null);
        else this.#noPictures();
    }

    /** What is at the hospital is asked for as soon as somebody looks; its images appear as they come. */
    async #recall() {
        if (arrival(this.study).kind !== 'away') return;
        this.recallFailure = null;
        try {
            await recallStudy(this.studyId, this.abort.signal);
            this.reload.ask();
        } catch (error) {
            if (error.name === 'AbortError') return;
            this.recallFailure = error.message;
            this.#showBanner();
        }
    }

    async openSeries(id, index = null) {
        const series = this.study.series_list.find((one) => one.id === id);
        if (!series || series.frames === 0) return;
        this.opening?.abort();
        const opening = new AbortController();
        this.opening = opening;
        this.openId = id;
        this.#showStrip();
        try {
            const manifest = await getStack(id, opening.signal);
            if (this.abort.signal.aborted || this.opening !== opening) return;
            this.#message(null);
            this.stage.open(this.study, series, manifest, index);
            if (!this.thumbnailTimer)
                this.thumbnailTimer = setTimeout(() => this.#showThumbnails(), THUMBNAILS_AFTER_MS);
            this.stage.area.focus({ preventScroll: true });
        } catch (error) {
            if (this.opening === opening) this.#loadFailed(error, () => this.openSeries(id, index));
        }
    }

    /** Something of this study changed at the service: look again without losing the place. */
    async #refresh() {
        try {
            const study = await getStudy(this.studyId, this.abort.signal);
            const before = this.study?.series_list.find((one) => one.id === this.openId);
            this.study = study;
            this.#showStudy();
            const series = study.series_list.find((one) => one.id === this.openId);
            if (!series) {
                const first = openingSeries(study.series_list);
                if (first) await this.openSeries(first.id);
                return;
            }
            const grown = series.frames !== before?.frames || series.objects !== before?.objects || series.away !== before?.away;
            const manifest = grown ? await getStack(series.id, this.abort.signal) : null;
            if (series.id === this.openId && this.stage.stack) this.stage.update(study, series, manifest);
        } catch (error) {
            if (error.status === 404 && this.study) this.#shut();
            else if (error.name !== 'AbortError' && error.temporary) this.reload.ask();
        }
    }

    /** Consent or rights have changed: nothing of the study stays on the screen or in memory, and the page says why. */
    #shut() {
        if (this.isShut) return;
        this.isShut = true;
        this.abort.abort();
        this.opening?.abort();
        this.reload.stop();
        clearTimeout(this.thumbnailTimer);
        this.stage.shut();
        this.study = null;
        this.strip.show([], null, false);
        this.person.replaceChildren();
        this.banner.hidden = true;
        this.line.hidden = true;
        document.title = t('app.name');
        this.#message('broken', t('viewer.closed'), t('viewer.closedText'), [
            make('a', { class: 'button', href: '/', 'data-route': true }, t('action.list')),
        ]);
    }

    #event(kind, data) {
        if (this.isShut) return;
        if (kind === 'closed' && data.study === this.studyId) {
            this.#shut();
            return;
        }
        if (kind === 'reload' || (kind === 'study' && data.study === this.studyId)) this.reload.ask();
        if (kind !== 'pull' || !this.study || data.study_uid !== this.study.uid) return;
        const ended = !['waiting', 'running'].includes(data.state);
        const { state, expected, received, failed, reason } = data;
        this.study = { ...this.study, pull: { state, expected, received, failed, reason } };
        this.#showBanner();
        if (ended) this.reload.ask();
    }

    // ---- showing

    #showStudy() {
        const { study } = this;
        const name = format.patientName(study.patient.name, language());
        this.person.replaceChildren(
            make('strong', {}, make('bdi', {}, name.main || t('patient.unnamed'))),
            make('span', {}, study.patient.id),
            make('span', { class: 'less' }, personLine(study.patient, study.date)),
        );
        document.title = [study.modalities.join(' '), format.date(study.date, language()), t('app.name')]
            .filter(Boolean)
            .join('  ');
        this.#showStrip();
        this.#showBanner();
    }

    #showStrip() {
        this.strip.show(this.study.series_list, this.openId, this.thumbnails);
    }

    #showThumbnails() {
        if (this.thumbnails) return;
        this.thumbnails = true;
        this.#showStrip();
    }

    #showBanner() {
        const state = arrival(this.study);
        const values = { received: count(state.received), expected: count(state.expected), reason: state.reason };
        const away = state.kind === 'away';
        this.banner.hidden = !['arriving', 'waiting', 'still', 'partial', 'away'].includes(state.kind);
        this.banner.className = `banner ${state.kind}`;
        if (this.banner.hidden) return;
        const bar = make('progress', {
            max: String(Math.max(1, state.expected)),
            value: String(state.received),
            'aria-label': t('state.progress'),
        });
        const parts = [make('span', {}, t(`banner.${state.kind}`, values))];
        if (away && this.recallFailure) {
            parts.push(make('span', { class: 'reason' }, t('banner.recallFailed', { reason: this.recallFailure })));
            parts.push(make('button', { type: 'button', onclick: () => this.#recall() }, t('banner.recall')));
        }
        if (['arriving', 'waiting'].includes(state.kind)) parts.push(bar);
        else if (state.reason) parts.push(make('span', { class: 'reason' }, state.reason));
        this.banner.replaceChildren(...parts);
    }

    #noPictures() {
        const objects = this.study.series_list.map((series) =>
            make(
                'li',
                {},
                make('b', {}, series.modality),
                ` ${series.description}  `,
                t('list.objects', { n: series.objects }),
            ),
        );
        const coming = isComing(this.study);
        this.#message(
            coming ? 'spinner' : 'document',
            t(coming ? 'viewer.noPicturesYet' : 'viewer.noPictures'),
            t(coming ? 'viewer.noPicturesYetText' : 'viewer.noPicturesText'),
            [make('ul', {}, objects), make('a', { class: 'button', href: '/', 'data-route': true }, t('action.list'))],
        );
    }

    #loadFailed(error, again) {
        if (error.name === 'AbortError') return;
        const known = error.status === 404;
        this.#message(
            'broken',
            t(known ? 'viewer.notFound' : 'error.title'),
            known ? t('viewer.notFoundText') : error.message,
            [
                known
                    ? null
                    : make('button', { type: 'button', class: 'button primary', onclick: again }, t('action.retry')),
                make('a', { class: 'button', href: '/', 'data-route': true }, t('action.list')),
            ],
        );
    }

    /** A message in the place of the picture; without a picture name it goes away. */
    #message(picture, title = '', text = '', rest = []) {
        this.notice.hidden = !picture;
        this.#changed();
        if (!picture) return;
        const mark = picture === 'spinner' ? make('i', { class: 'spinner large' }) : icon(picture, 'icon large');
        const parts = [mark, make('h1', {}, title), text ? make('p', {}, text) : null, ...rest];
        this.notice.replaceChildren(...parts.filter(Boolean));
    }

    #trouble(error) {
        this.line.hidden = !error;
        setText(this.line, error ? t('viewer.lineDown') : '');
    }

    #changed() {
        const { stage } = this;
        this.toolbar.show({
            open: stage.stack?.size > 0 && this.notice.hidden,
            tool: stage.tool,
            invert: stage.invert,
            text: this.textShown,
            colour: isColour(stage.stack?.object()),
        });
        if (stage.area.dataset.state === 'ready') this.#showThumbnails();
        clearTimeout(this.rememberTimer);
        this.rememberTimer = setTimeout(() => this.#remember(), REMEMBER_AFTER_MS);
    }

    // ---- the place in the address, so that a reload comes back to it

    #remember() {
        const { stack, series } = this.stage;
        if (!stack || !series) return;
        const query =
            stack.index === stack.middle() && series.id === openingSeries(this.study.series_list)?.id
                ? ''
                : `?series=${series.id}&slice=${stack.index + 1}`;
        if (location.search !== query) history.replaceState(history.state, '', location.pathname + query);
    }

    #remembered() {
        const query = new URLSearchParams(location.search);
        const number = (name) => (/^\d{1,18}$/.test(query.get(name) ?? '') ? Number(query.get(name)) : null);
        const slice = number('slice');
        return { series: number('series'), slice: slice ? slice - 1 : null };
    }

    // ---- doing

    #presets() {
        const { stack } = this.stage;
        return stack ? presetsFor(stack.manifest.modality, stack.object(), stack.slice()) : [];
    }

    #key(event) {
        if (event.target.closest?.('input, select, textarea, dialog, [role=menu]')) return;
        const onButton = event.target.closest?.('button, a');
        if (onButton && (event.key === 'Enter' || event.key === ' ')) return;
        if (event.code === 'Space') event.preventDefault();
        const entry = entryFor(event);
        if (!entry) return;
        event.preventDefault();
        this.run(entry.action, event.key, event.shiftKey);
    }

    run(action, argument, shift = false) {
        const { stage } = this;
        const step = shift && ['previous', 'next'].includes(action) ? 10 : 1;
        const doing = {
            previous: () => stage.scroll(-step),
            next: () => stage.scroll(step),
            back10: () => stage.scroll(-10),
            ahead10: () => stage.scroll(10),
            first: () => stage.goTo(0),
            last: () => stage.goTo(Infinity),
            previousSeries: () => this.#openNeighbour(-1),
            nextSeries: () => this.#openNeighbour(1),
            preset: () => this.#pick(argument),
            setWindow: () => stage.setWindow(argument),
            invert: () => stage.toggleInvert(),
            fit: () => stage.fit(),
            oneToOne: () => stage.oneToOne(),
            zoomIn: () => stage.zoomBy(ZOOM_STEP),
            zoomOut: () => stage.zoomBy(1 / ZOOM_STEP),
            rotate: () => stage.rotate(shift ? -1 : 1),
            flipHorizontal: () => stage.flip(false),
            flipVertical: () => stage.flip(true),
            reset: () => stage.reset(),
            text: () => this.#toggleText(),
            fullScreen: () => this.#fullScreen(),
            list: () => this.go('/'),
            help: () => openHelp(),
        };
        if (action.startsWith('tool.')) this.#setTool(action.slice(5));
        else doing[action]?.();
    }

    #setTool(name) {
        this.stage.tool = name;
        this.stage.area.dataset.tool = name;
        this.stage.refresh();
        this.#changed();
    }

    #pick(digit) {
        const preset = this.#presets().find((one) => one.key === digit);
        if (preset) this.stage.setWindow(preset.window);
    }

    #openNeighbour(direction) {
        const next = this.study && neighbour(this.study.series_list, this.openId, direction);
        if (next) this.openSeries(next.id);
    }

    #toggleText() {
        this.textShown = !this.textShown;
        this.stage.area.classList.toggle('no-text', !this.textShown);
        this.#changed();
    }

    #fullScreen() {
        if (document.fullscreenElement) document.exitFullscreen();
        else this.element.requestFullscreen?.().catch(() => {});
    }

    translate() {
        this.toolbar.translate();
        if (!this.study) return;
        this.#showStudy();
        if (hasPictures(this.study) && this.notice.hidden) this.stage.refresh();
        else this.#noPictures();
    }
}
