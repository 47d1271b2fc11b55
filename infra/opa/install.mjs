// Installs the pinned OPA into .tools of this checkout (2.5 minutes and 1 GB of build caches the first time). Where it is
// already, this costs one look; where Go is missing, it is skipped by name with exit code 0: the compiled policy is
// committed, and Node alone runs it.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasOpa, OPA_MODULE, OPA_VERSION, tools } from './opa.mjs';

const environment = {
  ...process.env,
  GOBIN: join(tools, 'bin'),
  GOPATH: join(tools, 'go'),
  GOMODCACHE: join(tools, 'go/pkg/mod'),
  GOCACHE: join(tools, 'go/build'),
  GOFLAGS: '-modcacherw',
  GOTOOLCHAIN: 'local',
};

function install() {
  if (hasOpa()) return say('ready');
  const go = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', env: environment });
  const minor = /^go1\.(\d+)/.exec(go.stdout ?? '')?.[1];
  if (minor === undefined || Number(minor) < 25) return say('skipped', ' needs Go 1.25 or later');
  say('installing', ' (about three minutes of compiling)');
  mkdirSync(join(tools, 'bin'), { recursive: true });
  const done = spawnSync('go', ['install', '-trimpath', OPA_MODULE], {
    env: environment,
    encoding: 'utf8',
  });
  if (done.status !== 0 || !hasOpa()) {
    say('failed', `\n${done.stderr ?? ''}`.trimEnd().slice(-2000));
    process.exitCode = 1;
    return undefined;
  }
  return say('installed');
}

function say(state, more = '') {
  console.log(`${state}: OPA v${OPA_VERSION}${more}`);
}

install();
