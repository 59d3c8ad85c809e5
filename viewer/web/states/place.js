// place.js - where a presentation state puts a picture: its displayed area (PS3.3 C.10.4), its turn (C.10.6), and where places in parts of that area lie
// (C.10.5.1.2). Pure. Frame places are pixels of the stored frame, (0, 0) the upper left corner of its upper left pixel.

import { Viewport } from '../viewport.js';

/** The area as frame places {left, top, right, bottom}; all of the frame without one. */
export function areaOf(area, { columns, rows }) {
    if (!area) return { left: 0, top: 0, right: columns, bottom: rows };
    const [x, y] = [0, 1].map((axis) => [area.first[axis], area.last[axis]].sort((a, b) => a - b));
    return { left: x[0] - 1, top: y[0] - 1, right: x[1], bottom: y[1] };
}

/** The scale at which the part fills the view. */
function fitScale({ view, quarterTurns }, { left, top, right, bottom }) {
    const [width, height] = quarterTurns % 2 === 1 ? [bottom - top, right - left] : [right - left, bottom - top];
    return Math.min(view.width / width, view.height / height);
}

/** Turn and place a viewport as the state has it. aspect: height over width of a pixel. perMm: CSS pixels per millimetre of the screen; ratio: device pixels per
 *  CSS pixel. */
export function placeViewport(viewport, { turns, flipped }, area, frame, { aspect, perMm, ratio }) {
    viewport.turnBy({ upright: true, quarterTurns: turns });
    if (flipped) viewport.flip(false); // behind the turn, where Viewport has it before
    if (!area) {
        viewport.fit();
        return;
    }
    const { left, top, right, bottom } = areaOf(area, frame);
    const part = { left, top: top * aspect, right, bottom: bottom * aspect };
    const scale = area.size === 'true' ? perMm * area.column_spacing_mm : area.size === 'magnify' ? area.magnification / ratio : 0;
    viewport.centreOn(scale > 0 ? scale : fitScale(viewport, part), (part.left + part.right) / 2, (part.top + part.bottom) / 2);
}

/** From (0, 0) .. (1, 1) of the area, as it is seen with the state's turn, to frame places: [a, b, c, d, e, f] of SVG's matrix(). */
export function displayMatrix({ turns, flipped }, area, frame) {
    const { left, top, right, bottom } = areaOf(area, frame);
    const turned = new Viewport();
    turned.turnBy({ quarterTurns: turns });
    if (flipped) turned.flip(false);
    const { a, b, c, d } = turned.turn();
    const [width, height] = [right - left, bottom - top];
    return [a * width, c * height, b * width, d * height, a + b > 0 ? left : right, c + d > 0 ? top : bottom];
}

/** From frame places to the view, likewise. */
export function frameMatrix(viewport, aspect) {
    const { a, b, c, d } = viewport.turn();
    const { x, y } = viewport.toView(0, 0);
    const { scale } = viewport;
    return [a * scale, b * scale, c * scale * aspect, d * scale * aspect, x, y];
}

/** First the second, then the first. */
export function combine([a, b, c, d, e, f], [g, h, i, j, k, l]) {
    return [a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * l + e, b * k + d * l + f];
}

export const through = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];
