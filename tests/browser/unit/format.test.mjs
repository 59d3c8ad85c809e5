// Dates, ages, names: what people read in the list and on the pictures.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as format from '../../../viewer/web/format.js';

const cases = (name, call, rows) => {
    for (const [given, expected] of rows) {
        test(`${name}: ${JSON.stringify(given)}`, () => assert.deepEqual(call(...given), expected));
    }
};

cases('date', format.date, [
    [['20261103', 'ja'], '2026/11/03'],
    [['20261103', 'en'], '2026-11-03'],
    [['', 'ja'], ''],
    [[null, 'ja'], ''],
    [['2026', 'en'], '2026'],
    [['00000000', 'en'], '00000000'],
    [['20261301', 'en'], '20261301'],
    [['2026.11.03', 'en'], '2026.11.03'],
]);
cases('time', format.time, [
    [['101500'], '10:15'],
    [['101500.123'], '10:15'],
    [['10'], '10:00'],
    [['10:15:00'], '10:15'],
    [[''], ''],
    [[undefined], ''],
]);
// First and last days of the eras, as the Imperial era laws give them.
cases('eraYear', format.eraYear, [
    [['20190501'], 'R1'],
    [['20190430'], 'H31'],
    [['19890108'], 'H1'],
    [['19890107'], 'S64'],
    [['19261225'], 'S1'],
    [['19261224'], 'T15'],
    [['19120730'], 'T1'],
    [['19120729'], 'M45'],
    [['18680124'], ''],
    [['unknown'], ''],
]);
cases('ageYears', format.ageYears, [
    [['19560214', '20261103'], 70],
    [['19560214', '20260213'], 69],
    [['19560214', '20260214'], 70],
    [['20240229', '20250228'], 0],
    [['20240229', '20250301'], 1],
    [['20261104', '20261103'], null],
    [['', '20261103'], null],
    [['00000000', '20261103'], null],
    [['18961103', '20261103'], 130],
    [['18951103', '20261103'], null],
]);
cases('ageMonths', format.ageMonths, [
    [['20250131', '20260130'], 11],
    [['20250131', '20260131'], 12],
    [['20260101', '20260131'], 0],
    [['', '20260131'], null],
]);
cases('patientName', format.patientName, [
    [
        [{ alphabetic: 'Yamada^Hanako', ideographic: '山田^花子', phonetic: 'やまだ^はなこ' }, 'ja'],
        { main: '山田 花子', kana: 'やまだ はなこ', other: 'Yamada, Hanako' },
    ],
    [
        [{ alphabetic: 'Yamada^Hanako', ideographic: '山田^花子', phonetic: 'やまだ^はなこ' }, 'en'],
        { main: 'Yamada, Hanako', kana: 'やまだ はなこ', other: '山田 花子' },
    ],
    [[{ alphabetic: 'Buc^Jérôme', ideographic: '', phonetic: '' }, 'ja'], { main: 'Buc, Jérôme', kana: '', other: '' }],
    [[{ alphabetic: '', ideographic: '', phonetic: 'やまだ' }, 'ja'], { main: 'やまだ', kana: '', other: '' }],
    [[{ alphabetic: '', ideographic: '山田^花子', phonetic: '' }, 'en'], { main: '山田 花子', kana: '', other: '' }],
    [[null, 'ja'], { main: '', kana: '', other: '' }],
]);
cases('romanName', format.romanName, [
    [['Adams^John Robert Quincy^^Rev.^B.A. M.Div.'], 'Adams, Rev. John Robert Quincy B.A. M.Div.'],
    [['Anonymous'], 'Anonymous'],
    [['山田^太郎'], '山田 太郎'],
    [['ﾔﾏﾀﾞ^ﾀﾛｳ'], 'ﾔﾏﾀﾞ ﾀﾛｳ'],
    [['Διονυσιος'], 'Διονυσιος'],
    [['^Given'], 'Given'],
    [['^^'], ''],
]);
cases('number', format.number, [
    [[1.25, 2], '1.25'],
    [[2, 2], '2'],
    [[-0.04, 1], '0'],
    [[NaN], ''],
]);
cases('ruler', format.ruler, [
    [[0.5, 220], { mm: 100, px: 200 }],
    [[0.5, 199], { mm: 50, px: 100 }],
    [[0.7, 100], { mm: 50, px: 50 / 0.7 }],
    [[0.01, 90], { mm: 0.5, px: 50 }],
    [[0, 200], null],
    [[NaN, 200], null],
]);
cases('lengthText', format.lengthText, [
    [[100], '10 cm'],
    [[10], '1 cm'],
    [[5], '5 mm'],
    [[0.5], '0.5 mm'],
]);
cases('dateFromInput', format.dateFromInput, [
    [['2026-11-03'], '20261103'],
    [[''], ''],
]);
cases('today', format.today, [[[new Date(2026, 0, 5)], '20260105']]);
