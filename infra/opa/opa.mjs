// Where the pinned OPA is and which it is. It only builds and checks policies; nothing at run time needs it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const tools = join(root, '.tools');
export const OPA_VERSION = '1.22.2';
export const OPA_MODULE = `github.com/open-policy-agent/opa@v${OPA_VERSION}`;
export const opaPath = join(tools, 'bin/opa');

/** @returns {boolean} whether the pinned version is installed */
export function hasOpa() {
  if (!existsSync(opaPath)) return false;
  const said = spawnSync(opaPath, ['version'], { encoding: 'utf8', env: cleanEnvironment() });
  return new RegExp(`^Version: ${OPA_VERSION.replaceAll('.', '\\.')}$`, 'm').test(
    said.stdout ?? '',
  );
}

/** OPA takes any flag from the environment, and wasm-opt too: a build must not depend on either. */
export function cleanEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(OPA_|EXPERIMENTAL_WASM)/.test(name),
  );
  return { ...Object.fromEntries(kept), OPA_TELEMETRY_SERVICE_URL: 'http://127.0.0.1:9' };
}

/** Runs OPA inside `cwd`. File names are embedded in a module, so a build always runs from the policy's own folder. */
export function opa(args, cwd) {
  const done = spawnSync(opaPath, args, {
    cwd,
    encoding: 'utf8',
    env: cleanEnvironment(),
    maxBuffer: 256 * 1024 * 1024,
  });
  if (done.status === 0) return done.stdout;
  throw new Error(`opa ${args[0]} failed\n${done.stdout ?? ''}${done.stderr ?? ''}`.trim());
}
