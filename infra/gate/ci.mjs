// The gate: build, checks, tools, tests with coverage; one count at the end, in which each check is one.
import { spawnSync } from 'node:child_process';
import { checks } from './checks.mjs';
import { runSteps } from './steps.mjs';
import { conclude, runTests } from './test.mjs';

const make = (target) =>
  spawnSync('make', ['--no-print-directory', target], { stdio: 'inherit' }).status === 0;

if (!make('build')) {
  conclude({ passed: 0, failed: 1, skipped: 0 });
} else {
  const failedChecks = runSteps(checks);
  make('tools');
  const tests = runTests(['--coverage']);
  conclude({
    passed: tests.passed + checks.length - failedChecks.length,
    failed: tests.failed + failedChecks.length,
    skipped: tests.skipped,
  });
}
