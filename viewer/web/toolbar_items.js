// toolbar_items.js - what stands in the viewer's toolbar, group by group: plain data. Parts of the viewer add groups by Toolbar.add().

import { presetsOf } from './commands.js';
import * as format from './format.js';
import { GRID_MAX } from './grid.js';
import { t } from './i18n.js';
import { keyFor } from './keymap.js';
import { layoutPicker } from './layout_picker.js';
import { isColour } from './stack_model.js';

function presetItems(page) {
    const more = (page.presetActions ?? []).map((action) => ({ label: t(`action.${action}`), action, key: keyFor(action), disabled: !page.commands.enabled(action), run: () => page.commands.run(action) }));
    const presets = presetsOf(page).map((preset) => ({
        label: preset.text ? `${t(preset.name)}: ${preset.text}` : preset.label || t(preset.name),
        values: preset.window ? `${format.number(preset.window.center)} / ${format.number(preset.window.width)}` : '',
        key: preset.key,
        run: () => page.commands.run('setWindow', preset.window),
    }));
    return more.length > 0 ? [...presets, { title: t('action.presets') }, ...more] : presets;
}

function layoutItems(page, close) {
    const choose = (rows, columns) => {
        close();
        page.setLayout(rows, columns);
    };
    return [{ title: t('layout.tiles') }, { element: layoutPicker(page.grid, GRID_MAX, choose) }, ...page.hangingItems()];
}

/** items: names of commands, or menus {menu, icon, items(page, close), enabled(page)?, wide?}. radio: one of the group is on. keep: groups with the smallest
 *  number go first into the menu of what has no room; menu: these are always there. */
export const GROUPS = [
    { name: 'tools', radio: true, keep: 9, items: ['tool.scroll', 'tool.window', 'tool.zoom', 'tool.pan'] },
    {
        name: 'preset',
        keep: 8,
        items: [
            {
                menu: 'presets',
                wide: true,
                items: presetItems,
                enabled: (page) => page.isOpen && !isColour(page.stage?.stack?.object()),
                tip: '0–9',
            },
        ],
    },
    { name: 'layouts', keep: 7, items: [{ menu: 'layout', items: layoutItems, enabled: (page) => Boolean(page.study) }, 'maximise'] },
    { name: 'shades', keep: 6, items: ['invert'] },
    { name: 'sizes', keep: 3, items: ['fit', 'oneToOne', 'zoomOut', 'zoomIn'] },
    { name: 'turns', keep: 2, items: ['rotate', 'flipHorizontal', 'flipVertical'] },
    { name: 'anew', keep: 5, items: ['reset'] },
    { name: 'own', menu: true, items: ['editKeys'] },
    { name: 'page', keep: 4, end: true, items: ['text', 'takePicture', 'fullScreen', 'help'] },
];
