/** The commands of policy authors as a stranger types them, in this process, with Node alone. */
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command } from 'commander';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { unifiedDiff } from '../../../src/cli/policy/line-diff.ts';
import { policyCommand } from '../../../src/cli/policy/commands.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { readBundle } from '../../../src/policy/bundle/bundle.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { projectRoot, run } from '../../support/tools.ts';

// A module of 37 MB is compiled here, on machines that are busy with other tests.
jest.setTimeout(120_000);

let said = '';
let noted = '';
/** A folder that `stele policy init` made. Not to be changed. */
let fresh = '';
/** The same with the tests of one package alone: to run all of them takes seconds, and once is enough. Not to be changed. */
let brief = '';
const path = process.env['PATH'] ?? '';

beforeAll(async () => {
  fresh = join(await tempFolder(), 'policy');
  await createProgram().parseAsync(['node', 'stele', '--json', 'policy', 'init', fresh]);
  brief = await tempFolder();
  await cp(fresh, brief, {
    recursive: true,
    filter: (path) => !path.endsWith('_test.rego') || path.endsWith('event_test.rego'),
  });
});
beforeEach(() => {
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    noted += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
  process.env['PATH'] = path;
});

/** Runs `stele policy …`. @returns what it printed and the exit code that it set. */
async function policy(...words: string[]): Promise<{ text: string; code: number }> {
  [said, noted] = ['', ''];
  process.exitCode = undefined;
  await createProgram().parseAsync(['node', 'stele', 'policy', ...words]);
  const code = exitCodeNow();
  process.exitCode = undefined;
  return { text: said, code };
}

/** The code as commands leave it; the compiler only sees that it was cleared above. */
function exitCodeNow(): number {
  return Number(process.exitCode ?? 0);
}

// The shapes of what is printed are what the tests are about.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function json(...words: string[]): Promise<{ value: any; code: number }> {
  const { text, code } = await policy(...words, '--json');
  return { value: JSON.parse(text), code };
}

/** A copy of the brief policy with other files in it. */
async function changed(files: Record<string, string>, from = brief): Promise<string> {
  const folder = await tempFolder();
  await cp(from, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** A folder for the PATH with a program of this name in it. */
async function programNamed(name: string, script: string): Promise<string> {
  const folder = await tempFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  return folder;
}

describe('a fresh policy', () => {
  test('has everything that an author needs, and is not written over', async () => {
    const files = [
      'README.md',
      'capabilities.json',
      'data.json',
      '.manifest',
      'schemas/input.json',
    ];
    for (const name of [...files, 'cases/append.json', 'stele/entrypoints.rego']) {
      expect((await readFile(join(fresh, name))).length).toBeGreaterThan(0);
    }
    await expect(policy('init', fresh)).rejects.toMatchObject({ code: 'folder_not_empty' });
  });

  test('has a README of its own, which names nothing that is not there', async () => {
    const readme = await readFile(join(fresh, 'README.md'), 'utf8');
    expect(readme).toMatch(/^# policy\n/);
    expect(readme).toContain('## What a policy is given');
    expect(readme).not.toMatch(/make policy|infra\/|test\/|bundles\/default/);
    const words = [...readme.matchAll(/^ {4}stele ((?:policy )?\w+)/gm)].map(([, name]) => name);
    expect(words.length).toBeGreaterThan(7);
    const groups = { '': createProgram(), policy: new Command() };
    policyCommand(groups.policy);
    for (const name of words) {
      const [last = '', group = ''] = (name ?? '').split(' ').reverse();
      const { commands } = group === 'policy' ? groups.policy : groups[''];
      expect(commands.map((each) => each.name())).toContain(last);
    }
    const table = readme.slice(readme.indexOf('| here'), readme.indexOf('Paths below'));
    for (const [, path = ''] of table.matchAll(/`([a-z.]+\/?)`/g)) {
      if (path !== 'check') expect(await readdir(fresh)).toContain(path.replace('/', ''));
    }
  });

  test('passes its check and is formatted', async () => {
    expect(await policy('check', fresh)).toMatchObject({ code: 0 });
    expect(said).toContain('no mistakes');
    expect(await policy('fmt', fresh, '--fail')).toEqual({ text: 'formatted\n', code: 0 });
  });

  test('passes its tests, and its golden cases through the compiled policy', async () => {
    const words = await policy('test', fresh);
    expect(words.text).toMatch(/^PASS: \d+\/\d+\ngolden cases through policy\.wasm: (\d+)\/\1\n$/);
    expect(words.code).toBe(0);
    const { value } = await json('test', brief);
    expect(value).toMatchObject({ failed: 0, errors: 0, refused: null, golden: { failures: [] } });
    expect(value.golden.cases).toBeGreaterThan(20);
  });

  test('builds to a bundle that the gateway takes, and each time to the same bytes', async () => {
    const out = join(await tempFolder(), 'a.tar.gz');
    const { value, code } = await json('build', fresh, '--out', out);
    expect(code).toBe(0);
    const bundle = await readBundle(await readFile(out));
    expect(value).toMatchObject({
      digest: bundle.sha256,
      revision: bundle.revision,
      opa: '1.22.2',
    });
    expect(value.entrypoints).toEqual(['stele/admin', 'stele/append', 'stele/read']);
    const again = await policy('build', await changed({}, fresh), '--out', out);
    expect(again.text).toContain(value.digest);
    const named = await json('build', fresh, '--out', out, '--revision', 'r1', '-O', '1');
    expect(named.value).toMatchObject({ revision: 'r1' });
    expect(named.value.command).toContain('--optimize=1 --prune-unused');
  });
});

describe('stele policy test', () => {
  test('has the forms of `opa test`', async () => {
    const list = JSON.parse((await policy('test', brief, '--format', 'json')).text) as unknown[];
    expect(list[0]).toMatchObject({
      package: expect.stringMatching(/^data\./),
      name: expect.anything(),
    });
    expect(noted).toContain('golden cases through policy.wasm');
    const verbose = await policy('test', brief, '-v', '--run', 'test_labels_are_short');
    expect(verbose.text).toContain('data.lib.event_test.test_labels_are_short_plain_words: PASS');
  });

  test('reports which lines ran, and refuses too few of them', async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'a.rego'), 'package a\n\np := 1\n\nq if input.x\n');
    await writeFile(join(folder, 'a_test.rego'), 'package a_test\n\ntest_p if data.a.p == 1\n');
    const { text } = await policy('test', folder, '--coverage', '--no-golden');
    type Rows = { start: { row: number } }[];
    const covered = JSON.parse(text) as {
      files: Record<string, { covered: Rows; not_covered: Rows }>;
      coverage: number;
    };
    const own = covered.files['a.rego'];
    expect(new Set(own?.covered.map(({ start }) => start.row))).toEqual(new Set([3]));
    expect(new Set(own?.not_covered.map(({ start }) => start.row))).toEqual(new Set([5]));
    expect(covered.coverage).toBeGreaterThan(60);
    expect(covered.coverage).toBeLessThan(70);
    const { value, code } = await json('test', folder, '--threshold', '100', '--no-golden');
    expect(code).toBe(1);
    expect(value.refused).toContain('threshold not met');
    expect(value.golden).toBeNull();
  });

  test('fails with the test that fails, its place, and the words of OPA', async () => {
    const folder = await changed({ 'x_test.rego': 'package x_test\n\ntest_no if 1 == 2\n' });
    const { text, code } = await policy('test', folder);
    expect(code).toBe(1);
    expect(text).toContain('x_test.rego:3:\ndata.x_test.test_no: FAIL');
    expect((await json('test', folder, '--no-golden')).value.failures).toEqual([
      { name: 'data.x_test.test_no', file: 'x_test.rego', row: 3 },
    ]);
  });

  test('fails with the golden case that gets something else from the compiled policy', async () => {
    const text = await readFile(join(fresh, 'cases/read.json'), 'utf8');
    const cases = JSON.parse(text) as { read: { about: string; want: { allow: boolean } }[] };
    cases.read[0]!.want.allow = !cases.read[0]!.want.allow;
    const folder = await changed({ 'cases/read.json': JSON.stringify(cases) });
    const words = await policy('test', folder);
    const { about } = cases.read[0]!;
    expect(words.text).toContain(`FAIL stele/read: ${about}\n  /allow  - false + true\ngolden`);
    expect(words.code).toBe(1);
    const { value } = await json('test', folder);
    expect(value.golden.failures).toHaveLength(1);
    expect(value.golden.failures[0]).toMatchObject({
      entrypoint: 'stele/read',
      got: { allow: true },
    });
  });

  test('takes over what the policy answers now, where that is asked for, and nothing else of a file', async () => {
    const data = await readFile(join(fresh, 'data.json'), 'utf8');
    const more = data.replace(
      '"secrets": [',
      '"secrets": ["/input/event/pan","/input/event/data/pan",',
    );
    const folder = await changed({ 'data.json': more });
    const { text } = await policy('test', folder);
    const told = text.split('\n').filter((line) => line.startsWith('  /'));
    expect(new Set(told)).toEqual(
      new Set(['  /mask  + "/input/event/data/pan"', '  /mask  + "/input/event/pan"']),
    );
    expect(await policy('test', folder, '--accept')).toMatchObject({ code: 0 });
    expect(noted).toMatch(/^cases\/append\.json: took over \d+ answers\n$/);
    const [before, after] = await Promise.all(
      [fresh, folder].map(async (at) => readFile(join(at, 'cases/append.json'), 'utf8')),
    );
    const lines = unifiedDiff('f', before!, after!).match(/^[+-] .*$/gm);
    const come = ['+     "/input/event/data/pan",', '+     "/input/event/pan",'];
    expect(new Set(lines)).toEqual(new Set(come));
    await policy('test', folder, '--accept', '--run', 'test_labels_are_short');
    expect(noted).toBe('cases: every answer is the wanted one\n');
    await expect(policy('test', folder, '--accept', '--no-golden')).rejects.toMatchObject({
      code: 'option_malformed',
    });
  });

  test('of a folder of something else says that all of it is data', async () => {
    const folder = await changed({ 'a.json': '{"x":1}', 'b.json': '{"x":2}' });
    expect(await policy('test', folder)).toMatchObject({ code: 1 });
    expect(noted).toContain('every .json and .yaml file of the folder is data of the policy');
  });

  test('stops a test that does not end', async () => {
    const endless =
      'package x_test\n\ntest_x if {\n\tsome x in numbers.range(1, 100000)\n\tsome y in numbers.range(1, 100000)\n\tx + y < 0\n}\n';
    const folder = await changed({ 'x_test.rego': endless });
    await expect(policy('test', folder, '--deadline', '5')).rejects.toMatchObject({
      code: 'toolchain_timeout',
    });
  });

  test('says when another OPA is on the PATH, and nothing when it is the same', async () => {
    process.env['PATH'] = `${await programNamed('opa', 'echo "Version: 1.5.0"')}:${path}`;
    const { value } = await json('test', fresh, '--run', 'test_labels_are_short');
    expect(value.otherOpa).toBe('1.5.0');
    await policy('test', fresh, '--run', 'test_labels_are_short');
    expect(noted).toMatch(/^note: opa 1\.5\.0 is on the PATH; this is OPA 1\.22\.2.*\n$/);
    process.env['PATH'] = `${await programNamed('opa', 'echo "Version: 1.22.2"')}:${path}`;
    expect((await json('test', fresh, '--run', 'test_labels_are_short')).value.otherOpa).toBeNull();
  });
});

describe('stele policy check', () => {
  test.each([
    ['a built-in that the engine lacks', 'p := time.now_ns()', 'builtin_refused', 3, 6],
    ['a misspelt member of the input', 'p := input.subject.name', 'rego_type_error', 3, 6],
    ['an import that is not used', 'import data.b', 'rego_compile_error', 3, 1],
    ['a rule that does not parse', 'p := := 1', 'rego_parse_error', 3, 6],
  ])('names %s with its place', async (_about, line, code, row, column) => {
    const folder = await changed({ 'x/x.rego': `package x\n\n${line}\n` });
    const found = await json('check', folder);
    expect(found.code).toBe(1);
    expect(found.value.problems[0]).toMatchObject({ code, file: 'x/x.rego', row, column });
    expect((await policy('check', folder)).text).toMatch(
      new RegExp(`^x/x\\.rego:${row}:${column}: ${code}: `),
    );
  });

  test('says what is hidden from readers as a whole, because something inside it is named', async () => {
    const personal = [
      '/input/event/payment/card/pan',
      '/input/event/pan',
      '/input/event/data/a/b',
      7,
    ];
    const data = JSON.stringify({ settings: { personal, other: [] } });
    const folder = await changed({ 'data.json': data });
    const { value } = await json('check', folder);
    expect(value.hiddenWhole).toEqual(['/input/event/data/a', '/input/event/payment']);
    await policy('check', folder);
    expect(noted).toMatch(
      /hides each as a whole: \/input\/event\/data\/a, \/input\/event\/payment\n/,
    );
    await writeFile(join(folder, 'data.json'), '{');
    expect((await json('check', folder)).value.hiddenWhole).toEqual([]);
  });

  test('takes a schema and capabilities of somebody else', async () => {
    const folder = await changed({ 'schema.txt': '{"type":"object","properties":{"a":{}}}' });
    const problems = await json('check', folder, '--schema', join(folder, 'schema.txt'));
    expect(problems.value.problems).toContainEqual(
      expect.objectContaining({ code: 'rego_type_error' }),
    );
    const none = '{"builtins":[],"features":["rego_v1"]}';
    await writeFile(join(folder, 'none.txt'), none);
    const refused = await json('check', folder, '--capabilities', join(folder, 'none.txt'));
    const builtins = refused.value.problems.map((one: { builtin?: string }) => one.builtin);
    expect(builtins).toContain('count');
  });

  test('adds what Regal finds where it is installed', async () => {
    const found = {
      title: 'line-length',
      description: 'Line too long',
      category: 'style',
      level: 'error',
      location: { file: 'a.rego', row: 3, col: 121 },
    };
    const script = `echo '${JSON.stringify({ violations: [found] })}'; exit 3`;
    process.env['PATH'] = `${await programNamed('regal', script)}:${path}`;
    const { text, code } = await policy('check', fresh);
    expect(text).toBe('a.rego:3:121: regal error style/line-length: Line too long\n');
    expect(code).toBe(1);
    expect(await policy('check', fresh, '--no-regal')).toMatchObject({ code: 0 });
    process.env['PATH'] = `${await programNamed('regal', 'echo broken >&2; exit 1')}:${path}`;
    await expect(policy('check', fresh)).rejects.toThrow('regal ended with 1: broken');
  });
});

describe('stele policy fmt', () => {
  const ugly = 'package x\np:=1\n';

  test('names, shows and writes what changes', async () => {
    const folder = await changed({ 'x.rego': ugly });
    expect(await policy('fmt', folder)).toEqual({ text: 'x.rego\n', code: 0 });
    expect((await policy('fmt', folder, '--fail')).code).toBe(1);
    const { text } = await policy('fmt', folder, '--diff');
    expect(text).toBe('--- x.rego\n+++ x.rego\n@@ -1,2 +1,3 @@\n package x\n-p:=1\n+\n+p := 1\n');
    expect((await json('fmt', folder, '--write')).value).toEqual({
      changed: ['x.rego'],
      written: true,
    });
    expect(await readFile(join(folder, 'x.rego'), 'utf8')).toBe('package x\n\np := 1\n');
    expect((await policy('fmt', folder, '--fail')).code).toBe(0);
  });

  test('says where a module does not parse', async () => {
    const folder = await changed({ 'x.rego': 'package x\n\np := := 1\n' });
    expect(await policy('fmt', folder)).toMatchObject({ code: 1 });
    expect(said).toContain('x.rego:3:6: rego_parse_error');
  });

  test('a diff has a hunk for each place', () => {
    const lines = Array.from({ length: 30 }, (_, n) => `${n}`);
    const after = lines.map((line) => (line === '2' || line === '25' ? 'x' : line));
    const text = unifiedDiff('f', lines.join('\n'), [...after, 'end'].join('\n'));
    expect(text.match(/^@@.*$/gm)).toEqual(['@@ -1,6 +1,6 @@', '@@ -23,8 +23,9 @@']);
    expect(unifiedDiff('f', 'a', 'a')).toBe('');
  });
});

describe('the other commands', () => {
  test('bench times a case through the compiled policy', async () => {
    const about = 'a service appends a real event that succeeded';
    const { value } = await json('bench', fresh, '--case', about, '--ms', '20');
    expect(value).toMatchObject([{ entrypoint: 'stele/append', about }]);
    expect(value[0].medianUs).toBeGreaterThan(0);
    expect((await policy('bench', fresh, '--case', about, '--ms', '5')).text).toContain(about);
    await expect(policy('bench', fresh, '--case', 'nothing of the kind')).rejects.toMatchObject({
      code: 'no_such_case',
    });
  });

  test('explain names the rules that made an answer', async () => {
    const about = 'a service appends a real event that succeeded';
    const { text } = await policy('explain', fresh, '--case', about, '--failed');
    expect(text).toContain('"role service may append"');
    // Why it is allowed comes before what else is in the answer.
    expect(text).toMatch(/gave a value:\n +policy\/append\.rego:\d+ +data\.policy\.append\.allow/);
    expect(noted).toContain('Fail');
    const file = join(await tempFolder(), 'input.json');
    await writeFile(file, '{"action":{"name":"none"}}');
    const { value } = await json('explain', fresh, '--input', file, '-e', 'stele/read');
    expect(value.result).toMatchObject({ allow: false });
    expect(value.fired.map((rule: { rule: string }) => rule.rule)).toContain('data.stele.read');
    await writeFile(file, '{');
    await expect(policy('explain', fresh, '--input', file)).rejects.toMatchObject({
      code: 'not_json',
    });
    await expect(policy('explain', fresh)).rejects.toMatchObject({ code: 'input_missing' });
    await expect(policy('explain', fresh, '--case', 'nothing of the kind')).rejects.toMatchObject({
      code: 'no_such_case',
    });
  });

  test('dev does one round of everything, and says which step fails', async () => {
    const out = join(await tempFolder(), 'b.tar.gz');
    const good = await policy('dev', fresh, '--once', '--out', out);
    expect(good.text).toMatch(/PASS: .*\ngolden cases.*\n.*digest \S+\nok in \d+ ms\n$/);
    const bad = await changed({ 'x.rego': 'package x\n\np := y\n' });
    const { value, code } = await json('dev', bad, '--once', '--out', out);
    expect(code).toBe(1);
    expect(value).toMatchObject({ ok: false, problems: [{ file: 'x.rego', row: 3 }] });
    await writeFile(join(bad, 'x.rego'), 'package x\n\np := 1\n');
    await writeFile(join(bad, 'data.json'), '{');
    expect((await policy('dev', bad, '--once', '--out', out)).text).toContain('FAIL in');
  });

  test('dev goes on after a change, and ends when it is told to', async () => {
    const folder = await changed({});
    const args = ['dist/cli/main.js', 'policy', 'dev', folder, '--out', join(folder, 'b.tar.gz')];
    const child = spawn(process.execPath, args, { cwd: projectRoot });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
    const until = async (seen: string): Promise<void> => {
      while (!text.includes(seen)) await once(child.stdout, 'data');
    };
    await until('ok in');
    await writeFile(join(folder, 'x.rego'), 'package x\n\np := y\n');
    await until('x.rego:3:6: rego_unsafe_var_error');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }, 90_000);
});

describe('what goes wrong says what to do', () => {
  test.each([
    ['a folder that is not there', ['check', '/nowhere'], 'policy_missing', 3],
    ['a folder without Rego', ['build', 'docs'], 'policy_missing', 3],
  ])('%s', async (_about, words, code, exit) => {
    const error: unknown = await policy(...words).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(exitCodeOf(error)).toBe(exit);
  });

  test('a symbolic link is named: what a build is made from stands in its folder', async () => {
    const folder = await changed({});
    await symlink('/etc', join(folder, 'lib', 'etc'));
    await expect(policy('build', folder)).rejects.toThrow('lib/etc is a symbolic link');
  });

  test('a policy that the gateway could not ask is not built', async () => {
    const folder = await tempFolder();
    await writeFile(
      join(folder, 'x.rego'),
      'package x\n\n# METADATA\n# entrypoint: true\np := 1\n',
    );
    const out = join(folder, 'b.tar.gz');
    await expect(policy('build', folder, '--out', out)).rejects.toThrow(
      'no entrypoint stele/append',
    );
    await expect(readFile(out)).rejects.toThrow('ENOENT');
  });

  test.each([
    [['test', '--threshold', '200'], 2],
    [['test', '--deadline', 'soon'], 2],
    [['build', '--optimize', '9'], 2],
    [['frob'], 2],
    [['check', 'docs'], 3],
    [['init', 'docs'], 2],
  ])('%j ends with %d, as a process', async (words, code) => {
    const ended = await run(process.execPath, ['dist/cli/main.js', 'policy', ...words]);
    expect(ended.stderr).not.toBe('');
    expect(ended.code).toBe(code);
  });
});
