// load.mjs - requests as fast as they are answered, by wrk; the addresses to ask for.
import fs from 'node:fs';
import path from 'node:path';
import { run } from './process.mjs';

const script = (targets, query, headers) => `local t = {${targets.map((one) => JSON.stringify(one)).join(',')}}
local i, threads, offset = 0, 0, 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function init() math.randomseed(id + ${Math.floor(Math.random() * 1e9)}); offset = id * 0.5 + ${(Math.random() * 0.4).toFixed(4)} end
function request() i = i + 1; return wrk.format("GET", ${query}, {${Object.entries(headers).map(([name, value]) => `[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join(', ')}}) end
`;

/** What to ask for next, in Lua: each address in turn; each with a window never asked for before; anything at all. */
export const inTurn = 't[(i - 1) % #t + 1]';
export const newWindow = `${inTurn} .. "/0/0/0.jpg?q=80&c=" .. (i % 211 + offset) .. "&w=" .. (300 + i % 401)`;
export const anything = 't[math.random(#t)] .. "/" .. math.random(0, 3) .. "/0/0.jpg?q=" .. math.random(60, 95) .. "&c=" .. math.random() * 400 .. "&w=" .. math.random(200, 900)';

/** { count, rate (per second), p50, p99 (ms) } */
export async function load(work, port, targets, connections, seconds, query = inTurn, accept = 'image/jpeg', more = {}) {
    const file = path.join(work, 'targets.lua');
    fs.writeFileSync(file, script(targets, query, { Accept: accept, ...more }));
    const output = await run('wrk', ['--latency', `-t${Math.min(2, connections)}`, `-c${connections}`, `-d${seconds}s`, '-s', file, `http://127.0.0.1:${port}/`]);
    if (/Non-2xx/.test(output)) throw new Error(`wrk: ${output}`);
    const milliseconds = (percent) => {
        const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output);
        return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit];
    };
    return { count: Number(/(\d+) requests in/.exec(output)[1]), rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1]), p50: milliseconds(50), p99: milliseconds(99) };
}

/** "/tiles/SERIES/OBJECT-FRAME" of every slice of a modality's studies, as one list for each series. */
export async function slicesOf(ours, modality) {
    const lists = [];
    const { studies } = await ours.json(`/api/studies?modality=${modality}`);
    for (const study of studies) {
        for (const series of (await ours.json(`/api/studies/${study.id}`)).series_list) {
            const stack = await ours.json(`/api/series/${series.id}/stack`);
            lists.push(stack.slices.map((slice) => `/tiles/${series.id}/${stack.objects[slice.object].id}-${slice.frame}`));
        }
    }
    return lists;
}
