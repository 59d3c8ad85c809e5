// ladder.js - from a small quick picture to the right-sized one and on to the stored values: which steps are worth their bytes on the line as it is
// measured. Pure.

const QUICK_SIDE = 192; // pixels of the small picture's longer side, at most
export const QUICK_QUALITY = 50;
const BYTES_PER_PIXEL = 0.125; // of a grey JPEG at quality 80, until some have come
const STACK_SOON_MS = 1500; // a stack that is here sooner needs no small pictures
const FIRST_SOON_MS = 150; // nor does a picture on the screen
const QUICK_SHARE = 0.25; // of the full one's bytes: what is not much smaller is not worth a second request
const REST_MS = 120; // without scrolling
const LOSSLESS_REST_MS = 350; // the reader dwells on the slice
const LOSSLESS_QUICK_MS = 200; // as long may the stored values of a slice take before the stack is here
const LOSSLESS_MOST_MS = 20000;
const LOSSLESS_BYTES_PER_PIXEL = 0.65;
export const LOSSLESS_PIXELS_MAX = 2 ** 21; // beyond, a window is quicker from the service than from a script

/** The level of a small picture: that whose longer side has at most QUICK_SIDE pixels; null when the wanted level is no larger. */
export function quickLevel(columns, rows, level) {
    let quick = 0;
    while (Math.ceil(Math.max(columns, rows) / 2 ** quick) > QUICK_SIDE) quick++;
    return quick > level ? quick : null;
}

/** About how many bytes a tile of so many pixels has, before one of its kind has come. */
export const guessBytes = (pixels, quality) => Math.ceil(300 + pixels * BYTES_PER_PIXEL * (quality / 80) ** 0.8);

export const guessLosslessBytes = (pixels) => Math.ceil(56 + pixels * LOSSLESS_BYTES_PER_PIXEL);

/** What to ask for.
 *  line       LineMeter, or what has its msOf() and roundTripMs
 *  picture    {fullBytes, quickBytes, losslessBytes}: of one slice; quickBytes 0 where there is no smaller level, losslessBytes 0 where stored values
 *             are of no use
 *  slices     of the stack
 *  missing    of them, those that have no full picture here
 *  restMs     since the reader last went to another slice
 *  everyMs    between the last two slices gone to, Infinity when there was one only
 *  windowing  the window is being dragged, or was moved on this slice
 *  Returns {quickFirst, quickAll, full, lossless, lookMs}: the small picture of this slice before its full one; small ones of the whole stack before their
 *  full ones; the full one of this slice now; its stored values; and after how long to decide anew, 0: not before something else happens. */
export function decide({ line, picture, slices, missing, restMs, everyMs, windowing }) {
    const { fullBytes, quickBytes, losslessBytes } = picture;
    const fullMs = line.msOf(fullBytes);
    const smaller = quickBytes > 0 && quickBytes <= QUICK_SHARE * fullBytes;
    const scrolling = restMs < REST_MS && everyMs < Infinity;
    // A reader who goes on before the picture is here would only queue pictures that are stale.
    const passes = smaller && scrolling && everyMs < line.roundTripMs + 1.25 * fullMs;
    const losslessMs = losslessBytes > 0 ? line.msOf(losslessBytes) : Infinity;
    const dwells = restMs >= LOSSLESS_REST_MS;
    const idle = missing === 0;
    const worth = losslessMs <= LOSSLESS_QUICK_MS || ((idle || windowing) && losslessMs <= LOSSLESS_MOST_MS);
    return {
        quickFirst: smaller && (passes || fullMs > FIRST_SOON_MS),
        quickAll: smaller && line.msOf(slices * fullBytes) > STACK_SOON_MS,
        full: !passes,
        lossless: dwells && worth,
        lookMs: passes ? REST_MS - restMs : dwells || losslessMs === Infinity ? 0 : LOSSLESS_REST_MS - restMs,
    };
}
