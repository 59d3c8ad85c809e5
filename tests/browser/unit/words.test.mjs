// The words of the page: both languages have the same, no part says what another one says, and what a page shows is there when it is shown: in the words of
// every page, or in those that come with it (main.js).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { SOON, VIEWER } from '../../../viewer/web/viewer_modules.js';

const web = path.resolve(import.meta.dirname, '../../../viewer/web');
const LANGUAGES = ['en', 'ja'];
const files = fs.readdirSync(path.join(web, 'lang')).map((name) => path.basename(name, '.js'));
const partsOf = (language) => files.filter((name) => name.endsWith(`_${language}`)).map((name) => name.slice(0, -language.length - 1)).sort();
const parts = partsOf('en');
const wordsOf = async (name) => (await import(path.join(web, 'lang', `${name}.js`))).default;
const words = Object.fromEntries(await Promise.all(files.map(async (name) => [name, await wordsOf(name)])));
const places = (text) => [...new Set([text].flat().join(' ').match(/\{\w+\}/g) ?? [])].sort();

test('every part is there in both languages', () => {
    assert.deepEqual(partsOf('ja'), parts);
    assert.deepEqual(files.filter((name) => !/_(en|ja)$/.test(name)).sort(), LANGUAGES);
    assert.ok(parts.length > 10, parts.join());
});

for (const part of ['', ...parts.map((name) => `${name}_`)])
    test(`${part || 'what every page has: '}the same words in both languages, with the same places`, () => {
        const [en, ja] = LANGUAGES.map((language) => words[part + language]);
        assert.deepEqual(Object.keys(ja).sort(), Object.keys(en).sort());
        for (const [key, text] of Object.entries(en)) {
            assert.deepEqual(places(ja[key]), places(text), key);
            for (const one of [text, ja[key]]) if (Array.isArray(one)) assert.equal(one.length, 2, key);
        }
    });

test('no key is told by two parts', () => {
    const core = new Set(Object.keys(words.en));
    const seen = new Map();
    for (const part of parts.filter((name) => name !== 'patients')) {
        for (const key of Object.keys(words[`${part}_en`])) {
            assert.ok(!core.has(key) && !seen.has(key), `${key}: ${part} and ${seen.get(key) ?? 'every page'}`);
            seen.set(key, part);
        }
    }
});

/** What a module asks for by name. */
function asked(module) {
    const text = fs.readFileSync(path.join(web, module), 'utf8');
    return [...text.matchAll(/\bt\(\s*(?:[\w.!]+(?: [=!]==? \w+)? \? )?'([\w.]+)'(?: : '([\w.]+)')?/g)].flatMap(([, a, b]) => [a, b]).filter(Boolean);
}
const first = [...fs.readFileSync(path.join(web, 'index.html'), 'utf8').matchAll(/\/web\/([\w/]+\.js)"/g)].map(([, name]) => name);
const named = (pattern) => fs.readdirSync(web).filter((name) => pattern.test(name));
const inFolder = (folder) => fs.readdirSync(path.join(web, folder)).filter((name) => name.endsWith('.js')).map((name) => `${folder}/${name}`);
const later = ['access_forms.js', 'patients_emergency.js']; // with the words of their own

for (const [page, modules, ...more] of [
    ['the first page', first.filter((name) => name !== 'lock.js')],
    ['the locked screen', ['lock.js'], 'access'],
    ['the lists', SOON.filter((name) => !later.includes(name))],
    ['emergency access', ['patients_emergency.js'], 'emergency'],
    ['signing in and the account', ['sign_in.js', 'welcome.js', 'account.js', 'access_forms.js', 'demo_accounts.js'], 'access'],
    ['the operators’ page', named(/^admin.*\.js$/), 'admin'],
    ['a study', VIEWER, 'viewer', 'layout'],
    ['its parts', ['hung.js', 'linked.js', 'documents.js', 'waits.js', 'keys_dialog.js', 'take_picture.js', 'cine.js', 'modes.js', 'window_tools.js', 'picture_tools.js'], 'viewer', 'layout', 'documents', 'waits', 'keys', 'take', 'tools'],
    ['marks', inFolder('marks'), 'viewer', 'layout', 'marks'],
    ['presentation states', inFolder('states'), 'viewer', 'layout', 'states'],
    ['the display check', ['display_check.js'], 'display'],
])
    test(`${page}: what it shows is in the words that come with it`, () => {
        const known = Object.assign({}, words.en, ...more.map((part) => words[`${part}_en`]));
        const keys = modules.flatMap(asked);
        assert.ok(keys.length > 0 && modules.length > 0);
        assert.deepEqual([...new Set(keys)].filter((key) => !(key in known)), []);
    });
