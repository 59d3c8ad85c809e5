// RELIABILITY S3, AZ-23, TB-10: a consent is withdrawn while what it opened is on its way, and nothing new of it arrives: batches of tiles, WADO-RS of large
// studies read slowly, one huge object, C-GET and C-MOVE, sends of a command and of the queue, cached addresses, events of windows and tokens.
// What is asserted is the order of events: once a new request is refused, what was under way ends, far from its end. How soon is measured by
// `./run bench access` (withdrawal_p99_ms). The other side is Node and DCMTK.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { element, instance } from '../lib/part10.mjs';
import { Download, Listener, newPerson } from '../lib/people.mjs';
import { attribute, filesUnder, freePort, phantomFiles, run, Service, sleep, start, storescu, temporaryFolder, until } from '../lib/service.mjs';

const MIB = 1 << 20;
const FRAME = 512 * 512 * 2;
const GREY_WORDS = '1.2.840.10008.5.1.4.1.1.7.3'; // Multi-frame Grayscale Word Secondary Capture
const today = new Date(Date.now() + 9 * 3600000).toISOString().slice(0, 10).replaceAll('-', '');
const root = `1.2.392.200036.9999.76.${process.pid}`;
const folder = temporaryFolder('kh-withdrawal');
const large = { study: `${root}.1`, patient: 'LARGE' };
const huge = { study: `${root}.2`, patient: 'HUGE' };
const late = { study: `${root}.3`, patient: 'LATE' };
const scan = {};
let service, reader, token, port;

/** A file of a study, of so many frames of half a MiB. */
function object({ study, patient }, frames) {
    const made = instance([
        [0x00080020, element(0x00080020, 'DA', today)], [0x00100020, element(0x00100020, 'LO', patient)], [0x0020000d, element(0x0020000d, 'UI', study)],
        [0x0020000e, element(0x0020000e, 'UI', `${study}.1`)], [0x00280008, element(0x00280008, 'IS', String(frames))],
        [0x00280010, element(0x00280010, 'US', 512)], [0x00280011, element(0x00280011, 'US', 512)],
        [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(frames * FRAME, 7))]], { sopClass: GREY_WORDS });
    const file = path.join(folder, `${made.uid}.dcm`);
    fs.writeFileSync(file, made.bytes);
    return { file, uid: made.uid, size: made.bytes.length };
}

const data = () => path.join(service.dir, 'data');
const open = ({ patient }) => Number(fill(data(), `consent north ${patient} east images,take 100 -`)[0]);
const shut = (consent) => fill(data(), `withdraw ${consent}`);
const sees = async (what) => (await reader.ask(`/dicomweb/studies/${what.study}/series`)).code === 200;
const opened = async (what) => {
    const consent = open(what);
    what.consent = consent;
    await until('it is open', () => sees(what), { everyMs: 50 });
    await sleep(200); // what was refused a moment ago may be so until the next look, and the bridge looks for itself: every 100 ms
    return consent;
};
const closed = async (what, consent) => {
    shut(consent);
    what.consent = 0;
    await until('new requests are refused', async () => !(await sees(what)), { everyMs: 20 });
};
/** A request of what was opened just now; one like it that was refused shortly before may be refused once more, until the roles have looked. */
const allowed = (target, options) => until(`${target} is open`, async () => {
    const answer = await reader.ask(target, options);
    return answer.code !== 404 && answer;
});
const records = async (...options) => (await service.must(['audit', 'search', '--json', ...options])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line));

before(async () => {
    port = await freePort();
    const files = phantomFiles(54);
    [scan.patient] = Object.values(await attribute('0010,0020', files.slice(0, 1)));
    [scan.study] = Object.values(await attribute('0020,000d', files.slice(0, 1)));
    large.objects = [object(large, 120), object(large, 120), object(large, 120)]; // 180 MiB
    huge.objects = [object(huge, 240)]; // 120 MiB
    service = await Service.start({
        files: [...files, ...large.objects.map((one) => one.file), huge.objects[0].file],
        facility: 'north',
        settings: { access: { accounts: 'on', factors: 'password', one_terminal: 'no' }, send: { attempts: 1 } },
        nodes: [
            ['east-desk', '--ae-title', 'EAST', '--facility', 'east', '--may', 'find,move', '--host', '127.0.0.1', '--port', String(port), '--bandwidth', '8 MiB'],
            ['north-ct', '--ae-title', 'NORTH', '--facility', 'north', '--may', 'store'],
        ],
    });
    fill(data(), 'facility north discloser', 'facility east viewer', ...[scan, large, huge, late].flatMap(({ patient }, i) => [
        `patient north ${patient}`, `patient east E${i}`, `link north ${patient} east E${i}`]));
    ({ visitor: reader, token } = await newPerson(service, 'reader', 'east', 'doctor'));
});
after(async () => { await service?.stop(); });
afterEach(async () => { // one that failed leaves nothing open to the next
    for (const what of [scan, large, huge]) if (what.consent) await closed(what, what.consent);
});

test('nothing is there before a consent', async () => {
    for (const what of [scan, large, huge]) assert.equal(await sees(what), false);
});

/** A download of what was opened just now, of which the first MiB is here; the rest waits until the reader, who is slow, goes on. */
async function begun(target, headers) {
    const download = await until(`${target} is open`, async () => {
        const one = new Download(reader, target, { headers, stopAt: MIB });
        await until('it is answered', () => one.code || one.how);
        return one.code !== 404 && one;
    });
    await until('it has begun', () => {
        assert.ok([200, 206].includes(download.code), `${download.code}`);
        assert.equal(download.how, undefined, `it ended after ${download.bytes} bytes`);
        return download.bytes >= MIB;
    });
    return download;
}

/** What is under way when it is withdrawn ends, and most of it never came. */
async function breaksOff(what, target, { size, headers }) {
    const consent = await opened(what);
    const download = await begun(target, headers);
    await closed(what, consent);
    await sleep(1000);
    download.goOn();
    assert.equal(await download.ended, 'broken', target);
    assert.ok(download.bytes < size / 2, `${download.bytes} of ${size} bytes came of ${target}`);
    assert.equal((await reader.ask(target, { headers })).code, 404);
    return download;
}

test('a batch of tiles', async () => {
    const consent = await opened(scan);
    const { studies } = (await reader.ask('/api/studies')).json;
    const study = (await allowed(`/api/studies/${studies[0].id}`)).json;
    const series = study.series_list.find((one) => one.frames >= 54);
    const stack = (await allowed(`/api/series/${series.id}/stack`)).json;
    const tiles = Array.from({ length: 256 }, (_, i) => stack.slices[i % 54]).map((slice) => `${stack.objects[slice.object].id}-${slice.frame}/0/0/0`);
    const target = `/tiles/${series.id}/batch?tiles=${tiles.join(',')}&q=100`;
    Object.assign(scan, { id: study.id, series: series.id, tile: `/tiles/${series.id}/${tiles[0]}.jpg`, whole: `/tiles/${series.id}/${tiles[0].split('/')[0]}` });
    const whole = new Download(reader, target);
    assert.equal(await whole.ended, 'whole');
    assert.ok(whole.bytes > 12 * MIB, `${whole.bytes} bytes`);
    await closed(scan, consent);
    await breaksOff(scan, target, { size: whole.bytes });
});

test('WADO-RS of a study of 180 MiB', async () => {
    await breaksOff(large, `/dicomweb/studies/${large.study}`, { size: 360 * FRAME, headers: { accept: 'multipart/related; type="application/dicom"' } });
});

test('one object of 120 MiB, in the middle of it, as a whole, a range and its frames', async () => {
    const [{ uid, size }] = huge.objects;
    const at = `/dicomweb/studies/${huge.study}/series/${huge.study}.1/instances/${uid}`;
    await breaksOff(huge, at, { size, headers: { accept: 'application/dicom' } });
    await breaksOff(huge, at, { size, headers: { accept: 'application/dicom', range: 'bytes=1000-' } });
    const frames = Array.from({ length: 200 }, (_, i) => i + 1).join(',');
    await breaksOff(huge, `${at}/frames/${frames}`, { size: 200 * FRAME, headers: { accept: 'multipart/related; type="application/octet-stream"' } });
});

test('with a bearer token as with a cookie', async () => {
    const consent = await opened(large);
    const download = await begun(`/dicomweb/studies/${large.study}`, { authorization: `Bearer ${token}`, cookie: null, accept: 'multipart/related; type="application/dicom"' });
    await closed(large, consent);
    await sleep(1000);
    download.goOn();
    assert.equal(await download.ended, 'broken');
    assert.ok(download.bytes < 180 * FRAME);
});

test('a cached address is asked for, and refused: nothing is answered out of a browser\'s cache', async () => {
    const consent = await opened(scan);
    const { uid } = (await allowed(`/api/studies/${scan.id}`)).json;
    assert.equal(uid, scan.study);
    const kept = [];
    for (const target of [scan.tile, `${scan.whole}/thumb.jpg`, `${scan.whole}/lossless`, `/api/series/${scan.series}/stack`, `/dicomweb/studies/${scan.study}/series`, `/dicomweb/studies/${scan.study}/metadata`]) {
        const answer = await allowed(target, { headers: { accept: 'application/dicom+json, */*' } });
        assert.equal(answer.code, 200, target);
        assert.match(answer.headers['cache-control'], /private.*no-cache|no-store/, target);
        if (answer.headers.etag) kept.push({ target, etag: answer.headers.etag });
    }
    assert.ok(kept.length >= 3, JSON.stringify(kept));
    for (const one of kept) // rights that move meanwhile, whosever they are, make a browser ask for the bytes anew
        await until(`${one.target} is known`, async () => {
            const { code, headers } = await reader.ask(one.target, { headers: { accept: 'application/dicom+json, */*', 'if-none-match': one.etag } });
            one.etag = headers.etag;
            return code === 304;
        });
    await closed(scan, consent);
    for (const { target, etag } of kept)
        for (const validator of [etag, '*']) {
            const { code, body } = await reader.ask(target, { headers: { accept: 'application/dicom+json, */*', 'if-none-match': validator } });
            assert.ok(code === 404 || (code === 204 && body.length === 0), `${target}: ${code}`); // 204: a search that finds nothing
        }
});

test('requests that follow each other: after the first that is refused none is served', async () => {
    const consent = await opened(scan);
    await allowed(scan.tile);
    const codes = [];
    let going = true;
    const scrolling = Array.from({ length: 4 }, async () => {
        while (going) codes.push((await reader.ask(scan.tile)).code);
    });
    await until('pictures come', () => codes.length >= 20);
    await closed(scan, consent);
    await until('one of them is refused', () => codes.at(-1) === 404);
    const refused = codes.length + scrolling.length; // and those under way
    await until('many more are asked for', () => codes.length >= refused + 40);
    going = false;
    await Promise.all(scrolling);
    assert.deepEqual([...new Set(codes.slice(refused))], [404]);
});

test('windows and tokens hear that it is closed, and lists that they are to be looked at', async () => {
    const consent = await opened(scan);
    const bearer = { authorization: `Bearer ${token}`, cookie: null };
    const ask = (headers) => allowed(`/api/studies/${scan.id}`, { headers });
    assert.deepEqual([(await ask({})).code, (await ask(bearer)).code], [200, 200]);
    const listeners = [new Listener(reader), new Listener(reader), new Listener(reader, { headers: bearer })];
    for (const listener of listeners) await until('it listens', () => listener.text.includes('retry:'));
    await sleep(500); // the stream's first look at what it may find
    await closed(scan, consent);
    for (const listener of listeners) {
        await until('it is told', () => listener.text.includes(`event: closed\ndata: {"study":${scan.id}}\n`));
        await until('lists are', () => listener.text.includes('event: reload\n'));
        listener.close();
    }
});

/** Takes the huge object by C-GET or C-MOVE; {files, output} when it has ended. */
async function take(move) {
    const into = temporaryFolder('kh-taken');
    const keys = ['-k', '0008,0052=STUDY', '-k', `0020,000d=${huge.study}`];
    const done = move
        ? await run('movescu', ['-v', '-S', '-aet', 'EAST', '-aem', 'EAST', '-aec', 'KAKEHASHI', '+P', String(port), '-od', into, ...keys, '127.0.0.1', String(service.dicomPort)], { seconds: 120 })
        : await run('getscu', ['-v', '-S', '+B', '-aet', 'EAST', '-aec', 'KAKEHASHI', '-od', into, ...keys, '127.0.0.1', String(service.dicomPort)], { seconds: 120 });
    return { sizes: filesUnder(into).map((file) => fs.statSync(file).size), output: done.output };
}

for (const way of ['C-GET', 'C-MOVE']) {
    test(`${way} of one object of 120 MiB: it breaks off`, async () => {
        const consent = await opened(huge);
        const before = (await records('--study', huge.study)).filter((one) => one.way === way).length;
        const taking = take(way === 'C-MOVE');
        await until('it has begun', async () => (await records('--study', huge.study)).filter((one) => one.way === way).length > before, { everyMs: 100 });
        await sleep(500);
        await closed(huge, consent);
        const { sizes, output } = await taking;
        assert.ok(sizes.every((size) => size < huge.objects[0].size), `${sizes}: ${output}`);
        assert.ok((await records('--result', 'refused', '--study', huge.study)).some((one) => one.way === way && /withdrawn/i.test(one.reason)));
    });
}

test('kakehashi send: only what the node\'s facility may have, recorded; a withdrawal ends it', async () => {
    const into = temporaryFolder('kh-sent');
    const archive = start('storescp', ['-v', '+B', '-aet', 'EAST', '-od', into, String(port)]);
    const send = (what) => service.command(['send', 'east-desk', '--study', what.study], { seconds: 120 });
    const refused = await send(scan);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /nothing of that is open to the facility of node east-desk/);
    assert.doesNotMatch(archive.output, /Association Received/);
    const nothing = await send({ study: `${root}.99` });
    assert.match(nothing.output, /nothing of that is here/);
    let consent = await opened(scan);
    const sent = await send(scan);
    assert.equal(sent.code, 0, sent.output);
    const told = (await records('--study', scan.study, '--action', 'send')).filter((one) => one.way === 'command');
    assert.deepEqual(told.map((one) => [one.result, one.by, one.to, one.count]), [['refused', 'operator', 'EAST', undefined], ['allowed', 'operator', 'EAST', filesUnder(into).length], ['done', 'operator', 'EAST', filesUnder(into).length]]);
    await closed(scan, consent);

    consent = await opened(huge);
    const sending = send(huge);
    await until('it has begun', async () => (await records('--study', huge.study)).some((one) => one.way === 'command'), { everyMs: 100 });
    await sleep(500);
    await closed(huge, consent);
    const { code, output } = await sending;
    assert.equal(code, 1);
    assert.match(output, /0 of 1 sent/);
    assert.ok(filesUnder(into).every((file) => fs.statSync(file).size < huge.objects[0].size));
    assert.equal((await records('--study', huge.study, '--action', 'send')).filter((one) => one.way === 'command').at(-1).result, 'failed');
    archive.kill('SIGKILL');
    await archive.ended;
});

test('a send of the queue is refused by decision, and tells why', async () => {
    const archive = start('storescp', ['-v', '-aet', 'EAST', '-od', temporaryFolder('kh-queue'), String(port)]);
    await service.must(['rule', 'add', 'forward', 'to-east', '--node', 'east-desk', '--at-once']);
    const { file } = object(late, 1);
    assert.equal((await storescu(service.dicomPort, [file], { calling: 'NORTH' })).code, 0);
    await until('it failed', async () => /not open to the facility of node east-desk/.test((await service.must(['queue', '--failed'])).out), { everyMs: 100 });
    assert.doesNotMatch(archive.output, /Received Store Request/);
    assert.ok((await records('--study', late.study, '--result', 'refused')).some((one) => one.way === 'send' && one.to === 'EAST'));
    archive.kill('SIGKILL');
    await archive.ended;
});
