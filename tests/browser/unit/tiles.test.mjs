// Tiles: which ones make a picture, the order they are fetched in, and the limits of what is kept.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { ApiError, tileUrl } from '../../../viewer/web/api.js';
import { SharedLimit, TileCache } from '../../../viewer/web/tile_cache.js';
import { batchKey, BatchReader, batchUrl } from '../../../viewer/web/tile_batch.js';
import { TileLoader } from '../../../viewer/web/tile_loader.js';
import { levelFor, levelSize, Rendition, topLevel } from '../../../viewer/web/tile_source.js';

const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

test('the address of a tile is that of the API', () => {
    const window = { center: -600, width: 1500 };
    assert.equal(tileUrl(31, 977, 2, 1, 3, 4, window, 80), '/tiles/31/977-2/1/3/4.jpg?c=-600&w=1500&q=80');
    assert.equal(tileUrl(31, 977, 0, 0, 0, 0, null, 50), '/tiles/31/977-0/0/0/0.jpg?q=50');
});

// ceil(size / 2^n), to the level that fits one tile.
for (const [columns, rows, top] of [
    [512, 512, 0],
    [513, 1, 1],
    [1024, 1024, 1],
    [1025, 1024, 2],
    [3062, 2394, 3],
    [1, 1, 0],
]) {
    test(`top level of ${columns} x ${rows}`, () => assert.equal(topLevel(columns, rows, 512), top));
}
test('sides of a level are rounded up', () => assert.deepEqual([levelSize(1025, 1), levelSize(1025, 2)], [513, 257]));

for (const [scale, level] of [
    [2, 0],
    [1, 0],
    [0.99, 0],
    [0.52, 0],
    [0.5, 1],
    [0.26, 1],
    [0.25, 2],
    [0.01, 3],
]) {
    test(`a 3062 x 2394 picture at ${scale} screen pixels per pixel takes level ${level}`, () => {
        assert.equal(levelFor(scale, 3062, 2394, 512), level);
    });
}

function manifest(columns, rows) {
    return { series: 7, tile_size: 512, objects: [{ id: 9, columns, rows }], slices: [{ object: 0, frame: 0 }] };
}
const places = (tiles) =>
    tiles.map((tile) =>
        tile.url
            .split('/')
            .slice(4, 7)
            .join('/')
            .replace(/\.jpg.*/, ''),
    );

test('a picture of one tile', () => {
    const [tile, ...rest] = new Rendition(manifest(512, 512), 0, 0, null, 80).tiles();
    assert.equal(rest.length, 0);
    assert.deepEqual(tile, { url: '/tiles/7/9-0/0/0/0.jpg?q=80', left: 0, top: 0, right: 512, bottom: 512 });
});

test('tiles of a large picture cover it without overlap, the last ones smaller', () => {
    const tiles = new Rendition(manifest(1300, 600), 0, 0, null, 80).tiles();
    assert.deepEqual(places(tiles), ['0/0/0', '0/1/0', '0/2/0', '0/0/1', '0/1/1', '0/2/1']);
    const area = tiles.reduce((sum, tile) => sum + (tile.right - tile.left) * (tile.bottom - tile.top), 0);
    assert.equal(area, 1300 * 600);
});

for (const [name, part, expected] of [
    ['inside one tile', { left: 10, top: 10, right: 20, bottom: 20 }, ['0/0/0']],
    ['across a border', { left: 500, top: 0, right: 600, bottom: 100 }, ['0/0/0', '0/1/0']],
    ['up to a border', { left: 0, top: 0, right: 512, bottom: 512 }, ['0/0/0']],
    ['a pixel past it', { left: 0, top: 0, right: 513, bottom: 512 }, ['0/0/0', '0/1/0']],
    ['at the far end', { left: 1299, top: 599, right: 1300, bottom: 600 }, ['0/2/1']],
]) {
    test(`tiles of a part: ${name}`, () => {
        assert.deepEqual(places(new Rendition(manifest(1300, 600), 0, 0, null, 80).tiles(part)), expected);
    });
}

test('at a level a tile spans more of the picture', () => {
    assert.deepEqual(places(new Rendition(manifest(1300, 600), 0, 1, null, 80).tiles()), ['1/0/0', '1/1/0']);
});

test('the cache keeps to its bytes and forgets what was used longest ago', () => {
    const gone = [];
    const cache = new TileCache(30, { dispose: (value) => gone.push(value) });
    for (const key of ['a', 'b', 'c']) cache.set(key, key, 10);
    cache.get('a');
    cache.set('d', 'd', 10);
    assert.deepEqual(gone, ['b']);
    assert.equal(cache.bytes, 30);
    cache.set('a', 'A', 5);
    assert.deepEqual(gone, ['b', 'a']);
    assert.equal(cache.bytes, 25);
    cache.clear();
    assert.equal(cache.bytes, 0);
    assert.equal(cache.size, 0);
});

test('two caches keep to one bound: the first made gives first', () => {
    const limit = new SharedLimit(100);
    const decoded = new TileCache(80, { limit });
    const received = new TileCache(80, { limit });
    for (let i = 0; i < 6; i++) decoded.set(`d${i}`, i, 10);
    for (let i = 0; i < 7; i++) received.set(`r${i}`, i, 10);
    assert.equal(limit.bytes, 100);
    assert.deepEqual(decoded.keys(), ['d3', 'd4', 'd5']);
    assert.equal(received.size, 7);
    decoded.set('d6', 6, 40);
    assert.deepEqual(decoded.keys(), ['d6'], 'the newest stays');
    assert.equal(limit.bytes, 100);
    assert.deepEqual(received.keys(), ['r1', 'r2', 'r3', 'r4', 'r5', 'r6']);
});

test('the cache keeps pinned entries and the newest, whatever their size', () => {
    const cache = new TileCache(10, { pinned: (key) => key === 'shown' });
    cache.set('shown', 1, 8);
    cache.set('other', 2, 2);
    cache.set('big', 3, 100);
    assert.ok(cache.has('shown') && cache.has('big') && !cache.has('other'));
});

const loaders = [];
after(() => loaders.forEach((loader) => loader.stop()));

/** A loader whose requests are answered by hand. */
function rig(concurrency = 2) {
    const asked = [];
    const log = { tiles: [], errors: [], idle: 0 };
    const loader = new TileLoader({
        concurrency,
        fetchTile: (url, signal) =>
            new Promise((resolve, reject) => {
                asked.push({ url, resolve, reject, signal });
                signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
            }),
        onTile: (url) => log.tiles.push(url),
        onError: (url, error, again) => log.errors.push([url, error.status, again]),
        onIdle: () => log.idle++,
    });
    loaders.push(loader);
    const open = () => asked.filter((one) => !one.signal.aborted && !one.done).map((one) => one.url);
    const find = (url) => asked.findLast((one) => one.url === url && !one.signal.aborted && !one.done);
    const answer = async (url) => {
        const one = find(url);
        one.done = true;
        one.resolve('tile');
        await later();
    };
    const fail = async (url, error) => {
        const one = find(url);
        one.done = true;
        one.reject(error);
        await later();
    };
    return { loader, asked, log, open, answer, fail };
}
const wanted = (text, urgent = '') => [...text].map((url) => ({ url, urgent: urgent.includes(url) }));

test('the loader asks for few at a time, in the order of need', async () => {
    const { loader, log, open, answer } = rig(2);
    loader.want(wanted('abcd', 'a'));
    assert.deepEqual(open(), ['a', 'b']);
    await answer('b');
    assert.deepEqual(open(), ['a', 'c']);
    await answer('a');
    await answer('c');
    await answer('d');
    assert.deepEqual(log.tiles, ['b', 'a', 'c', 'd']);
    assert.equal(log.idle, 1);
});

test('what is wanted no more is cancelled, what still is goes on', () => {
    const { loader, open } = rig(2);
    const large = (text) => wanted(text).map((item) => ({ ...item, bytes: 1.5 * 2 ** 20 }));
    loader.want(large('ab'));
    loader.want(large('bc'));
    assert.deepEqual(open(), ['b', 'c']);
});

test('an urgent tile takes the place of the least needed running one', () => {
    const { loader, open } = rig(2);
    loader.want(wanted('abc'));
    loader.want(wanted('xab', 'x'));
    assert.deepEqual(open().sort(), ['a', 'x']);
});

test('two urgent tiles never push each other out', () => {
    const { loader, open } = rig(2);
    loader.want(wanted('abcd', 'abcd'));
    assert.deepEqual(open(), ['a', 'b']);
});

test('an object that cannot be shown is not asked for again', async () => {
    const { loader, log, asked, fail } = rig(2);
    loader.want(wanted('a', 'a'));
    await fail('a', new ApiError(422, 'cannot_show', 'no pixels'));
    assert.equal(loader.failure('a').message, 'no pixels');
    loader.want(wanted('a', 'a'));
    assert.equal(asked.length, 1);
    assert.deepEqual(log.errors, [['a', 422, false]]);
    loader.forgive();
    loader.want(wanted('a', 'a'));
    assert.equal(asked.length, 2);
});

test('a busy service is asked again after the time it names', async () => {
    const { loader, log, open, fail, answer } = rig(2);
    loader.want(wanted('a', 'a'));
    await fail('a', new ApiError(503, 'busy', 'later', 20));
    assert.deepEqual(open(), []);
    assert.equal(loader.failure('a'), null);
    await later(40);
    assert.deepEqual(open(), ['a']);
    await answer('a');
    assert.deepEqual(log.tiles, ['a']);
});

test('a service that stays busy fails in the end; a cut line is waited for', async () => {
    for (const [status, ends] of [
        [503, true],
        [0, false],
    ]) {
        const { loader, fail } = rig(2);
        loader.want(wanted('a', 'a'));
        for (let n = 0; n < 4; n++) {
            await fail('a', new ApiError(status, 'x', 'x', 1));
            await later(10);
        }
        assert.equal(!!loader.failure('a'), ends);
        loader.stop();
    }
});

/** A loader whose batches are answered by hand; items whose name has a digit go together. */
function batchRig(budget = 2 ** 22, clock = () => 0) {
    const batches = [];
    const singles = [];
    const log = { tiles: [], errors: [] };
    const aborted = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError'))));
    const loader = new TileLoader({
        concurrency: 5,
        clock,
        budget: typeof budget === 'function' ? budget : () => budget,
        batchKey: (url) => (/\d/.test(url) ? url[0] : null),
        fetchTile: (url, signal) => {
            singles.push({ url, signal });
            return aborted(signal);
        },
        fetchBatch: (urls, signal, onTile, onError, onMove) => {
            const batch = { urls, signal, onTile, onError, onMove };
            batches.push(batch);
            return Promise.race([aborted(signal), new Promise((resolve, reject) => Object.assign(batch, { resolve, reject }))]);
        },
        onTile: (url) => log.tiles.push(url),
        onError: (url, error, again) => log.errors.push([url, error.status, again]),
    });
    loaders.push(loader);
    return { loader, batches, singles, log };
}
const row = (prefix, count, urgent = []) => Array.from({ length: count }, (_, i) => ({ url: `${prefix}${i}`, urgent: urgent.includes(i) }));

const flush = () => later();
const sized = (prefix, count, bytes, urgent = []) => row(prefix, count, urgent).map((item) => ({ ...item, bytes }));

test('a batch is what the line holds; the next request leaves when half of it is here', async () => {
    const { loader, batches, log } = batchRig(100);
    loader.want(sized('a', 300, 10));
    assert.deepEqual(batches.map((one) => [one.urls[0], one.urls.length]), [['a0', 10]]);
    for (let i = 0; i < 4; i++) batches[0].onTile(`a${i}`, 'tile');
    assert.equal(batches.length, 1);
    batches[0].onTile('a4', 'tile');
    assert.deepEqual(batches.map((one) => [one.urls[0], one.urls.length]), [['a0', 10], ['a10', 10]]);
    assert.equal(loader.outstanding, 150, 'one waits behind what is left of the other');
    for (let i = 5; i < 9; i++) batches[0].onTile(`a${i}`, 'tile');
    assert.equal(batches.length, 2);
    assert.equal(log.tiles.length, 9);
    loader.stop();
});

test('one tile is asked for whatever the line holds', () => {
    const { loader, batches } = batchRig(5);
    loader.want(sized('a', 3, 10));
    assert.deepEqual(batches.map((one) => one.urls), [['a0']]);
    loader.stop();
});

test('what is urgent comes alone, and has the line for itself unless it is fast', () => {
    const { loader, batches, singles } = batchRig(100);
    loader.want(sized('a', 30, 20, [0]));
    assert.deepEqual(singles.map((one) => one.url), ['a0']);
    assert.equal(batches.length, 0);
    loader.stop();
    const fast = batchRig(1000);
    fast.loader.want(sized('a', 30, 20, [0]));
    assert.deepEqual(fast.batches.map((one) => one.urls.length), [29]);
    fast.loader.stop();
});

test('tiles of another key are not in the same batch, those of none come alone', () => {
    const { loader, batches, singles } = batchRig(1000);
    loader.want([{ url: 'a1' }, { url: 'b1' }, { url: 'x' }, { url: 'a2' }].map((item) => ({ ...item, bytes: 10 })));
    assert.deepEqual(batches.map((one) => one.urls), [['a1', 'a2'], ['b1']]);
    assert.deepEqual(singles.map((one) => one.url), ['x']);
    loader.stop();
});

test('a batch that ends makes place for the next; what it did not bring is asked for again', async () => {
    const { loader, batches, log } = batchRig(100);
    loader.want(sized('a', 40, 10));
    batches[0].onTile('a0', 'tile');
    batches[0].onError('a1', new ApiError(422, 'cannot_show', 'no'));
    batches[0].reject(new ApiError(0, 'unreachable', 'cut', 1));
    await flush();
    assert.deepEqual(log.tiles, ['a0']);
    assert.equal(loader.failure('a1').status, 422);
    assert.equal(log.errors.filter(([, status, again]) => status === 0 && again).length, 8);
    await later(20);
    assert.deepEqual(batches[1].urls, ['a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9', 'a10', 'a11']);
    loader.stop();
});

test('what is stale ends when much of it is still to come; what is as good as here goes on', () => {
    const { loader, batches, log } = batchRig(100);
    loader.want(sized('a', 10, 10));
    loader.want(sized('b', 10, 10));
    assert.equal(batches[0].signal.aborted, true);
    assert.deepEqual(batches[1].urls.slice(0, 2), ['b0', 'b1']);
    for (let i = 0; i < 8; i++) batches[1].onTile(`b${i}`, 'tile');
    loader.want(sized('c', 10, 10));
    assert.equal(batches[1].signal.aborted, false);
    batches[1].onTile('b8', 'tile');
    assert.ok(log.tiles.includes('b8'), 'and is not thrown away');
    loader.stop();
});

test('for an urgent tile what is queued ends when it is more than the line may hold', () => {
    let holds = 100;
    const { loader, batches, singles } = batchRig(() => holds);
    loader.want(sized('a', 30, 10));
    loader.want([{ url: 'z', urgent: true, bytes: 10 }, ...sized('a', 30, 10)]);
    assert.equal(batches[0].signal.aborted, false, 'the line holds it');
    assert.deepEqual(singles.map((one) => one.url), ['z']);
    loader.stop();
    holds = 100;
    const slower = batchRig(() => holds);
    slower.loader.want(sized('a', 30, 10));
    holds = 20; // the line turned out to be slower
    slower.loader.want([{ url: 'z', urgent: true, bytes: 10 }, ...sized('a', 30, 10)]);
    assert.equal(slower.batches[0].signal.aborted, true);
    slower.loader.stop();
});

test('a batch that brings an urgent tile now is left to it', () => {
    let holds = 100;
    const { loader, batches, singles } = batchRig(() => holds);
    loader.want(sized('a', 10, 10));
    holds = 20;
    loader.want(sized('a', 10, 10, [1]));
    assert.equal(batches[0].signal.aborted, false);
    assert.equal(singles.length, 0);
    loader.stop();
});

test('what does not move is given up and asked for again, what moves is not', () => {
    let now = 0;
    const { loader, batches, log } = batchRig(100, () => now);
    loader.want(sized('a', 2, 10));
    for (now = 0; now < 40000; now += 8000) {
        loader.look();
        batches[0].onMove();
    }
    assert.equal(batches[0].signal.aborted, false);
    now += 10000;
    loader.look();
    assert.equal(batches[0].signal.aborted, true);
    assert.deepEqual(log.errors, [['a0', 0, true], ['a1', 0, true]]);
    loader.kick();
    assert.deepEqual(batches[1].urls, ['a0', 'a1']);
    loader.stop();
});

test('the address of a batch', () => {
    const urls = [tileUrl(31, 977, 2, 1, 3, 4, { center: -600, width: 1500 }, 80), tileUrl(31, 978, 0, 0, 0, 0, { center: -600, width: 1500 }, 80)];
    assert.equal(batchKey(urls[0]), batchKey(urls[1]));
    assert.notEqual(batchKey(urls[0]), batchKey(tileUrl(31, 977, 2, 1, 3, 4, null, 80)));
    assert.notEqual(batchKey(urls[0]), batchKey(tileUrl(32, 977, 2, 1, 3, 4, { center: -600, width: 1500 }, 80)));
    assert.equal(batchKey('/tiles/31/977-2/thumb.jpg?q=80'), null);
    assert.equal(batchUrl(urls), '/tiles/31/batch?c=-600&w=1500&q=80&like=1&tiles=977-2/1/3/4,978-0/0/0/0');
});

test('what a tile begins with as the one before it is put there', () => {
    const encode = (text) => [...new TextEncoder().encode(text)];
    const whole = Uint8Array.from([
        ...encode('{"code":200,"size":5}\n'), 1, 2, 3, 4, 5,
        ...encode('{"code":404,"size":0,"message":"no"}\n'),
        ...encode('{"code":200,"size":2,"like":3}\n'), 7, 8,
        ...encode('{"code":200,"size":0,"like":5}\n'),
    ]);
    for (const step of [1, 6, whole.length]) {
        const reader = new BatchReader();
        const tiles = [];
        for (let at = 0; at < whole.length; at += step) tiles.push(...reader.take(whole.slice(at, at + step)));
        assert.deepEqual(tiles.map((tile) => [tile.code, [...tile.bytes]]), [[200, [1, 2, 3, 4, 5]], [404, []], [200, [1, 2, 3, 7, 8]], [200, [1, 2, 3, 7, 8]]]);
    }
    for (const like of [6, -1]) {
        const reader = new BatchReader();
        assert.throws(() => reader.take(Uint8Array.from([...encode('{"code":200,"size":5}\n'), 1, 2, 3, 4, 5, ...encode(`{"code":200,"size":0,"like":${like}}\n`)])), /begins like/);
    }
});

test('an answer of many tiles is the same in any pieces', () => {
    const encode = (text) => new TextEncoder().encode(text);
    const parts = [encode('{"code":200,"size":3,"window":"40,400"}\n'), Uint8Array.of(10, 123, 10), encode('{"code":404,"size":0,"message":"no"}\n{"code":200,"size":0}\n')];
    const whole = Uint8Array.from(parts.flatMap((part) => [...part]));
    for (let first = 0; first <= whole.length; first++) {
        for (const step of [1, 7, whole.length]) {
            const reader = new BatchReader();
            const tiles = reader.take(whole.slice(0, first));
            for (let at = first; at < whole.length; at += step) tiles.push(...reader.take(whole.slice(at, at + step)));
            assert.deepEqual(tiles.map((tile) => [tile.code, tile.window, [...tile.bytes]]), [[200, '40,400', [10, 123, 10]], [404, undefined, []], [200, undefined, []]]);
        }
    }
});
