// A picture as a presentation state has it takes two: the series of the picture and that of the state are open to who asks, now (S1, S2, AZ-17).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { bytesFile, grey, makeObject, words } from '../lib/objects.mjs';
import { Service, until } from '../lib/service.mjs';
import { makeState } from '../lib/states.mjs';

const password = 'seven-rivers-one-bridge';
const today = new Date().toLocaleDateString('sv').replaceAll('-', '');
let east, north, picture, service, states;

const ask = (target, token) => service.request(target, { headers: { authorization: `Bearer ${token}`, accept: '*/*' } });
const code = async (target, token) => (await ask(target, token)).code;
const json = async (target, token) => JSON.parse((await ask(target, token)).body);

before(async () => {
    const values = Array.from({ length: 64 }, (_, i) => i * 60);
    const image = await makeObject([...grey({ rows: 8, columns: 8 }), '(0010,0020) LO [P1]', `(0008,0020) DA [${today}]`, `(7fe0,0010) OW =${bytesFile(words(values))}`]);
    const state = await makeState(image.file, ['(0010,0020) LO [P1]', `(0008,0020) DA [${today}]`, '(2050,0020) CS [INVERSE]']);
    service = await Service.start({ files: [image.file, state], facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
    [east, north] = fill(`${service.dir}/data`, 'facility north both', 'facility east viewer', 'patient north P1', 'patient east E1', 'link north P1 east E1',
        'person mori east doctor', `password mori ${password}`, 'token mori find,view,take', 'person sato north doctor', `password sato ${password}`, 'token sato find,view,take');
    await until('the accounts are known', async () => (await code('/api/studies', north)) === 200, { everyMs: 50 });
    const [study] = (await json('/api/studies', north)).studies;
    const series = (await json(`/api/studies/${study.id}`, north)).series_list.find(({ frames }) => frames > 0).id;
    const [object] = (await json(`/api/series/${series}/stack`, north)).objects;
    picture = { series, tile: `/tiles/${series}/${object.id}-0/0/0/0.jpg?q=90`, others: [`/tiles/${series}/${object.id}-0/lossless?`, `/tiles/${series}/${object.id}-0/thumb.jpg?size=64`, `/tiles/${series}/batch?tiles=${object.id}-0/0/0/0`] };
    ({ states } = await json(`/api/series/${series}/states`, north));
});
after(() => service?.stop());

test('who may see both sees the picture as the state has it', async () => {
    assert.equal(states.length, 1);
    for (const target of [picture.tile, ...picture.others]) assert.equal(await code(`${target}&state=${states[0].id}`, north), 200, target);
});

test('who may see the picture and not the state is told of no state, and gets nothing of it', async () => {
    const [consent] = fill(`${service.dir}/data`, 'consent north P1 east images 1 CT');
    await until('the CT is open', async () => (await code(picture.tile, east)) === 200, { everyMs: 50 });
    assert.deepEqual(await json(`/api/series/${picture.series}/states`, east), { states: [] });
    const none = await ask(`${picture.tile}&state=999998-999999`, east);
    for (const target of [picture.tile, ...picture.others, `/api/series/${picture.series}/states?`]) {
        const answer = await ask(`${target}&state=${states[0].id}`, east);
        assert.deepEqual([answer.code, answer.body.toString()], [404, none.body.toString()], target);
    }
    // the object of the state, said to be of a series that is open
    assert.equal(await code(`${picture.tile}&state=${picture.series}-${states[0].id.split('-')[1]}`, east), 404);
    assert.equal(await code(picture.tile, east), 200);
    assert.ok(consent);
});
