// Compiles the Go source to one WebAssembly module. The same sources and Go release give the same bytes, from any folder
// and with an empty build cache.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { environment, root, source } from './paths.mjs';

/** What the module is made of; tests and these programs are not. */
const PART = /^(go\.mod|go\.sum|(?!.*_test\.go$).*\.go|overlay\/.*)$/;
const EMBEDDED = 'vendor/github.com/open-policy-agent/opa/capabilities/capabilities.go';
export const command =
  'GOOS=wasip1 GOARCH=wasm go build -mod=vendor -overlay=overlay.json -buildmode=c-shared -trimpath -ldflags="-s -w" -o rego.wasm .';
const flags = ['-mod=vendor', '-buildmode=c-shared', '-trimpath', '-ldflags=-s -w'];

/** @returns {Record<string, string>} hex SHA-256 of each source, by its path here, ascending */
export function sourceDigests() {
  const files = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(source, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => PART.test(name))
    .sort();
  return Object.fromEntries(files.map((name) => [name, sha256(readFileSync(join(source, name)))]));
}

/** @returns {{wasm: Buffer, modules: {path: string, version: string, folder: string}[]}} folders only last for `use` */
export function withModule(use) {
  const scratch = join(root, '.tools/scratch');
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, 'rego-toolchain-'));
  try {
    for (const name of Object.keys(sourceDigests())) cpSync(join(source, name), join(folder, name));
    // Go takes no overlay over files of its module cache, so what is linked is copied first.
    run(['mod', 'vendor'], folder);
    const overlay = {
      Replace: { [join(folder, EMBEDDED)]: join(folder, 'overlay/capabilities.go.txt') },
    };
    writeFileSync(join(folder, 'overlay.json'), JSON.stringify(overlay));
    const wasm = join(folder, 'rego.wasm');
    run(['build', '-overlay=overlay.json', ...flags, '-o', wasm, '.'], folder, target);
    return use({ wasm: readFileSync(wasm), modules: linkedModules(folder) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the tests of the Go source, natively. */
export function testSource() {
  run(['test', '-mod=readonly', './toolchain'], source);
}

const target = { GOOS: 'wasip1', GOARCH: 'wasm' };

/** Modules of which at least one package is linked, with the folder of their copy. */
function linkedModules(folder) {
  const format = '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}';
  const lines = run(['list', '-mod=vendor', '-deps', '-f', format, '.'], folder, target);
  return [...new Set(lines.split('\n').filter(Boolean))].sort().map((line) => {
    const [path, version] = line.split(' ');
    return { path, version, folder: join(folder, 'vendor', path) };
  });
}

function run(args, cwd, more = {}) {
  const done = spawnSync('go', args, {
    cwd,
    encoding: 'utf8',
    env: { ...environment, ...more },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.status === 0) return done.stdout;
  throw new Error(`go ${args[0]} failed\n${done.stdout ?? ''}${done.stderr ?? ''}`.trim());
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
