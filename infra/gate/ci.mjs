// The gate: build, checks, tools, tests with coverage; one count at the end, in which each check is one.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { checks } from './checks.mjs';
import { runSteps } from './steps.mjs';
import { conclude, runTests } from './test.mjs';

const build = spawnSync('make', ['--no-print-directory', 'build'], { stdio: 'inherit' });
if (build.status !== 0) {
  conclude({ passed: 0, failed: 1, skipped: 0 });
} else {
  // Beside the checks, most of which use one processor.
  const tools = spawn('make', ['--no-print-directory', 'tools'], { stdio: 'inherit' });
  const installed = once(tools, 'exit');
  const failedChecks = runSteps(checks);
  await installed;
  const tests = runTests(['--coverage']);
  conclude({
    passed: tests.passed + checks.length - failedChecks.length,
    failed: tests.failed + failedChecks.length,
    skipped: tests.skipped,
  });
}
