// access.mjs - what accounts and consents cost. A row is an id, what is measured, its bars, and the function that measures one round of it.
import path from 'node:path';
import { measureReaders } from './access_readers.mjs';
import { run } from './process.mjs';
import { row } from './report.mjs';
import { benchProgram } from './servers.mjs';

const patients = 23077; // a region of the 90th percentile

async function decisions(work, rounds) {
    const found = [];
    for (let i = 0; i < rounds; i++)
        found.push((await run(benchProgram('bench_decision'), [path.join(work, `decision-${i}`), String(patients)])).trim().split(' ').map(Number));
    return found;
}

const rows = [
    { id: 'decision_us', unit: 'µs', bars: [{ of: 'value', max: 2 }], column: 0, what: 'a decision that is known: one look into the table' },
    { id: 'decision_new_us', unit: 'µs', bars: [{ of: 'value', max: 1000 }], column: 2, what: `a decision that is new, 99th percentile, ${patients} patients with four consents each` },
];

const withdrawalId = 'withdrawal_p99_ms';
const ratioId = 'tile_with_accounts_ratio';
export const accessIds = [...rows.map(({ id }) => id), ratioId, withdrawalId];

async function readers(work, images, rounds, wanted) {
    const found = await measureReaders(work, images, wanted(ratioId) ? rounds : 0, wanted(withdrawalId));
    const made = [];
    if (wanted(ratioId))
        made.push(row(ratioId, 'tiles over HTTP, 16 connections, with accounts on, beside the same with them off: the lower of cached ones and ones with a new window', '',
            { ours: found.ratio }, [{ of: 'value', min: 0.9 }]));
    if (wanted(withdrawalId))
        made.push(row(withdrawalId, 'from the beginning of the command that withdraws a consent to the last tile of the patient that a reader is shown, 50 readers who scroll, 99th percentile', 'ms',
            { ours: [found.p99] }, [{ of: 'value', max: 1000 }]));
    return made;
}

export async function benchAccess(work, images, rounds, wanted) {
    const chosen = rows.filter(({ id }) => wanted(id));
    const found = chosen.length > 0 ? await decisions(work, rounds) : [];
    const made = chosen.map(({ id, what, unit, bars, column }) => row(id, what, unit, { ours: found.map((round) => round[column]) }, bars));
    return wanted(ratioId) || wanted(withdrawalId) ? [...made, ...await readers(work, images, rounds, wanted)] : made;
}
