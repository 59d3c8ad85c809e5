// settings.js - what a person has chosen for the viewer, kept by the service (GET and POST /api/settings): one object with a member for each part. Where
// it keeps none (404), this browser does.

import { getSettings, saveSettings } from './api.js';

const SAVE_AFTER_MS = 800;
const STORE_KEY = 'kakehashi.settings';
const TRIES = 3;

export class Settings {
    #members = {};
    #version = 0;
    #dirty = new Set(); // members that the service has not yet
    #timer = 0;
    #here = false; // kept by this browser

    /** Settings as they are now; {} when the line is down: what is changed then is saved with the next change. */
    static async load() {
        const settings = new Settings();
        document.addEventListener('visibilitychange', () => document.hidden && settings.flush());
        await settings.#read().catch(() => {});
        return settings;
    }

    async #read() {
        try {
            const { version, settings } = await getSettings();
            this.#version = version;
            const mine = Object.fromEntries([...this.#dirty].map((part) => [part, this.#members[part]]));
            this.#members = { ...settings, ...mine };
        } catch (error) {
            if (error.status !== 404) throw error;
            this.#here = true;
            this.#members = readHere();
        }
    }

    /** A part's member; undefined when nothing was chosen. Not to be changed. */
    get(part) {
        return this.#members[part];
    }

    /** Another value of a part; undefined: as if nothing had been chosen. Saved soon, with others that follow. */
    set(part, value) {
        if (JSON.stringify(this.#members[part]) === JSON.stringify(value)) return;
        this.#members = { ...this.#members, [part]: value };
        this.#dirty.add(part);
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.flush(), SAVE_AFTER_MS);
    }

    /** Save now what is not saved yet. */
    async flush() {
        clearTimeout(this.#timer);
        if (this.#dirty.size === 0) return;
        if (this.#here) {
            writeHere(this.#members);
            this.#dirty.clear();
            return;
        }
        for (let tries = 0; tries < TRIES; tries++) {
            const saving = [...this.#dirty];
            try {
                const { version } = await saveSettings(this.#version, this.#members);
                this.#version = version;
                for (const part of saving) this.#dirty.delete(part);
                return;
            } catch (error) {
                if (error.status !== 409) return; // stays dirty
                await this.#read().catch(() => {}); // another window was quicker: ours over its own
            }
        }
    }
}

function readHere() {
    try {
        return JSON.parse(localStorage.getItem(STORE_KEY)) ?? {};
    } catch {
        return {};
    }
}

function writeHere(members) {
    try {
        localStorage.setItem(STORE_KEY, JSON.stringify(members));
    } catch {
        // The choice then lasts as long as the page.
    }
}
