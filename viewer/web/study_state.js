// study_state.js - how far a study has arrived, as the list and the viewer say it. Pure.

/** {kind, received, expected, reason}: kind is "complete", "arriving", "waiting", "partial", "unverified" or "none" (nothing is known to come). */
export function arrival(study) {
    const pull = study.pull;
    if (!pull) return { kind: 'none', received: study.objects, expected: study.objects, reason: '' };
    const { received, expected, failed, reason } = pull;
    const kinds = { waiting: 'waiting', running: 'arriving', complete: 'complete', unverified: 'unverified' };
    return { kind: kinds[pull.state] ?? 'partial', received, expected, failed, reason };
}

export const isComing = (study) => ['waiting', 'arriving'].includes(arrival(study).kind);

export const hasPictures = (study) => study.frames > 0;
