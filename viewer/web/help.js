// help.js - the overlay that shows every key and gesture.

import { icon, make } from './dom.js';
import { t } from './i18n.js';
import { HANDS, KEYS } from './keymap.js';

const GROUPS = ['scroll', 'tool', 'picture', 'page'];

const row = (left, right) => make('div', { class: 'help-row' }, make('dt', {}, left), make('dd', {}, right));

function keyGroup(group) {
    const rows = KEYS.filter((entry) => entry.group === group).map((entry) =>
        row(
            entry.shown.map((key) => (key === '–' ? ' – ' : make('kbd', {}, key))),
            t(`action.${entry.action}`),
        ),
    );
    return make('section', {}, make('h3', {}, t(`help.${group}`)), make('dl', {}, rows));
}

/** Open the help; it closes by its button, Escape, or a press outside. */
export function openHelp() {
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
    const columns = make('div', { class: 'help-columns' }, GROUPS.map(keyGroup), hands);
    const dialog = make(
        'dialog',
        { class: 'help', 'aria-label': t('help.title') },
        make('header', {}, make('h2', {}, t('help.title')), close),
        columns,
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
