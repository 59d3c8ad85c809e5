// multipart.mjs - answers of several parts, taken apart.
import assert from 'node:assert/strict';

/** [{headers, body}] by the boundary and, where there is one, each part's Content-Length. */
export function partsOf(answer) {
    const boundary = /boundary="?([^";]+)/.exec(answer.headers['content-type'])[1];
    const parts = [];
    let at = answer.body.indexOf(`--${boundary}`);
    for (;;) {
        const start = at + boundary.length + 2;
        if (answer.body.subarray(start, start + 2).toString() === '--') return parts;
        const blank = answer.body.indexOf('\r\n\r\n', start);
        const headers = Object.fromEntries(answer.body.subarray(start + 2, blank).toString().split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
        const end = blank + 4 + Number(headers['content-length']);
        parts.push({ headers, body: answer.body.subarray(blank + 4, end) });
        assert.equal(answer.body.subarray(end, end + boundary.length + 4).toString(), `\r\n--${boundary}`);
        at = end + 2;
    }
}

const BOUNDARY = 'kakehashi-7MA4YWxk';

/** {headers, body} of a request with these parts: [{type, location, body}]; kind: the type of the whole. */
export function bodyOf(kind, parts) {
    const lines = (part) => [part.type && `Content-Type: ${part.type}`, part.location && `Content-Location: ${part.location}`].filter(Boolean).map((line) => `${line}\r\n`).join('');
    return {
        headers: { 'content-type': `multipart/related; type="${kind}"; boundary=${BOUNDARY}` },
        body: Buffer.concat([...parts.flatMap((part) => [Buffer.from(`--${BOUNDARY}\r\n${lines(part)}\r\n`), Buffer.from(part.body), Buffer.from('\r\n')]), Buffer.from(`--${BOUNDARY}--\r\n`)]),
    };
}
