// Builds the default policy: bundles/default/bundle.tar.gz and BUILD.json, from rego/, with the toolchain that authors have:
// Node alone. The same sources give the same bytes, and a test compares them with native OPA's.
// `node infra/opa/build.mjs [--check]`: with --check nothing is written, and a difference is an error.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join, relative, sep } from 'node:path';
import { deployedOf, readPolicyFolder } from '../../dist/cli/policy/folder.js';
import { RegoToolchain } from '../../dist/toolchain/toolchain.js';
import { OPA_VERSION, root } from './opa.mjs';

const sourceFolder = join(root, 'rego');
const target = join(root, 'bundles/default');
/** What native OPA is told for the same bytes; nothing of the tests may become an entrypoint. */
const flags = [
  'build',
  '--target=wasm',
  '--optimize=0',
  '--prune-unused',
  '--capabilities=capabilities.json',
  '--ignore=*_test.rego',
  '--ignore=cases',
  '--bundle',
];

/** @returns {string[]} what the bundle depends on, relative to rego/, ascending */
export function sources() {
  return readdirSync(sourceFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(sourceFolder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => /(^\.manifest|^capabilities\.json|^data\.json|\.rego)$/.test(name))
    .filter((name) => !name.endsWith('_test.rego'))
    .sort();
}

/** @returns {Record<string, string>} hex SHA-256 of each source */
export function sourceDigests() {
  return Object.fromEntries(
    sources().map((name) => [name, sha256(readFileSync(join(sourceFolder, name)))]),
  );
}

/**
 * Builds a folder's policy.
 *
 * @param {{everything?: boolean}} options Whether it may call what the engine has not; for tests.
 * @returns {Promise<Uint8Array>} the archive
 */
export async function buildBundle(folder = sourceFolder, revision = revisionOf(), options = {}) {
  const capabilities = join(sourceFolder, 'capabilities.json');
  const sources = deployedOf(await readPolicyFolder(folder, capabilities));
  const toolchain = new RegoToolchain();
  try {
    const bundle = { target: 'wasm', asBundle: true, optimize: 0, pruneUnused: true, revision };
    const allowed = options.everything ? { capabilities: undefined } : {};
    return await toolchain.build({ ...sources, ...allowed }, bundle);
  } finally {
    await toolchain.close();
  }
}

/** What the author calls it: the digest of the sources, so that it never lies about what it was made from. */
function revisionOf() {
  return `default-${sha256(JSON.stringify(sourceDigests())).slice(0, 12)}`;
}

function describe(archive) {
  return `${JSON.stringify(
    {
      opa: OPA_VERSION,
      command: `cd rego && opa ${flags.join(' ')} --revision=${revisionOf()} .`,
      revision: revisionOf(),
      bundle: sha256(archive),
      sources: sourceDigests(),
    },
    null,
    2,
  )}\n`;
}

function isSame(left, right) {
  if (left.equals(right)) return true;
  const zipped = left[0] === 0x1f && right[0] === 0x1f;
  return zipped && gunzipSync(left).equals(gunzipSync(right));
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

async function main(check) {
  const built = Buffer.from(await buildBundle());
  const committed = join(target, 'bundle.tar.gz');
  // The deflated bytes depend on the Go release that compiled the toolchain; what is inside does not.
  const archive = check && isSame(readFileSync(committed), built) ? readFileSync(committed) : built;
  const files = { 'bundle.tar.gz': archive, 'BUILD.json': Buffer.from(describe(archive)) };
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(target, name);
    if (!check) writeFileSync(path, bytes);
    else if (!isSame(readFileSync(path), bytes)) {
      console.error(`bundles/default/${name} is not what rego/ builds to: make policy`);
      process.exitCode = 1;
    }
  }
  console.log(`${check ? 'checked' : 'built'}: bundles/default, ${archive.length} bytes`);
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'));
