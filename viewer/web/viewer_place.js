// viewer_place.js - the place of a reader in the address (place.js), so that a reload comes back to it.

import { getStack, getStudy } from './api.js';
import { placeQuery, readPlace } from './place.js';
import { openingSeries } from './series_strip.js';

/** What the address says is shown; false when it says nothing of this study. */
export async function comeBack(page) {
    const place = readPlace(location.search);
    const studies = new Map([[page.study.id, page.study]]);
    const found = await Promise.all(place.tiles.map((one) => one && seriesAt(page, place, one.series, studies).catch(() => null)));
    if (!found.some(Boolean)) return false;
    page.touched = true;
    page.grid.set(place.rows, place.columns);
    page.grid.activate(page.grid.tiles[place.active] ?? page.grid.tiles[0]);
    const opened = found.map((one, at) => one && page.show(page.grid.tiles[at], one.study, one.series, place.tiles[at]));
    return (await Promise.all(opened)).some(Boolean) || !page.notice.hidden;
}

async function seriesAt(page, { rows, columns }, id, studies) {
    const of = (study) => study?.series_list.find((one) => one.id === id && one.frames > 0);
    if (of(page.study)) return { study: page.study, series: of(page.study) };
    if (rows * columns === 1) return null;
    const { study: studyId } = await getStack(id, page.abort.signal);
    if (!studies.has(studyId)) studies.set(studyId, await getStudy(studyId, page.abort.signal));
    const study = studies.get(studyId);
    return of(study) ? { study, series: of(study) } : null;
}

/** The address says what is on the screen now. */
export function remember({ study, grid }) {
    if (!study || !grid.stages.some((stage) => stage.stack)) return;
    const tiles = grid.tiles.map(({ shows, stage }) => shows && stage?.stack && { series: shows.series.id, set: shows.set, index: stage.stack.index });
    const opensSo = grid.tiles.length === 1 && isOpening(study, grid.tiles[0].stage, tiles[0]);
    const query = opensSo ? '' : placeQuery({ rows: grid.rows, columns: grid.columns, tiles, active: grid.tiles.indexOf(grid.active) });
    if (location.search !== query) history.replaceState(history.state, '', location.pathname + query);
}

/** What opens by itself, where it opens. */
function isOpening(study, { stack, series }, shown) {
    return shown && shown.index === stack.middle() && series.id === openingSeries(study.series_list)?.id;
}
