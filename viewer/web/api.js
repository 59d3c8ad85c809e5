// api.js - the file that knows the service's URLs (docs/http-api.md); those of batches of tiles are made in tile_batch.js. No DOM.

import { LineMeter } from './line_meter.js';
import { batchUrl, BatchReader } from './tile_batch.js';

const KINDS = { 400: 'bad_request', 404: 'not_found', 422: 'cannot_show', 503: 'busy' };

export class ApiError extends Error {
    /** @param {number} status HTTP code, 0 when the service was not reached
     *  @param {string} kind what the service calls it
     *  @param {string} message what was got and what was expected
     *  @param {number} retryAfterMs how long to wait before the next try, 0 when not told */
    constructor(status, kind, message, retryAfterMs = 0) {
        super(message);
        this.name = 'ApiError';
        this.status = status;
        this.kind = kind;
        this.retryAfterMs = retryAfterMs;
    }

    /** True when the same request may well succeed a little later. */
    get temporary() {
        return this.status === 0 || this.status === 429 || this.status >= 500;
    }
}

async function errorOf(response) {
    let body = {};
    try {
        body = await response.json();
    } catch {
        // The answer of a proxy in between need not be ours.
    }
    const seconds = Number(response.headers.get('Retry-After'));
    const error = new ApiError(
        response.status,
        body.error || KINDS[response.status] || 'error',
        body.message || `HTTP ${response.status}`,
        seconds > 0 ? seconds * 1000 : 0,
    );
    error.body = body; // a conflict brings along what is there
    return error;
}

// What is on the screen is asked for in this page's name: the service decodes ahead of it. Not a secret, and no person.
const READER = Math.random().toString(36).slice(2);

async function send(url, signal, accept, more = {}, method = 'GET', body = undefined, keepalive = false) {
    try {
        return await fetch(url, { method, signal, body, keepalive, headers: { Accept: accept, ...more } });
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new ApiError(0, 'unreachable', 'the service does not answer');
    }
}

// What every change has to bring along: it follows from the cookie, which no script sees.
let changeToken = '';
export const setToken = (token) => (changeToken = token);

const refusedListeners = new Set();
/** listener(error) when the service takes us for nobody any more, or for somebody whose screen is locked (error.kind "locked"). */
export const onRefused = (listener) => refusedListeners.add(listener);

async function request(...asked) {
    const response = await send(...asked);
    if (response.ok) return response;
    const error = await errorOf(response);
    if (error.status === 401) for (const listener of refusedListeners) listener(error);
    throw error;
}

async function getJson(url, signal, type = 'application/json') {
    const response = await request(url, signal, type);
    try {
        if (response.status === 204) return [];
        return await response.json();
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new ApiError(0, 'unreachable', 'the answer was cut short');
    }
}

/** filter: q, modality, from, to (YYYYMMDD), limit, offset; empty values are left out. */
export function listStudies(filter, signal) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(filter)) {
        if (value !== '' && value !== null && value !== undefined) query.set(key, value);
    }
    return getJson(`/api/studies?${query}`, signal);
}

/** The studies that another system's call of IHE Invoke Image Display asks for; query: as it stands in the address. */
export const listInvoked = (query, signal) => getJson(`/api/invoke${query}`, signal);

export const getStudy = (studyId, signal) => getJson(`/api/studies/${studyId}`, signal);

/** Something is to be changed. The service takes that as JSON only, which no form of another site can send. */
async function changing(url, signal, body, accept) {
    const text = body && JSON.stringify(body);
    const ask = () => {
        const more = { 'Content-Type': 'application/json', ...(changeToken && { 'X-Kakehashi-Token': changeToken }) };
        return request(url, signal, accept, more, 'POST', text);
    };
    try {
        return await ask();
    } catch (error) {
        if (error.kind !== 'forbidden' || !changeToken) throw error;
        changeToken = (await getSession()).token ?? ''; // another tab changed the cookie, and the token with it
        return ask();
    }
}

const change = async (url, signal, body) => (await changing(url, signal, body, 'application/json')).json();

/** A picture to be taken along, with words below it: a PNG. window: {center, width}, {lut} or null; purpose: care, explanation or conference. */
export async function takenPicture({ series, object, frame, window, invert, purpose, language, look = '' }) {
    const query = new URLSearchParams({ purpose, lang: language, invert: invert ? '1' : '0' });
    if (window?.lut !== undefined) query.set('lut', String(window.lut));
    else if (window) for (const [name, value] of [['c', window.center], ['w', window.width]]) query.set(name, String(value));
    return (await changing(`/api/series/${series}/${object}-${frame}/picture?${query}${look}`, undefined, {}, 'image/png')).blob();
}

/** How long pictures took: {first_ms, last_ms (-1: the reader left before), slices, kbit_s}. Goes out although the page is left. */
export function tellWaits(waits) {
    const headers = { 'Content-Type': 'application/json', ...(changeToken && { 'X-Kakehashi-Token': changeToken }) };
    return send('/api/waits', undefined, 'application/json', headers, 'POST', JSON.stringify(waits), true).catch(() => {});
}

/** Who is signed in; {accounts: false} where there are no accounts. */
export const getSession = () => getJson('/api/session');

/** "sign-in", "second-factor", "sign-out", "alive", "lock", "unlock". */
export const askSession = (what, body) => change(`/api/session/${what}`, undefined, body);

export const getAccount = () => getJson('/api/account');

/** "password", "totp/begin", "totp/confirm", "sessions/end", "tokens", "tokens/7/revoke". */
export const askAccount = (what, body) => change(`/api/account/${what}`, undefined, body);

/** What a one-time link opens. */
export const getWelcome = (code) => getJson(`/api/welcome/${encodeURIComponent(code)}`);
export const askWelcome = (code, body) => change(`/api/welcome/${encodeURIComponent(code)}`, undefined, body);

/** The studies of its patient that are open to this person, of all hospitals. */
export const getPriors = (studyId, signal) => getJson(`/api/studies/${studyId}/priors`, signal);

/** {version, settings} of the person; saved as the version that follows, 409 when another was saved meanwhile. */
export const getSettings = () => getJson('/api/settings');
export const saveSettings = (version, settings) => change('/api/settings', undefined, { version, settings });

/** Ask for what of a study is at its hospital. {pull}: the job that fetches it, 0 when all is here. */
export const recallStudy = (studyId, signal) => change(`/api/studies/${studyId}/recall`, signal);

/** The accounts of a demo; none elsewhere. */
export const getDemo = () => getJson('/api/demo');

/** Patients that are open to this person. by: {number}, {card} or {kana, birth (YYYYMMDD)}. */
export const findPatients = (by, signal) => getJson(`/api/patients?${new URLSearchParams(by)}`, signal);

/** One patient with the studies of all hospitals that are open to this person. */
export const getPatient = (patientId, signal) => getJson(`/api/patients/${patientId}`, signal);

/** May this person take emergency access, to which hospitals, for how long? */
export const getEmergency = (signal) => getJson('/api/emergency', signal);

/** Take it: {facility, reason, number} or {facility, reason, kana, birth}. {patient}: for getPatient(). */
export const takeEmergency = (asked) => change('/api/emergency', undefined, asked);

export const patientPath = (patientId) => `/patients/${patientId}`;

/** The objects of a series, as DICOM JSON. */
export const getInstances = (studyUid, seriesUid, signal) =>
    getJson(`/dicomweb/studies/${studyUid}/series/${seriesUid}/instances?limit=200&includefield=00200013`, signal, 'application/dicom+json');

/** Where an object that is no picture is shown as what it is. */
export const renderedUrl = (studyUid, seriesUid, uid) => `/dicomweb/studies/${studyUid}/series/${seriesUid}/instances/${uid}/rendered`;

/** A report as its tree of words, XML. */
export const getReport = async (url, signal) => (await request(url, signal, 'text/xml')).text();

/** The presentation states of its study that name images of a series: {states: [...]}; with one's id, what that draws: {state}. */
export const getStates = (seriesId, state, signal) => getJson(`/api/series/${seriesId}/states${state ? `?state=${state}` : ''}`, signal);

export const getStack = (seriesId, signal) => getJson(`/api/series/${seriesId}/stack`, signal);

const VALUES_POINTS_IN_ADDRESS = 60; // of a mark; with more of them they go into the body

/** The marks of a study: {marks: [...]}. */
export const getMarks = (studyId, signal) => getJson(`/api/studies/${studyId}/marks`, signal);

/** Keep a mark in place of the version it names, 0 for a new one: {mark} as it is stored. 409: error.body.mark is what is stored. */
export const saveMark = (studyId, mark) => change(`/api/studies/${studyId}/marks/${mark.id}`, undefined, mark);

export const deleteMark = (studyId, markId, version) => change(`/api/studies/${studyId}/marks/${markId}/delete`, undefined, { version });

/** Make DICOM objects of this person's marks and of what is on the screen (marks/views.js): {objects: [{form}]}. */
export const exportMarks = (studyId, views) => change(`/api/studies/${studyId}/marks/export`, undefined, { views });

/** What the stored pixels of a frame say of a mark there: lengths, angles, values. */
export function getValues({ series, object, frame, kind, points }) {
    const url = `/api/series/${series}/${object}-${frame}/values`;
    if (points.length > VALUES_POINTS_IN_ADDRESS) return change(url, undefined, { kind, points });
    return getJson(`${url}?kind=${kind}&points=${points.flat().join(',')}`);
}

/** How the service is: what it tells with 503 when something is not well is an answer, too. */
export async function getHealth(signal) {
    const response = await send('/health', signal, 'application/json');
    if (!response.ok && response.status !== 503) throw await errorOf(response);
    return response.json().catch(() => {
        throw new ApiError(0, 'unreachable', 'the answer was cut short');
    });
}

/** What operators look at: "nodes", "queue", "failures", "arrivals", "associations", "refusals", "contacts", "changes". */
export const getAdmin = (what, query, signal) =>
    getJson(`/api/admin/${what}${query ? `?${new URLSearchParams(query)}` : ''}`, signal);

/** What they do: askAdmin("pulls", 17, "retry"). body: members that the action takes, texts. */
export const askAdmin = (kind, which, action, body) =>
    change(`/api/admin/${kind}/${encodeURIComponent(which)}/${action}`, undefined, body);

export const adminPath = (section) => `/admin/${section}`;

export const studyPath = (studyId) => `/studies/${studyId}`;

export const eventsUrl = () => '/api/events';

// The page's own files lie beside this one: their addresses hold the version that the page was loaded with.
const HERE = new URL('.', import.meta.url).pathname;
export const fileUrl = (name) => HERE + name;

export const iconUrl = (name) => fileUrl(`icons.svg#${name}`);

/** The address of one tile. window is {center, width} in modality units, {lut} for a VOI LUT of the frame by number, or null for
 *  the file's own. look: more of the query, "&state=61-1203&overlays=0". */
export function tileUrl(seriesId, objectId, frame, level, column, row, window, quality, look = '') {
    let shown = '';
    if (window) shown = window.lut === undefined ? `c=${window.center}&w=${window.width}&` : `lut=${window.lut}&`;
    return `/tiles/${seriesId}/${objectId}-${frame}/${level}/${column}/${row}.jpg?${shown}q=${quality}${look}`;
}

/** A small picture of a whole frame. */
export const thumbUrl = (seriesId, objectId, frame) => `/tiles/${seriesId}/${objectId}-${frame}/thumb.jpg?size=128&q=70`;

function windowOf(header) {
    const [center, width] = (header || '').split(',').map(Number);
    return Number.isFinite(center) && width > 0 ? { center, width } : null;
}

/** What X-Kakehashi-Lossy says: {ratio, quality} of ours, {source, sourceRatio} of the stored picture; 0 where not told. */
export function lossyOf(header) {
    const parts = new Map((header || '').split(';').map((part) => part.split('=')));
    const number = (name) => Number(parts.get(name)) || 0;
    return {
        quality: number('q'),
        ratio: number('ratio'),
        source: parts.has('source'),
        sourceRatio: number('source-ratio'),
    };
}

/** The line to the service, as the pictures' answers show it. */
export const line = new LineMeter();

/** The bytes of an answer as they come. meter null: they are not those of the line, since they are unpacked on the way. */
async function eachPiece(response, askedAt, signal, take, meter = line) {
    const source = response.body.getReader();
    let begun = false;
    try {
        for (let { done, value } = await source.read(); !done; { done, value } = await source.read()) {
            const now = performance.now();
            if (begun) meter?.bytes(value.length, now);
            else meter?.begin(now, now - askedAt, value.length);
            begun = true;
            take(value);
        }
    } catch (error) {
        if (error.name === 'AbortError' || signal?.aborted) throw error;
        throw error instanceof TypeError ? new ApiError(0, 'unreachable', 'the picture was cut short') : error;
    } finally {
        if (begun) meter?.end(performance.now());
    }
}

/** One tile: its bytes, the window it was made with (null when not told), and what compression took from it. shown: it is for the
 *  screen, now. */
export async function getTile(url, signal, shown = false, onMove = () => {}) {
    const askedAt = performance.now();
    const response = await request(url, signal, 'image/jpeg', shown ? { 'X-Kakehashi-Reader': READER } : {});
    const window = windowOf(response.headers.get('X-Kakehashi-Window'));
    const lossy = lossyOf(response.headers.get('X-Kakehashi-Lossy'));
    const pieces = [];
    await eachPiece(response, askedAt, signal, (piece) => {
        onMove();
        pieces.push(piece);
    });
    return { blob: new Blob(pieces, { type: 'image/jpeg' }), window, lossy };
}

export const losslessUrl = (seriesId, sliceKey, look = '') => `/tiles/${seriesId}/${sliceKey}/lossless${look.replace('&', '?')}`;

/** A slice with every stored value: {facts, values, bytes (of the answer), lossy: {source, ...}}. */
export async function getLossless(url, signal, onMove = () => {}) {
    const askedAt = performance.now();
    const [response, { LosslessReader }] = await Promise.all([request(url, signal, 'application/octet-stream'), import('./lossless.js')]);
    const lossy = lossyOf(response.headers.get('X-Kakehashi-Lossy'));
    const reader = new LosslessReader();
    const take = (piece) => {
        onMove();
        reader.push(piece);
    };
    await eachPiece(response, askedAt, signal, take, null);
    const { values, ...facts } = reader.end();
    return { facts, values, bytes: Number(response.headers.get('Content-Length')) || values.byteLength, lossy };
}

const tileOf = (part) => ({
    blob: new Blob([part.bytes], { type: 'image/jpeg' }),
    window: windowOf(part.window),
    lossy: lossyOf(part.lossy),
});

/** Many tiles of one batchKey() in one answer; onTile(url, tile) as each comes, onError(url, error) for one that does not. */
export async function getTileBatch(urls, signal, onTile, onError, onMove = () => {}) {
    const askedAt = performance.now();
    const response = await request(batchUrl(urls), signal, 'application/vnd.kakehashi.tiles');
    const reader = new BatchReader();
    let count = 0;
    await eachPiece(response, askedAt, signal, (piece) => {
        onMove();
        for (const part of reader.take(piece)) {
            const url = urls[count++];
            if (part.code === 200) onTile(url, tileOf(part));
            else onError(url, new ApiError(part.code, KINDS[part.code] || 'error', part.message || `HTTP ${part.code}`));
        }
    });
    if (count < urls.length) throw new ApiError(0, 'unreachable', 'the pictures were cut short');
}
