// ohif_site.mjs - OHIF as a site beside the service, on the same address and line: its files compressed once, and DICOMweb handed on to the
// service in a person's name, on the same machine, so that no page of its has to ask twice for the right to ask.
//
//   node bench/ohif_site.mjs DIST PORT CERTIFICATE KEY SERVICE_URL TOKEN    tells "ready", runs until it is ended
import fs from 'node:fs';
import https from 'node:https';
import zlib from 'node:zlib';
import { ohifAnswer, ohifConfig } from '../tests/lib/ohif.mjs';

const [dist, port, certificate, key, service, token] = process.argv.slice(2);
const own = new URL(service);
own.port = port;
const agent = new https.Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false }); // the certificate of this very run
const packed = new Map(); // file -> its bytes, compressed

function pack(file) {
    if (!packed.has(file)) packed.set(file, zlib.gzipSync(fs.readFileSync(file)));
    return packed.get(file);
}

function handOn(request, answer) {
    const { accept, 'accept-encoding': encoding = 'identity' } = request.headers;
    const asked = https.get(`${service}${request.url}`, { agent, headers: { accept, 'accept-encoding': encoding, authorization: `Bearer ${token}` } }, (got) => {
        const { connection, 'transfer-encoding': transfer, ...headers } = got.headers;
        answer.writeHead(got.statusCode, { ...headers, 'cross-origin-resource-policy': 'same-origin' });
        got.pipe(answer);
    });
    asked.on('error', () => answer.destroy());
    answer.on('close', () => asked.destroy());
}

https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key), minVersion: 'TLSv1.3' }, (request, answer) => {
    if (request.url.startsWith('/dicomweb/')) return void handOn(request, answer);
    const { file, isConfig, headers } = ohifAnswer(dist, request.url);
    const bytes = isConfig ? zlib.gzipSync(ohifConfig(`${own.origin}/dicomweb`)) : pack(file);
    answer.writeHead(200, { ...headers, 'Content-Encoding': 'gzip', 'Content-Length': bytes.length, 'Cache-Control': 'private, max-age=3600' });
    answer.end(bytes);
}).listen(Number(port), () => console.log('ready'));
