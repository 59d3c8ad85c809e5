// later.js - parts of the page that are loaded when they are first used. The service has the files of one version only (docs/http-api.md): a page that is
// open since before an upgrade, and needs one more, is loaded anew, and says so.

import { fileUrl } from './api.js';

const KEY = 'kakehashi.renewed'; // when the page was loaded anew for that, in this tab
const AGAIN_MS = 60000; // not for the same reason before: something else is wrong then
const TOLD_MS = 10000; // who comes back later is not told any more

/** Does the service know nothing of this page's files? A line that is down tells nothing. */
async function isGone() {
    try {
        return (await fetch(fileUrl('main.js'), { method: 'HEAD', cache: 'no-store' })).status === 404;
    } catch {
        return false;
    }
}

const lastAt = () => Number(sessionStorage.getItem(KEY)) || 0;

/** load() as import() does it; what fails because the page is of an older version ends this page. */
export async function later(load) {
    try {
        return await load();
    } catch (error) {
        if (!(await isGone()) || Date.now() - lastAt() < AGAIN_MS) throw error;
        sessionStorage.setItem(KEY, String(Date.now()));
        location.reload();
        return new Promise(() => {});
    }
}

/** Was the page loaded anew just now, since the service was upgraded? */
export const wasRenewed = () => Date.now() - lastAt() < TOLD_MS;
