// routes.mjs - every address that the service has, as the sources' own tables name them: none is left out of a test because nobody thought of it.
import fs from 'node:fs';
import path from 'node:path';
import { root } from './service.mjs';

const tables = { portal: 'viewer/portal/portal.c', guard: 'viewer/guard/routes.c', dicomweb: 'viewer/dicomweb/dicomweb.c', install: 'viewer/install/install.c' };
const INSTANCE = '/dicomweb/studies/{study}/series/{series}/instances/{instance}';

/** [{table, method, pattern}]; from: which tables, all when absent. */
export function routes(from = Object.keys(tables)) {
    return from.flatMap((table) => {
        const text = fs.readFileSync(path.join(root, tables[table]), 'utf8');
        return [...text.matchAll(/\{"(GET|POST|PUT|PATCH|DELETE|OPTIONS)",\s*(KH_DICOMWEB_PATH|KH_INSTALL_PATH|INSTANCE)?\s*(?:"([^"]*)")?,/g)].map(([, method, base, rest]) => ({
            table, method, pattern: `${{ KH_DICOMWEB_PATH: '/dicomweb', KH_INSTALL_PATH: '/install', INSTANCE }[base] ?? ''}${rest ?? ''}`,
        }));
    });
}

/** Does an address come to this pattern? */
export function fits(pattern, target) {
    const text = pattern.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]*\\\*\}/g, '.+').replace(/\{[^}]*\}/g, '[^/]+?');
    return new RegExp(`^${text}$`).test(target.replace(/\?.*/, ''));
}
