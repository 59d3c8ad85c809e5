// servers.mjs - Kakehashi and Orthanc, each in a folder of its own, and stock senders to them. Nothing is removed between the rounds: a file
// system that lost thousands of files a moment ago (ext4 without a journal, for five minutes) is slow to make new ones.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, getJson, run, start, stop, waitForPort } from './process.mjs';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const binDir = path.resolve(process.env.KH_BIN_DIR ?? path.join(root, 'build/release'));
export const kakehashi = path.join(binDir, 'app/kakehashi');
export const accessFill = path.join(binDir, 'bench/bench_access_fill');
export const benchProgram = (name) => path.join(binDir, 'bench', name);

export class Ours {
    /** settings: lines of the configuration beside those needed here. prepare: called with the data folder before it is used. */
    static async start(dir, settings = '', prepare = null) {
        const ours = new Ours();
        ours.dir = fs.mkdtempSync(path.join(dir, 'kakehashi-'));
        ours.http = await freePort();
        ours.dicom = await freePort();
        const config = path.join(ours.dir, 'bench.conf');
        fs.writeFileSync(config, `[service]\ndata_dir = ${ours.dir}/data\n[http]\nport = ${ours.http}\n[dicom]\naddress = 127.0.0.1\nport = ${ours.dicom}\n${settings}`);
        ours.config = config;
        if (prepare) await prepare(path.join(ours.dir, 'data'));
        await ours.addNode('sender', 'STORESCU', '--may-store');
        ours.child = start(kakehashi, ['serve', '--config', config]);
        await waitForPort(ours.http, ours.child);
        await waitForPort(ours.dicom, ours.child);
        ours.title = 'KAKEHASHI';
        return ours;
    }
    /** Of a caller; an index that was kept from a run before has it already, and, made by an earlier version, lists none before it is changed. */
    async addNode(name, title, right) {
        await run(kakehashi, ['node', 'add', name, '--ae-title', title, '--facility', 'bench', right, '--config', this.config]).catch((error) => {
            if (!/is there already/.test(error.message)) throw error;
        });
    }
    async takeIn(files) { await run(kakehashi, ['import', '--config', this.config, ...files]); }
    /** Of whoever asks in this run: with accounts on a person's token, this.token. */
    get headers() { return this.token ? { Authorization: `Bearer ${this.token}` } : {}; }
    async json(target) { return getJson(this.http, target, this.headers); }
    async count() {
        const list = await this.json('/api/studies?limit=200');
        return list.studies.reduce((sum, study) => sum + study.objects, 0);
    }
    async stop() { await stop(this.child); }
}

export class Orthanc {
    /** plugins: paths of shared objects, none unless asked for. */
    static async start(dir, plugins = []) {
        const orthanc = new Orthanc();
        orthanc.dir = fs.mkdtempSync(path.join(dir, 'orthanc-'));
        orthanc.http = await freePort();
        orthanc.dicom = await freePort();
        const config = path.join(orthanc.dir, 'orthanc.json');
        fs.writeFileSync(config, JSON.stringify({
            Name: 'bench', StorageDirectory: `${orthanc.dir}/data`, IndexDirectory: `${orthanc.dir}/data`, HttpPort: orthanc.http,
            DicomPort: orthanc.dicom, RemoteAccessAllowed: false, AuthenticationEnabled: false, DicomAlwaysAllowStore: true, DicomAlwaysAllowFind: true,
            DicomCheckCalledAet: false, DicomThreadsCount: 8, HttpThreadsCount: 32, Plugins: plugins,
        }));
        orthanc.child = start('Orthanc', [config]);
        await waitForPort(orthanc.http, orthanc.child);
        await waitForPort(orthanc.dicom, orthanc.child);
        orthanc.title = 'ORTHANC';
        return orthanc;
    }
    async count() { return (await getJson(this.http, '/statistics')).CountInstances; }
    async stop() { await stop(this.child); }
}

/** What a sender reads comes from memory in each round, whatever the machine has dropped since: its disk is not ours, and not what is measured. */
export function warm(files) {
    for (const file of files) fs.readFileSync(file);
}

/* Send each folder by one stock storescu, all at once; images per second from first start to last end. */
export async function sendAll(server, folders, imageCount) {
    const begin = process.hrtime.bigint();
    await Promise.all(folders.map((folder) => run('storescu', ['-aec', server.title, '+sd', '+r', '127.0.0.1', String(server.dicom), folder])));
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    const stored = server.count ? await server.count() : imageCount; // who throws away cannot tell
    if (stored !== imageCount) throw new Error(`${server.title}: ${stored} of ${imageCount} images stored`);
    return imageCount / seconds;
}
