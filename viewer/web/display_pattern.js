// display_pattern.js - what a screen is judged by, after AAPM's TG18-QC: squares of grey, their faint corners, lines, letters and ramps, as plain
// rectangles and words in pixels of the screen. Pure.

export const STEPS = 16; // grey squares from nearly black to nearly white
const GROUND = 128;
const CORNER = 4; // levels by which the corners of a square differ from it
export const LETTERS = 'QUALITY CONTROL';

const rectangle = (x, y, width, height, grey) => ({ x, y, width, height, grey });

/** Level of grey square number i. */
export const stepGrey = (i) => 8 + 16 * i;

/** A square with a small one in each corner: brighter at two of them, darker at the others. */
function step(x, y, size, grey) {
    const corner = Math.max(2, Math.round(size / 8));
    const [low, high] = [Math.max(0, grey - CORNER), Math.min(255, grey + CORNER)];
    const far = size - corner;
    return [
        rectangle(x, y, size, size, grey),
        rectangle(x, y, corner, corner, high),
        rectangle(x + far, y, corner, corner, low),
        rectangle(x, y + far, corner, corner, low),
        rectangle(x + far, y + far, corner, corner, high),
    ];
}

/** Lines one pixel wide with one pixel between, and two with two: beside each other, one of them lying, one standing. */
function lines(x, y, size, dark, bright) {
    const out = [];
    [1, 2].forEach((width, row) => {
        [false, true].forEach((standing, column) => {
            const [left, top] = [x + column * (size + 4), y + row * (size + 4)];
            out.push(rectangle(left, top, size, size, dark));
            for (let at = 0; at < size; at += 2 * width) {
                const thick = Math.min(width, size - at);
                out.push(standing ? rectangle(left + at, top, thick, size, bright) : rectangle(left, top + at, size, thick, bright));
            }
        });
    });
    return out;
}

const LINE_SIDE = 24;
const LINES_SIDE = 2 * LINE_SIDE + 4;

/** Sharpness in the middle and in the corners, with black and white and with two close greys. */
function linePatterns(side) {
    const edge = Math.round(side * 0.03);
    const far = side - edge - LINES_SIDE;
    const middle = Math.round((side - LINES_SIDE) / 2);
    const places = [[edge, edge], [far, edge], [edge, far], [far, far], [middle - LINES_SIDE, middle]];
    return [...places.flatMap(([x, y]) => lines(x, y, LINE_SIDE, 0, 255)), ...lines(middle + LINES_SIDE, middle, LINE_SIDE, 120, 136)];
}

/** 0 to 255 and back, on the left and on the right. */
function ramps(side) {
    const [top, height, width] = [Math.round(side * 0.2), Math.round(side * 0.6), Math.round(side * 0.04)];
    const out = [];
    for (let row = 0; row < height; row++) {
        const grey = Math.round((row * 255) / Math.max(1, height - 1));
        out.push(rectangle(Math.round(side * 0.03), top + row, width, 1, 255 - grey));
        out.push(rectangle(side - Math.round(side * 0.03) - width, top + row, width, 1, grey));
    }
    return out;
}

/** Grey squares in two rows of eight, the darkest and the brightest in the outer corners. */
function steps(side) {
    const size = Math.round(side * 0.085);
    const left = Math.round(side / 2 - 4 * size);
    const out = [];
    for (let i = 0; i < STEPS; i++) {
        const row = i < STEPS / 2 ? 0 : 1;
        const column = row === 0 ? i : STEPS - 1 - i;
        out.push(...step(left + column * size, Math.round(side * (row === 0 ? 0.22 : 0.695)), size, stepGrey(i)));
    }
    return out;
}

/** A square of 5 % in black and one of 95 % in white. */
function extremes(side) {
    const size = Math.round(side * 0.13);
    const inner = Math.round(size / 2);
    const at = Math.round((size - inner) / 2);
    const y = Math.round(side * 0.435);
    const [dark, bright] = [Math.round(side * 0.2), Math.round(side * 0.8) - size];
    return [
        rectangle(dark, y, size, size, 0),
        rectangle(dark + at, y + at, inner, inner, 13),
        rectangle(bright, y, size, size, 255),
        rectangle(bright + at, y + at, inner, inner, 242),
    ];
}

/** The same words on dark, middle and bright ground, each letter one level fainter than the one before. */
function letters(side) {
    const height = Math.round(side * 0.04);
    const width = Math.round(side * 0.56);
    const left = Math.round((side - width) / 2);
    const grounds = [[0.13, 0, 1], [0.33, 128, 1], [0.63, 255, -1]];
    const shapes = grounds.map(([y, grey]) => rectangle(left, Math.round(side * y), width, height, grey));
    const words = grounds.flatMap(([y, grey, sign]) =>
        [...LETTERS].map((letter, i) => ({
            letter,
            x: Math.round(left + ((i + 0.5) * width) / LETTERS.length),
            y: Math.round(side * y + height / 2),
            size: Math.round(height * 0.8),
            grey: grey + sign * (LETTERS.length - i),
        })),
    );
    return { shapes, words };
}

/** The pattern on a square of `side` pixels of the screen: {shapes: [{x, y, width, height, grey}], words: [{letter, x, y, size, grey}]}, later above. */
export function qualityPattern(side) {
    const text = letters(side);
    const grid = [];
    for (let i = 1; i < 10; i++) {
        const at = Math.round((side * i) / 10);
        grid.push(rectangle(at, 0, 1, side, 191), rectangle(0, at, side, 1, 191));
    }
    const shapes = [
        rectangle(0, 0, side, side, GROUND),
        ...grid,
        ...ramps(side),
        ...steps(side),
        ...extremes(side),
        ...linePatterns(side),
        ...text.shapes,
    ];
    return { shapes, words: text.words };
}

/** The whole screen in one grey: for uneven light and dead pixels. */
export const evenPattern = (width, height, grey) => ({ shapes: [rectangle(0, 0, width, height, grey)], words: [] });
