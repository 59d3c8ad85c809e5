// gestures.js - what a press on a picture does with marks, until it ends: draw one, move one or a handle of it, move its label.

import { Draft } from './draft.js';
import { handlePoint, moveBy, moveHandle, withoutPoint } from './shapes.js';

const MOVED_PX = 4; // a press that goes less far is a click
const TOUCH_MOVED_PX = 8;
const STROKE_STEP_PX = 2; // on the screen

/** Watches whether a press has become a drag. */
function watch(layer, start) {
    const limit = layer.touch ? TOUCH_MOVED_PX : MOVED_PX;
    let moved = false;
    return (point) => {
        moved ||= Math.hypot(point.x - start.x, point.y - start.y) >= limit;
        return moved;
    };
}

/** Begin a mark of a kind, or go on with the one being drawn. under: the mark that a click here chooses instead. */
export function drawing(layer, start, kind = null, under = null) {
    const { desk } = layer;
    if (kind) layer.drawing = { draft: new Draft(kind, layer.frameSize), mark: desk.blank(kind, layer.state), key: layer.key };
    const { draft, mark } = layer.drawing;
    const moved = watch(layer, start);
    const stepPx = STROKE_STEP_PX / layer.state.viewport.scale;
    draft.press(layer.toFrame([start.x, start.y]));
    layer.showDraft();
    layer.showLoupe(start, { ...mark, points: draft.points });
    return {
        move(point) {
            if (layer.drawing?.draft !== draft) return;
            if (!moved(point) && mark.kind !== 'probe') return;
            draft.move(layer.toFrame([point.x, point.y]), true, stepPx);
            layer.showDraft();
            layer.showLoupe(point, { ...mark, points: draft.points });
        },
        end(point, event, cancelled) {
            layer.loupe.hide();
            if (layer.drawing?.draft !== draft) return;
            if (cancelled) {
                layer.stopDrawing();
                return;
            }
            if (under && !moved(point)) {
                layer.stopDrawing();
                desk.select(layer.state.study.id, under);
                return;
            }
            const points = draft.release(moved(point));
            if (points) finish(layer, mark, points);
            else layer.showDraft();
        },
    };
}

function finish(layer, mark, points) {
    const { desk, state } = layer;
    layer.drawing = null;
    if (points.length === 0) {
        desk.setLive(null, null);
        return;
    }
    const whole = { ...mark, points };
    if (mark.kind === 'text') {
        desk.setLive(state.study.id, whole);
        layer.write(whole);
        return;
    }
    desk.keep(state.study.id, null, whole);
    desk.select(state.study.id, whole.id);
    if (mark.kind === 'arrow') layer.write(whole);
}

/** Move a mark that is there, or one of its handles. found: of hit(). */
export function editing(layer, mark, found, start) {
    const { desk, state } = layer;
    const moved = watch(layer, start);
    const frame = layer.frameSize;
    const from = layer.toFrame([start.x, start.y]);
    const again = layer.pressedTwice;
    let points = mark.points;
    return {
        move(point) {
            if (!moved(point)) return;
            const [x, y] = layer.toFrame([point.x, point.y]);
            const by = [x - from[0], y - from[1]];
            points = found.part === 'handle' ? moveHandle(mark, found.handle, grip(handlePoint(mark, found.handle), by), frame) : moveBy(mark, by[0], by[1], frame);
            const now = { ...mark, points, measured: null };
            desk.setLive(state.study.id, now);
            layer.showLoupe(point, now);
        },
        end(point, event, cancelled) {
            layer.loupe.hide();
            const changed = !cancelled && JSON.stringify(points) !== JSON.stringify(mark.points);
            const { store } = desk.entry(state.study.id);
            desk.setLive(null, null);
            const stored = store.marks.get(mark.id); // a save may have come back meanwhile
            const single = found.part === 'handle' && mark.kind === 'freehand';
            if (changed && stored) desk.keep(state.study.id, stored, { ...stored, points, measured: null });
            else if (again && single && stored && !cancelled) takeAway(desk, state.study.id, stored, found.handle);
            else if (again && !cancelled && stored) layer.write(stored);
        },
    };
}

/** A point of a drawn outline that is pressed twice goes. */
function takeAway(desk, studyId, mark, id) {
    const points = withoutPoint(mark, id);
    if (points.length < mark.points.length) desk.keep(studyId, mark, { ...mark, points, measured: null });
}

/** Where a handle goes that is moved by (dx, dy): the pointer need not have met it in its middle. */
const grip = ([x, y], [dx, dy]) => [x + dx, y + dy];

/** Where a label is put is kept with its mark: measured values stay. */
export function movingLabel(layer, mark, start) {
    const { desk, state } = layer;
    const moved = watch(layer, start);
    const again = layer.pressedTwice;
    const box = layer.looks.find(({ id }) => id === mark.id).label.box;
    const centre = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const anchored = mark.points.length > 0;
    let { label } = mark;
    return {
        move(point) {
            if (!anchored || !moved(point)) return;
            const [x, y] = layer.toFrame([centre[0] + point.x - start.x, centre[1] + point.y - start.y]);
            label = [x - mark.points[0][0], y - mark.points[0][1]].map((value) => Math.round(value * 100) / 100);
            desk.setLive(state.study.id, { ...mark, label });
        },
        end(point, event, cancelled) {
            const stored = desk.entry(state.study.id).store.marks.get(mark.id); // a save may have come back meanwhile
            desk.setLive(null, null);
            if (!cancelled && label !== mark.label && stored) desk.keep(state.study.id, stored, { ...stored, label });
            else if (!cancelled && again && !moved(point)) layer.write(mark);
        },
    };
}
