// hanging_rules.js - how studies hang: plain data, read by hanging.js. The first rule that fits a study is chosen; a person may choose another, and which
// rule is used for what is kept for that person.
//
// A rule: {id (its name in the words is hang.<id>), fits, grid: [rows, columns], tiles: [...]}.
//   fits    modality: [any of]; words: [any in body part, descriptions or protocol]; stacks, pictures: [least, most] of the study; prior: true where
//           one has to be there, false where none may; phases: [least, most] stacks of one plane
//   tiles   in reading order, each {from: "current" or "prior", plane?, words?, without?, laterality?, view?, kind?: "stack", "picture", "clip",
//           nth?, modality?, optional?}. A tile that finds nothing stays empty; optional ones give the place to a series that is not shown yet.
// Words are lower case and match anywhere; a word that begins and ends with a space matches a whole word.

const CHEST = ['chest', 'thorax', 'lung', 'pulm', '胸', '肺'];
const HEAD = ['head', 'brain', 'skull', 'neuro', '頭', '脳'];
const ABDOMEN = ['abdom', 'liver', 'hepat', 'pelvis', 'kidney', 'pancreas', 'dynamic', '腹', '肝', '骨盤', '腎', '膵', 'ダイナミック'];
const SPINE = ['spine', 'spinal', 'lumbar', 'cervical', 'thoracic', '脊椎', '脊髄', '腰椎', '頸椎', '頚椎', '胸椎'];
const KNEE = ['knee', '膝'];
const JOINT = ['knee', 'shoulder', 'hip', 'ankle', 'wrist', 'elbow', '膝', '肩', '股', '足関節', '手関節', '肘'];
const T1 = ['t1'];
const T2 = ['t2'];
const FLAIR = ['flair', 'dark fluid'];
const DIFFUSION = ['dwi', 'diff', 'b1000', 'b 1000', '拡散'];
const ADC = ['adc'];

const now = (more = {}) => ({ from: 'current', ...more });
const before = (more = {}) => ({ from: 'prior', ...more });

export const RULES = [
    { id: 'petct', fits: { modality: ['PT'] }, grid: [1, 2], tiles: [now({ modality: 'CT', kind: 'stack' }), now({ modality: 'PT', kind: 'stack' })] },
    {
        id: 'mgPrior',
        fits: { modality: ['MG'], prior: true, pictures: [2, 24] },
        grid: [2, 2],
        tiles: [now({ laterality: 'R', view: 'MLO' }), now({ laterality: 'L', view: 'MLO' }), before({ laterality: 'R', view: 'MLO' }), before({ laterality: 'L', view: 'MLO' })],
    },
    {
        id: 'mgFour',
        fits: { modality: ['MG'], pictures: [3, 24] },
        grid: [2, 2],
        tiles: [now({ laterality: 'R', view: 'CC' }), now({ laterality: 'L', view: 'CC' }), now({ laterality: 'R', view: 'MLO' }), now({ laterality: 'L', view: 'MLO' })],
    },
    { id: 'chestPrior', fits: { modality: ['CR', 'DX'], words: CHEST, prior: true }, grid: [1, 2], tiles: [now({ kind: 'picture' }), before({ kind: 'picture' })] },
    { id: 'projectionPrior', fits: { modality: ['CR', 'DX'], prior: true }, grid: [1, 2], tiles: [now({ kind: 'picture' }), before({ kind: 'picture' })] },
    { id: 'projectionTwo', fits: { modality: ['CR', 'DX'], pictures: [2, 24] }, grid: [1, 2], tiles: [now({ kind: 'picture' }), now({ kind: 'picture', nth: 1 })] },
    {
        id: 'ctPhases',
        fits: { modality: ['CT'], words: ABDOMEN, phases: [3, 24] },
        grid: [2, 2],
        tiles: [now({ kind: 'stack' }), now({ kind: 'stack', nth: 1 }), now({ kind: 'stack', nth: 2 }), now({ kind: 'stack', nth: 3, optional: true })],
    },
    { id: 'ctChestPrior', fits: { modality: ['CT'], words: CHEST, prior: true }, grid: [1, 2], tiles: [now({ kind: 'stack' }), before({ kind: 'stack' })] },
    { id: 'ctHeadPrior', fits: { modality: ['CT'], words: HEAD, prior: true }, grid: [1, 2], tiles: [now({ kind: 'stack' }), before({ kind: 'stack' })] },
    { id: 'ctPrior', fits: { modality: ['CT'], prior: true }, grid: [1, 2], tiles: [now({ kind: 'stack' }), before({ kind: 'stack' })] },
    { id: 'ct', fits: { modality: ['CT'] }, grid: [1, 1], tiles: [now({ kind: 'stack' })] },
    {
        id: 'mrBrain',
        fits: { modality: ['MR'], words: HEAD, stacks: [3, 99] },
        grid: [2, 2],
        tiles: [now({ words: T2, without: FLAIR }), now({ words: FLAIR }), now({ words: DIFFUSION, without: ADC }), now({ words: T1, without: FLAIR, optional: true })],
    },
    {
        id: 'mrSpine',
        fits: { modality: ['MR'], words: SPINE, stacks: [2, 99] },
        grid: [1, 3],
        tiles: [now({ plane: 'sagittal', words: T2, optional: true }), now({ plane: 'sagittal', words: T1, optional: true }), now({ plane: 'axial', optional: true })],
    },
    {
        id: 'mrKnee',
        fits: { modality: ['MR'], words: KNEE, stacks: [3, 99] },
        grid: [1, 3],
        tiles: [now({ plane: 'sagittal', optional: true }), now({ plane: 'coronal', optional: true }), now({ plane: 'axial', optional: true })],
    },
    {
        id: 'mrJoint',
        fits: { modality: ['MR'], words: JOINT, stacks: [2, 99] },
        grid: [1, 2],
        tiles: [now({ plane: 'coronal', optional: true }), now({ plane: 'axial', optional: true })],
    },
    { id: 'mrPrior', fits: { modality: ['MR'], prior: true, stacks: [1, 99] }, grid: [1, 2], tiles: [now({ kind: 'stack' }), before({ kind: 'stack' })] },
    { id: 'usMany', fits: { modality: ['US'], clips: [4, 999] }, grid: [2, 2], tiles: [0, 1, 2, 3].map((nth) => now({ kind: 'clip', nth })) },
    { id: 'runs', fits: { modality: ['XA', 'RF', 'US'], clips: [1, 999] }, grid: [1, 1], tiles: [now({ kind: 'clip' })] },
    { id: 'one', fits: {}, grid: [1, 1], tiles: [now()] },
];

/** What a menu offers beside the one that fits: any study can hang so. */
export const GENERAL = [
    { id: 'one', grid: [1, 1], tiles: [now()] },
    { id: 'twoSeries', grid: [1, 2], tiles: [now(), now({ nth: 1 })] },
    { id: 'besidePrior', grid: [1, 2], tiles: [now(), before()] },
    { id: 'overPrior', grid: [2, 2], tiles: [now(), now({ nth: 1 }), before(), before({ nth: 1 })] },
    { id: 'fourSeries', grid: [2, 2], tiles: [0, 1, 2, 3].map((nth) => now({ nth, optional: nth > 0 })) },
];
