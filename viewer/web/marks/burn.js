// burn.js - marks drawn onto a picture that is taken along: the service made it, whole and upright, with words below it; lines and labels grow with it, so that
// they can be read on a small one and on a large one.

import { strokes } from './figure.js';
import { labelLines, wrap } from './label_text.js';
import { boxAt, leader, placeAtVertex, placeLabel, within } from './label_place.js';
import { bounds, outline } from './shapes.js';
import { t } from '../i18n.js';

const UNITS_ACROSS = 768; // of the picture's longer side: what is drawn is as large in it as on a screen of that size
const FONT_PX = 15;
const LINE_PX = 20;
const TEXT_MAX_PX = 260;
const LEADER_FROM_PX = 22;
const INKS = { own: '#ffe14d', other: '#8fdcff' };
const SEAM = 'rgba(0, 0, 0, 0.65)';
const PLATE = 'rgba(0, 0, 0, 0.45)'; // behind words, which may lie on bone

function drawn(pen, d, ink, width, dash = []) {
    const path = new Path2D(d);
    pen.setLineDash([]);
    pen.lineWidth = width + 2.2;
    pen.strokeStyle = SEAM;
    pen.stroke(path);
    pen.setLineDash(dash);
    pen.lineWidth = width;
    pen.strokeStyle = ink;
    pen.stroke(path);
}

function write(pen, lines, box, ink) {
    pen.fillStyle = PLATE;
    pen.fillRect(box.left - 4, box.top - 2, box.right - box.left + 8, box.bottom - box.top + 4);
    lines.forEach((line, index) => {
        const [x, y] = [box.left, box.top + FONT_PX + index * LINE_PX];
        pen.lineWidth = 3;
        pen.strokeStyle = '#000';
        pen.strokeText(line, x, y);
        pen.fillStyle = ink;
        pen.fillText(line, x, y);
    });
}

function boxOf({ mark, points, label }, size, view, taken, others, around, keys, toView) {
    if (mark.kind === 'key') return boxAt((view.width - size.width) / 2, 8 + keys * size.height, size);
    if (mark.kind === 'text') return within(boxAt(around.left, around.top, size), view);
    if (label) {
        const [x, y] = toView([mark.points[0][0] + label[0], mark.points[0][1] + label[1]]);
        return within(boxAt(x - size.width / 2, y - size.height / 2, size), view);
    }
    if (mark.kind === 'angle') return placeAtVertex(points, size, view);
    return placeLabel(around, size, view, taken, others);
}

/** marks: [{mark, known, label}], known as desk.known() has it, label the place it was dragged to; object: of the manifest. */
function drawAll(pen, marks, toView, view, family) {
    pen.font = `${FONT_PX}px ${family}`;
    pen.lineJoin = pen.lineCap = 'round';
    const looks = marks.map(({ mark, known, label }) => {
        const points = mark.points.map(toView);
        const lines = outline(mark).map((line) => line.map(toView));
        const words = labelLines(mark, known.found, known.state, known.scale).map(({ text }) => text);
        if (mark.kind === 'key') words.unshift(`★ ${t('action.tool.key')}`);
        return { mark, label, points, lines, ink: INKS[mark.author?.mine ? 'own' : 'other'], words: words.flatMap((text) => wrap(text, (one) => pen.measureText(one).width, TEXT_MAX_PX)) };
    });
    for (const { mark, points, lines, ink } of looks) {
        const { lines: thick, thin } = strokes(mark.kind, points, lines);
        if (thin) drawn(pen, thin, ink, 1.2, [2, 4]);
        if (thick) drawn(pen, thick, ink, 1.8, mark.author?.mine ? [] : [7, 4]);
    }
    const around = looks.map(({ lines, points }) => bounds(lines.flat().length > 0 ? lines.flat() : points));
    const taken = [];
    looks.forEach((look, index) => {
        if (look.words.length === 0 || (!around[index] && look.mark.kind !== 'key')) return;
        const size = { width: Math.max(...look.words.map((word) => pen.measureText(word).width)), height: LINE_PX * look.words.length };
        const others = around.filter((box, other) => box && other !== index);
        const keys = looks.slice(0, index).filter(({ mark }) => mark.kind === 'key').length;
        const box = boxOf(look, size, view, taken, others, around[index], keys, toView);
        const way = look.points.length > 1 ? leader(box, look.lines) : { length: 0 };
        if (way.length >= LEADER_FROM_PX && Number.isFinite(way.length)) drawn(pen, `M${way.from.join(' ')}L${way.to.join(' ')}`, look.ink, 0.9);
        write(pen, look.words, box, look.ink);
        taken.push(box);
    });
}

/** The picture, a PNG, with the marks on it: another PNG of the same size. object: {columns, rows}; aspect: height of a pixel over its width. */
export async function burn(blob, marks, { columns, rows }, aspect, family) {
    const picture = await createImageBitmap(blob);
    const canvas = document.createElement('canvas');
    canvas.width = picture.width;
    canvas.height = picture.height;
    const pen = canvas.getContext('2d');
    pen.drawImage(picture, 0, 0);
    picture.close();
    const perPixel = canvas.width / columns;
    const height = Math.round(rows * aspect * perPixel); // below it are the words, which nothing covers
    const unit = Math.max(canvas.width, height) / UNITS_ACROSS;
    pen.beginPath();
    pen.rect(0, 0, canvas.width, height);
    pen.clip();
    pen.scale(unit, unit);
    const toView = ([x, y]) => [(x * perPixel) / unit, (y * aspect * perPixel) / unit];
    drawAll(pen, marks, toView, { width: canvas.width / unit, height: height / unit }, family);
    return new Promise((resolve, reject) => canvas.toBlob((made) => (made ? resolve(made) : reject(new Error('the picture could not be made'))), 'image/png'));
}
