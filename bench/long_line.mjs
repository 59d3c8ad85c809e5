// long_line.mjs - all tiles of a stack over a line of 40 ms round trip: as the viewer asks, in batches, and tile by tile over HTTP/2 with nginx
// in front, every request sent at once on one connection. The tiles are in the cache: the line is what is measured.
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import path from 'node:path';
import { BatchReader, batchKey, batchUrl } from '../viewer/web/tile_batch.js';
import { TileLoader } from '../viewer/web/tile_loader.js';
import { slicesOf } from './load.mjs';
import { freePort, get, say, start, stop, waitForPort } from './process.mjs';

const ROUND_TRIP_MS = 40;
const TRIES = 3; // in a round; the first of all warms

async function startProxy(target) {
    const port = await freePort();
    const child = start(process.execPath, [path.join(import.meta.dirname, 'delay_proxy.mjs'), String(port), String(target), String(ROUND_TRIP_MS)]);
    await waitForPort(port, child);
    return { port, child };
}

/** nginx that speaks HTTP/2 and hands requests to us over kept connections. */
async function startNginx(work, target) {
    const [dir, port] = [fs.mkdtempSync(path.join(work, 'nginx-')), await freePort()];
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(' ');
    fs.writeFileSync(path.join(dir, 'nginx.conf'), `daemon off; pid ${dir}/pid; worker_processes 2; error_log ${dir}/error.log;
events { worker_connections 512; }
http { access_log off; ${temporary} http2_max_concurrent_streams 256; keepalive_requests 100000;
upstream ours { server 127.0.0.1:${target}; keepalive 64; }
server { listen 127.0.0.1:${port} http2; location / { proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1:${target}; } } }
`);
    const child = start('nginx', ['-p', dir, '-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`]);
    await waitForPort(port, child);
    return { port, child };
}

/** One batch over a kept connection. */
function fetchBatch(agent, port, urls, onTile) {
    return new Promise((resolve, reject) => {
        http.get({ agent, host: '127.0.0.1', port, path: batchUrl(urls) }, (answer) => {
            const reader = new BatchReader();
            let count = 0;
            answer.on('data', (bytes) => {
                for (const tile of reader.take(bytes)) {
                    if (tile.code !== 200) return void reject(new Error(`${urls[count]}: ${tile.code} ${tile.message}`));
                    onTile(urls[count++], tile);
                }
            });
            answer.on('end', () => (count === urls.length ? resolve() : reject(new Error(`a batch of ${urls.length} ended after ${count}`))));
            answer.on('error', reject);
        }).on('error', reject);
    });
}

/** Milliseconds until the viewer's own loader has all of them. */
function inBatches(agent, port, urls) {
    const begin = performance.now();
    return new Promise((resolve, reject) => {
        const got = new Set();
        const loader = new TileLoader({
            fetchTile: () => Promise.reject(new Error('not in a batch')),
            fetchBatch: (some, signal, onTile) => fetchBatch(agent, port, some, onTile),
            batchKey,
            onTile: (url) => { if (got.add(url).size === urls.length) resolve(performance.now() - begin); },
            onError: (url, error) => reject(error),
        });
        loader.want(urls.map((url) => ({ url, urgent: false })));
    });
}

/** Milliseconds until all have come over one connection of HTTP/2. */
function byHttp2(session, urls) {
    const begin = performance.now();
    const one = (url) => new Promise((resolve, reject) => {
        const stream = session.request({ ':path': url });
        stream.on('response', (headers) => { if (headers[':status'] !== 200) reject(new Error(`${url}: ${headers[':status']}`)); });
        stream.on('data', () => {});
        stream.on('end', resolve);
        stream.on('error', reject);
    });
    return Promise.all(urls.map(one)).then(() => performance.now() - begin);
}

async function best(measure) {
    const times = [];
    for (let i = 0; i < TRIES; i++) times.push(await measure());
    return Math.min(...times);
}

/** One round: { ours, limit } in ms. */
export async function measureLongLine({ work, ours }) {
    const stack = (await slicesOf(ours, 'CT')).reduce((longest, one) => (one.length > longest.length ? one : longest));
    const urls = stack.map((slice) => `${slice}/0/0/0.jpg?q=80`);
    say(`  ${urls.length} tiles`);
    for (const url of urls) await get(ours.http, url);
    const nginx = await startNginx(work, ours.http);
    const [near, far] = [await startProxy(ours.http), await startProxy(nginx.port)];
    const agent = new http.Agent({ keepAlive: true });
    const session = http2.connect(`http://127.0.0.1:${far.port}`, { settings: { initialWindowSize: 6 << 20 } });
    try {
        await new Promise((resolve, reject) => { session.once('connect', resolve); session.once('error', reject); });
        session.setLocalWindowSize(15 << 20); // what Chromium grants
        return { ours: await best(() => inBatches(agent, near.port, urls)), limit: await best(() => byHttp2(session, urls)) };
    } finally {
        agent.destroy();
        session.destroy();
        for (const { child } of [near, far, nginx]) await stop(child);
    }
}
