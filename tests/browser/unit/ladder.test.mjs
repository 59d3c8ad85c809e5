// The thin line without a browser: what is measured of it, and which steps of the ladder are worth their bytes on lines from 0.5 to 1,000 Mbit/s.
import assert from 'node:assert/strict';
import test from 'node:test';
import { decide, guessBytes, guessLosslessBytes, quickLevel } from '../../../viewer/web/ladder.js';
import { LineMeter } from '../../../viewer/web/line_meter.js';

const mbit = (rate) => (rate * 1e6) / 8 / 1000; // bytes a millisecond
const lineOf = (rate, roundTripMs) => new LineMeter({ rate: mbit(rate), roundTripMs });

/** Answers of `each` bytes that come in pieces over a line of so many bytes a millisecond; between two of them nothing for idleMs. */
function carry(meter, { rate, roundTripMs = 40, answers = 8, each = 60000, piece = 1400, idleMs = 0 }) {
    let now = 1000;
    for (let i = 0; i < answers; i++) {
        now += roundTripMs;
        meter.begin(now, roundTripMs, piece);
        for (let came = piece; came < each; came += piece) {
            now += piece / rate;
            meter.bytes(piece, now);
        }
        meter.end(now);
        now += idleMs;
    }
}

for (const rate of [0.5, 1, 4, 20, 100, 1000]) {
    test(`a line of ${rate} Mbit/s is found out, with pauses and without`, () => {
        for (const idleMs of [0, 700]) {
            const meter = new LineMeter();
            carry(meter, { rate: mbit(rate), idleMs, each: Math.max(60000, 400 * mbit(rate)) });
            assert.ok(meter.known);
            assert.ok(Math.abs(meter.rate / mbit(rate) - 1) < 0.1, `${meter.rate} bytes/ms`);
            assert.equal(meter.roundTripMs, 40);
        }
    });
}

test('two answers at once are one line', () => {
    const meter = new LineMeter();
    let now = 0;
    for (let i = 0; i < 20; i++) {
        meter.begin(now, 40, 1400);
        meter.begin(now, 40, 1400);
        for (let n = 0; n < 40; n++) meter.bytes(1400, (now += 1400 / mbit(4)));
        meter.end(now);
        meter.end(now);
    }
    assert.ok(Math.abs(meter.rate / mbit(4) - 1) < 0.15, `${meter.rate}`);
});

test('a line that gets worse is believed after some answers', () => {
    const meter = new LineMeter();
    carry(meter, { rate: mbit(100), each: 800000 });
    carry(meter, { rate: mbit(1), answers: 6 });
    assert.ok(meter.rate < 1.3 * mbit(1), `${meter.rate}`);
});

test('the round trip is the shortest of the last ones', () => {
    const meter = new LineMeter();
    for (const ms of [400, 52, 300, 40, 90]) {
        meter.begin(0, ms, 10);
        meter.end(1);
    }
    assert.equal(meter.roundTripMs, 40);
    for (let i = 0; i < 16; i++) {
        meter.begin(0, 200, 10);
        meter.end(1);
    }
    assert.equal(meter.roundTripMs, 200);
});

test('a service that takes its time is asked sooner', () => {
    const meter = lineOf(4, 40);
    for (const ms of [40, 200, 210, 220, 230]) {
        meter.begin(0, ms, 10);
        meter.end(1);
    }
    assert.equal(meter.roundTripMs, 40);
    assert.equal(meter.budget, 2.5 * 210 * mbit(4));
});

// The line full for a round trip and while the next request is on its way; no more than 150 ms of waiting beyond the round trip.
for (const [rate, trip, expected] of [
    [1, 40, 190 * mbit(1)],
    [4, 40, 190 * mbit(4)],
    [4, 400, 1000 * mbit(4)],
    [100, 2, 152 * mbit(100)],
    [0.1, 40, 16 * 1024],
    [1000, 300, 4 * 2 ** 20],
]) {
    test(`${rate} Mbit/s and ${trip} ms hold ${Math.round(expected)} bytes`, () => assert.equal(lineOf(rate, trip).budget, expected));
}

test('the page\'s own files tell of the line before the first picture', () => {
    const file = (requestStart, responseStart, responseEnd, bytes) => ({ requestStart, responseStart, responseEnd, encodedBodySize: bytes, transferSize: bytes + 300 });
    const meter = new LineMeter();
    meter.seed([file(0, 45, 145, 12200), file(10, 60, 145, 12200), file(0, 50, 145, 12700), { requestStart: 0, responseStart: 0, responseEnd: 1, encodedBodySize: 5000, transferSize: 0 }]);
    assert.equal(meter.roundTripMs, 45);
    assert.equal(meter.rate, 380);
    const kept = new LineMeter({ rate: 77 });
    kept.seed([file(0, 0, 0, 10)]);
    assert.equal(kept.rate, 77, 'nothing came: nothing is known');
});

test('a small picture: the level with at most 192 pixels, when that is smaller than what is wanted', () => {
    assert.equal(quickLevel(512, 512, 0), 2);
    assert.equal(quickLevel(512, 512, 1), 2);
    assert.equal(quickLevel(512, 512, 2), null);
    assert.equal(quickLevel(256, 256, 0), 1);
    assert.equal(quickLevel(192, 100, 0), null);
    assert.equal(quickLevel(193, 100, 0), 1);
    assert.equal(quickLevel(3062, 2394, 1), 4);
});

test('guesses are of the right size for a CT', () => {
    assert.ok(guessBytes(512 * 512, 80) > 28000 && guessBytes(512 * 512, 80) < 36000);
    assert.ok(guessBytes(128 * 128, 60) < 3000);
    assert.ok(guessLosslessBytes(512 * 512) > 150000 && guessLosslessBytes(512 * 512) < 190000);
});

const ct = { fullBytes: 32000, quickBytes: 2400, losslessBytes: 165000 };
const open = { picture: ct, slices: 300, missing: 299, restMs: 0, everyMs: Infinity, windowing: false };
const rest = { ...open, restMs: 500 };
const scroll12 = { ...open, restMs: 30, everyMs: 83 };

// which steps, by line: quick of this one first, quick of all, the full one now, stored values
for (const [name, rate, trip, given, expected] of [
    ['opening, half a Mbit/s', 0.5, 60, open, 'qQF.'],
    ['opening, 1 Mbit/s', 1, 40, open, 'qQF.'],
    ['opening, 4 Mbit/s', 4, 40, open, '.QF.'],
    ['opening, 20 Mbit/s', 20, 20, open, '.QF.'],
    ['opening, 100 Mbit/s', 100, 2, open, '..F.'],
    ['opening, a gigabit', 1000, 1, open, '..F.'],
    ['at rest, 1 Mbit/s', 1, 40, rest, 'qQF.'],
    ['at rest, 4 Mbit/s', 4, 40, rest, '.QF.'],
    ['at rest, 20 Mbit/s', 20, 20, rest, '.QFL'],
    ['at rest, 100 Mbit/s', 100, 2, rest, '..FL'],
    ['at rest when all is here, 1 Mbit/s', 1, 40, { ...rest, missing: 0 }, 'qQFL'],
    ['at rest when all is here, 0.05 Mbit/s', 0.05, 40, { ...rest, missing: 0 }, 'qQF.'],
    ['at rest with the window moved, 4 Mbit/s', 4, 40, { ...rest, windowing: true }, '.QFL'],
    ['with the window moved, but gone on', 4, 40, { ...open, restMs: 200, windowing: true }, '.QF.'],
    ['at rest, no stored values to be had', 100, 2, { ...rest, picture: { ...ct, losslessBytes: 0 } }, '..F.'],
    ['12 slices/s, 1 Mbit/s', 1, 40, scroll12, 'qQ..'],
    ['12 slices/s, 4 Mbit/s', 4, 40, scroll12, 'qQ..'],
    ['12 slices/s, 20 Mbit/s', 20, 20, scroll12, '.QF.'],
    ['12 slices/s, 100 Mbit/s', 100, 2, scroll12, '..F.'],
    ['one slice a second, 1 Mbit/s', 1, 40, { ...open, restMs: 30, everyMs: 1000 }, 'qQF.'],
    ['12 slices/s, 1 Mbit/s, no smaller level', 1, 40, { ...scroll12, picture: { ...ct, quickBytes: 0 } }, '..F.'],
    ['a small picture that is not much smaller', 1, 40, { ...open, picture: { ...ct, quickBytes: 9000 } }, '..F.'],
    ['ten slices, 20 Mbit/s', 20, 20, { ...open, slices: 10 }, '..F.'],
]) {
    test(`ladder: ${name}`, () => {
        const steps = decide({ line: lineOf(rate, trip), ...given });
        assert.equal([steps.quickFirst ? 'q' : '.', steps.quickAll ? 'Q' : '.', steps.full ? 'F' : '.', steps.lossless ? 'L' : '.'].join(''), expected);
    });
}

test('it says when to look again: when scrolling has ended, when the reader dwells', () => {
    assert.equal(decide({ line: lineOf(1, 40), ...scroll12 }).lookMs, 90);
    assert.equal(decide({ line: lineOf(20, 40), ...open, restMs: 100 }).lookMs, 250);
    assert.equal(decide({ line: lineOf(20, 40), ...rest }).lookMs, 0);
});
