// S15: 5,000 hostile UIDs at every address and in every element that has one. Each is refused, none reaches a path: the data folder holds afterwards what it
// held before (files of objects are named by numbers of ours: cache/paths.h), and what is good beside it is served as ever.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { element, instance, part10 } from '../lib/part10.mjs';
import { filesUnder, phantomFiles, Service, temporaryFolder } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

const COUNT = 5000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const pieces = ['../', '..\\', '/', '/etc/passwd', '%2e%2e%2f', '\0', '\u202e', '１', ' ', '\t', '\r\n', "'", '"', ';', '|', '`id`', '$(id)', '<b>', '*', '?', '#', '~', '-1', '+', '0x1', '1e3', ',', '\x7f', '\x80', 'ÿ', 'a', '..', '.', '0', '7.7', '1'.repeat(70)];
let service, seed = 20261121;
const next = (most) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor((seed / 2 ** 32) * most); };

/** None of them is 1 to 64 digits and dots, without what an element is padded with. */
function hostileUid() {
    for (;;) {
        const uid = Array.from({ length: 1 + next(4) }, () => pieces[next(pieces.length)]).join(next(2) ? '' : '1.2.840.');
        if (!/^[0-9.]{1,64}[\0 ]*$/.test(uid) && uid.length < 400) return uid;
    }
}

before(async () => { service = await Service.start({ files: phantomFiles(6).slice(0, 2) }); });
after(async () => { agent.destroy(); await service?.stop(); });

/* What holds objects; logs, databases, the record and what is told of a series grow by themselves. */
const held = () => ['objects', 'incoming', 'quarantine'].flatMap((name) => filesUnder(path.join(service.dir, 'data', name)));

test(`S15: ${COUNT} hostile UIDs in addresses`, async () => {
    const places = [(u) => `/dicomweb/studies/${u}`, (u) => `/dicomweb/studies/${u}/metadata`, (u) => `/dicomweb/studies/1.2/series/${u}`, (u) => `/dicomweb/studies/1.2/series/3.4/instances/${u}`,
        (u) => `/dicomweb/studies/1.2/series/3.4/instances/${u}/frames/1`, (u) => `/dicomweb/studies/${u}/rendered`, (u) => `/dicomweb/studies/1.2/series/${u}/thumbnail`, (u) => `/dicomweb/studies/${u}/series`,
        (u) => `/dicomweb/wado?requestType=WADO&studyUID=${u}&seriesUID=1.2&objectUID=1.2`, (u) => `/dicomweb/wado?requestType=WADO&studyUID=1.2&seriesUID=1.2&objectUID=${u}`, (u) => `/IHEInvokeImageDisplay?requestType=STUDY&studyUID=${u}`];
    const kept = held();
    const wrong = [];
    let left = COUNT;
    await Promise.all(Array.from({ length: 4 }, async () => {
        while (left-- > 0) {
            const target = places[left % places.length](encodeURIComponent(hostileUid()));
            const { code, body } = await service.request(target, { headers: { accept: '*/*' }, agent });
            if (![400, 404, 414].includes(code) || body.includes('root:')) wrong.push(`${code} ${target}`);
        }
    }));
    assert.deepEqual(wrong, []);
    assert.deepEqual(held(), kept);
    assert.equal((await service.studies()).length, 1);
});

/* What is read of an element: its first value, without what it is padded with. */
const valueOf = (uid) => uid.split('\\')[0].replace(/^[\0 ]+|[\0 ]+$/g, '');
const isUid = (text) => /^[0-9.]{1,64}$/.test(text) && /[0-9]/.test(text);

test('S15: hostile UIDs in objects that are stored', async () => {
    const folder = temporaryFolder();
    const kept = held();
    const files = [];
    let tolerated = 0; // padded in front, or with a second value: taken as the UID that is there
    for (let i = 0; i < 300; i++) {
        const uid = hostileUid();
        tolerated += isUid(valueOf(uid)) ? 1 : 0;
        const tag = [0x00080018, 0x0020000d, 0x0020000e][i % 3];
        const one = instance([[tag, element(tag, 'UI', uid.replace(/[^\0-\xff]/g, '?'))]]);
        files.push(path.join(folder, `${i}.dcm`));
        fs.writeFileSync(files.at(-1), tag === 0x00080018 ? part10(one.bytes.subarray(one.bytes.indexOf(Buffer.from([8, 0, 0x16, 0]))), { uid: uid.replace(/[^\0-\xff]/g, '?') }) : one.bytes);
    }
    const good = instance();
    files.push(path.join(folder, 'good.dcm'));
    fs.writeFileSync(files.at(-1), good.bytes);
    const { stored } = await stow(service, files);
    assert.equal(stored.length, tolerated + 1, stored.join(' '));
    assert.equal(stored.at(-1), good.uid);
    assert.deepEqual(stored.filter((uid) => !isUid(uid)), []);
    assert.ok(tolerated < 30, `${tolerated}`);
    const added = held().filter((file) => !kept.includes(file));
    assert.equal(added.length, stored.length, added.join(' '));
    for (const file of added) assert.match(file, /\/objects\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{16}-[0-9a-f]+\.dcm$/);
});
