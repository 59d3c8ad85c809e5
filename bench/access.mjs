// access.mjs - what accounts and consents cost. A row is an id, what is measured, its bars, and the function that measures one round of it.
import fs from 'node:fs';
import path from 'node:path';
import { absentVsRefused, unknownUser } from './access_answers.mjs';
import { measureReaders } from './access_readers.mjs';
import { LARGE, withData } from './filled.mjs';
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

// A doctor to whom many patients of another hospital consented: their list, page by page, with its total.
const scoped = 5000;
const listed = 20000;
const lists = (work, rounds) => listsAmong(work, rounds, listed);
const longLists = (work, rounds) => listsAmong(work, rounds, LARGE);

async function listsAmong(work, rounds, studies) {
    return withData(work, studies, (data) => listsOf(work, rounds, data));
}

async function listsOf(work, rounds, data) {
    const found = [];
    for (let i = 0; i < rounds; i++) {
        const dir = fs.mkdtempSync(path.join(work, 'lists-'));
        found.push((await run(benchProgram('bench_lists'), [data, String(scoped), dir])).trim().split(' ').map(Number));
    }
    return found;
}

const listRows = [
    { id: 'scope_again_ms', unit: 'ms', bars: [{ of: 'value', max: 5 }], column: 1, what: `the scope of a doctor to whom ${scoped} patients consented, when nothing of rights has changed` },
    { id: 'list_scoped_ms', unit: 'ms', bars: [{ of: 'value', max: 1000 }], column: 4, what: `a page of 50 of that scope among ${listed} studies with its total, every study decided anew` },
];
const longListRows = [
    { id: 'list_scoped_1m_ms', unit: 'ms', bars: [{ of: 'value', max: 100 }], column: 4, what: `the same among ${LARGE} studies` },
    { id: 'list_scoped_1m_page_ms', unit: 'ms', bars: [{ of: 'value', max: 100 }], column: 5, what: `the same page without its total, among ${LARGE} studies` },
];

const withdrawalId = 'withdrawal_p99_ms';
const ratioId = 'tile_with_accounts_ratio';
const absentId = 'absent_vs_refused_ms';
const unknownId = 'unknown_user_ms';
export const accessIds = [...rows.map(({ id }) => id), ...[...listRows, ...longListRows].map(({ id }) => id), ratioId, withdrawalId, absentId, unknownId];

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
    const made = [];
    for (const [group, measure] of [[rows, decisions], [listRows, lists], [longListRows, longLists]]) {
        const chosen = group.filter(({ id }) => wanted(id));
        const found = chosen.length > 0 ? await measure(work, rounds) : [];
        made.push(...chosen.map(({ id, what, unit, bars, column }) => row(id, what, unit, { ours: found.map((round) => round[column]) }, bars)));
    }
    if (wanted(ratioId) || wanted(withdrawalId)) made.push(...await readers(work, images, rounds, wanted));
    if (wanted(absentId))
        made.push(row(absentId, 'answers to what is absent and to what is refused, 1,000 pairs over 8 routes: between the medians, the route where they are furthest apart', 'ms',
            { ours: [await absentVsRefused(work, images)] }, [{ of: 'value', max: 2 }]));
    if (wanted(unknownId))
        made.push(row(unknownId, 'a wrong password and a login that nobody has, 200 tries of either: between the medians', 'ms', { ours: [await unknownUser(work)] }, [{ of: 'value', max: 5 }]));
    return made;
}
