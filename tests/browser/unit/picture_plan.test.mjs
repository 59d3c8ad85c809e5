// What a stage asks for, in which order, on lines of different rates: the steps of the ladder over a whole stack.
import assert from 'node:assert/strict';
import test from 'node:test';
import { LineMeter } from '../../../viewer/web/line_meter.js';
import { PicturePlan } from '../../../viewer/web/picture_plan.js';
import { StackModel } from '../../../viewer/web/stack_model.js';
import { Rendition } from '../../../viewer/web/tile_source.js';

const object = (id, more = {}) => ({ id, rows: 512, columns: 512, samples: 1, bits_stored: 12, photometric: 'MONOCHROME2', ...more });
function stackOf(count, more) {
    const objects = Array.from({ length: count }, (_, i) => object(100 + i, more));
    return new StackModel({ series: 7, revision: 1, tile_size: 512, default_quality: 80, objects, slices: objects.map((_, i) => ({ object: i, frame: 0 })) });
}

/** A stage without a screen: what has come is put into `here`. */
function rig(stack, { mbit = 4, trip = 40, window = null } = {}) {
    const here = new Set();
    const exact = new Set();
    const store = { losses: 0, facts: (url) => (here.has(url) ? {} : null), failure: () => null, bytesOf: (url) => (url.includes('/2/0/0.jpg') ? 2200 : 31000), slice: (url) => (exact.has(url) ? {} : null) };
    const plan = new PicturePlan(() => 60e6);
    const line = new LineMeter({ rate: (mbit * 1e6) / 8000, roundTripMs: trip });
    const target = (index) => new Rendition(stack.manifest, index, 0, window, 80);
    const make = (nowMs, windowing = null, alone = false) => plan.make({ stack, target, part: () => undefined, store, line, windowing, alone, nowMs });
    const arrive = (items) => items.forEach((item) => item.tiles.forEach(({ url }) => (item.rendition ? here : exact).add(url)));
    return { here, exact, plan, make, arrive, store };
}

/** "F150 q151 ..": F full, q small, L stored values; upper case "!" when urgent. */
function words(items) {
    return items.map((item) => {
        const url = item.tiles[0].url;
        const slice = Number(/\/(\d+)-0\//.exec(url)[1]) - 100;
        const kind = item.rendition === null ? 'L' : item.rendition.level === 0 ? 'F' : 'q';
        return `${kind}${slice}${item.urgent ? '!' : ''}`;
    });
}

test('4 Mbit/s: the full one of this slice, small ones of all by need, then full ones', () => {
    const { make, arrive } = rig(stackOf(10));
    let { items } = make(1000);
    assert.deepEqual(words(items).slice(0, 4), ['F5!', 'F6', 'F7', 'F8'], 'ten slices take no longer than a second: no small ones');
    const long = rig(stackOf(300));
    ({ items } = long.make(1000));
    assert.deepEqual(words(items).slice(0, 6), ['F150!', 'q151', 'q152', 'q153', 'q149', 'q154']);
    assert.equal(words(items).filter((one) => one.startsWith('q')).length, 256);
    assert.equal(words(items).filter((one) => one.startsWith('F')).length, 1 + 64);
    long.arrive(items);
    ({ items } = long.make(1001));
    assert.ok(words(items).every((one, i, all) => i === 0 || !(one.startsWith('q') && all[i - 1].startsWith('F'))), 'small ones first');
    arrive([]);
});

test('1 Mbit/s: the small one of this slice, too, and before its full one', () => {
    const { make } = rig(stackOf(300), { mbit: 1 });
    assert.deepEqual(words(make(1000).items).slice(0, 3), ['q150!', 'F150!', 'q151']);
});

test('until the first picture is there: it alone, its small one before it where that is worth it, and no stored values', () => {
    for (const [mbit, expected] of [[1, ['q150!', 'F150!']], [4, ['F150!']], [100, ['F150!']]]) {
        const { make, arrive } = rig(stackOf(300), { mbit });
        const { items } = make(1000, null, true);
        assert.deepEqual(words(items), expected, `${mbit} Mbit/s`);
        arrive(items);
        assert.deepEqual(words(make(9000, null, true).items), [], `${mbit} Mbit/s, when it is here`);
        assert.ok(make(9001).items.length > 64);
    }
});

test('100 Mbit/s: no small ones; stored values when the reader dwells', () => {
    const { make } = rig(stackOf(300), { mbit: 100, trip: 2 });
    const { items, lookMs } = make(1000);
    assert.ok(words(items).every((one) => one.startsWith('F')));
    assert.equal(lookMs, 350);
    assert.deepEqual(words(make(1400).items).slice(0, 2), ['F150!', 'L150']);
});

test('scrolling faster than full pictures come asks for small ones only, and for the full one when it ends', () => {
    const stack = stackOf(300);
    const { make } = rig(stack);
    make(1000);
    stack.moveBy(1);
    make(2000);
    stack.moveBy(1);
    const { items, lookMs } = make(2083);
    assert.equal(words(items)[0], 'q152!');
    assert.ok(words(items).every((one) => one.startsWith('q')));
    assert.equal(lookMs, 120);
    assert.deepEqual(words(make(2210).items).slice(0, 2), ['F152!', 'q153']);
});

test('while the window is dragged: only this slice, its stored values at once', () => {
    const { make, exact } = rig(stackOf(300));
    make(1000);
    assert.deepEqual(words(make(2000, 'drag').items), ['F150!', 'L150!']);
    exact.add('/tiles/7/250-0/lossless');
    assert.deepEqual(words(make(2001, 'drag').items), [], 'with them here nothing is asked for');
});

test('when all is here it says so, asks for stored values, and does not look through the stack again', () => {
    const stack = stackOf(30);
    const { make, arrive, plan, store } = rig(stack);
    for (let i = 0; i < 5; i++) arrive(make(1000 + i).items.filter((item) => item.rendition));
    assert.equal(plan.isAll, true);
    assert.deepEqual(words(make(3000).items), ['L15']);
    let looked = 0;
    store.facts = () => (looked++, {});
    make(3001);
    assert.ok(looked < 5, `${looked}`);
    store.losses++;
    make(3002);
    assert.ok(looked >= 29, 'something had to go: looked at again');
});

for (const [name, more, window] of [
    ['colour', { samples: 3, photometric: 'RGB' }, null],
    ['a palette', { photometric: 'PALETTE COLOR' }, null],
    ['32 bits', { bits_stored: 32 }, null],
    ['2,048 x 2,048', { rows: 2048, columns: 2048 }, null],
    ['a table of the file', {}, { center: 1, width: 1, lut: 0 }],
]) {
    test(`no stored values are asked for: ${name}`, () => {
        const { make } = rig(stackOf(3, more), { mbit: 1000, window });
        make(1000);
        assert.ok(words(make(9000).items).every((one) => !one.startsWith('L')));
    });
}

test('what cannot be shown is passed over', () => {
    const stack = stackOf(5);
    stack.manifest.objects[3].problem = 'no pixels';
    const { make } = rig(stack, { mbit: 100 });
    assert.deepEqual(words(make(1000).items), ['F2!', 'F4', 'F1', 'F0']);
});
