/**
 * The rules of an archived policy that gave a value. OPA takes the rules of entrypoints out of a bundle when it compiles
 * them, and leaves the rest of the Rego. Where the sources are at hand the entrypoint itself is interpreted; else the
 * packages that its module imports, of which those that give what was recorded are told.
 */
import { utf8Text } from '../../core/platform/bytes.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { unpackBundle } from '../../policy/bundle/bundle.ts';
import type { RecordedDecision } from '../../policy/decide/reexecute.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { FiredRule, SourceOptions } from '../../toolchain/answers.ts';
import { ToolchainError } from '../../toolchain/toolchain-error.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import { ARCHIVE_LIMITS } from '../open/policy.ts';

/** What the rules say about an input. */
export interface Trace {
  /** What was interpreted, as `data.stele.append`. */
  readonly queries: readonly string[];
  readonly fired: readonly FiredRule[];
  /** OPA's own text of the expressions that were not true. */
  readonly failed: string;
  readonly printed: string;
  /** Whether that gives the recorded result, as far as it gives one: only then it is why. */
  readonly agrees: boolean;
}

/** With what rules are named. */
export interface TraceTools {
  readonly toolchain: RegoToolchain;
  /** What the bundle was built from; null: the bundle's own Rego has to do. */
  readonly source: SourceOptions | null;
}

const IMPORT = /^import (data\.[\w.]+)(?: as \w+)?$/gm;

/** @returns null for a bundle without Rego. */
export async function rulesOf(
  { archive }: StagedPolicy,
  decision: RecordedDecision,
  { toolchain, source }: TraceTools,
): Promise<Trace | null> {
  const sources = source ?? (await sourcesOf(archive));
  if (sources === null) return null;
  const entry = `data.${decision.entrypoint.replaceAll('/', '.')}`;
  const whole = await interpret(toolchain, sources, decision, entry);
  if (whole.failed) return whole.trace;
  if (whole.value !== null || source !== null) {
    const agrees = canonicalJson(whole.value) === canonicalJson(decision.result);
    return { ...whole.trace, agrees };
  }
  const deciding: Trace[] = [];
  for (const query of importsOf(sources, decision.entrypoint)) {
    const { value, trace } = await interpret(toolchain, sources, decision, query);
    if (!isJsonObject(value) || value['allow'] === undefined) continue;
    deciding.push({ ...trace, agrees: agreesWith(value, decision.result) });
  }
  const agreeing = deciding.filter(({ agrees }) => agrees);
  return merged(agreeing.length > 0 ? agreeing : deciding);
}

interface Interpreted {
  /** Null where it is undefined. */
  readonly value: JsonValue;
  /** Whether the rules contradict themselves, or the like. */
  readonly failed: boolean;
  readonly trace: Trace;
}

async function interpret(
  toolchain: RegoToolchain,
  sources: SourceOptions,
  { input }: RecordedDecision,
  query: string,
): Promise<Interpreted> {
  const nothing = { queries: [query], fired: [], failed: '', printed: '', agrees: false };
  try {
    const question = { query, input: canonicalJson(input), trace: true };
    const { results, ...trace } = await toolchain.evaluate(sources, question);
    const value = results[0]?.expressions[0]?.value ?? null;
    return { value, failed: false, trace: { ...nothing, ...trace } };
  } catch (error) {
    // Rego that fails names its place, as a conflict of two rules does.
    if (!(error instanceof ToolchainError) || error.code !== 'policy_source_invalid') throw error;
    return { value: null, failed: true, trace: { ...nothing, failed: error.message } };
  }
}

/** Of a package only members count that the result has too. */
function agreesWith(value: JsonObject, result: JsonValue): boolean {
  if (!isJsonObject(result)) return false;
  return Object.entries(result).every(([name, member]) => {
    const found = value[name];
    return found === undefined || canonicalJson(found) === canonicalJson(member);
  });
}

function merged(traces: readonly Trace[]): Trace {
  return {
    queries: traces.flatMap(({ queries }) => queries),
    fired: traces.flatMap(({ fired }) => fired),
    failed: traces.map(({ failed }) => failed).join(''),
    printed: traces.map(({ printed }) => printed).join(''),
    agrees: traces.length > 0 && traces.every(({ agrees }) => agrees),
  };
}

/** What modules of the entrypoint's package import from other packages. */
function importsOf({ files }: SourceOptions, entrypoint: string): string[] {
  const own = entrypoint.split('/').slice(0, -1).join('.');
  const modules = [...files].filter(
    ([name, text]) => name.endsWith('.rego') && text.split('\n').includes(`package ${own}`),
  );
  const found = modules.flatMap(([, text]) => [...text.matchAll(IMPORT)].map(([, ref]) => ref));
  return [...new Set(found)].filter(
    (ref): ref is string => ref !== undefined && !ref.startsWith(`data.${own}.`),
  );
}

/** Rego and data of a bundle; null where it was built without its Rego. */
async function sourcesOf(archive: Uint8Array): Promise<SourceOptions | null> {
  const files = [...(await unpackBundle(archive, ARCHIVE_LIMITS))]
    .filter(([name]) => name.endsWith('.rego') || name === 'data.json')
    .map(([name, bytes]) => [name, utf8Text(bytes)] as const);
  if (!files.some(([name]) => name.endsWith('.rego'))) return null;
  return { files: new Map(files) };
}
