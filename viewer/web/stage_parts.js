// stage_parts.js - the elements a picture area is made of.

import { icon, make, tableFilter } from './dom.js';

/** {area, canvas, filter, loading, loadingText, problem, problemTitle, problemText}; filterId is unique on the page. */
export function stageParts(filterId) {
    const { svg, filter } = tableFilter(filterId);
    const canvas = make('canvas', { class: 'picture' });
    const loadingText = make('span');
    const loading = make('div', { class: 'loading', role: 'status', hidden: true }, make('i', { class: 'spinner' }), loadingText);
    const problemTitle = make('h2');
    const problemText = make('p');
    const mark = icon('broken', 'icon large');
    const problem = make('div', { class: 'problem', role: 'alert', hidden: true }, mark, problemTitle, problemText);
    const about = { class: 'picture-area', tabindex: '0', role: 'img', dataset: { state: 'empty' } };
    const area = make('div', about, svg, canvas, problem, loading);
    return { area, canvas, filter, loading, loadingText, problem, problemTitle, problemText };
}
