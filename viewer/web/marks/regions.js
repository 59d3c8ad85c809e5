// regions.js - regions of an ultrasound image: in which of them a mark lies, and what a pixel means there (PS3.3 C.8.5.5; the service's dicom/ultrasound.h is
// the same rule, and its answer takes the place of this one). Pure.
// A region is {left, top, right, bottom, low, x, y} of the manifest, x and y {unit, delta} or null.

const AREAS = ['rectangle', 'ellipse', 'freehand'];
const SAME = 1e-9;

function boundsOf(points) {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Does the line run inside the box, not only along its edge? (Liang and Barsky) */
function lineEnters(box, [ax, ay], [bx, by]) {
    let [low, high] = [0, 1];
    const cut = (from, by_, limit) => {
        if (by_ === 0) return from < limit;
        const at = (limit - from) / by_;
        if (by_ > 0) high = Math.min(high, at);
        else low = Math.max(low, at);
        return low < high;
    };
    const [dx, dy] = [bx - ax, by - ay];
    return cut(-ax, -dx, -box.left) && cut(ax, dx, box.right) && cut(-ay, -dy, -box.top) && cut(ay, dy, box.bottom);
}

function enters(region, kind, points) {
    const { left, top, right, bottom } = region;
    if (points.length < 2) return points[0][0] > left && points[0][0] < right && points[0][1] > top && points[0][1] < bottom;
    if (AREAS.includes(kind)) {
        const box = boundsOf(points);
        return box.left < right && box.right > left && box.top < bottom && box.bottom > top;
    }
    for (let i = 0; i + 1 < points.length; i += kind === 'angle' ? 1 : 2) if (lineEnters(region, points[i], points[i + 1])) return true;
    return false;
}

function hasAll(region, points) {
    const box = boundsOf(points);
    return box.left >= region.left && box.right <= region.right && box.top >= region.top && box.bottom <= region.bottom;
}

const tellsUnits = ({ x, y }) => Boolean(x || y);
const sameAxis = (a, b) => (!a && !b) || (a && b && a.unit === b.unit && Math.abs(a.delta - b.delta) <= SAME * Math.abs(a.delta));
const goesBefore = (a, b) => (a.low !== b.low ? b.low : tellsUnits(a) && !tellsUnits(b));
const contradicts = (other, region) =>
    other.low !== region.low ? region.low : tellsUnits(other) && !(sameAxis(other.x, region.x) && sameAxis(other.y, region.y));

/** {place, region}: place "inside", "outside", "across" or "unfit"; region null but inside. */
export function findRegion(regions, { columns, rows }, { kind, points }) {
    if (regions.some(({ right, bottom }) => right - 1 > columns || bottom - 1 > rows)) return { place: 'unfit', region: null };
    if (points.length === 0) return { place: 'outside', region: null };
    const at = kind === 'probe' ? [[Math.min(Math.floor(points[0][0]), columns - 1) + 0.5, Math.min(Math.floor(points[0][1]), rows - 1) + 0.5]] : points;
    let best = null;
    for (const region of regions) if (hasAll(region, at) && (!best || goesBefore(region, best))) best = region;
    const touched = regions.filter((region) => region !== best && enters(region, kind, at));
    if (best && !touched.some((region) => contradicts(region, best))) return { place: 'inside', region: best };
    return { place: best || touched.length > 0 ? 'across' : 'outside', region: null };
}

/** The scale of a mark on an image with regions, as measure.js has it; axes: of a region that is no section, what a pixel means to each side. */
export function regionScale(object, mark) {
    const { place, region } = findRegion(object.regions, object, mark);
    const aspect = object.pixel_aspect > 0 ? object.pixel_aspect : 1;
    if (!region) return { row: null, column: null, source: `ultrasound_${place}`, aspect };
    const [column, row] = [region.x, region.y].map((axis) => (axis?.unit === 'cm' ? Math.abs(axis.delta) * 10 : null));
    if (row === null || column === null) return { row: null, column: null, source: 'ultrasound_other', aspect, axes: region };
    return { row, column, source: 'ultrasound', aspect: row / column };
}
