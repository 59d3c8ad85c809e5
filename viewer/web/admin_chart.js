// admin_chart.js - bars of hours: sums of rows by hour, and their picture. The figures stand in a table beside it.

const SVG = 'http://www.w3.org/2000/svg';
const HOUR_MS = 3600000;

/** One entry for each hour from `from` to `to`: {hour, objects, bytes}. source: rows of that source only; null: all. */
export function byHour({ from_hour: from, to_hour: to, arrivals }, source = null) {
    const hours = Array.from({ length: to - from + 1 }, (_, n) => ({ hour: from + n, objects: 0, bytes: 0 }));
    for (const row of arrivals) {
        const at = hours[row.hour - from];
        if (!at || (source !== null && row.source !== source)) continue;
        at.objects += row.objects;
        at.bytes += row.bytes;
    }
    return hours;
}

/** {source, objects, bytes, last}: sums of each, the most objects first. */
export function bySource({ arrivals }) {
    const sums = new Map();
    for (const { source, hour, objects, bytes } of arrivals) {
        const sum = sums.get(source) ?? { source, objects: 0, bytes: 0, last: 0 };
        sums.set(source, {
            source,
            objects: sum.objects + objects,
            bytes: sum.bytes + bytes,
            last: Math.max(sum.last, hour),
        });
    }
    return [...sums.values()].sort((a, b) => b.objects - a.objects || (a.source < b.source ? -1 : 1));
}

/** The next number of the form 1, 2 or 5 times a power of ten: the top of an axis. At least 10. */
export function roundUp(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
    const step = [1, 2, 5, 10].find((one) => one * power >= value);
    return Math.max(10, step * power);
}

export const hourStart = (hour) => hour * HOUR_MS;

function shape(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
}

/** Bars of `hours` in a box of width x height units, the tallest being `top`. describe(hour): what the pointer is told. */
export function bars(hours, { width, height, top, gap = 2, describe = null }) {
    const svg = shape('svg', {
        viewBox: `0 0 ${width} ${height}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
        class: 'bars',
    });
    const step = width / hours.length;
    hours.forEach((one, n) => {
        const tall = one.objects > 0 ? Math.max(1.5, (one.objects / top) * height) : 0;
        const x = n * step + gap / 2;
        const bar = shape('rect', { x, y: height - tall, width: step - gap, height: tall, rx: 1, class: 'bar' });
        bar.dataset.hour = one.hour;
        bar.dataset.objects = one.objects;
        svg.append(bar);
        if (!describe) return;
        const area = shape('rect', { x: n * step, y: 0, width: step, height, class: 'hit' });
        const title = shape('title', {});
        title.textContent = describe(one);
        area.append(title);
        svg.append(area);
    });
    return svg;
}
