// hung.js - a part of the viewer: the person's settings, the patient's other studies in the strip, and how the study hangs.

import { getPriors, getStack } from './api.js';
import { loadStyles } from './dom.js';
import { choiceKey, choosePrior, chooseRule, facesAway, fill, hang, rulesFor, scalesBeside, wallOf } from './hanging.js';
import { GENERAL, RULES } from './hanging_rules.js';
import { t } from './i18n.js';
import { useKeys } from './keymap.js';
import { hangOwn, needsPrior, ownHanging, readGrid, readHanging } from './own_hanging.js';
import { Settings } from './settings.js';

const SETTINGS_WAIT_MS = 3000; // on a line that does not answer the page goes on without them
const LOOKED_AT_MAX = 12; // series whose slices are looked at for a rule that asks for planes or sides
const OFFERED_MAX = 4; // rules that fit, in the menu
const KINDS_MAX = 40; // of studies for which a person's own hangings are kept; the oldest go
const PICTURES = ['MG', 'CR', 'DX', 'XA', 'RF', 'US'];

const isMammogram = (stage) => stage?.stack?.manifest.modality === 'MG' && stage.stack.size > 0;

/** A mammogram in a tile is shown the way round that mammograms are read. */
function face({ stage }) {
    const object = isMammogram(stage) && stage.stack.object();
    if (!object || !facesAway(object.laterality, object.patient_orientation) || stage.viewport.flipped) return;
    stage.viewport.flip(false);
    stage.refresh();
}

/** Mammograms beside each other stand back to back, the chest wall at the edge of the tile, and a millimetre of one is as long as of the other. Where it is not
 *  told, and of a picture alone, they are in the middle. */
function align({ tiles }) {
    const seen = tiles.filter((tile) => tile.stage && !tile.element.hidden).map(({ stage }) => stage);
    const beside = seen.filter(isMammogram);
    const sizes = beside.map(({ stack, viewport }) => ({ fit: viewport.fitScale(), mm: stack.millimetres()?.perUnit ?? 0, source: stack.millimetres()?.source ?? '' }));
    const scales = scalesBeside(sizes);
    for (const stage of seen) {
        const at = beside.length > 1 ? beside.indexOf(stage) : -1;
        const wall = at < 0 ? 0 : wallOf(stage.stack.object().patient_orientation);
        if (stage.viewport.hang(wall, scales[at] ?? Infinity)) stage.refresh();
        stage.area.dataset.wall = { 1: 'right', [-1]: 'left' }[wall * stage.viewport.turn().a] ?? ''; // the words leave it free
    }
}

const asks = (rule) => rule.tiles.some((tile) => tile?.plane || tile.view || tile.laterality);

/** An entry of the strip as hanging.js matches it. */
const asSet = (entry) => ({ plane: '', scout: false, clip: false, laterality: '', told: null, ...entry.about, ...entry });

/** A row whose places may be anything is no longer than what there is. */
function gridOf({ grid: [rows, columns], tiles, own }, placed) {
    const count = placed.filter(Boolean).length;
    return rows === 1 && !own && tiles.every((tile) => tile?.optional) ? [1, Math.min(columns, Math.max(1, count))] : [rows, columns];
}

class Hanging {
    constructor(page) {
        this.page = page;
        this.prior = null; // what would hang beside the study
        this.rule = null; // that it hangs by; null when the reader has chosen the tiles
        this.here = null; // series with pictures that were there when it was hung
        this.filling = Promise.resolve();
    }

    #sets(study) {
        return this.page.sets(study).map(asSet);
    }

    get #key() {
        const { study } = this.page;
        return choiceKey(study, this.#sets(study));
    }

    /** What the person keeps for studies of this kind: {rules, own, grids} each by it. */
    #kept(name) {
        return this.page.settings.get('layout')?.[name]?.[this.#key];
    }

    #chosen() {
        return this.#kept('rules') ?? null;
    }

    #keep(changes) {
        const { settings } = this.page;
        const layout = { ...settings.get('layout') };
        const key = this.#key;
        for (const [name, value] of Object.entries(changes)) {
            const rest = Object.entries(layout[name] ?? {}).filter(([other]) => other !== key);
            layout[name] = Object.fromEntries(value ? [...rest, [key, value]].slice(-KINDS_MAX) : rest);
        }
        settings.set('layout', layout);
    }

    #find() {
        const { study } = this.page;
        const sets = this.#sets(study);
        const chosen = this.#chosen();
        const mine = this.#mine(chosen, () => chooseRule(study, sets, Boolean(this.prior)));
        return mine ?? GENERAL.find((rule) => rule.id === chosen) ?? chooseRule(study, sets, Boolean(this.prior), chosen);
    }

    /** The person's own hanging, or rows and columns; null when it is neither, or cannot hang for want of a prior. */
    #mine(chosen, byRules) {
        const own = chosen === 'own' ? readHanging(this.#kept('own')) : null;
        if (own && (this.prior || !needsPrior(own))) return { id: 'own', own: true, ...own };
        const grid = chosen === 'grid' ? readGrid(this.#kept('grids')) : null;
        if (!grid) return null;
        const rule = byRules();
        const tiles = Array.from({ length: grid[0] * grid[1] }, (_, at) => ({ ...(rule.tiles[at] ?? { from: 'current' }), optional: true }));
        return { id: 'grid', own: true, grid, tiles };
    }

    #hang(rule, sets, prior) {
        return rule.id === 'own' ? hangOwn(rule, sets, prior) : hang(rule, sets, prior);
    }

    async loadPriors() {
        const { page } = this;
        const { studies } = await getPriors(page.studyId, page.abort.signal);
        if (page.isShut) return;
        page.model.setPriors(studies.filter((one) => one.id !== page.studyId && one.frames > 0));
        this.prior = choosePrior(page.study, studies);
        page.showStrip();
    }

    /** As the study hangs by itself, if the reader has done nothing yet. One picture is there already. */
    async begin() {
        const { page } = this;
        if (page.study.series_list.length <= LOOKED_AT_MAX && page.study.modalities.some((one) => PICTURES.includes(one))) await this.#look(page.study);
        const rule = this.#find();
        this.rule = rule;
        this.here = this.#arrived();
        if (page.touched || rule.grid[0] * rule.grid[1] === 1) return;
        await this.apply(rule);
    }

    // ---- what comes later

    #arrived() {
        return new Set(this.page.study.series_list.filter((series) => series.frames > 0).map(({ id }) => id));
    }

    /** The reader has chosen rows and columns: they are filled in the order of the series from now on, and kept for studies of this kind. */
    chooseTiles(rows, columns) {
        this.rule = null;
        this.#keep({ grids: [rows, columns], rules: 'grid' });
    }

    /** What is on the screen hangs so from now on, where a study is of this kind. */
    saveOwn() {
        const { page } = this;
        const { rows, columns, tiles } = page.grid;
        const entryOf = ({ shows }) => shows && this.#sets(shows.study).find((set) => set.key === `${shows.series.id}.${shows.set}`);
        const own = ownHanging(rows, columns, tiles.map((tile) => entryOf(tile) ?? null), (set) => set.study.id !== page.studyId);
        if (!own.tiles.some(Boolean)) return;
        this.#keep({ own, rules: 'own' });
        this.rule = { id: 'own', own: true, ...own };
    }

    /** As delivered, for studies of this kind. */
    forgetOwn() {
        this.#keep({ own: null, grids: null });
        this.choose(null);
    }

    /** The study has changed at the service. Series that were not here hang as if they had been, while the reader has done nothing; after that in places that
     *  are free, and nothing that hangs is moved. */
    later() {
        this.filling = this.filling.then(() => this.#later()).catch(() => {});
    }

    async #later() {
        const { page } = this;
        if (!this.here || page.isShut || !page.study) return;
        const now = this.#arrived();
        if ([...now].every((id) => this.here.has(id))) return;
        this.here = now;
        if (!this.prior) await this.loadPriors();
        const rule = this.#find();
        if (!page.touched) await this.apply(rule);
        else await this.#fill(this.rule);
    }

    async #fill(rule) {
        const { page } = this;
        const { tiles, rows, columns } = page.grid;
        if (tiles.every((tile) => tile.shows)) return;
        const hangs = rule && rule.tiles.length === rows * columns;
        const prior = hangs && this.prior && needsPrior(rule) ? await page.model.whole(this.prior.id, page.abort.signal) : null;
        if (hangs && asks(rule)) await Promise.all([page.study, prior].filter(Boolean).map((study) => this.#look(study)));
        if (page.isShut || page.abort.signal.aborted) return;
        const sets = this.#sets(page.study);
        const shown = page.grid.tiles.map(({ shows }) => shows && `${shows.series.id}.${shows.set}`);
        fill(shown, hangs ? this.#hang(rule, sets, prior ? this.#sets(prior) : []) : null, sets).forEach((set, at) => set && this.#place(page.grid.tiles[at], set));
    }

    /** What is in the series of a study, beyond what the list says. */
    async #look(study) {
        const { page } = this;
        const unknown = page.sets(study).filter((entry) => !entry.known && entry.frames > 0).slice(0, LOOKED_AT_MAX);
        await Promise.all(unknown.map(async ({ series }) => page.model.put(series.id, await getStack(series.id, page.abort.signal))));
        page.showStrip();
    }

    async apply(rule) {
        const { page } = this;
        this.rule = rule;
        const withPrior = this.prior && needsPrior(rule);
        const prior = withPrior ? await page.model.whole(this.prior.id, page.abort.signal) : null;
        if (asks(rule)) await Promise.all([page.study, prior].filter(Boolean).map((study) => this.#look(study)));
        if (page.isShut || page.abort.signal.aborted) return;
        const placed = this.#hang(rule, this.#sets(page.study), prior ? this.#sets(prior) : []);
        if (rule.id === 'own' && !placed.some(Boolean)) {
            await this.apply(chooseRule(page.study, this.#sets(page.study), Boolean(this.prior))); // nothing of the study is like what was saved
            return;
        }
        if (prior) page.model.open(prior.id);
        page.grid.set(...gridOf(rule, placed));
        page.grid.activate(page.grid.tiles[0]);
        await Promise.all(page.grid.tiles.map((tile, at) => this.#place(tile, placed[at])));
        page.showStrip();
        page.changed();
    }

    #place(tile, set) {
        const { shows } = tile;
        if (!set) {
            tile.clear();
            return null;
        }
        if (shows?.series.id === set.series.id && (!set.known || shows.set === set.set)) return null;
        return this.page.show(tile, set.study, set.series, { set: set.known ? set.set : null });
    }

    /** A person's choice, kept for studies of this kind; null: as the rules say. */
    choose(id) {
        this.#keep({ rules: id });
        this.page.touched = true;
        this.apply(this.#find()).catch(() => {});
    }

    menuItems() {
        const { page } = this;
        const fitting = rulesFor(page.study, this.#sets(page.study), Boolean(this.prior)).slice(0, OFFERED_MAX);
        const general = GENERAL.filter((rule) => this.prior || !needsPrior(rule));
        const [own, grid] = [readHanging(this.#kept('own')), readGrid(this.#kept('grids'))];
        const offered = [...fitting.slice(1), ...general.filter((rule) => !fitting.some((one) => one.id === rule.id))];
        const chosen = this.#chosen();
        const item = (id, label) => ({
            label,
            action: `hang.${id ?? 'auto'}`,
            radio: true,
            checked: (chosen ?? null) === id,
            run: () => this.choose(id),
        });
        return [
            { title: t('hang.title') },
            item(null, t('hang.auto', { name: t(`hang.${fitting[0]?.id ?? 'one'}`) })),
            ...(own ? [item('own', t('hang.own'))] : []),
            ...(grid ? [item('grid', t('hang.grid', { rows: grid[0], columns: grid[1] }))] : []),
            ...offered.map((rule) => item(rule.id, t(`hang.${rule.id}`))),
            { title: t('hang.mine') },
            { label: t('hang.save'), action: 'hang.save', disabled: !page.isOpen, run: () => this.saveOwn() },
            { label: t('hang.forget'), action: 'hang.forget', disabled: !own && !grid, run: () => this.forgetOwn() },
        ];
    }
}

export async function attach(page) {
    loadStyles('hung');
    const waited = new Promise((resolve) => { setTimeout(resolve, SETTINGS_WAIT_MS, null); });
    page.settings = (await Promise.race([Settings.load(), waited])) ?? new Settings();
    useKeys(page.settings.get('keys'));
    page.toolbar.translate();
    page.hanging = new Hanging(page);
    const begin = async () => {
        try {
            await page.hanging.loadPriors();
            await page.hanging.begin();
        } catch {
            // Without the others the study is read as it is; what failed is asked for again with the next visit.
        }
    };
    begin();
    page.listen((what, detail) => {
        if (what === 'study') page.hanging.later();
        if (what === 'open') face(detail.tile);
        if (['open', 'layout', 'change'].includes(what)) align(page.grid);
    });
    for (const tile of page.grid.tiles) face(tile);
    align(page.grid);
    return { close: () => page.settings.flush() };
}
