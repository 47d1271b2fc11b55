// Where the toolchain's parts are, and with what Go it is built.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const source = import.meta.dirname;
export const target = join(root, 'bundles/rego-toolchain');
export const artefact = join(target, 'rego.wasm.br');
const go = join(root, '.tools/go');

/** Nothing of the caller's settings reaches the compiler: the bytes depend on the sources and the Go release only. */
export const environment = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  ...(process.env.GOPROXY === undefined ? {} : { GOPROXY: process.env.GOPROXY }),
  ...(process.env.GOMAXPROCS === undefined ? {} : { GOMAXPROCS: process.env.GOMAXPROCS }),
  GOPATH: go,
  GOMODCACHE: join(go, 'pkg/mod'),
  GOCACHE: join(go, 'build'),
  GOFLAGS: '-modcacherw -buildvcs=false',
  GOTOOLCHAIN: 'local',
  GOENV: 'off',
  GOWORK: 'off',
  CGO_ENABLED: '0',
};

/** @returns {string | null} the release of the Go on this machine, as `go1.26.8` */
export function goVersion() {
  const said = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', env: environment });
  return said.status === 0 ? said.stdout.trim() : null;
}
