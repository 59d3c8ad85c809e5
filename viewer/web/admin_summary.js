// admin_summary.js - one line that says how the service is, for those who want to go back to sleep.

import { bytes, moment, state } from './admin_parts.js';
import { make } from './dom.js';
import { count, t } from './i18n.js';

const LOW_FREE_BYTES = 10e9;

export class Summary {
    constructor() {
        this.element = make('div', { class: 'admin-summary', role: 'status' });
        this.health = undefined; // null: it does not answer
    }

    show(health) {
        this.health = health;
        this.translate();
    }

    translate() {
        if (this.health === undefined) return;
        this.element.replaceChildren(this.#whole(), ...(this.health ? this.#facts() : []));
    }

    #whole() {
        const { health } = this;
        if (!health) return state('bad', t('error.unreachable'));
        if (health.status !== 'ok') return state('bad', t(`health.${health.status}`));
        if (health.scrub?.bad > 0) return state('warn', t('health.badObjects', { n: count(health.scrub.bad) }));
        if (health.disk_free_bytes < LOW_FREE_BYTES) return state('warn', t('health.lowDisk'));
        return state('good', t('health.ok'));
    }

    #facts() {
        const { health } = this;
        const roles = Object.values(health.roles);
        const again = roles.reduce((sum, role) => sum + Math.max(0, role.starts - 1), 0);
        const facts = [[t('health.roles'), count(roles.filter((role) => role.running).length)]];
        if (again > 0) facts.push([t('health.starts'), count(again)]);
        facts.push([t('health.free'), bytes(health.disk_free_bytes)]);
        if (health.studies === undefined) return [list(facts)];
        facts.push([t('health.studies'), count(health.studies)]);
        if (health.studies_away > 0) facts.push([t('health.away'), count(health.studies_away)]);
        facts.push([t('health.used'), used(health)]);
        facts.push([t('health.scrub'), health.scrub.ended ? moment(health.scrub.ended) : t('health.scrubNever')]);
        return [list(facts)];
    }
}

function used({ used_bytes: here, quota_bytes: quota }) {
    return quota ? t('health.ofQuota', { used: bytes(here), quota: bytes(quota) }) : bytes(here);
}

const list = (facts) =>
    make(
        'dl',
        {},
        facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))),
    );
