/**
 * Whether an activation in the log was decided as it says: its record opens its leaf, speaks of this very change, and the
 * policy that may decide it gives the same result again; and so for the activation of that policy, back to one that this
 * writer has adopted, or to genesis. What does not agree is adopted by nobody (docs/decisions/0016).
 */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { parseEntry } from '../../core/entry/entry.ts';
import type { Entry } from '../../core/entry/entry.ts';
import { SteleError } from '../../core/errors.ts';
import type { Activation } from '../../core/log/state.ts';
import { isAdopted } from '../../core/log/policy-charge.ts';
import { checkFullOpening, parseRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import type { ChargedPolicy, Evaluate, PolicySwitch } from '../context/components.ts';
import type { LedgerContext } from '../context/context.ts';
import { ADMIN, claimsDecision, disagreement, effectiveChange } from '../log/effective-change.ts';
import type { EffectiveChange } from '../log/effective-change.ts';
import type { LogView } from '../log/view.ts';
import { readArchivedPolicy } from '../log/policy-archive.ts';
import type { FoundEntry } from '../context/receipt.ts';

/** Changes in a row that are looked back on: more than a ledger sees in years, and each had its approvals. */
const LOOK_BACK_MAX = 1024;

/** What a check works with. */
export interface SealedDecisionParts {
  readonly context: LedgerContext;
  readonly view: LogView;
  readonly policies: PolicySwitch;
  /** Reads a sealed entry, proven. */
  readonly entry: (index: number) => Promise<FoundEntry | null>;
  /** Leaf indices of activations that were shown to be decided by right. Added to. */
  readonly shown: Set<number>;
}

/** Which activation of a policy: it may be in charge twice. */
type Placed = Pick<Activation, 'id' | 'index'>;

/** Reads a policy of the log with all that a switch wants of it. */
export async function chargedPolicy(
  { store, settings }: Pick<LedgerContext, 'store' | 'settings'>,
  { state }: LogView,
  active: Activation,
): Promise<ChargedPolicy> {
  const { id, index, digest, signer } = active;
  const record = signer === null ? undefined : state.keys.get(signer);
  const author = record?.certificate?.jwk ?? null;
  const archive = await readArchivedPolicy(store, settings.ledger, active);
  return { id, index, digest, archive, signer, author };
}

/**
 * Executes the decision of an activation again, and of those that it rests on.
 *
 * @throws {@link SteleError} `policy_undecided` where it does not agree; what keeps the policy that decided it from being
 *   run; and the store's errors.
 */
export async function assertDecided(
  parts: SealedDecisionParts,
  { id, index }: Placed,
  depth = 0,
): Promise<void> {
  const { shown, view, context } = parts;
  const { state } = view;
  // The root has signed the policy of genesis.
  if (index === null) return;
  // What this writer adopted in an earlier life it had looked at then.
  if (shown.has(index) || isAdopted(state, { id, index }, context.writer)) return;
  if (depth > LOOK_BACK_MAX) throw undecided('it rests on too many changes before it');
  const found = await parts.entry(index);
  if (found === null) throw undecided('its entry cannot be read');
  const entry = parseEntry(Buffer.from(found.jws));
  const change = effectiveChange(entry, index, state);
  const decider = state.deciders.get(String(index));
  if (change === null || decider === undefined) throw undecided('it took no effect');
  // Where none was in charge there was nobody to ask.
  if (change.facts.previous !== null) {
    const by = deciderOf(entry);
    const record = recordOf(entry, found, context.clock());
    if (record !== null) await assertRepeated(parts, change, by, record);
    // Whoever was put in charge without right has put nobody in charge by right.
    await assertDecided(parts, { id: by, index: decider }, depth + 1);
  }
  shown.add(index);
}

/** The policy that a leaf says allowed it. */
function deciderOf(entry: Entry): string {
  const by = entry.payload.pol?.id ?? '';
  if (claimsDecision(entry, by)) return by;
  throw undecided('it says of no policy that it allowed it');
}

async function assertRepeated(
  parts: SealedDecisionParts,
  change: EffectiveChange,
  by: string,
  record: StoredRecord,
): Promise<void> {
  const fault = disagreement(change, record);
  if (fault !== undefined) throw undecided(fault);
  const evaluate = await opened(parts, by);
  const again = await evaluate(ADMIN, canonicalJson(record.input));
  if (canonicalJson(again) === canonicalJson(record.result)) return;
  throw undecided(`executed again, policy ${by} gives another result`);
}

async function opened({ context, view, policies }: SealedDecisionParts, id: string) {
  const policy = view.state.policies.get(id);
  if (policy === undefined) throw undecided(`policy ${id} was never in charge`);
  const evaluate: Evaluate = await policies.open(await chargedPolicy(context, view, policy));
  return evaluate;
}

/** The record of the decision; null where its time is over. */
function recordOf(
  { payload }: Entry,
  { record: line }: FoundEntry,
  now: number,
): StoredRecord | null {
  if (line === null) {
    if (payload.ret.until !== null && payload.ret.until < now) return null;
    throw undecided('its record is not there');
  }
  try {
    const record = parseRecord(line);
    const opening = checkFullOpening(payload, record);
    if (opening.ok) return record;
    throw undecided(`its record does not open it: ${opening.reason}`);
  } catch (error) {
    if (error instanceof SteleError && error.code === 'policy_undecided') throw error;
    throw undecided(`its record is none: ${caughtMalformed(error).message}`);
  }
}

function undecided(why: string): SteleError {
  const message = `the activation of the policy in charge does not agree with its decision: ${why}`;
  return new SteleError('policy_undecided', message, { disposition: 'halt' });
}
