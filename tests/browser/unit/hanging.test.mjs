// How studies hang: rules as data, matched without a page; priors of other hospitals, words in Japanese, a person's choice.
import assert from 'node:assert/strict';
import test from 'node:test';
import { choiceKey, choosePrior, chooseRule, facesAway, fill, hang, rulesFor, scalesBeside, viewOf, wallOf } from '../../../viewer/web/hanging.js';
import { GENERAL, RULES } from '../../../viewer/web/hanging_rules.js';
import en from '../../../viewer/web/lang/layout_en.js';
import ja from '../../../viewer/web/lang/layout_ja.js';

let ids = 0;
/** "T2 AX", or [description, {more}]: a set of a series of its own. */
function set(modality, one) {
    const [description, more = {}] = Array.isArray(one) ? one : [one];
    const { series = {}, ...rest } = more;
    const id = ++ids;
    return { study: null, series: { id, modality, description, protocol: '', body_part: '', laterality: '', ...series }, set: 0, frames: modality === 'CT' || modality === 'MR' || modality === 'PT' ? 30 : 1, plane: '', scout: false, clip: false, laterality: '', told: null, ...rest };
}
const study = (modality, description, more = {}) => ({ id: ++ids, modalities: [modality], description, date: '20261103', time: '101500', facility: 'city', frames: 100, ...more });
const names = (list) => list.map((one) => one?.series.description ?? null);

for (const [name, modality, description, sets, prior, expected, hung] of [
    ['CT chest alone', 'CT', '胸部CT', [['Scout', { scout: true, frames: 2 }], 'Lung'], false, 'ct', ['Lung']],
    ['CT chest with a prior', 'CT', 'CHEST', ['Lung 1mm'], true, 'ctChestPrior', ['Lung 1mm', 'before']],
    ['CT chest and abdomen with a prior', 'CT', '胸腹部CT', ['PV'], true, 'ctChestPrior', ['PV', 'before']],
    ['CT head with a prior', 'CT', '頭部単純CT', ['Brain'], true, 'ctHeadPrior', ['Brain', 'before']],
    ['CT abdomen in three phases, the last place to what is left', 'CT', '腹部ダイナミックCT', [['plain', { plane: 'axial' }], ['arterial', { plane: 'axial' }], ['portal', { plane: 'axial' }], ['coronal', { plane: 'coronal' }]], true, 'ctPhases', ['plain', 'arterial', 'portal', 'coronal']],
    ['CT of a foot with a prior', 'CT', 'Foot', ['bone'], true, 'ctPrior', ['bone', 'before']],
    ['MR brain by words', 'MR', 'Brain MRI', ['AX T1', 'AX T2', 'AX T2 FLAIR', 'DWI b1000', 'ADC map'], false, 'mrBrain', ['AX T2', 'AX T2 FLAIR', 'DWI b1000', 'AX T1']],
    ['MR brain in Japanese', 'MR', '頭部MRI', ['T1強調', 'T2強調', '拡散強調'], false, 'mrBrain', ['T2強調', null, '拡散強調', 'T1強調']],
    ['MR spine: sagittal before axial', 'MR', '腰椎MRI', ['T2 AX', 'T2 SAG', 'T1 SAG'], false, 'mrSpine', ['T2 SAG', 'T1 SAG', 'T2 AX']],
    ['MR spine without a sagittal T2', 'MR', 'L-SPINE', ['T2 AX', 'T1 SAG'], false, 'mrSpine', ['T1 SAG', 'T2 AX', null]],
    ['MR knee by positions, whatever it is called', 'MR', 'Rt knee', [['a', { plane: 'axial' }], ['b', { plane: 'sagittal' }], ['c', { plane: 'coronal' }]], false, 'mrKnee', ['b', 'c', 'a']],
    ['MR shoulder', 'MR', '右肩関節MRI', ['PD COR', 'T2 AX'], false, 'mrJoint', ['PD COR', 'T2 AX']],
    ['MR of a liver with a prior', 'MR', 'Liver', ['T2'], true, 'mrPrior', ['T2', 'before']],
    ['chest with a prior', 'DX', 'Chest PA', ['PA'], true, 'chestPrior', ['PA', 'before']],
    ['two projections of a hand', 'CR', 'Hand', ['AP', 'lateral'], false, 'projectionTwo', ['AP', 'lateral']],
    ['ultrasound, six runs', 'US', 'Echo', [1, 2, 3, 4, 5, 6].map((n) => [`run ${n}`, { clip: true, frames: 40 }]), false, 'usMany', ['run 1', 'run 2', 'run 3', 'run 4']],
    ['angiography', 'XA', 'CAG', [['LCA', { clip: true, frames: 60 }]], false, 'runs', ['LCA']],
    ['something else', 'NM', 'Bone', ['whole body'], false, 'one', ['whole body']],
]) {
    test(`hanging: ${name}`, () => {
        const current = sets.map((one) => set(modality, one));
        const before = prior ? [set(modality, ['Scout', { scout: true, frames: 1 }]), set(modality, 'before')] : [];
        const rule = chooseRule(study(modality, description), current, prior);
        assert.equal(rule.id, expected);
        assert.deepEqual(names(hang(rule, current, before)), hung);
    });
}

test('PET/CT hangs CT beside PET', () => {
    const current = [set('PT', 'WB'), set('CT', 'low dose')];
    const rule = chooseRule({ ...study('PT', 'FDG'), modalities: ['CT', 'PT'] }, current, false);
    assert.equal(rule.id, 'petct');
    assert.deepEqual(names(hang(rule, current)), ['low dose', 'WB']);
});

test('mammograms hang by side and view: Patient Orientation tells the view, words where it does not', () => {
    const view = (laterality, told, description = '') => set('MG', [description || `${laterality} ${told.join('\\')}`, { laterality, told }]);
    const current = [view('L', ['A', 'FR']), view('R', ['P', 'L']), view('R', ['P', 'FL']), view('L', ['A', 'R'])];
    const four = chooseRule(study('MG', 'Mammography'), current, false);
    assert.equal(four.id, 'mgFour');
    assert.deepEqual(names(hang(four, current)), ['R P\\L', 'L A\\R', 'R P\\FL', 'L A\\FR']);
    const prior = [set('MG', 'L-MLO'), set('MG', 'R-MLO'), set('MG', 'R-CC')];
    const beside = chooseRule(study('MG', 'Mammography'), current, true);
    assert.equal(beside.id, 'mgPrior');
    assert.deepEqual(names(hang(beside, current, prior)), ['R P\\FL', 'L A\\FR', 'R-MLO', 'L-MLO']);
    assert.equal(viewOf(set('MG', 'whatever')), '', 'a view that is not told is not guessed');
});

test('a prior is of another hospital, of the same kind and part; the newest; never a later one', () => {
    const now = study('CT', '胸部CT', { series_list: [] });
    const make = (id, more) => ({ ...study('CT', '胸部CT'), id, date: '20260101', ...more });
    const choose = (...list) => choosePrior(now, list)?.id ?? null;
    assert.equal(choose(make(1, { facility: 'center' })), 1);
    assert.equal(choose(make(1, { date: '20250101' }), make(2, { facility: 'center', date: '20260601' })), 2);
    assert.equal(choose(make(1, {}), make(2, { date: '20260601', description: '頭部CT' })), 1, 'a head is not a chest, though newer');
    assert.equal(choose(make(1, { modalities: ['MR'] })), null);
    assert.equal(choose(make(1, { date: '20261201' })), null, 'later');
    assert.equal(choose(make(1, { date: '' })), null, 'undated');
    assert.equal(choose(make(1, { frames: 0 })), null, 'without pictures');
    assert.equal(choose({ ...now }), null, 'the study itself');
});

test('beside a series hangs the series of the prior that is most like it', () => {
    const current = [set('CT', ['Lung 1mm', { plane: 'axial', frames: 300 }])];
    const prior = [set('CT', ['Coronal', { plane: 'coronal', frames: 300 }]), set('CT', ['Lung 5mm', { plane: 'axial', frames: 60 }]), set('CT', ['Lung 1mm', { plane: 'axial', frames: 280 }])];
    assert.deepEqual(names(hang(chooseRule(study('CT', 'chest'), current, true), current, prior)), ['Lung 1mm', 'Lung 1mm']);
});

test('a person’s choice is taken where it names a rule, and kept by modality and part', () => {
    const current = [set('CT', 'Lung')];
    const chest = study('CT', '胸部CT');
    assert.equal(chooseRule(chest, current, true, 'ct').id, 'ct');
    assert.equal(chooseRule(chest, current, true, 'gone').id, 'ctChestPrior');
    assert.equal(choiceKey(chest, current), 'CT chest');
    assert.equal(choiceKey({ ...chest, modalities: ['CT', 'SR'] }, current), 'CT chest');
    assert.deepEqual(rulesFor(chest, current, true).map((rule) => rule.id), ['ctChestPrior', 'ctPrior', 'ct', 'one']);
});

test('every rule has a name in both languages, as many tiles as its grid, and at least eight are of a kind of study', () => {
    for (const rule of [...RULES, ...GENERAL]) {
        assert.ok(en[`hang.${rule.id}`] && ja[`hang.${rule.id}`], rule.id);
        assert.equal(rule.tiles.length, rule.grid[0] * rule.grid[1], rule.id);
    }
    assert.ok(RULES.filter((rule) => rule.fits.modality).length >= 8);
    assert.equal(new Set(RULES.map((rule) => rule.id)).size, RULES.length);
});

for (const [name, view, told, words, expected] of [
    ['as it says', 'CC', ['P', 'FL'], 'MLO', 'CC'],
    ['as it says, in small letters', 'mlo', null, '', 'MLO'],
    ['a side view, in the place of the oblique one', 'ML', null, '', 'MLO'],
    ['an exaggerated one, which is none of the four', 'XCCL', ['P', 'L'], 'CC', 'XCCL'],
    ['by its orientation', '', ['A', 'FR'], '', 'MLO'],
    ['by its words', '', null, 'L CC', 'CC'],
    ['nothing tells', '', null, 'Breast', ''],
])
    test(`the view of a mammogram: ${name}`, () => assert.equal(viewOf(set('MG', [words, { view, told }])), expected));

for (const [name, laterality, told, expected] of [
    ['right, its chest wall on the right', 'R', ['P', 'L'], false],
    ['right, its chest wall on the left', 'R', ['A', 'L'], true],
    ['left, its chest wall on the left', 'L', ['A', 'R'], false],
    ['left, its chest wall on the right', 'L', ['P', 'FR'], true],
    ['both', 'B', ['A', 'R'], false],
    ['nothing is told', 'R', null, false],
    ['rows run to a side', 'R', ['L', 'F'], false],
    ['no side is told', '', ['P', 'F'], false],
])
    test(`mammograms face each other: ${name}`, () => assert.equal(facesAway(laterality, told), expected));

for (const [told, expected] of [[['P', 'L'], 1], [['PR', 'F'], 1], [['A', 'FR'], -1], [['AP', 'F'], 0], [['L', 'F'], 0], [[], 0], [null, 0]])
    test(`the chest wall of ${told?.join('\\') ?? 'nothing'}: ${expected}`, () => assert.equal(wallOf(told), expected));

for (const [name, pictures, expected] of [
    ['as fine as each other', [[2, 0.1, 'detector'], [2, 0.1, 'detector']], [2, 2]],
    ['a larger detector', [[2, 0.1, 'detector'], [1.5, 0.1, 'detector']], [1.5, 1.5]],
    ['coarser by two', [[2, 0.1, 'detector'], [2, 0.2, 'detector']], [1, 2]],
    ['one tells nothing', [[2, 0.1, 'detector'], [1, 0, '']], [Infinity, Infinity]],
    ['from elsewhere', [[2, 0.1, 'detector'], [1, 0.1, 'pixel']], [Infinity, Infinity]],
    ['one alone', [[2, 0.1, 'detector']], [Infinity]],
])
    test(`mammograms beside each other are as large: ${name}`, () =>
        assert.deepEqual(scalesBeside(pictures.map(([fit, mm, source]) => ({ fit, mm, source }))), expected));

test('what comes later goes into places that are free: of the rule, else in order; nothing twice, no scout, nothing where something hangs', () => {
    const [a, b, c, scout] = [set('MR', 'a'), set('MR', 'b'), set('MR', 'c'), set('MR', ['scout', { scout: true }])].map((one, at) => ({ ...one, key: `${at}.0` }));
    assert.deepEqual(names(fill([a.key, null, null, null], [a, b, null, c], [a, b, c])), [null, 'b', null, 'c']);
    assert.deepEqual(names(fill([b.key, null], [a, b], [a, b])), [null, null], 'what the rule wants there hangs elsewhere');
    assert.deepEqual(names(fill([c.key, null, null], null, [scout, a, b, c])), [null, 'a', 'b']);
    assert.deepEqual(names(fill([null, null, null], null, [a])), ['a', null, null]);
});
