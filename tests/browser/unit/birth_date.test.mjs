// Birth dates as people write them. The eras' first days are those of the imperial ordinances: Taisho 1912-07-30, Showa 1926-12-25,
// Heisei 1989-01-08, Reiwa 2019-05-01.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { birthDate } from '../../../viewer/web/birth_date.js';

for (const [name, text, expected] of [
    ['eight digits', '19560214', '19560214'],
    ['ISO', '1956-02-14', '19560214'],
    ['one digit each', '1956/2/4', '19560204'],
    ['kanji', '1956年2月14日', '19560214'],
    ['full width', '１９５６／２／１４', '19560214'],
    ['with blanks around', ' 1956.2.14 ', '19560214'],
    ['era by letter', 'S31.2.14', '19560214'],
    ['era by small letter', 's31/2/14', '19560214'],
    ['era in kanji', '昭和31年2月14日', '19560214'],
    ['first year', '平成元年1月8日', '19890108'],
    ['the day before the era', 'H1.1.7', ''],
    ['last day of the era before', 'S64.1.7', '19890107'],
    ['a day the era did not reach', 'S64.1.8', ''],
    ['the first day of Reiwa', 'R1.5.1', '20190501'],
    ['29 February of a leap year', '20000229', '20000229'],
    ['29 February of none', '19000229', ''],
    ['month 13', '19561301', ''],
    ['day 0', '19560200', ''],
    ['no such era', 'X31.2.14', ''],
    ['a name', '山田', ''],
    ['nothing', '', ''],
    ['seven digits', '1956021', ''],
]) {
    test(`birth date, ${name}`, () => assert.equal(birthDate(text), expected));
}
