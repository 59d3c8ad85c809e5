// upper_layer.mjs - DICOM's upper layer by hand (PS3.8): what a peer can do that no well-behaved program does, and many associations
// in little time. One presentation context per association, Verification or CT Image Storage, in Explicit VR Little Endian.
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { slow } from './service.mjs';

export const verification = '1.2.840.10008.1.1';
export const ctStorage = '1.2.840.10008.5.1.4.1.1.2';
const explicitLittle = '1.2.840.10008.1.2.1';

function item(type, body) {
    const head = Buffer.alloc(4);
    head[0] = type;
    head.writeUInt16BE(body.length, 2);
    return Buffer.concat([head, body]);
}

function pdu(type, body) {
    const head = Buffer.alloc(6);
    head[0] = type;
    head.writeUInt32BE(body.length, 2);
    return Buffer.concat([head, body]);
}

const title = (text) => Buffer.from(text.padEnd(16), 'latin1');

/** A-ASSOCIATE-RQ (PS3.8 9.3.2). */
export function associateRequest({ calling = 'STORESCU', called = 'KAKEHASHI', abstractSyntax = verification } = {}) {
    const context = Buffer.concat([Buffer.from([1, 0, 0, 0]), item(0x30, Buffer.from(abstractSyntax)), item(0x40, Buffer.from(explicitLittle))]);
    const longest = Buffer.alloc(4);
    longest.writeUInt32BE(16384);
    const user = Buffer.concat([item(0x51, longest), item(0x52, Buffer.from('1.2.826.0.1.3680043.10.9'))]);
    const version = Buffer.from([0, 1, 0, 0]);
    return pdu(1, Buffer.concat([version, title(called), title(calling), Buffer.alloc(32), item(0x10, Buffer.from('1.2.840.10008.3.1.1.1')), item(0x20, context), item(0x50, user)]));
}

/** P-DATA-TF of one PDV (PS3.8 9.3.5). */
export function dataPdu(bytes, { command = false, last = true } = {}) {
    const head = Buffer.alloc(6);
    head.writeUInt32BE(bytes.length + 2, 0);
    head[4] = 1;
    head[5] = (command ? 1 : 0) + (last ? 2 : 0);
    return pdu(4, Buffer.concat([head, bytes]));
}

function commandElement(element, value) {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(element, 2);
    head.writeUInt32LE(value.length, 4);
    return Buffer.concat([head, value]);
}
const shortValue = (number) => { const bytes = Buffer.alloc(2); bytes.writeUInt16LE(number); return bytes; };
const uidValue = (uid) => Buffer.from(uid.length % 2 ? `${uid}\0` : uid);

/** A command set (PS3.7 E.1): elements in order, group length first. */
function commandPdu(elements) {
    const body = Buffer.concat(elements.map(([element, value]) => commandElement(element, value)));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    return dataPdu(Buffer.concat([commandElement(0x0000, length), body]), { command: true });
}

export const echoRequest = (id = 1) => commandPdu([[0x0002, uidValue(verification)], [0x0100, shortValue(0x0030)], [0x0110, shortValue(id)], [0x0800, shortValue(0x0101)]]);
export const storeRequest = (sopInstanceUid, id = 1) => commandPdu([[0x0002, uidValue(ctStorage)], [0x0100, shortValue(0x0001)], [0x0110, shortValue(id)],
    [0x0700, shortValue(0)], [0x0800, shortValue(1)], [0x1000, uidValue(sopInstanceUid)]]);
export const releaseRequest = () => pdu(5, Buffer.alloc(4));

/** A connection that reads whole PDUs. */
export class Peer {
    /** secure: {key, certificate, ca} of files, by TLS. */
    static async connect(port, secure) {
        const peer = new Peer();
        Object.assign(peer, { bytes: Buffer.alloc(0), waiting: [], ended: false });
        peer.socket = secure ? tls.connect({ port, host: '127.0.0.1', servername: 'localhost', key: fs.readFileSync(secure.key), cert: fs.readFileSync(secure.certificate), ca: fs.readFileSync(secure.ca) }) : net.connect(port, '127.0.0.1');
        peer.socket.setNoDelay(true);
        peer.closed = new Promise((resolve) => { peer.socket.once('close', () => { peer.ended = true; peer.#serve(); resolve(); }); });
        peer.socket.on('data', (data) => { peer.bytes = Buffer.concat([peer.bytes, data]); peer.#serve(); });
        peer.socket.on('error', () => {});
        await new Promise((resolve, reject) => { peer.socket.once(secure ? 'secureConnect' : 'connect', resolve); peer.socket.once('error', reject); });
        return peer;
    }

    /** Connected and accepted. */
    static async associate(port, { secure, ...options } = {}) {
        const peer = await Peer.connect(port, secure);
        peer.send(associateRequest(options));
        const answer = await peer.receive();
        if (answer?.type !== 2) throw new Error(`no A-ASSOCIATE-AC but ${answer ? `PDU ${answer.type}: ${answer.body.toString('hex')}` : 'the end'}`);
        return peer;
    }

    send(bytes) { this.socket.write(bytes); }

    /** The next PDU as {type, body}, null at the end of the connection. */
    receive() {
        return new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error('no PDU came')), 30000 * slow);
            this.waiting.push((one) => { clearTimeout(late); resolve(one); });
            this.#serve();
        });
    }

    #serve() {
        while (this.waiting.length > 0) {
            const size = this.bytes.length >= 6 ? 6 + this.bytes.readUInt32BE(2) : Infinity;
            if (this.bytes.length >= size) {
                const one = { type: this.bytes[0], body: this.bytes.subarray(6, size) };
                this.bytes = this.bytes.subarray(size);
                this.waiting.shift()(one);
            } else if (this.ended) {
                this.waiting.shift()(null);
            } else {
                return;
            }
        }
    }

    /** C-ECHO; its status. */
    async echo(id = 1) {
        this.send(echoRequest(id));
        const { type, body } = await this.receive();
        if (type !== 4) throw new Error(`PDU ${type} to a C-ECHO`);
        for (let at = 6; at + 8 <= body.length; at += 8 + body.readUInt32LE(at + 4))
            if (body.readUInt16LE(at + 2) === 0x0900) return body.readUInt16LE(at + 8);
        throw new Error('a response without a status');
    }

    async release() {
        this.send(releaseRequest());
        await this.receive();
        this.socket.destroy();
    }
}
