/** The way through a ledger that re-execution and replay share: from verified batches to threads that decide again. */
import type { Batch } from '../../core/log/batch.ts';
import type { Entry } from '../../core/entry/entry.ts';
import type { History, HistoryBatch, HistoryPayload } from '../../ledger/fsck/history.ts';
import type { LeafFacts } from '../../policy/replay/replay.ts';
import type { ReplayPool, ReplayTask } from '../../policy/replay/pool.ts';
import type { Output } from '../output.ts';

/** What of a ledger is decided again. */
export interface Walk {
  readonly history: History;
  readonly pool: ReplayPool;
  readonly isWanted: (leaf: LeafFacts) => boolean;
  /** Makes a policy known to the pool. @returns why it cannot be; undefined where it was. */
  readonly provide: (policy: string) => Promise<string | undefined>;
  /** Told of every decision that cannot be made again before any thread had it. */
  readonly refuse: (leaf: LeafFacts, why: string) => void;
}

/** Members of a payload object in one message: half a mebibyte unpacked. */
const MEMBERS_A_MESSAGE = 8;

/** Sends every wanted decision of the ledger to the pool and waits for all. @returns how many there were. */
export async function walkDecisions(walk: Walk, output: Output): Promise<number> {
  const bar = output.progress('batches', await walk.history.countBatches());
  let wanted = 0;
  try {
    for await (const part of walk.history.batches()) {
      wanted += await sendBatch(walk, part);
      bar.update(part.batch.header.number + 1);
    }
    await walk.pool.drain();
  } finally {
    bar.stop();
  }
  return wanted;
}

async function sendBatch(walk: Walk, part: HistoryBatch): Promise<number> {
  const { batch, state, payloads } = part;
  const leaves = new Map<number, LeafFacts>();
  let count = 0;
  for (const [offset, entry] of batch.entries.entries()) {
    const leaf = factsOf(entry, batch.header.first + offset);
    if (leaf === null || !walk.isWanted(leaf)) continue;
    count += 1;
    const why = leaf.policy === null ? 'no policy decided' : await walk.provide(leaf.policy);
    if (why === undefined) leaves.set(offset, leaf);
    else walk.refuse(leaf, why);
  }
  for (const payload of payloads) {
    for (const task of tasksOf(payload, batch, leaves)) {
      await walk.pool.send({ ...task, table: tableOf(state.config) });
    }
  }
  for (const leaf of leaves.values()) walk.refuse(leaf, 'record is gone, or was never there');
  return count;
}

/** Takes the leaves out that an object holds the records of. */
function* tasksOf(
  { reference, bytes }: HistoryPayload,
  { header, entries }: Batch,
  leaves: Map<number, LeafFacts>,
): Generator<Omit<ReplayTask, 'table'>> {
  if (bytes === null) return;
  const { members, size, mode, class: name } = reference;
  for (let i = 0; i < members.length; i += MEMBERS_A_MESSAGE) {
    const next = Math.min(i + MEMBERS_A_MESSAGE, members.length);
    const [start, from] = members[i] ?? [0, 0];
    const [end, to] = members[next] ?? [size, header.count];
    const held: LeafFacts[] = [];
    for (let offset = from; offset < to; offset += 1) {
      const leaf = leaves.get(offset);
      const ret = entries[offset]?.payload.ret;
      if (leaf === undefined || ret?.class !== name || ret.mode !== mode) continue;
      leaves.delete(offset);
      held.push(leaf);
    }
    // A copy of its own: posting a view would copy the whole object behind it.
    if (held.length > 0) yield { members: bytes.slice(start, end), count: next - i, leaves: held };
  }
}

/** Where a log of that many entries ends, for whoever asked for more. */
export function endOf(size: number): string {
  return size === 0 ? 'the log has no entry' : `the log ends at entry ${size - 1}`;
}

/** What of an entry says how it was decided; null for entries that no policy decided. */
export function factsOf({ payload }: Entry, index: number): LeafFacts | null {
  const { pol, jti, at, kind, ret, lbl } = payload;
  if (pol === undefined) return null;
  const { id: policy, entrypoint, allow, err } = pol;
  const facts = { index, jti, at, kind, policy, entrypoint, allow, class: ret.class };
  return { ...facts, labels: lbl ?? {}, ...(err === undefined ? {} : { err }) };
}

function tableOf({
  classes,
  fallbackClass,
  labels,
}: HistoryBatch['state']['config']): ReplayTask['table'] {
  return { classes, fallbackClass, labels };
}
