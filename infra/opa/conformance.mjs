// Runs OPA's own conformance cases (2,400 of the pinned version) through our engine. Each is compiled with our
// capabilities. It passes with the identical answer, or is refused at the check by name, line and column; nothing fails.
// `node infra/opa/conformance.mjs [--list] [--record]`: --list prints what is refused and why, --record writes what the
// host functions were asked and answered, which a test then holds them to. Needs Go; without it, skipped by name with
// exit code 0.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HOST_BUILTINS } from '../../dist/policy/engine/builtins/index.js';
import { limitsFor, PolicyEngine } from '../../dist/policy/engine/engine.js';
import { REFUSED_BUILTINS } from '../../dist/toolchain/refused-builtins.js';
import { formatJson, formatRego, parseRego } from '../../dist/policy/contract/rego-text.js';
import { compareValues, RegoObject, RegoSet } from '../../dist/policy/contract/rego-value.js';
import { compileModule } from '../../dist/policy/engine/wasm-module.js';
import { root, tools } from './opa.mjs';

const program = join(import.meta.dirname, 'conformance');
const recorded = join(root, 'test/policy/fixtures/host-calls.ndjson');
const PASSED_MIN = 1000;
/** Results of cases are larger than decisions; one has 200,000 members. */
const limits = { ...limitsFor(1024 * 1024), resultBytes: 16 * 1024 * 1024 };
const environment = {
  ...process.env,
  GOPATH: join(tools, 'go'),
  GOMODCACHE: join(tools, 'go/pkg/mod'),
  GOCACHE: join(tools, 'go/build'),
  GOFLAGS: '-modcacherw',
  GOTOOLCHAIN: 'local',
};

/** @returns {string | undefined} the built program, undefined where there is no Go for it */
function build() {
  const version = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', env: environment });
  const minor = /^go1\.(\d+)/.exec(version.stdout ?? '')?.[1];
  if (minor === undefined || Number(minor) < 26) return undefined;
  const binary = join(tools, 'bin/conformance');
  const done = spawnSync('go', ['build', '-trimpath', '-o', binary, '.'], {
    cwd: program,
    env: environment,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`conformance does not build\n${done.stderr}`);
  return binary;
}

function casesFolder() {
  const args = ['list', '-m', '-f', '{{.Dir}}', 'github.com/open-policy-agent/opa'];
  const listed = spawnSync('go', args, { cwd: program, env: environment, encoding: 'utf8' });
  return join(listed.stdout.trim(), 'v1/test/cases/testdata/v1');
}

/** @returns {Promise<boolean>} whether they could be run */
async function runConformance(onCase) {
  const binary = build();
  if (binary === undefined) return false;
  const args = [casesFolder(), join(root, 'rego/capabilities.json')];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) onCase(judge(line));
  const status = await ended;
  if (status !== 0) throw new Error(`conformance ended with ${status}`);
  return true;
}

/** The case as JSON and, because its numbers matter, as Rego's values. */
function judge(line) {
  const known = JSON.parse(line);
  const { note, refused, outside } = known;
  if (outside !== undefined) return { note, outcome: 'outside', why: outside };
  if (refused !== undefined) return { note, outcome: 'refused', why: explain(refused[0]), refused };
  const wasm = line.indexOf(',"wasm":"');
  const values = parseRego(`${line.slice(0, wasm)}}`);
  const want = values.get('native');
  const code = want.get('error');
  let got;
  try {
    got = answerOf(known.wasm, values);
  } catch (error) {
    const isSame = code !== undefined && /conflict/.test(code) && /conflict/.test(error.message);
    return { note, outcome: isSame ? 'passed' : 'failed', why: error.message };
  }
  const same =
    code === undefined &&
    compareValues(rows(want.get('result'), known.sort), rows(got, known.sort)) === 0;
  const why = same ? undefined : `want ${formatRego(want)}, got ${formatRego(got)}`.slice(0, 400);
  return { note, outcome: same ? 'passed' : 'failed', why };
}

function answerOf(wasm, values) {
  const text = (name) =>
    values.get(name) === undefined ? undefined : formatRego(values.get(name));
  const module = compileModule(Buffer.from(wasm, 'base64'));
  const engine = new PolicyEngine({ module, data: text('data') ?? '{}', limits });
  return parseRego(formatJson(parseRego(engine.resultSet('eval', text('input') ?? ''))));
}

/** Bindings as a set, without the names that the compiler made up; what the case calls unordered, as a set too. */
function rows(result, isUnordered) {
  const unordered = (value) => (isUnordered && Array.isArray(value) ? new RegoSet(value) : value);
  return new RegoSet(
    [...(result ?? [])].map(
      ({ entries }) =>
        new RegoObject(
          entries
            .filter(([name]) => !name.startsWith('__localq'))
            .map(([name, value]) => [name, unordered(value)]),
        ),
    ),
  );
}

function explain({ message, file, row, col }) {
  const name = /undefined function ([\w.]+)/.exec(message)?.[1];
  const known = REFUSED_BUILTINS.get(name);
  const instead = known === undefined ? '' : `: ${known.why}; use ${known.instead}`;
  return `${file || 'query'}:${row}:${col}: ${message.split('\n')[0]}${instead}`;
}

/** Wraps every host function, so that what it is asked and answers is written down. */
function record(calls) {
  for (const [name, builtin] of HOST_BUILTINS) {
    const original = builtin.call;
    builtin.call = (...args) => {
      const key = keyOf(name, args.map(formatRego));
      const call = { name, version: builtin.version, args: args.map(formatRego) };
      try {
        const result = original(...args);
        calls.set(key, { ...call, result: formatRego(result) });
        return result;
      } catch (error) {
        calls.set(key, call);
        throw error;
      }
    };
  }
}

/** An answer may only change with the version of its function. */
function writeCalls(calls) {
  const lines = existsSync(recorded) ? readFileSync(recorded, 'utf8').trimEnd().split('\n') : [];
  for (const before of lines.map((line) => JSON.parse(line))) {
    const now = calls.get(keyOf(before.name, before.args));
    if (now === undefined || now.version !== before.version || now.result === before.result)
      continue;
    throw new Error(
      `${before.name} answers otherwise than version ${before.version} did: raise it`,
    );
  }
  const sorted = [...calls].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, call]) => call);
  writeFileSync(recorded, `${sorted.map((call) => JSON.stringify(call)).join('\n')}\n`);
}

function keyOf(name, args) {
  return `${name}(${args.join(', ')})`;
}

async function main(args) {
  const calls = new Map();
  if (args.includes('--record')) record(calls);
  const found = { passed: [], refused: [], failed: [], outside: [] };
  const ran = await runConformance((one) => found[one.outcome].push(one));
  if (!ran) return console.log('skipped: conformance cases need Go 1.26 or later');
  const shown = args.includes('--list') ? ['refused', 'outside', 'failed'] : ['outside', 'failed'];
  for (const outcome of shown)
    for (const { note, why } of found[outcome]) console.log(`${outcome}: ${note}: ${why}`);
  if (args.includes('--record')) writeCalls(calls);
  const { passed, refused, failed, outside } = found;
  console.log(`${outside.length} cannot be asked of a module, see above`);
  console.log(`passed ${passed.length} / refused ${refused.length} / failed ${failed.length}`);
  if (failed.length > 0 || passed.length < PASSED_MIN) process.exitCode = 1;
  return undefined;
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));
