// The operators' page without a browser: sums of arrivals, what reasons advise, sizes and times.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { ADVICE, advice } from '../../../viewer/web/admin_reasons.js';
import { byHour, bySource, roundUp } from '../../../viewer/web/admin_chart.js';
import * as format from '../../../viewer/web/format.js';
import en from '../../../viewer/web/lang/admin_en.js';
import ja from '../../../viewer/web/lang/admin_ja.js';
import { parse } from '../../../viewer/web/router.js';
import { SOON, VIEWER } from '../../../viewer/web/viewer_modules.js';

const answer = {
    from_hour: 100,
    to_hour: 103,
    arrivals: [
        { hour: 100, source: 'a', objects: 3, bytes: 30 },
        { hour: 102, source: 'a', objects: 1, bytes: 10 },
        { hour: 102, source: 'b', objects: 7, bytes: 70 },
        { hour: 99, source: 'a', objects: 9, bytes: 90 }, // came between the two requests of an hour
        { hour: 104, source: 'a', objects: 9, bytes: 90 },
    ],
};

test('rows are summed by hour, of all and of one source', () => {
    assert.deepEqual(
        byHour(answer).map((one) => one.objects),
        [3, 0, 8, 0],
    );
    assert.deepEqual(
        byHour(answer).map((one) => one.bytes),
        [30, 0, 80, 0],
    );
    assert.deepEqual(
        byHour(answer, 'b').map((one) => one.objects),
        [0, 0, 7, 0],
    );
    assert.deepEqual(
        byHour(answer, 'nobody').map((one) => one.objects),
        [0, 0, 0, 0],
    );
});

test('sources by how much came from them', () => {
    const all = bySource({ arrivals: answer.arrivals.slice(0, 3) });
    assert.deepEqual(all, [
        { source: 'b', objects: 7, bytes: 70, last: 102 },
        { source: 'a', objects: 4, bytes: 40, last: 102 },
    ]);
});

for (const [value, top] of [
    [0, 10],
    [1, 10],
    [10, 10],
    [11, 20],
    [20, 20],
    [21, 50],
    [50, 50],
    [51, 100],
    [100, 100],
    [101, 200],
    [4999, 5000],
    [5001, 10000],
])
    test(`the axis of ${value} ends at ${top}`, () => assert.equal(roundUp(value), top));

for (const [words, key] of [
    ['MINAMI at 127.0.0.1:9: association: TCP Initialization Error: Connection refused', 'refused'],
    ['0 here, how many there are is not known; PACS at 10.0.0.1:104: association not made within 5000 ms', 'timeout'],
    ['0 here, how many there are is not known', 'notCounted'],
    ['node scanner has no host: it only sends', 'onlySends'],
    ['association rejected: calling AE title not recognised', 'callingTitle'],
    ['association rejected: called AE title not recognised', 'calledTitle'],
    ['association rejected: local limit exceeded', 'busy'],
    ['no node calls with that AE title', 'unknownCaller'],
    ['no such title', 'ourTitle'],
    ['node with that AE title: the address is not its', 'wrongCaller'],
    ['0 of 12; the hospital answers A801, move destination unknown', 'moveDestination'],
    ['A700 out of resources: less than 2 GiB free', 'full'],
    ['412 of 418; 6 refused by the hospital (B000)', 'partly'],
    ['3 of 5', 'partly'],
    ['node pacs needs TLS, and [dicom] tls_certificate is not set', 'tls'],
    ['something new', ''],
    ['', ''],
])
    test(`advice for: ${words}`, () => assert.equal(advice(words), key));

test('every advice is there in both languages', () => {
    for (const key of ADVICE) for (const words of [en, ja]) assert.ok(words[`advice.${key}`], key);
});

for (const [value, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1234, '1.2 kB'],
    [99499, '99.5 kB'],
    [999499, '999 kB'],
    [999500, '1 MB'],
    [15781570, '15.8 MB'],
    [2e12, '2 TB'],
    [undefined, '0 B'],
])
    test(`bytes: ${value}`, () => assert.equal(format.bytes(value), text));

for (const [ms, unit, n] of [
    [0, 'second', 0],
    [59999, 'second', 59],
    [60000, 'minute', 1],
    [3599999, 'minute', 59],
    [3600000, 'hour', 1],
    [86399999, 'hour', 23],
    [86400000, 'day', 1],
])
    test(`span: ${ms} ms`, () => assert.deepEqual(format.span(ms), { unit, n }));

test('a moment is said as short as it can be', () => {
    const now = new Date(2026, 10, 21, 12, 0, 0);
    const at = (...parts) => new Date(...parts).getTime();
    assert.equal(format.nearTime(at(2026, 10, 21, 4, 5, 6), 'ja', now), '04:05');
    assert.equal(format.nearTime(at(2026, 10, 20, 4, 5, 6), 'ja', now), '11/20 04:05');
    assert.equal(format.nearTime(at(2025, 11, 31, 23, 59, 59), 'en', now), '2025-12-31');
    assert.equal(format.localTime(at(2026, 10, 20, 4, 5, 6), 'en'), '2026-11-20 04:05:06');
});

for (const [path, expected] of [
    ['/admin', { page: 'admin', section: '' }],
    ['/admin/', { page: 'admin', section: '' }],
    ['/admin/queue', { page: 'admin', section: 'queue' }],
    ['/admin/queue/7', { page: 'list' }],
    ['/administration', { page: 'list' }],
])
    test(`address ${path}`, () => assert.deepEqual(parse(path), expected));

/** What a module imports, and what that imports, and so on; what comes later by import() is not in it. */
function needs(name, found = new Set()) {
    const web = new URL('../../../viewer/web/', import.meta.url);
    if (found.has(name)) return found;
    found.add(name);
    for (const [, other] of fs.readFileSync(new URL(name, web), 'utf8').matchAll(/^(?:import|export) [^;]*?from '\.\/([\w/]+\.js)';/gms)) needs(other, found);
    return found;
}

const together = (...names) => new Set(names.flatMap((name) => [...needs(name)]));

test('every module that each page needs is asked for ahead, and nothing else', () => {
    const page = fs.readFileSync(new URL('../../../viewer/web/index.html', import.meta.url), 'utf8');
    const listed = [...page.matchAll(/modulepreload" href="\/web\/([\w/]+\.js)"/g)].map(([, name]) => name);
    assert.deepEqual(listed, [...needs('main.js')].filter((name) => name !== 'main.js').sort());
});

for (const [what, listed, names] of [
    ['the viewer', VIEWER, ['viewer.js']],
    ['the lists and what opens over a page', SOON, ['study_list.js', 'patients_timeline.js', 'patients_emergency.js', 'access_forms.js']],
])
    test(`the modules of ${what} are asked for together, and nothing else`, () => {
        const main = needs('main.js');
        assert.deepEqual(listed, [...together(...names)].filter((name) => !main.has(name)).sort());
    });
