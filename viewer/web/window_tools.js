// window_tools.js - a part of the viewer: the window by numbers, by a region, and the presets a person keeps.

import { getValues } from './api.js';
import { numberField, openDialog } from './dialog.js';
import { icon, make } from './dom.js';
import { loadWords, t } from './i18n.js';
import { CT_PRESETS } from './presets.js';
import { isColour } from './stack_model.js';

const PRESETS_MAX = 9;
const REGION_MIN_PX = 4; // of the screen
const REGION_SDS = 4; // width of the window in standard deviations
const MIN_SHARE = 0.1; // of the range from the darkest to the brightest, at least

/** The window that shows a region well: its mean in the middle, four standard deviations wide. null when nothing was measured. Pure. */
export function windowOfRegion({ count, mean, sd, min, max }) {
    if (!(count > 0) || ![mean, sd, min, max].every(Number.isFinite)) return null;
    return { center: mean, width: Math.max(1, REGION_SDS * sd, MIN_SHARE * (max - min)) };
}

const canWindow = (page) => page.isOpen && !isColour(page.stage.stack.object());

function openNumbers(page) {
    const now = page.stage.currentWindow() ?? { center: 0, width: 1 };
    const center = numberField(t('tools.center'), now.center, { name: 'center' });
    const width = numberField(t('tools.width'), now.width, { min: 1, name: 'width' });
    const done = () => {
        page.commands.run('setWindow', { center: center.value(), width: width.value() });
        return true;
    };
    openDialog(t('action.numbers'), [center.element, width.element], { done });
    center.input.select();
}

// ---- presets of a person

function presetRow(preset, remove) {
    const name = make('input', { type: 'text', value: preset.label ?? (preset.name ? t(preset.name) : ''), maxlength: '40', required: true, 'aria-label': t('tools.name') });
    const center = make('input', { type: 'number', step: 'any', value: String(preset.center), required: true, 'aria-label': t('tools.center') });
    const width = make('input', { type: 'number', step: 'any', min: '1', value: String(preset.width), required: true, 'aria-label': t('tools.width') });
    const out = make('button', { type: 'button', class: 'tool', 'aria-label': t('tools.remove') }, icon('close'));
    const key = make('kbd', {});
    const element = make('div', { class: 'preset-row' }, key, name, center, width, out);
    const row = { element, key, value: () => ({ label: name.value.trim(), center: Number(center.value), width: Number(width.value) }) };
    out.addEventListener('click', () => remove(row));
    return row;
}

function openPresets(page) {
    const { modality } = page.stage.stack.manifest;
    const saved = page.settings?.get('presets') ?? {};
    let rows = [];
    const heads = make('div', { class: 'preset-row heads', 'aria-hidden': 'true' }, ['', t('tools.name'), t('tools.center'), t('tools.width'), ''].map((name) => make('span', {}, name)));
    const list = make('div', { class: 'preset-rows' });
    const show = () => {
        rows.forEach((row, at) => (row.key.textContent = String(at + 1)));
        heads.hidden = rows.length === 0;
        list.replaceChildren(...rows.map((row) => row.element));
        more.disabled = rows.length >= PRESETS_MAX;
    };
    const remove = (row) => {
        rows = rows.filter((one) => one !== row);
        show();
    };
    const add = (preset) => {
        rows.push(presetRow(preset, remove));
        show();
    };
    const more = make('button', { type: 'button', class: 'button', onclick: () => add({ ...(page.stage.currentWindow() ?? { center: 40, width: 400 }), label: '' }) }, t('tools.addPreset'));
    const anew = make('button', { type: 'button', class: 'button quiet', onclick: () => save(undefined) }, t('tools.presetsAnew'));
    const save = (presets) => {
        const all = { ...saved };
        if (presets) all[modality] = presets;
        else delete all[modality];
        page.settings?.set('presets', all);
        dialog.close();
        page.changed();
    };
    const done = () => {
        save(rows.map((row) => row.value()));
        return false;
    };
    const dialog = openDialog(`${t('action.editPresets')}: ${modality}`, [heads, list, make('div', { class: 'preset-more' }, more, anew)], { yes: t('tools.save'), done });
    for (const preset of saved[modality] ?? (modality === 'CT' ? CT_PRESETS : [])) add(preset);
}

// ---- a region

class RegionLayer {
    constructor(page, stage) {
        Object.assign(this, { page, stage });
        this.box = make('div', { class: 'region-box', hidden: true });
        this.element = make('div', {}, this.box);
    }

    show() {}

    grab(from, event) {
        if (this.page.tool !== 'region' || event.button !== 0 || !canWindow(this.page)) return null;
        return {
            move: (to) => this.#draw(from, to),
            end: (to, _, cancelled) => {
                this.box.hidden = true;
                if (!cancelled && to && Math.abs(to.x - from.x) >= REGION_MIN_PX && Math.abs(to.y - from.y) >= REGION_MIN_PX) this.#measure(from, to);
            },
        };
    }

    #draw(from, to) {
        const { style } = this.box;
        this.box.hidden = false;
        style.left = `${Math.min(from.x, to.x)}px`;
        style.top = `${Math.min(from.y, to.y)}px`;
        style.width = `${Math.abs(to.x - from.x)}px`;
        style.height = `${Math.abs(to.y - from.y)}px`;
    }

    /** From stored pixels, on the server: a picture that is clipped by its window says nothing of what is beyond. */
    async #measure(from, to) {
        const { stage } = this;
        const { stack } = stage;
        const index = stage.shown?.index ?? stack.index;
        const object = stack.object(index);
        const aspect = stack.pixelAspect(index);
        const inside = (value, most) => Math.min(most, Math.max(0, value));
        const points = [from, to].map(({ x, y }) => {
            const at = stage.viewport.toPicture(x, y);
            return [inside(at.x, object.columns), inside(at.y / aspect, object.rows)];
        });
        try {
            const { series } = stack.manifest;
            const values = await getValues({ series, object: object.id, frame: stack.slice(index).frame, kind: 'rectangle', points });
            const window = windowOfRegion(values);
            if (window && stage.stack === stack) {
                stage.setWindow(window);
                this.page.changed();
            }
        } catch {
            // The line is down, which the page says; the window stays.
        }
    }
}

export async function attach(page) {
    await loadWords('tools');
    const enabled = canWindow;
    page.commands.add({
        numbers: { run: openNumbers, enabled },
        editPresets: { run: openPresets, enabled: (one) => one.isOpen },
        'tool.region': { run: () => page.setTool('region'), pressed: () => page.tool === 'region', enabled },
    });
    page.presetActions = ['numbers', 'tool.region', 'editPresets'];
    page.eachStage((stage) => stage.addLayer(new RegionLayer(page, stage)));
}
