// Installs what the tests need beside Node, pinned, into .tools. Each part says in one line what it did or why it is skipped.
import { spawnSync } from 'node:child_process';

const parts = [
  [process.execPath, 'infra/opa/install.mjs'],
  ['sh', 'infra/test-servers/install.sh'],
  [process.execPath, 'infra/judges/install.mjs'],
];
for (const [command, part] of parts) {
  const done = spawnSync(command, [part], { stdio: 'inherit' });
  if (done.status !== 0) console.log(`skipped: ${part} could not install (exit ${done.status})`);
}
