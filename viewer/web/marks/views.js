// views.js - how a picture area shows its picture, as a presentation state has it: window, what of it is seen, turn. Pure but for the stage.

const TENTHS = 10;
const round = (value) => Math.round(value * TENTHS) / TENTHS;

/** What a stage shows now, for the service; null when that is no picture. Pixels are those of the stored frame. */
export function viewOf(stage) {
    const slice = stage.stack?.slice();
    const object = slice && stage.stack.object();
    if (!object || object.problem) return null;
    const { viewport } = stage;
    const aspect = stage.stack.pixelAspect();
    const { left, top, right, bottom } = viewport.visible();
    const window = stage.currentWindow();
    return {
        series: stage.series.id,
        sop_uid: object.sop_uid,
        frame: slice.frame,
        window: window && object.samples === 1 && window.width > 0 ? [window.center, window.width] : null,
        area: viewport.fitted ? null : [left, top / aspect, right, bottom / aspect].map(round),
        turns: viewport.quarterTurns,
        flipped: viewport.flipped,
        invert: stage.invert,
    };
}

/** Those of all areas that show this study; of a series in several the active one's. */
export function viewsOf(stages, active, studyId) {
    const found = new Map();
    for (const stage of [active, ...stages]) {
        if (stage?.study?.id !== studyId || !stage.series || found.has(stage.series.id)) continue;
        const view = viewOf(stage);
        if (view) found.set(stage.series.id, view);
    }
    return [...found.values()];
}
