// report.mjs - what was measured as rows, as a table and as a picture.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const median = (values) => (values.length === 0 ? null : [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]);
/* Of values that were measured in turns the median of the ratios of neighbours: what slows the machine down for a while slows both. */
function ratio(a, b) {
    if (a.length === b.length) return median(a.map((value, index) => value / b[index]));
    return a.length === 0 || b.length === 0 ? null : median(a) / median(b);
}
const shown = (value) => (value === null ? '–' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

const barText = ({ of, min, max }) => `${min === undefined ? '≤' : '≥'} ${min ?? max}${of === 'value' ? '' : ` × ${of}`}`;

function barHolds({ of, min, max }, values) {
    const measured = of === 'value' ? values.ours : values[`ratio_to_${of}`];
    return measured !== null && measured >= (min ?? -Infinity) && measured <= (max ?? Infinity);
}

/** Medians of { ours, peer, limit }, each a list of measured values; one that is empty or not there gives null. Lists of one length are of one
 * measuring in turns.
 * bars: what is asked, each { of: 'limit', 'peer' or 'value', min or max }; holds is null when nothing is. peerName: who the peer is. */
export function row(id, what, unit, { ours, peer = [], limit = [] }, bars = [], peerName = 'Orthanc') {
    const values = { id, what, unit, peer_name: peerName, ours: median(ours), peer: median(peer), limit: median(limit),
        ratio_to_peer: ratio(ours, peer), ratio_to_limit: ratio(ours, limit) };
    return { ...values, bar: bars.map(barText).join(', ') || null, holds: bars.length > 0 ? bars.every((bar) => barHolds(bar, values)) : null };
}

export function machine() {
    const packageVersion = (name) => {
        try { return execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(); } catch { return 'absent'; }
    };
    return [
        `${os.cpus()[0].model}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}`,
        `Orthanc ${packageVersion('orthanc')}, DCMTK ${packageVersion('dcmtk')}, libmicrohttpd ${packageVersion('libmicrohttpd12')}, libjpeg-turbo ${packageVersion('libturbojpeg0')}`,
        `${new Date().toISOString().slice(0, 10)}; clients on the same machine; medians`,
    ];
}

/* One row of bars per id, each row scaled to its longest: ratios are what a reader should take away. */
function plot(rows) {
    const [left, wide, bar, gap] = [190, 420, 14, 22];
    const height = rows.length * (3 * bar + gap) + 30;
    const kinds = [['ours', 'Kakehashi', '#1f8fb3'], ['peer', 'peer', '#b0b7bd'], ['limit', 'limit', '#5d6870']];
    const parts = [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + wide + 100} ${height}" font-family="sans-serif" font-size="11">`,
        `<rect width="100%" height="100%" fill="#ffffff"/>`];
    rows.forEach((r, index) => {
        const top = 10 + index * (3 * bar + gap);
        const longest = Math.max(r.ours, r.peer ?? 0, r.limit ?? 0, 1e-9);
        parts.push(`<text x="${left - 10}" y="${top + 1.5 * bar}" text-anchor="end" font-weight="bold">${r.id}</text>`,
            `<text x="${left - 10}" y="${top + 1.5 * bar + 14}" text-anchor="end" fill="#5d6870">${r.unit}</text>`);
        kinds.filter(([key]) => r[key] !== null).forEach(([key, name, colour], i) => {
            const y = top + i * bar;
            const length = Math.max(1, (r[key] / longest) * wide);
            parts.push(`<rect x="${left}" y="${y}" width="${Math.max(1, length).toFixed(1)}" height="${bar - 3}" fill="${colour}"/>`,
                `<text x="${(left + length + 5).toFixed(1)}" y="${y + bar - 4}">${key === 'peer' ? r.peer_name : name} ${shown(r[key])}</text>`);
        });
    });
    return `${parts.join('\n')}\n</svg>\n`;
}

export function table(rows) {
    return ['| id | ours | peer | limit | ours / peer | ours / limit | asked | holds | what |', '| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |',
        ...rows.map((r) => `| \`${r.id}\` (${r.unit}) | ${shown(r.ours)} | ${shown(r.peer)} | ${shown(r.limit)} | ${shown(r.ratio_to_peer)} | ${shown(r.ratio_to_limit)} | ${r.bar ?? '–'} | ${{ true: 'yes', false: '**no**', null: '–' }[r.holds]} | ${r.what} |`)].join('\n');
}

export function writePage(file, rows, report) {
    const picture = file.replace(/\.md$/, '.svg');
    fs.writeFileSync(picture, plot(rows));
    fs.writeFileSync(file, `# Benchmarks\n\nMade by \`./run bench --markdown docs/benchmarks.md\`, which also draws the picture. Every number is from this one run; machines are\n`
        + `noisy, so ratios count; those of what was measured in turns are medians of the turns' ratios. The limit is what the machine\n`
        + `allows without us, measured in the same run; "asked" is what we hold ourselves to.\n\n![bars](${path.basename(picture)})\n\n${report}`);
}
