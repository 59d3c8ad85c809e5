// hit.js - which mark lies under a pointer, and by which part it is taken. Pure; everything in CSS pixels of the picture area.

/** How far from a line or handle a pointer still takes it (the targets are twice as large). */
export const REACH_PX = 12;
export const TOUCH_REACH_PX = 24;

export function distanceToSegment([x, y], [ax, ay], [bx, by]) {
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length2 > 0 ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2)) : 0;
    return Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay));
}

/** From a point to the nearest of lines of points. */
export function distanceToLines(point, lines) {
    let nearest = Infinity;
    for (const line of lines) {
        if (line.length === 1) nearest = Math.min(nearest, Math.hypot(point[0] - line[0][0], point[1] - line[0][1]));
        for (let i = 0; i + 1 < line.length; i++) nearest = Math.min(nearest, distanceToSegment(point, line[i], line[i + 1]));
    }
    return nearest;
}

const inside = ([x, y], box) => !!box && x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

/** figures: [{id, own, selected, handles: [{id, point}], lines, label: box or null}], the last one on top. Handles count where the mark is
 *  selected; own marks only can be taken. {id, part: "handle" | "body" | "label", handle} or null. */
export function hit(point, figures, reach, bodyReach = reach) {
    const own = figures.filter((figure) => figure.own);
    for (const figure of own.filter(({ selected }) => selected)) {
        let best = null;
        for (const { id, point: [x, y] } of figure.handles) {
            const distance = Math.hypot(point[0] - x, point[1] - y);
            if (distance <= reach && distance < (best?.distance ?? Infinity)) best = { id, distance };
        }
        if (best) return { id: figure.id, part: 'handle', handle: best.id };
    }
    const labelled = own.findLast((figure) => inside(point, figure.label));
    if (labelled) return { id: labelled.id, part: 'label' };
    let found = null;
    for (const figure of own) {
        const distance = distanceToLines(point, figure.lines);
        if (distance <= bodyReach && distance <= (found?.distance ?? Infinity)) found = { id: figure.id, distance };
    }
    return found && { id: found.id, part: 'body' };
}
