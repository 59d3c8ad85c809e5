// place.js - which pictures are on the screen, as the address tells it, so that a reload comes back to them. Pure.
// One tile: ?series=31&slice=12, &set=1 where a series has several. More: ?layout=1x2&tiles=31.0.12_77.1.3_&active=1, an empty tile being nothing.

const ID = /^\d{1,18}$/;
const number = (text) => (ID.test(text ?? '') ? Number(text) : null);

/** tiles: [{series, set, index} or null]. "" when there is nothing to say. */
export function placeQuery({ rows, columns, tiles, active }) {
    if (rows * columns > 1) {
        const parts = tiles.map((one) => (one ? `${one.series}.${one.set}.${one.index + 1}` : ''));
        return `?layout=${rows}x${columns}&tiles=${parts.join('_')}${active > 0 ? `&active=${active}` : ''}`;
    }
    const [one] = tiles;
    if (!one) return '';
    return `?series=${one.series}&slice=${one.index + 1}${one.set > 0 ? `&set=${one.set}` : ''}`;
}

/** {rows, columns, tiles, active} of an address; tiles [] when it names none. What does not fit is left out. */
export function readPlace(search) {
    const query = new URLSearchParams(search);
    const layout = /^([123])x([123])$/.exec(query.get('layout') ?? '');
    if (layout) {
        const [rows, columns] = [Number(layout[1]), Number(layout[2])];
        const tiles = (query.get('tiles') ?? '').split('_').slice(0, rows * columns).map(tileOf);
        return { rows, columns, tiles, active: Math.min(tiles.length - 1, number(query.get('active')) ?? 0) };
    }
    const series = number(query.get('series'));
    const slice = number(query.get('slice'));
    const one = series && { series, set: number(query.get('set')), index: slice ? slice - 1 : null };
    return { rows: 1, columns: 1, tiles: one ? [one] : [], active: 0 };
}

function tileOf(text) {
    const [series, set, slice] = text.split('.').map(number);
    return series ? { series, set, index: slice ? slice - 1 : null } : null;
}
