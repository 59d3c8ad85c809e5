// admin_reasons.js - what can be done about a reason the service gives. Reasons come as it has them in its log, from peers too; each
// kind of them has an advice in lang (`advice.KEY`) and a row in docs/operations.md. Pure.

const KINDS = [
    [/no host: it only sends/, 'onlySends'],
    [/calling AE title not recogni/i, 'callingTitle'],
    [/called AE title not recogni/i, 'calledTitle'],
    [/no node calls with that AE title/, 'unknownCaller'],
    [/node with that AE title:/, 'wrongCaller'],
    [/no such title/, 'ourTitle'],
    [/at this hour|outside the hours/, 'hours'],
    [/associations already|local limit exceeded|temporary congestion/i, 'busy'],
    [/TLS|certificate/, 'tls'],
    [/connection refused/i, 'refused'],
    [/(name or service not known|unknown host|cannot be resolved|name resolution)/i, 'unknownHost'],
    [/(no route|network is unreachable|host is unreachable|unreachable)/i, 'noRoute'],
    [/(not made within|deadline passed|timed? ?out)/i, 'timeout'],
    [/\bA801\b|move destination unknown/, 'moveDestination'],
    [/\bA700\b|\bA701\b|\bA702\b|out of resources|no space|quota/, 'full'],
    [/not authorised|\b0124\b/, 'notAllowed'],
    [/has no such study/, 'noSuchStudy'],
    [/accepts no Study Root/, 'noService'],
    [/does not take class|SOP class not supported|\b0122\b/, 'notTaken'],
    [/\bA900\b|\bC[0-9A-F]{3}\b|cannot be read|conflict/, 'badObject'],
    [/how many there are is not known/, 'notCounted'],
    [/aborted by the peer|closed by the peer|association broke|rejected/, 'brokeOff'],
    [/refused by the hospital|not taken/, 'partly'],
    [/^\d+ of \d+/, 'partly'],
];

/** The key of the advice, "" when there is none for these words. */
export function advice(text) {
    return KINDS.find(([words]) => words.test(text))?.[1] ?? '';
}

export const ADVICE = [...new Set(KINDS.map(([, key]) => key))];
