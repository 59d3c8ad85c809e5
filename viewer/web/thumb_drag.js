// thumb_drag.js - a thumbnail is pressed, or dragged out of the strip by mouse, pen or finger. Along the strip a finger scrolls (CSS touch-action).

import { make } from './dom.js';

const BEGIN_PX = 8;

/** press(); over(x, y) while it is dragged, over(null) at the end; drop(x, y): places of the window. */
export function attachThumbDrag(button, { press, over, drop }) {
    let from = null; // {id, x, y, ghost}
    let dragged = false; // the click that follows a drag opens nothing

    const end = () => {
        from?.ghost?.remove();
        if (from?.ghost) over(null);
        from = null;
    };
    const begin = () => {
        dragged = true;
        from.ghost = make('div', { class: 'thumb-ghost' }, button.querySelector('.thumb-picture')?.cloneNode(true) ?? '');
        document.body.append(from.ghost);
    };

    button.addEventListener('pointerdown', (event) => {
        if (event.button !== 0 || button.disabled) return;
        dragged = false;
        from = { id: event.pointerId, x: event.clientX, y: event.clientY, ghost: null };
        button.setPointerCapture?.(event.pointerId);
    });
    button.addEventListener('pointermove', (event) => {
        if (from?.id !== event.pointerId) return;
        if (!from.ghost && Math.hypot(event.clientX - from.x, event.clientY - from.y) >= BEGIN_PX) begin();
        if (!from.ghost) return;
        from.ghost.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
        over(event.clientX, event.clientY);
    });
    button.addEventListener('pointerup', (event) => {
        if (from?.id !== event.pointerId) return;
        const moved = Boolean(from.ghost);
        end();
        if (moved) drop(event.clientX, event.clientY);
    });
    button.addEventListener('pointercancel', end);
    button.addEventListener('click', (event) => {
        if (dragged) event.preventDefault();
        else press();
        dragged = false;
    });
}
