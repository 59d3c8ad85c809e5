// Raw bytes on the HTTP port, below the portal's addresses and below /dicomweb alike: requests that two parsers in a row could read
// differently get one refusal and the end of the connection, never two answers, and what follows them is never read as a request. The same
// with nginx in between, when there is one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, phantomFiles, Service, start, temporaryFolder, until } from '../lib/service.mjs';

const needsNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false;
const BOUNDARY = 'x';
let service, nginx, nginxPort;

before(async () => {
    service = await Service.start({ files: [phantomFiles(6)[0]] });
    if (needsNginx) return;
    const folder = temporaryFolder('kh-nginx');
    nginxPort = await freePort();
    fs.writeFileSync(path.join(folder, 'nginx.conf'), `
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
    upstream behind { server 127.0.0.1:${service.httpPort}; keepalive 4; }
    server {
        listen 127.0.0.1:${nginxPort};
        location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_request_buffering off; }
    }
}
`);
    nginx = start('nginx', ['-p', folder, '-e', path.join(folder, 'error.log'), '-c', path.join(folder, 'nginx.conf')]);
    await until('nginx listens', () => new Promise((resolve) => {
        const socket = net.connect(nginxPort, '127.0.0.1', () => { socket.destroy(); resolve(true); });
        socket.on('error', () => resolve(false));
    }));
});
after(async () => {
    nginx?.kill('SIGQUIT');
    await nginx?.ended;
    await service.stop();
});

const HOST = 'Host: localhost\r\n';
/** What a filter before us would take for the body, or for the next request. */
const NEXT = `GET /health?smuggled HTTP/1.1\r\n${HOST}\r\n`;

/** Two doors: what is asked, and what a POST needs to come as far as its body. */
const doors = {
    portal: { get: '/api/studies', post: '/api/studies/1/recall', extra: 'Origin: http://localhost\r\nContent-Type: application/json\r\n' },
    dicomweb: { get: '/dicomweb/studies', post: '/dicomweb/studies', extra: `Content-Type: multipart/related; type="application/dicom"; boundary=${BOUNDARY}\r\n` },
};

const chunked = 'Transfer-Encoding: chunked\r\n';
const post = (door, lines, body) => `POST ${door.post} HTTP/1.1\r\n${HOST}${door.extra}${lines}\r\n${body}`;
const get = (door, lines, { target = door.get, first = `GET ${target} HTTP/1.1\r\n`, end = '\r\n' } = {}) => `${first}${HOST}${lines}${end}`;
const cases = [
    ['two lengths that differ', (door) => post(door, `Content-Length: 3\r\nContent-Length: ${NEXT.length + 3}\r\n`, 'abc')],
    ['two lengths that agree', (door) => post(door, 'Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
    ['a list of lengths', (door) => post(door, 'Content-Length: 3, 3\r\n', 'abc')],
    ['a length with a sign', (door) => post(door, 'Content-Length: +3\r\n', 'abc')],
    ['a negative length', (door) => post(door, 'Content-Length: -1\r\n', 'abc')],
    ['a hexadecimal length', (door) => post(door, 'Content-Length: 0x3\r\n', 'abc')],
    ['a length of 2^64', (door) => post(door, 'Content-Length: 18446744073709551616\r\n', ''), [400, 413]],
    ['length, then chunked', (door) => post(door, `Content-Length: 5\r\n${chunked}`, '0\r\n\r\n')],
    ['chunked, then length', (door) => post(door, `${chunked}Content-Length: 5\r\n`, '0\r\n\r\n')],
    ['chunked twice', (door) => post(door, chunked + chunked, '0\r\n\r\n')],
    ['chunked in another writing', (door) => post(door, 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), [400, 501]],
    ['chunked, identity', (door) => post(door, 'Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), [400, 501]],
    ['chunked behind a vertical tab', (door) => post(door, 'Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), [400, 501]],
    ['chunked behind a space before the colon', (door) => post(door, `Content-Length: 5\r\nTransfer-Encoding : chunked\r\n`, '0\r\n\r\n')],
    ['chunked on a folded line', (door) => post(door, 'Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['chunked behind a NUL', (door) => post(door, 'Content-Length: 5\r\nX: a\0b\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['a length without a name before it', (door) => get(door, ': x\r\nContent-Length: 3\r\n')],
    ['a line without a colon', (door) => get(door, 'nothing\r\n')],
    ['a line that ends in LF alone', (door) => get(door, 'X: y\nTransfer-Encoding: chunked\r\n')],
    ['a carriage return inside a line', (door) => get(door, 'X: y\rZ: a\r\n')],
    ['two hosts', (door) => get(door, 'Host: other\r\n')],
    ['no host', (door) => `GET ${door.get} HTTP/1.1\r\n\r\n`],
    ['a space in the target', (door) => get(door, '', { target: `${door.get} x` })],
    ['two spaces before the target', (door) => get(door, '', { first: `GET  ${door.get} HTTP/1.1\r\n` })],
    ['a NUL in the target', (door) => get(door, '', { target: `${door.get}\0x` })],
    ['an encoded NUL', (door) => get(door, '', { target: `${door.get}%00x` })],
    ['encoded dots', (door) => get(door, '', { target: `${door.get}/%2e%2e/%2E%2e/health` }), [400, 404]],
    ['plain dots', (door) => get(door, '', { target: `${door.get}/../../health` })],
    ['an encoded slash', (door) => get(door, '', { target: `${door.get}/..%2f..%2fhealth` })],
    ['overlong UTF-8', (door) => get(door, '', { target: `${door.get}?PatientName=%c0%af` })],
    ['an encoded line end', (door) => get(door, '', { target: `${door.get}?PatientName=a%0d%0aX:%20y` })],
    ['a fragment', (door) => get(door, '', { target: `${door.get}#x` })],
    ['1,000 headers', (door) => get(door, Array.from({ length: 1000 }, (_, i) => `X-${i}: y\r\n`).join('')), [400, 431]],
    ['a header of 64 KiB', (door) => get(door, `X: ${'y'.repeat(65536)}\r\n`), [400, 431]],
    ['a target of 64 KiB', (door) => get(door, '', { target: `${door.get}?PatientID=${'y'.repeat(65536)}` }), [400, 414, 431]],
    ['HTTP/1.2 and more', (door) => get(door, '', { first: `GET ${door.get} HTTP/9.9\r\n` }), [400, 505]],
];

/** Everything that comes back until the other side closes. */
function exchange(port, bytes) {
    return new Promise((resolve, reject) => {
        let text = '';
        const socket = net.connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
        socket.on('data', (data) => { text += data.toString('latin1'); });
        socket.on('error', () => {}); // it may be closed while we still send
        socket.on('close', () => resolve(text));
        socket.setTimeout(20000, () => { socket.destroy(); reject(new Error(`still open after:\n${text.slice(0, 400)}`)); });
    });
}
const answers = (text) => [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1]));
/** libmicrohttpd 0.9.75 writes the head of a refusal of its own twice, which it can do for a Content-Length that is no number: a reader takes the
 *  second for the page that the first announces, and the connection ends. */
const withoutRepeatedHead = (text) => {
    const end = text.indexOf('\r\n\r\n') + 4;
    const head = text.slice(0, end);
    return text.startsWith(head, end) && /<title>Request/.test(text) ? text.slice(end) : text;
};

for (const [name, door] of Object.entries(doors)) {
    for (const [what, make, codes = [400]] of cases) {
        test(`${name}: ${what}`, async () => {
            const text = withoutRepeatedHead(await exchange(service.httpPort, make(door) + NEXT));
            const got = answers(text);
            assert.equal(got.length <= 1, true, `${got.length} answers:\n${text}`);
            // libmicrohttpd itself closes without a word on some of them.
            if (got.length === 1) assert.ok(codes.includes(got[0]), `${got[0]}, expected ${codes}:\n${text.slice(0, 600)}`);
            assert.ok(!text.includes('"roles"'), 'what followed was read as a request');
            assert.equal((await service.request('/health')).code, 200);
        });
        test(`${name} behind nginx: ${what}`, { skip: needsNginx }, async () => {
            const text = await exchange(nginxPort, `${make(door)}${NEXT.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`);
            const got = answers(text);
            assert.ok(got.length <= 2, `${got.length} answers:\n${text}`); // what nginx mends, and what followed
            // Had we read more or fewer requests than nginx sent, those who come through its connections next would get what others asked for.
            for (let i = 0; i < 8; i++) {
                const [next] = await Promise.all([0, 1].map(() => exchange(nginxPort, `GET /dicomweb/studies?limit=1 HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)));
                assert.deepEqual(answers(next), [200], next);
                assert.match(next, /0020000D/);
            }
        });
    }
}
