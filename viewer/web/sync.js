// sync.js - areas that follow each other: by place in the patient where both are of one Frame of Reference, else by a distance that the reader
// sets by hand and that is kept for the pair. What follows whom is reckoned here, without a DOM; linked.js does it to the page.

import { centreOf, depthOf, parallel, planeOf, sameSpace, sliceAt, toPatient, toPicture } from './planes.js';
import { isHounsfield } from './presets.js';
import { isColour } from './stack_model.js';

/** The same for a pair whichever leads; offsets are of the second by its order. */
export const pairKey = (a, b) => [a.uid, b.uid].sort().join(' ');

/** +1 when a comes first in the pair's key. */
const sense = (a, b) => (a.uid <= b.uid ? 1 : -1);

/** How two areas are linked: "place", "hand" (by an offset), "" (not at all). a, b: {stack, uid}; offset: as offsetOf() gives it, or undefined. */
export function linkOf(a, b, offset) {
    const [planeA, planeB] = [planeOf(a.stack), planeOf(b.stack)];
    if (sameSpace(planeA, planeB)) return parallel(planeA, planeB) ? 'place' : '';
    if (planeA && planeB && !parallel(planeA, planeB)) return '';
    return offset === undefined ? '' : 'hand';
}

/** The offset that makes the slices on the screen belong together: {mm} when both tell where they lie, else {slices}. */
export function offsetOf(a, b) {
    const planeA = planeOf(a.stack);
    const depthB = depthOf(b.stack, b.stack.index, planeA);
    const sign = sense(a, b);
    if (planeA && depthB !== null) {
        // the sense of the axis has to be the same whichever leads
        const axis = mainSense(planeA.normal);
        return { mm: sign * axis * (depthB - depthOf(a.stack, a.stack.index, planeA)) };
    }
    return { slices: sign * (b.stack.index - a.stack.index) };
}

/** Normals of parallel planes may point either way: the larger part of the direction decides. */
function mainSense(normal) {
    const main = normal.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return main < 0 ? -1 : 1;
}

/** The slice of b that belongs to the one of a on the screen: {index, inside}, inside false when b has none there and index is its nearest; null when
 *  the two do not follow each other. */
export function slicePaired(a, b, offset) {
    const link = linkOf(a, b, offset);
    const plane = planeOf(a.stack);
    if (link === 'place') return sliceAt(b.stack, centreOf(plane), plane, true);
    if (link !== 'hand') return null;
    if (offset.mm !== undefined && plane) {
        const wanted = depthOf(a.stack, a.stack.index, plane) + sense(a, b) * mainSense(plane.normal) * offset.mm;
        return nearestDepth(b.stack, plane, wanted);
    }
    if (offset.slices === undefined) return null;
    const wanted = a.stack.index + sense(a, b) * offset.slices;
    const index = Math.min(b.stack.size - 1, Math.max(0, wanted));
    return { index, inside: index === wanted };
}

function nearestDepth(stack, like, wanted) {
    const depths = Array.from({ length: stack.size }, (_, index) => depthOf(stack, index, like));
    const known = depths.map((depth, index) => ({ index, depth })).filter(({ depth }) => depth !== null);
    if (known.length === 0) return null;
    const best = known.reduce((nearest, one) => (Math.abs(one.depth - wanted) < Math.abs(nearest.depth - wanted) - 1e-6 ? one : nearest));
    const step = known.length > 1 ? Math.abs(known[1].depth - known[0].depth) : 0;
    return { index: best.index, inside: Math.abs(best.depth - wanted) <= Math.max(step, stack.slice(best.index).thickness_mm || 0) / 2 + 0.01 };
}

/** May b show a's window? Only where the numbers mean the same: Hounsfield units, or one series' own. */
export function windowShared(a, b) {
    const [objectA, objectB] = [a.stack.object(), b.stack.object()];
    if (!objectA || !objectB || isColour(objectA) || isColour(objectB)) return false;
    const [modalityA, modalityB] = [a.stack.manifest.modality, b.stack.manifest.modality];
    if (isHounsfield(modalityA, objectA) && isHounsfield(modalityB, objectB)) return true;
    return a.stack.manifest.series === b.stack.manifest.series;
}

/** The place of b's picture that goes with a's: {scale, x, y} for Stage.follow(), "fit", or null when it cannot be told. The same millimetres are
 *  as large; in one space the same point of the patient is in the middle, else the same distance from the picture's middle. */
export function placePaired(a, b, link) {
    const [viewA, viewB] = [a.viewport, b.viewport];
    if (viewA.fitted) return 'fit';
    const [mmA, mmB] = [a.stack.millimetres(), b.stack.millimetres()];
    const known = mmA && mmB && mmA.source === mmB.source;
    const ratio = known ? mmB.perUnit / mmA.perUnit : viewB.fitScale() / viewA.fitScale();
    const scale = viewA.scale * ratio;
    const middle = viewA.toPicture(viewA.view.width / 2, viewA.view.height / 2);
    if (link === 'place') {
        const point = toPatient(planeOf(a.stack), middle.x, middle.y / a.stack.pixelAspect());
        const at = toPicture(planeOf(b.stack), point);
        return { scale, x: at.x, y: at.y * b.stack.pixelAspect() };
    }
    if (link === '') return null;
    const share = known ? mmA.perUnit / mmB.perUnit : viewB.picture.width / viewA.picture.width;
    return {
        scale,
        x: viewB.picture.width / 2 + (middle.x - viewA.picture.width / 2) * share,
        y: viewB.picture.height / 2 + (middle.y - viewA.picture.height / 2) * share,
    };
}
