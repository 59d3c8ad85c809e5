// What is sent of a script or a style (viewer/web/slim.sed) is what its source says: the same tokens on the same lines, by a parser of others; of styles the
// same rules.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { tokenizer } from 'acorn';

const web = path.resolve(import.meta.dirname, '../../../viewer/web');
const filter = path.join(web, 'slim.sed');
const slim = (text) => execFileSync('sed', ['-E', '-f', filter], { input: text, encoding: 'utf8', maxBuffer: 2 ** 24 });
const files = (ending) => fs.readdirSync(web, { recursive: true }).filter((name) => name.endsWith(ending)).sort();
const read = (name) => fs.readFileSync(path.join(web, name), 'utf8');

const tokens = (text) => [...tokenizer(text, { ecmaVersion: 2024, sourceType: 'module', locations: true })].map(({ type, value, loc }) => [loc.start.line, type.label, String(value?.pattern ?? value)]);
const rules = (text) => text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\s+/g, ' ').trim();
const lines = (text) => text.split('\n');

test('every script says the same on the same lines', () => {
    assert.ok(files('.js').length > 100);
    for (const name of files('.js')) assert.deepEqual(tokens(slim(read(name))), tokens(read(name)), name);
});

test('every style has the same rules', () => {
    assert.ok(files('.css').length > 10);
    for (const name of files('.css')) {
        assert.equal(rules(slim(read(name))), rules(read(name)), name);
        assert.equal(lines(slim(read(name))).length, lines(read(name)).length, name);
    }
});

test('comments on lines of their own and indentation are gone', () => {
    for (const name of [...files('.js'), ...files('.css')]) assert.deepEqual(lines(slim(read(name))).filter((line) => /^(\s|\/\/|\/\*)|\s$/.test(line)), [], name);
});

for (const [what, text, expected] of [
    ['a comment', '// a\n  // b\nc;', '\n\nc;'],
    ['a comment behind code stays', 'a; // b', 'a; // b'],
    ['an address is no comment', "    get('//a');", "get('//a');"],
    ['a block on one line', '  /** a */\nb;', '\nb;'],
    ['a block', '/** a\n *  b\n */\nc;', '\n\n\nc;'],
    ['two blocks with code between', '/* a\n */\nb;\n/* c\n */', '\n\nb;\n\n'],
    ['a block behind code stays', 'a; /* b */', 'a; /* b */'],
    ['a division is none', 'a\n    / b;', 'a\n/ b;'],
])
    test(`slim.sed: ${what}`, () => assert.equal(slim(text), expected));
