// stage_hands.js - what the reader's hands do on a picture area: scroll, window, zoom and pan by drag; layers that take a press for themselves.

import { isColour } from './stack_model.js';
import * as voi from './window_level.js';

const DRAFT_EVERY_MS = 300;
const ZOOM_DRAG = 1.006;
const MIN_DRAG_STEP_PX = 3;
const MAX_DRAG_STEP_PX = 24;

/** The actions that input.js asks for, of one Stage. */
export class Hands {
    #timer = 0; // of the next draft while a window is dragged

    constructor(stage) {
        this.stage = stage;
    }

    stop() {
        clearTimeout(this.#timer);
        this.#timer = 0;
    }

    tool() {
        return this.stage.tool;
    }

    /** The layer on top is asked first. */
    grab(point, event) {
        const { stage } = this;
        if (!stage.stack || stage.blanked) return null;
        const state = stage.state();
        for (const layer of [...stage.layers].reverse()) {
            const gesture = layer.grab?.(point, event, state);
            if (gesture) return gesture;
        }
        return null;
    }

    hover(point, event) {
        const { stage } = this;
        if (!stage.stack || stage.blanked) return;
        const state = stage.state();
        for (const layer of stage.layers) layer.hover?.(point, event, state);
    }

    click(point, event) {
        const { stage } = this;
        if (stage.stack && !stage.blanked) stage.onClick(point, event, stage.state());
    }

    scroll(steps) {
        this.stage.scroll(steps);
    }

    zoom(factor, x, y) {
        this.stage.zoomBy(factor, x, y);
    }

    pan(dx, dy) {
        this.stage.pan(dx, dy);
    }

    dragStart(kind) {
        const { stage } = this;
        if (!stage.stack) return;
        stage.drag = { kind, window: stage.currentWindow(), before: stage.window, index: stage.stack.index, draft: null };
        stage.area.dataset.drag = kind;
        if (kind === 'window') stage.quick?.prepare();
    }

    drag(kind, by) {
        const { stage } = this;
        if (!stage.drag) return;
        if (kind === 'scroll') this.#dragScroll(by.totalY);
        else if (kind === 'window') this.#dragWindow(by.totalX, by.totalY);
        else if (kind === 'zoom') stage.zoomBy(ZOOM_DRAG ** -by.dy, by.x, by.y);
        else if (kind === 'pan') stage.pan(by.dx, by.dy);
    }

    #dragScroll(totalY) {
        const { stage } = this;
        const step = Math.min(MAX_DRAG_STEP_PX, Math.max(MIN_DRAG_STEP_PX, stage.viewport.view.height / stage.stack.size));
        stage.goTo(stage.drag.index + Math.trunc(totalY / step));
    }

    #dragWindow(totalX, totalY) {
        const { stage } = this;
        if (!stage.drag.window || isColour(stage.stack.object())) return;
        stage.window = voi.drag(stage.drag.window, totalX, totalY);
        if (stage.drag.draft === null) stage.drag.draft = stage.window;
        if (!this.#timer) this.#timer = setTimeout(() => this.#nextDraft(), DRAFT_EVERY_MS);
        stage.moved('window');
    }

    #nextDraft() {
        const { stage } = this;
        this.#timer = 0;
        if (!stage.drag?.draft || voi.same(stage.drag.draft, stage.window)) return;
        stage.drag.draft = stage.window;
        stage.moved('window');
    }

    dragEnd(kind, cancelled) {
        const { stage } = this;
        if (cancelled && kind === 'window' && stage.drag) stage.window = stage.drag.before;
        stage.drag = null;
        this.stop();
        delete stage.area.dataset.drag;
        if (kind === 'window') stage.moved('window');
        else stage.refresh();
    }
}
