// Zoom, pan, turning: points that must stay in place do, and what is visible is inside the picture.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Viewport } from '../../../viewer/web/viewport.js';

const near = (a, b, message) => assert.ok(Math.abs(a - b) < 1e-6, `${message ?? ''} got ${a}, expected ${b}`);

function viewport(width = 800, height = 600, columns = 512, rows = 512) {
    const v = new Viewport();
    v.setView(width, height);
    v.setPicture(columns, rows);
    return v;
}

for (const [name, view, picture, scale] of [
    ['square picture in a wide view', [800, 600], [512, 512], 600 / 512],
    ['wide picture in a wide view', [800, 600], [1600, 400], 0.5],
    ['tall picture in a tall view', [400, 900], [200, 300], 2],
]) {
    test(`fit: ${name}`, () => {
        const v = viewport(...view, ...picture);
        near(v.scale, scale);
        const corner = v.toView(0, 0);
        near(corner.x, (view[0] - picture[0] * scale) / 2);
        near(corner.y, (view[1] - picture[1] * scale) / 2);
    });
}

test('a turned picture is fitted by its other side', () => {
    const v = viewport(800, 400, 100, 400);
    near(v.scale, 1);
    v.rotate(1);
    near(v.scale, 2);
});

test('zooming keeps the point under the pointer', () => {
    const v = viewport();
    v.rotate(1);
    v.flip(false);
    const before = v.toPicture(321, 123);
    v.zoomBy(3.7, 321, 123);
    const after = v.toPicture(321, 123);
    near(before.x, after.x);
    near(before.y, after.y);
});

test('to the view and back is the same point, for every turn and flip', () => {
    for (let turns = 0; turns < 4; turns++) {
        for (const flips of [[], [false], [true], [false, true]]) {
            const v = viewport(900, 500, 640, 480);
            v.rotate(turns);
            for (const vertical of flips) v.flip(vertical);
            v.zoomBy(2.5, 100, 80);
            v.pan(13, -7);
            const p = v.toView(17, 401);
            const q = v.toPicture(p.x, p.y);
            near(q.x, 17);
            near(q.y, 401);
        }
    }
});

test('turning right moves the upper left corner to the upper right', () => {
    const v = viewport(512, 512);
    v.rotate(1);
    const p = v.toView(0, 0);
    near(p.x, 512);
    near(p.y, 0);
});

test('a flip exchanges the sides as seen on the screen, also when turned and moved', () => {
    for (const [vertical, axis] of [
        [false, 'x'],
        [true, 'y'],
    ]) {
        const v = viewport();
        v.rotate(1);
        v.zoomBy(2);
        v.pan(30, 20);
        const before = v.toView(100, 200);
        v.flip(vertical);
        const after = v.toView(100, 200);
        const size = axis === 'x' ? 800 : 600;
        near(after[axis], size - before[axis]);
        const other = axis === 'x' ? 'y' : 'x';
        near(after[other], before[other]);
    }
});

test('one picture pixel takes one pixel of the screen at 1:1', () => {
    const v = viewport();
    v.oneToOne(2);
    near(v.scale, 0.5);
});

test('zoom stops at both ends', () => {
    const v = viewport();
    v.zoomBy(1e9);
    assert.equal(v.scale, 32);
    v.zoomBy(1e-9);
    assert.equal(v.scale, 0.25);
});

test('a picture cannot be pushed off the view', () => {
    const v = viewport();
    v.pan(1e6, -1e6);
    const { left, right, top, bottom } = v.visible();
    assert.ok(right > left && bottom > top);
});

test('a fitted picture follows the view, a zoomed one keeps its scale, another size is fitted anew', () => {
    const v = viewport();
    v.setView(400, 300);
    near(v.scale, 300 / 512);
    v.zoomBy(2);
    const { scale } = v;
    v.setView(500, 500);
    near(v.scale, scale);
    v.setPicture(512, 512);
    near(v.scale, scale);
    v.setPicture(256, 256);
    near(v.scale, 500 / 256);
});

test('visible is the whole picture when fitted and a part when zoomed', () => {
    const v = viewport(512, 512);
    assert.deepEqual(v.visible(), { left: 0, right: 512, top: 0, bottom: 512 });
    v.zoomBy(2);
    assert.deepEqual(v.visible(), { left: 128, right: 384, top: 128, bottom: 384 });
});

test('reset forgets turning, flipping and zoom', () => {
    const v = viewport();
    v.rotate(1);
    v.flip(true);
    v.zoomBy(3);
    v.reset();
    assert.deepEqual(v.turn(), { a: 1, b: 0, c: 0, d: 1 });
    near(v.scale, 600 / 512);
});

test('turns that follow another picture are as seen on the screen, whichever way each lay', () => {
    for (const before of [{}, { quarterTurns: 1 }, { flip: 'horizontal' }, { quarterTurns: 3, flip: 'vertical' }])
        for (const turn of [{ quarterTurns: 1 }, { quarterTurns: -1 }, { flip: 'horizontal' }, { flip: 'vertical' }]) {
            const v = viewport(600, 600);
            v.turnBy(before);
            const seen = v.toView(40, 100); // an unlike point
            v.turnBy(turn);
            const [x, y] = [seen.x - 300, seen.y - 300];
            const wanted = turn.flip === 'horizontal' ? [-x, y] : turn.flip === 'vertical' ? [x, -y] : turn.quarterTurns === 1 ? [-y, x] : [y, -x];
            const now = v.toView(40, 100);
            near(now.x - 300, wanted[0], JSON.stringify([before, turn]));
            near(now.y - 300, wanted[1], JSON.stringify([before, turn]));
        }
    const v = viewport(600, 600);
    v.turnBy({ quarterTurns: 1, flip: 'vertical' });
    v.turnBy({ upright: true });
    near(v.toView(0, 0).x, 0);
    assert.equal(v.flipped, false);
});

for (const [name, wall, turn, side] of [
    ['right', 1, {}, 'right'],
    ['left', -1, {}, 'left'],
    ['right, mirrored', 1, { flip: 'horizontal' }, 'left'],
    ['right, on its head', 1, { quarterTurns: 2 }, 'left'],
    ['right, turned right', 1, { quarterTurns: 1 }, 'bottom'],
    ['left, turned right', -1, { quarterTurns: 1 }, 'top'],
    ['nowhere', 0, {}, ''],
])
    test(`a fitted picture whose wall is ${name} lies at that edge of the view, no larger than it may be`, () => {
        const v = new Viewport();
        v.setView(400, 300);
        v.setPicture(100, 100);
        v.hang(wall, 2);
        v.turnBy(turn);
        const corners = [v.toView(0, 0), v.toView(100, 100)];
        const [left, right] = corners.map(({ x }) => x).sort((a, b) => a - b);
        const [top, bottom] = corners.map(({ y }) => y).sort((a, b) => a - b);
        near(v.scale, 2);
        near(right - left, 200);
        near(left, { left: 0, right: 200 }[side] ?? 100);
        near(top, { top: 0, bottom: 100 }[side] ?? 50);
        assert.equal(v.hang(wall, 2), false, 'nothing has changed');
        v.pan(10, 0);
        assert.equal(v.hang(-wall, Infinity), false, 'a picture that was moved stays where it is');
    });
