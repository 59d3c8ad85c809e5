// lock.mjs - another process at the index: Python's SQLite, which nobody here wrote, holds its lock or reads without end.
import fs from 'node:fs';
import path from 'node:path';
import { start, until } from './service.mjs';

const script = `
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for statement in sys.argv[3].split(";"): c.execute(statement).fetchall()
print("held", flush=True)
time.sleep(float(sys.argv[2]))
`;

async function hold(service, statements, seconds) {
    const child = start('python3', ['-c', script, path.join(service.dir, 'data/index.db'), String(seconds), statements]);
    await until('the index is held', () => {
        if (child.exitCode !== null) throw new Error(child.output);
        return child.out.includes('held');
    }, { everyMs: 2 });
    child.letGo = async () => {
        if (child.exitCode === null && child.signalCode === null) process.kill(child.pid, 'SIGKILL'); // the system lets go of a dead process's locks
        await child.ended;
    };
    return child;
}

/** The lock of the index, so that nobody else can write: for so long, or until letGo(). */
export const holdLock = (service, seconds = 600) => hold(service, 'BEGIN EXCLUSIVE', seconds);

/** A read transaction, so that the index's log cannot be taken in: until letGo(). */
export const holdReading = (service) => hold(service, 'BEGIN;SELECT count(*) FROM object', 600);

/** Bytes of the index's log. */
export const logBytes = (service) => fs.statSync(path.join(service.dir, 'data/index.db-wal'), { throwIfNoEntry: false })?.size ?? 0;
