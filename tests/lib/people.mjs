// people.mjs - browsers of tests as people: the first account's link, signing in with a second factor, changes with their token.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

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

/** How a visitor's requests go: over HTTPS when the service's address says so, as the terminal with that certificate ({key, certificate} of files). */
function asked({ service, address, identity }, target, options) {
    const shown = identity && { key: fs.readFileSync(identity.key), cert: fs.readFileSync(identity.certificate) };
    const secure = service.url.startsWith('https:') && { ca: fs.readFileSync(service.ca), servername: 'localhost', ...shown };
    return (secure ? https : http).request(`${service.url}${target}`, { localAddress: address, ...secure, ...options });
}

/** What a browser keeps of us: its cookies, and the token that changes have to bring. */
export class Visitor {
    /** address: of the loopback net that it comes from; another one is another terminal. */
    constructor(service, address = '127.0.0.1') {
        Object.assign(this, { service, address, cookies: new Map(), token: '', lines: [] });
    }

    #request(target, { method, headers, body }) {
        return new Promise((resolve, reject) => {
            const request = asked(this, target, { method, headers, ...(this.identity && { agent: false }) });
            request.on('response', (answer) => {
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

const wanted = (headers) => Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null));
const cookies = (visitor) => [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');

/** A person from application to signing in, of a service whose factors are a password alone: {visitor, token, login, password}; the token has all scopes. */
export async function newPerson(service, login, facility, role, { address } = {}) {
    const password = 'eleven boats below it';
    await service.must(['person', 'add', login, '--name', login, '--kana', 'テスト タロウ', '--birth-date', '19800102', '--facility', facility, '--role', role]);
    await service.must(['person', 'train', login, '--date', '20260401']);
    await service.must(['person', 'activate', login]);
    const code = /\/welcome\/([\w-]{43})/.exec((await service.must(['person', 'invite', login])).out)[1];
    const visitor = new Visitor(service, address);
    await visitor.change(`/api/welcome/${code}`, { password });
    const { code: status, json } = await visitor.signIn(login, password);
    if (json.step !== 'done') throw new Error(`${login} does not get in: ${status} ${JSON.stringify(json)}`);
    const made = await visitor.change('/api/account/tokens', { name: 'test', days: 1, scopes: 'find,view,take,store', password });
    await visitor.who();
    return { visitor, login, password, token: made.json.token };
}

/** An answer on its way. stopAt: after so many bytes nothing more is read until goOn(). `ended` comes to 'whole' or 'broken'. */
export class Download {
    constructor(visitor, target, { headers = {}, stopAt = Infinity } = {}) {
        this.bytes = 0;
        this.ended = new Promise((resolve) => {
            const request = asked(visitor, target, { headers: wanted({ cookie: cookies(visitor), ...headers }), agent: false });
            request.on('response', (answer) => {
                Object.assign(this, { answer, code: answer.statusCode });
                answer.on('data', (part) => {
                    this.bytes += part.length;
                    if (this.bytes >= stopAt && !this.goingOn) answer.pause();
                });
                answer.on('error', () => resolve('broken'));
                answer.on('close', () => resolve(answer.complete ? 'whole' : 'broken'));
            });
            request.on('error', () => resolve('broken'));
            request.end();
        });
        this.ended.then((how) => { this.how = how; });
    }

    goOn() {
        this.goingOn = true;
        this.answer.resume();
    }
}

/** What the event stream says, as it comes; it does not come again when it has ended. */
export class Listener {
    constructor(visitor, { headers = {} } = {}) {
        this.text = '';
        this.ended = new Promise((resolve) => {
            this.request = asked(visitor, '/api/events', { headers: wanted({ cookie: cookies(visitor), accept: 'text/event-stream', ...headers }), agent: false });
            this.request.on('response', (answer) => {
                this.code = answer.statusCode;
                answer.setEncoding('utf8');
                answer.on('data', (part) => { this.text += part; });
                answer.on('error', () => {});
                answer.on('close', resolve);
            });
            this.request.on('error', resolve);
            this.request.end();
        });
    }

    close() { this.request.destroy(); }
}
