/** From a policy's folder to a bundle that was tried: the steps that `build`, `test`, `bench` and `dev` share. */
import { createHash } from 'node:crypto';
import { sha256Base64Url } from '#platform';
import { readBundle } from '../../policy/bundle/bundle.ts';
import { PolicyEngine } from '../../policy/engine/engine.ts';
import { tryCase } from '../../policy/bundle/cases.ts';
import type { CaseFailure, GoldenCase } from '../../policy/bundle/cases.ts';
import type { PolicyIdentity } from '../../policy/bundle/identity.ts';
import { preparePolicy } from '../../policy/bundle/prepare.ts';
import type { BuildOptions } from '../../toolchain/answers.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { differences } from './differences.ts';
import { casesOf, deployedOf } from './folder.ts';
import type { PolicyFolder } from './folder.ts';

/** What an author may say about a build. */
export interface BuildFlags {
  readonly revision?: string;
  readonly entrypoint?: readonly string[];
  readonly optimize?: 0 | 1 | 2;
  readonly prune?: boolean;
}

/** A bundle that the gateway's own engine has taken. */
export interface BuiltPolicy {
  readonly archive: Uint8Array;
  /** SHA-256 of the bundle, base64url: what approvals name. */
  readonly digest: string;
  readonly identity: PolicyIdentity;
  readonly engine: PolicyEngine;
  /** The command of OPA that gives the same bytes, inside the policy's folder. */
  readonly command: string;
}

/** Which golden cases the compiled policy answered as wanted. */
export interface GoldenReport {
  readonly cases: number;
  readonly failures: readonly CaseFailure[];
}

/** Hex digits of a revision; it is a name, not an identity. */
const REVISION_DIGITS = 12;

/**
 * Builds, reads, compiles and starts the policy.
 *
 * @throws `ToolchainError` where the sources are wrong, `BundleError` where the gateway could not ask the result.
 */
export async function buildPolicy(
  toolchain: RegoToolchain,
  folder: PolicyFolder,
  flags: BuildFlags = {},
): Promise<BuiltPolicy> {
  const sources = deployedOf(folder);
  const options = {
    target: 'wasm',
    asBundle: true,
    optimize: flags.optimize ?? 0,
    pruneUnused: flags.prune ?? true,
    entrypoints: flags.entrypoint ?? [],
    revision: flags.revision ?? revisionOf(folder),
  } as const satisfies BuildOptions;
  const archive = await toolchain.build(sources, options);
  const prepared = preparePolicy(await readBundle(archive));
  return {
    archive,
    digest: sha256Base64Url(archive),
    identity: prepared.identity,
    engine: new PolicyEngine(prepared.compiled),
    command: commandOf(folder, options, sources.ignore),
  };
}

/** Runs the folder's golden cases through the compiled module, with the engine that the gateway has. */
export function runGoldenCases(built: BuiltPolicy, folder: PolicyFolder): GoldenReport {
  const cases = casesOf(folder);
  const failures = cases.flatMap((golden) => tryCase(built.engine, golden) ?? []);
  return { cases: cases.length, failures };
}

/** A case that failed, and what its answer has otherwise. */
export function failureText({ case: golden, got, err }: CaseFailure): string {
  const lines = [
    `FAIL ${golden.entrypoint}: ${golden.about}`,
    ...(err === null ? [] : [err]),
    ...(got === null ? ['no answer'] : differences(golden.want, got)),
  ];
  return lines.join('\n  ');
}

/** Names a case for a machine. */
export function failureFacts(failure: CaseFailure): object {
  const { entrypoint, about, want }: GoldenCase = failure.case;
  return { entrypoint, about, want, got: failure.got, err: failure.err };
}

/** The digest of what is built from, so that a name never lies about it. */
function revisionOf({ files }: PolicyFolder): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([...files]))
    .digest('hex');
  return `sources-${digest.slice(0, REVISION_DIGITS)}`;
}

function commandOf(
  folder: PolicyFolder,
  options: Required<Omit<BuildOptions, 'revision'>> & { readonly revision: string },
  ignore: readonly string[],
): string {
  return [
    'opa build --bundle --target=wasm',
    `--optimize=${options.optimize}`,
    ...(options.pruneUnused ? ['--prune-unused'] : []),
    ...(folder.capabilities === undefined ? [] : ['--capabilities=capabilities.json']),
    ...ignore.map((pattern) => `--ignore='${pattern}'`),
    ...options.entrypoints.map((name) => `--entrypoint=${name}`),
    `--revision=${options.revision}`,
    '.',
  ].join(' ');
}
