// The modules that need no browser: every file in unit/.
import { readdirSync } from 'node:fs';

const folder = new URL('unit/', import.meta.url);
for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.test.mjs')) await import(new URL(name, folder));
}
