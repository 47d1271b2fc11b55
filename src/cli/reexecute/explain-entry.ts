/**
 * Which rules made a recorded decision: the archived policy decides the recorded input again, its result is held against
 * the recorded one, and the toolchain, interpreting the policy's Rego, names the rules that gave a value.
 */
import { SteleError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { cannot, withheldBy } from '../../policy/decide/reexecute.ts';
import type { Reexecution } from '../../policy/decide/reexecute.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { SourceOptions } from '../../toolchain/answers.ts';
import type { RegoToolchain } from '../../toolchain/toolchain.ts';
import type { ArchivedPolicy } from './archived-policy.ts';
import { rulesOf } from './explain-trace.ts';
import type { Trace } from './explain-trace.ts';
import type { RecordedEntry } from './recorded-entry.ts';
import { reexecuteOnce } from './once.ts';

/** A recorded decision, explained. */
export interface ExplainedEntry {
  readonly id: string;
  readonly index: number | null;
  readonly kind: string;
  /** Admission, epoch ms. */
  readonly at: number;
  readonly entrypoint: string;
  readonly allow: boolean;
  readonly err: string | null;
  readonly policy: { readonly id: string | null; readonly revision: string | null };
  readonly checked: string;
  /** The recorded result; null where it is not at hand, or where the policy gave none. */
  readonly result: JsonValue;
  readonly reexecution: Reexecution;
  /** Null where the decision cannot be made again, or the bundle has no Rego. */
  readonly trace: Trace | null;
}

/** What names rules. */
export interface Interpreter {
  readonly toolchain: RegoToolchain;
  /** The sources that a policy was built from, shown to be so; null: its bundle has to do. */
  readonly source: ((policy: StagedPolicy) => Promise<SourceOptions>) | null;
}

/**
 * Explains an entry.
 *
 * @param policies - Where its policy is.
 * @throws {@link SteleError} `entry_undecided` for an entry of the system itself; {@link ToolchainError}.
 */
export async function explainEntry(
  { entry, index, decision, checked, digest }: RecordedEntry,
  policies: (id: string, digest: string | null) => Promise<ArchivedPolicy>,
  { toolchain, source }: Interpreter,
): Promise<ExplainedEntry> {
  const { pol, jti: id, kind, at } = entry.payload;
  if (pol === undefined) {
    const message = `entry ${id} is of the system itself (${kind}): no policy decided it`;
    throw new SteleError('entry_undecided', message, { disposition: 'fix-input' });
  }
  const { entrypoint, allow, err = null } = pol;
  const known = { id, index, kind, at, entrypoint, allow, err, checked };
  const unable = (reexecution: Reexecution): ExplainedEntry => {
    const policy = { id: pol.id, revision: null };
    return { ...known, policy, result: null, reexecution, trace: null };
  };
  if ('verdict' in decision) return unable(decision);
  const withheld = withheldBy(decision.input);
  if (withheld !== undefined) return unable(cannot(withheld));
  if (pol.id === null) return unable(cannot('no policy decided'));
  const found = await policies(pol.id, digest);
  if (!('prepared' in found)) return unable(cannot(found.why));
  return {
    ...known,
    policy: { id: pol.id, revision: found.revision },
    result: decision.result,
    reexecution: await reexecuteOnce(found, decision),
    trace: await rulesOf(found, decision, {
      toolchain,
      source: source === null ? null : await source(found),
    }),
  };
}
