// ohif.mjs - the OHIF viewer as npm has it, as a client of ours: its files, its settings.
//
// The package has 50 MB: it is fetched once, where that is allowed, into $XDG_CACHE_HOME/kakehashi.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const asked = path.join(import.meta.dirname, '../ohif/package.json');
export const version = JSON.parse(fs.readFileSync(asked, 'utf8')).devDependencies['@ohif/app'];
const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'kakehashi', `ohif-${version}`);

function fetchPackage() {
    const fresh = fs.mkdtempSync(path.join(os.tmpdir(), 'kh-ohif-'));
    try {
        const packed = spawnSync('npm', ['pack', '--silent', `@ohif/app@${version}`], { cwd: fresh, encoding: 'utf8' });
        if (packed.status !== 0) return 'npm does not give @ohif/app';
        fs.mkdirSync(cache, { recursive: true });
        const opened = spawnSync('tar', ['xzf', path.join(fresh, packed.stdout.trim().split('\n').pop()), '-C', cache], { encoding: 'utf8' });
        return opened.status === 0 ? null : `@ohif/app cannot be unpacked: ${opened.stderr}`;
    } finally {
        fs.rmSync(fresh, { recursive: true, force: true });
    }
}

/** { dist } is the folder of the built viewer; { why } there is none. */
export function ohifFiles(mayFetch) {
    const there = () => fs.existsSync(path.join(cache, 'package/dist/index.html'));
    const why = there() ? null : mayFetch ? fetchPackage() : 'OHIF is fetched with --long';
    return why ? { why } : { dist: path.join(cache, 'package/dist') };
}

/** Its app-config.js, for a DICOMweb service at this address. */
export const ohifConfig = (dicomweb) => `window.config = ${JSON.stringify({
    routerBasename: '/', extensions: [], modes: [], showStudyList: true, showWarningMessageForCrossOrigin: false, maxNumberOfWebWorkers: 1,
    investigationalUseDialog: { option: 'never' }, defaultDataSourceName: 'dicomweb',
    dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb', configuration: {
        friendlyName: 'Kakehashi', name: 'kakehashi', qidoRoot: dicomweb, wadoRoot: dicomweb, wadoUriRoot: `${dicomweb}/wado`,
        qidoSupportsIncludeField: true, supportsFuzzyMatching: true, supportsWildcard: true, imageRendering: 'wadors', thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true, bulkDataURI: { enabled: true } } }],
})};`;

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml' };

/** The file of a request, index.html for its routes, and what goes with it. */
export function ohifAnswer(dist, url) {
    const wanted = path.join(dist, decodeURIComponent(new URL(url, 'http://x').pathname));
    const file = wanted.startsWith(dist) && fs.existsSync(wanted) && fs.statSync(wanted).isFile() ? wanted : path.join(dist, 'index.html');
    return { file, isConfig: path.basename(wanted) === 'app-config.js', headers: { 'Content-Type': types[path.extname(file)] ?? 'application/octet-stream',
        'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } };
}
