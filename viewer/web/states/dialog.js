// dialog.js - which presentation states there are for the slice on the screen: chosen by mouse, finger or keys.

import { make } from '../dom.js';
import * as format from '../format.js';
import { failureText, language, t } from '../i18n.js';
import { openDialog } from '../dialog.js';

export const titleOf = ({ label, description }) => [label || t('states.unnamed'), description].filter(Boolean).join(' – ');

function whose({ creator, facility, at, ours }) {
    const [date, time] = (at ?? '').split('T');
    const when = date ? [format.date(date.replaceAll('-', ''), language()), time?.slice(0, 5)].filter(Boolean).join(' ') : '';
    return [creator || (ours ? t('states.ours') : t('states.nobody')), facility, when].filter(Boolean).join(' · ');
}

/** What of a state is not applied, in one line; "" when all of it is. */
export function untoldOf({ problem, not_applied: list, areas }, aspect) {
    if (problem) return t('states.problem', { text: problem });
    const names = list.map((name) => t(`states.not.${name}`));
    if (areas.some((area) => area.aspect !== null && Math.abs(area.aspect / aspect - 1) > 0.01)) names.push(t('states.not.aspect'));
    return names.length > 0 ? t('states.not', { list: names.join(t('states.comma')) }) : '';
}

function choice(state, { chosen, aspect, choose }) {
    const untold = untoldOf(state, aspect);
    const lines = [make('strong', {}, titleOf(state)), make('span', { class: 'soft' }, whose(state))];
    if (untold) lines.push(make('span', { class: 'state-untold' }, untold));
    return make('button', { type: 'button', role: 'radio', class: 'state-choice', 'aria-checked': String(chosen), disabled: Boolean(state.problem), dataset: { state: state.id }, onclick: choose }, lines);
}

/** Up and down go from one to the next. */
function onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const stops = [...event.currentTarget.querySelectorAll('button:not(:disabled)')];
    const at = stops.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    stops[(at + step + stops.length) % stops.length].focus();
}

/** asked: the promise of the states of the slice. choose(state) or choose(null). */
export async function openStates(asked, { chosen, aspect, choose }) {
    const list = make('div', { class: 'state-list', role: 'radiogroup', 'aria-label': t('action.states') }, make('p', { class: 'soft', role: 'status' }, t('states.asking')));
    list.addEventListener('keydown', onKey);
    const { element, close } = openDialog(t('action.states'), [list]);
    element.classList.add('states-dialog');
    const failure = make('p', { role: 'alert', class: 'state-untold', hidden: true });
    const pick = (state) => async () => {
        try {
            await choose(state);
            close();
        } catch (error) {
            failure.hidden = false;
            failure.textContent = failureText(error);
        }
    };
    let states;
    try {
        states = await asked;
    } catch (error) {
        list.replaceChildren(make('p', { role: 'alert' }, failureText(error)));
        return;
    }
    if (states.length === 0) {
        list.replaceChildren(make('p', { class: 'soft', role: 'status' }, t('states.none')));
        return;
    }
    const plain = make('button', { type: 'button', role: 'radio', class: 'state-choice', 'aria-checked': String(chosen === null), dataset: { state: '' }, onclick: pick(null) }, make('strong', {}, t('states.plain')));
    list.replaceChildren(failure, plain, ...states.map((state) => choice(state, { chosen: state.id === chosen, aspect, choose: pick(state) })));
    (list.querySelector('[aria-checked=true]') ?? plain).focus();
}
