// bridge_find.mjs - C-FIND on an open association, from request to final response by the clock of DCMTK's findscu: its own log says
// when it sent the request and when the final response was there.
import fs from 'node:fs';
import path from 'node:path';
import { LARGE, PEER_SECONDS, SMALL, someStudies, withFilledPeer, withIndex } from './filled.mjs';
import { run } from './process.mjs';
import { row } from './report.mjs';
import { kakehashi } from './servers.mjs';

export const findIds = ['cfind_patient_20k_ms', 'cfind_patient_1m_ms', 'cfind_name2_1m_ms', 'cfind_name1_1m_ms', 'cfind_name2_newest_1m_ms'];

const PATIENTS = 20;
const REPEAT = 15;
const NAME_QUERIES = 21;
const RETURN_KEYS = ['StudyDate', 'StudyTime', 'StudyInstanceUID', 'AccessionNumber', 'ModalitiesInStudy'];

/* The responses themselves are not printed. */
function logConfig(work) {
    const file = path.join(work, 'findscu.cfg');
    fs.writeFileSync(file, ['log4cplus.rootLogger = INFO, out', 'log4cplus.logger.dcmtk.dcmnet.responses = OFF',
        'log4cplus.appender.out = log4cplus::ConsoleAppender', 'log4cplus.appender.out.layout = log4cplus::PatternLayout',
        'log4cplus.appender.out.layout.ConversionPattern = %D{%s.%Q} %m%n', ''].join('\n'));
    return file;
}

function milliseconds(output) {
    const times = [];
    let sent = null;
    for (const line of output.split('\n')) {
        const [, seconds, thousandths, what] = /^(\d+)\.(\d+\.\d+) (.*)$/.exec(line) ?? [];
        const now = Number(seconds) * 1000 + Number(thousandths);
        if (what?.startsWith('Sending Find Request')) sent = now;
        if (what?.startsWith('Received Final Find Response')) {
            if (!/\((Success|Cancel)/.test(what)) throw new Error(`findscu: ${what}`);
            times.push(now - sent);
        }
    }
    return times;
}

/* One association. cancel: after so many answers, only once: findscu counts them over all of its requests. */
async function ask(server, config, keys, { repeat = 1, cancel = null } = {}) {
    const args = ['-S', '-aec', server.title, '-aet', 'FINDSCU', '-lc', config, '--repeat', String(repeat)];
    if (cancel) args.push('--cancel', String(cancel));
    for (const key of ['QueryRetrieveLevel=STUDY', ...keys, ...RETURN_KEYS]) args.push('-k', key);
    const times = milliseconds(await run('findscu', [...args, '127.0.0.1', String(server.dicom)]));
    if (times.length !== repeat) throw new Error(`findscu: ${times.length} of ${repeat} final responses`);
    return times;
}

async function byPatient(server, config, patientIds) {
    const times = [];
    for (const id of patientIds) times.push(...await ask(server, config, [`PatientID=${id}`, 'PatientName'], { repeat: REPEAT }));
    return times;
}

/* The first hundred; associations of their own, since findscu cancels once in each. */
async function byName(server, config, name) {
    const times = [];
    for (let i = 0; i < NAME_QUERIES; i++)
        times.push(...await ask(server, config, ['SpecificCharacterSet=ISO_IR 192', `PatientName=${name}`, 'PatientID'], { cancel: 100 }));
    return times;
}

/* The index, whom we may ask as, and patients that are in it. */
function withPatients(work, studies, use) {
    return withIndex(work, studies, async (ours) => {
        await ours.addNode('asker', 'FINDSCU', '--may-query');
        return use(ours, [...new Set((await someStudies(ours, studies, PATIENTS)).map((study) => study.patient.id))]);
    });
}

function peerByPatient(work, config) {
    return withFilledPeer(work, [], async (orthanc, studies) => {
        const ids = Array.from({ length: PATIENTS }, (_, i) => `B${Math.floor((i + 0.5) * studies / PATIENTS)}`);
        return { times: await byPatient(orthanc, config, ids), studies };
    });
}

async function benchSmall(work, config) {
    const times = await withPatients(work, SMALL, (ours, ids) => byPatient(ours, config, ids));
    const peer = await peerByPatient(work, config);
    return row('cfind_patient_20k_ms', `C-FIND of a study by patient ID on an open association, stock findscu, median, ${SMALL} studies; Orthanc with ${peer.studies}, as many as it took in ${PEER_SECONDS} s`,
        'ms', { ours: times, peer: peer.times }, [{ of: 'value', max: 1 }]);
}

const nameRows = [
    ['cfind_name2_1m_ms', '*山田*', 'a name with two kanji anywhere, the first 100, in index order (which is newest first)', 5],
    ['cfind_name1_1m_ms', '*田*', 'a name with one kanji anywhere, the first 100', 5],
    ['cfind_name2_newest_1m_ms', '*佐藤*', 'two kanji, the first 100, newest first', 50],
];

export async function benchFind(work, wanted) {
    const config = logConfig(work);
    const rows = [];
    if (wanted('cfind_patient_20k_ms')) rows.push(await benchSmall(work, config));
    if (!findIds.slice(1).some(wanted)) return rows;
    await withPatients(work, LARGE, async (ours, ids) => {
        rows.push(row('cfind_patient_1m_ms', `the same, ${LARGE} studies; Orthanc cannot be filled so far in bounded time`, 'ms',
            { ours: await byPatient(ours, config, ids) }, [{ of: 'value', max: 3 }]));
        for (const [id, name, what, max] of nameRows)
            rows.push(row(id, `C-FIND of ${what}, ${LARGE} studies; no peer, as above`, 'ms', { ours: await byName(ours, config, name) }, [{ of: 'value', max }]));
    });
    return rows.filter((one) => wanted(one.id));
}
