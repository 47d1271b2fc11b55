// From an empty folder to a bundle that was tested, as an author has it who has Node and nothing else: each command is a
// process of its own, and finds neither an OPA nor a Go on its PATH. Native OPA's share of it beside, where it is here.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { cleanEnvironment, hasOpa, opaPath } from '../opa/opa.mjs';
import { ms, row } from './row.mjs';

const stele = resolve('dist/cli/main.js');

/** Milliseconds of one process; what it says when it fails is thrown. */
function time(command, args, options) {
  const started = performance.now();
  const done = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`);
  return performance.now() - started;
}

/** @returns {number[][]} milliseconds by step, one list a round */
function timed(steps, rounds) {
  return Array.from({ length: rounds }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'stele-author-'));
    try {
      return steps(scratch);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
}

function medians(runs) {
  return runs[0].map(
    (_, step) => runs.map((run) => run[step]).sort((a, b) => a - b)[runs.length >> 1],
  );
}

function withNodeOnly(scratch) {
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const options = { cwd: scratch, env: { PATH: bin, HOME: scratch } };
  const policy = (...words) => time('node', [stele, 'policy', ...words], options);
  return [
    time('node', ['--eval', '0'], options),
    policy('init', 'mine'),
    policy('test', 'mine'),
    policy('build', 'mine'),
  ];
}

function natively(scratch) {
  time(process.execPath, [stele, 'policy', 'init', join(scratch, 'mine')], {});
  const options = { cwd: join(scratch, 'mine'), env: cleanEnvironment() };
  const build = ['build', '--bundle', '--target=wasm', '--prune-unused', '--ignore=*_test.rego'];
  return [
    time(opaPath, ['test', '.'], options),
    time(opaPath, [...build, '--ignore=cases', '--output=../b.tar.gz', '.'], options),
  ];
}

export function policyAuthor({ rounds }) {
  const [node, init, test, build] = medians(timed(withNodeOnly, rounds));
  const { packed } = JSON.parse(readFileSync('bundles/rego-toolchain/BUILD.json', 'utf8'));
  const rows = [
    row('init, test and build on an empty folder, Node only', ms(init + test + build)),
    row('  of these: init', ms(init)),
    row('  of these: test, golden cases too', ms(test)),
    row('  of these: build', ms(build)),
    row('a Node process that does nothing', ms(node)),
    row('size of the toolchain in the package', `${(packed.bytes / 1e6).toFixed(2)} MB`),
  ];
  if (!hasOpa()) return rows;
  const [nativeTest, nativeBuild] = medians(timed(natively, rounds));
  return [
    ...rows,
    row('native opa test, without golden cases', ms(nativeTest)),
    row('native opa build', ms(nativeBuild)),
  ];
}
