// Builds bundles/rego-toolchain: OPA's compiler, checker, formatter and test runner as one WebAssembly module.
// `node infra/rego-toolchain/build.mjs [--check | --draft]`: with --check nothing is written, and a difference is an error;
// a machine without Go, or with another release of it, is told so and passes. A draft is compressed quickly, and is not
// what is committed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { command, sha256, sourceDigests, testSource, withModule } from './compile.mjs';
import { licencesOf } from './licences.mjs';
import { artefact, goVersion, root, target } from './paths.mjs';

const record = join(target, 'BUILD.json');

function build(quality) {
  const { wasm, licences } = withModule(({ wasm, modules }) => ({
    wasm,
    licences: licencesOf(modules),
  }));
  const packed = brotliCompressSync(wasm, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
    },
  });
  mkdirSync(target, { recursive: true });
  writeFileSync(artefact, packed);
  writeFileSync(join(target, 'LICENSES'), licences);
  writeFileSync(record, `${JSON.stringify(describe(wasm, packed), null, 2)}\n`);
  console.log(`built: ${wasm.length} bytes, ${packed.length} compressed`);
}

function describe(wasm, packed) {
  const sums = readFileSync(join(import.meta.dirname, 'go.mod'), 'utf8');
  return {
    opa: /open-policy-agent\/opa v(\S+)/.exec(sums)[1],
    go: goVersion(),
    command,
    wasm: { bytes: wasm.length, sha256: sha256(wasm) },
    packed: { bytes: packed.length, sha256: sha256(packed) },
    sources: sourceDigests(),
  };
}

/** The committed files against each other and against the sources that stand here. @returns {string | null} the fault */
function contradiction(said) {
  const packed = readFileSync(artefact);
  if (sha256(packed) !== said.packed.sha256) return 'rego.wasm.br is not the file of BUILD.json';
  if (sha256(brotliDecompressSync(packed)) !== said.wasm.sha256)
    return 'rego.wasm.br does not unpack to the module of BUILD.json';
  if (JSON.stringify(sourceDigests()) !== JSON.stringify(said.sources))
    return 'the sources are not those of BUILD.json: node infra/rego-toolchain/build.mjs';
  return null;
}

function check() {
  const said = JSON.parse(readFileSync(record, 'utf8'));
  const fault = contradiction(said);
  if (fault !== null) return fail(fault);
  const here = goVersion();
  if (here !== said.go) {
    console.log(`skipped: the module was built with ${said.go}, here is ${here ?? 'no Go'}`);
    return undefined;
  }
  // Two minutes of compiling are paid once for the same sources and compiler.
  const stamp = join(root, '.tools/stamps/rego-toolchain');
  const tests = readFileSync(join(import.meta.dirname, 'toolchain/call_test.go'), 'utf8');
  const wanted = sha256(JSON.stringify([said, here, tests]));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted)
    return console.log('checked before');
  const built = withModule(({ wasm }) => sha256(wasm));
  if (built !== said.wasm.sha256)
    return fail(`the sources build to ${built}, not to the committed module`);
  testSource();
  mkdirSync(join(root, '.tools/stamps'), { recursive: true });
  writeFileSync(stamp, wanted);
  return console.log('checked: the sources build to the committed module, and pass their tests');
}

function fail(fault) {
  console.error(`bundles/rego-toolchain: ${fault}`);
  process.exitCode = 1;
}

if (process.argv.includes('--check')) check();
else build(process.argv.includes('--draft') ? 5 : constants.BROTLI_MAX_QUALITY);
