// documents.js - what is no picture, beside the pictures: reports, PDFs, electrocardiograms, videos. A report is put together here from its words; the
// others are shown by the browser itself, from answers in which nothing runs.

import { getInstances, getReport, renderedUrl } from './api.js';
import { icon, loadStyles, make, setText } from './dom.js';
import * as format from './format.js';
import { failureText, language, loadWords, t } from './i18n.js';

const REPORTS = '1.2.840.10008.5.1.4.1.1.88.';
const WAVEFORMS = '1.2.840.10008.5.1.4.1.1.9.';
const PDF = '1.2.840.10008.5.1.4.1.1.104.1';
const VIDEOS = ['1.2.840.10008.5.1.4.1.1.77.1.1.1', '1.2.840.10008.5.1.4.1.1.77.1.2.1', '1.2.840.10008.5.1.4.1.1.77.1.4.1'];

const KINDS = { SR: 'report', DOC: 'pdf', ECG: 'ecg' }; // by modality: what a document is called that has no name

/** "report", "pdf", "waveform", "video"; null for what cannot be shown. Pure. */
export function kindOf(sopClass) {
    if (sopClass.startsWith(REPORTS)) return 'report';
    if (sopClass.startsWith(WAVEFORMS)) return 'waveform';
    if (sopClass === PDF) return 'pdf';
    return VIDEOS.includes(sopClass) ? 'video' : null;
}

/** DICOM JSON of an instance, as much of it as is looked at. Pure. */
export const instanceOf = (row) => ({
    sopClass: row['00080016']?.Value?.[0] ?? '',
    uid: row['00080018']?.Value?.[0] ?? '',
    number: row['00200013']?.Value?.[0] ?? null,
});

/** An item of a report with what is below it: headings for containers, lines for the rest. Words go in as words. */
function reportItem(item, depth) {
    const concept = item.querySelector(':scope > concept')?.textContent ?? '';
    const value = item.querySelector(':scope > value')?.textContent ?? '';
    const children = [...item.children].filter((one) => one.nodeName === 'item').map((one) => reportItem(one, depth + 1));
    if (item.getAttribute('type') === 'CONTAINER')
        return make('section', {}, concept ? make(`h${Math.min(6, depth + 2)}`, {}, make('bdi', {}, concept)) : null, children);
    return make('div', { class: 'report-item' }, concept ? make('b', {}, make('bdi', {}, concept)) : null, make('bdi', {}, value), children);
}

/** The words of a fact of a report's head: its name and its value as a reader writes them (PS3.3 C.17.2). Pure but for the language. */
export function factWords(name, value) {
    const label = t(`document.fact.${name}`);
    const title = label.startsWith('document.') ? name : label;
    if (/ Date$/.test(name)) return [title, format.date(value, language()) || value];
    if (/ Time$/.test(name)) return [title, format.time(value) || value];
    if (name === 'Patient') return [title, format.romanName(value)];
    const word = t(`document.value.${value}`);
    return [title, word.startsWith('document.') ? value : word];
}

function reportElement(text) {
    const xml = new DOMParser().parseFromString(text, 'text/xml');
    const facts = [...xml.querySelectorAll('report > fact')]
        .filter((fact) => fact.textContent.trim())
        .map((fact) => factWords(fact.getAttribute('name'), fact.textContent.trim()))
        .map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, make('bdi', {}, value))));
    const items = [...(xml.querySelector('report')?.children ?? [])].filter((one) => one.nodeName === 'item');
    return make('article', { class: 'report' }, make('dl', {}, facts), items.map((item) => reportItem(item, 0)));
}

export class DocumentPanel {
    constructor(page) {
        this.page = page;
        this.title = make('h2');
        this.closeButton = make('button', { type: 'button', class: 'tool', onclick: () => this.hide() }, icon('close'));
        this.apart = make('a', { class: 'tool', target: '_blank', rel: 'noopener', hidden: true }, icon('fullScreen'));
        this.list = make('div', { class: 'document-list', hidden: true });
        this.body = make('div', { class: 'document-body', tabindex: '0' });
        this.element = make('aside', { class: 'document-panel', hidden: true }, make('header', {}, this.title, this.apart, this.closeButton), this.list, this.body);
        page.element.append(this.element);
        this.translate();
    }

    translate() {
        this.closeButton.setAttribute('aria-label', t('action.close'));
        this.apart.setAttribute('aria-label', t('document.apart'));
        this.apart.dataset.tip = t('document.apart');
        this.element.setAttribute('aria-label', t('document.title'));
    }

    /** video: the series' pictures are one. */
    async show(study, series, { video = false } = {}) {
        this.video = video;
        this.opening?.abort();
        this.opening = new AbortController();
        this.page.element.classList.add('with-document');
        this.element.hidden = false;
        this.title.replaceChildren(make('bdi', {}, series.description || t(`document.kind.${KINDS[series.modality] ?? 'other'}`)));
        this.body.replaceChildren(make('i', { class: 'spinner large' }));
        try {
            const rows = (await getInstances(study.uid, series.uid, this.opening.signal)).map(instanceOf);
            rows.sort((a, b) => (a.number ?? 0) - (b.number ?? 0));
            this.#list(study, series, rows);
            if (rows.length > 0) await this.#open(study, series, rows[0]);
        } catch (error) {
            this.#failed(error);
        }
    }

    #list(study, series, rows) {
        this.list.hidden = rows.length < 2;
        this.list.replaceChildren(
            ...rows.map((row, index) => {
                const open = () => this.#open(study, series, row).catch((error) => this.#failed(error));
                return make('button', { type: 'button', class: 'button', dataset: { uid: row.uid }, onclick: open }, String(row.number ?? index + 1));
            }),
        );
    }

    #failed(error) {
        if (error.name === 'AbortError') return;
        this.body.replaceChildren(make('p', { class: 'document-problem', role: 'alert' }, error.status === 404 ? t('viewer.notFoundText') : failureText(error)));
    }

    async #open(study, series, row) {
        const url = renderedUrl(study.uid, series.uid, row.uid);
        const kind = kindOf(row.sopClass) ?? (this.video ? 'video' : null); // as its transfer syntax has it: any multi-frame class can be one
        this.apart.hidden = kind !== 'pdf' && kind !== 'waveform';
        this.apart.setAttribute('href', url);
        for (const button of this.list.children) button.setAttribute('aria-pressed', String(button.dataset.uid === row.uid));
        this.body.dataset.kind = kind ?? 'none';
        if (kind === 'report') this.body.replaceChildren(reportElement(await getReport(url, this.opening.signal)));
        else if (kind === 'pdf') this.body.replaceChildren(make('iframe', { src: url, title: this.title.textContent }));
        else if (kind === 'waveform') this.body.replaceChildren(make('img', { src: url, alt: this.title.textContent }));
        else if (kind === 'video') this.body.replaceChildren(make('video', { src: url, controls: true }));
        else this.body.replaceChildren(make('p', { class: 'document-problem' }, t('document.none')));
    }

    hide() {
        this.opening?.abort();
        this.body.replaceChildren();
        this.element.hidden = true;
        this.page.element.classList.remove('with-document');
    }

    /** Nobody is there: the words are off the screen, and come back with the reader. */
    blank(on) {
        this.body.hidden = on;
        if (on) this.body.querySelector('video')?.pause();
        this.title.hidden = on;
    }

    shut() {
        this.hide();
        this.list.replaceChildren();
        setText(this.title, '');
    }

    close() {
        this.opening?.abort();
    }
}

/** The panel of a page, made when it is first wanted. */
export async function documentsOf(page) {
    await Promise.all([loadStyles('documents'), loadWords('documents')]);
    if (!page.documents) {
        page.documents = new DocumentPanel(page);
        page.parts.push(page.documents);
    }
    return page.documents;
}
