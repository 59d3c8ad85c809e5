// parts.js - what the viewer can do beyond showing pictures, loaded when the first picture is there. A part exports attach(page), which may return
// {blank(on)?, shut()?, translate()?, close()?}: what the page does, it does as well.

import { later } from './later.js';

const PARTS = [
    () => import('./quick_window.js'),
    () => import('./hung.js'),
    () => import('./linked.js'),
    () => import('./cine.js'),
    () => import('./window_tools.js'),
    () => import('./picture_tools.js'),
    () => import('./modes.js'),
    () => import('./marks/part.js'),
    () => import('./states/part.js'),
    () => import('./waits.js'),
];

export async function loadParts(page) {
    const modules = await Promise.all(PARTS.map(later));
    for (const part of modules) {
        if (page.isShut || page.abort.signal.aborted) return;
        page.parts.push((await part.attach(page)) ?? {});
    }
}
