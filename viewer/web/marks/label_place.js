// label_place.js - where a label goes: beside its mark, not on it, not on other labels, inside the view. Pure; CSS pixels.

const GAP_PX = 10;
const EDGE_PX = 4;

const overlap = (a, b) =>
    Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));

export const boxAt = (left, top, { width, height }) => ({ left, top, right: left + width, bottom: top + height });

/** The box held inside the view. */
export function within(box, view) {
    const { width, height } = { width: box.right - box.left, height: box.bottom - box.top };
    const hold = (value, size, limit) => Math.max(EDGE_PX, Math.min(value, limit - size - EDGE_PX));
    return boxAt(hold(box.left, width, view.width), hold(box.top, height, view.height), { width, height });
}

function candidates(mark, size) {
    const middleX = (mark.left + mark.right - size.width) / 2;
    const middleY = (mark.top + mark.bottom - size.height) / 2;
    const right = mark.right + GAP_PX;
    const left = mark.left - GAP_PX - size.width;
    const below = mark.bottom + GAP_PX;
    const above = mark.top - GAP_PX - size.height;
    return [
        [right, middleY],
        [left, middleY],
        [middleX, below],
        [middleX, above],
        [right, below],
        [right, above],
        [left, below],
        [left, above],
    ].map(([x, y]) => boxAt(x, y, size));
}

/** The box for a label of a size beside a mark's box. taken: boxes of labels that are placed already; marks: boxes of the other marks. */
export function placeLabel(mark, size, view, taken = [], marks = []) {
    let best = null;
    candidates(mark, size).forEach((asked, order) => {
        const box = within(asked, view);
        const moved = Math.abs(box.left - asked.left) + Math.abs(box.top - asked.top);
        const covered = (boxes) => boxes.reduce((sum, other) => sum + overlap(box, other), 0);
        const cost = covered([mark]) * 4 + covered(taken) * 4 + covered(marks) * 2 + moved + order;
        if (best === null || cost < best.cost) best = { box, cost };
    });
    return best.box;
}

/** The box for the label of an angle: at its vertex, on the side away from its arms. */
export function placeAtVertex([from, vertex, to], size, view) {
    const towards = ([x, y]) => {
        const length = Math.hypot(x - vertex[0], y - vertex[1]) || 1;
        return [(x - vertex[0]) / length, (y - vertex[1]) / length];
    };
    const [a, b] = [towards(from), towards(to)];
    const straight = Math.hypot(a[0] + b[0], a[1] + b[1]) < 0.2;
    const away = straight ? [-a[1], a[0]] : [-(a[0] + b[0]), -(a[1] + b[1])];
    const length = Math.hypot(...away);
    const [dx, dy] = [away[0] / length, away[1] / length];
    const x = vertex[0] + dx * (GAP_PX + size.width / 2);
    const y = vertex[1] + dy * (GAP_PX + size.height / 2);
    return within(boxAt(x - size.width / 2, y - size.height / 2, size), view);
}

const nearestOnBox = ({ left, top, right, bottom }, [x, y]) => [Math.min(right, Math.max(left, x)), Math.min(bottom, Math.max(top, y))];

function nearestOnLine([x, y], [ax, ay], [bx, by]) {
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length2 > 0 ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2)) : 0;
    return [ax + share * (bx - ax), ay + share * (by - ay)];
}

/** The shortest way from a label's box to its mark's lines: {from, to, length}. */
export function leader(box, lines) {
    let best = { length: Infinity };
    for (const line of lines) {
        for (let i = 0; i + 1 < line.length; i++) {
            let to = nearestOnLine([(box.left + box.right) / 2, (box.top + box.bottom) / 2], line[i], line[i + 1]);
            let from = nearestOnBox(box, to);
            to = nearestOnLine(from, line[i], line[i + 1]);
            from = nearestOnBox(box, to);
            const length = Math.hypot(from[0] - to[0], from[1] - to[1]);
            if (length < best.length) best = { from, to, length };
        }
    }
    return best;
}
