// admin_associations.js - who talks with us now, and who was turned away.

import { getAdmin } from './api.js';
import { bytes, cell, chip, empty, moment, reason, Rows, small, spanText, table } from './admin_parts.js';
import { make, setText } from './dom.js';
import * as format from './format.js';
import { count, t } from './i18n.js';

const DOINGS = ['stored', 'known', 'refused', 'queries', 'retrievals', 'echoes'];

const peerCell = (one) => cell('peer', make('strong', {}, one.peer || one.calling), small(one.address));
const titlesCell = (one) =>
    cell(
        'titles',
        make('span', { class: 'title' }, `${one.calling} → ${one.called}`),
        one.tls ? chip('TLS', 'good') : null,
    );

/** What it did so far, in words: only what there is. */
function doings(one) {
    const words = DOINGS.filter((what) => one[what] > 0).map((what) => t(`admin.did.${what}`, { n: count(one[what]) }));
    return words.length > 0 ? words.join('  ') : t('admin.did.nothing');
}

export class AssociationsSection {
    constructor() {
        this.table = table(['peer', 'titles', 'since', 'doing', 'bytes'], 'associations');
        this.rows = new Rows(this.table.body, {
            key: (one) => one.id,
            cells: (one) => this.#cells(one),
            look: () => '',
        });
        this.total = make('p', { class: 'section-bar quiet' });
        this.none = make('div', { hidden: true });
        this.element = make('div', {}, this.total, this.table.element, this.none);
    }

    translate() {
        this.table.translate();
        this.rows.forget();
        this.none.replaceChildren(empty('links', t('admin.associations.none'), t('admin.associations.noneText')));
    }

    async load(signal) {
        this.answer = await getAdmin('associations', null, signal);
    }

    show() {
        const { associations, active } = this.answer;
        this.rows.forget(); // each has become older
        this.rows.set(associations);
        this.table.element.hidden = associations.length === 0;
        this.none.hidden = associations.length > 0;
        setText(
            this.total,
            active > associations.length
                ? t('admin.shownOf', { n: count(associations.length), all: count(active) })
                : '',
        );
        this.total.hidden = active <= associations.length;
    }

    #cells(one) {
        return [
            peerCell(one),
            titlesCell(one),
            cell(
                'since',
                make('span', {}, spanText(format.span(Date.now() - one.since_ms))),
                small(moment(one.since_ms), `  #${one.id}`),
            ),
            cell('doing', doings(one)),
            cell('bytes', bytes(one.bytes)),
        ];
    }
}

export class RefusalsSection {
    constructor() {
        this.table = table(['when', 'peer', 'titles', 'refused', 'why'], 'refusals');
        this.rows = new Rows(this.table.body, { key: (one) => one.key, cells: (one) => this.#cells(one) });
        this.none = make('div', { hidden: true });
        this.element = make('div', {}, this.table.element, this.none);
    }

    translate() {
        this.table.translate();
        this.rows.forget();
        this.none.replaceChildren(empty('check', t('admin.refusals.none'), t('admin.refusals.noneText')));
    }

    async load(signal) {
        const { refusals, turned_away: away = [] } = await getAdmin('refusals', null, signal);
        this.refusals = [
            ...refusals.map((one) => ({ ...one, key: `o${one.id}` })),
            ...away.map((one) => ({ ...one, key: `a${one.address}|${one.calling}|${one.called}|${one.reason}` })),
        ].sort((a, b) => b.ended_ms - a.ended_ms);
    }

    show() {
        this.rows.set(this.refusals);
        this.table.element.hidden = this.refusals.length === 0;
        this.none.hidden = this.refusals.length > 0;
    }

    #cells(one) {
        const code = one.status ? one.status.toString(16).toUpperCase().padStart(4, '0') : '';
        const what = one.times
            ? t('admin.turnedAway', { n: count(one.times) })
            : t('admin.objectsRefused', { n: count(one.refused) });
        return [
            cell('when', moment(one.ended_ms), one.times ? null : small(`#${one.id}`)),
            peerCell(one),
            titlesCell(one),
            cell('refused', what),
            cell('why', reason([code, one.reason].filter(Boolean).join(' '))),
        ];
    }
}
