// What other DICOM servers died of, at our DICOMweb door: CVE-2026-5437 to -5445 and -10528 of Orthanc, and its like. Each case gets its right
// answer, the roles stay the processes they were, none of them takes 64 MiB more than before, and somebody else who reads meanwhile gets all
// that he asks for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { attribute, phantomFiles, program, Service, sleep, until } from '../lib/service.mjs';
import { element, encapsulated, instance, part10 } from '../lib/part10.mjs';

const GROWTH_MAX = 64 << 20;
const BOUNDARY = 'kakehashi-7MA4YWxk';
const multipart = { 'content-type': `multipart/related; type="application/dicom"; boundary=${BOUNDARY}` };
// Sanitizers keep what was freed, and shadow it.
const measures = !path.resolve(program).includes('asan');
let service, good;

before(async () => {
    service = await Service.start({ files: phantomFiles(6).slice(0, 2), settings: { http: { idle_timeout: '5 s' } } });
    const [file] = phantomFiles(6);
    const value = async (tag) => (await attribute(tag, [file]))[file];
    good = `/dicomweb/studies/${await value('0020,000d')}/series/${await value('0020,000e')}/instances/${await value('0008,0018')}`;
});
after(() => service.stop());

const status = (pid, field) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;

/** Somebody who reads all the time. */
function reader() {
    const wanted = ['/dicomweb/studies?limit=1', `${good}/frames/1`, `${good}/rendered`, '/api/studies'];
    const got = [];
    let more = true;
    const done = (async () => {
        for (let i = 0; more || i < wanted.length; i++) got.push((await service.request(wanted[i % wanted.length], { headers: { accept: '*/*' } })).code);
    })();
    return { async end() { more = false; await done; assert.deepEqual([...new Set(got)], [200], `${got.length} answers to a reader`); } };
}

/** A named case with everything that must hold beside its own answer. */
function hostile(name, body) {
    test(name, async () => {
        const roles = service.roles().filter((role) => role.name === 'web' || role.name === 'bridge');
        assert.equal(roles.length, 2);
        const memory = new Map();
        for (const role of roles) {
            fs.writeFileSync(`/proc/${role.pid}/clear_refs`, '5'); // the peak begins anew
            memory.set(role.pid, status(role.pid, 'VmRSS'));
        }
        const other = reader();
        try { await body(); } finally { await other.end(); }
        const now = service.roles();
        for (const role of roles) {
            assert.ok(now.some((one) => one.pid === role.pid), `${role.name} has died`);
            const grown = status(role.pid, 'VmHWM') - memory.get(role.pid);
            if (measures) assert.ok(grown < GROWTH_MAX, `${role.name} took ${grown >> 20} MiB more`);
        }
        assert.equal(now.filter((role) => role.name === 'decode').length > 0, true, 'decode workers');
    });
}

const part = (bytes, type = 'application/dicom') => Buffer.concat([Buffer.from(`--${BOUNDARY}\r\nContent-Type: ${type}\r\n\r\n`), bytes, Buffer.from('\r\n')]);
const body = (...parts) => Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);

const post = (bytes, headers = multipart, target = '/dicomweb/studies') => service.request(target, { method: 'POST', headers, body: bytes });

/** Store one object: the answer's code and the reason it gives. */
async function stow(bytes) {
    const answer = await post(body(part(bytes)));
    const json = JSON.parse(answer.body);
    const failed = [...json['00081198']?.Value ?? [], ...json['0008119A']?.Value ?? []];
    return { code: answer.code, reason: failed[0]?.['00081197'].Value[0], message: json.message };
}

/** An answer that says what is wrong, in JSON. */
function says(answer, codes, words, what) {
    assert.ok([codes].flat().includes(answer.code), `${what}: ${answer.code}, expected ${codes}: ${answer.body.toString('latin1').slice(0, 300)}`);
    const { error, message } = JSON.parse(answer.body);
    assert.ok(error && message, what);
    if (words) assert.match(message, words, what);
}

const addressOf = (one) => `/dicomweb/studies/${one.study}/series/${one.series}/instances/${one.uid}`;

/** Keep it if it is kept; whatever is asked of it then is given or refused in words. */
async function storeAndAsk(one, what) {
    const stored = await stow(one.bytes);
    assert.ok([200, 409].includes(stored.code), `${what}: ${stored.code} ${stored.message}`);
    if (stored.code === 409) return assert.ok([0xc000, 0xa900, 0x0122].includes(stored.reason), `${what}: reason ${stored.reason?.toString(16)}`);
    for (const [target, accept] of [['/rendered', 'image/jpeg'], ['/thumbnail', 'image/png'], ['/frames/1', '*/*'], ['/frames/1/rendered', 'image/png'],
        ['/pixeldata', '*/*'], ['', '*/*'], ['', 'multipart/related; type="application/dicom"; transfer-syntax=*'], ['/metadata', '*/*']]) {
        const answer = await service.request(addressOf(one) + target, { headers: { accept } }).catch((error) => ({ cut: true, error }));
        if (answer.cut) { assert.match(target, /^(\/pixeldata|)$/, `${what}: ${target} ${answer.error.message}`); continue; } // it began to go out
        const good = target === '/metadata' || accept.includes('=*') ? [200] : [200, 404, 406, 413, 422];
        assert.ok(good.includes(answer.code), `${what}: ${target} ${accept}: ${answer.code} ${answer.body.toString('latin1').slice(0, 300)}`);
        if (answer.code >= 400) says(answer, answer.code, null, `${what}: ${target}`);
    }
    return null;
}

const tagText = (bytes, tag) => bytes.indexOf(Buffer.from([(tag >> 16) & 0xff, tag >>> 24, tag & 0xff, (tag >> 8) & 0xff]));

// --- the nine, and nesting -----------------------------------------------------------------------------------------------

hostile('CVE-2026-5437: file meta information that lies about its lengths', async () => {
    const whole = instance().bytes;
    const changed = (at, bytes) => { const copy = Buffer.from(whole); bytes.copy(copy, at); return copy; };
    const long = Buffer.from([0xff, 0xff, 0xff, 0xff]);
    const cases = [
        ['a group of 4 GiB', changed(140, long)],
        ['a group of nothing', changed(140, Buffer.alloc(4))],
        ['a version of 4 GiB', changed(tagText(whole, 0x00020001) + 8, long)],
        ['a class of 65,535 bytes', changed(tagText(whole, 0x00020002) + 6, Buffer.from([0xff, 0xff]))],
        ['a transfer syntax of 65,534 bytes', changed(tagText(whole, 0x00020010) + 6, Buffer.from([0xfe, 0xff]))],
        ['it ends in a tag', whole.subarray(0, 146)],
        ['it ends in a length', whole.subarray(0, 151)],
        ['it ends in a value', whole.subarray(0, 170)],
        ['it is all there is', whole.subarray(0, whole.indexOf(Buffer.from([0x08, 0x00, 0x16, 0x00])))],
    ];
    for (const [name, bytes] of cases) {
        const { code, reason } = await stow(bytes);
        if (name.startsWith('a group')) { assert.equal(code, 200, name); continue; } // where it ends shows from its elements
        assert.deepEqual([code, reason], [409, 0xc000], name);
    }
});

hostile('CVE-2026-5438: bodies that unpack to gigabytes', async () => {
    const gzip = zlib.gzipSync(Buffer.alloc(64 << 20));
    const many = Buffer.concat(Array.from({ length: 16 }, () => gzip)); // a gigabyte in 16 members
    for (const coding of ['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'gzip, gzip'])
        says(await post(many, { ...multipart, 'content-encoding': coding }), 415, /Content-Encoding/, coding);
    says(await post(many, { 'content-type': 'application/gzip' }), 415, /Content-Type/, 'as its type');
    const { code, reason } = await stow(many);
    assert.deepEqual([code, reason], [409, 0xc000], 'as an object');
    // Nothing of ours unpacks a body elsewhere either.
    const json = await post(gzip, { 'content-encoding': 'gzip', 'content-type': 'application/json', origin: service.url }, '/api/admin/conflicts/1/keep');
    assert.ok(json.code >= 400 && json.code < 500, `${json.code}`);
    assert.equal((await post(body(part(instance().bytes)), { ...multipart, 'content-encoding': 'identity' })).code, 200);
});

hostile('CVE-2026-5439: archives that lie about their sizes', async () => {
    const zip = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([4, 0, 0, 0]), Buffer.from([0xff, 0xff, 0xff, 0xff]),
        Buffer.from([1, 0, 0, 0]), Buffer.from('a\x03\x00\x00\x00', 'latin1')]);
    says(await post(zip, { 'content-type': 'application/zip' }), 415, /Content-Type/, 'as its type');
    const asPart = await post(body(part(zip, 'application/zip')));
    assert.equal(asPart.code, 409);
    assert.deepEqual((await stow(zip)).reason, 0xc000);
});

hostile('CVE-2026-5440: a Content-Length of gigabytes costs nothing', async () => {
    const open = [];
    for (const length of ['4294967296', '17179869184']) {
        // 4 GiB is a study that may come: it is waited for, not made room for.
        const socket = net.connect(service.httpPort, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(`POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${multipart['content-type']}\r\nContent-Length: ${length}\r\n\r\n`);
        open.push(socket);
    }
    await sleep(300);
    for (const socket of open) socket.destroy();
    for (const [length, code] of [['17179869185', 413], ['9223372036854775807', 413], ['18446744073709551615', 413], ['18446744073709551616', 413], ['99999999999999999999999', 413]]) {
        const text = await raw(`POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${multipart['content-type']}\r\nContent-Length: ${length}\r\n\r\n`);
        assert.match(text, new RegExp(`^HTTP/1.1 ${code} `), length);
    }
    const portal = await raw('POST /api/studies/1/recall HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Type: application/json\r\nContent-Length: 4294967296\r\n\r\n');
    assert.match(portal, /^HTTP\/1.1 413 /);
});

hostile('CVE-2026-5441: Philips\' PMSCT_RLE1, which is not decoded here', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from([0xa5]), Buffer.from([0xa5, 0x00]), Buffer.alloc(64, 0xa5), Buffer.alloc(64, 0x5a)]) {
        const one = instance([[0x07a10010, element(0x07a10010, 'LO', 'ELSCINT1')], [0x07a1100a, element(0x07a1100a, 'OB', bytes)],
            [0x07a11011, element(0x07a11011, 'LO', 'PMSCT_RLE1')], [0x7fe00010, null]]);
        await storeAndAsk(one, `${bytes.length} bytes`);
    }
});

hostile('CVE-2026-5442: dimensions that overflow', async () => {
    const long = (tag, value) => [tag, element(tag, 'UL', value)];
    const short = (tag, value) => [tag, element(tag, 'US', value)];
    const cases = [
        ['65,535 by 65,535', [short(0x00280010, 65535), short(0x00280011, 65535)]],
        ['the same in RGB', [short(0x00280010, 65535), short(0x00280011, 65535), short(0x00280002, 3), [0x00280004, element(0x00280004, 'CS', 'RGB')]]],
        ['rows of 0', [short(0x00280010, 0)]],
        ['columns of 0', [short(0x00280011, 0)]],
        ['rows as UL of 2^32 - 1', [long(0x00280010, 0xffffffff)]],
        ['both as UL of 65,536', [long(0x00280010, 65536), long(0x00280011, 65536)]],
        ['samples of 65,535', [short(0x00280002, 65535)]],
        ['samples of 0', [short(0x00280002, 0)]],
        ['bits of 65,535', [short(0x00280100, 65535)]],
        ['bits of 0', [short(0x00280100, 0)]],
        ['more bits stored than allocated', [short(0x00280101, 64)]],
        ['a high bit of 65,535', [short(0x00280102, 65535)]],
        ['2^31 - 1 frames', [[0x00280008, element(0x00280008, 'IS', '2147483647')]]],
        ['2^31 - 1 frames of 65,535 by 65,535', [[0x00280008, element(0x00280008, 'IS', '2147483647')], short(0x00280010, 65535), short(0x00280011, 65535)]],
        ['-1 frames', [[0x00280008, element(0x00280008, 'IS', '-1')]]],
        ['10^12 frames', [[0x00280008, element(0x00280008, 'IS', '999999999999')]]],
        ['pixel data of 4 GiB - 2', [[0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(128), { length: 0xfffffffe })]]],
        ['no pixel data', [[0x7fe00010, null]]],
    ];
    for (const [name, elements] of cases) await storeAndAsk(instance(elements), name);
});

const palette = (tag, descriptor, data) => [[tag, element(tag, 'US', descriptor)], [tag + 0x100, element(tag + 0x100, 'OW', data)]];
const palettes = (descriptor, data = Buffer.alloc(512)) => [0x00281101, 0x00281102, 0x00281103].flatMap((tag) => palette(tag, descriptor, data));
const paletteColor = [[0x00280004, element(0x00280004, 'CS', 'PALETTE COLOR')], [0x00280100, element(0x00280100, 'US', 8)], [0x00280101, element(0x00280101, 'US', 8)],
    [0x00280102, element(0x00280102, 'US', 7)], [0x7fe00010, element(0x7fe00010, 'OW', Buffer.from(Array.from({ length: 64 }, (_, i) => i * 4 + 3)))]];

hostile('CVE-2026-5443: palettes whose size is a lie', async () => {
    for (const [name, descriptor, data] of [
        ['65,536 entries, 512 bytes', [0, 0, 16], Buffer.alloc(512)], ['256 entries, none there', [256, 0, 16], Buffer.alloc(0)], ['256 entries, 2 bytes', [256, 0, 16], Buffer.alloc(2)],
        ['8 bits an entry, half there', [256, 0, 8], Buffer.alloc(128)], ['255 bits an entry', [256, 0, 255], Buffer.alloc(512)], ['0 bits an entry', [256, 0, 0], Buffer.alloc(512)],
        ['a descriptor of one number', [256], Buffer.alloc(512)]]) {
        await storeAndAsk(instance([...paletteColor, ...palettes(descriptor, data)]), name);
    }
    await storeAndAsk(instance(paletteColor), 'none at all');
    await storeAndAsk(instance([...paletteColor, ...palettes([256, 0, 16]).slice(0, 2)]), 'red alone');
});

hostile('CVE-2026-5444: pictures that are larger inside than they say', async () => {
    const jpeg = Buffer.from('ffd8ffc0000b08ffffffff01011100ffda0008010100003f007fffd9', 'hex'); // 65,535 by 65,535
    const small = Buffer.from('ffd8ffc0000b0800010001010111 00ffda0008010100003f007fffd9'.replace(' ', ''), 'hex');
    const lossless = Buffer.from('ffd8ffc3000b10ffffffff01011100ffda0008010100010000 7fffd9'.replace(' ', ''), 'hex');
    const jls = Buffer.from('ffd8fff7000b10ffffffff01011100ffda000801010000000000ffd9', 'hex');
    const j2k = Buffer.from('ff4fff51002900007fffffff7fffffff00000000000000007fffffff7fffffff00000000000000000001070101ff52000c00000001000504040001ff5c00134040484850484850484850484850484850ff90000a0000000000000001ff93ffd9', 'hex');
    const rle = Buffer.alloc(64, 0xff);
    const pam = Buffer.from('P7\nWIDTH 65535\nHEIGHT 65535\nDEPTH 4\nMAXVAL 65535\nTUPLTYPE RGB_ALPHA\nENDHDR\n');
    const png = Buffer.from('89504e470d0a1a0a0000000d494844527fffffff7fffffff1006000000 00000000'.replace(' ', ''), 'hex');
    const grey8 = [[0x00280100, element(0x00280100, 'US', 8)], [0x00280101, element(0x00280101, 'US', 8)], [0x00280102, element(0x00280102, 'US', 7)]];
    for (const [name, syntax, bytes] of [
        ['JPEG', '1.2.840.10008.1.2.4.50', jpeg], ['JPEG, smaller', '1.2.840.10008.1.2.4.50', small], ['JPEG lossless', '1.2.840.10008.1.2.4.70', lossless], ['JPEG-LS', '1.2.840.10008.1.2.4.80', jls],
        ['JPEG 2000', '1.2.840.10008.1.2.4.90', j2k], ['HTJ2K', '1.2.840.10008.1.2.4.201', j2k], ['RLE', '1.2.840.10008.1.2.5', rle], ['PAM as JPEG', '1.2.840.10008.1.2.4.50', pam],
        ['PNG as JPEG 2000', '1.2.840.10008.1.2.4.90', png], ['nothing as JPEG', '1.2.840.10008.1.2.4.50', Buffer.alloc(0)]]) {
        await storeAndAsk(instance([...grey8, [0x7fe00010, encapsulated([bytes])]], { syntax }), name);
    }
    for (const type of ['image/png', 'image/jpeg', 'image/x-portable-arbitrarymap']) {
        assert.equal((await post(body(part(type === 'image/png' ? png : pam, type)))).code, 409, type);
        says(await post(png, { 'content-type': type }), 415, /Content-Type/, type);
    }
});

hostile('CVE-2026-5445: pixels that point beside the palette', async () => {
    for (const [name, descriptor, size] of [['behind a palette of 4', [4, 0, 16], 8], ['before one that begins at 1,000', [4, 1000, 16], 8], ['beside one that begins at -100', [4, 0xff9c, 16], 8], ['of one entry', [1, 0, 16], 2]])
        await storeAndAsk(instance([...paletteColor, ...palettes(descriptor, Buffer.alloc(size, 0x55))]), name);
});

hostile('CVE-2026-10528: thousands of sequences in each other', async () => {
    const undefinedItem = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    const head = element(0x00081115, 'SQ', Buffer.alloc(0), { length: 0xffffffff });
    for (const depth of [17, 1000, 5000, 100000]) {
        const open = Buffer.concat(Array.from({ length: depth }, () => Buffer.concat([head, undefinedItem])));
        const close = Buffer.concat(Array.from({ length: depth }, () => Buffer.from([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])));
        const { code, reason } = await stow(instance([[0x00081115, Buffer.concat([open, close])]]).bytes);
        assert.deepEqual([code, reason], [409, 0xc000], `${depth} deep`);
        assert.deepEqual((await stow(instance([[0x00081115, open]]).bytes)).reason, 0xc000, `${depth} deep and never closed`);
    }
    let lengths = Buffer.alloc(0);
    for (let i = 0; i < 1000; i++) {
        const item = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
        item.writeUInt32LE(lengths.length, 4);
        lengths = element(0x00081115, 'SQ', Buffer.concat([item, lengths]));
    }
    assert.deepEqual((await stow(instance([[0x00081115, lengths]]).bytes)).reason, 0xc000, 'with lengths');
    const unknown = Buffer.concat(Array.from({ length: 20000 }, () => Buffer.concat([element(0x00091001, 'UN', Buffer.alloc(0), { length: 0xffffffff }), undefinedItem])));
    assert.deepEqual((await stow(instance([[0x00091001, unknown]]).bytes)).reason, 0xc000, 'of VR UN');
    // As text: whether the form is taken or not.
    for (const [type, deep] of [['application/dicom+json', Buffer.from('['.repeat(1 << 20))], ['application/dicom+json', Buffer.from(`${'{"00081115":{"vr":"SQ","Value":['.repeat(50000)}`)],
        ['application/dicom+xml', Buffer.from(`<NativeDicomModel>${'<DicomAttribute tag="00081115" vr="SQ"><Item number="1">'.repeat(30000)}`)]]) {
        const related = { 'content-type': `multipart/related; type="${type}"; boundary=${BOUNDARY}` };
        const answer = await post(body(part(deep, type)), related);
        assert.ok([400, 409, 415].includes(answer.code), `${type}: ${answer.code}`);
        const alone = await post(deep, { 'content-type': type });
        assert.ok([400, 409, 415].includes(alone.code), `${type} alone: ${alone.code}`);
    }
    const portal = await post('['.repeat(60000), { 'content-type': 'application/json', origin: service.url }, '/api/admin/conflicts/1/keep');
    assert.ok([400, 404, 413, 422].includes(portal.code), `${portal.code}`);
});

// --- others of the kind --------------------------------------------------------------------------------------------------

hostile('deflated data sets of gigabytes', async () => {
    const syntax = '1.2.840.10008.1.2.1.99';
    // The stream is written by hand: a megabyte of deflated zeros, again and again.
    const zeros = zlib.deflateRawSync(Buffer.alloc(1 << 20), { finishFlush: zlib.constants.Z_FULL_FLUSH });
    const bomb = (dataset, megabytes) => Buffer.concat([zlib.deflateRawSync(dataset, { finishFlush: zlib.constants.Z_FULL_FLUSH }), ...Array.from({ length: megabytes }, () => zeros), Buffer.from([3, 0])]);
    for (const megabytes of [128, 1000, 3000]) {
        const pixels = element(0x7fe00010, 'OW', Buffer.alloc(0), { length: megabytes * 2 ** 20 });
        await storeAndAsk(instance([[0x7fe00010, pixels]], { syntax, change: (dataset) => bomb(dataset, megabytes) }), `${megabytes} MiB of pixels`);
        const behind = element(0x7fe10010, 'UN', Buffer.alloc(0), { length: megabytes * 2 ** 20 });
        await storeAndAsk(instance([[0x7fe10010, behind]], { syntax, change: (dataset) => bomb(dataset, megabytes) }), `${megabytes} MiB behind a picture`);
    }
    assert.deepEqual((await stow(instance([], { syntax, change: () => Buffer.alloc(4096, 0xff) }).bytes)).reason, 0xc000, 'what is no stream');
    const honest = instance([], { syntax, change: (dataset) => zlib.deflateRawSync(dataset) });
    assert.equal((await stow(honest.bytes)).code, 200);
    assert.equal((await service.request(`${addressOf(honest)}/rendered`, { headers: { accept: 'image/png' } })).code, 200);
});

hostile('viewports and sizes of 100,000 pixels', async () => {
    const uids = /studies\/([0-9.]+)\/series\/([0-9.]+)\/instances\/([0-9.]+)/.exec(good);
    const uri = `/dicomweb/wado?requestType=WADO&studyUID=${uids[1]}&seriesUID=${uids[2]}&objectUID=${uids[3]}`;
    const cases = [
        ...['100000,100000', '100000,1', '1,100000', '4294967296,1', '1e5,1e5', '99999999999999999999,2', '0,0', '-5,5', 'nan,nan', '1e999,1', '1,1,0,0,1e99,1', '5', '5,5,5'].flatMap((viewport) =>
            [[`${good}/rendered?viewport=${viewport}`, /viewport/], [`${good}/thumbnail?viewport=${viewport}`, /viewport/], [`${good}/frames/1/rendered?viewport=${viewport}`, /viewport/]]),
        ...['100000', '4294967296', '-1', '0', '1e5'].flatMap((side) => [[`${uri}&rows=${side}`, /rows/], [`${uri}&columns=${side}`, /columns/]]),
        [`${uri}&region=0,0,1e9,1`, /region/], [`${uri}&frameNumber=99999999999`, /frameNumber/], [`${good}/rendered?quality=100000`, /quality/],
        [`${good}/rendered?window=1e308,1e308,linear`, /window/], [`${good}/frames/${'1,'.repeat(1500)}2/rendered`, /frames/], [`${good}/frames/4294967297`, /frames/],
        [`/dicomweb/studies?offset=99999999999999`, /offset/],
    ];
    for (const [target, words] of cases) says(await service.request(target, { headers: { accept: 'image/jpeg, */*' } }), 400, words, target);
    for (const target of [`${good}/frames/1000000`, `${good}/frames/1000000/rendered`]) says(await service.request(target, { headers: { accept: '*/*' } }), 404, /frame/, target);
});

hostile('UIDs that are paths, and worse', async () => {
    const bad = ['..%2F..%2Fetc%2Fpasswd', '..%5C..%5Cwindows', '%2E%2E%2Fetc', '1.2.3%00', '1.2.3%2F..%2F..', '1.2.3;x', "1.2.3'", '1.2.3%22', '1.2.3%20OR%201=1', '%25s%25n', '1.2.3%0a', '１.2',
        '%EF%BC%91.2', '1'.repeat(65), '1'.repeat(3000), '~', '%24%7Bjndi:x%7D', '*', '%3Cscript%3E', 'NaN', '-1', '0x1', 'a'];
    for (const uid of bad) {
        const text = /[^\x20-\x7e]/.test(uid) ? encodeURIComponent(uid) : uid;
        for (const target of [`/dicomweb/studies/${text}`, `/dicomweb/studies/${text}/metadata`, `/dicomweb/studies/1.2/series/${text}`, `/dicomweb/studies/1.2/series/3.4/instances/${text}`,
            `/dicomweb/studies/1.2/series/3.4/instances/${text}/frames/1`, `/dicomweb/studies/1.2/series/3.4/instances/${text}/bulkdata/7FE00010`, `/dicomweb/studies/${text}/rendered`,
            `/dicomweb/studies/1.2/series/${text}/thumbnail`, `/dicomweb/studies/${text}/series`, `/dicomweb/studies/${text}/instances`, `/dicomweb/studies/1.2/series/${text}/instances`,
            `/dicomweb/wado?requestType=WADO&studyUID=${text}&seriesUID=1.2&objectUID=1.2`])
            says(await service.request(target, { headers: { accept: '*/*' } }), 400, /stud(y|ies)|series|instance|studyUID|target/i, target);
    }
    for (const bulk of ['..%2f..', '../../../x', 'x', '7FE00010.0', '7FE00010/..', '52009230.99999999999.00281408', '5'.repeat(3000), `${'00081115.1.'.repeat(300)}00080018`])
        says(await service.request(`${good}/bulkdata/${bulk}`, { headers: { accept: '*/*' } }), [400, 404, 414], null, bulk);
    const incoming = () => fs.readdirSync(path.join(service.dir, 'data', 'incoming'));
    for (const uid of ['../../../../tmp/x', '..', '/etc/passwd', '1.2.3/../../x', '1.2.3\0/x', '', ' ', '1.2.*', 'x'.repeat(64), `1.${'2'.repeat(80)}`]) {
        for (const tag of [0x00080018, 0x0020000d, 0x0020000e]) {
            const one = instance([[tag, element(tag, 'UI', uid)]]);
            const bytes = tag === 0x00080018 ? part10(one.bytes.subarray(one.bytes.indexOf(Buffer.from([8, 0, 0x16, 0]))), { uid }) : one.bytes;
            const { code, reason } = await stow(bytes);
            assert.deepEqual([code, [0xc000, 0xa900].includes(reason)], [409, true], `${tag.toString(16)} ${uid}: ${reason}`);
        }
    }
    assert.deepEqual(incoming(), []);
    says(await post(body(part(instance().bytes)), multipart, '/dicomweb/studies/..%2f..'), 400, null, 'of the address');
    says(await post(body(part(instance().bytes)), multipart, '/dicomweb/studies/a.b'), 400, /stud/, 'of the address');
});

/** Bytes to the HTTP port, and what comes back until it closes; from: the sender's address. */
function raw(text, { from = '127.0.0.1', seconds = 20 } = {}) {
    return new Promise((resolve) => {
        let got = '';
        const socket = net.connect({ port: service.httpPort, host: '127.0.0.1', localAddress: from }, () => socket.write(Buffer.from(text, 'latin1')));
        socket.on('data', (data) => { got += data.toString('latin1'); if (/\r\n\r\n/.test(got)) socket.end(); });
        socket.on('error', () => {});
        socket.on('close', () => resolve(got));
        socket.setTimeout(seconds * 1000, () => socket.destroy());
    });
}

hostile('hundreds of slow connections: heads, bodies and readers that never end', async () => {
    const sockets = [];
    const cut = new Set();
    const dribble = (count, head, from) => {
        for (let i = 0; i < count; i++) {
            const socket = net.connect({ port: service.httpPort, host: '127.0.0.1', localAddress: from }, () => socket.write(head));
            socket.on('error', () => {}).on('close', () => cut.add(socket));
            socket.pause();
            sockets.push(socket);
        }
    };
    dribble(150, 'GET /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nX: ', '127.0.0.2');
    dribble(150, '', '127.0.0.3');
    dribble(60, `POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${multipart['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n`, '127.0.0.4');
    dribble(60, `GET ${good}/frames/1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n`.repeat(20), '127.0.0.5');
    const writing = setInterval(() => { for (const socket of sockets) if (!cut.has(socket) && socket.writable) socket.write('a'); }, 500);
    await sleep(3000);
    // Whoever only adds a byte now and then is cut by the deadline, not by silence.
    await until('all that sent heads are cut', () => sockets.slice(0, 300).every((socket) => cut.has(socket)), { seconds: 60, everyMs: 200 });
    clearInterval(writing);
    for (const socket of sockets) socket.destroy();
    assert.equal((await post(body(part(instance().bytes)))).code, 200, 'the places of those who stored are free again');
});

hostile('lengths that contradict the body', async () => {
    const whole = body(part(instance().bytes));
    const head = (lines) => `POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${multipart['content-type']}\r\n${lines}\r\n`;
    const text = whole.toString('latin1');
    // Longer than it says: what is over is a request of its own, and no good one.
    assert.match(await raw(head(`Content-Length: ${whole.length - 60}\r\n`) + text), /^HTTP\/1.1 (400|409) /);
    // Shorter: it is waited for, and the sender leaves.
    const half = net.connect(service.httpPort, '127.0.0.1');
    half.on('error', () => {});
    half.end(Buffer.from(head(`Content-Length: ${whole.length + 1000}\r\n`) + text, 'latin1'));
    await new Promise((resolve) => { half.on('close', resolve).resume(); });
    // A part's own length says nothing about where it ends.
    const lying = Buffer.from(text.replace('Content-Type: application/dicom', 'Content-Length: 5\r\nContent-Type: application/dicom'), 'latin1');
    assert.ok([200, 409].includes((await post(lying)).code));
    for (const chunk of ['fffffffffffffffff\r\n', '-1\r\n', '0x5\r\n', 'zz\r\n', '5;ext=1\r\nabcd\r\n'])
        assert.match(await raw(head('Transfer-Encoding: chunked\r\n') + chunk + '0\r\n\r\n'), /^(HTTP\/1.1 (400|413) |$)/, chunk);
});

hostile('queries of every size', async () => {
    const codes = async (target, headers = {}) => (await service.request(target, { headers })).code;
    assert.equal(await codes(`/dicomweb/studies?${Array.from({ length: 64 }, (_, i) => `includefield=${i % 2 ? 'PatientName' : 'PatientID'}`).join('&')}`), 200);
    assert.equal(await codes(`/dicomweb/studies?${Array.from({ length: 65 }, () => 'includefield=PatientID').join('&')}`), 414);
    assert.equal(await codes(`/dicomweb/studies?PatientID=${'*'.repeat(3000)}`), 400); // longer than any value
    assert.equal(await codes(`/dicomweb/studies?PatientName=${'*a'.repeat(250)}`), 204);
    assert.equal(await codes(`/dicomweb/studies?PatientName=${'*a'.repeat(1500)}`), 400);
    assert.equal(await codes(`/dicomweb/studies?StudyInstanceUID=${Array.from({ length: 1000 }, (_, i) => `1.${i}`).join(',')}`).then((code) => [204, 400, 414].includes(code)), true);
    assert.equal(await codes('/dicomweb/studies', { accept: Array.from({ length: 200 }, () => 'application/json').join(', ') }), 400);
    assert.equal(await codes('/dicomweb/studies', { accept: `application/json; x="${'y'.repeat(4000)}"` }).then((code) => [200, 204, 400].includes(code)), true);
    assert.equal(await codes('/dicomweb/studies', { range: `bytes=${'0-1,'.repeat(2000)}5-6` }), 200);
});
