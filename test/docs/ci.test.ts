/**
 * The ready-made pipelines: every shell step of every job is taken out of its file and run, against a fresh policy and a
 * small ledger. What a step needs of the forge (its variables, `gh`, `curl`, the installed packages) stands here by name;
 * a step that needs anything else fails.
 */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { homeOf } from '../../src/cli/open/home.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Variables = Readonly<Record<string, string>>;

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Variables;
}

interface GitHubJob {
  readonly permissions: Variables;
  readonly env?: Variables;
  readonly steps: readonly Step[];
  readonly 'timeout-minutes': number;
}

interface GitHub {
  readonly permissions: object;
  readonly env: Variables;
  readonly jobs: Readonly<Record<string, GitHubJob>>;
}

interface GitLabJob {
  readonly image: string;
  readonly script: readonly string[];
}

/** A shell step with the variables that its file gives it. */
interface Shell {
  readonly job: string;
  readonly script: string;
  readonly env: Variables;
}

/** A step takes a second or two; a machine may be very busy. */
const STEP_MS = 240_000;
const INSTALL = 'npm ci --ignore-scripts --no-audit --no-fund';
const github = parse(readFileSync('infra/ci/github/policy.yml', 'utf8')) as GitHub;
const { stages, variables, ...gitlab } = parse(
  readFileSync('infra/ci/gitlab/policy.gitlab-ci.yml', 'utf8'),
) as { stages: string[]; variables: Variables } & Record<string, GitLabJob>;
const gitlabJobs = gitlab as unknown as Readonly<Record<string, GitLabJob>>;

const githubSteps: readonly Shell[] = Object.entries(github.jobs).flatMap(([job, { env, steps }]) =>
  steps.flatMap((step) =>
    step.run === undefined
      ? []
      : [{ job, script: step.run, env: { ...github.env, ...env, ...step.env } }],
  ),
);
const gitlabSteps: readonly Shell[] = Object.entries(gitlabJobs).flatMap(([job, { script }]) =>
  script.map((line) => ({ job, script: line, env: variables })),
);

let w: PolicyWorld;
let folder: string;
let path: string;
/** What GitHub's expressions give, by their text. */
let given: Variables;
/** What GitLab's own and protected variables are. */
let provided: Variables;

beforeAll(async () => {
  w = await PolicyWorld.open();
  for (const n of [1, 2, 3]) await w.post('entries?ack=sealed', { source: 'shop', n });
  folder = await tempFolder();
  path = [join(folder, 'bin'), process.env['PATH'] ?? ''].join(delimiter);
  const stele = `exec "${process.execPath}" "${resolve('dist/cli/main.js')}" "$@"`;
  // The one step that is not run: what it installs is this checkout.
  program('node_modules/.bin/stele', stele);
  program('bin/npm', `test "$*" = "${INSTALL.slice(4)}"`);
  program('bin/gh', `echo "$@" >> said.txt; test "$6" != --edit-last`);
  program('bin/curl', `echo "$@" >> said.txt`);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  execFileSync(process.execPath, ['dist/cli/main.js', 'policy', 'init', join(folder, 'policy')]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeFileSync(join(folder, 'key.pem'), pem, { mode: 0o600 });
  const store = `file://${homeOf(w.configuration).store}/demo`;
  given = {
    'vars.STELE_STORE': store,
    'vars.STELE_VKEY': w.vkey,
    'vars.STELE_REGION': 'eu-central-1',
    'secrets.POLICY_SIGNING_KEY': pem,
    'github.token': 'token',
    'github.repository': 'o/r',
    'github.event.pull_request.number': '7',
  };
  provided = {
    ...{ STORE: store, VKEY: w.vkey, SIGNING_KEY: 'key.pem', REPORT_TOKEN: 'token' },
    ...{ CI_API_V4_URL: 'https://g/api', CI_PROJECT_ID: '3', CI_MERGE_REQUEST_IID: '7' },
  };
}, 240_000);
afterAll(async () => w.close());

function program(name: string, script: string): void {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** A value with its expressions filled in. */
function filled(value: string): string {
  return value.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
    const found = given[expression];
    if (found === undefined) throw new Error(`what is ${expression}?`);
    return found;
  });
}

/** Runs a step as the forges do: bash, at the first failure it ends. @throws with what it said. */
function run({ script, env }: Shell, more: Variables = {}): void {
  const values = Object.entries(env).map(([name, value]) => [name, filled(value)] as const);
  const base = { PATH: path, HOME: folder, NO_COLOR: '1', GITHUB_STEP_SUMMARY: 'summary.md' };
  execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    stdio: 'pipe',
    env: { ...base, ...Object.fromEntries(values), ...more },
  });
}

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
/** Each text once: the same command again, of another job, says nothing new. */
const named = (steps: readonly Shell[]) =>
  steps
    .filter(({ script }, at) => steps.findIndex((step) => step.script === script) === at)
    .map((step) => [`${step.job}: ${step.script.split('\n')[0] ?? ''}`, step] as const);

describe('on GitHub', () => {
  test('each action is pinned to a commit, and each job has a limit and its own rights', () => {
    expect(github.permissions).toEqual({});
    const jobs = Object.values(github.jobs);
    for (const { uses } of jobs.flatMap(({ steps }) => steps)) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    }
    for (const job of jobs) expect(job['timeout-minutes']).toBeLessThanOrEqual(60);
    const rights = Object.entries(github.jobs).map(([job, { permissions }]) => [job, permissions]);
    expect(Object.fromEntries(rights)).toEqual({
      verify: { contents: 'read' },
      replay: { contents: 'read', 'id-token': 'write' },
      comment: { 'pull-requests': 'write' },
      sign: { contents: 'read' },
    });
  });

  test('no expression stands in a script, where a title of a pull request would be run', () => {
    for (const { script } of githubSteps) expect(script).not.toContain('${{');
  });

  test.each(named(githubSteps))(
    '%s',
    (_name, step) => {
      run(step);
    },
    60_000,
  );

  test('the report is in the summary and the comment, and the bundle is signed', () => {
    expect(read('summary.md')).toContain('Policy replay: passed');
    expect(read('said.txt').split('\n').slice(0, 2)).toEqual([
      'pr comment 7 --repo o/r --edit-last --body-file replay.md',
      'pr comment 7 --repo o/r --body-file replay.md',
    ]);
    expect(read('replay.xml')).toContain('failures="0"');
    const listed = execFileSync('tar', ['tzPf', join(folder, 'bundle.tar.gz')]).toString();
    expect(listed).toContain('/.signatures.json');
    expect(existsSync(join(folder, 'author.pem'))).toBe(false);
  });
});

describe('on GitLab', () => {
  test('each image has a version, and what the jobs run is what GitHub runs', () => {
    for (const { image } of Object.values(gitlabJobs)) expect(image).toMatch(/:\d+\.\d+\.\d+/);
    expect(stages).toEqual(['verify', 'replay', 'sign']);
    const scripts = (steps: readonly Shell[], job: string): string[] =>
      steps.filter((step) => step.job === job).map(({ script }) => script);
    expect(scripts(gitlabSteps, 'verify')).toEqual(scripts(githubSteps, 'verify'));
    expect(scripts(gitlabSteps, 'replay')).toEqual(scripts(githubSteps, 'replay').slice(0, -1));
  });

  const others = gitlabSteps.filter(
    ({ script }) => !githubSteps.some((step) => step.script === script),
  );
  test.each(named(others))(
    '%s',
    (_name, step) => {
      run(step, provided);
    },
    60_000,
  );

  test('has a note posted with the report', () => {
    expect(read('said.txt')).toContain(
      '--form body=<replay.md https://g/api/projects/3/merge_requests/7/notes',
    );
  });
});

test(
  'a policy that denies what was allowed does not pass the gate, and the report says what',
  () => {
    const file = join(folder, 'policy/data.json');
    const data = readFileSync(file, 'utf8');
    writeFileSync(file, data.replace('"class": "standard"', '"class": "none"'));
    expect(readFileSync(file, 'utf8')).not.toBe(data);
    const [build, replay] = githubSteps.filter(
      ({ job, script }) => job === 'replay' && script.includes('stele policy'),
    );
    run(build!);
    expect(() => {
      run(replay!);
    }).toThrow('Command failed');
    expect(read('replay.md')).toContain('Policy replay: failed');
    expect(read('replay.xml')).toContain('failures="2"');
  },
  STEP_MS,
);
