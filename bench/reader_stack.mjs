// reader_stack.mjs - how soon every slice of a stack has a picture, and its full-size one: read from the bytes of the answers as they reach the
// browser, so that no word of the page's own scripts is believed.
import { BatchReader } from '../viewer/web/tile_batch.js';
import { listPage, longestStack, openStudy } from './reader_open.mjs';
import { say } from './process.mjs';

const PATIENCE_MS = 90000;
const TILE = /^(\d+-\d+)\/(\d+)\/\d+\/\d+$/;
const ALONE = /\/tiles\/(\d+)\/(\d+-\d+)\/(?:(\d+)\/\d+\/\d+\.jpg|thumb\.jpg|(lossless))(?:\?(.*))?$/;
const BATCH = /\/tiles\/(\d+)\/batch\?(.*)$/;
const isFull = (level, query) => level === '0' && new URLSearchParams(query).get('q') === '80';

/** { any, full }: slice ("object-frame") -> when it had come, by the wall clock; fullOf: series -> how many of its slices are in full. */
function watchTiles(page) {
    const seen = { any: new Map(), full: new Map(), fullOf: new Map() };
    const running = new Map();
    let offset = 0;
    const note = (series, slice, full, atMs) => {
        if (!seen.any.has(slice)) seen.any.set(slice, atMs);
        if (!full || seen.full.has(slice)) return;
        seen.full.set(slice, atMs);
        seen.fullOf.set(series, (seen.fullOf.get(series) ?? 0) + 1);
    };
    const take = (batch, data, atMs) => {
        for (const tile of batch.reader.take(Buffer.from(data, 'base64'))) {
            const [slice, level] = batch.tiles[batch.next++];
            if (tile.code === 200) note(batch.series, slice, isFull(level, batch.query), atMs);
        }
    };
    const { tools } = page;
    tools.on('Network.requestWillBeSent', ({ requestId, request, wallTime, timestamp }) => {
        offset = (wallTime - timestamp) * 1000;
        const [, series, query] = BATCH.exec(request.url) ?? [];
        const tiles = query && new URLSearchParams(query).get('tiles').split(',').map((one) => TILE.exec(one).slice(1));
        if (tiles) running.set(requestId, { series, query, tiles, next: 0, reader: new BatchReader(), early: [] });
        else if (ALONE.test(request.url)) running.set(requestId, { alone: ALONE.exec(request.url) });
    });
    tools.on('Network.responseReceived', async ({ requestId, timestamp }) => {
        const batch = running.get(requestId);
        if (!batch?.tiles) return;
        const stream = await tools.send('Network.streamResourceContent', { requestId }).catch(() => null);
        if (stream) {
            take(batch, stream.bufferedData, timestamp * 1000 + offset);
            for (const [data, atMs] of batch.early) take(batch, data, atMs);
        } else { // it had ended before it could be watched: it is looked at whole, unless it was cancelled
            const { body = '' } = await tools.send('Network.getResponseBody', { requestId }).catch(() => ({}));
            take(batch, body, batch.endMs ?? timestamp * 1000 + offset);
        }
        batch.early = null;
    });
    tools.on('Network.dataReceived', ({ requestId, data, timestamp }) => {
        const batch = running.get(requestId);
        if (!batch?.tiles || !data) return;
        if (batch.early) batch.early.push([data, timestamp * 1000 + offset]);
        else take(batch, data, timestamp * 1000 + offset);
    });
    tools.on('Network.loadingFinished', ({ requestId, timestamp }) => {
        const batch = running.get(requestId);
        if (batch?.tiles) batch.endMs = timestamp * 1000 + offset;
        const [, series, slice, level, lossless, query] = running.get(requestId)?.alone ?? [];
        if (slice) note(series, slice, lossless !== undefined || isFull(level, query), timestamp * 1000 + offset);
    });
    return seen;
}

/** One round: seconds from the click. */
export async function measureStack({ browser, state, images }) {
    const page = await listPage(browser, state);
    const seen = watchTiles(page);
    const { clickedAt } = await openStudy(page, images);
    const end = Date.now() + PATIENCE_MS;
    const expected = images - 1; // without the scout
    while (Math.max(0, ...seen.fullOf.values()) < expected && Date.now() < end) // an earlier study that hangs beside it has slices, too
        await page.waitForTimeout(200);
    const stack = await longestStack(page);
    const all = stack.slices.map(({ object, frame }) => `${stack.objects[object].id}-${frame}`);
    await page.context().close();
    const last = (times) => (all.every((slice) => times.has(slice)) ? (Math.max(...all.map((slice) => times.get(slice))) - clickedAt) / 1000 : Infinity);
    const half = [...seen.any.values()].sort((a, b) => a - b)[all.length >> 1];
    say(`  half of the slices have a picture after ${((half - clickedAt) / 1000).toFixed(1)} s; in the end ${seen.any.size} have one, ${seen.full.size} their full-size one`);
    return { preview: last(seen.any), full: last(seen.full) };
}
