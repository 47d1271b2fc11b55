/** The module as it is shipped: compressed, beside a record of what it is. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { ToolchainError } from './toolchain-error.ts';
import { wasm } from './wasm.ts';
import type { CompiledModule } from './wasm.ts';

/** The parts of `BUILD.json` that are held against the module. */
export interface ArtefactRecord {
  /** Version of OPA. */
  readonly opa: string;
  /** Release of Go. */
  readonly go: string;
  readonly wasm: { readonly bytes: number; readonly sha256: string };
}

/** Where the package keeps it. */
export const ARTEFACT = new URL('../../bundles/rego-toolchain/', import.meta.url);

const unpack = promisify(brotliDecompress);
/** By folder: 37 MB of code that need not be compiled twice in a process. */
const compiled = new Map<string, Promise<CompiledModule>>();

/** Reads the record alone: for who only asks which version this is. @throws {@link ToolchainError} */
export async function readArtefactRecord(folder: URL = ARTEFACT): Promise<ArtefactRecord> {
  try {
    return JSON.parse(await readFile(new URL('BUILD.json', folder), 'utf8')) as ArtefactRecord;
  } catch (cause) {
    throw new ToolchainError(
      'toolchain_unusable',
      `there is no Rego toolchain at ${folder.pathname}`,
      {
        cause,
      },
    );
  }
}

/** The compiled module, made at the first call. @throws {@link ToolchainError} `toolchain_unusable`; then it is tried again. */
export async function sharedArtefact(folder: URL = ARTEFACT): Promise<CompiledModule> {
  const found = compiled.get(folder.href);
  if (found !== undefined) return found;
  const made = loadArtefact(folder);
  compiled.set(folder.href, made);
  made.catch(() => compiled.delete(folder.href));
  return made;
}

/**
 * Unpacks, checks and compiles the module; about half a second.
 *
 * @throws {@link ToolchainError} `toolchain_unusable` where it is missing or not what `BUILD.json` says.
 */
export async function loadArtefact(folder: URL = ARTEFACT): Promise<CompiledModule> {
  const record = await readArtefactRecord(folder);
  let bytes: Buffer;
  try {
    const packed = await readFile(new URL('rego.wasm.br', folder));
    bytes = await unpack(packed, { maxOutputLength: record.wasm.bytes });
  } catch (cause) {
    throw new ToolchainError('toolchain_unusable', 'the Rego toolchain does not unpack', { cause });
  }
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== record.wasm.sha256) {
    throw new ToolchainError(
      'toolchain_unusable',
      `the Rego toolchain has SHA-256 ${digest}, want ${record.wasm.sha256}`,
    );
  }
  return wasm.compile(bytes);
}
