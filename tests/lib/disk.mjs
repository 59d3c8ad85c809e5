// disk.mjs - a small disk of a test's own: a tmpfs that can be filled, emptied and made larger while a service keeps its data on it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './service.mjs';

const mounted = new Set();
process.on('exit', () => { for (const folder of mounted) spawnSync('umount', ['-l', folder]); });

function mount(folder, options) {
    const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'kh-small-disk', folder], { encoding: 'utf8' });
    return status === 0 ? null : String(error?.message ?? stderr).trim();
}

/** For `{ skip: needsDisk }`: false where a disk can be mounted, else the reason. */
export const needsDisk = (() => {
    if (process.getuid() !== 0) return 'a small disk can only be mounted by root';
    const folder = temporaryFolder('kh-disk-try');
    const why = mount(folder, 'size=1m');
    if (why === null) spawnSync('umount', [folder]);
    return why === null ? false : `a small disk cannot be mounted here: ${why}`;
})();

export class Disk {
    /** `bytes` large; gone, with all that is on it, after the test `t`. Stop whoever has files on it first. */
    static make(t, bytes) {
        const disk = new Disk();
        disk.folder = temporaryFolder('kh-disk');
        const why = mount(disk.folder, `size=${bytes},nr_inodes=100000`);
        if (why !== null) throw new Error(why);
        mounted.add(disk.folder);
        t.after(() => { spawnSync('umount', ['-l', disk.folder]); mounted.delete(disk.folder); });
        return disk;
    }

    /** A folder on it. */
    get dir() { return path.join(this.folder, 'service'); }

    get free() {
        const { bavail, bsize } = fs.statfsSync(this.folder);
        return bavail * bsize;
    }

    /** Fill it until no more than `bytes`, in whole blocks, are left. */
    fill(bytes = 0) {
        const filler = fs.openSync(path.join(this.folder, 'filler'), 'a');
        const block = Buffer.alloc(4096, 0x5a);
        try {
            while (this.free - bytes >= 4096) fs.writeSync(filler, this.free - bytes >= 1 << 20 ? Buffer.alloc(1 << 20, 0x5a) : block);
        } catch (error) {
            if (error.code !== 'ENOSPC') throw error; // somebody else took the last block
        } finally {
            fs.closeSync(filler);
        }
    }

    /** The filler goes. */
    clear() { fs.rmSync(path.join(this.folder, 'filler'), { force: true }); }
}
