/**
 * The checks of a batch against the log before it, one function each. `state.ts` runs them in their order;
 * `docs/formats.md`, "Validity", has the list.
 */
import { sectionHash } from './batch.ts';
import type { BatchHeader, Run } from './batch-header.ts';
import { toBase64Url } from '../platform/bytes.ts';
import type { Entry } from '../entry/entry.ts';
import { bootKey } from '../ledger/log-position.ts';
import type { LogState } from '../ledger/log-position.ts';
import { edgeRoot } from '../tree/tree.ts';
import type { RightEdge } from '../tree/tree.ts';

/** What of a leaf a header repeats. */
export interface LeafFacts {
  readonly kid: string;
  readonly writer: string;
  readonly boot: string;
  readonly seq: number;
  /** Whether it has `ctl`. */
  readonly control: boolean;
}

/** What of a leaf a header repeats. */
export function leafFacts(entry: Pick<Entry, 'header' | 'payload'>): LeafFacts {
  const { wtr, ctl } = entry.payload;
  return {
    kid: entry.header.kid,
    writer: wtr.id,
    boot: wtr.boot,
    seq: wtr.seq,
    control: ctl !== undefined,
  };
}

/** Runs of a batch: its leaves grouped by boot as long as the boot does not change. */
export function runsOf(leaves: readonly LeafFacts[]): Run[] {
  const runs: Run[] = [];
  for (const { writer, boot, seq } of leaves) {
    const run = runs.at(-1);
    if (run?.boot === boot && run.writer === writer) run.last = seq;
    else runs.push({ writer, boot, first: seq, last: seq });
  }
  return runs;
}

/** Offsets of the leaves with `ctl`. */
export function controlOf(leaves: readonly LeafFacts[]): number[] {
  return leaves.flatMap((leaf, offset) => (leaf.control ? [offset] : []));
}

/** Check 2, after signature and schema: the header is of this ledger and of the number under which it stands. */
export function checkIdentity(
  state: LogState,
  header: BatchHeader,
  number?: number,
): string | undefined {
  const { origin, gen } = state.genesis;
  if (header.origin !== origin) return `origin is ${header.origin}, want ${origin}`;
  if (header.gen !== gen) return `genesis is ${header.gen}, want ${gen}`;
  if (number !== undefined && header.number !== number) {
    return `number is ${header.number}, want ${number}`;
  }
  return header.number > state.number
    ? undefined
    : `number is ${header.number}, after ${state.number}`;
}

/** Check 4: what comes before is the last valid batch, and every number between them is accounted for as void. */
export function checkPrevious(state: LogState, header: BatchHeader): string | undefined {
  const { previous, voids, number } = header;
  if (state.final) return `batch ${state.number} was the last`;
  if (previous.number !== state.number)
    return `previous is ${previous.number}, want ${state.number}`;
  if (previous.sha256 !== toBase64Url(state.sha256)) return `hash of batch ${state.number} differs`;
  const skipped = number - previous.number - 1;
  if (voids === null) return skipped === 0 ? undefined : `${skipped} numbers are not accounted for`;
  if (voids.first !== previous.number + 1) return `voids begin at ${voids.first}`;
  return voids.count === skipped ? undefined : `voids are ${voids.count}, want ${skipped}`;
}

/** Check 5: the sections cover the leaves in order, each with its hash. */
export function checkSections(
  header: BatchHeader,
  leaves: readonly Uint8Array[],
): string | undefined {
  let at = 0;
  for (const [i, section] of header.sections.entries()) {
    const inside = leaves.slice(at, at + section.count);
    if (inside.length !== section.count) return `section ${i} goes past the last leaf`;
    if (sectionHash(inside) !== section.sha256) return `hash of section ${i} differs`;
    at += section.count;
  }
  return at === leaves.length ? undefined : `sections have ${at} leaves of ${leaves.length}`;
}

/** Check 6: position, size, root and right edge are those of the tree that the leaves make. */
export function checkTree(
  state: LogState,
  header: BatchHeader,
  count: number,
  edge: RightEdge,
): string | undefined {
  if (header.first !== state.size) return `first is ${header.first}, want ${state.size}`;
  if (header.count !== count) return `count is ${header.count}, want ${count}`;
  if (header.size !== edge.size) return `size is ${header.size}, want ${edge.size}`;
  if (header.edge.join() !== edge.hashes.map(toBase64Url).join()) return 'right edge differs';
  return header.root === toBase64Url(edgeRoot(edge)) ? undefined : 'root differs';
}

/** Check 7: the leaves are entries of this ledger that the header describes, and counters only ever grow. */
export function checkLeaves(
  state: LogState,
  header: BatchHeader,
  entries: readonly Entry[],
): string | undefined {
  const { origin, gen } = state.genesis;
  const seqs = new Map<string, number>();
  for (const [offset, { payload }] of entries.entries()) {
    if (payload.iss !== origin || payload.gen !== gen) return `leaf ${offset} is of another ledger`;
    const { id, boot, seq } = payload.wtr;
    const key = bootKey(id, boot);
    const last = seqs.get(key) ?? state.boots.get(key)?.seq ?? -1;
    if (seq <= last) return `leaf ${offset} has seq ${seq} after ${last}`;
    seqs.set(key, seq);
  }
  const facts = entries.map(leafFacts);
  if (formatRuns(header.runs) !== formatRuns(runsOf(facts)))
    return 'runs are not those of the leaves';
  return header.control.join() === controlOf(facts).join()
    ? undefined
    : 'control is not the list of the leaves with ctl';
}

/** Check 8: no id occurs twice in the batch. */
export function checkIds(entries: readonly Entry[]): string | undefined {
  const ids = new Set<string>();
  for (const { payload } of entries) {
    if (ids.has(payload.jti)) return `id ${payload.jti} occurs twice`;
    ids.add(payload.jti);
  }
  return undefined;
}

function formatRuns(runs: readonly Run[]): string {
  return runs.map((run) => `${run.writer}/${run.boot}/${run.first}/${run.last}`).join();
}
