// keymap.js - which key does what in the viewer: what is delivered, what a person has made of it, and the look-up. Plain data and pure functions, but for
// the map in use. A key is named as KeyboardEvent.key does, letters small, with "Shift+" before letters and named keys ("Shift+l", "Shift+Home"): what
// Shift makes of another key is a character of its own ("?"), on whichever keyboard.

/** In which order they are listed. */
export const KEY_GROUPS = ['scroll', 'tool', 'picture', 'marks', 'page'];

/** As delivered. fixed: these keys stay. always: what does it as well, whatever a person chooses. */
export const KEYS = [
    { group: 'scroll', action: 'previous', keys: ['ArrowUp', 'ArrowLeft'] },
    { group: 'scroll', action: 'next', keys: ['ArrowDown', 'ArrowRight'] },
    { group: 'scroll', action: 'back10', keys: ['PageUp'] },
    { group: 'scroll', action: 'ahead10', keys: ['PageDown'] },
    { group: 'scroll', action: 'first', keys: ['Home'] },
    { group: 'scroll', action: 'last', keys: ['End'] },
    { group: 'scroll', action: 'previousSeries', keys: ['['] },
    { group: 'scroll', action: 'nextSeries', keys: [']'] },
    { group: 'tool', action: 'tool.scroll', keys: ['s'] },
    { group: 'tool', action: 'tool.window', keys: ['w'] },
    { group: 'tool', action: 'tool.zoom', keys: ['z'] },
    { group: 'tool', action: 'tool.pan', keys: ['p'] },
    { group: 'picture', action: 'preset', keys: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'], fixed: true },
    { group: 'picture', action: 'invert', keys: ['i'] },
    { group: 'picture', action: 'fit', keys: ['f'] },
    { group: 'picture', action: 'oneToOne', keys: ['o'] },
    { group: 'picture', action: 'zoomIn', keys: ['+', ';', '='] },
    { group: 'picture', action: 'zoomOut', keys: ['-'] },
    { group: 'picture', action: 'rotate', keys: ['r'] },
    { group: 'picture', action: 'flipHorizontal', keys: ['h'] },
    { group: 'picture', action: 'flipVertical', keys: ['v'] },
    { group: 'picture', action: 'reset', keys: ['Escape'] },
    { group: 'picture', action: 'states', keys: ['Shift+v'] },
    { group: 'picture', action: 'overlays', keys: ['Shift+t'] },
    { group: 'tool', action: 'tool.localise', keys: ['Shift+l'] },
    { group: 'tool', action: 'tool.region', keys: ['Shift+w'] },
    { group: 'tool', action: 'magnifier', keys: ['Shift+g'] },
    { group: 'picture', action: 'numbers', keys: ['Shift+n'] },
    { group: 'picture', action: 'editPresets', keys: [] },
    { group: 'picture', action: 'trueSize', keys: ['Shift+o'] },
    { group: 'picture', action: 'calibrate', keys: [] },
    { group: 'scroll', action: 'cine', keys: ['Shift+c'] },
    { group: 'page', action: 'simple', keys: ['Shift+p'] },
    { group: 'page', action: 'hideNames', keys: ['Shift+h'] },
    { group: 'page', action: 'secondWindow', keys: ['Shift+d'] },
    { group: 'page', action: 'sync.on', keys: ['Shift+s'] },
    { group: 'page', action: 'sync.scroll', keys: [] },
    { group: 'page', action: 'sync.window', keys: [] },
    { group: 'page', action: 'sync.zoom', keys: [] },
    { group: 'page', action: 'sync.turn', keys: [] },
    { group: 'page', action: 'syncHere', keys: ['Shift+k'] },
    { group: 'page', action: 'syncOff', keys: [] },
    { group: 'page', action: 'sync.lines', keys: ['Shift+x'] },
    { group: 'page', action: 'maximise', keys: ['m'] },
    { group: 'marks', action: 'tool.length', keys: ['l'] },
    { group: 'marks', action: 'tool.bidirectional', keys: ['b'] },
    { group: 'marks', action: 'tool.angle', keys: ['a'] },
    { group: 'marks', action: 'tool.cobb', keys: ['c'] },
    { group: 'marks', action: 'tool.rectangle', keys: ['g'] },
    { group: 'marks', action: 'tool.ellipse', keys: ['e'] },
    { group: 'marks', action: 'tool.freehand', keys: ['d'] },
    { group: 'marks', action: 'tool.probe', keys: ['u'] },
    { group: 'marks', action: 'tool.arrow', keys: ['j'] },
    { group: 'marks', action: 'tool.text', keys: ['n'] },
    { group: 'marks', action: 'key', keys: ['k'] },
    { group: 'marks', action: 'deleteMark', keys: ['Delete'] },
    { group: 'marks', action: 'undo', keys: [], always: 'Ctrl+Z' },
    { group: 'marks', action: 'redo', keys: [], always: 'Ctrl+Shift+Z' },
    { group: 'marks', action: 'marksHidden', keys: ['x'] },
    { group: 'marks', action: 'marksList', keys: ['y'] },
    { group: 'page', action: 'text', keys: ['t'] },
    { group: 'page', action: 'takePicture', keys: ['q'] },
    { group: 'page', action: 'fullScreen', keys: ['Enter'] },
    { group: 'page', action: 'list', keys: ['Backspace'] },
    { group: 'page', action: 'help', keys: ['?'] },
    { group: 'page', action: 'editKeys', keys: [] },
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

/** Of one action. */
export const KEYS_MAX = 4;
const NAME = /^(Shift\+)?(\S|[A-Z][A-Za-z0-9]{1,19})$/u;
const WITHOUT_NAME = ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'NumLock', 'Process', 'Dead', 'Unidentified', 'KanaMode', 'HiraganaKatakana', 'Hankaku', 'Zenkaku', 'ZenkakuHankaku', 'NonConvert', 'Convert', 'Eisu', 'Alphanumeric'];
const BROWSERS = ['Tab', 'F5', 'F11', 'F12', 'ContextMenu', 'PrintScreen'];
const OURS = ['Space', 'Escape']; // a drag with Space moves the picture; Escape leaves what one is in

const alike = (a, b) => a.length === b.length && a.every((key, at) => key === b[at]);

/** A person's own keys, {action: [key, ...]}, of the actions whose keys are not as delivered. What is no such thing is left out. */
export function ownKeys(value) {
    const own = {};
    const taken = new Set(KEYS.filter((entry) => entry.fixed).flatMap((entry) => entry.keys));
    for (const { action, fixed, keys: delivered } of KEYS) {
        const list = fixed ? null : value?.[action];
        if (!Array.isArray(list) || list.length > KEYS_MAX) continue;
        const keys = [...new Set(list)].filter((key) => typeof key === 'string' && NAME.test(key) && !taken.has(key) && (!refusal(key) || delivered.includes(key)));
        for (const key of keys) taken.add(key);
        if (!alike(keys, delivered)) own[action] = keys;
    }
    return own;
}

/** The map: KEYS with a person's own keys, changed telling which are not as delivered. A key that a person gave to something else is not what it was. */
export function mapOf(own) {
    const taken = new Set(Object.values(own).flat());
    return KEYS.map((entry) => {
        const keys = own[entry.action] ?? entry.keys.filter((key) => !taken.has(key));
        return { ...entry, keys, changed: !alike(keys, entry.keys) };
    });
}

/** Whose these keys are now: entries of the map, without that of the action. */
export const holdersOf = (own, action, keys) => mapOf(own).filter((entry) => entry.action !== action && entry.keys.some((key) => keys.includes(key)));

/** An action gets these keys and who had them loses them; own keys as they are then. */
export function assign(own, action, keys) {
    const rest = Object.entries(own).map(([other, list]) => [other, list.filter((key) => !keys.includes(key))]);
    return ownKeys({ ...Object.fromEntries(rest), [action]: keys });
}

export const deliveredKeys = (action) => KEYS.find((entry) => entry.action === action).keys;

/** The name of the key of a keydown event; "" for Shift and its like alone, and where an input method is at work. */
export function keyName({ key, shiftKey, isComposing }) {
    if (isComposing || WITHOUT_NAME.includes(key)) return '';
    if (key === ' ') return 'Space';
    if ([...key].length > 1) return `${shiftKey ? 'Shift+' : ''}${key}`;
    const small = key.toLowerCase();
    return shiftKey && small !== key.toUpperCase() ? `Shift+${small}` : small;
}

/** Why a key cannot be chosen: "browser" or "viewer", whose it is; "" when it can. */
export function refusal(name) {
    const key = name.replace(/^Shift\+/, '');
    if (BROWSERS.includes(key)) return 'browser';
    return OURS.includes(key) ? 'viewer' : '';
}

const LABELS = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', Delete: 'Del', Backspace: '⌫', '-': '−' };

/** As a key cap shows it: "⇧L" for "Shift+l". */
export function keyLabel(name) {
    const [, shift, key] = /^(Shift\+)?(.+)$/s.exec(name);
    return `${shift ? '⇧' : ''}${LABELS[key] ?? (key.length === 1 ? key.toUpperCase() : key)}`;
}

/** What the help shows for an entry: labels, of the digits the first and the last. */
export function labelsOf({ keys, fixed, always }) {
    const labels = keys.map(keyLabel);
    return [...(fixed ? [labels[0], '–', labels.at(-1)] : labels), ...(always ? [always] : [])];
}

let inUse = mapOf({});

/** From now on the keys are a person's own; {} or nothing: as delivered. */
export function useKeys(value) {
    inUse = mapOf(ownKeys(value));
}

export const keyMap = () => inUse;

/** The entry for a keydown event, null when the key is not ours or belongs to a shortcut of the browser. */
export function entryFor(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    const name = keyName(event);
    const held = (key) => inUse.find((entry) => entry.keys.includes(key));
    return held(name) ?? held(name.replace(/^Shift\+/, '')) ?? null;
}

/** The key to show beside a control: "W" for "tool.window". */
export function keyFor(action) {
    const entry = inUse.find((one) => one.action === action);
    return entry ? (labelsOf(entry)[0] ?? '') : '';
}
