/**
 * Which policies have a say at a position of the log: the one in charge, and, where no writer has taken that one up, the
 * one before it, for the next change alone (docs/decisions/0017). And what a writer must have heard of by then.
 */
import type { BatchHeader } from './batch-header.ts';
import type { Activation, LogState, WriterHead } from './log-position.ts';
import type { PersistentMap } from './persistent-map.ts';

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

/** Whether a boot of a writer says that it decides by an activation, a boot of one whose key was not withdrawn. */
export function isAdopted(state: LogState, { id, index }: Activation): boolean {
  const writers = new Set<string>();
  for (const [, { status, certificate }] of state.keys.entries()) {
    if (status === 'certified' && certificate?.use === 'writer') writers.add(certificate.writer);
  }
  for (const [, { writer, policy, since }] of state.boots.entries()) {
    if (policy === id && (since ?? -1) > (index ?? -1) && writers.has(writer)) return true;
  }
  return false;
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
