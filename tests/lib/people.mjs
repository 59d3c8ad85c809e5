// people.mjs - browsers of tests as people: the first account's link, signing in with a second factor, changes with their token.
import crypto from 'node:crypto';
import http from 'node:http';

/** RFC 6238 with RFC 4226's truncation, by node's own HMAC: 6 digits, 30 s, SHA-1. */
export function totp(secret, atMs = Date.now()) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 30000)));
    const sum = crypto.createHmac('sha1', key).update(counter).digest();
    const at = sum[19] & 15;
    return String((sum.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** What a browser keeps of us: its cookies, and the token that changes have to bring. */
export class Visitor {
    /** address: of the loopback net that it comes from; another one is another terminal. */
    constructor(service, address = '127.0.0.1') {
        Object.assign(this, { service, address, cookies: new Map(), token: '', lines: [] });
    }

    #request(target, { method, headers, body }) {
        return new Promise((resolve, reject) => {
            const request = http.request(`${this.service.url}${target}`, { method, headers, localAddress: this.address }, (answer) => {
                const parts = [];
                answer.on('data', (part) => parts.push(part));
                answer.on('error', reject);
                answer.on('end', () => resolve({ code: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
            });
            request.on('error', reject);
            request.end(body);
        });
    }

    /** {code, headers, body, json}; cookies go and come as in a browser. */
    async ask(target, { method = 'GET', body, headers = {} } = {}) {
        const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        const changes = method === 'GET' ? {} : { 'content-type': 'application/json', origin: this.service.url, 'x-kakehashi-token': this.token };
        const sent = Object.fromEntries(Object.entries({ ...(cookie && { cookie }), ...changes, ...headers }).filter(([, value]) => value !== null));
        const answer = await this.#request(target, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) });
        for (const line of answer.headers['set-cookie'] ?? []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            this.lines.push(line);
            if (/max-age=0/i.test(line)) this.cookies.delete(name);
            else this.cookies.set(name, value);
        }
        return { ...answer, json: /json/.test(answer.headers['content-type'] ?? '') ? JSON.parse(answer.body) : null };
    }

    async who() {
        const { json } = await this.ask('/api/session');
        if (json.token) this.token = json.token;
        return json;
    }

    async change(target, body = {}) {
        await this.who();
        return this.ask(target, { method: 'POST', body });
    }

    get secret() { return this.cookies.get('__Host-kakehashi'); }

    /** Login and password; the code when there is a secret for it. The last answer. */
    async signIn(login, password, secret = null) {
        const first = await this.change('/api/session/sign-in', { login, password });
        if (first.json.step !== 'second-factor' || !secret) return first;
        return this.change('/api/session/second-factor', { code: totp(secret) });
    }

    /** At the step "enrol": {secret, recovery}. */
    async enrol() {
        const begun = (await this.change('/api/account/totp/begin')).json;
        const done = await this.change('/api/account/totp/confirm', { code: totp(begun.secret) });
        return { secret: begun.secret, recovery: done.json.recovery, answer: done };
    }
}

/** The one-time code of the link that the first start prints. */
export const firstLink = (service) => /^office: \S+\/welcome\/(\S+) makes/m.exec(service.log)?.[1];

/** The office's first account, from the link to a browser that is signed in: {visitor, login, password, secret, recovery}. */
export async function firstOffice(service, password = 'a bridge over seven rivers') {
    const visitor = new Visitor(service);
    const code = firstLink(service);
    const { login } = (await visitor.ask(`/api/welcome/${code}`)).json;
    await visitor.change(`/api/welcome/${code}`, { password });
    const { step } = (await visitor.signIn(login, password)).json;
    const enrolled = step === 'enrol' ? await visitor.enrol() : {};
    await visitor.who();
    return { visitor, login, password, ...enrolled };
}
