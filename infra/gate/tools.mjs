// Installs what the tests need beside Node, pinned, into .tools. Each part says in one line what it did or why it is skipped.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const parts = ['infra/opa/install.mjs', 'infra/test-servers/install.mjs', 'infra/judges/install.mjs'];
for (const part of parts.filter((path) => existsSync(path))) {
  const done = spawnSync(process.execPath, [part], { stdio: 'inherit' });
  if (done.status !== 0) console.log(`skipped: ${part} could not install (exit ${done.status})`);
}
