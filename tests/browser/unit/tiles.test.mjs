// Tiles: which ones make a picture, the order they are fetched in, and the limits of what is kept.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiError, tileUrl } from '../../../viewer/web/api.js';
import { TileCache } from '../../../viewer/web/tile_cache.js';
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

test('the cache keeps pinned entries and the newest, whatever their size', () => {
    const cache = new TileCache(10, { pinned: (key) => key === 'shown' });
    cache.set('shown', 1, 8);
    cache.set('other', 2, 2);
    cache.set('big', 3, 100);
    assert.ok(cache.has('shown') && cache.has('big') && !cache.has('other'));
});

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
    loader.want(wanted('ab'));
    loader.want(wanted('bc'));
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
function batchRig() {
    const batches = [];
    const singles = [];
    const log = { tiles: [], errors: [] };
    const aborted = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError'))));
    const loader = new TileLoader({
        concurrency: 5,
        batchKey: (url) => (/\d/.test(url) ? url[0] : null),
        fetchTile: (url, signal) => {
            singles.push({ url, signal });
            return aborted(signal);
        },
        fetchBatch: (urls, signal, onTile, onError) => {
            const batch = { urls, signal, onTile, onError };
            batches.push(batch);
            return Promise.race([aborted(signal), new Promise((resolve, reject) => Object.assign(batch, { resolve, reject }))]);
        },
        onTile: (url) => log.tiles.push(url),
        onError: (url, error, again) => log.errors.push([url, error.status, again]),
    });
    return { loader, batches, singles, log };
}
const row = (prefix, count, urgent = []) => Array.from({ length: count }, (_, i) => ({ url: `${prefix}${i}`, urgent: urgent.includes(i) }));

test('what is urgent comes alone, the rest in a short batch and a long one behind it', () => {
    const { loader, batches, singles } = batchRig();
    loader.want(row('a', 300, [0]));
    assert.deepEqual(singles.map((one) => one.url), ['a0']);
    assert.deepEqual(batches.map((one) => [one.urls[0], one.urls.length]), [['a1', 24], ['a25', 192]]);
});

test('a long batch ends when others have come to be needed more than what it brings next', () => {
    const { loader, batches } = batchRig();
    const list = row('a', 200);
    loader.want(list);
    loader.want([...list.slice(100, 160), ...list.slice(0, 100), ...list.slice(160)]); // a24 to a47 are needed 85th to 108th
    assert.deepEqual(batches.map((one) => one.signal.aborted), [false, true, false]);
    assert.equal(batches[2].urls[0], 'a100');
    const { loader: other, batches: near } = batchRig();
    other.want(list);
    other.want([...list.slice(160), ...list.slice(0, 160)]); // a24 to a47: 65th to 88th
    assert.deepEqual(near.map((one) => one.signal.aborted), [false, false]);
});

test('tiles of another key are not in the same batch, those of none come alone', () => {
    const { loader, batches, singles } = batchRig();
    loader.want([{ url: 'a1' }, { url: 'b1' }, { url: 'x' }, { url: 'a2' }]);
    assert.deepEqual(batches.map((one) => one.urls), [['a1', 'a2'], ['b1']]);
    assert.deepEqual(singles.map((one) => one.url), ['x']);
});

test('a batch that ends makes place for the next; what it did not bring is asked for again', async () => {
    const { loader, batches, log } = batchRig();
    loader.want(row('a', 240));
    for (const url of batches[0].urls) batches[0].onTile(url, 'tile');
    batches[0].resolve();
    await later();
    assert.deepEqual(log.tiles.length, 24);
    assert.deepEqual(batches.map((one) => one.urls[0]), ['a0', 'a24', 'a216']);
    batches[1].onError('a24', new ApiError(422, 'cannot_show', 'no'));
    batches[1].onTile('a25', 'tile');
    batches[1].reject(new ApiError(0, 'unreachable', 'cut'));
    await later();
    assert.deepEqual(log.errors[0], ['a24', 422, false]);
    assert.equal(log.errors.filter(([, status, again]) => status === 0 && again).length, 190);
    assert.equal(loader.failure('a24').status, 422);
});

test('a batch of which most is wanted goes on, one of which little is ends', () => {
    const { loader, batches } = batchRig();
    loader.want(row('a', 24));
    loader.want(row('a', 14));
    assert.equal(batches[0].signal.aborted, false);
    loader.want(row('a', 8));
    assert.equal(batches[0].signal.aborted, true);
    assert.deepEqual(batches[1].urls.length, 8);
});

test('a batch gives way to an urgent tile, unless it brings that tile now', () => {
    const { loader, batches, singles } = batchRig();
    loader.want(row('a', 24));
    loader.want(row('a', 24, [1]));
    assert.equal(batches[0].signal.aborted, false);
    loader.want(row('a', 24, [5]));
    assert.equal(batches[0].signal.aborted, true);
    assert.deepEqual(singles.map((one) => one.url), ['a5']);
    loader.want([{ url: 'z', urgent: true }, ...row('a', 24)]);
    assert.equal(batches[1].signal.aborted, true);
    assert.ok(singles.some((one) => one.url === 'z'));
});

test('the address of a batch', () => {
    const urls = [tileUrl(31, 977, 2, 1, 3, 4, { center: -600, width: 1500 }, 80), tileUrl(31, 978, 0, 0, 0, 0, { center: -600, width: 1500 }, 80)];
    assert.equal(batchKey(urls[0]), batchKey(urls[1]));
    assert.notEqual(batchKey(urls[0]), batchKey(tileUrl(31, 977, 2, 1, 3, 4, null, 80)));
    assert.notEqual(batchKey(urls[0]), batchKey(tileUrl(32, 977, 2, 1, 3, 4, { center: -600, width: 1500 }, 80)));
    assert.equal(batchKey('/tiles/31/977-2/thumb.jpg?q=80'), null);
    assert.equal(batchUrl(urls), '/tiles/31/batch?c=-600&w=1500&q=80&tiles=977-2/1/3/4,978-0/0/0/0');
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
