// stow.mjs - whole files sent by STOW-RS (PS3.18 10.5), for tests of the service rather than of the message.
import fs from 'node:fs';

const BOUNDARY = 'kakehashi-part';

/** {code, stored: [UID], failed: [[UID, reason]], others: [reason]}: what the answer says of each object. */
export async function stow(service, files) {
    const parts = files.map((file) => Buffer.concat([Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n`), fs.readFileSync(file), Buffer.from('\r\n')]));
    const headers = { 'content-type': `multipart/related; type="application/dicom"; boundary=${BOUNDARY}` };
    const { code, body } = await service.request('/dicomweb/studies', { method: 'POST', headers, body: Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]) });
    const told = /^\{/.test(body.toString()) ? JSON.parse(body) : {};
    const items = (tag) => told[tag]?.Value ?? [];
    const uid = (item) => item['00081155']?.Value[0];
    const reason = (item) => item['00081197'].Value[0];
    return { code, stored: items('00081199').map(uid), failed: items('00081198').map((item) => [uid(item), reason(item)]), others: items('0008119A').map(reason) };
}
