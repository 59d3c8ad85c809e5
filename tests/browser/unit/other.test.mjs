// Texts, keys, wheel, presets, addresses, states: the small rules.
import assert from 'node:assert/strict';
import test from 'node:test';
import { throttled } from '../../../viewer/web/events.js';
import { fill, preferred } from '../../../viewer/web/i18n.js';
import { dragKind, WheelSteps } from '../../../viewer/web/input.js';
import { entryFor, HANDS, KEYS } from '../../../viewer/web/keymap.js';
import en from '../../../viewer/web/lang/en.js';
import ja from '../../../viewer/web/lang/ja.js';
import layoutEn from '../../../viewer/web/lang/layout_en.js';
import layoutJa from '../../../viewer/web/lang/layout_ja.js';
import viewerEn from '../../../viewer/web/lang/viewer_en.js';
import viewerJa from '../../../viewer/web/lang/viewer_ja.js';
import { lossyOf } from '../../../viewer/web/api.js';
import { lossyNote } from '../../../viewer/web/overlay.js';
import { CT_PRESETS, presetsFor } from '../../../viewer/web/presets.js';
import { parse } from '../../../viewer/web/router.js';
import { openingSeries, neighbour } from '../../../viewer/web/series_strip.js';
import { arrival } from '../../../viewer/web/study_state.js';

test('every key and hand movement is explained in both languages', () => {
    for (const words of [{ ...en, ...viewerEn, ...layoutEn }, { ...ja, ...viewerJa, ...layoutJa }]) {
        for (const { action, group } of KEYS) assert.ok(words[`action.${action}`] && words[`help.${group}`], action);
        for (const [hand, what] of HANDS) assert.ok(words[hand] && words[what], hand);
    }
});

for (const [stored, languages, expected] of [
    [null, ['ja-JP', 'en'], 'ja'],
    [null, ['en-US'], 'en'],
    [null, ['fr', 'JA'], 'ja'],
    [null, ['fr'], 'en'],
    [null, [], 'en'],
    ['en', ['ja'], 'en'],
    ['xx', ['ja'], 'ja'],
]) {
    test(`language: stored ${stored}, browser ${languages}: ${expected}`, () => {
        assert.equal(preferred(stored, languages), expected);
    });
}

test('texts are filled, plurals chosen, unknown places left', () => {
    assert.equal(fill('{n} of {all}', { n: 1, all: 3 }), '1 of 3');
    assert.equal(fill(['{n} image', '{n} images'], { n: 1 }), '1 image');
    assert.equal(fill(['{n} image', '{n} images'], { n: '1,200' }), '1,200 images');
    assert.equal(fill('{n} {missing}', { n: 2 }), '2 {missing}');
});

const wheel = (deltaY, more = {}) => ({ deltaX: 0, deltaY, deltaMode: 0, shiftKey: false, timeStamp: 0, ...more });
for (const [name, events, expected] of [
    ['a notch is one slice', [wheel(100)], 1],
    ['a notch back', [wheel(-120)], -1],
    ['a fast notch is still one', [wheel(240)], 1],
    ['Firefox counts lines', [wheel(3, { deltaMode: 1 })], 1],
    ['Shift: ten', [wheel(100, { shiftKey: true })], 10],
    ['Shift turns the wheel sideways', [wheel(0, { deltaX: -100, shiftKey: true })], -10],
    ['sideways alone does nothing', [wheel(0, { deltaX: 100 })], 0],
    ['a trackpad adds up', [wheel(10), wheel(10), wheel(10)], 1],
    ['turning back starts anew', [wheel(20), wheel(-20)], 0],
    ['a pause starts anew', [wheel(20), wheel(20, { timeStamp: 1000 })], 0],
]) {
    test(`wheel: ${name}`, () => {
        const steps = new WheelSteps();
        assert.equal(
            events.reduce((sum, event) => sum + steps.steps(event), 0),
            expected,
        );
    });
}

const mouse = (button, more = {}) => ({ pointerType: 'mouse', button, ...more });
for (const [name, event, space, expected] of [
    ['left: the tool', mouse(0), false, 'scroll'],
    ['left with Space', mouse(0), true, 'pan'],
    ['left with Shift', mouse(0, { shiftKey: true }), false, 'window'],
    ['left with Ctrl', mouse(0, { ctrlKey: true }), false, 'zoom'],
    ['middle', mouse(1), false, 'pan'],
    ['right', mouse(2), false, 'zoom'],
    ['back button', mouse(3), false, null],
    ['finger', { pointerType: 'touch', button: 0 }, false, 'scroll'],
]) {
    test(`drag: ${name}`, () => assert.equal(dragKind(event, 'scroll', space), expected));
}

const key = (name, more = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, ...more });
for (const [name, event, expected] of [
    ['small letter', key('w'), 'tool.window'],
    ['capital letter', key('W'), 'tool.window'],
    ['digit', key('3'), 'preset'],
    ['question mark', key('?'), 'help'],
    ['arrow', key('ArrowDown'), 'next'],
    ["the browser's shortcut", key('r', { ctrlKey: true }), undefined],
    ['in the middle of kana input', key('w', { isComposing: true }), undefined],
    ['not ours', key('§'), undefined],
]) {
    test(`key: ${name}`, () => assert.equal(entryFor(event)?.action, expected));
}
test('no key has two meanings', () => {
    const all = KEYS.flatMap((entry) => entry.keys);
    assert.equal(new Set(all).size, all.length);
});

const GREY = { samples: 1, rescale_type: 'HU' };
for (const [name, modality, object, windows, expected] of [
    ['CT', 'CT', GREY, [], '0 1 2 3 4 5'],
    [
        'CT with two of its own',
        'CT',
        GREY,
        [
            { center: 1, width: 2 },
            { center: 3, width: 4 },
        ],
        '0 1 2 3 4 5 6 7',
    ],
    [
        'the same window twice',
        'CT',
        GREY,
        [
            { center: 1, width: 2 },
            { center: 1, width: 2 },
        ],
        '0 1 2 3 4 5 6',
    ],
    [
        'windows and tables of its own, more than there are keys for',
        'MR',
        { samples: 1, rescale_type: '' },
        [1, 2, 3, 4, 5].map((center) => ({ center, width: 2, lut: center > 2 ? center - 3 : undefined })),
        '0 6 7 8 9 ',
    ],
    ['MR', 'MR', { samples: 1, rescale_type: '' }, [{ center: 1, width: 2 }], '0 6'],
    ['CT not in Hounsfield units', 'CT', { samples: 1, rescale_type: 'US' }, [], '0'],
    ['colour', 'US', { samples: 3, rescale_type: '' }, [], ''],
    ['palette', 'US', { samples: 1, photometric: 'PALETTE COLOR', rescale_type: '' }, [], ''],
    ['nothing open', 'CT', null, [], ''],
]) {
    test(`presets: ${name}`, () => {
        const list = presetsFor(modality, object, { windows });
        assert.equal(list.map((preset) => preset.key).join(' '), expected);
    });
}
test('a table of the file keeps its number and its name', () => {
    const table = { center: 3, width: 4, lut: 1, explanation: 'BONE' };
    const [, preset] = presetsFor('MR', { samples: 1, rescale_type: '' }, { windows: [table] });
    assert.deepEqual(preset.window, table);
    assert.equal(preset.name, 'preset.fileTable');
    assert.equal(preset.text, 'BONE');
});

for (const [header, expected] of [
    ['jpeg;q=80;ratio=12.5', { quality: 80, ratio: 12.5, source: false, sourceRatio: 0 }],
    ['jpeg;q=50;ratio=30.1;source;source-ratio=10', { quality: 50, ratio: 30.1, source: true, sourceRatio: 10 }],
    ['source', { quality: 0, ratio: 0, source: true, sourceRatio: 0 }],
    ['no', { quality: 0, ratio: 0, source: false, sourceRatio: 0 }],
    [null, { quality: 0, ratio: 0, source: false, sourceRatio: 0 }],
]) {
    test(`X-Kakehashi-Lossy: ${header}`, () => assert.deepEqual(lossyOf(header), expected));
}

// Without a language loaded texts are their keys.
for (const [name, object, tiles, text, source] of [
    ['ours', { lossy: false }, [{ quality: 80, ratio: 12 }], 'overlay.lossy 12:1 (overlay.jpeg)', false],
    ['of several tiles the worst', { lossy: false }, [{ quality: 80, ratio: 3 }, { quality: 80, ratio: 20 }], 'overlay.lossy 20:1 (overlay.jpeg)', false],
    ['the source by its header', { lossy: true, lossy_ratio: 8 }, [{ quality: 80, ratio: 12 }], 'overlay.lossySource 8:1  overlay.lossy 12:1 (overlay.jpeg)', true],
    ['the source by its codestream', { lossy: false }, [{ quality: 80, ratio: 12, source: true, sourceRatio: 9 }], 'overlay.lossySource 9:1  overlay.lossy 12:1 (overlay.jpeg)', true],
    ['nothing known yet', { lossy: false }, [], '', false],
]) {
    test(`what is said of loss: ${name}`, () => assert.deepEqual(lossyNote(object, tiles), { text, source }));
}

test('CT presets are the usual ones', () => {
    const values = Object.fromEntries(CT_PRESETS.map(({ name, center, width }) => [name.slice(7), [center, width]]));
    assert.deepEqual(values, {
        abdomen: [40, 400],
        lung: [-600, 1500],
        mediastinum: [40, 350],
        bone: [400, 1800],
        brain: [40, 80],
    });
});

for (const [path, expected] of [
    ['/', { page: 'home' }],
    ['/studies', { page: 'list' }],
    ['/patients/7', { page: 'patient', patientId: 7 }],
    ['/patients/x', { page: 'list' }],
    ['/studies/12', { page: 'study', studyId: 12 }],
    ['/studies/12/', { page: 'study', studyId: 12 }],
    ['/studies/', { page: 'list' }],
    ['/studies/12x', { page: 'list' }],
    ['/studies/-1', { page: 'list' }],
]) {
    test(`address ${path}`, () => assert.deepEqual(parse(path), expected));
}

for (const [name, pull, kind] of [
    ['pushed', null, 'none'],
    ['running', { state: 'running', received: 3, expected: 9 }, 'arriving'],
    ['waiting', { state: 'waiting', received: 0, expected: 9 }, 'waiting'],
    ['complete', { state: 'complete', received: 9, expected: 9 }, 'complete'],
    ['unverified', { state: 'unverified', received: 9, expected: 0 }, 'unverified'],
    ['partial', { state: 'partial', received: 3, expected: 9 }, 'partial'],
    ['failed', { state: 'failed', received: 0, expected: 9 }, 'partial'],
    ['cancelled', { state: 'cancelled', received: 1, expected: 9 }, 'partial'],
]) {
    test(`arrival of a study: ${name}`, () => assert.equal(arrival({ objects: 3, pull }).kind, kind));
}

for (const [name, pull, kind] of [
    ['pushed', null, 'still'],
    ['complete as counted', { state: 'complete', received: 9, expected: 9 }, 'still'],
    ['compared just now', { state: 'running', compare: true, received: 9, expected: -1 }, 'still'],
    ['being pulled', { state: 'running', received: 3, expected: 9 }, 'arriving'],
    ['not all came', { state: 'partial', received: 3, expected: 9 }, 'partial'],
]) {
    test(`arrival of a study that is not quiet yet: ${name}`, () =>
        assert.equal(arrival({ objects: 3, arriving: true, pull }).kind, kind));
}

test('series without pictures are passed over', () => {
    const list = [
        { id: 1, frames: 0 },
        { id: 2, frames: 5 },
        { id: 3, frames: 0 },
        { id: 4, frames: 1 },
    ];
    assert.equal(openingSeries(list).id, 2);
    assert.equal(openingSeries([]), null);
    assert.equal(openingSeries([{ id: 1, frames: 2 }, ...list.slice(1)]).id, 2, 'a scout is passed over');
    assert.equal(
        openingSeries([
            { id: 1, frames: 0 },
            { id: 2, frames: 1 },
            { id: 3, frames: 1 },
        ]).id,
        2,
    );
    const keyed = list.map((series) => ({ ...series, key: series.id }));
    assert.equal(neighbour(keyed, 2, 1).id, 4);
    assert.equal(neighbour(keyed, 2, -1), null);
    assert.equal(neighbour(keyed, 4, -1).id, 2);
});

test('throttled work runs soon, then at most once per interval, and can be stopped', async () => {
    let runs = 0;
    const work = throttled(() => runs++, 150);
    for (let n = 0; n < 5; n++) work.ask();
    await new Promise((resolve) => setTimeout(resolve, 90));
    assert.equal(runs, 1);
    work.ask();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(runs, 1);
    await new Promise((resolve) => setTimeout(resolve, 160));
    assert.equal(runs, 2);
    work.ask();
    work.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(runs, 2);
});
