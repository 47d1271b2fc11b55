/** What is said of a command that failed, and the code that a script sees. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { explain } from '../../../src/cli/explain.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { MalformedError, SteleError } from '../../../src/core/errors.ts';

let said = '';
let printed = '';
beforeEach(() => {
  said = '';
  printed = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** Runs a command line that fails. @returns its exit code. */
async function failing(...words: string[]): Promise<number> {
  try {
    await createProgram().parseAsync(words, { from: 'user' });
  } catch (error) {
    return explain(error, words.includes('--json'));
  }
  throw new Error('it did not fail');
}

describe('a slip of the pen', () => {
  test.each([
    [['entry'], "missing required argument 'id'"],
    [['inti'], "unknown command 'inti', did you mean init?"],
    [['policy', 'chek'], "unknown command 'chek', did you mean check?"],
    [['keygen'], "required option '--id <id>' not specified"],
    [['serve', '--prot', '1'], "unknown option '--prot'"],
  ])('%j ends with 2, in words and as JSON', async (words, message) => {
    expect(await failing(...words)).toBe(2);
    expect(said).toBe(`stele: ${message} (usage)\n`);
    said = '';
    expect(await failing('--json', ...words)).toBe(2);
    expect(JSON.parse(said)).toMatchObject({ code: 'usage', message });
  });

  test('no command at all shows the help, and says so as JSON', async () => {
    expect(await failing()).toBe(2);
    expect(said).toMatch(/^Usage: stele /);
    expect(said).not.toContain('(usage)');
  });
});

describe('help', () => {
  test.each([
    [['help', 'policy', 'sign'], 'Usage: stele policy sign [options] <bundle>'],
    [['policy', 'help', 'sign'], 'Usage: stele policy sign [options] <bundle>'],
    [['help', 'entry'], 'Usage: stele entry [options] <id>'],
    [['entry', '--help'], 'Usage: stele entry [options] <id>'],
  ])('%j is that of the command', async (words, usage) => {
    expect(await failing(...words)).toBe(0);
    expect(printed).toContain(usage);
  });

  test.each([
    [['entry'], ['--json', '--config', '--key', '--url']],
    [['fsck'], ['--json', '--config']],
    [['policy', 'fmt'], ['--json']],
  ])('of %j names only options of all commands that mean something to it', async (words, want) => {
    await failing(...words, '--help');
    const heard = ['--json', '--config', '--key', '--url'].filter((option) =>
      printed.slice(printed.indexOf('Global Options')).includes(`${option} `),
    );
    expect(heard).toEqual(want);
  });
});

const system = (facts: Partial<NodeJS.ErrnoException> & { port?: number }): Error =>
  Object.assign(new Error('the system said so'), facts);

describe('what is told of other failures', () => {
  test.each([
    [
      new MalformedError('keys.yaml: not YAML, line 3', 'api_key_file_malformed'),
      2,
      'api_key_file_malformed',
      'keys.yaml: not YAML, line 3',
    ],
    [system({ code: 'ENOENT', path: '/no.json' }), 3, 'file_missing', '/no.json does not exist'],
    [
      system({ code: 'ENOENT', path: '/no/where/x' }),
      3,
      'folder_missing',
      'the folder /no/where does not exist',
    ],
    [system({ code: 'ENOENT' }), 3, 'file_missing', ' does not exist'],
    [
      system({ code: 'EADDRINUSE', port: 8420 }),
      2,
      'port_taken',
      'port 8420 is taken: choose another with --set listen.port=<port>',
    ],
    [
      system({ code: 'EISDIR' }),
      2,
      'is_folder',
      'that is a folder; a store is named as file://<folder>/<ledger>',
    ],
    [
      system({ code: 'EACCES', syscall: 'open', path: '/x' }),
      2,
      'not_permitted',
      'open of /x is not permitted',
    ],
  ])('%s', (error, exit, code, message) => {
    expect(explain(error, false)).toBe(exit);
    expect(said).toBe(`stele: ${message} (${code})\n`);
    said = '';
    expect(explain(error, true)).toBe(exit);
    expect(JSON.parse(said)).toMatchObject({ code, message });
  });

  test('where the input is wrong, and what became of the data', () => {
    const facts = { disposition: 'retry', durability: 'unknown', pointer: '/a' } as const;
    expect(explain(new SteleError('http_503', 'busy', facts), false)).toBe(3);
    expect(said).toBe('stele: busy at /a (http_503; the data is unknown)\n');
  });

  test.each([
    [new TypeError('a bug'), /^stele: TypeError: a bug\n +at /],
    ['a text', /^stele: a text\n$/],
  ])('a bug is told with its stack: %s', (error, want) => {
    expect(explain(error, false)).toBe(1);
    expect(said).toMatch(want);
    said = '';
    explain(error, true);
    expect(JSON.parse(said)).toMatchObject({ code: 'internal' });
  });
});
