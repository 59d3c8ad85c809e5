// A person's own hanging: kept as data, found again in a study whose series are called otherwise, and nothing believed that is no such thing.
import assert from 'node:assert/strict';
import test from 'node:test';
import { hangOwn, needsPrior, ownHanging, readGrid, readHanging } from '../../../viewer/web/own_hanging.js';

let ids = 0;
function set(modality, description, more = {}) {
    const { series = {}, ...rest } = more;
    const id = ++ids;
    return { study: { id: 1 }, series: { id, modality, description, protocol: '', body_part: '', laterality: '', ...series }, set: 0, frames: ['CT', 'MR', 'PT'].includes(modality) ? 30 : 1, plane: '', scout: false, clip: false, laterality: '', told: null, view: '', ...rest };
}
const prior = (modality, description, more = {}) => set(modality, description, { study: { id: 2 }, ...more });
const isPrior = ({ study }) => study.id !== 1;
const names = (list) => list.map((one) => one?.series.description ?? null);
const axial = { plane: 'axial' };
const keep = (...args) => readHanging(JSON.parse(JSON.stringify(ownHanging(...args))));

test('what was saved hangs the same study the same way', () => {
    const sets = [set('MR', 'AX T1', axial), set('MR', 'AX T2', axial), set('MR', 'COR T2', { plane: 'coronal' })];
    const own = keep(1, 3, [sets[2], sets[0], sets[1]], isPrior);
    assert.deepEqual(own.grid, [1, 3]);
    assert.deepEqual(names(hangOwn(own, sets)), ['COR T2', 'AX T1', 'AX T2']);
    assert.equal(needsPrior(own), false);
});

test('another hospital’s prior, whose words are others, is found by its plane; the current ones by their words', () => {
    const saved = [set('MR', 'AX T2', axial), prior('MR', 'AX T2', axial), set('MR', 'SAG T1', { plane: 'sagittal' }), prior('MR', 'SAG T1', { plane: 'sagittal' })];
    const own = keep(2, 2, saved, isPrior);
    assert.equal(needsPrior(own), true);
    const current = [set('MR', 'SAG T1 FSE', { plane: 'sagittal' }), set('MR', 'AX T2 TSE', axial)];
    const before = [prior('MR', '矢状断', { plane: 'sagittal' }), prior('MR', '位置決め', { frames: 2, scout: true }), prior('MR', '横断像', axial)];
    assert.deepEqual(names(hangOwn(own, current, before)), ['AX T2 TSE', '横断像', 'SAG T1 FSE', '矢状断']);
});

test('a place that finds nothing alike takes what is left of its kind, an empty one stays empty, none of another modality comes', () => {
    const own = keep(1, 3, [set('CT', 'lung', axial), null, set('CT', 'bone', axial)], isPrior);
    assert.deepEqual(names(hangOwn(own, [set('PT', 'WB'), set('CT', 'bone 1 mm', axial), set('CT', 'arterial', axial)])), ['arterial', null, 'bone 1 mm']);
    assert.deepEqual(names(hangOwn(own, [set('PT', 'WB')])), [null, null, null]);
});

test('sides and views are not mixed up', () => {
    const view = (laterality, position) => set('MG', 'x', { laterality, view: position });
    const own = keep(1, 2, [view('L', 'MLO'), view('R', 'CC')], isPrior);
    const found = hangOwn(own, [view('R', 'MLO'), view('R', 'CC'), view('L', 'CC'), view('L', 'MLO')]);
    assert.deepEqual(found.map(({ laterality, view: position }) => laterality + position), ['LMLO', 'RCC']);
    assert.deepEqual(hangOwn(own, [view('R', 'MLO')]), [null, null]);
});

for (const [name, value] of [
    ['nothing', undefined],
    ['text', 'own'],
    ['no grid', { tiles: [{ from: 'current' }] }],
    ['four rows', { grid: [4, 1], tiles: [{ from: 'current' }] }],
    ['no tiles', { grid: [1, 1] }],
    ['tiles from nowhere', { grid: [1, 1], tiles: [{ from: 'elsewhere' }] }],
    ['empty tiles only', { grid: [1, 2], tiles: [null, null] }],
])
    test(`kept, but no hanging: ${name}`, () => assert.equal(readHanging(value), null));

test('of a hanging that was kept only what is known is taken', () => {
    const read = readHanging({ grid: [1, 1], tiles: [{ from: 'current', modality: 'CT', kind: 'stack', words: ['a', 7, 'x'.repeat(99)], plane: {}, evil: 1 }, { from: 'current' }] });
    assert.deepEqual(read, { grid: [1, 1], tiles: [{ from: 'current', modality: 'CT', kind: 'stack', plane: '', laterality: '', view: '', words: ['a'] }] });
    assert.deepEqual([readGrid([2, 3]), readGrid([0, 1]), readGrid('2x2'), readGrid([1.5, 1])], [[2, 3], null, null, null]);
});
