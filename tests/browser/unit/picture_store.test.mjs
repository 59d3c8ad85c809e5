// What one tab holds: received, decoded and stored values together keep to a bound of bytes, whatever comes; what goes is closed, what is on the screen stays.
import assert from 'node:assert/strict';
import { setTimeout as later } from 'node:timers/promises';
import test from 'node:test';
import { losslessUrl, tileUrl } from '../../../viewer/web/api.js';
import { PictureStore } from '../../../viewer/web/picture_store.js';

const MIB = 2 ** 20;
const ALL_BYTES = 120 * MIB;
const DECODED_BYTES = 48 * MIB;
const EXACT_BYTES = 24 * MIB;
const RECEIVED_BYTES = 80 * MIB;
const SIDE = 512;

/** A store whose tiles come at once, of so many bytes each; open: decoded pictures that were not closed. */
function rig(tileBytes) {
    const open = new Set();
    globalThis.createImageBitmap = async () => {
        const bitmap = { width: SIDE, height: SIDE, close: () => open.delete(bitmap) };
        open.add(bitmap);
        return bitmap;
    };
    const store = new PictureStore({ onChange: () => {}, onTrouble: () => {}, onIdle: () => {} });
    store.loader.fetchBatch = null;
    store.loader.fetchTile = async (url) =>
        url.endsWith('/lossless') ? { facts: { hasTables: false }, values: new Int16Array(SIDE * SIDE), lossy: {} } : { blob: { size: tileBytes }, window: null, lossy: {} };
    return { store, open };
}

const tile = (n) => tileUrl(1, n, 0, 0, 0, 0, null, 80);
const slice = (n) => losslessUrl(1, `${n}-0`);
const rendition = (n) => ({ sliceKey: `${n}-0`, key: `${n}`, window: null });
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

async function here(store, urls) {
    while (!urls.every((url) => store.received.has(url) || store.exact.has(url) || store.losses > 0) || store.loader.running > 0) await later(1);
}

const bound = (store) => {
    assert.ok(store.decoded.bytes <= DECODED_BYTES, `${store.decoded.bytes} decoded`);
    assert.ok(store.exact.bytes <= EXACT_BYTES, `${store.exact.bytes} of stored values`);
    assert.ok(store.received.bytes <= RECEIVED_BYTES, `${store.received.bytes} received`);
    assert.ok(store.limit.bytes <= ALL_BYTES, `${store.limit.bytes} in all`);
    assert.equal(store.limit.bytes, store.decoded.bytes + store.exact.bytes + store.received.bytes);
};

test('a thousand slices scrolled through, each decoded and with its stored values, keep to the bounds', async () => {
    const { store, open } = rig(33000);
    store.setShown([tile(3), slice(3)]);
    for (const n of numbers(1000)) {
        store.want([{ rendition: rendition(n), tiles: [{ url: tile(n), bytes: 33000 }], urgent: true }, { rendition: null, tiles: [{ url: slice(n), bytes: 170000 }], urgent: true }]);
        await here(store, [tile(n), slice(n)]);
        store.decode(tile(n));
        await later(0);
        bound(store);
        assert.equal(open.size, store.decoded.size, 'what is not kept is closed');
    }
    assert.equal(store.received.size, 1000, 'JPEGs of a thousand slices have room');
    assert.ok(store.decoded.bytes > 0 && store.exact.bytes > 0);
    assert.ok(store.isDecoded(tile(3)) && store.slice(slice(3)), 'what is on the screen stays');
    store.close();
    assert.deepEqual([open.size, store.limit.bytes], [0, 0]);
});

test('large pictures: what came first goes, decoded ones before what came over the line', async () => {
    const { store, open } = rig(3 * MIB);
    for (const n of numbers(60)) {
        store.want([{ rendition: rendition(n), tiles: [{ url: tile(n), bytes: 3 * MIB }], urgent: true }]);
        await here(store, [tile(n)]);
        store.decode(tile(n));
        await later(0);
        bound(store);
        assert.equal(open.size, store.decoded.size);
    }
    assert.equal(store.received.size, 26);
    assert.ok(store.received.has(tile(59)) && !store.received.has(tile(0)));
    assert.equal(store.has('0-0'), false, 'and is known to be gone');
    store.close();
});
