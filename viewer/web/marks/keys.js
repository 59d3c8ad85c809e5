// keys.js - marks by keyboard: delete, undo, leave step by step; the mark or handle that has the focus is moved by arrows.

import { handlePoint, isKind, KINDS, middle, moveBy, moveHandle, withoutPoint } from './shapes.js';

const FAST = 10;
const SHARE = 6; // a mark set by keys is this part of what is seen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ELSEWHERE = 'input, select, textarea, dialog, [role=menu]';

/** The layer of the stage in use; null when there is none. */
const activeLayer = (desk) => [...desk.layers].find((layer) => layer.stage === desk.page.stage) ?? null;

/** On the screen, so that an arrow moves a turned picture's mark where it points. */
function step(layer, key, fast) {
    const [dx, dy] = ARROWS[key];
    const zero = layer.toFrame([0, 0]);
    const one = layer.toFrame([dx, dy]);
    const by = fast ? FAST : 1;
    return [Math.sign(Math.round((one[0] - zero[0]) * 1e6)) * by, Math.sign(Math.round((one[1] - zero[1]) * 1e6)) * by];
}

function move(desk, layer, mark, handle, by) {
    const frame = layer.frameSize;
    let points;
    if (handle === null) points = moveBy(mark, ...by, frame);
    else {
        const point = handlePoint(mark, handle);
        points = moveHandle(mark, handle, [point[0] + by[0], point[1] + by[1]], frame);
    }
    if (JSON.stringify(points) !== JSON.stringify(mark.points)) desk.keep(layer.state.study.id, mark, { ...mark, points, measured: null });
}

/** A drawn outline gets one more point behind this one, or loses it; the focus stays on a point. */
function changePoints(desk, layer, mark, handle, adds) {
    const { points } = mark;
    const next = (handle + 1) % points.length;
    const changed = adds ? moveHandle(mark, points.length + handle, middle(points[handle], points[next]), layer.frameSize) : withoutPoint(mark, handle);
    if (changed.length === points.length) return;
    desk.keep(layer.state.study.id, mark, { ...mark, points: changed, measured: null });
    layer.render();
    layer.figures.get(mark.id)?.grips.children[adds ? handle + 1 : Math.min(handle, changed.length - 1)]?.focus({ preventScroll: true });
}

/** A mark or one of its handles has the focus. True when the key was for it. */
function onMark(desk, layer, element, event) {
    const id = element.closest('[data-mark]').dataset.mark;
    const mark = desk.entry(layer.state.study.id).store.marks.get(id);
    if (!mark?.author?.mine) return false;
    const handle = element.dataset.handle === undefined ? null : Number(element.dataset.handle);
    const drawn = handle !== null && mark.kind === 'freehand';
    if (drawn && (event.key === 'Delete' || event.key === 'Insert' || event.key === '+')) changePoints(desk, layer, mark, handle, event.key !== 'Delete');
    else if (event.key in ARROWS) move(desk, layer, mark, handle, step(layer, event.key, event.shiftKey));
    else if (event.key === 'Enter' || event.key === ' ') {
        if (desk.selected?.id === id) layer.write(mark);
        else desk.select(layer.state.study.id, id);
    } else if (event.key === 'Delete') {
        desk.remove(layer.state.study.id, mark);
        layer.stage.area.focus({ preventScroll: true });
    } else if (event.key === 'Escape') {
        desk.select(layer.state.study.id, null);
        layer.stage.area.focus({ preventScroll: true });
    } else return false;
    return true;
}

/** Enter with a tool in hand: a mark in the middle of what is seen, to be moved by arrows. */
function setByKeys(desk, layer) {
    const { tool } = layer.stage;
    if (!isKind(tool) || KINDS[tool].drawn || !layer.isReady || layer.drawing) return false;
    const { left, right, top, bottom } = layer.state.viewport.visible();
    const aspect = layer.frameSize.aspect;
    const [x, y] = [(left + right) / 2, (top + bottom) / 2 / aspect];
    const by = Math.max(2, Math.min(right - left, bottom - top) / SHARE);
    const rows = by / aspect;
    const cross = [[x - by, y], [x + by, y], [x, y - rows / 2], [x, y + rows / 2]];
    const points = {
        probe: [[x, y]],
        text: [[x, y]],
        angle: [[x - by, y], [x, y], [x, y - rows]],
        cobb: [[x - by, y - rows], [x + by, y - rows], [x - by, y + rows], [x + by, y + rows]],
        bidirectional: cross,
        rectangle: [[x - by, y - rows], [x + by, y + rows]],
        ellipse: [[x - by, y - rows], [x + by, y + rows]],
    }[tool] ?? cross.slice(0, 2);
    const mark = { ...desk.blank(tool, layer.state), points: points.map((point) => point.map((value) => Math.round(value * 100) / 100)) };
    if (tool === 'text') {
        desk.setLive(layer.state.study.id, mark);
        layer.write(mark);
        return true;
    }
    desk.keep(layer.state.study.id, null, mark);
    desk.select(layer.state.study.id, mark.id);
    layer.render();
    layer.figures.get(mark.id)?.element.focus({ preventScroll: true });
    return true;
}

/** What is left first: the mark being drawn, the selection, the tool. */
function leave(desk, layer) {
    if (layer.drawing) layer.stopDrawing();
    else if (desk.selected) desk.select(desk.selected.study, null);
    else if (isKind(layer.stage.tool)) desk.page.commands.run('tool.scroll');
    else return false;
    return true;
}

function handle(desk, event) {
    const layer = activeLayer(desk);
    if (!layer?.state || layer.stage.blanked) return false;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
        if (key === 'z' && event.shiftKey) desk.redo();
        else if (key === 'z') desk.undo();
        else if (key === 'y') desk.redo();
        else return false;
        return true;
    }
    if (event.altKey) return false;
    if (event.target.closest?.('[data-mark]')) return onMark(desk, layer, event.target, event);
    if (event.key === 'Delete' && desk.selected) {
        desk.remove(desk.selected.study, desk.selectedMark());
        return true;
    }
    if (event.key === 'Escape') return leave(desk, layer);
    return event.key === 'Enter' && event.target === layer.stage.area && setByKeys(desk, layer);
}

/** Listens before the page does, so that a key for a mark does nothing else. Returns what ends it. */
export function listenToKeys(desk) {
    const abort = new AbortController();
    const listen = (event) => {
        if (event.defaultPrevented || event.isComposing || event.target.closest?.(ELSEWHERE)) return;
        if (!handle(desk, event)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
    };
    document.addEventListener('keydown', listen, { capture: true, signal: abort.signal });
    return () => abort.abort();
}
