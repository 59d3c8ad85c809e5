// decode.mjs - compressed images: a frame through the workers, the first tile of a series nobody has opened yet.
import { get, run, say } from './process.mjs';
import { median, row } from './report.mjs';
import { compress, makeSeries } from './samples.mjs';
import { benchProgram, Ours } from './servers.mjs';
import { slicesOf } from './load.mjs';

const copies = 5; // a series is opened for the first time once
const patience_ms = 10;

const firstTiles = {
    first_tile_xa_ms: { kind: 'xa', modality: 'XA', tile: '/0/0/0.jpg', what: 'the first tile over HTTP of an XA of 96 frames of 512 x 512, JPEG lossless' },
    first_tile_mg_ms: { kind: 'mg', modality: 'MG', tile: '/2/0/0.jpg', what: 'the same of a mammogram of 3062 x 2394 at a quarter, as it is opened' },
};
const codecs = { decode_jpeg_lossless_ms: ['jpeg_lossless', 'JPEG lossless'], decode_j2k_ms: ['j2k', 'JPEG 2000'] };

export const decodeIds = [...Object.keys(codecs), ...Object.keys(firstTiles)];

const alone = async (file, frame = 0) => JSON.parse(await run(benchProgram('bench_decode'), [file, String(frame)]));

async function benchCodecs(work, image, rounds) {
    const files = await compress(work, image);
    const rows = [];
    for (const [id, [key, name]] of Object.entries(codecs)) {
        const values = { ours: [], limit: [] };
        for (let round = 0; round < rounds; round++) {
            const measured = await alone(files[key]);
            values.ours.push(...measured.worker_ms);
            values.limit.push(...measured.alone_ms);
        }
        say(`  ${id} ${median(values.ours)}, alone ${median(values.limit)}`);
        rows.push(row(id, `a frame of 512 x 512 x 16 in ${name} through a sandboxed worker; limit: the same codec in the process itself`, 'ms', values, [{ of: 'limit', max: 1.1 }]));
    }
    return rows;
}

async function benchFirstTile(work, ours, id, { kind, modality, tile, what }) {
    const files = await makeSeries(work, kind, copies);
    await ours.takeIn(files);
    const values = { ours: [], limit: [] };
    for (const [first] of await slicesOf(ours, modality)) {
        const begin = process.hrtime.bigint();
        const answer = await get(ours.http, first + tile);
        values.ours.push(Number(process.hrtime.bigint() - begin) / 1e6);
        if (answer.code !== 200) throw new Error(`${first}${tile}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
        values.limit.push(median((await alone(files[0])).alone_ms) + patience_ms);
    }
    if (values.ours.length !== copies) throw new Error(`${modality}: ${values.ours.length} of ${copies} series are there`);
    say(`  ${id} ${values.ours.map((one) => one.toFixed(1)).join(' ')}, allowed ${values.limit.at(-1).toFixed(1)}`);
    return row(id, `${what}; limit: the codec alone, and ${patience_ms} ms`, 'ms', values, [{ of: 'limit', max: 1 }]);
}

export async function benchDecode(work, images, rounds) {
    const rows = await benchCodecs(work, images[Math.floor(images.length / 2)], rounds);
    const ours = await Ours.start(work);
    try {
        for (const [id, one] of Object.entries(firstTiles)) rows.push(await benchFirstTile(work, ours, id, one));
    } finally {
        await ours.stop();
    }
    return rows;
}
