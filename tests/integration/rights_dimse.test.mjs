// S1 to S3 and S10 on the DICOM side, by DCMTK's findscu, getscu and movescu: a node finds and takes what its facility may, a consent opens it, a
// withdrawal ends it within a second, and what may not be found is answered like what does not exist [AZ-16, AZ-17, AZ-23, KN-6, AZ-35].
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { grey } from '../lib/objects.mjs';
import { attribute, filesUnder, freePort, must, phantomFiles, run, Service, slow, start, temporaryFolder, until } from '../lib/service.mjs';

const today = new Date(Date.now() + 9 * 3600000).toISOString().slice(0, 10).replaceAll('-', '');
const root = `1.2.392.200036.9999.77.${process.pid}`;
const studies = { now: `${root}.1`, old: `${root}.2`, other: `${root}.3` };
const ports = {};
let service;

let made = 0;
const folder = temporaryFolder('kh-rights');
/** An object of that study: series .1 of it is CT, .2 SR. */
async function object(study, patient, date, modality = 'CT') {
    const file = path.join(folder, `${++made}.dcm`);
    fs.writeFileSync(`${file}.dump`, ['(0002,0010) UI =LittleEndianExplicit', '(0008,0016) UI =CTImageStorage', `(0008,0018) UI [${root}.9.${made}]`,
        `(0008,0020) DA [${date}]`, '(0008,0030) TM [090000]', `(0008,0060) CS [${modality}]`, `(0010,0010) PN [Test^${patient}]`, `(0010,0020) LO [${patient}]`,
        `(0020,000d) UI [${study}]`, `(0020,000e) UI [${study}.${modality === 'SR' ? 2 : 1}]`, '(0020,0013) IS [1]', ...grey({ rows: 4, columns: 4 }),
        '(7fe0,0010) OW 1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16', ''].join('\n'));
    await must('dump2dcm', ['-q', `${file}.dump`, file]);
    return file;
}

const data = (on = service) => path.join(on.dir, 'data');
const workstation = (name, title, facility) => [name, '--ae-title', title, '--facility', facility, '--may', 'find,move', '--host', '127.0.0.1', '--port', String(ports[title])];
const world = ['facility north discloser', 'facility south both', 'facility east viewer', 'facility west viewer', 'patient north P1', 'patient north P2', 'patient east E1', 'patient west W1'];

/** The values of a tag in what findscu was answered, as EAST or another. */
async function find(title, level, keys, tag, model = '-S', on = service) {
    const { code, output } = await run('findscu', [model, '-aet', title, '-aec', 'KAKEHASHI', '-k', `0008,0052=${level}`, ...keys.flatMap((key) => ['-k', key]), '127.0.0.1', String(on.dicomPort)]);
    assert.equal(code, 0, output);
    return [...output.matchAll(new RegExp(`\\(${tag}\\) .. \\[?([^\\]#]*?)\\s*[\\]#]`, 'g'))].map((found) => found[1].trim().replaceAll('\0', '')).sort();
}

/** How many objects came, and how movescu or getscu ended. */
async function take(title, study, { move, on = service, folder = temporaryFolder('kh-taken') } = {}) {
    const keys = ['-k', '0008,0052=STUDY', '-k', `0020,000d=${study}`];
    const done = move ? await run('movescu', ['-v', '-S', '-aet', title, '-aem', move, '-aec', 'KAKEHASHI', '+P', String(ports[title]), '-od', folder, ...keys, '127.0.0.1', String(on.dicomPort)])
        : await run('getscu', ['-v', '-S', '+B', '-aet', title, '-aec', 'KAKEHASHI', '-od', folder, ...keys, '127.0.0.1', String(on.dicomPort)]);
    return { count: filesUnder(folder).length, folder, code: done.code, output: done.output, words: done.output.split('\n').filter((line) => /Final|Status|status|Number of|failed|Failed/.test(line)) };
}

const records = async (on, ...options) => (await on.must(['audit', 'search', '--json', ...options])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));

before(async () => {
    for (const title of ['NORTH', 'EAST', 'WEST', 'LOST']) ports[title] = await freePort();
    const files = [await object(studies.now, 'P1', today), await object(studies.now, 'P1', today), await object(studies.now, 'P1', today, 'SR'), await object(studies.old, 'P1', '20150101'), await object(studies.other, 'P2', today)];
    service = await Service.start({
        files, facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } },
        nodes: [workstation('north-pacs', 'NORTH', 'north'), workstation('east-desk', 'EAST', 'east'), workstation('west-desk', 'WEST', 'west'), workstation('lost', 'LOST', 'nobody')],
    });
    fill(data(), ...world);
});
after(() => service.stop());

test('without a consent another facility finds nothing at any level, its own everything', async () => {
    assert.deepEqual(await find('NORTH', 'STUDY', ['0020,000d'], '0020,000d'), [studies.now, studies.old, studies.other]);
    for (const title of ['EAST', 'WEST', 'LOST']) {
        assert.deepEqual(await find(title, 'STUDY', ['0020,000d'], '0020,000d'), [], title);
        assert.deepEqual(await find(title, 'PATIENT', ['0010,0020'], '0010,0020', '-P'), [], title);
        assert.deepEqual(await find(title, 'SERIES', [`0020,000d=${studies.now}`, '0020,000e'], '0020,000e'), [], title);
        assert.deepEqual(await find(title, 'IMAGE', [`0020,000d=${studies.now}`, `0020,000e=${studies.now}.1`, '0008,0018'], '0008,0018'), [], title);
    }
});

test('a consent opens what it names from its floor on, with counts of that', async () => {
    fill(data(), 'link north P1 east E1');
    const [consent] = fill(data(), 'consent north P1 east images,take 1 -');
    await until('it is open', async () => (await find('EAST', 'STUDY', ['0020,000d'], '0020,000d')).length > 0, { everyMs: 50 });
    assert.deepEqual(await find('EAST', 'STUDY', ['0020,000d'], '0020,000d'), [studies.now], 'not the one before the floor, not the other patient');
    assert.deepEqual(await find('EAST', 'PATIENT', ['0010,0020'], '0010,0020', '-P'), ['P1']);
    assert.deepEqual(await find('EAST', 'STUDY', ['0020,000d', '0020,1206'], '0020,1206'), ['1'], 'reports are not opened: no series of them');
    assert.deepEqual(await find('EAST', 'STUDY', ['0020,000d', '0020,1208'], '0020,1208'), ['2']);
    assert.deepEqual(await find('EAST', 'STUDY', ['0020,000d', '0008,0061'], '0008,0061'), ['CT']);
    assert.deepEqual(await find('EAST', 'SERIES', [`0020,000d=${studies.now}`, '0020,000e', '0020,1209'], '0020,1209'), ['2']);
    assert.equal((await find('EAST', 'IMAGE', [`0020,000d=${studies.now}`, `0020,000e=${studies.now}.2`, '0008,0018'], '0008,0018')).length, 0, 'no object of the report');
    assert.deepEqual(await find('NORTH', 'STUDY', ['0020,000d', `0020,1206`], '0020,1206'), ['1', '1', '2']);
    assert.deepEqual(await find('WEST', 'STUDY', ['0020,000d'], '0020,000d'), []);

    assert.equal((await take('EAST', studies.now)).count, 2, 'C-GET: the images, not the report');
    assert.equal((await take('EAST', studies.now, { move: 'EAST' })).count, 2, 'C-MOVE to itself');
    assert.equal((await take('NORTH', studies.now)).count, 3);

    const absent = await take('EAST', `${root}.99`);
    for (const hidden of [studies.old, studies.other]) {
        const refused = await take('EAST', hidden);
        assert.equal(refused.count, 0);
        assert.deepEqual([refused.code, refused.words], [absent.code, absent.words], 'as one that does not exist');
    }
    assert.equal((await take('WEST', studies.now)).count, 0);
    const refusals = await records(service, '--result', 'refused');
    const why = (node, study) => refusals.find((one) => one.who === node && one.study === study && one.way === 'C-GET')?.reason;
    assert.match(why('east-desk', studies.old) ?? '', /floor|older|before/i);
    assert.ok(why('east-desk', studies.other));
    assert.ok(why('west-desk', studies.now));
    assert.equal(refusals.find((one) => one.who === 'west-desk').who_facility, 'west');

    fill(data(), `withdraw ${consent}`);
    await until('it is shut', async () => (await find('EAST', 'STUDY', ['0020,000d'], '0020,000d')).length === 0, { everyMs: 50 });
    assert.equal((await take('EAST', studies.now)).count, 0);
});

test('S10: objects go to configured nodes only, and only to those whose facility may have them', async () => {
    const [consent] = fill(data(), 'consent north P1 east images,reports,take 1 -');
    await until('it is open', async () => (await find('EAST', 'STUDY', ['0020,000d'], '0020,000d')).length > 0, { everyMs: 50 });
    const west = start('storescp', ['-v', '-aet', 'WEST', '-od', temporaryFolder('kh-west'), String(ports.WEST)]);
    const toWest = await take('EAST', studies.now, { move: 'WEST' });
    west.kill('SIGKILL');
    assert.doesNotMatch(west.output, /Association Received|Store Request/i);
    assert.doesNotMatch(toWest.output, /Completed Suboperations\s*: [1-9]/);
    assert.ok((await records(service, '--result', 'refused')).some((one) => one.way === 'C-MOVE' && one.study === studies.now));
    const unknown = await take('EAST', studies.now, { move: 'NOWHERE' });
    assert.match(unknown.output, /MoveDestinationUnknown|0xa801/i);
    const stranger = await run('findscu', ['-v', '-S', '-aet', 'STRANGER', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', '0020,000d', '127.0.0.1', String(service.dicomPort)]);
    assert.match(stranger.output, /Association Rejected|Calling AE Title Not Recognized/i);
    fill(data(), 'suspend east');
    await until('a suspended facility finds nothing', async () => (await find('EAST', 'STUDY', ['0020,000d'], '0020,000d')).length === 0, { everyMs: 50 });
    fill(data(), `withdraw ${consent}`);
});

/** A retrieval that has begun to bring objects. What was decided just before stands for a moment in the role that retrieves, when a search
 * finds the study already: one that ends with nothing is tried again. */
async function takeUntilSomeCome(title, study, options) {
    const ends = Date.now() + 30000 * slow;
    for (;;) {
        const folder = temporaryFolder('kh-taken');
        const taking = { end: take(title, study, { ...options, folder }) };
        taking.end.then((how) => { taking.over = how; });
        await until('objects come, or the end', () => taking.over || filesUnder(folder).length > 1);
        if (!taking.over) return taking;
        if (Date.now() > ends) throw new Error(`it ended before two had come: ${taking.over.output}`);
    }
}

test('S3: a withdrawal ends a retrieval under way within a second; the rest is told as failed', async (t) => {
    const files = phantomFiles(60);
    const [patient] = Object.values(await attribute('0010,0020', files.slice(0, 1)));
    const [study] = Object.values(await attribute('0020,000d', files.slice(0, 1)));
    const on = await Service.start({ files, facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } }, nodes: [[...workstation('east-desk', 'EAST', 'east'), '--bandwidth', '4 MiB']] });
    t.after(() => on.stop());
    fill(data(on), 'facility north discloser', 'facility east viewer', `patient north ${patient}`, 'patient east E1', `link north ${patient} east E1`);
    const [consent] = fill(data(on), `consent north ${patient} east images,take 100 -`);
    for (const move of [undefined, 'EAST']) {
        const [again] = move ? fill(data(on), `consent north ${patient} east images,take 100 -`) : [consent];
        await until('it is open', async () => (await find('EAST', 'STUDY', ['0020,000d'], '0020,000d', '-S', on)).length > 0, { everyMs: 50 });
        const taking = await takeUntilSomeCome('EAST', study, { move, on });
        const at = Date.now();
        fill(data(on), `withdraw ${again}`);
        const { count, folder, output } = await taking.end;
        assert.ok(count > 0 && count < files.length, `${count} of ${files.length} came`);
        const last = Math.max(...filesUnder(folder).map((file) => fs.statSync(file).mtimeMs)); // how soon is measured: withdrawal_p99_ms
        t.diagnostic(`${move ? 'C-MOVE' : 'C-GET'}: ${count} came, the last ${Math.round(last - at)} ms after the withdrawal`);
        assert.match(on.log, new RegExp(`${move ? 'move' : 'get'} of east-desk.*: ${files.length} objects, ${count} sent, ${files.length - count} failed, .* status B000`), output);
        assert.ok((await records(on, '--result', 'refused', '--study', study)).some((one) => /withdrawn/i.test(one.reason)));
    }
});
