// playback.js - how frames follow each other when a stack or a run plays: at which times, in which order, from where to where (PS3.3 C.7.6.5). Pure: the
// clock is told by whoever asks.

export const RATE_MIN = 1; // frames a second
export const RATE_MAX = 60;
const STACK_RATE = 12; // where the object tells none

const within = (rate) => Math.min(RATE_MAX, Math.max(RATE_MIN, rate));

/** Frames a second that an object tells, of times that differ their mean, held within what is possible; ours of one that tells none. */
export const rateOf = (object) => within(object?.frame_time_ms > 0 ? 1000 / object.frame_time_ms : STACK_RATE);

/** The one object whose frames these slices are, in their order; null when they are of several. */
export function runOf({ slices, objects }) {
    const first = slices[0];
    const whole = first && slices.every(({ object, frame }, at) => object === first.object && frame === first.frame + at);
    return whole ? objects[first.object] : null;
}

/** Milliseconds for which each slice of a manifest is on the screen at the object's own rate; of the last of a vector the mean, for nothing follows it. */
export function timesOf(manifest) {
    const { slices, objects } = manifest;
    const told = runOf(manifest)?.frame_times_ms;
    return slices.map(({ object, frame }) => told?.[frame + 1] ?? 1000 / rateOf(objects[object]));
}

/** [first, last] of the slices that are worth playing: all but what the object trims. */
export function rangeOf(manifest) {
    const { slices } = manifest;
    const [first, last] = runOf(manifest)?.trim ?? [1, Infinity];
    const at = slices.findIndex(({ frame }) => frame + 1 >= first);
    const end = slices.findLastIndex(({ frame }) => frame + 1 <= last);
    return at >= 0 && end > at ? [at, end] : [0, slices.length - 1];
}

/** The frame after one: {index, way}, way 1 or -1; null at the end of what is not repeated. */
export function nextFrame(index, [first, last], way, { loop, swing }) {
    if (index < first || index > last) return { index: way > 0 ? first : last, way };
    const next = index + way;
    if (next >= first && next <= last) return { index: next, way };
    if (last === first || !(loop || swing)) return null;
    return swing ? { index: index - way, way: -way } : { index: way > 0 ? first : last, way };
}

export class Playback {
    #due = 0;

    /** Of a manifest. order: {loop, swing}, looked at for each frame. */
    constructor(manifest, order) {
        this.times = timesOf(manifest);
        this.range = rangeOf(manifest);
        this.order = order;
        this.way = 1;
        this.own = within((1000 * this.times.length) / this.times.reduce((sum, ms) => sum + ms, 0));
        this.rate = this.own; // frames a second, of times that differ the mean
    }

    /** Where it begins: at the slice on the screen; what plays once and is at its end, at its beginning. Only to and fro goes back. */
    from(index) {
        const { loop, swing } = this.order;
        if (!swing) this.way = 1;
        return !loop && !swing && index >= this.range[1] ? this.range[0] : index;
    }

    /** The slice on the screen is there since now. */
    begin(index, nowMs) {
        this.#due = nowMs + this.#time(index);
    }

    #time(index) {
        return ((this.times[index] ?? 1000 / this.own) * this.own) / this.rate;
    }

    /** The slice has not come yet: once it is there it stays for half of its time at least. */
    hold(index, nowMs) {
        this.#due = Math.max(this.#due, nowMs + this.#time(index) / 2);
        return null;
    }

    /** What to show now: null while the slice on the screen has its time, "end", or the next one's index. None is left out, and what a late one
     *  took is caught up by one frame at most. */
    step(index, nowMs) {
        if (nowMs < this.#due) return null;
        const next = nextFrame(index, this.range, this.way, this.order);
        if (!next) return 'end';
        this.way = next.way;
        const time = this.#time(next.index);
        this.#due = Math.max(this.#due + time, nowMs);
        return next.index;
    }
}
