// Builds the default policy: bundles/default/bundle.tar.gz and BUILD.json, from rego/. The same sources give the same
// bytes. `node infra/opa/build.mjs [--check]`: with --check nothing is written, and a difference is an error.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { join, relative, sep } from 'node:path';
import { hasOpa, opa, OPA_VERSION, root } from './opa.mjs';

const sourceFolder = join(root, 'rego');
const target = join(root, 'bundles/default');
/** Nothing of the tests may become an entrypoint. The order is part of the recorded command. */
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
 * @param {(flag: string) => boolean} keep Which of the flags are given; tests leave out the capabilities.
 * @returns {Buffer} the archive
 */
export function buildBundle(folder = sourceFolder, revision = revisionOf(), keep = () => true) {
  const stage = mkdtempSync(join(tmpdir(), 'stele-policy-'));
  try {
    const output = join(stage, 'bundle.tar.gz');
    const absolute = flags
      .filter(keep)
      .map((flag) =>
        flag.replace('=capabilities.json', `=${join(sourceFolder, 'capabilities.json')}`),
      );
    opa([...absolute, `--revision=${revision}`, `--output=${output}`, '.'], folder);
    return readFileSync(output);
  } finally {
    rmSync(stage, { recursive: true, force: true });
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

function main(check) {
  if (!hasOpa()) {
    console.log(
      `skipped: the policy is built with OPA v${OPA_VERSION}, which is not in .tools (make tools)`,
    );
    if (!check) process.exitCode = 1;
    return;
  }
  const built = buildBundle();
  const committed = join(target, 'bundle.tar.gz');
  // The deflated bytes depend on the Go release that compiled OPA; what is inside does not.
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

if (process.argv[1] === import.meta.filename) main(process.argv.includes('--check'));
