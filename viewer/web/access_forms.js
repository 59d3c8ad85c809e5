// access_forms.js - parts of the pages of sign-in and account: fields with labels, a form that says what is wrong, a QR code, the second factor.

import { askAccount } from './api.js';
import { icon, make } from './dom.js';
import { failureText, language, t } from './i18n.js';

const SVG = 'http://www.w3.org/2000/svg';
const QUIET = 4; // modules around a QR code (ISO/IEC 18004)
let fields = 0;

/** A labelled input. options: type, autocomplete, hint, and attributes of the input. */
export function field(label, { type = 'text', hint = null, ...rest } = {}) {
    const id = `field-${++fields}`;
    const input = make('input', { id, type, 'aria-describedby': hint ? `${id}-hint` : null, ...rest });
    const parts = [make('label', { for: id }, label), input];
    if (type === 'password') parts[1] = make('div', { class: 'with-eye' }, input, eye(input));
    if (hint) parts.push(make('small', { id: `${id}-hint`, class: 'hint' }, hint));
    return { input, element: make('div', { class: 'form-field' }, parts) };
}

/** Shows a password while it is typed on a tablet's keys. */
function eye(input) {
    const button = make('button', { type: 'button', class: 'eye', 'aria-pressed': 'false', 'aria-label': t('access.show') }, t('access.showShort'));
    button.addEventListener('click', () => {
        const shown = input.type === 'password';
        input.type = shown ? 'text' : 'password';
        button.setAttribute('aria-pressed', String(shown));
        input.focus();
    });
    return button;
}

/** "30 s", "5 min" of a wait, in the reader's language. */
export function waitText(ms) {
    const seconds = Math.ceil(ms / 1000);
    const [value, unit] = seconds < 90 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
    return new Intl.NumberFormat(language(), { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

/** What went wrong, in words of ours. */
export function problemText(error) {
    if (error.status === 0) return t('error.unreachable');
    if (error.status === 429) return t('access.wait', { time: waitText(error.retryAfterMs || 1000) });
    const key = `access.problem.${error.kind}`;
    const text = t(key);
    return text === key ? failureText(error) : text;
}

/** A form: heading, parts, one button; send() may throw an ApiError, which is told above the button. */
export function form({ title, text, parts = [], yes, send, more = [], level = 'h1' }) {
    const problem = make('p', { class: 'form-problem', role: 'alert' });
    const button = make('button', { type: 'submit', class: 'button primary wide' }, yes);
    const element = make(
        'form',
        { class: 'access-form', novalidate: true },
        title ? make(level, {}, title) : null,
        text ? make('p', { class: 'soft' }, text) : null,
        parts,
        problem,
        button,
        more,
    );
    const tell = (words) => {
        problem.textContent = '';
        if (words) problem.append(icon('warning', 'icon small'), make('span', {}, words));
    };
    element.addEventListener('input', () => tell(''));
    element.addEventListener('submit', async (event) => {
        event.preventDefault();
        const empty = [...element.querySelectorAll('input[required]')].find((input) => input.value === '');
        if (empty) {
            empty.focus();
            tell(t('access.empty'));
            return;
        }
        button.disabled = true;
        tell('');
        try {
            await send();
        } catch (error) {
            tell(error.words ?? problemText(error));
            const again = element.querySelector('input[data-again]');
            if (again) again.value = '';
            (again ?? element.querySelector('input'))?.focus();
        }
        button.disabled = false;
    });
    return { element, tell };
}

/** An error of ours, before anything was sent. */
export function wrong(words) {
    const error = new Error(words);
    error.words = words;
    return error;
}

/** New password, twice. */
export function newPassword(minimum) {
    const first = field(t('access.newPassword'), {
        type: 'password',
        autocomplete: 'new-password',
        required: true,
        maxlength: '128',
        hint: t('access.passwordRule', { n: minimum }),
    });
    const again = field(t('access.repeat'), { type: 'password', autocomplete: 'new-password', required: true, maxlength: '128' });
    return {
        elements: [first.element, again.element],
        input: first.input,
        value() {
            if ([...first.input.value].length < minimum) throw wrong(t('access.problem.short', { n: minimum }));
            if (first.input.value !== again.input.value) throw wrong(t('access.problem.differ'));
            return first.input.value;
        },
    };
}

/** Six digits from the app, or a recovery code. */
export function codeField(recovery = false) {
    return field(t(recovery ? 'access.recoveryCode' : 'access.code'), {
        inputmode: recovery ? 'text' : 'numeric',
        autocomplete: 'one-time-code',
        autocapitalize: 'off',
        spellcheck: 'false',
        maxlength: '32',
        required: true,
        class: 'code',
        'data-again': true,
        hint: recovery ? t('access.recoveryHint') : t('access.codeHint'),
    });
}

/** rows: ["1011...", ...], 1 is dark. One path on white, with the quiet zone. */
export function qrCode(rows, label) {
    const svg = document.createElementNS(SVG, 'svg');
    const ground = document.createElementNS(SVG, 'rect');
    const path = document.createElementNS(SVG, 'path');
    const side = rows.length + 2 * QUIET;
    let d = '';
    rows.forEach((row, y) => {
        for (const match of row.matchAll(/1+/g)) d += `M${match.index + QUIET} ${y + QUIET}h${match[0].length}v1h-${match[0].length}z`;
    });
    svg.setAttribute('viewBox', `0 0 ${side} ${side}`);
    svg.setAttribute('class', 'qr');
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
    svg.setAttribute('shape-rendering', 'crispEdges');
    ground.setAttribute('width', String(side));
    ground.setAttribute('height', String(side));
    ground.setAttribute('fill', '#fff');
    path.setAttribute('d', d);
    path.setAttribute('fill', '#000');
    svg.append(ground, path);
    return svg;
}

/** Recovery codes, shown once, to be copied or printed; done() when they are kept. One alone is a secret for a program: it is not for paper. */
export function recoveryCodes(codes, done, level = 'h1') {
    const text = codes.join('\n');
    const copied = make('span', { role: 'status' });
    const copy = make(
        'button',
        {
            type: 'button',
            class: 'button',
            onclick: () => navigator.clipboard?.writeText(text).then(() => (copied.textContent = t('access.copied'))),
        },
        t('access.copy'),
    );
    const print = codes.length > 1 && make('button', { type: 'button', class: 'button', onclick: () => globalThis.print() }, t('access.print'));
    return make(
        'div',
        { class: 'access-form recovery' },
        make(level, {}, t('access.recoveryTitle')),
        make('p', { class: 'soft' }, t('access.recoveryText')),
        make('ol', { class: 'codes' }, codes.map((code) => make('li', {}, make('code', {}, code)))),
        make('div', { class: 'form-acts' }, copied, copy, print),
        make('button', { type: 'button', class: 'button primary wide', onclick: done }, t('access.kept')),
    );
}

/** Enrolling the second factor: shows itself in `root`, calls done() when the codes are kept. password: of who is signed in already. */
export async function enrol(root, done, { level = 'h1', password = '' } = {}) {
    const begun = await askAccount('totp/begin', password ? { password } : {});
    const code = codeField();
    const { element } = form({
        title: t('access.enrolTitle'),
        text: t('access.enrolText'),
        level,
        parts: [
            qrCode(begun.qr, t('access.qr')),
            make(
                'details',
                { class: 'secret' },
                make('summary', {}, t('access.byHand')),
                make('code', {}, begun.secret.replace(/(.{4})(?=.)/g, '$1 ')),
            ),
            code.element,
        ],
        yes: t('access.confirm'),
        send: async () => {
            const { recovery } = await askAccount('totp/confirm', { code: code.input.value.replace(/\s/g, '') });
            root.replaceChildren(recoveryCodes(recovery, done, level));
        },
    });
    root.replaceChildren(element);
    code.input.focus();
}
