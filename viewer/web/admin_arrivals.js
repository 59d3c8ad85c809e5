// admin_arrivals.js - how much came in, hour by hour, in all and from each node.

import { getAdmin } from './api.js';
import { bars, byHour, bySource, hourStart, roundUp } from './admin_chart.js';
import { bytes, cell, empty, objects, Rows, small, table } from './admin_parts.js';
import { make, setText } from './dom.js';
import * as format from './format.js';
import { count, language, t } from './i18n.js';

const [WIDTH, HEIGHT] = [960, 180];
const LABEL_EVERY_HOURS = 6;
const LABEL_ROOM_TO = 88; // % of the width: up to there a label has room behind its hour, also on a telephone

const pad = (value) => String(value).padStart(2, '0');
const hourText = (hour) => `${pad(new Date(hourStart(hour)).getHours())}:00`;
const sum = (hours) =>
    hours.reduce((total, one) => ({ objects: total.objects + one.objects, bytes: total.bytes + one.bytes }));

export class ArrivalsSection {
    constructor() {
        this.source = null; // all
        this.chart = make('figure', { class: 'chart' });
        this.sources = table(['source', 'objects', 'bytes', 'lastHour', 'hours'], 'sources');
        this.rows = new Rows(this.sources.body, {
            key: (one) => one.source,
            cells: (one) => this.#cells(one),
            look: () => '',
        });
        this.hours = table(['hour', 'objects', 'bytes'], 'hours');
        this.figuresTitle = make('summary', {});
        this.figures = make('details', { class: 'block figures' }, this.figuresTitle, this.hours.element);
        this.none = make('div', { hidden: true });
        this.whole = make('div', {}, this.chart, this.sources.element, this.figures);
        this.element = make('div', {}, this.whole, this.none);
    }

    translate() {
        this.sources.translate();
        this.hours.translate();
        setText(this.figuresTitle, t('admin.figures'));
        this.none.replaceChildren(
            empty(
                'chart',
                t('admin.arrivals.none'),
                t('admin.arrivals.noneText'),
                make('code', {}, 'kakehashi node list'),
            ),
        );
    }

    async load(signal) {
        this.answer = await getAdmin('arrivals', null, signal);
    }

    show() {
        const { arrivals } = this.answer;
        this.whole.hidden = arrivals.length === 0;
        this.none.hidden = arrivals.length > 0;
        if (arrivals.length === 0) return;
        const sources = bySource(this.answer);
        if (!sources.some((one) => one.source === this.source)) this.source = null;
        this.rows.forget();
        this.rows.set(sources);
        this.#draw();
    }

    #draw() {
        const hours = byHour(this.answer, this.source);
        const total = sum(hours);
        const top = roundUp(Math.max(...hours.map((one) => one.objects)));
        const name = this.source === null ? t('admin.allSources') : this.sourceName(this.source);
        const words = t('admin.chartWords', { name, n: count(total.objects), bytes: bytes(total.bytes) });
        const svg = bars(hours, {
            width: WIDTH,
            height: HEIGHT,
            top,
            describe: (one) => `${this.#when(one.hour)}  ${objects(one.objects)}`,
        });
        const all = make(
            'button',
            {
                type: 'button',
                class: 'button compact',
                hidden: this.source === null,
                onclick: () => this.#choose(null),
                dataset: { action: 'all' },
            },
            t('admin.allSources'),
        );
        this.chart.replaceChildren(
            make(
                'figcaption',
                {},
                make('strong', {}, name),
                make('span', {}, t('admin.last48')),
                make('span', { class: 'total' }, `${objects(total.objects)}  ${bytes(total.bytes)}`),
                all,
            ),
            make(
                'div',
                { class: 'plot', role: 'img', 'aria-label': words },
                make('span', { class: 'axis top' }, count(top)),
                make('span', { class: 'axis middle' }, count(top / 2)),
                svg,
            ),
            make('div', { class: 'hours-axis', 'aria-hidden': 'true' }, this.#labels(hours)),
        );
        this.hours.body.replaceChildren(
            ...[...hours]
                .reverse()
                .filter((one) => one.objects > 0)
                .map((one) =>
                    make(
                        'tr',
                        { dataset: { hour: one.hour } },
                        cell('hour', this.#when(one.hour)),
                        cell('objects', count(one.objects)),
                        cell('bytes', bytes(one.bytes)),
                    ),
                ),
        );
    }

    /** A word every six hours; the day where a day begins. What would go over the edge stands before its hour. */
    #labels(hours) {
        return hours
            .map((one, n) => ({ at: new Date(hourStart(one.hour)), left: (n / hours.length) * 100 }))
            .filter(({ at }) => at.getHours() % LABEL_EVERY_HOURS === 0)
            .map(({ at, left }) => {
                const day = at.getHours() === 0;
                const text = day ? format.date(format.today(at), language()).slice(5) : `${at.getHours()}:00`;
                const looks = [day && 'midnight', left > LABEL_ROOM_TO && 'late'].filter(Boolean).join(' ');
                return make('span', { class: looks, 'data-left': left.toFixed(2) }, text);
            })
            .map((label) => {
                label.style.left = `${label.dataset.left}%`;
                return label;
            });
    }

    #when(hour) {
        return `${format.date(format.today(new Date(hourStart(hour))), language()).slice(5)} ${hourText(hour)}`;
    }

    sourceName(source) {
        return source === 'import' ? t('admin.import') : source;
    }

    #cells(one) {
        const hours = byHour(this.answer, one.source);
        const top = Math.max(...hours.map(({ objects: n }) => n));
        const choose = make(
            'button',
            {
                type: 'button',
                class: 'link-button',
                'aria-pressed': String(this.source === one.source),
                onclick: () => this.#choose(one.source),
                dataset: { action: 'source' },
            },
            this.sourceName(one.source),
        );
        return [
            cell('source', choose),
            cell('objects', count(one.objects)),
            cell('bytes', bytes(one.bytes)),
            cell('lastHour', this.#when(one.last), small(objects(hours.find(({ hour }) => hour === one.last).objects))),
            cell('hours', bars(hours, { width: 192, height: 28, top, gap: 1 })),
        ];
    }

    #choose(source) {
        this.source = source;
        this.show();
    }
}
