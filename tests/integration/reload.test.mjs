// S3, AZ-23, AZ-26: open lists hear `reload` when what they show may be another: one of two consents of a patient ends, a discloser hides or shows again, sets a
// policy or is stopped; and hear nothing of what is others'. Who reads by DICOMweb hears `closed` of what was opened there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fill } from '../lib/access.mjs';
import { instance, element } from '../lib/part10.mjs';
import { Listener, Visitor } from '../lib/people.mjs';
import { Service, temporaryFolder, until } from '../lib/service.mjs';

const PASSWORD = 'seven-rivers-one-bridge';
const folder = temporaryFolder('kh-reload');
const now = new Date();
const today = `${now.getFullYear()}${String(now.getMonth() + 1).padStart(2, '0')}${String(now.getDate()).padStart(2, '0')}`;
let service, tokens, consents, mine, others;

function object(patient) {
    const made = instance([[0x00080020, element(0x00080020, 'DA', today)], [0x00080060, element(0x00080060, 'CS', 'CT')], [0x00100020, element(0x00100020, 'LO', patient)]]);
    made.file = path.join(folder, `${patient}.dcm`);
    fs.writeFileSync(made.file, made.bytes);
    return made;
}
const data = () => path.join(service.dir, 'data');
const bearer = (token) => ({ authorization: `Bearer ${token}`, cookie: null });
const visitor = () => new Visitor(service);
const total = async (token) => (await visitor().ask('/api/studies', { headers: bearer(token) })).json?.total;
const heard = ({ text }, what) => text.split(`event: ${what}\n`).length - 1;

before(async () => {
    [mine, others] = [object('P1'), object('P2')];
    service = await Service.start({ files: [mine.file, others.file], facility: 'north', settings: { access: { accounts: 'on', factors: 'password' } } });
    const told = fill(data(), 'facility north discloser', 'facility south both', 'facility east viewer', 'facility west viewer', 'patient north P1', 'patient north P2', 'patient east E1', 'patient west W2',
        'link north P1 east E1', 'link north P2 west W2', 'person mori east doctor', `password mori ${PASSWORD}`, 'token mori find,view,take', 'person abe west doctor', `password abe ${PASSWORD}`, 'token abe find,view,take',
        'consent north P1 east images,take 1 -', 'consent north P1 east images,take 1 CT', 'consent north P2 west images 1 -');
    tokens = { east: told[0], west: told[1] };
    consents = told.slice(2);
    await until('both see theirs', async () => (await total(tokens.east)) === 1 && (await total(tokens.west)) === 1, { everyMs: 50 });
});
after(() => service?.stop());

/** Listeners of both that have had their first look. */
async function listen() {
    const both = { east: new Listener(visitor(), { headers: bearer(tokens.east) }), west: new Listener(visitor(), { headers: bearer(tokens.west) }) };
    await until('they listen', () => both.east.text.includes('retry:') && both.west.text.includes('retry:'));
    // the first look is taken with the next move of rights: one that concerns nobody
    await service.must(['policy', 'set', 'south', '--items', 'images']);
    await until('the epoch has moved', async () => (await total(tokens.east)) !== undefined);
    return both;
}
/** What was done before is heard within a second: nobody has heard anything for longer than that. */
async function quiet(both) {
    const count = () => heard(both.east, 'reload') + heard(both.west, 'reload');
    let [last, since] = [count(), Date.now()];
    await until('nothing more is heard', () => {
        if (count() !== last) [last, since] = [count(), Date.now()];
        return Date.now() - since > 1500;
    }, { everyMs: 50 });
}
/** The deed is heard at east and not at west, whose own is heard after it. */
async function only(both, what, deed, after = 'reload') {
    const [here, there] = [heard(both.east, after), heard(both.west, 'reload')];
    await deed();
    await until(`${what}: told`, () => heard(both.east, after) > here, { everyMs: 20 });
    assert.equal(heard(both.west, 'reload'), there, `${what}: nobody else is told`);
}

test('lists are told when one of two sheets ends, and when a study of theirs is hidden or shown again; nobody else is', async () => {
    const both = await listen();
    // until both have been looked at once: a change of each one's own is heard
    await until('both are looked at', async () => {
        const [[a], [b]] = [fill(data(), 'consent north P1 east images 1 CT'), fill(data(), 'consent north P2 west images 1 CT')];
        await new Promise((resolve) => { setTimeout(resolve, 500); });
        fill(data(), `withdraw ${a}`, `withdraw ${b}`);
        await new Promise((resolve) => { setTimeout(resolve, 500); });
        return heard(both.east, 'reload') > 0 && heard(both.west, 'reload') > 0;
    });
    await quiet(both);
    await only(both, 'one of two sheets', () => fill(data(), `withdraw ${consents[0]}`));
    assert.equal(await total(tokens.east), 1, 'the other sheet opens it still');
    await only(both, 'hidden', () => service.must(['policy', 'hide', 'north', '--study', mine.study, '--reason', 'asked for']));
    await until('it is hidden', async () => (await total(tokens.east)) === 0, { everyMs: 20 });
    await only(both, 'shown again', () => service.must(['policy', 'unhide', 'north', '--study', mine.study]));
    await until('it is there again', async () => (await total(tokens.east)) === 1, { everyMs: 20 });
    const before = heard(both.west, 'reload');
    await service.must(['policy', 'set', 'north', '--modalities', 'CT']);
    await until('a policy of their discloser is told to both', () => heard(both.west, 'reload') > before, { everyMs: 20 });
    for (const one of Object.values(both)) one.close();
});

test('what was opened by DICOMweb alone is told to be closed, and why it is gone is what is not there', async () => {
    const listener = new Listener(visitor(), { headers: bearer(tokens.east) });
    await until('it listens', () => listener.text.includes('retry:'));
    const ask = async () => visitor().ask(`/dicomweb/studies/${mine.study}/metadata`, { headers: { ...bearer(tokens.east), accept: 'application/dicom+json' } });
    assert.equal((await ask()).code, 200);
    fill(data(), `withdraw ${consents[1]}`);
    await until('it is told', () => heard(listener, 'closed') > 0, { everyMs: 20 });
    assert.match(listener.text, /event: closed\ndata: \{"study": ?\d+\}/);
    assert.equal((await ask()).code, 404);
    listener.close();
});
