// A person's own keys, as the viewer reckons them: names of keys, who has one, what taking it does, and what of the kept ones is believed.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { assign, deliveredKeys, entryFor, holdersOf, keyFor, keyLabel, KEYS, keyMap, keyName, labelsOf, mapOf, ownKeys, refusal, useKeys } from '../../../viewer/web/keymap.js';
import keysEn from '../../../viewer/web/lang/keys_en.js';
import keysJa from '../../../viewer/web/lang/keys_ja.js';

afterEach(() => useKeys({}));

const event = (key, more = {}) => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, ...more });
const shift = { shiftKey: true };
const keysOf = (own, action) => mapOf(own).find((entry) => entry.action === action).keys;

for (const [name, pressed, expected, label] of [
    ['a letter', event('w'), 'w', 'W'],
    ['a letter under Caps Lock', event('W'), 'w', 'W'],
    ['a letter with Shift', event('W', shift), 'Shift+w', '⇧W'],
    ['a letter with Shift under Caps Lock', event('w', shift), 'Shift+w', '⇧W'],
    ['what Shift makes of another key', event('?', shift), '?', '?'],
    ['a digit', event('3'), '3', '3'],
    ['an arrow', event('ArrowLeft'), 'ArrowLeft', '←'],
    ['an arrow with Shift', event('ArrowLeft', shift), 'Shift+ArrowLeft', '⇧←'],
    ['a function key', event('F2'), 'F2', 'F2'],
    ['the long key', event(' '), 'Space', 'Space'],
    ['kana', event('ぬ'), 'ぬ', 'ぬ'],
]) {
    test(`the name of ${name}`, () => {
        assert.equal(keyName(pressed), expected);
        assert.equal(keyLabel(expected), label);
    });
}

for (const key of ['Shift', 'Control', 'Process', 'Dead', 'Zenkaku']) test(`${key} alone is no key to give`, () => assert.equal(keyName(event(key)), ''));
test('in the middle of kana input nothing is a key', () => assert.equal(keyName(event('w', { isComposing: true })), ''));

for (const [key, expected] of [['Tab', 'browser'], ['Shift+Tab', 'browser'], ['F5', 'browser'], ['F6', ''], ['Escape', 'viewer'], ['Space', 'viewer'], ['Enter', ''], ['w', '']])
    test(`${key} ${expected ? `cannot be chosen: ${expected}` : 'can be chosen'}`, () => assert.equal(refusal(key), expected));

test('as delivered every key has one meaning, and what may not be chosen is delivered for one thing only', () => {
    const all = KEYS.flatMap((entry) => entry.keys);
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(all.filter((key) => refusal(key)), ['Escape']);
    assert.deepEqual(mapOf({}).filter((entry) => entry.changed), []);
});

test('a key taken from another command is that one’s no more; given back, both are as delivered', () => {
    assert.deepEqual(holdersOf({}, 'tool.pan', ['w']).map(({ action }) => action), ['tool.window']);
    const taken = assign({}, 'tool.pan', ['w']);
    assert.deepEqual([keysOf(taken, 'tool.pan'), keysOf(taken, 'tool.window')], [['w'], []]);
    assert.deepEqual(mapOf(taken).filter((entry) => entry.changed).map(({ action }) => action).sort(), ['tool.pan', 'tool.window']);
    assert.deepEqual(holdersOf(taken, 'tool.window', deliveredKeys('tool.window')).map(({ action }) => action), ['tool.pan']);
    const back = assign(assign(taken, 'tool.window', ['w']), 'tool.pan', ['p']);
    assert.deepEqual(back, {});
});

test('a key that a person gave and gives to something else leaves the first without', () => {
    const twice = assign(assign({}, 'fit', ['F2']), 'invert', ['F2']);
    assert.deepEqual(twice, { fit: [], invert: ['F2'] });
    assert.deepEqual(holdersOf(twice, 'rotate', ['f']), [], 'nobody has f now');
});

test('no key at all is a choice, too, and stays one', () => {
    const own = assign({}, 'takePicture', []);
    assert.deepEqual(ownKeys(JSON.parse(JSON.stringify(own))), { takePicture: [] });
    assert.deepEqual(keysOf(own, 'takePicture'), []);
});

for (const [name, kept] of [
    ['nothing', undefined],
    ['no object', 'w'],
    ['an unknown command', { explode: ['w'] }],
    ['no list', { fit: 'w' }],
    ['too many keys', { fit: ['a', 'b', 'c', 'd', 'e'] }],
    ['what is no key', { fit: [7, '', 'two words', '<b>'], invert: ['i'] }],
    ['keys that stay', { preset: ['w'] }],
])
    test(`kept keys that are ${name} change nothing, or leave none`, () => {
        const own = ownKeys(kept);
        assert.deepEqual(own, name === 'what is no key' ? { fit: [] } : {});
    });
test('of kept keys a digit, the browser’s and one that is given twice are left out', () => {
    assert.deepEqual(ownKeys({ invert: ['7', 'F5', 'F2'], fit: ['F2', 'F4'] }), { invert: ['F2'], fit: ['F4'] });
});

test('the map in use decides what a key does and what is shown beside a control', () => {
    useKeys({ 'tool.pan': ['w'], help: ['F1'] });
    assert.equal(entryFor(event('w')).action, 'tool.pan');
    assert.equal(entryFor(event('p')), null);
    assert.deepEqual([keyFor('tool.pan'), keyFor('tool.window'), keyFor('help'), keyFor('preset')], ['W', '', 'F1', '0']);
    assert.equal(entryFor(event('4')).action, 'preset');
    assert.equal(entryFor(event('w', { ctrlKey: true })), null);
    assert.deepEqual(labelsOf(keyMap().find((entry) => entry.action === 'undo')), ['Ctrl+Z']);
    useKeys(undefined);
    assert.equal(entryFor(event('w')).action, 'tool.window');
});

test('with Shift a key that has no meaning of its own does what it does without', () => {
    assert.equal(entryFor(event('ArrowDown', shift)).action, 'next');
    assert.equal(entryFor(event('R', shift)).action, 'rotate');
    assert.equal(entryFor(event('W', shift)).action, 'tool.region');
});

test('both languages have the same words for it', () => assert.deepEqual(Object.keys(keysEn).sort(), Object.keys(keysJa).sort()));
