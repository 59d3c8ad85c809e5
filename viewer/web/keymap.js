// keymap.js - which key does what in the viewer, and how the help shows it. Plain data and a pure look-up.

export const KEYS = [
    { group: 'scroll', action: 'previous', keys: ['ArrowUp', 'ArrowLeft'], shown: ['↑'] },
    { group: 'scroll', action: 'next', keys: ['ArrowDown', 'ArrowRight'], shown: ['↓'] },
    { group: 'scroll', action: 'back10', keys: ['PageUp'], shown: ['PageUp'] },
    { group: 'scroll', action: 'ahead10', keys: ['PageDown'], shown: ['PageDown'] },
    { group: 'scroll', action: 'first', keys: ['Home'], shown: ['Home'] },
    { group: 'scroll', action: 'last', keys: ['End'], shown: ['End'] },
    { group: 'scroll', action: 'previousSeries', keys: ['['], shown: ['['] },
    { group: 'scroll', action: 'nextSeries', keys: [']'], shown: [']'] },
    { group: 'tool', action: 'tool.scroll', keys: ['s'], shown: ['S'] },
    { group: 'tool', action: 'tool.window', keys: ['w'], shown: ['W'] },
    { group: 'tool', action: 'tool.zoom', keys: ['z'], shown: ['Z'] },
    { group: 'tool', action: 'tool.pan', keys: ['p'], shown: ['P'] },
    {
        group: 'picture',
        action: 'preset',
        keys: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
        shown: ['0', '–', '9'],
    },
    { group: 'picture', action: 'invert', keys: ['i'], shown: ['I'] },
    { group: 'picture', action: 'fit', keys: ['f'], shown: ['F'] },
    { group: 'picture', action: 'oneToOne', keys: ['o'], shown: ['O'] },
    { group: 'picture', action: 'zoomIn', keys: ['+', ';', '='], shown: ['+'] },
    { group: 'picture', action: 'zoomOut', keys: ['-'], shown: ['−'] },
    { group: 'picture', action: 'rotate', keys: ['r'], shown: ['R'] },
    { group: 'picture', action: 'flipHorizontal', keys: ['h'], shown: ['H'] },
    { group: 'picture', action: 'flipVertical', keys: ['v'], shown: ['V'] },
    { group: 'picture', action: 'reset', keys: ['Escape'], shown: ['Esc'] },
    { group: 'page', action: 'text', keys: ['t'], shown: ['T'] },
    { group: 'page', action: 'fullScreen', keys: ['Enter'], shown: ['Enter'] },
    { group: 'page', action: 'list', keys: ['Backspace'], shown: ['⌫'] },
    { group: 'page', action: 'help', keys: ['?'], shown: ['?'] },
];

/** What the mouse and fingers do, for the help: [label key, hand key]. */
export const HANDS = [
    ['hand.wheel', 'help.wheel'],
    ['hand.shiftWheel', 'help.shiftWheel'],
    ['hand.ctrlWheel', 'help.ctrlWheel'],
    ['hand.left', 'help.left'],
    ['hand.shiftLeft', 'help.shiftLeft'],
    ['hand.middle', 'help.middle'],
    ['hand.right', 'help.right'],
    ['hand.swipe', 'help.swipe'],
    ['hand.pinch', 'help.pinch'],
];

/** The entry for a keydown event, null when the key is not ours or belongs to a shortcut of the browser. */
export function entryFor(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    return KEYS.find((entry) => entry.keys.includes(key)) ?? null;
}

/** The key to show beside a control: "W" for "tool.window". */
export const keyFor = (action) => KEYS.find((entry) => entry.action === action)?.shown[0] ?? '';
