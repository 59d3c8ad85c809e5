// session.js - who is signed in, and how long the pictures may stay on an unattended screen. Only a person's own input extends that: what a
// script makes up does not count. The tabs of one browser know of each other's input, so that one that is not looked at locks none that is.
// No DOM but the document's input events.

import { askSession, getSession, onRefused, setToken } from './api.js';

const ALIVE_EVERY_MS = 30000;
const ALIVE_AFTER_MS = 1000; // what the click was for goes first
const INPUTS = ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchstart'];
export const WARNING_MS = 60000;

/** A place of ours to go on to after signing in; the list for whatever is none. */
export function safeNext(text, origin = location.origin) {
    if (!text || !/^\/(?![/\\])/.test(text)) return '/';
    try {
        const url = new URL(text, origin);
        const path = url.pathname + url.search;
        return url.origin === origin && !/^\/(sign-in|welcome)(\/|\?|$)/.test(path) ? path : '/';
    } catch {
        return '/';
    }
}

export class Session {
    /** clock: () => milliseconds that go on while the machine sleeps. */
    constructor({ clock = Date.now } = {}) {
        this.clock = clock;
        this.state = { accounts: false };
        this.locked = false;
        this.listeners = new Set();
        this.inputAt = 0;
        this.aliveAt = 0;
        this.aliveTimer = 0;
        this.lockTimer = 0;
    }

    get person() {
        return this.state.person ?? null;
    }

    /** Ask the service who we are. With accounts off nothing else here ever does anything. */
    async start() {
        await this.refresh();
        if (!this.state.signed_in) return this.state;
        onRefused((error) => this.#refused(error));
        this.channel = new BroadcastChannel('kakehashi.person');
        this.channel.addEventListener('message', (event) => this.#heard(event.data));
        for (const kind of INPUTS) document.addEventListener(kind, (event) => this.#input(event), { capture: true, passive: true });
        document.addEventListener('visibilitychange', () => this.#look());
        addEventListener('focus', () => this.#look());
        this.inputAt = this.clock() - (this.state.idle_s - this.state.locks_in_s) * 1000;
        if (this.state.locked) this.#lock(false);
        else this.#look();
        return this.state;
    }

    async refresh() {
        this.state = await getSession();
        this.endsAt = this.clock() + (this.state.ends_in_s ?? 0) * 1000;
        if (this.state.token) setToken(this.state.token);
        return this.state;
    }

    /** listener(what, detail): "warning" with the seconds left, "calm", "locked", "unlocked", "ended". */
    on(listener) {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    #tell(what, detail) {
        for (const listener of [...this.listeners]) listener(what, detail);
    }

    // ---- a person's hands

    #input(event) {
        if (!event.isTrusted || this.locked) return;
        const now = this.clock();
        if (now >= this.inputAt + this.state.idle_s * 1000) {
            this.#look(); // the machine slept: too late
            return;
        }
        if (now - this.inputAt < 1000) return;
        this.#used(now);
        this.channel.postMessage({ input: now });
        this.#sendAlive();
    }

    #used(at) {
        this.inputAt = Math.max(this.inputAt, at);
        this.#look();
    }

    #sendAlive() {
        if (this.aliveTimer) return;
        const wait = Math.max(ALIVE_AFTER_MS, this.aliveAt + ALIVE_EVERY_MS - this.clock());
        this.aliveTimer = setTimeout(async () => {
            this.aliveTimer = 0;
            this.aliveAt = this.clock();
            try {
                const { ends_in_s: ends } = await askSession('alive', {});
                this.endsAt = this.clock() + ends * 1000;
            } catch {
                // Refused: told by onRefused(). Not reached: the screen locks by its own clock all the same.
            }
        }, wait);
    }

    /** Where the clock stands: locks, warns or waits. */
    #look() {
        clearTimeout(this.lockTimer);
        if (this.locked) return;
        const now = this.clock();
        const left = Math.min(this.inputAt + this.state.idle_s * 1000, this.endsAt) - now;
        if (left <= 0) {
            if (now >= this.endsAt) this.#ended('time');
            else this.#lock(true);
            return;
        }
        const warning = Math.min(WARNING_MS, this.state.idle_s * 500);
        if (left <= warning) this.#tell('warning', Math.ceil(left / 1000));
        else this.#tell('calm');
        this.lockTimer = setTimeout(() => this.#look(), left > warning ? left - warning : Math.min(left, 500));
    }

    // ---- locked and ended

    lock() {
        this.#lock(true);
    }

    /** here: this page found it out, and says so to the service and the other tabs. */
    #lock(here) {
        if (this.locked) return;
        this.locked = true;
        clearTimeout(this.lockTimer);
        clearTimeout(this.aliveTimer);
        this.aliveTimer = 0;
        this.#tell('locked');
        if (!here) return;
        this.channel.postMessage({ locked: true });
        askSession('lock', {}).catch(() => {}); // its own clock locks it, too
    }

    /** Throws what the service says of a wrong password. */
    async unlock(password) {
        await askSession('unlock', { password });
        this.channel.postMessage({ unlocked: true });
        await this.#unlocked();
    }

    async #unlocked() {
        await this.refresh();
        if (!this.state.signed_in) return this.#ended('elsewhere');
        if (this.state.locked) return undefined;
        this.locked = false;
        this.inputAt = this.clock();
        this.#tell('unlocked');
        this.#look();
        return undefined;
    }

    async signOut() {
        try {
            await askSession('sign-out', {});
        } finally {
            this.channel?.postMessage({ ended: 'out' });
            this.#ended('out');
        }
    }

    #ended(why) {
        this.locked = true;
        clearTimeout(this.lockTimer);
        this.#tell('ended', why);
    }

    #refused(error) {
        if (error.kind === 'locked') this.#lock(false);
        else this.#ended('elsewhere');
    }

    #heard(message) {
        if (message.input) this.#used(message.input);
        if (message.locked) this.#lock(false);
        if (message.unlocked && this.locked) this.#unlocked();
        if (message.ended) this.#ended(message.ended);
    }
}
