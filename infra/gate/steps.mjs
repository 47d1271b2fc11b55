// Runs the steps of a gate one after the other, prints how long each took, and keeps what a failing one said.
import { spawnSync } from 'node:child_process';

/** @param {readonly {name: string, command: string, args: readonly string[]}[]} steps @returns names of failed steps */
export function runSteps(steps) {
  const failed = [];
  for (const { name, command, args } of steps) {
    const started = performance.now();
    const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const ok = done.status === 0;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
    if (!ok) {
      failed.push(name);
      console.log(`${done.stdout ?? ''}${done.stderr ?? ''}`.trim().slice(-8000));
    }
  }
  return failed;
}
