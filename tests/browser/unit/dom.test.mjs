// What of dom.js needs no document.
import assert from 'node:assert/strict';
import test from 'node:test';
import { afterPaint } from '../../../viewer/web/dom.js';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('what waits for the screen runs behind the second frame: by then the first one is shown', async (t) => {
    const frames = [];
    globalThis.requestAnimationFrame = (work) => frames.push(work);
    t.after(() => delete globalThis.requestAnimationFrame);
    let done = 0;
    afterPaint(() => done++);
    for (const expected of [0, 0]) {
        await pause(10);
        assert.equal(done, expected);
        frames.shift()();
    }
    assert.equal(done, 0, 'not within the frame');
    await pause(10);
    assert.equal(done, 1);
    assert.deepEqual(frames, []);
    await pause(300);
    assert.equal(done, 1, 'once');
});

test('a page that nobody looks at has no frames: then it runs by the clock', async (t) => {
    globalThis.requestAnimationFrame = () => {};
    t.after(() => delete globalThis.requestAnimationFrame);
    let done = 0;
    afterPaint(() => done++);
    await pause(100);
    assert.equal(done, 0);
    await pause(400);
    assert.equal(done, 1);
});
