// help.js - the overlay that shows every key, as the person has them, and gesture.

import { icon, make } from './dom.js';
import { t } from './i18n.js';
import { HANDS, KEY_GROUPS, keyMap, labelsOf } from './keymap.js';

const row = (left, right) => make('div', { class: 'help-row' }, make('dt', {}, left), make('dd', {}, right));

function keyGroup(group) {
    const rows = keyMap()
        .filter((entry) => entry.group === group && labelsOf(entry).length > 0)
        .map((entry) =>
            row(
                labelsOf(entry).map((key) => (key === '–' ? ' – ' : make('kbd', {}, key))),
                t(`action.${entry.action}`),
            ),
        );
    return make('section', {}, make('h3', {}, t(`help.${group}`)), make('dl', {}, rows));
}

/** Open the help, of the keys as they are now; it closes by its button, Escape, or a press outside. */
export function openHelp(page) {
    const close = make('button', { type: 'button', class: 'tool', 'aria-label': t('action.close') }, icon('close'));
    const hands = make(
        'section',
        {},
        make('h3', {}, t('help.hands')),
        make(
            'dl',
            {},
            HANDS.map(([hand, what]) => row(t(hand), t(what))),
        ),
    );
    const columns = make('div', { class: 'help-columns' }, KEY_GROUPS.map(keyGroup), hands);
    const change = () => {
        dialog.close();
        page.commands.run('editKeys');
    };
    const edit = make('button', { type: 'button', class: 'button', dataset: { action: 'editKeys' }, onclick: change }, t('action.editKeys'));
    const dialog = make(
        'dialog',
        { class: 'help', 'aria-label': t('help.title') },
        make('header', {}, make('h2', {}, t('help.title')), close),
        columns,
        make('footer', {}, edit, make('a', { class: 'button quiet', href: '/display', target: '_blank', rel: 'noopener' }, t('help.display'))),
    );
    close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', (event) => {
        if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener('keydown', (event) => {
        event.stopPropagation();
        if (event.key === '?') dialog.close();
    });
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
}
