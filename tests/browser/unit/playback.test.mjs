// How runs play, with a clock that the test moves: each frame its own time where a vector tells it, to and fro, trimmed, at another speed, and late ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextFrame, Playback, rangeOf, rateOf, runOf, timesOf } from '../../../viewer/web/playback.js';

const run = (frames, about = {}) => ({ series: 1, objects: [{ id: 7, ...about }], slices: Array.from({ length: frames }, (_, frame) => ({ object: 0, frame })) });
const stack = (count, about = {}) => ({ series: 1, objects: Array.from({ length: count }, (_, id) => ({ id, ...about })), slices: Array.from({ length: count }, (_, object) => ({ object, frame: 0 })) });

/** [[ms, index], ...] of what is shown from 0 on, the clock going by `every` ms to the end. */
function play(playback, { from = 0, end, every = 1, late = () => false }) {
    const shown = [[0, from]];
    let index = from;
    playback.begin(index, 0);
    for (let now = every; now <= end; now += every) {
        const next = late(index, now) ? playback.hold(index, now) : playback.step(index, now);
        if (next === 'end') return [...shown, [now, 'end']];
        if (next === null) continue;
        index = next;
        shown.push([now, index]);
    }
    return shown;
}
const order = (shown) => shown.map(([, index]) => index);
const LOOP = { loop: true, swing: false };
const SWING = { loop: true, swing: true };
const ONCE = { loop: false, swing: false };

for (const [name, object, expected] of [
    ['a frame time', { frame_time_ms: 40 }, 25],
    ['nothing', {}, 12],
    ['no object', undefined, 12],
    ['faster than can be shown', { frame_time_ms: 2 }, 60],
    ['slower than one is held', { frame_time_ms: 5000 }, 1],
])
    test(`the rate of ${name}`, () => assert.equal(rateOf(object), expected));

test('a vector: each frame has its own time, the last one the mean', () => {
    const manifest = run(4, { frame_time_ms: 100, frame_times_ms: [0, 50, 100, 150] });
    assert.deepEqual(timesOf(manifest), [50, 100, 150, 100]);
    assert.deepEqual(play(new Playback(manifest, LOOP), { end: 900 }), [[0, 0], [50, 1], [150, 2], [300, 3], [400, 0], [450, 1], [550, 2], [700, 3], [800, 0], [850, 1]]);
});

test('at twice the speed each frame has half of its time', () => {
    const playback = new Playback(run(4, { frame_time_ms: 100, frame_times_ms: [0, 50, 100, 150] }), LOOP);
    assert.equal(playback.own, 10);
    playback.rate = 20;
    assert.deepEqual(play(playback, { end: 220 }), [[0, 0], [25, 1], [75, 2], [150, 3], [200, 0]]);
});

test('frames of one time come evenly, and on the average also when the clock of the screen does not fit them', () => {
    const playback = new Playback(run(60, { frame_time_ms: 40 }), LOOP);
    const shown = play(playback, { end: 2000, every: 1000 / 60 });
    assert.ok(Math.abs(shown.length - 1 - 50) <= 1, `${shown.length - 1} frames in two seconds`);
    assert.deepEqual(order(shown).slice(0, 5), [0, 1, 2, 3, 4]);
});

for (const [name, about, from, how, expected] of [
    ['round', {}, 0, LOOP, [0, 1, 2, 3, 0, 1, 2, 3, 0]],
    ['to and fro, the ends once', {}, 0, SWING, [0, 1, 2, 3, 2, 1, 0, 1, 2]],
    ['once', {}, 0, ONCE, [0, 1, 2, 3, 'end']],
    ['trimmed round', { trim: [2, 3] }, 1, LOOP, [1, 2, 1, 2, 1, 2, 1, 2, 1]],
    ['trimmed to and fro', { trim: [2, 4] }, 1, SWING, [1, 2, 3, 2, 1, 2, 3, 2, 1]],
    ['trimmed, from a frame outside', { trim: [2, 3] }, 3, LOOP, [3, 1, 2, 1, 2, 1, 2, 1, 2]],
    ['trimmed once', { trim: [2, 3] }, 1, ONCE, [1, 2, 'end']],
])
    test(`order: ${name}`, () => assert.deepEqual(order(play(new Playback(run(4, { frame_time_ms: 100, ...about }), how), { from, end: 800 })), expected));

test('what is chosen while it plays counts from the next frame on', () => {
    const how = { ...LOOP };
    const playback = new Playback(run(3, { frame_time_ms: 100 }), how);
    assert.deepEqual(order(play(playback, { end: 200 })), [0, 1, 2]);
    how.swing = true;
    assert.deepEqual(order(play(playback, { from: 2, end: 300 })), [2, 1, 0, 1]);
});

test('no frame is left out when one comes late, and that one is seen', () => {
    const playback = new Playback(run(5, { frame_time_ms: 100 }), LOOP);
    const shown = play(playback, { end: 1000, every: 10, late: (index, now) => index === 2 && now < 650 });
    assert.deepEqual(shown.slice(0, 5), [[0, 0], [100, 1], [200, 2], [690, 3], [790, 4]]);
});

test('a stack of single objects plays at one rate and is not trimmed by one of them', () => {
    const manifest = stack(4, { frame_time_ms: 50, trim: [1, 1], frame_times_ms: [0] });
    assert.equal(runOf(manifest), null);
    assert.deepEqual(rangeOf(manifest), [0, 3]);
    assert.deepEqual(timesOf(manifest), [50, 50, 50, 50]);
});

test('a part of a run keeps the times of its frames; a trim that leaves one frame or none of it does not count', () => {
    const whole = run(6, { frame_time_ms: 100, frame_times_ms: [0, 10, 20, 30, 40, 50], trim: [1, 2] });
    const part = { ...whole, slices: whole.slices.slice(2) };
    assert.deepEqual(timesOf(part), [30, 40, 50, 1000 / 10]);
    assert.deepEqual(rangeOf(part), [0, 3]);
    assert.deepEqual(rangeOf(run(6, { trim: [6, 6] })), [0, 5]);
    assert.deepEqual(rangeOf(run(6, { trim: [3, 6] })), [2, 5]);
});

test('what plays once begins anew from its end; what does not go to and fro goes ahead', () => {
    const how = { loop: true, swing: true };
    const playback = new Playback(run(4, { frame_time_ms: 100, trim: [1, 3] }), how);
    assert.deepEqual(order(play(playback, { end: 300 })), [0, 1, 2, 1]);
    how.swing = false;
    assert.equal(playback.from(1), 1);
    assert.deepEqual(order(play(playback, { from: 1, end: 100 })), [1, 2]);
    how.loop = false;
    assert.deepEqual([playback.from(1), playback.from(2), playback.from(3)], [1, 0, 0]);
});

test('one frame goes nowhere', () => {
    assert.equal(nextFrame(0, [0, 0], 1, SWING), null);
    assert.equal(nextFrame(0, [0, 0], 1, LOOP), null);
});
