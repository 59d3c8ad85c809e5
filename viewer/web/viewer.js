// viewer.js - the page of one study: the strip of series, the tools, a grid of pictures, and word of what is still arriving. What keys and buttons do
// is in commands.js; parts that are loaded when the first picture is there (parts.js) add theirs.

import { getStudy, recallStudy } from './api.js';
import { Commands } from './commands.js';
import { afterPaint, make, setText } from './dom.js';
import { onEvent, throttled } from './events.js';
import { Grid } from './grid.js';
import { failureText, t } from './i18n.js';
import { entryFor } from './keymap.js';
import { later } from './later.js';
import { loadParts } from './parts.js';
import { PictureShares } from './picture_shares.js';
import { openingSeries, SeriesStrip } from './series_strip.js';
import { Stage } from './stage.js';
import { StripModel } from './strip_model.js';
import { StudyRefresh } from './study_refresh.js';
import { arrival, hasPictures } from './study_state.js';
import { TileOpener } from './tile_opener.js';
import { Toolbar } from './toolbar.js';
import { GROUPS } from './toolbar_items.js';
import { comeBack, remember } from './viewer_place.js';
import { Banner, Notice, personParts, studyTitle } from './viewer_words.js';

const REST_AFTER_MS = 1500; // the rest of the page is loaded at the latest then; sooner when the first picture is there
const REMEMBER_AFTER_MS = 600;
const STRIP_EVERY_MS = 400;

let pages = 0;

/** When the reader asked for the page: with the document, or by a click just now. */
function askedAt() {
    const [document] = performance.getEntriesByType('navigation');
    return pages++ === 0 && document?.name === location.href ? 0 : performance.now();
}

export class ViewerPage {
    /** go(path) leads to another page. asked: a promise of the study, which is on its way. */
    constructor(root, studyId, go, asked) {
        Object.assign(this, { root, studyId, go });
        this.beganAt = askedAt();
        this.abort = new AbortController();
        this.textShown = true;
        this.tool = 'scroll';
        this.touched = false; // the reader has done something: nothing is rearranged any more
        this.listeners = new Set();
        this.makers = []; // of what every picture area gets
        this.parts = [];
        this.opener = new TileOpener(this, (tile) => this.#opened(tile));
        this.reload = new StudyRefresh(this, {
            onStudy: (study) => this.#newer(study),
            onFirst: () => this.#openFirst(),
            onClosed: (id) => this.#closed(id),
        });
        this.tellStrip = throttled(() => this.strip.tell((entry) => this.model.facts(entry)), STRIP_EVERY_MS);
        this.#build();
        this.stopEvents = onEvent((kind, data) => this.#event(kind, data));
        const { signal } = this.abort;
        document.addEventListener('keydown', (event) => this.#key(event), { signal });
        for (const type of ['pointerdown', 'keydown', 'wheel'])
            this.element.addEventListener(type, () => (this.touched = true), { capture: true, passive: true, signal });
        this.#load(asked);
    }

    #build() {
        this.shares = new PictureShares({ onTrouble: (error) => this.#trouble(error) });
        this.commands = new Commands(this);
        this.model = new StripModel(this.shares.store);
        this.grid = new Grid({
            makeStage: (tile) => this.#makeStage(tile),
            onActive: () => this.#activated(),
            onLayout: () => this.grid && this.#arranged(),
        });
        this.toolbar = new Toolbar(this, GROUPS);
        this.strip = new SeriesStrip({
            open: (entry) => this.#openEntry(this.grid.active, entry),
            over: (x, y) => this.grid.target(x === null ? null : this.grid.tileAt(x, y)),
            drop: (entry, x, y) => this.#openEntry(this.grid.tileAt(x, y), entry),
            openStudy: (id) => this.#openStudy(id),
        });
        this.person = make('div', { class: 'person' });
        this.banner = new Banner(() => this.#recall());
        this.line = make('div', { class: 'line-trouble', role: 'status', hidden: true });
        this.notice = new Notice();
        this.middle = make('div', { class: 'viewer-middle' }, this.banner.element, this.line, this.grid.element, this.notice.element);
        this.element = make('main', { class: 'viewer' }, this.toolbar.element, this.strip.element, this.middle);
        this.root.replaceChildren(this.element);
    }

    // ---- for parts of the viewer

    /** The active picture area; null when its tile is empty. */
    get stage() {
        return this.grid.active.stage;
    }

    /** There is a picture to work on. */
    get isOpen() {
        return Boolean(this.stage?.stack?.size > 0 && this.notice.hidden);
    }

    /** visit(stage, tile) for every picture area, those that come later too. */
    eachStage(visit) {
        this.makers.push(visit);
        for (const tile of this.grid.tiles) if (tile.stage) visit(tile.stage, tile);
    }

    /** listener(what, detail): "change" after every visible change, "move" {stage, what, turn} by the reader's hands, "click" {stage, point, event, state},
     *  "active", "open" {tile}, "layout", "study". Returns the function that stops it. */
    listen(listener) {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    tell(what, detail) {
        for (const listener of this.listeners) listener(what, detail);
    }

    /** The series of a study as sets: [{key, series, set, frames, name, thumbnail}]. */
    sets(study) {
        return this.model.entries(study);
    }

    /** What the menu of layouts lists behind the numbers of tiles. */
    hangingItems() {
        return this.hanging?.menuItems() ?? [];
    }

    // ---- pictures

    #makeStage(tile) {
        const stage = new Stage({
            shares: this.shares,
            onChange: () => this.changed(),
            onMove: (what, turn) => this.tell('move', { stage, what, turn }),
            onClick: (point, event, state) => this.tell('click', { stage, point, event, state }),
        });
        stage.tool = this.tool;
        stage.area.dataset.tool = this.tool;
        stage.area.classList.toggle('no-text', !this.textShown);
        if (tile === this.grid.active) stage.share.first();
        if (this.blanked) stage.blank(true);
        for (const visit of this.makers) visit(stage, tile);
        return stage;
    }

    /** Show a series in a tile, as TileOpener.show() does. */
    show(tile, study, series, what) {
        return this.opener.show(tile, study, series, what);
    }

    #opened(tile) {
        this.restTimer ??= setTimeout(() => this.#loadRest(), REST_AFTER_MS);
        const before = document.activeElement;
        afterPaint(() => tile === this.grid.active && document.activeElement === before && tile.stage?.area.focus({ preventScroll: true }));
        this.showStrip();
        this.changed();
        this.tell('open', { tile });
        if (tile === this.grid.active && tile.stage.stack.object()?.video) this.openDocuments(tile.shows.study, tile.shows.series, { video: true });
    }

    #openEntry(tile, entry) {
        if (!tile || !entry) return;
        const series = entry.study.series_list.find((one) => one.id === entry.series.id);
        if (series?.frames === 0) {
            this.openDocuments(entry.study, series);
            return;
        }
        this.opener.showEntry(tile, entry);
        this.grid.activate(tile);
    }

    #noPictures() {
        this.notice.noPictures(this.study);
        this.toolbar.show(); // with nothing to do it to
        const first = this.study.series_list.find((series) => series.objects > 0);
        if (first) this.openDocuments(this.study, first);
    }

    /** What of a series is no picture, beside the pictures. */
    async openDocuments(study, series, what) {
        const { documentsOf } = await later(() => import('./documents.js'));
        if (!this.isShut && !this.abort.signal.aborted) (await documentsOf(this)).show(study, series, what);
    }

    /** So many tiles; the new ones get the series that are not on the screen yet. */
    setLayout(rows, columns) {
        this.hanging?.chooseTiles(rows, columns);
        this.grid.set(rows, columns);
        const shown = new Set(this.grid.tiles.map((tile) => tile.shows && `${tile.shows.series.id}.${tile.shows.set}`));
        const rest = this.sets(this.study).filter((entry) => entry.frames > 0 && !shown.has(entry.key));
        for (const tile of this.grid.tiles) if (!tile.shows && rest.length > 0) this.opener.showEntry(tile, rest.shift());
        this.changed();
    }

    // ---- loading

    async #load(asked) {
        this.notice.opening();
        try {
            this.study = await asked;
        } catch (error) {
            if (this.abort.signal.aborted) return;
            this.notice.failed(error, () => this.#load(getStudy(this.studyId, this.abort.signal)));
            this.toolbar.show();
            return;
        }
        if (this.abort.signal.aborted) return;
        this.model.setStudies([{ study: this.study, open: true }]);
        this.#showStudy();
        this.#recall();
        if (!(await comeBack(this))) await this.#openFirst();
    }

    async #openFirst() {
        const series = openingSeries(this.study.series_list);
        if (!series) {
            this.#noPictures();
            return;
        }
        const shown = this.show(this.grid.active, this.study, series);
        if (series.opening) this.grid.active.open().expect(series);
        await shown;
    }

    /** What is at the hospital is asked for as soon as somebody looks; its images appear as they come. */
    async #recall() {
        if (arrival(this.study).kind !== 'away') return;
        this.banner.failure = null;
        try {
            await recallStudy(this.studyId, this.abort.signal);
            this.reload.ask();
        } catch (error) {
            if (error.name === 'AbortError') return;
            this.banner.failure = failureText(error);
            this.banner.show(this.study);
        }
    }

    /** The first picture is there: thumbnails, and the parts of the page that it did not need. */
    #loadRest() {
        if (this.restLoaded || this.isShut || this.abort.signal.aborted) return;
        this.restLoaded = true;
        clearTimeout(this.restTimer);
        this.showStrip();
        loadParts(this).then(
            () => !this.isShut && this.changed(),
            () => {}, // the line is down: the pictures stay; a reload brings the parts
        );
    }

    #newer(study) {
        this.study = study;
        this.#showStudy();
    }

    /** Consent or rights have changed: nothing of the study stays on the screen or in memory, and the page says why. */
    #closed(studyId) {
        if (studyId === this.studyId) {
            this.#shut();
            return;
        }
        for (const tile of this.grid.tiles.filter((one) => one.shows?.study.id === studyId)) {
            tile.clear();
            tile.setHead(t('grid.closed'));
        }
        this.model.remove(studyId);
        this.shares.forget();
        this.tell('closed', { study: studyId });
        this.showStrip();
        this.changed();
    }

    #shut() {
        if (this.isShut) return;
        this.isShut = true;
        this.abort.abort();
        this.#stopTimers();
        this.tell('shut');
        for (const part of this.parts) part.shut?.();
        this.grid.clear();
        this.shares.close();
        this.study = null;
        this.model.setStudies([]);
        this.strip.show([], new Set(), false);
        this.person.replaceChildren();
        this.banner.hide();
        this.line.hidden = true;
        document.title = t('app.name');
        this.notice.closed();
        this.toolbar.show();
    }

    #stopTimers() {
        this.reload.stop();
        this.tellStrip.stop();
        clearTimeout(this.rememberTimer);
        clearTimeout(this.restTimer);
    }

    close() {
        this.abort.abort();
        this.stopEvents();
        this.#stopTimers();
        for (const part of this.parts) part.close?.();
        this.toolbar.close();
        this.grid.close();
        this.shares.close();
    }

    /** Takes the pictures off the screen, or brings them back as they were. */
    blank(on) {
        if (this.isShut) return;
        this.blanked = on;
        for (const stage of this.grid.stages) stage.blank(on);
        for (const part of this.parts) part.blank?.(on);
        this.strip.element.hidden = on;
        if (!on) this.reload.ask();
    }

    #event(kind, data) {
        if (this.isShut) return;
        if (kind === 'closed' && this.reload.studies().some((study) => study?.id === data.study)) {
            this.#closed(data.study);
            return;
        }
        if (kind === 'reload' || (kind === 'study' && this.reload.studies().some((study) => study?.id === data.study))) this.reload.ask();
        if (kind !== 'pull' || !this.study || data.study_uid !== this.study.uid) return;
        const ended = !['waiting', 'running'].includes(data.state);
        const { state, expected, received, failed, reason } = data;
        this.study = { ...this.study, pull: { state, expected, received, failed, reason } };
        this.banner.show(this.study);
        if (ended) this.reload.ask();
    }

    // ---- showing

    #showStudy() {
        this.person.replaceChildren(...personParts(this.study));
        document.title = [studyTitle(this.study, false), t('app.name')].filter(Boolean).join('  ');
        this.showStrip();
        this.banner.show(this.study);
        this.tell('study');
    }

    showStrip() {
        if (this.isShut) return;
        const open = new Set(this.grid.tiles.map((tile) => tile.shows && `${tile.shows.series.id}.${tile.shows.set}`));
        this.strip.show(this.model.groups(), open, Boolean(this.restLoaded));
        this.tellStrip.ask();
    }

    /** A prior's line in the strip is pressed: its series are listed, or not any more. */
    async #openStudy(id) {
        try {
            await this.model.toggle(id, this.abort.signal);
        } catch (error) {
            if (error.status === 404) this.#closed(id);
        }
        this.showStrip();
    }

    #trouble(error) {
        this.line.hidden = !error;
        setText(this.line, error ? t('viewer.lineDown') : '');
    }

    #activated() {
        this.tell('active');
        this.changed();
    }

    #arranged() {
        this.tell('layout');
        this.showStrip();
        this.changed();
    }

    changed() {
        if (this.isShut || this.abort.signal.aborted) return;
        this.toolbar.show();
        if (!this.restLoaded && this.stage?.area.dataset.state === 'ready') afterPaint(() => this.#loadRest());
        for (const { stage, shows } of this.grid.tiles) if (stage?.shown && shows) this.model.saw(shows, stage);
        this.tellStrip.ask();
        clearTimeout(this.rememberTimer);
        this.rememberTimer = setTimeout(() => remember(this), REMEMBER_AFTER_MS);
        this.tell('change');
    }

    // ---- doing

    #key(event) {
        if (event.target.closest?.('input, select, textarea, dialog, [role=menu]')) return;
        const onButton = event.target.closest?.('button, a');
        if (onButton && (event.key === 'Enter' || event.key === ' ')) return;
        if (event.code === 'Space') event.preventDefault();
        const entry = entryFor(event);
        if (!entry) return;
        event.preventDefault();
        this.commands.run(entry.action, event.key, event.shiftKey);
    }

    setTool(name) {
        this.tool = name;
        for (const stage of this.grid.stages) {
            stage.tool = name;
            stage.area.dataset.tool = name;
            stage.refresh();
        }
    }

    toggleText() {
        this.textShown = !this.textShown;
        for (const stage of this.grid.stages) stage.area.classList.toggle('no-text', !this.textShown);
    }

    translate() {
        this.toolbar.translate();
        this.grid.translate();
        for (const part of this.parts) part.translate?.();
        if (!this.study) return;
        this.#showStudy();
        if (!hasPictures(this.study)) this.notice.noPictures(this.study);
        for (const tile of this.grid.tiles) if (tile.stage && tile.shows) this.opener.headOf(tile);
        for (const stage of this.grid.stages) stage.refresh();
        this.changed();
    }
}
