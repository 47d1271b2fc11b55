// Runs Jest and ends with one plain line: `N passed, N failed, N skipped`. Skips are listed by name.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

/** @returns {{passed: number, failed: number, skipped: number}} */
export function runTests(args) {
  const report = 'coverage/jest.json';
  mkdirSync('coverage', { recursive: true });
  rmSync(report, { force: true });
  const jest = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--json',
      `--outputFile=${report}`,
      ...args,
    ],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        NODE_NO_WARNINGS: '1',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
    },
  );
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.log(`jest gave no report (exit ${jest.status})`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  for (const file of result.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'pending') console.log(`skipped: ${test.fullName}`);
    }
  }
  // A suite that cannot even load has no failing assertion of its own: count it.
  const broken = result.numRuntimeErrorTestSuites;
  const failed = result.numFailedTests + broken;
  const unsaid = jest.status !== 0 && failed === 0 ? 1 : 0; // coverage thresholds, open handles
  return {
    passed: result.numPassedTests,
    failed: failed + unsaid,
    skipped: result.numPendingTests,
  };
}

/** The last line of every gate. */
export function conclude({ passed, failed, skipped }) {
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.url === `file://${process.argv[1]}`) conclude(runTests(process.argv.slice(2)));
