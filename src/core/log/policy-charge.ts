/**
 * Which policies have a say at a position of the log: the one in charge, and, where no writer has taken that one up, the
 * one before it, for the next change alone (docs/decisions/0016). And what a writer must have heard of by then.
 */
import type { BatchHeader } from './batch-header.ts';
import { controlFacts } from '../ledger/ctl.ts';
import type { Entry } from '../entry/entry.ts';
import type { Activation, LogState, WriterHead } from '../ledger/log-position.ts';
import type { PersistentMap } from '../ledger/persistent-map.ts';

/**
 * Whether a policy may decide the next change of policy: the one in charge may; one before it, as long as no writer in
 * good standing has adopted it or any that came after it. Where gateways run the policy in charge there is no way around
 * it; one that nobody can run must not be the end of the ledger.
 */
export function mayDecideChange(state: LogState, id: string): boolean {
  if (id === state.activePolicy) return true;
  const own = state.policies.get(id);
  if (own === undefined) return false;
  return newerThan(state, own).every((one) => !isAdopted(state, one));
}

/** Those that may decide the next change, the newest first. */
export function decidersOfChange(state: LogState): readonly Activation[] {
  const all = [...state.policies.entries()].map(([, one]) => one);
  return all
    .filter(({ id }) => mayDecideChange(state, id))
    .sort((one, other) => orderOf(other) - orderOf(one));
}

/**
 * Whether a writer has adopted an activation, one whose key was not withdrawn. What it adopts later takes nothing back.
 * @param by - Default: any writer.
 */
export function isAdopted(
  { keys, policies }: LogState,
  { id, index }: Pick<Activation, 'id' | 'index'>,
  by?: string,
): boolean {
  const policy = policies.get(id);
  if (policy?.index !== index) return false;
  const adopters = policy.adopters.filter((writer) => by === undefined || writer === by);
  if (adopters.length === 0) return false;
  for (const [, { status, certificate }] of keys.entries()) {
    if (status !== 'certified' || certificate?.use !== 'writer') continue;
    if (adopters.includes(certificate.writer)) return true;
  }
  return false;
}

/** The policy that an entry says its boot decides with from here on; null where it says nothing. */
export function adoptedPolicy({ payload: { kind, ctl } }: Entry): string | null {
  if (kind === 'boot') return controlFacts(kind, ctl).policy;
  if (kind !== 'policy') return null;
  const facts = controlFacts(kind, ctl);
  return facts.act === 'adopt' ? facts.id : null;
}

/** The state after an entry by which a boot says what it decides with. */
export function withAdoption(state: LogState, entry: Entry, index: number): LogState {
  const policy = state.policies.get(adoptedPolicy(entry) ?? '');
  const writer = entry.payload.wtr.id;
  if (policy === undefined || orderOf(policy) >= index || policy.adopters.includes(writer)) {
    return state;
  }
  const adopters = [...policy.adopters, writer];
  return { ...state, policies: state.policies.with(policy.id, { ...policy, adopters }) };
}

/**
 * When a writer heard at the latest that a policy has a successor: the time of the first batch that it sealed behind the
 * successor's activation. Whoever builds a batch has read all that are before it.
 *
 * @returns epoch ms; undefined where the policy has none, or the writer has sealed nothing since.
 */
export function heardOfSuccessor(
  { writers }: LogState,
  writer: string,
  { successor }: Activation,
): number | undefined {
  if (successor === null) return undefined;
  return writers.get(writer)?.heard.find(({ index }) => index >= successor)?.time;
}

/** The writers when one of them has sealed a batch on a state. */
export function withHeard(
  { writers, activePolicy, policies }: LogState,
  { writer: { id }, time }: Pick<BatchHeader, 'writer' | 'time'>,
): PersistentMap<WriterHead> {
  const index = activePolicy === null ? null : (policies.get(activePolicy)?.index ?? null);
  const head = writers.get(id);
  if (index === null || head === undefined) return writers;
  if ((head.heard.at(-1)?.index ?? -1) >= index) return writers;
  return writers.with(id, { ...head, heard: [...head.heard, { index, time }] });
}

function newerThan({ policies }: LogState, one: Activation): Activation[] {
  return [...policies.entries()]
    .map(([, other]) => other)
    .filter((other) => orderOf(other) > orderOf(one));
}

/** The policy of genesis is before all others. */
function orderOf({ index }: Activation): number {
  return index ?? -1;
}
