// part.js - where the viewer page meets its marks: commands, the group in the toolbar, and the rest, which is loaded when a tool is first taken or a
// study turns out to have marks.

import { exportMarks, fileUrl, getMarks, getStack } from '../api.js';
import { onEvent } from '../events.js';
import { loadWords, t } from '../i18n.js';
import { keyFor } from '../keymap.js';
import { later } from '../later.js';

const TOOLS = ['length', 'bidirectional', 'angle', 'cobb', 'rectangle', 'ellipse', 'freehand', 'probe', 'arrow', 'text'];
const ICONS = { text: 'markText' };
const AGAIN_MS = 5000;
const SAVED_WAIT_MS = 100;
const SAVED_WAITS = 50;

/** The marks' own style sheet, once. */
function style() {
    const address = fileUrl('marks/marks.css');
    if (document.querySelector(`link[href="${address}"]`)) return null;
    return new Promise((resolve, reject) => {
        const link = document.createElement('link');
        link.rel = 'stylesheet';
        link.href = address;
        link.addEventListener('load', resolve);
        link.addEventListener('error', () => {
            link.remove();
            reject(new Error('marks.css'));
        });
        document.head.append(link);
    });
}

/** In each picture area until the marks are loaded: sees which studies are opened. */
class Doorstep {
    constructor(door) {
        this.door = door;
        this.element = document.createElement('div');
    }

    show({ study, shown }) {
        if (shown && !shown.problem) this.door.look(study.id);
    }
}

class Door {
    constructor(page) {
        this.page = page;
        this.looked = new Set(); // studies whose marks were asked for
        this.desk = null;
        this.stopEvents = onEvent((kind) => kind === 'marks' && !this.desk && this.#lookAnew());
        page.eachStage((stage) => stage.addLayer(this.desk ? new this.parts.MarksLayer(stage, this.desk) : new Doorstep(this)));
    }

    close() {
        if (this.closed) return;
        this.closed = true;
        clearTimeout(this.timer);
        this.stopEvents();
        this.stopKeys?.();
        this.stopListening?.();
        this.panel?.close();
        this.status?.close();
        this.desk?.close();
    }

    /** What is open here is not any more. */
    shut() {
        this.close();
    }

    /** Nobody is there: nothing of the marks stays on the screen. */
    blank(on) {
        if (this.panel) this.panel.element.hidden = on;
        this.status?.blank(on);
    }

    /** Has the study marks? Asked once, when its first picture is there. */
    async look(studyId) {
        if (this.looked.has(studyId) || this.desk) return;
        this.looked.add(studyId);
        try {
            const { marks } = await getMarks(studyId);
            if (marks.length > 0) (await this.open())?.entry(studyId, marks);
        } catch (error) {
            if (error.temporary && !this.closed) this.timer = setTimeout(() => this.looked.delete(studyId), AGAIN_MS);
        }
    }

    /** Somebody made marks. */
    #lookAnew() {
        this.looked.clear();
        for (const { study } of this.page.grid.stages) if (study) this.look(study.id);
    }

    /** Everything else of the marks; null when the line does not let it through, or the page is gone by then. */
    async open() {
        this.opening ??= this.#load().catch(() => (this.opening = null)); // the next press tries again
        await this.opening;
        return this.desk;
    }

    async #load() {
        const [desk, layer, keys, status, panel, views] = await Promise.all([
            later(() => import('./desk.js')),
            later(() => import('./layer.js')),
            later(() => import('./keys.js')),
            later(() => import('./status.js')),
            later(() => import('./panel.js')),
            later(() => import('./views.js')),
            loadWords('marks'),
            style(),
        ]);
        if (this.closed) return;
        this.parts = { MarksLayer: layer.MarksLayer, MarksPanel: panel.MarksPanel, viewsOf: views.viewsOf };
        this.desk = new desk.Desk(this.page);
        this.stopKeys = keys.listenToKeys(this.desk);
        this.status = new status.MarksStatus(this.desk);
        this.page.middle.append(this.status.element);
        for (const stage of this.page.grid.stages) stage.addLayer(new layer.MarksLayer(stage, this.desk));
        this.stopListening = this.page.listen((what) => ['active', 'study', 'open'].includes(what) && this.desk.changed());
    }

    // ---- commands

    async setTool(name) {
        this.page.setTool(name);
        const desk = await this.open();
        if (desk) desk.changed();
        else if (!this.closed) this.page.setTool('scroll');
    }

    async toggleKey() {
        const desk = await this.open();
        const state = this.page.stage?.state();
        if (desk && state?.shown && !state.shown.problem) desk.toggleKey(state);
    }

    get isHidden() {
        return this.desk?.hidden ?? false;
    }

    async toggleHidden() {
        const desk = await this.open();
        desk?.setHidden(!desk.hidden);
    }

    async toggleList() {
        const desk = await this.open();
        if (!desk) return;
        if (this.panel) {
            this.panel.close();
            return;
        }
        this.panel = new this.parts.MarksPanel(desk, this.page, (place) => this.goTo(place));
        this.panel.onClose = () => {
            this.panel = null;
            this.page.middle.classList.remove('with-marks');
        };
        this.page.middle.append(this.panel.element);
        this.page.middle.classList.add('with-marks');
        this.page.changed();
    }

    /** Show the image of a mark, where its series is on the screen already, else in the active tile; in the window that it was made in, if that was here. */
    async goTo({ study, mark }) {
        const { page } = this;
        const series = study.series_list.find(({ id }) => id === mark.series);
        if (!series) return;
        const sets = page.model.put(series.id, await getStack(series.id));
        const at = ({ manifest }) =>
            manifest.slices.findIndex(({ object, frame }) => frame === mark.frame && manifest.objects[object].sop_uid === mark.sop_uid);
        const set = sets.find((one) => at(one) >= 0);
        if (!set) return;
        const shows = (tile) => tile.stage?.stack && tile.shows?.series.id === series.id && tile.shows.set === set.set;
        const tile = [page.grid.active, ...page.grid.tiles].find(shows);
        if (!tile) {
            await page.show(page.grid.active, study, series, { set: set.set, index: at(set) });
        } else {
            page.grid.activate(tile);
            tile.stage.goTo(at(set));
        }
        const window = this.desk.remembered.windows.get(mark.id);
        if (window) page.stage?.setWindow(window);
    }

    /** The service makes objects of what it has: what is on its way comes first. */
    async #allSaved(store) {
        for (let i = 0; store.unsaved > 0 && i < SAVED_WAITS; i++) await new Promise((resolve) => setTimeout(resolve, SAVED_WAIT_MS));
        if (store.unsaved > 0) throw new Error('not saved');
    }

    /** As DICOM objects of the study: what this person has marked, and the pictures as they stand on the screen. */
    async export() {
        const desk = await this.open();
        const { page } = this;
        const study = page.stage?.study;
        if (!desk || !study) return;
        try {
            await this.#allSaved(desk.entry(study.id).store);
            await exportMarks(study.id, this.parts.viewsOf(page.grid.stages, page.stage, study.id));
            desk.tell('exported');
        } catch (error) {
            desk.tell(error.status === 403 ? 'exportDenied' : 'exportFailed');
        }
    }

    step(what) {
        this.desk?.[what]();
    }

    deleteSelected() {
        if (this.desk?.selected) this.desk.remove(this.desk.selected.study, this.desk.selectedMark());
    }
}

/** The lines of the menu of tools, as menu.js takes them. */
function toolItems(door) {
    const { commands } = door.page;
    const line = (action, more) => ({ label: t(`action.${action}`), icon: action, key: keyFor(action), action, run: () => commands.run(action), ...more });
    const tool = (name) => line(`tool.${name}`, { icon: ICONS[name] ?? name, checked: commands.pressed(`tool.${name}`), radio: true });
    return [
        ...TOOLS.map(tool),
        line('key', { icon: 'keyImage' }),
        line('undo', { key: 'Ctrl+Z' }),
        line('redo', { key: 'Ctrl+Shift+Z' }),
        line('deleteMark', { icon: 'trash', disabled: !door.desk?.selected }),
        line('marksHidden', { checked: door.isHidden }),
        line('marksList', { checked: Boolean(door.panel) }),
        line('marksExport', { icon: 'save' }),
    ];
}

/** As parts.js asks of a part. */
export function attach(page) {
    const door = new Door(page);
    const tools = TOOLS.map((name) => [`tool.${name}`, { run: () => door.setTool(name), pressed: () => page.tool === name }]);
    page.commands.add({
        ...Object.fromEntries(tools),
        key: () => door.toggleKey(),
        undo: () => door.step('undo'),
        redo: () => door.step('redo'),
        deleteMark: () => door.deleteSelected(),
        marksHidden: { run: () => door.toggleHidden(), pressed: () => door.isHidden },
        marksExport: { run: () => door.export(), enabled: () => page.isOpen },
        marksList: { run: () => door.toggleList(), pressed: () => Boolean(door.panel) },
    });
    page.toolbar.add({ name: 'measuring', keep: 6, items: ['tool.length', { menu: 'measure', items: () => toolItems(door), enabled: () => page.isOpen }] }, 'preset');
    return door;
}
