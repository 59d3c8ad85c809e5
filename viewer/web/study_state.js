// study_state.js - how far a study has arrived, as the list and the viewer say it. Pure.

/** {kind, received, expected, reason}: kind is "complete", "arriving", "waiting", "partial", "unverified", "still" (what is here may not be
 *  all: it has not been quiet yet), "away" (at its hospital, or some of it, and not on its way) or "none" (nothing is known to come). */
export function arrival(study) {
    const pull = study.pull;
    const here = { received: study.objects, expected: study.objects, reason: '' };
    const comparing = pull?.compare && ['waiting', 'running'].includes(pull.state);
    if (study.away > 0 && !['waiting', 'running'].includes(pull?.state))
        return { ...here, kind: 'away', received: study.objects - study.away };
    if (comparing || (study.arriving && (!pull || ['complete', 'unverified'].includes(pull.state)))) return { kind: 'still', ...here };
    if (!pull) return { kind: 'none', ...here };
    const { received, expected, failed, reason } = pull;
    const kinds = { waiting: 'waiting', running: 'arriving', complete: 'complete', unverified: 'unverified' };
    return { kind: kinds[pull.state] ?? 'partial', received, expected, failed, reason };
}

export const isComing = (study) => ['waiting', 'arriving', 'still'].includes(arrival(study).kind);

export const hasPictures = (study) => study.frames > 0;
