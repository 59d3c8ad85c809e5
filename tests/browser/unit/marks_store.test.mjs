// Marks on their way to the service: they survive a cut line, answers that were lost, two windows that change one mark, and a refusal; and the
// values of a mark, asked for one at a time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { sameContent, MarkStore } from '../../../viewer/web/marks/store.js';
import { Values } from '../../../viewer/web/marks/values.js';

const turn = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
};
const failure = (status, body = {}) => Object.assign(new Error(`HTTP ${status}`), { status, body });

/** A service that keeps marks by versions (docs/http-api.md); `trouble` decides what happens to a request: "lost" it never arrives, "deaf" its answer
 *  does not, a number is the status. */
class Served {
    constructor() {
        this.marks = new Map();
        this.log = [];
        this.trouble = () => null;
    }

    load() {
        return Promise.resolve([...this.marks.values()]);
    }

    #do(what, work) {
        this.log.push(what);
        const trouble = this.trouble(what);
        if (trouble === 'lost') return Promise.reject(failure(0));
        if (typeof trouble === 'number') return Promise.reject(failure(trouble));
        try {
            const answer = work();
            return trouble === 'deaf' ? Promise.reject(failure(0)) : Promise.resolve(answer);
        } catch (error) {
            return Promise.reject(error);
        }
    }

    save(mark) {
        return this.#do(`save ${mark.id} ${mark.version}`, () => {
            const there = this.marks.get(mark.id);
            if (there && sameContent(there, mark) && [there.version, there.version - 1].includes(mark.version)) return there;
            if ((there?.version ?? 0) !== mark.version) throw failure(there ? 409 : 404, { mark: there });
            const stored = { ...mark, version: mark.version + 1, measured: { length_mm: 1 }, author: { mine: true } };
            this.marks.set(mark.id, stored);
            return stored;
        });
    }

    remove(id, version) {
        return this.#do(`remove ${id} ${version}`, () => {
            const there = this.marks.get(id);
            if (!there) throw failure(404);
            if (there.version !== version) throw failure(409, { mark: there });
            this.marks.delete(id);
            return {};
        });
    }
}

function storeOn(service) {
    const timers = [];
    const notices = [];
    const store = new MarkStore({
        service,
        onChange: () => {},
        onNotice: (what, ids) => notices.push({ what, ...ids }),
        wait: (work, ms) => timers.push({ work, ms }),
        stop: () => {},
    });
    const tick = async () => {
        timers.shift().work();
        await turn();
    };
    return { store, timers, notices, tick };
}

const mark = (more) => ({ id: 'a', kind: 'length', series: 1, sop_uid: '1.2', frame: 0, points: [[1, 2], [3, 4]], text: '', version: 0, measured: null, author: { mine: true }, ...more });

test('a mark is saved at once and is then as the service has it', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    store.put(mark());
    assert.equal(store.unsaved, 1);
    await turn();
    assert.equal(store.unsaved, 0);
    assert.equal(store.marks.get('a').version, 1);
    assert.deepEqual(store.marks.get('a').measured, { length_mm: 1 });
});

test('a change while the last one is on its way is sent after it, on its version', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    store.put(mark());
    store.put(mark({ points: [[5, 5], [6, 6]] }));
    store.put(mark({ points: [[7, 7], [8, 8]] }));
    await turn();
    assert.deepEqual(service.log, ['save a 0', 'save a 1']);
    assert.deepEqual(service.marks.get('a').points, [[7, 7], [8, 8]]);
    assert.equal(store.unsaved, 0);
});

test('a cut line: everything waits, with growing delay, and is saved when it is back', async () => {
    const service = new Served();
    const { store, timers, tick } = storeOn(service);
    service.trouble = () => 'lost';
    store.put(mark());
    store.put(mark({ id: 'b' }));
    await turn();
    const delays = [];
    for (let i = 0; i < 7; i++) {
        assert.ok(store.isWaiting);
        delays.push(timers[0].ms);
        await tick();
    }
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 15000, 30000, 30000]);
    store.put(mark({ id: 'b', text: 'later' }));
    service.trouble = () => null;
    await tick();
    assert.equal(store.unsaved, 0);
    assert.ok(!store.isWaiting);
    assert.equal(service.marks.get('b').text, 'later');
});

test('an answer that was lost: the same again changes nothing', async () => {
    const service = new Served();
    const { store, notices, tick } = storeOn(service);
    service.trouble = () => 'deaf';
    store.put(mark());
    await turn();
    service.trouble = () => null;
    await tick();
    assert.equal(store.unsaved, 0);
    assert.equal(service.marks.size, 1);
    assert.deepEqual(notices, []);
});

test('an answer that was lost, then moved on: what is there is ours, and no conflict', async () => {
    const service = new Served();
    const { store, notices, tick } = storeOn(service);
    service.trouble = () => 'deaf';
    store.put(mark());
    await turn();
    store.put(mark({ text: 'moved on' }));
    service.trouble = () => null;
    await tick();
    assert.equal(store.unsaved, 0);
    assert.deepEqual([...service.marks.values()].map(({ id, text, version }) => [id, text, version]), [['a', 'moved on', 2]]);
    assert.deepEqual(notices, []);
});

test('an answer that was lost, then deleted: nothing is left there', async () => {
    const service = new Served();
    const { store, tick } = storeOn(service);
    service.trouble = () => 'deaf';
    store.put(mark());
    await turn();
    store.remove('a');
    service.trouble = () => null;
    await tick();
    assert.equal(service.marks.size, 0);
    assert.equal(store.unsaved, 0);
});

test('a mark that was deleted before it was ever sent is not sent', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    service.trouble = () => 'lost';
    store.put(mark({ id: 'x' }));
    await turn();
    service.log.length = 0;
    store.put(mark({ id: 'y' }));
    store.remove('y');
    service.trouble = () => null;
    store.retry();
    await turn();
    assert.ok(!service.log.some((line) => line.includes(' y ')), service.log.join());
    assert.deepEqual([...service.marks.keys()], ['x']);
});

test('changed in two windows: theirs is shown under its id, ours is kept as a new mark', async () => {
    const service = new Served();
    const { store, notices } = storeOn(service);
    store.put(mark());
    await turn();
    service.marks.set('a', { ...service.marks.get('a'), text: 'theirs', version: 2 });
    store.put({ ...store.marks.get('a'), text: 'ours' });
    await turn();
    assert.equal(store.unsaved, 0);
    assert.deepEqual([...service.marks.values()].map(({ text }) => text).sort(), ['ours', 'theirs']);
    assert.deepEqual(store.list.map(({ text }) => text).sort(), ['ours', 'theirs']);
    assert.equal(store.marks.get('a').text, 'theirs');
    assert.equal(notices.length, 1);
    assert.equal(notices[0].what, 'both');
    assert.equal(store.marks.get(notices[0].to).text, 'ours');
});

test('changed here, deleted there: ours is kept as a new mark', async () => {
    const service = new Served();
    const { store, notices } = storeOn(service);
    store.put(mark());
    await turn();
    service.marks.clear();
    store.put({ ...store.marks.get('a'), text: 'ours' });
    await turn();
    assert.deepEqual([...service.marks.values()].map(({ text }) => text), ['ours']);
    assert.ok(!service.marks.has('a'));
    assert.equal(notices[0].what, 'both');
});

test('a conflict that names a deleted mark brings none back', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    store.put(mark());
    await turn();
    service.save = (asked) => (asked.id === 'a' ? Promise.reject(failure(409, { mark: { ...mark(), text: 'gone', version: 3, deleted: true } })) : Promise.resolve({ ...asked, version: 1 }));
    store.put({ ...store.marks.get('a'), text: 'ours' });
    await turn();
    assert.deepEqual(store.list.map(({ text }) => text), ['ours']);
});

test('deleted here, changed there: that is not thrown away', async () => {
    const service = new Served();
    const { store, notices } = storeOn(service);
    store.put(mark());
    await turn();
    service.marks.set('a', { ...service.marks.get('a'), text: 'theirs', version: 2 });
    store.remove('a');
    await turn();
    assert.equal(store.marks.get('a').text, 'theirs');
    assert.equal(notices[0].what, 'restored');
    assert.equal(store.unsaved, 0);
});

test('deleted in both: gone', async () => {
    const service = new Served();
    const { store, notices } = storeOn(service);
    store.put(mark());
    await turn();
    service.marks.clear();
    store.remove('a');
    await turn();
    assert.deepEqual([store.unsaved, store.list.length, notices.length], [0, 0, 0]);
});

for (const status of [400, 403, 413, 422]) {
    test(`a mark that is refused (${status}) stays on the screen and counts as not saved; others are saved`, async () => {
        const service = new Served();
        const { store, timers } = storeOn(service);
        service.trouble = (what) => (what.includes(' a ') ? status : null);
        store.put(mark());
        store.put(mark({ id: 'b' }));
        await turn();
        assert.equal(timers.length, 0);
        assert.equal(store.unsaved, 1);
        assert.ok(store.refused.has('a'));
        assert.ok(store.marks.has('a'));
        assert.deepEqual([...service.marks.keys()], ['b']);
        service.trouble = () => null;
        store.put(mark({ text: 'again' }));
        await turn();
        assert.equal(store.unsaved, 0);
    });
}

for (const status of [401, 429, 500, 503]) {
    test(`${status} is tried again`, async () => {
        const service = new Served();
        const { store, tick } = storeOn(service);
        service.trouble = () => status;
        store.put(mark());
        await turn();
        service.trouble = () => null;
        await tick();
        assert.equal(store.unsaved, 0);
    });
}

test('a list of the service takes the place of what is here, but for what is on its way', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    store.take([mark({ id: 'old', version: 1 }), mark({ id: 'kept', version: 1 })]);
    service.trouble = () => 'lost';
    store.put(mark({ id: 'mine' }));
    store.put(mark({ id: 'kept', version: 1, text: 'changed here' }));
    await turn();
    store.take([mark({ id: 'kept', version: 4, text: 'there' }), mark({ id: 'new', version: 1 })]);
    assert.deepEqual(store.list.map(({ id, text }) => `${id} ${text}`.trim()).sort(), ['kept changed here', 'mine', 'new']);
});

const question = (n) => ({ series: 1, object: 2, frame: 0, kind: 'probe', points: [[n, n]] });

test('a list that was asked for before a save and comes after it takes nothing of the save back', async () => {
    const service = new Served();
    const { store } = storeOn(service);
    for (const id of ['a', 'gone']) store.put(mark({ id }));
    await turn();
    const late = [];
    const older = structuredClone([...service.marks.values()]);
    service.load = () => new Promise((resolve) => late.push(() => resolve(older)));
    const loads = [store.load(), store.load()];
    store.put({ ...store.marks.get('a'), points: [[5, 5], [6, 6]] });
    store.put(mark({ id: 'new' }));
    store.remove('gone');
    await turn();
    assert.equal(store.unsaved, 0);
    for (const answer of late) answer();
    await Promise.all(loads);
    assert.deepEqual(store.marks.get('a').points, [[5, 5], [6, 6]]);
    assert.deepEqual([...store.marks.keys()].sort(), ['a', 'new']);
    store.put({ ...store.marks.get('a'), text: 'next' });
    await turn();
    assert.equal(service.log.at(-1), 'save a 2', 'and the next one is sent on its version');
    service.load = () => Promise.resolve([]);
    await store.load();
    assert.equal(store.marks.size, 0, 'a list that was asked for later is believed');
});

test('values: one question at a time, the last one wins, answers are kept', async () => {
    const asked = [];
    const values = new Values({ ask: (one) => new Promise((resolve) => asked.push({ one, resolve })), onAnswer: () => {} });
    for (let n = 0; n < 5; n++) values.want(question(n));
    assert.equal(asked.length, 1);
    assert.equal(values.look(question(0)).state, 'waiting');
    asked[0].resolve({ mean: 0 });
    await turn();
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[1].one.points, [[4, 4]]);
    asked[1].resolve({ mean: 4 });
    await turn();
    assert.equal(asked.length, 2);
    assert.deepEqual(values.look(question(0)), { values: { mean: 0 }, state: 'known' });
    assert.deepEqual(values.look(question(4)), { values: { mean: 4 }, state: 'known' });
    values.want(question(4));
    assert.equal(asked.length, 2);
});

test('values: what failed is said, and asked for again a little later', async () => {
    let now = 0;
    let count = 0;
    const values = new Values({ ask: () => Promise.reject(new Error(String(count++))), onAnswer: () => {}, now: () => now });
    values.want(question(1));
    await turn();
    assert.equal(values.look(question(1)).state, 'failed');
    values.want(question(1));
    await turn();
    assert.equal(count, 1);
    now = 5000;
    assert.equal(values.look(question(1)).state, 'waiting');
    values.want(question(1));
    await turn();
    assert.equal(count, 2);
});
