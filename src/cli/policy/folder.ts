/** A policy's folder as the toolchain takes it: texts by name, nothing else that lies around. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SteleError } from '../../core/errors.ts';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import { casesOf as casesOfBundle } from '../../policy/bundle/cases.ts';
import type { GoldenCase } from '../../policy/bundle/cases.ts';
import type { SourceFiles, SourceOptions } from '../../toolchain/answers.ts';
import { TOOLCHAIN_LIMITS } from '../../toolchain/limits.ts';
import { ToolchainError } from '../../toolchain/toolchain-error.ts';

/** What belongs to a policy, by the end of the name. */
const SOURCE = /(?:\.rego|\.json|\.ya?ml|^\.manifest)$/;
/** Never a part of a policy; `.manifest` is the one hidden file that is. */
const FOREIGN = /^(?:\.(?!manifest$)|node_modules$)/;
const CAPABILITIES = 'capabilities.json';
const CASES = /^cases\/[^/]+\.json$/;
const SCHEMA = /^schemas\/([^/]+)\.json$/;

/** What `opa test` and `opa check` leave out: it is no data of the policy. */
const NOT_DATA = [CAPABILITIES, 'schemas'];
/** What a bundle leaves out. The project's own bundle is built with the same patterns. */
const NOT_DEPLOYED = ['*_test.rego', 'cases'];

/** A policy's folder. */
export interface PolicyFolder {
  readonly path: string;
  readonly files: SourceFiles;
  /** JSON text of the built-ins that it may use; undefined where the folder does not say. */
  readonly capabilities: string | undefined;
  /** JSON Schemas by name, from `schemas/`. */
  readonly schemas: ReadonlyMap<string, string>;
}

/** Whether a change of this file changes the policy. @param name - Path inside the folder. */
export function isPolicySource(name: string): boolean {
  const parts = name.split(/[\\/]/);
  return SOURCE.test(parts.at(-1) ?? '') && !parts.some((part) => FOREIGN.test(part));
}

/**
 * Reads a policy's folder.
 *
 * @param capabilities - A capabilities file in place of the folder's own.
 * @throws {@link SteleError} `policy_missing` where it has no Rego; `policy_source_too_large`; `policy_source_linked`.
 */
export async function readPolicyFolder(path: string, capabilities?: string): Promise<PolicyFolder> {
  const files = new Map<string, string>();
  await collect(path, '', files);
  if (![...files.keys()].some((name) => name.endsWith('.rego'))) throw missing(path);
  const schemas = [...files].flatMap(([name, text]) => {
    const found = SCHEMA.exec(name)?.[1];
    return found === undefined ? [] : ([[found, text]] as const);
  });
  const allowed =
    capabilities === undefined ? files.get(CAPABILITIES) : await readFile(capabilities, 'utf8');
  return { path, files, capabilities: allowed, schemas: new Map(schemas) };
}

/** The folder for calls that look at sources and data. */
export function sourcesOf({ files, capabilities }: PolicyFolder): SourceOptions {
  return { files, capabilities, ignore: NOT_DATA };
}

/** The folder for a build: without tests and cases. */
export function deployedOf({ files, capabilities }: PolicyFolder): SourceOptions & {
  readonly ignore: readonly string[];
} {
  return { files, capabilities, ignore: NOT_DEPLOYED };
}

/** The golden cases of the folder, in the order of their files. @throws where a file is no list of cases */
export function casesOf(folder: PolicyFolder): GoldenCase[] {
  const cases = caseFiles(folder);
  return casesOfBundle(new Map(cases.map(([name, text]) => [name, utf8Bytes(text)])));
}

/** Names and texts of the files of golden cases. */
export function caseFiles({ files }: PolicyFolder): (readonly [name: string, text: string])[] {
  return [...files].filter(([name]) => CASES.test(name));
}

async function collect(root: string, below: string, files: Map<string, string>): Promise<void> {
  let bytes = 0;
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch(
    (error: unknown) => {
      throw below === '' ? missing(root) : error;
    },
  );
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (FOREIGN.test(entry.name)) continue;
    const name = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isSymbolicLink()) throw linked(name);
    if (entry.isDirectory()) await collect(root, name, files);
    if (!entry.isFile() || !SOURCE.test(entry.name)) continue;
    const { size } = await stat(join(root, name));
    bytes += size;
    if (bytes > TOOLCHAIN_LIMITS.bytes || files.size >= TOOLCHAIN_LIMITS.files)
      throw tooLarge(root);
    files.set(name, await readFile(join(root, name), 'utf8'));
  }
}

function missing(path: string): SteleError {
  return new SteleError('policy_missing', `${path} is no folder with Rego in it`, {
    disposition: 'fix-configuration',
  });
}

/** A build that follows links would depend on what is outside of its folder. */
function linked(name: string): SteleError {
  return new SteleError('policy_source_linked', `${name} is a symbolic link: copy what it names`, {
    disposition: 'fix-input',
  });
}

function tooLarge(path: string): ToolchainError {
  return new ToolchainError(
    'policy_source_too_large',
    `${path} has more than ${TOOLCHAIN_LIMITS.files} files or ${TOOLCHAIN_LIMITS.bytes} bytes of policy`,
  );
}
