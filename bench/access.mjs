// access.mjs - what accounts and consents cost. A row is an id, what is measured, its bars, and the function that measures one round of it.
import path from 'node:path';
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

export const accessIds = rows.map(({ id }) => id);

export async function benchAccess(work, rounds, wanted) {
    const chosen = rows.filter(({ id }) => wanted(id));
    const found = await decisions(work, rounds);
    return chosen.map(({ id, what, unit, bars, column }) => row(id, what, unit, { ours: found.map((round) => round[column]) }, bars));
}
