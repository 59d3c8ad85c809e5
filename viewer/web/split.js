// split.js - a series as the sets a reader takes it for: directions, scouts, passes over the same positions, single projections, clips. Pure.
// What lies in one stack lies there in one order of positions; a set is a manifest of its own, of some of the slices.

import { directions, dot, planeName } from './geometry.js';

const SAME_DIRECTION = 0.999; // cosine: 2.6 degrees, as the service orders stacks
const SAME_WAY = 0.75; // of rows, and of columns: slices that follow discs or a bent organ are one set
const PASSES_MAX = 8; // more are a dynamic run, which is one stack
const PASS_MIN = 3; // slices
const SINGLES_MAX = 24; // more projections than that are a stack
const PROJECTIONS = ['CR', 'DX', 'MG', 'IO', 'PX', 'RG', 'XR'];

const isLocaliser = (object) => /\\LOCALIZER/.test(object.image_type ?? '');

const alike = (a, b, least) => dot(a.row, b.row) > least && dot(a.column, b.column) > least;

/** The same text for slices of one set, by what they are; position within it comes later. */
function kindOf(manifest, slice, directionsSeen) {
    const object = manifest.objects[slice.object];
    if (object.problem) return null; // stays with its neighbours
    const known = directions(slice.orientation);
    if (!known || !slice.position) {
        if (object.frames > 1) return `clip ${slice.object}`;
        return PROJECTIONS.includes(manifest.modality) ? `picture ${slice.object}` : 'pictures';
    }
    let at = directionsSeen.findIndex((other) => alike(other, known, SAME_WAY));
    if (at < 0) at = directionsSeen.push(known) - 1;
    return `${isLocaliser(object) ? 'scout' : 'stack'} ${at}`;
}

/** Slices of one way by blocks of the very same direction, in the order in which the blocks lie; [block, ...]. */
function blocksOf(manifest, indices) {
    const blocks = [];
    for (const index of indices) {
        const known = directions(manifest.slices[index].orientation);
        const last = blocks.at(-1);
        if (last && (!known || !last.known || alike(known, last.known, SAME_DIRECTION))) last.indices.push(index);
        else blocks.push({ known, indices: [index] });
    }
    const normal = blocks[0].known?.normal;
    if (!normal || blocks.length < 2) return blocks.map((block) => block.indices);
    const depth = ({ indices: list }) => list.reduce((sum, index) => sum + (manifest.slices[index].position ? dot(manifest.slices[index].position, normal) : 0), 0) / list.length;
    return blocks.sort((a, b) => depth(a) - depth(b)).map((block) => block.indices);
}

/** Slices of one direction, cut where they begin again at positions that were passed. */
function passesOf(manifest, indices) {
    const normal = directions(manifest.slices[indices[0]].orientation)?.normal;
    if (!normal || !manifest.slices[indices[0]].position) return [indices];
    const along = indices.map((index) => (manifest.slices[index].position ? dot(manifest.slices[index].position, normal) : NaN));
    const passes = [[indices[0]]];
    const way = Math.sign(along[1] - along[0]);
    for (let i = 1; i < indices.length; i++) {
        if (way !== 0 && Math.sign(along[i] - along[i - 1]) === -way) passes.push([]);
        passes.at(-1).push(indices[i]);
    }
    const whole = passes.length > 1 && passes.length <= PASSES_MAX && passes.every((pass) => pass.length >= PASS_MIN);
    return whole ? passes : [indices];
}

function describe(manifest, indices, pass, passes) {
    const slice = manifest.slices[indices[0]];
    const object = manifest.objects[slice.object];
    return {
        plane: planeName(slice.orientation),
        scout: isLocaliser(object),
        clip: object.frames > 1 && !slice.position,
        laterality: object.laterality || '',
        told: object.patient_orientation ?? null,
        view: object.view_position || '',
        pass: passes > 1 ? pass + 1 : 0,
        passes,
    };
}

/** [{set, manifest, plane, scout, clip, laterality, told, view, pass, passes}], set counting from 0; one whose manifest is the series' own when there
 *  is nothing to take apart. */
export function setsOf(manifest) {
    const groups = new Map();
    const seen = [];
    let last = null;
    manifest.slices.forEach((slice, index) => {
        const kind = kindOf(manifest, slice, seen) ?? last ?? 'pictures';
        last = kind;
        if (!groups.has(kind)) groups.set(kind, []);
        groups.get(kind).push(index);
    });
    const singles = [...groups.keys()].filter((kind) => kind.startsWith('picture ')).length;
    const lists = singles > SINGLES_MAX ? [manifest.slices.map((_, index) => index)] : [...groups.values()];
    const parts = lists.flatMap((indices) => {
        const blocks = blocksOf(manifest, indices);
        const passes = blocks.length > 1 ? [blocks.flat()] : passesOf(manifest, indices);
        return passes.map((pass, n) => ({ indices: pass, pass: n, passes: passes.length }));
    });
    const whole = parts.length === 1 && parts[0].indices.every((index, at) => index === at);
    return parts.map(({ indices, pass, passes }, set) => ({
        set,
        manifest: whole ? manifest : part(manifest, indices),
        ...describe(manifest, indices, pass, passes),
    }));
}

/** Some of the slices, with what can be said of these: their distances. */
function part(manifest, indices) {
    const slices = indices.map((index) => manifest.slices[index]);
    return { ...manifest, slices, ...regularity(slices, manifest) };
}

function regularity(slices, manifest) {
    const known = directions(slices[0].orientation);
    const { normal } = known ?? {};
    if (!normal || slices.length < 2 || slices.some((slice) => !slice.position || !alike(directions(slice.orientation), known, SAME_DIRECTION))) return {};
    const along = slices.map((slice) => dot(slice.position, normal));
    const steps = along.slice(1).map((value, i) => Math.abs(value - along[i])).sort((a, b) => a - b);
    const middle = steps[steps.length >> 1];
    const even = steps.at(-1) - steps[0] <= Math.max(0.01, middle * 0.01);
    return { order: manifest.order === 'mixed' ? 'position' : manifest.order, spacing_mm: middle, even_spacing: even };
}

/** The set that opens when none is named: the largest that is no scout. */
export const mainSet = (sets) =>
    sets.reduce((best, one) => {
        if (best && best.scout === one.scout) return one.manifest.slices.length > best.manifest.slices.length ? one : best;
        return best && !best.scout ? best : one;
    }, null);
