// Others ask us and fetch from us, under their own programs: findscu, movescu, getscu, storescp, dcmqrscp.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { attribute, filesUnder, freePort, Pacs, phantomFiles, run, Service, temporaryFolder } from '../lib/service.mjs';

const files = phantomFiles(24);
const reader = ['reader', '--ae-title', 'READER', '--facility', 'clinic', '--may-query'];

async function study() {
    return Object.values(await attribute('0020,000d', files.slice(0, 1)))[0];
}

async function sopUids(list) {
    return Object.values(await attribute('0008,0018', list)).sort();
}

test('findscu lists the study with its counts', async (t) => {
    const service = await Service.start({ nodes: [reader], files });
    t.after(() => service.stop());
    const found = await run('findscu', ['-S', '-aet', 'READER', '-aec', 'KAKEHASHI', '-k', '0008,0052=STUDY', '-k', '0020,000d', '-k', '0020,1208', '-k', '0008,0061', '127.0.0.1', String(service.dicomPort)]);
    assert.equal(found.code, 0, found.output);
    assert.match(found.output, new RegExp(`\\[${(await study()).replaceAll('.', '\\.')}`));
    assert.match(found.output, /\(0020,1208\) IS \[24\s*\]/);
    assert.match(service.log, /query of reader, level STUDY: 1 answers/);
});

test('getscu fetches the study, the same objects', async (t) => {
    const service = await Service.start({ nodes: [reader], files });
    t.after(() => service.stop());
    const folder = temporaryFolder();
    const got = await run('getscu', ['-S', '+B', '-aet', 'READER', '-aec', 'KAKEHASHI', '-od', folder, '-k', '0008,0052=STUDY', '-k', `0020,000d=${await study()}`, '127.0.0.1', String(service.dicomPort)]);
    assert.equal(got.code, 0, got.output);
    assert.deepEqual(await sopUids(filesUnder(folder)), await sopUids(files));
});

test('movescu has the study sent to itself, and cancels another time', async (t) => {
    const port = await freePort();
    const service = await Service.start({ nodes: [[...reader, '--host', '127.0.0.1', '--port', String(port)]], files });
    t.after(() => service.stop());
    const folder = temporaryFolder();
    const args = ['-S', '-aet', 'READER', '-aem', 'READER', '-aec', 'KAKEHASHI', '+P', String(port), '-od', folder, '-k', '0008,0052=STUDY', '-k', `0020,000d=${await study()}`];
    const moved = await run('movescu', [...args, '127.0.0.1', String(service.dicomPort)]);
    assert.equal(moved.code, 0, moved.output);
    assert.deepEqual(await sopUids(filesUnder(folder)), await sopUids(files));
    fs.rmSync(folder, { recursive: true });
    fs.mkdirSync(folder);
    await run('movescu', [...args, '--cancel', '2', '127.0.0.1', String(service.dicomPort)]);
    assert.ok(filesUnder(folder).length < files.length, 'the cancel was not heard');
    assert.match(service.log, /move of reader to reader, level STUDY: 24 objects, \d+ sent, 0 failed.* status FE00/);
});

test('kakehashi send puts a study into dcmqrscp, with and without a service', async (t) => {
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files: phantomFiles(4).slice(0, 1), peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node()], files });
    const uid = await study();
    const sent = await service.command(['send', 'PACS', '--study', uid]);
    assert.equal(sent.code, 0, sent.output);
    assert.match(sent.out, /24 of 24 sent/);
    await service.stop();
    const again = await service.command(['send', 'PACS', '--study', uid]);
    assert.equal(again.code, 0, again.output);
    await pacs.stop();
    const nobody = await service.command(['send', 'PACS', '--study', uid]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.out, /0 of 24 sent, .*24 failed/);
    const nothing = await service.command(['send', 'PACS', '--study', '1.2.3']);
    assert.equal(nothing.code, 1);
    assert.match(nothing.err, /nothing of that is here/);
});

test('a PACS that does not know our address is asked by C-GET', async (t) => {
    const pacs = await Pacs.start({ files });
    t.after(() => pacs.stop());
    const service = await Service.start({ nodes: [[...pacs.node(), '--retrieve', 'get']] });
    t.after(() => service.stop());
    const pulled = await service.command(['pull', 'PACS', '--study', await study(), '--wait']);
    assert.equal(pulled.code, 0, pulled.output + service.log.slice(-2000));
    assert.equal((await service.studies())[0].objects, files.length);
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
    assert.match((await service.must(['node', 'list'])).out, /PACS .* get$/m);
});

test('by C-GET a node is offered the syntaxes that it is to use', async (t) => {
    const pacs = await Pacs.start({ files });
    t.after(() => pacs.stop());
    const service = await Service.start({ nodes: [[...pacs.node(), '--retrieve', 'get', '--syntaxes', '1.2.840.10008.1.2']] });
    t.after(() => service.stop());
    const pulled = await service.command(['pull', 'PACS', '--study', await study(), '--wait']);
    assert.equal(pulled.code, 0, pulled.output + service.log.slice(-2000));
    const held = await run('dcmdump', ['-q', '-Un', '+P', '0002,0010', ...filesUnder(path.join(service.dir, 'data/objects'))]);
    assert.deepEqual([...new Set([...held.out.matchAll(/\[(.*?)\]/g)].map((match) => match[1]))], ['1.2.840.10008.1.2']);
});
