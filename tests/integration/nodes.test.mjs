// What is said of a node holds: many associations at once, its limits, hours, rights, titles of its hospital; stock DCMTK tools call.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Service, phantomFiles, run, start, until } from '../lib/service.mjs';

const services = [];
async function serve(options) {
    const service = await Service.start(options);
    services.push(service);
    return service;
}
after(async () => { for (const service of services) await service.stop(); });

const at = (service) => ['127.0.0.1', String(service.dicomPort)];
async function echo(service, calling, called = 'KAKEHASHI') {
    const { code, output } = await run('echoscu', ['-v', '-aet', calling, '-aec', called, ...at(service)]);
    return code === 0 ? 'served' : output;
}
/** An association that stays open, echo after echo. */
const hold = (service, calling) => start('echoscu', ['-aet', calling, '-aec', 'KAKEHASHI', '--repeat', '100000000', ...at(service)]);
async function letGo(children) {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => child.ended));
}

test('64 associations at once are all served', async () => {
    const service = await serve({ settings: { dicom: { associations: 64, associations_per_address: 64 } }, nodes: [['ct', '--ae-title', 'CT', '--facility', 'city']] });
    const files = phantomFiles(54);
    const held = Array.from({ length: 32 }, () => hold(service, 'CT'));
    const stores = await Promise.all(Array.from({ length: 32 }, (_, i) => run('storescu', ['-aet', 'CT', '-aec', 'KAKEHASHI', ...at(service), files[i]])));
    for (const { code, output } of stores) assert.equal(code, 0, output);
    assert.equal(Object.keys(await service.objects()).length, 32);
    assert.ok(held.every((child) => child.exitCode === null), 'and those that stay open are open still');
    await letGo(held);
    assert.doesNotMatch(service.log, /local limit exceeded/);
});

test('of 64 at a limit of 16, 16 are served and 48 told at once that the limit is exceeded; none hangs', async () => {
    const service = await serve({ settings: { dicom: { associations: 16, associations_per_address: 64 } }, nodes: [['ct', '--ae-title', 'CT', '--facility', 'city']] });
    const children = Array.from({ length: 64 }, () => hold(service, 'CT'));
    const ended = () => children.filter((child) => child.exitCode !== null);
    await until('48 have ended', () => ended().length >= 48);
    assert.equal(ended().length, 48);
    await Promise.all(ended().map((child) => child.ended)); // what it said has been read, too
    for (const child of ended()) assert.match(child.output, /Local Limit Exceeded/i);
    assert.match(await echo(service, 'CT'), /Local Limit Exceeded/i, 'as long as the 16 are there');
    const open = children.filter((child) => child.exitCode === null);
    assert.equal(open.length, 16);
    await letGo(open);
    await until('there is room again', async () => (await echo(service, 'CT')) === 'served');
});

test("a node's own limit of associations is not another's", async () => {
    const service = await serve({ nodes: [['ct', '--ae-title', 'CT', '--facility', 'city', '--associations', '2'], ['mr', '--ae-title', 'MR', '--facility', 'city']] });
    const children = [hold(service, 'CT'), hold(service, 'CT'), hold(service, 'CT')];
    await until('one is refused', () => children.some((child) => child.exitCode !== null));
    assert.equal(children.filter((child) => child.exitCode === null).length, 2);
    assert.match(service.log, /node ct has its 2 associations already/);
    assert.equal(await echo(service, 'MR'), 'served');
    await service.must(['node', 'set', 'ct', '--associations', '0']);
    assert.equal(await echo(service, 'CT'), 'served', 'as soon as it is said');
    await letGo(children.filter((child) => child.exitCode === null));
});

test('bandwidth: objects take their time, and no deadline passes by it', async () => {
    // Without the limit's waits taken out, a message would have 1 s and what its bytes are worth at 1 GiB/s.
    const service = await serve({
        settings: { dicom: { pdu_timeout: '1 s', slowest: '1 GiB' } },
        nodes: [['ct', '--ae-title', 'CT', '--facility', 'city', '--bandwidth', '256 KiB', '--may', 'store,find,move']],
    });
    const files = phantomFiles(54).slice(0, 2); // 512 x 512 x 2 bytes each
    const begin = Date.now();
    const { code, output } = await run('storescu', ['-aet', 'CT', '-aec', 'KAKEHASHI', ...at(service), ...files]);
    assert.equal(code, 0, output);
    assert.ok(Date.now() - begin >= 3500, `4 s worth of bytes, ${Date.now() - begin} ms`);
    assert.equal(Object.keys(await service.objects()).length, 2);
    assert.match(service.log, /association \d+ from ct \(127\.0\.0\.1\), CT to KAKEHASHI, no TLS: 2 stored \(0 known, 0 in conflict\), 0 refused, .* \d{7} bytes in, \d+ out, \d+ ms, released/);
});

test('hours and rights', async () => {
    const hour = (more) => String((new Date().getHours() + more) % 24).padStart(2, '0');
    const service = await serve({
        nodes: [
            ['night', '--ae-title', 'NIGHT', '--facility', 'city', '--hours-in', `${hour(2)}:00-${hour(4)}:00`],
            ['day', '--ae-title', 'DAY', '--facility', 'city', '--hours-in', `${hour(23)}:00-${hour(2)}:00`, '--may', 'find'],
            ['none', '--ae-title', 'NONE', '--facility', 'city', '--may', 'nothing'],
        ],
    });
    assert.match(await echo(service, 'NIGHT'), /Temporary Congestion/i);
    assert.match(service.log, /node night may not call at this hour/);
    assert.equal(await echo(service, 'DAY'), 'served');
    assert.equal(await echo(service, 'NONE'), 'served', 'whoever is known may ask whether we are here');
    const query = (calling) => run('findscu', ['-v', '-S', '-aet', calling, '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', 'StudyInstanceUID', ...at(service)]);
    assert.match((await query('DAY')).output, /0x0000: Success|Final Find Response \(Success\)/);
    assert.doesNotMatch((await query('NONE')).output, /0x0000: Success|Final Find Response \(Success\)/);
    for (const calling of ['DAY', 'NONE'])
        assert.notEqual((await run('storescu', ['-aet', calling, '-aec', 'KAKEHASHI', ...at(service), phantomFiles(54)[0]])).code, 0, `${calling} may not store`);
    const { output } = await run('movescu', ['-v', '-S', '-aet', 'DAY', '-aem', 'DAY', '-aec', 'KAKEHASHI', '-k', 'QueryRetrieveLevel=STUDY', '-k', 'StudyInstanceUID=1.2.3', ...at(service)]);
    assert.doesNotMatch(output, /\(Success\)/, 'find is not move');
    await service.must(['node', 'set', 'night', '--hours-in', 'always']);
    assert.equal(await echo(service, 'NIGHT'), 'served');
    // What a person asks for keeps to the hours of the node too, unless it has to be now.
    await service.must(['node', 'set', 'night', '--host', '127.0.0.1', '--port', String(service.dicomPort), '--hours', `${hour(2)}:00-${hour(4)}:00`]);
    for (const command of [['find', 'night'], ['pull', 'night', '--patient', '1']]) {
        const refused = await service.command(command);
        assert.equal(refused.code, 1);
        assert.match(refused.err, /node night has other hours \(.*\); --now does it all the same/);
        assert.doesNotMatch((await service.command([...command, '--now'])).err, /other hours/);
    }
});

test("a hospital's own title decides whose an object is", async () => {
    const service = await serve({ nodes: [['city-ct', '--ae-title', 'CT', '--facility', 'city'], ['west-ct', '--ae-title', 'CT', '--facility', 'west'], ['city-mr', '--ae-title', 'MR', '--facility', 'city']] });
    await service.must(['title', 'add', 'KH_CITY', '--facility', 'city']);
    await service.must(['title', 'add', 'KH_WEST', '--facility', 'west']);
    const file = phantomFiles(54)[0];
    for (const called of ['KH_CITY', 'KH_WEST']) assert.equal((await run('storescu', ['-aet', 'CT', '-aec', called, ...at(service), file])).code, 0);
    assert.deepEqual((await service.studies()).map((study) => study.facility).sort(), ['city', 'west'], 'one file, two hospitals, two patients');
    assert.equal(await echo(service, 'MR', 'KH_CITY'), 'served');
    assert.equal(await echo(service, 'MR', 'KAKEHASHI'), 'served', "the service's own title is everybody's");
    assert.match(await echo(service, 'MR', 'KH_WEST'), /Calling AE Title Not Recognized/);
    assert.match(await echo(service, 'MR', 'KH_NORTH'), /Called AE Title Not Recognized/);
    await service.must(['title', 'remove', 'KH_WEST']);
    assert.match(await echo(service, 'CT', 'KH_WEST'), /Called AE Title Not Recognized/);
    // What we ask a node of that facility, we ask by the facility's title: here it is asked of ourselves.
    await service.must(['node', 'add', 'mirror', '--ae-title', 'KAKEHASHI', '--facility', 'city', '--host', '127.0.0.1', '--port', String(service.dicomPort)]);
    const { output } = await service.command(['node', 'echo', 'mirror']);
    assert.match(output, /calling AE title not recognised/);
    assert.match(service.log, /KH_CITY to KAKEHASHI: no node calls with that AE title/);
});
