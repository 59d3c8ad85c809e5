// clock.mjs - a wall clock that a test can set, for the service and nobody else: libfaketime, which nobody here wrote. The monotonic clock runs
// on, as it does when a system's clock is set.
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './service.mjs';

const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`).find((file) => fs.existsSync(file));

/** For `{ skip: needsClock }`: false where libfaketime is installed, else the reason. */
export const needsClock = library ? false : 'libfaketime is not installed (Debian package faketime)';

export class Clock {
    constructor() {
        this.file = path.join(temporaryFolder('kh-clock'), 'offset');
        this.set(0);
    }

    /** What a service needs in its environment to go by this clock. */
    get env() {
        return { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: this.file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_RESET: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    }

    /** So many seconds ahead of the system's clock from now on. */
    set(seconds) {
        fs.writeFileSync(`${this.file}.new`, `${seconds < 0 ? '' : '+'}${seconds}`);
        fs.renameSync(`${this.file}.new`, this.file); // whole at any moment
        this.seconds = seconds;
    }

    /** Does a time that the service told lie within ten minutes of what this clock says? */
    agrees(text) { return Math.abs(Date.parse(text) - (Date.now() + this.seconds * 1000)) < 600000; }
}
