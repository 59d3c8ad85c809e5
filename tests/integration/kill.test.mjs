// R1: kill -9 of the whole service at a random moment in the middle of a pull and of a push, by C-STORE and by STOW-RS, started again each time.
// What was answered with success is there and whole, check is clean, an interrupted pull goes on by itself.
//
// 50 rounds; KH_LONG=1: 2,000; KH_ROUNDS=N: so many. KH_SEED repeats a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, freePort, Pacs, phantomFiles, progress, removeFolder, Service, sleep, storescu, until } from '../lib/service.mjs';
import { stow } from '../lib/stow.mjs';

const perService = 5; // rounds in one folder: recovery also meets what earlier kills left
const wanted = Number(process.env.KH_ROUNDS ?? (process.env.KH_LONG ? 2000 : 50));
const rounds = Math.max(1, Math.ceil(wanted / (2 * perService))) * 2 * perService;
const perRound = 24;  // images
const overHttp = 4;   // of them, too, to another hospital

let seed = Number(process.env.KH_SEED ?? Date.now() % 1e9);
const firstSeed = seed;
/** 0 to 1 (a linear congruential generator is random enough for moments). */
function random() {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
}

const settings = { pull: { retry_first: '100 ms', retry_longest: '500 ms' }, dicomweb: { facility: 'clinic' } };

async function assertClean(service) {
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
    assert.match(check.out, /left half received 0/);
    const audit = await service.command(['audit', 'verify']);
    assert.equal(audit.code, 0, audit.output);
}

test(`kill -9 in the middle of a push, ${rounds / 2} rounds`, async (t) => {
    t.diagnostic(`KH_SEED=${firstSeed}`);
    const files = phantomFiles(perService * perRound);
    const uidOf = await attribute('0008,0018', files);
    let acknowledgedInAll = 0;
    let storedInAll = 0;
    for (let done = 0; done < rounds / 2; done += perService) {
        const service = await Service.start({ settings, nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']] });
        const acknowledged = new Set();
        const stored = new Set();
        for (let round = 0; round < perService; round++) {
            const part = files.slice(round * perRound, (round + 1) * perRound);
            const sending = storescu(service.dicomPort, part);
            const uploads = part.slice(0, overHttp).map((file) => stow(service, [file]).then((answer) => answer.stored, () => []));
            await sleep(random() * 300);
            await service.kill();
            for (const file of (await sending).acknowledged) acknowledged.add(uidOf[file]);
            for (const uid of (await Promise.all(uploads)).flat()) stored.add(uid);
            await service.launch();
            for (const [facility, uids] of [['hospital', acknowledged], ['clinic', stored]]) {
                const held = await service.objects(facility);
                for (const uid of uids) assert.ok(uid in held, `round ${done + round}: an object answered with success is gone`);
                for (const object of Object.values(held)) assert.equal(object.problem, null);
            }
        }
        await assertClean(service);
        acknowledgedInAll += acknowledged.size;
        storedInAll += stored.size;
        // And what was cut off can be sent again.
        const sent = await storescu(service.dicomPort, files);
        assert.equal(sent.code, 0, sent.output.slice(-2000));
        assert.equal(Object.keys(await service.objects('hospital')).length, files.length);
        await service.stop();
        removeFolder(service.dir);
        progress(`kill -9 in a push: ${done + perService} of ${rounds / 2} rounds, ${acknowledgedInAll} by C-STORE and ${storedInAll} by STOW-RS answered with success, none lost`);
    }
    t.diagnostic(`${acknowledgedInAll} objects by C-STORE and ${storedInAll} by STOW-RS were answered with success before a kill`);
    assert.ok(acknowledgedInAll > 0 && storedInAll > 0, 'no kill came after the first success: the rounds tested nothing');
});

test(`kill -9 in the middle of a pull, ${rounds / 2} rounds`, async (t) => {
    const files = phantomFiles(300);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const pacs = await Pacs.start({ files, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    let interrupted = 0;
    for (let done = 0; done < rounds / 2; done += perService) {
        const service = await Service.start({ httpPort, dicomPort, settings, nodes: [pacs.node()] });
        await service.must(['pull', 'PACS', '--all']);
        let before = 0;
        for (let round = 0; round < perService; round++) {
            await sleep(random() * 300);
            await service.kill();
            await service.launch();
            const held = Object.keys(await service.objects()).length;
            assert.ok(held >= before, `round ${done + round}: ${held} objects, ${before} were there before`);
            if (held < files.length) interrupted++;
            before = held;
        }
        const [study] = await until('the pull goes on to its end', async () => {
            const studies = await service.studies();
            return studies[0]?.pull?.state === 'complete' && studies;
        }, { seconds: 30, everyMs: 50 });
        assert.equal(study.objects, files.length);
        await assertClean(service);
        await service.stop();
        removeFolder(service.dir);
        progress(`kill -9 in a pull: ${done + perService} of ${rounds / 2} rounds, ${interrupted} before everything was there`);
    }
    t.diagnostic(`${interrupted} kills came before everything was there`);
    assert.ok(interrupted > 0, 'every pull was over before its first kill: the rounds tested nothing');
});
