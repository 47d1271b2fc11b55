import { expect, test } from '@jest/globals';
import { inLine, printable } from '../../../src/cli/printable.ts';

// prettier-ignore
const rows: readonly (readonly [string, string, string])[] = [
  ['words, lines and tabs',        'VALID\n\tüber 💣',              'VALID\n\tüber 💣'],
  ['colours',                      '\u001b[32mpass\u001b[0m',       '\u001b[32mpass\u001b[0m'],
  ['a screen that is cleared',     'v1\u001b[2Jv2',                 'v1\ufffd[2Jv2'],
  ['a title that is set',          '\u001b]0;pwn\u0007',            '\ufffd]0;pwn\ufffd'],
  ['a line that is written over',  'digest a\rdigest b',            'digest a\ufffddigest b'],
  ['a control of eight bits',      '\u009b2J',                      '\ufffd2J'],
  ['text that runs the other way', 'ann\u202egpj.exe',              'ann\ufffdgpj.exe'],
];

test.each(rows)('a terminal is shown %s', (_name, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('what somebody else says stands in its line, in no colour', () => {
  const forged = 'x\nVALID\n  entry  \u001b[32mpass\u001b[8m';
  expect(inLine(forged)).toBe('x\ufffdVALID\ufffd  entry  \ufffd[32mpass\ufffd[8m');
});
