// oracle.mjs - tests/access/oracle.txt read anew: who may do what by the networks' rules. Knows words only; nothing of access/, on purpose.
import fs from 'node:fs';
import path from 'node:path';
import { root } from './service.mjs';

const COLUMNS = { allow: ['role', 'relation', 'state', 'kind', 'verb', 'switch'], narrow: ['department', 'relation', 'state', 'kind'] };

export class Oracle {
    constructor(file = path.join(root, 'tests/access/oracle.txt')) {
        this.axes = {};
        this.rules = { allow: [], narrow: [] };
        const sets = {};
        fs.readFileSync(file, 'utf8').split('\n').forEach((text, index) => {
            const [word, ...rest] = text.trim().split(/\s+/);
            if (word === 'axis') this.axes[rest[0]] = rest.slice(1);
            else if (word === 'set') sets[rest[0]] = rest.slice(1).flatMap((one) => sets[one] ?? [one]);
            else if (COLUMNS[word]) this.rules[word].push(this.#rule(text.trim().slice(word.length), COLUMNS[word], sets, index + 1));
            else if (word && !word.startsWith('#')) throw new Error(`oracle.txt:${index + 1}: ${word}`);
        });
    }

    #rule(text, axes, sets, line) {
        const columns = text.split('|').map((column) => column.trim().split(/\s+/));
        const rule = { line };
        axes.forEach((axis, i) => {
            const words = columns[i].flatMap((word) => (word === '-' ? [] : word === '*' ? this.axes[axis] : sets[word] ?? [word]));
            for (const word of words) if (!this.axes[axis].includes(word)) throw new Error(`oracle.txt:${line}: ${word} is no ${axis}`);
            rule[axis] = words;
        });
        return rule;
    }

    /** cell: a word for each axis, `switches` those that are on; department `any` when it is not told. */
    allows(cell) {
        const meant = (rule, axes) => axes.every((axis) => rule[axis].includes(cell[axis] ?? 'any'));
        return this.rules.allow.some((rule) => meant(rule, COLUMNS.allow.slice(0, -1)) && rule.switch.every((one) => cell.switches.includes(one)))
            && !this.rules.narrow.some((rule) => meant(rule, COLUMNS.narrow));
    }
}
