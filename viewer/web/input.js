// input.js - wheel, mouse, pen and touch on a picture, told as what the reader means: scroll, zoom, pan, or drag the tool.

const NOTCH_PX = 50; // a wheel event at least this large is a notch of a mouse wheel
const TRACKPAD_PX = 28; // finger travel per slice
const FAST = 10;
const IDLE_MS = 250; // after this pause a trackpad starts counting anew
const ZOOM_PER_PX = 1.0022;
const CLICK_PX = 4; // a press that moves less is a click

/** Turns wheel events into whole slices: one per notch of a mouse wheel, travel added up on a trackpad. Pure. */
export class WheelSteps {
    #travel = 0;
    #last = -Infinity;

    /** event: {deltaX, deltaY, deltaMode, shiftKey, timeStamp}. Slices to go, negative for back. */
    steps(event) {
        const delta = event.deltaY || (event.shiftKey ? event.deltaX : 0);
        if (delta === 0) return 0;
        const factor = event.shiftKey ? FAST : 1;
        const sign = Math.sign(delta);
        if (event.deltaMode !== 0) return sign * factor; // lines or pages: one event is one notch
        if (event.timeStamp - this.#last > IDLE_MS || sign !== Math.sign(this.#travel)) this.#travel = 0;
        this.#last = event.timeStamp;
        if (Math.abs(delta) >= NOTCH_PX) return sign * factor;
        this.#travel += delta;
        const steps = Math.trunc(this.#travel / TRACKPAD_PX);
        this.#travel -= steps * TRACKPAD_PX;
        return steps * factor;
    }
}

/** Which drag a mouse button starts. Pure. */
export function dragKind(event, tool, spaceHeld) {
    if (event.pointerType === 'touch') return tool;
    if (event.button === 1 || (event.button === 0 && spaceHeld)) return 'pan';
    if (event.button === 2) return 'zoom';
    if (event.button !== 0) return null;
    if (event.ctrlKey || event.metaKey) return 'zoom';
    return event.shiftKey ? 'window' : tool;
}

/** actions: tool() names the current tool; scroll(steps); zoom(factor, x, y); pan(dx, dy); grab(point, event) may take a press for itself
 *  (a gesture {move(point, event), end(point, event, cancelled)}, or null); hover(point, event) of a pointer that is not pressed;
 *  click(point, event) of a press that stayed where it was and nothing took;
 *  dragStart(kind), drag(kind, {dx, dy, totalX, totalY, x, y}), dragEnd(kind, cancelled). Returns the function that detaches. */
export function attachInput(element, actions) {
    const pointers = new Map(); // id -> {x, y}
    const wheel = new WheelSteps();
    const abort = new AbortController();
    const listen = (target, type, handler, options = {}) =>
        target.addEventListener(type, handler, { signal: abort.signal, ...options });
    let drag = null; // {kind, id, startX, startY}
    let grabbed = null; // {gesture, id}: a press that something above the picture took
    let pinch = null; // {distance, x, y}
    let spaceHeld = false;

    let box = null; // of the element, as long as something is pressed: to ask for it lays the page out
    const place = (event) => {
        const { left, top } = (pointers.size > 0 && box) || (box = element.getBoundingClientRect());
        return { x: event.clientX - left, y: event.clientY - top };
    };
    const pinchOf = () => {
        const [p, q] = [...pointers.values()];
        return { distance: Math.hypot(p.x - q.x, p.y - q.y), x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 };
    };
    const endDrag = (cancelled, point = null, event = null) => {
        if (grabbed) {
            const { gesture } = grabbed;
            grabbed = null;
            gesture.end(point, event, cancelled);
        }
        if (!drag) return;
        const { kind, still } = drag;
        drag = null;
        actions.dragEnd(kind, cancelled);
        if (still && !cancelled && event?.button === 0) actions.click(point, event);
    };

    listen(element, 'pointerdown', (event) => {
        const point = place(event);
        pointers.set(event.pointerId, point);
        element.setPointerCapture?.(event.pointerId);
        if (pointers.size === 2) {
            endDrag(true);
            pinch = pinchOf();
            return;
        }
        const gesture = pointers.size === 1 && !spaceHeld ? actions.grab(point, event) : null; // with Space held it is a pan
        if (gesture) {
            event.preventDefault();
            element.focus({ preventScroll: true });
            grabbed = { gesture, id: event.pointerId };
            return;
        }
        const kind = pointers.size === 1 ? dragKind(event, actions.tool(), spaceHeld) : null;
        if (!kind) return;
        event.preventDefault();
        element.focus({ preventScroll: true });
        drag = { kind, id: event.pointerId, startX: point.x, startY: point.y, still: true };
        actions.dragStart(kind);
    });

    listen(element, 'pointermove', (event) => {
        const before = pointers.get(event.pointerId);
        const point = place(event);
        if (!before) {
            actions.hover(point, event);
            return;
        }
        pointers.set(event.pointerId, point);
        if (pinch && pointers.size === 2) {
            const next = pinchOf();
            if (pinch.distance > 0) actions.zoom(next.distance / pinch.distance, next.x, next.y);
            actions.pan(next.x - pinch.x, next.y - pinch.y);
            pinch = next;
            return;
        }
        if (grabbed?.id === event.pointerId) grabbed.gesture.move(point, event);
        if (drag?.id !== event.pointerId) return;
        if (Math.hypot(point.x - drag.startX, point.y - drag.startY) >= CLICK_PX) drag.still = false;
        actions.drag(drag.kind, {
            dx: point.x - before.x,
            dy: point.y - before.y,
            totalX: point.x - drag.startX,
            totalY: point.y - drag.startY,
            x: drag.startX,
            y: drag.startY,
        });
    });

    const release = (cancelled) => (event) => {
        if (!pointers.delete(event.pointerId)) return;
        if (pointers.size < 2) pinch = null;
        if (drag?.id === event.pointerId || grabbed?.id === event.pointerId) endDrag(cancelled, place(event), event);
    };
    listen(element, 'pointerup', release(false));
    listen(element, 'pointercancel', release(true));
    listen(element, 'contextmenu', (event) => event.preventDefault());

    listen(
        element,
        'wheel',
        (event) => {
            event.preventDefault();
            if (event.ctrlKey || event.metaKey) {
                const { x, y } = place(event);
                const travel = event.deltaMode === 0 ? event.deltaY : event.deltaY * 33;
                actions.zoom(ZOOM_PER_PX ** -Math.max(-120, Math.min(120, travel)), x, y);
                return;
            }
            const steps = wheel.steps(event);
            if (steps !== 0) actions.scroll(steps);
        },
        { passive: false },
    );

    listen(window, 'keydown', (event) => {
        if (event.code === 'Space') spaceHeld = true;
    });
    listen(window, 'keyup', (event) => {
        if (event.code === 'Space') spaceHeld = false;
    });
    listen(window, 'blur', () => {
        spaceHeld = false;
    });
    return () => abort.abort();
}
