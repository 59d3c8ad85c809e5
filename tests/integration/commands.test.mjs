// The commands beside a running service and without one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { attribute, dataDir, filesUnder, needsData, phantomFiles, program, removeFolder, run, Service, storescu, temporaryFolder, until, Pacs } from '../lib/service.mjs';

const folder = temporaryFolder('kh-commands');
after(() => removeFolder(folder));
const here = (...args) => run(program, [args[0], '--data-dir', path.join(folder, 'data'), '--set', 'storage.reserve=1 MiB', ...args.slice(1)]);

test('every command explains itself', async () => {
    const overview = await run(program, ['help']);
    assert.equal(overview.code, 0);
    const names = [...overview.out.matchAll(/^ {2}(\w+) {2,}/gm)].map((match) => match[1]);
    for (const name of ['serve', 'import', 'node', 'find', 'pull', 'check', 'phantom', 'config', 'conformance', 'version']) assert.ok(names.includes(name), name);
    for (const name of names) {
        const help = await run(program, [name, '--help']);
        assert.equal(help.code, 0, name);
        assert.match(help.out, /^NAME\n[^]*^SYNOPSIS\n[^]*^EXIT STATUS\n/m, name);
    }
});

test('docs/conformance.md is what the program says of itself', async () => {
    const statement = await run(program, ['conformance']);
    assert.equal(statement.code, 0);
    assert.equal(fs.readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8'), statement.out,
        'make it anew: kakehashi conformance > docs/conformance.md');
});

test('config prints a file that config --check understands', async () => {
    const printed = await run(program, ['config']);
    const file = path.join(folder, 'kakehashi.conf');
    fs.writeFileSync(file, printed.out);
    assert.equal((await run(program, ['config', '--check', file])).code, 0);
    fs.writeFileSync(file, `${printed.out}\n[http]\nprot = 1\n`);
    const wrong = await run(program, ['config', '--check', file]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /kakehashi\.conf:\d+: .*"prot"/);
});

test('before anything is stored, the commands say so', async () => {
    const empty = await here('check');
    assert.equal(empty.code, 1);
    assert.match((await here('node', 'list')).out, /no nodes/);
    const pull = await here('pull', 'PACS', '--all');
    assert.equal(pull.code, 1);
});

test('import without a service: folder, again, check', async () => {
    const files = phantomFiles(8);
    const first = await here('import', path.dirname(files[0]));
    assert.equal(first.code, 0, first.output);
    assert.match(first.out, new RegExp(`${files.length} imported, 0 already here, 0 conflicts, 0 not DICOM, 0 refused`));
    const second = await here('import', ...files);
    assert.equal(second.code, 0);
    assert.match(second.out, new RegExp(`0 imported, ${files.length} already here`));
    const check = await here('check');
    assert.equal(check.code, 0, check.output);
    assert.match(check.out, /\nclean\n$/);
});

test('a file found in a folder that is no DICOM is passed over; one that is named is refused', async () => {
    const mixed = path.join(folder, 'mixed');
    fs.mkdirSync(mixed);
    fs.writeFileSync(path.join(mixed, 'readme.txt'), 'not an image');
    fs.copyFileSync(phantomFiles(8)[0], path.join(mixed, 'image'));
    const found = await here('import', mixed);
    assert.equal(found.code, 0, found.output);
    assert.match(found.out, /0 imported, 1 already here, 0 conflicts, 1 not DICOM, 0 refused/);
    const named = await here('import', path.join(mixed, 'readme.txt'));
    assert.equal(named.code, 1);
    assert.match(named.err, /readme\.txt: \S/);
    const absent = await here('import', path.join(mixed, 'nothing'));
    assert.equal(absent.code, 1);
    assert.match(absent.err, /nothing: /);
});

test('the same identifier with other bytes is a conflict and goes to quarantine', async () => {
    const changed = path.join(folder, 'changed.dcm');
    const bytes = fs.readFileSync(phantomFiles(8)[0]);
    bytes[bytes.length - 1000] ^= 1;
    fs.writeFileSync(changed, bytes);
    const result = await here('import', changed);
    assert.match(result.out, /0 imported, 0 already here, 1 conflicts/);
    const check = await here('check');
    assert.equal(check.code, 0, check.output);
    assert.match(check.out, /in quarantine 1/);
});

test('a damaged object is found by check', async () => {
    const objects = filesUnder(path.join(folder, 'data', 'objects'));
    const bytes = fs.readFileSync(objects[3]);
    bytes[bytes.length - 5000] ^= 0x10;
    fs.chmodSync(objects[3], 0o600);
    fs.writeFileSync(objects[3], bytes);
    const check = await here('check');
    assert.equal(check.code, 1);
    assert.match(check.out, /damaged 1/);
    assert.match(check.out, /not clean/);
});

test('a DICOMDIR brings the files it names and tells which are missing', { skip: needsData }, async () => {
    const result = await here('import', path.join(dataDir, 'mr-hitachi-spine', 'DICOMDIR'));
    const images = filesUnder(path.join(dataDir, 'mr-hitachi-spine')).filter((file) => !file.endsWith('DICOMDIR'));
    assert.match(result.out, new RegExp(`${images.length} imported`));
    assert.equal(result.code, 1); // it also lists series that are not in the folder
    assert.match(result.err, /named by the DICOMDIR, but not there/);
});

test('beside a running service: nodes, import and check go through it', async (t) => {
    const service = await Service.start();
    t.after(() => service.stop());
    const added = await service.must(['node', 'add', 'scanner', '--ae-title', 'SCANNER', '--facility', 'hospital']);
    assert.match(added.out, /scanner added/);
    assert.match((await service.must(['node', 'list'])).out, /scanner +SCANNER +- +hospital +store/);
    assert.equal((await service.command(['node', 'add', 'scanner', '--ae-title', 'OTHER', '--facility', 'hospital'])).code, 1);
    const files = phantomFiles(8);
    const imported = await service.must(['import', '--facility', 'hospital', path.dirname(files[0])]);
    assert.match(imported.out, new RegExp(`${files.length} imported`));
    const studies = await service.studies();
    assert.equal(studies.length, 1);
    assert.equal(studies[0].facility, 'hospital');
    assert.equal(studies[0].objects, files.length);
    assert.equal((await service.command(['check'])).code, 0);
    await service.must(['node', 'remove', 'scanner']);
    assert.match((await service.must(['node', 'list'])).out, /no nodes/);
    assert.equal((await service.command(['node', 'remove', 'scanner'])).code, 1);
});

test('echo and find ask a PACS', async (t) => {
    const files = phantomFiles(8);
    const pacs = await Pacs.start({ files });
    t.after(() => pacs.stop());
    const service = await Service.start({ nodes: [pacs.node()] });
    t.after(() => service.stop());
    assert.match((await service.must(['node', 'echo', 'PACS'])).out, /PACS answers/);
    const found = await service.must(['find', 'PACS']);
    const [uid] = Object.values(await attribute('0020,000d', files.slice(0, 1)));
    assert.match(found.out, new RegExp(` ${uid} .*架空\\^太郎`));
    assert.match(found.out, /^1 study$/m);
    await pacs.stop();
    const gone = await service.command(['node', 'echo', 'PACS']);
    assert.equal(gone.code, 1);
    assert.match(gone.err, /\S/);
});

test('SIGTERM drains: status 0, nothing left running', async () => {
    const service = await Service.start();
    const { code } = await service.stop();
    assert.equal(code, 0, service.log);
    await until('no role is left', () => service.roles().length === 0);
});

test('SIGTERM in the middle of a push: what was confirmed is there, and the service ends by itself', async () => {
    const files = phantomFiles(120);
    const service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']] });
    const sending = storescu(service.dicomPort, files);
    await until('images come', async () => (await service.studies())[0]?.objects > 0);
    const { code } = await service.stop();
    assert.equal(code, 0, service.log.slice(-3000));
    const sent = await sending;
    assert.ok(sent.acknowledged.length > 0);
    await service.launch();
    const uidOf = await attribute('0008,0018', files);
    const held = await service.objects();
    for (const file of sent.acknowledged) assert.ok(uidOf[file] in held, 'an object answered with success is gone');
    assert.equal((await service.command(['check'])).code, 0);
    await service.stop();
});

test('a second service in the same folder is refused and leaves the first alone', async (t) => {
    const service = await Service.start();
    t.after(() => service.stop());
    await assert.rejects(Service.start({ dir: service.dir }), /ended with 1/);
    assert.equal((await service.request('/health')).code, 200);
});
