// access.mjs - access.db of a service under test, filled by tests/access/fill.c beside it.
import path from 'node:path';
import { spawnSync } from 'node:child_process';

const program = path.join(path.dirname(process.env.KH_BIN ?? path.resolve('build/dev/app/kakehashi')), '../tests/access/access_fill');

/** Orders as fill.c has them; what it prints, line by line. dataDir: of the service. */
export function fill(dataDir, ...orders) {
    const done = spawnSync(program, [dataDir], { input: `${orders.join('\n')}\n`, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`access_fill: ${done.stderr || done.error}`);
    return done.stdout.trim().split('\n').filter(Boolean);
}
