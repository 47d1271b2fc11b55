/** The Rego toolchain as a library: what it answers, and what it survives. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SourceOptions } from '../../../src/toolchain/answers.ts';
import { loadArtefact, readArtefactRecord } from '../../../src/toolchain/artefact.ts';
import { RegoInstance } from '../../../src/toolchain/instance.ts';
import { RegoThread } from '../../../src/toolchain/rego-thread.ts';
import { problemText } from '../../../src/toolchain/toolchain-error.ts';
import { RegoToolchain } from '../../../src/toolchain/toolchain.ts';
import { tempFolder } from '../../support/temp-folder.ts';

// A module of 37 MB is compiled here, on machines that are busy with other tests.
jest.setTimeout(120_000);

const capabilities = readFileSync('rego/capabilities.json', 'utf8');
const policy = (text: string, more: Record<string, string> = {}): SourceOptions => ({
  files: new Map(Object.entries({ 'a.rego': text, ...more })),
});
const GOOD = policy('package a\n\np := input.x\n');
const ENDLESS = policy(
  'package a_test\n\ntest_a if {\n\tsome x in numbers.range(1, 100000)\n\tsome y in numbers.range(1, 100000)\n\tx + y < 0\n}\n',
);
const LEVELS = 20_000;
const DEEP = policy(`package a\n\np := ${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}\n`);

let toolchain: RegoToolchain;
beforeAll(() => {
  toolchain = new RegoToolchain();
});
afterAll(async () => toolchain.close());

test('it says what it was made from, and that is what its record says', async () => {
  const { opa, go } = await readArtefactRecord();
  expect(await toolchain.version()).toEqual({ opa, go });
});

test('its capabilities are those of its OPA: the engine’s are a part of them', async () => {
  const all = (await toolchain.capabilities()) as { builtins: { name: string }[] };
  const known = new Set(all.builtins.map(({ name }) => name));
  const ours = JSON.parse(capabilities) as { builtins: { name: string }[] };
  expect(ours.builtins.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
  expect(known.has('http.send')).toBe(true);
});

test('a built-in that the engine lacks is refused with its place, and with what to use instead', async () => {
  const sources = policy('package a\n\np := time.now_ns()\n\nq := http.send({"url": "x"})\n');
  const problems = await toolchain.check({ ...sources, capabilities });
  expect(problems).toMatchObject([
    { code: 'builtin_refused', builtin: 'time.now_ns', file: 'a.rego', row: 3, column: 6 },
    { code: 'builtin_refused', builtin: 'http.send', file: 'a.rego', row: 5, column: 6 },
  ]);
  expect(problemText(problems[0]!)).toMatch(
    /^a\.rego:3:6: builtin_refused: .*; instead: `input\.time/,
  );
  expect(await toolchain.check(sources)).toEqual([]);
});

test('mistakes come in the order of their places', async () => {
  const problems = await toolchain.check(
    policy('package a\n\np := x\n\nq := y\n', { '0.rego': 'package b\n\nr := z\n' }),
  );
  expect(problems.map(({ file, row }) => `${file ?? ''}:${row ?? 0}`)).toEqual([
    '0.rego:3',
    'a.rego:3',
    'a.rego:5',
  ]);
});

test('a data file that is no JSON is named', async () => {
  await expect(
    toolchain.test(policy('package a\n', { 'x/data.json': '{"a":' })),
  ).rejects.toMatchObject({
    code: 'policy_source_invalid',
    problems: [{ file: 'x/data.json' }],
  });
});

test('an evaluation tells which rules fired, what was printed and what was not true', async () => {
  const text =
    'package a\n\n# METADATA\n# title: Good\np if {\n\tinput.x == 1\n\tprint("seen")\n}\n\nq if input.x > 2\n';
  const { results, fired, failed, printed } = await toolchain.evaluate(policy(text), {
    query: 'data.a',
    input: '{"x":1}',
    trace: true,
  });
  expect(results[0]?.expressions[0]?.value).toEqual({ p: true });
  expect(fired).toMatchObject([{ rule: 'data.a.p', file: 'a.rego', row: 5, title: 'Good' }]);
  expect(printed).toBe('seen\n');
  expect(failed).toContain('Fail gt(');
  const nothing = await toolchain.evaluate(policy(text), { query: 'data.b.c' });
  expect(nothing).toEqual({ results: [], fired: [], failed: '', printed: '' });
});

describe('what would hold a command up', () => {
  test('a test that does not end is stopped at the deadline, and the next call is answered', async () => {
    const impatient = new RegoToolchain({ deadlineMs: 8000 });
    await impatient.version();
    await expect(impatient.test(ENDLESS)).rejects.toMatchObject({ code: 'toolchain_timeout' });
    expect(await impatient.check(GOOD)).toEqual([]);
    await impatient.close();
  }, 60_000);

  test(`${LEVELS} levels of nesting cost the instance, not the toolchain`, async () => {
    await expect(toolchain.check(DEEP)).rejects.toMatchObject({ code: 'toolchain_trapped' });
    const data = policy('package a\n', {
      'data.json': `${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}`,
    });
    await expect(toolchain.test(data)).rejects.toMatchObject({ name: 'ToolchainError' });
    expect(await toolchain.check(GOOD)).toEqual([]);
  });

  test('calls are answered in their order, and one that fails does not stop those behind it', async () => {
    const calls = [toolchain.check(GOOD), toolchain.check(DEEP), toolchain.format(GOOD)];
    const ends = await Promise.allSettled(calls);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('more than the limits is refused before anything is loaded', async () => {
    const nowhere = new RegoToolchain({ artefact: new URL('file:///nowhere/') });
    const many = new Map(Array.from({ length: 2001 }, (_, n) => [`${n}.rego`, 'package a\n']));
    await expect(nowhere.check({ files: many })).rejects.toMatchObject({
      code: 'policy_source_too_large',
    });
    const large = policy('x'.repeat(33 * 1024 * 1024));
    await expect(nowhere.check(large)).rejects.toMatchObject({ code: 'policy_source_too_large' });
    await expect(nowhere.check(GOOD)).rejects.toMatchObject({ code: 'toolchain_unusable' });
  });

  test('a toolchain that was closed, also in the middle of a call, says so', async () => {
    const closing = new RegoToolchain();
    await closing.version();
    const running = closing.test(ENDLESS);
    const ended = expect(running).rejects.toMatchObject({ code: 'toolchain_trapped' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await closing.close();
    await ended;
    await expect(closing.version()).rejects.toMatchObject({ code: 'toolchain_unusable' });
  });
});

describe('the artefact', () => {
  test('that was changed, or does not unpack, is not run', async () => {
    const folder = await tempFolder();
    await cp('bundles/rego-toolchain', folder, { recursive: true });
    const at = pathToFileURL(`${folder}/`);
    const record = JSON.parse(readFileSync(join(folder, 'BUILD.json'), 'utf8')) as {
      wasm: { sha256: string };
    };
    record.wasm.sha256 = '0'.repeat(64);
    await writeFile(join(folder, 'BUILD.json'), JSON.stringify(record));
    await expect(loadArtefact(at)).rejects.toMatchObject({ code: 'toolchain_unusable' });
    await writeFile(join(folder, 'rego.wasm.br'), 'no brotli');
    await expect(loadArtefact(at)).rejects.toThrow('does not unpack');
  });

  test('runs on this thread too, says why it dies, and grows', async () => {
    const instance = new RegoInstance(await loadArtefact());
    const before = instance.memoryBytes;
    expect(instance.call('{"op":"version"}')).toContain('"ok":true');
    expect(instance.call('none')).toContain('"ok":false');
    expect(instance.call('{"op":"capabilities"}')).toContain('http.send');
    expect(instance.memoryBytes).toBeGreaterThanOrEqual(before);
    expect(instance.words).toBe('');
  });

  test('a thread that cannot load fails each call', async () => {
    const thread = new RegoThread(async () => Promise.reject(new Error('gone')));
    await expect(thread.ask('{}', 1000)).rejects.toThrow('gone');
    await thread.close();
  });
});
