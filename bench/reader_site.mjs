// reader_site.mjs - the service at one end of the line, as a hospital has it: HTTPS with TLS 1.3 alone and a certificate made for it, accounts with
// a second factor, a doctor who is signed in, and computed CTs of the doctor's own hospital.
import fs from 'node:fs';
import path from 'node:path';
import { Authority } from '../tests/lib/certificates.mjs';
import { totp } from '../tests/lib/people.mjs';
import { SERVER } from './line.mjs';
import { run, start, stop } from './process.mjs';
import { kakehashi } from './servers.mjs';

const PORT = 8443;
const LOGIN = 'reader';
const PASSWORD = 'seven rivers under one bridge';
const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export const base = `https://${SERVER}:${PORT}`;

function settings(dir, { certificate, key }) {
    return `[service]\ndata_dir = ${dir}/data\n`
        + `[http]\naddress = 0.0.0.0\nport = ${PORT}\nnames = ${SERVER}\ntls_certificate = ${certificate}\ntls_key = ${key}\n`
        + '[dicom]\naddress = 127.0.0.1\nport = 11112\n[storage]\nreserve = 100 MiB\nquiet = 1 s\n'
        + '[access]\naccounts = on\nfactors = password+totp\none_terminal = no\nidle = 24 h\nlongest = 24 h\n';
}

const filesIn = (folder) => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.path ?? entry.parentPath, entry.name));

export class Site {
    /** studies: of kakehashi phantom, each its options. */
    static async start(work, line, studies) {
        const site = new Site();
        site.dir = fs.mkdtempSync(path.join(work, 'reader-'));
        site.config = path.join(site.dir, 'bench.conf');
        const authority = new Authority(site.dir, 'bench');
        site.identity = authority.issue('service', { usage: 'serverAuth', algorithm: P256, hosts: `IP:${SERVER}` });
        fs.writeFileSync(site.config, settings(site.dir, site.identity));
        await site.#admit();
        for (const options of studies) await site.#takeIn(options);
        site.child = start(...line.inside('server', kakehashi, ['serve', '--config', site.config]));
        await Promise.race([site.child.ended, site.#ready()]);
        if (site.child.exitCode !== null) throw new Error(`the service ended:\n${site.child.output.slice(-2000)}`);
        return site;
    }

    async stop() { await stop(this.child); }

    #command(...words) { return run(kakehashi, [...words, '--config', this.config]); }

    async #admit() {
        const today = new Date().toLocaleDateString('sv').replaceAll('-', '');
        await this.#command('facility', 'add', 'bench', '--name', 'Bench');
        await this.#command('person', 'add', LOGIN, '--name', 'Reader', '--kana', 'リーダー', '--birth-date', '19700101', '--facility', 'bench', '--role', 'doctor', '--trained', today);
        await this.#command('person', 'activate', LOGIN);
        [, this.welcome] = /\/welcome\/(\S+)/.exec(await this.#command('person', 'invite', LOGIN));
    }

    async #takeIn(options) {
        const folder = path.join(this.dir, 'phantom');
        await run(kakehashi, ['phantom', ...options, folder]);
        await this.#command('import', '--facility', 'bench', ...filesIn(folder));
        fs.rmSync(folder, { recursive: true });
    }

    #ready() {
        return new Promise((resolve) => {
            const look = () => { if (/^ready: /m.test(this.child.said)) resolve(); };
            this.child.stdout.on('data', look);
        });
    }

    /** The doctor signs in for the first time, in a page of ours; then { token }, for other programs that read stored values. */
    async signIn(page) {
        await page.goto(`${base}/`);
        const change = async (target, body = {}) => {
            const { code, json } = await page.evaluate(async ([url, text]) => {
                const { token = '' } = await (await fetch('/api/session')).json();
                const answer = await fetch(url, { method: 'POST', body: text, headers: { 'content-type': 'application/json', 'x-kakehashi-token': token } });
                return { code: answer.status, json: await answer.json().catch(() => null) };
            }, [target, JSON.stringify(body)]);
            if (code >= 300) throw new Error(`${target}: ${code} ${JSON.stringify(json)}`);
            return json;
        };
        await change(`/api/welcome/${this.welcome}`, { password: PASSWORD });
        await change('/api/session/sign-in', { login: LOGIN, password: PASSWORD });
        const { secret } = await change('/api/account/totp/begin');
        await change('/api/account/totp/confirm', { code: totp(secret) });
        const token = await this.#command('token', 'add', '--person', LOGIN, '--name', 'bench', '--scopes', 'find,view,take');
        this.token = /khp_\S+/.exec(token)[0];
    }
}
