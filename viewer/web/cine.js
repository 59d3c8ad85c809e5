// cine.js - a part of the viewer: a stack or a run plays, at its own rate where it tells one. A picture that is not here yet is waited for: no frame is
// left out without saying so, and the rate that is reached is shown. When which frame comes is reckoned in playback.js.

import { icon, make, setText } from './dom.js';
import * as format from './format.js';
import { loadWords, t } from './i18n.js';
import { Playback, RATE_MAX, RATE_MIN, runOf } from './playback.js';

const TOLD_EVERY_MS = 1000;

class Cine {
    constructor(page) {
        this.page = page;
        this.stage = null; // that plays
        this.timer = 0;
        this.playback = null;
        const saved = page.settings?.get('layout')?.cine ?? {};
        this.loop = saved.loop ?? true;
        this.swing = saved.swing ?? false;
        this.#build();
    }

    #build() {
        this.play = make('button', { type: 'button', class: 'tool', dataset: { action: 'cine' }, onclick: () => this.toggle() });
        this.rate = make('input', { type: 'range', min: String(RATE_MIN), max: String(RATE_MAX), step: '1' });
        this.rate.addEventListener('input', () => this.#setRate(Number(this.rate.value)));
        this.rateText = make('span', { class: 'cine-rate' });
        this.loopButton = this.#switch('loop');
        this.swingButton = this.#switch('swing');
        this.shut = make('button', { type: 'button', class: 'tool', onclick: () => this.hide() }, icon('close'));
        this.bar = make('div', { class: 'cine-bar', role: 'group' }, this.play, this.rate, this.rateText, this.loopButton, this.swingButton, this.shut);
        this.translate();
    }

    #switch(name) {
        const flip = () => {
            this[name] = !this[name];
            const layout = this.page.settings?.get('layout');
            this.page.settings?.set('layout', { ...layout, cine: { loop: this.loop, swing: this.swing } });
            this.#show();
        };
        return make('button', { type: 'button', class: 'tool', dataset: { cine: name }, onclick: flip }, icon(name));
    }

    translate() {
        this.bar.setAttribute('aria-label', t('action.cine'));
        this.rate.setAttribute('aria-label', t('cine.rate'));
        for (const [button, name] of [
            [this.loopButton, 'cine.loop'],
            [this.swingButton, 'cine.swing'],
            [this.shut, 'action.close'],
        ]) {
            button.setAttribute('aria-label', t(name));
            button.dataset.tip = t(name);
        }
        this.#show();
    }

    #show(reached = null) {
        const playing = this.timer !== 0;
        this.play.replaceChildren(icon(playing ? 'pause' : 'play'));
        this.play.setAttribute('aria-label', t(playing ? 'cine.pause' : 'cine.play'));
        this.loopButton.setAttribute('aria-pressed', String(this.loop));
        this.swingButton.setAttribute('aria-pressed', String(this.swing));
        const slow = reached !== null && reached < 0.9 * this.fps;
        setText(this.rateText, slow ? t('cine.slow', { fps: format.number(reached, 0), asked: format.number(this.fps, 0) }) : t('cine.fps', { fps: format.number(this.fps ?? 0, 0) }));
    }

    #setRate(fps) {
        this.fps = fps;
        if (this.playback) this.playback.rate = fps;
        this.rate.value = String(Math.round(fps));
        this.#show();
    }

    /** The bar under the active picture; a run brings it along. */
    open(tile) {
        const { stack } = tile?.stage ?? {};
        if (!stack || stack.size < 2) return;
        if (this.tile !== tile || this.manifest !== stack.manifest) this.#take(tile, stack);
        if (this.bar.parentElement !== tile.element) tile.element.append(this.bar);
    }

    /** Other frames: at their own rate and in their own order, where they tell one; of what has only grown, at the rate that was chosen. */
    #take(tile, stack) {
        const { manifest } = stack;
        const run = runOf(manifest);
        const what = `${manifest.series} ${run?.id ?? ''}`;
        const before = this.tile === tile && this.what === what ? this.playback : null;
        const saved = this.page.settings?.get('layout')?.cine ?? {};
        if (!before) this.stop();
        Object.assign(this, { tile, manifest, what });
        this.playback = new Playback(manifest, this);
        this.playback.way = before?.way ?? 1;
        if (before) this.playback.begin(stack.index, performance.now());
        else Object.assign(this, { loop: saved.loop ?? true, swing: run?.playback ? run.playback === 'swing' : (saved.swing ?? false) });
        this.#setRate(before ? this.fps : this.playback.own);
    }

    hide() {
        this.stop();
        this.bar.remove();
        this.tile = null;
    }

    get playing() {
        return this.timer !== 0;
    }

    toggle() {
        if (this.playing) this.stop();
        else this.start();
    }

    start() {
        this.open(this.page.grid.active);
        if (!this.tile) return;
        this.stage = this.tile.stage;
        const now = performance.now();
        this.stage.goTo(this.playback.from(this.stage.stack.index));
        this.playback.begin(this.stage.stack.index, now);
        this.counted = { frames: 0, since: now };
        this.timer = requestAnimationFrame((now) => this.#tick(now));
        this.#show();
        this.page.changed();
    }

    stop() {
        if (!this.timer) return;
        cancelAnimationFrame(this.timer);
        this.timer = 0;
        this.#show();
        this.page.changed();
    }

    #tick(now) {
        const { stage } = this;
        if (!stage.stack || stage.blanked || !this.page.grid.stages.includes(stage)) {
            this.stop();
            return;
        }
        if (stage.stack.manifest !== this.manifest) this.#take(this.tile, stage.stack);
        const { index } = stage.stack;
        const here = stage.shown?.index === index;
        const next = here ? this.playback.step(index, now) : this.playback.hold(index, now);
        if (next === 'end') {
            this.stop();
            return;
        }
        if (next !== null) {
            stage.goTo(next);
            stage.stack.direction = this.playback.way;
            this.#count(now);
        }
        this.timer = requestAnimationFrame((later) => this.#tick(later));
    }

    #count(now) {
        this.counted.frames++;
        const past = now - this.counted.since;
        if (past < TOLD_EVERY_MS) return;
        this.#show((1000 * this.counted.frames) / past);
        this.counted = { frames: 0, since: now };
    }
}

export async function attach(page) {
    await loadWords('tools');
    const cine = new Cine(page);
    page.cine = cine;
    page.commands.add({ cine: { run: () => cine.toggle(), pressed: () => cine.playing, enabled: () => page.isOpen && page.stage.stack.size > 1 && !page.stage.stack.object().problem } });
    page.toolbar.add({ name: 'cine', keep: 6, items: [{ action: 'cine', icon: 'play' }] }, 'links');
    const about = ({ shows }) => shows && page.sets(shows.study).find((entry) => entry.key === `${shows.series.id}.${shows.set}`)?.about;
    const plays = (tile) => about(tile)?.clip && !tile.stage?.stack?.object()?.problem;
    page.listen((what, detail) => {
        if (what === 'open' && plays(detail.tile)) cine.open(detail.tile);
        else if (what === 'open' && cine.tile === detail.tile) cine.hide();
        if (what === 'layout' && cine.tile && !page.grid.tiles.includes(cine.tile)) cine.hide();
    });
    const { active } = page.grid;
    if (plays(active)) cine.open(active);
    return { close: () => cine.stop(), shut: () => cine.hide(), blank: (on) => on && cine.stop(), translate: () => cine.translate() };
}
