// layout_picker.js - rows and columns of tiles: by a press, by a drag over the places, or by two digits.

import { make, setText } from './dom.js';

/** grid: {rows, columns} as they are; choose(rows, columns). */
export function layoutPicker(grid, max, choose) {
    let digit = 0; // rows, when the first digit was pressed
    let from = null; // where a drag began
    const told = make('div', { class: 'layout-told', role: 'status' });
    const cells = Array.from({ length: max * max }, (_, at) => cellOf(Math.floor(at / max) + 1, (at % max) + 1));
    const element = make('div', { class: 'layout-choices', role: 'presentation' }, cells.map(({ button }) => button), told);

    function cellOf(rows, columns) {
        const picture = make('span', { class: 'layout-cells' }, Array.from({ length: rows * columns }, () => make('i')));
        picture.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
        const name = `${rows} × ${columns}`;
        const on = grid.rows === rows && grid.columns === columns;
        const about = { type: 'button', class: 'layout-choice', role: 'menuitemradio', 'aria-checked': String(on), 'aria-label': name, dataset: { action: `layout.${rows}x${columns}` }, onclick: () => choose(rows, columns) };
        return { rows, columns, name, button: make('button', about, picture, make('span', {}, name)) };
    }

    const mark = (wanted) => {
        for (const one of cells) one.button.classList.toggle('within', Boolean(wanted) && one.rows <= wanted.rows && one.columns <= wanted.columns);
        setText(told, wanted?.name ?? '');
    };
    const under = (event) => {
        const button = document.elementFromPoint(event.clientX, event.clientY)?.closest('.layout-choice');
        return cells.find((one) => one.button === button) ?? null;
    };
    element.addEventListener('pointerdown', (event) => {
        from = under(event);
        event.target.releasePointerCapture?.(event.pointerId); // of a finger, which else stays where it began
    });
    element.addEventListener('pointermove', (event) => mark(under(event)));
    element.addEventListener('pointerleave', () => mark(null));
    element.addEventListener('pointerup', (event) => {
        const to = under(event);
        if (from && to && to !== from) choose(to.rows, to.columns); // else the press is a click
        from = null;
    });
    element.addEventListener('keydown', (event) => {
        const number = Number(event.key);
        if (!(number >= 1 && number <= max)) return;
        event.preventDefault();
        if (digit > 0) choose(digit, number);
        else mark({ rows: number, columns: 1, name: `${number} ×` });
        digit = digit > 0 ? 0 : number;
    });
    return element;
}
