// Objects of any size pass through bounded buffers: ten senders at once, each with a multi-frame object of 64 MB (KH_LONG=1: 1 GB), then
// fetched back by C-GET and C-MOVE. The bridge's own memory (anonymous and shared, not the page cache) stays under 300 MB, and every byte
// comes back.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { filesUnder, freePort, listens, must, removeFolder, run, Service, start, storescu, temporaryFolder, until } from '../lib/service.mjs';

const senders = 10;
const frames = process.env.KH_LONG ? 2048 : 128; // of 512 x 512 x 16 bits
const limitMb = 300;
const multiFrame = '1.2.840.10008.5.1.4.1.1.7.3';

function element(tag, vr, value) {
    const bytes = typeof value === 'string' ? Buffer.from(value.length % 2 ? value + (vr === 'UI' ? '\0' : ' ') : value, 'latin1') : value;
    const long = ['OB', 'OW'].includes(vr);
    const head = Buffer.alloc(long ? 12 : 8);
    head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
    head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
    head.write(vr, 4, 'latin1');
    if (long) head.writeUInt32LE(bytes.length, 8);
    else head.writeUInt16LE(bytes.length, 6);
    return Buffer.concat([head, bytes]);
}

const us = (value) => { const bytes = Buffer.alloc(2); bytes.writeUInt16LE(value); return bytes; };
const uidOf = (number) => `1.2.826.0.1.3680043.10.99.${number}`;

/** Frames of noise, each with its number in front. Gives back the SHA-256 of the data set. */
function write(file, number) {
    const uid = uidOf(number);
    const meta = Buffer.concat([element('00020001', 'OB', Buffer.from([0, 1])), element('00020002', 'UI', multiFrame), element('00020003', 'UI', `${uid}.1.1`),
        element('00020010', 'UI', '1.2.840.10008.1.2.1'), element('00020012', 'UI', '1.2.3.4')]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(meta.length);
    const size = frames * 512 * 512 * 2;
    const pixels = element('7FE00010', 'OW', Buffer.alloc(0));
    pixels.writeUInt32LE(size, 8);
    const head = Buffer.concat([element('00080016', 'UI', multiFrame), element('00080018', 'UI', `${uid}.1.1`), element('00080060', 'CS', 'OT'),
        element('00100010', 'PN', 'Large^Object'), element('00100020', 'LO', `L${number}`), element('0020000D', 'UI', uid), element('0020000E', 'UI', `${uid}.1`),
        element('00280002', 'US', us(1)), element('00280004', 'CS', 'MONOCHROME2'), element('00280008', 'IS', String(frames)), element('00280010', 'US', us(512)),
        element('00280011', 'US', us(512)), element('00280100', 'US', us(16)), element('00280101', 'US', us(16)), element('00280102', 'US', us(15)), element('00280103', 'US', us(0)), pixels]);
    const noise = crypto.randomBytes(512 * 512 * 2);
    const sum = crypto.createHash('sha256');
    const fd = fs.openSync(file, 'w');
    fs.writeSync(fd, Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), element('00020000', 'UL', length), meta]));
    fs.writeSync(fd, head);
    sum.update(head);
    for (let i = 0; i < frames; i++) {
        noise.writeUInt32LE(i, 0);
        fs.writeSync(fd, noise);
        sum.update(noise);
    }
    fs.closeSync(fd);
    return sum.digest('hex');
}

/** SHA-256 of what follows the file meta information, in parts. */
function dataSetSum(file) {
    const fd = fs.openSync(file, 'r');
    const block = Buffer.alloc(1 << 20);
    fs.readSync(fd, block, 0, 144, 0);
    let at = 144 + block.readUInt32LE(140);
    const sum = crypto.createHash('sha256');
    for (let got; (got = fs.readSync(fd, block, 0, block.length, at)) > 0; at += got) sum.update(block.subarray(0, got));
    fs.closeSync(fd);
    return sum.digest('hex');
}

/** The most that a process held of its own while work ran. */
async function peakMb(pid, work) {
    let peak = 0;
    const look = () => {
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
        peak = Math.max(peak, (Number(/RssAnon:\s+(\d+)/.exec(status)[1]) + Number(/RssShmem:\s+(\d+)/.exec(status)[1])) / 1024);
    };
    const timer = setInterval(look, 20);
    try { await work(); } finally { clearInterval(timer); }
    look();
    return peak;
}

test('ten large objects in at once, and out again', { timeout: process.env.KH_LONG ? 3600000 : 300000 }, async (t) => {
    const folder = temporaryFolder('kh-large');
    t.after(() => removeFolder(folder));
    const sums = {};
    for (let i = 1; i <= senders; i++) sums[`${uidOf(i)}.1.1`] = write(path.join(folder, `${i}.dcm`), i);
    const port = await freePort();
    const service = await Service.start({
        nodes: [['sender', '--ae-title', 'STORESCU', '--facility', 'clinic', '--may-store'],
            ['reader', '--ae-title', 'READER', '--facility', 'clinic', '--may-query', '--host', '127.0.0.1', '--port', String(port)]],
    });
    t.after(async () => { await service.stop(); removeFolder(service.dir); });
    const bridge = service.role('bridge').pid;
    const numbers = Array.from({ length: senders }, (_, index) => index + 1);
    const seconds = process.env.KH_LONG ? 1800 : 120;

    const into = await peakMb(bridge, async () => {
        const sent = await Promise.all(numbers.map((i) => storescu(service.dicomPort, [path.join(folder, `${i}.dcm`)])));
        for (const one of sent) assert.equal(one.acknowledged.length, 1, one.output.slice(-2000));
    });
    t.diagnostic(`in: ${into.toFixed(0)} MB at most`);
    assert.ok(into < limitMb, `${into.toFixed(0)} MB while ten objects came in`);

    const got = path.join(folder, 'got');
    fs.mkdirSync(got);
    const scp = start('storescp', ['-aet', 'READER', '-pm', '+B', '--fork', '-od', got, String(port)]);
    t.after(() => process.kill(-scp.pid, 'SIGKILL'));
    await until('storescp listens', () => listens(port));
    const common = ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI'];
    const keys = (i) => ['-k', '0008,0052=STUDY', '-k', `0020,000d=${uidOf(i)}`, '127.0.0.1', String(service.dicomPort)];
    const out = await peakMb(bridge, () => Promise.all(numbers.map((i) => (i % 2
        ? must('getscu', [...common, '+B', '-od', got, ...keys(i)], { seconds })
        : must('movescu', [...common, '-aem', 'READER', ...keys(i)], { seconds })))));
    t.diagnostic(`out: ${out.toFixed(0)} MB at most`);
    assert.ok(out < limitMb, `${out.toFixed(0)} MB while ten objects went out`);
    const back = {};
    for (const file of filesUnder(got)) {
        const { out: text } = await run('dcmdump', ['-q', '+P', '0008,0018', file]);
        back[/\[(.*?)\]/.exec(text)[1]] = dataSetSum(file);
    }
    assert.deepEqual(back, sums);
});
