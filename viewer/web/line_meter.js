// line_meter.js - what the line to the service carries: bytes a millisecond and its round trip, from the answers' own bytes and times. Pure.

const SAMPLE_MS = 40; // of streaming make a sample,
const SAMPLE_BYTES = 2 ** 18; // or that many bytes
const SAMPLE_LEAST_BYTES = 2 ** 13;
const WEIGHT = 0.35; // of a new sample: a line that changes is known after some
const ROUND_TRIPS = 16; // the shortest of the last so many is the line's own, the others held waiting, too
const QUEUE_MS = 150; // what is urgent waits behind no more than that
const HIDING = 2.5; // round trips as they mostly are, the service's own time in them: half of the bytes are still to come when the next are asked for
const LEAST_BYTES = 16 * 1024; // a request for less is not worth its round trip
const MOST_BYTES = 4 * 2 ** 20;
const RATE_MIN = 1; // bytes a millisecond: 8 kbit/s
const RATE_MAX = 250000; // 2 Gbit/s

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class LineMeter {
    #open = 0; // answers whose bytes come now
    #since = 0; // when the first of these began, or the sample before ended
    #bytes = 0; // of the sample
    #ms = 0; // of streaming in it, up to #since
    #trips = [];
    #measured = false;

    /** Until something is known: a line of 8 Mbit/s. */
    constructor({ rate = 1000, roundTripMs = 50 } = {}) {
        this.rate = rate; // bytes a millisecond
        this.roundTripMs = roundTripMs;
    }

    /** Does it rest on anything that came over the line? */
    get known() {
        return this.#measured;
    }

    /** An answer's first bytes are here, waitMs after it was asked for on a connection that stood. They came while nobody looked: they tell of the rate
     *  only beside another answer. */
    begin(nowMs, waitMs = 0, count = 0) {
        if (waitMs > 0) this.#roundTrip(waitMs);
        if (this.#open++ === 0) this.#since = nowMs;
        else this.bytes(count, nowMs);
    }

    bytes(count, nowMs) {
        if (this.#open === 0) return;
        this.#bytes += count;
        this.#take(nowMs);
    }

    end(nowMs) {
        if (this.#open === 0) return;
        this.#open--;
        this.#take(nowMs);
    }

    /** What the page's own files took: entries of PerformanceResourceTiming, those with bytes that came over the line. */
    seed(entries) {
        const came = entries.filter((one) => one.encodedBodySize > 0 && one.transferSize > one.encodedBodySize && one.responseEnd > one.responseStart);
        const trips = came.map((one) => one.responseStart - one.requestStart).filter((ms) => ms > 0);
        if (trips.length > 0) this.#roundTrip(Math.min(...trips));
        const spans = came.map((one) => [one.responseStart, one.responseEnd]).sort((a, b) => a[0] - b[0]);
        let [ms, until] = [0, -Infinity];
        for (const [from, to] of spans) {
            ms += Math.max(0, to - Math.max(from, until));
            until = Math.max(until, to);
        }
        const bytes = came.reduce((sum, one) => sum + one.transferSize, 0);
        // Small files wait for each other as much as they stream: what they show is less than the line carries, not more.
        if (bytes >= 4 * SAMPLE_LEAST_BYTES && ms > 0) this.rate = clamp(bytes / ms, RATE_MIN, RATE_MAX);
    }

    /** Milliseconds that so many bytes take on the line, its round trip left out. */
    msOf(bytes) {
        return bytes / this.rate;
    }

    /** Bytes that may be asked for and not be here: enough to fill the line for a round trip and while the next request is on its way, and no
     *  more than what an urgent one can wait behind. */
    get budget() {
        const hiding = HIDING * this.typicalTripMs;
        return clamp(this.rate * Math.max(hiding, this.roundTripMs + QUEUE_MS), LEAST_BYTES, MOST_BYTES);
    }

    get typicalTripMs() {
        const trips = [...this.#trips].sort((a, b) => a - b);
        return trips.length > 0 ? trips[trips.length >> 1] : this.roundTripMs;
    }

    #roundTrip(ms) {
        this.#trips.push(ms);
        if (this.#trips.length > ROUND_TRIPS) this.#trips.shift();
        this.roundTripMs = Math.min(...this.#trips);
    }

    /** A sample is long enough, or it goes on in the next answer: time in which nothing was on its way does not count. */
    #take(nowMs) {
        const ms = this.#ms + Math.max(0, nowMs - this.#since);
        if (this.#bytes >= SAMPLE_LEAST_BYTES && (ms >= SAMPLE_MS || this.#bytes >= SAMPLE_BYTES)) {
            const rate = clamp(this.#bytes / Math.max(ms, 1), RATE_MIN, RATE_MAX);
            this.rate = this.#measured ? this.rate + WEIGHT * (rate - this.rate) : rate;
            this.#measured = true;
            [this.#bytes, this.#ms] = [0, 0];
        } else {
            this.#ms = ms;
        }
        this.#since = nowMs;
    }
}
