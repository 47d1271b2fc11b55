// What must hold of the source before any test runs.
import { checks } from './checks.mjs';
import { runSteps } from './steps.mjs';

process.exitCode = runSteps(checks).length === 0 ? 0 : 1;
