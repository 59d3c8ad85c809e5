// R15: SIGTERM at random moments under load: pushes, a pull, queries and readers at once. No new caller is taken, a message under way is
// finished or refused, every request already sent to the web role is answered whole, the service ends with status 0 by itself; what was
// answered with success is there afterwards and the pull goes on.
//
// 50 rounds; KH_LONG=1: 500. KH_SEED repeats a run.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { attribute, freePort, listens, Pacs, phantomFiles, run, Service, sleep, storescu, until } from '../lib/service.mjs';
import { ctStorage, Peer, storeRequest } from '../lib/upper_layer.mjs';

const rounds = process.env.KH_LONG ? 500 : 50;
const perRound = 6; // images pushed by each of two senders
const pushed = phantomFiles(120);
const pulled = phantomFiles(300);

let seed = Number(process.env.KH_SEED ?? Date.now() % 1e9);
const firstSeed = seed;
/** 0 to 1 (a linear congruential generator is random enough for moments). */
function random() {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
}

/** Tiles read one after another until the line is closed. An answer that began comes whole: node's client makes anything else an error. */
async function readTiles(service, targets, seen) {
    for (let i = 0; ; i++) {
        const target = `${targets[i % targets.length]}?c=${Math.floor(random() * 300)}&w=${200 + i}`;
        const answer = await service.request(target).catch((error) => error);
        if (answer instanceof Error) {
            assert.ok(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(answer.code) && answer.message !== 'aborted', `${target}: ${answer.message}`);
            return;
        }
        assert.ok(answer.code === 200 || answer.code === 503, `${target}: ${answer.code} ${answer.body.toString().slice(0, 200)}`);
        seen.answers++;
    }
}

async function query(service) {
    const found = await run('findscu', ['-S', '-aet', 'STORESCU', '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', 'StudyInstanceUID', '127.0.0.1', String(service.dicomPort)]);
    return found.code;
}

test('while a message under way is waited for nobody new is taken, and status 0 when it is over', async (t) => {
    const service = await Service.start({ nodes: [['scanner', '--ae-title', 'STORESCU', '--facility', 'hospital']] });
    t.after(() => service.stop());
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    assert.equal((await service.request('/health', { agent })).code, 200);
    const peer = await Peer.associate(service.dicomPort, { abstractSyntax: ctStorage });
    peer.send(storeRequest('1.2.3.4')); // its data set is still to come
    await sleep(200);
    const ending = service.stop();
    await until('it is not ready', async () => {
        const answer = await service.request('/health', { agent }).catch((error) => error);
        return answer instanceof Error || answer.code === 503;
    }, { everyMs: 5 });
    await until('nobody listens', async () => !await listens(service.dicomPort) && !await listens(service.httpPort));
    assert.equal(peer.ended, false, 'the message under way has its time');
    peer.socket.destroy();
    assert.equal((await ending).code, 0, service.log.slice(-3000));
});

test(`SIGTERM under load, ${rounds} rounds`, async (t) => {
    t.diagnostic(`KH_SEED=${firstSeed}`);
    const [httpPort, dicomPort] = [await freePort(), await freePort()];
    const uidOf = await attribute('0008,0018', pushed);
    const pacs = await Pacs.start({ files: pulled, peers: [{ title: 'KAKEHASHI', port: dicomPort }] });
    t.after(() => pacs.stop());
    const service = await Service.start({ httpPort, dicomPort, nodes: [pacs.node(), ['scanner', '--ae-title', 'STORESCU', '--facility', 'elsewhere']], files: pushed.slice(0, 4), facility: 'shown' });
    t.after(() => service.stop());
    const shown = (await service.studies()).find((study) => study.facility === 'shown');
    const targets = await service.tiles(shown.id);
    await service.must(['pull', 'PACS', '--all']);
    const seen = { answers: 0 };
    const acknowledged = new Set();
    for (let round = 0; round < rounds; round++) {
        const part = (lane) => Array.from({ length: perRound }, (_, i) => pushed[(round * 2 * perRound + lane * perRound + i) % pushed.length]);
        const load = [storescu(dicomPort, part(0)), storescu(dicomPort, part(1)), query(service), readTiles(service, targets, seen), readTiles(service, targets, seen)];
        await sleep(random() * 300);
        const end = await service.stop();
        assert.equal(end.code, 0, `round ${round}: ${service.log.slice(-3000)}`);
        assert.ok(!await listens(dicomPort) && !await listens(httpPort), `round ${round}: somebody still listens`);
        const [one, other] = await Promise.all(load);
        for (const file of [...one.acknowledged, ...other.acknowledged]) acknowledged.add(uidOf[file]);
        await service.launch();
    }
    const held = await service.objects('elsewhere');
    for (const uid of acknowledged) assert.ok(uid in held, 'an object answered with success is gone');
    const study = await until('the pull goes on to its end', async () => (await service.studies()).find((one) => one.pull?.state === 'complete'));
    assert.equal(study.objects, pulled.length);
    const check = await service.command(['check']);
    assert.equal(check.code, 0, check.output);
    t.diagnostic(`${acknowledged.size} objects acknowledged, ${seen.answers} tiles answered`);
    assert.ok(acknowledged.size > 0 && seen.answers > 0);
});
