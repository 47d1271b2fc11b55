/**
 * How jobs and outcomes cross a thread: many at once, as one transferred buffer and few flat arrays. A typed array that is
 * posted as it is would drag along the whole buffer that it is a view of, and objects cost several times their texts.
 */
import type { AppendWork, AskWork, ReadWork } from '../decide/decide.ts';
import type { AppendOutcome, ReadEntry, ReadOutcome, WriteIdentity } from '../decide/jobs.ts';

/** A job of either kind. */
export type Work =
  | { readonly ask: 'append'; readonly work: AppendWork }
  | { readonly ask: 'read'; readonly work: ReadWork };

/** What became of it; `failed` is a bug, and rejects the caller's promise. */
export type Outcome =
  AppendOutcome | ReadOutcome | { readonly outcome: 'failed'; readonly message: string };

/** Many jobs. */
export interface WorkMessage {
  /** Texts that jobs refer to by index: known facts and sources, each once. */
  readonly texts: readonly string[];
  /** {@link FIELDS} of each job, one after the other. */
  readonly jobs: readonly (string | number | null)[];
  /** The events' bytes, back to back; transferred. */
  readonly events: ArrayBuffer;
  /** Which of the worker's counters counts the jobs of this message. */
  readonly slot: number;
}

/** Many outcomes, in the order of the jobs; fewer than there were where the rest was taken back. */
export interface OutcomeMessage {
  /** JSON text of an array of outcomes without their long texts. */
  readonly outcomes: string;
  /** Prefix and record of each outcome, null where it has none. */
  readonly texts: readonly (string | null)[];
}

/** at, jti, action, context, ledger, resource, subject, source, event start, event end, identity or what a read's entry is. */
const FIELDS = 11;
/** Stands for an event in a read. */
const NO_EVENT = -1;
const KNOWN = ['action', 'context', 'ledger', 'resource', 'subject'] as const;

/** Packs jobs. @returns the message; transfer `events`. */
export function packWork(batch: readonly Work[], slot: number): WorkMessage {
  const texts: string[] = [];
  const indices = new Map<string, number>();
  const refer = (text: string): number => {
    const found = indices.get(text);
    if (found !== undefined) return found;
    indices.set(text, texts.length);
    return texts.push(text) - 1;
  };
  const events = new Uint8Array(batch.reduce((bytes, job) => bytes + eventBytes(job), 0));
  const jobs: (string | number | null)[] = [];
  let end = 0;
  for (const job of batch) {
    const { at, jti, known, source } = job.work;
    jobs.push(at, jti);
    for (const name of KNOWN) jobs.push(refer(known[name]));
    jobs.push(refer(source));
    if (job.ask === 'read') {
      jobs.push(NO_EVENT, NO_EVENT, job.work.entry);
      continue;
    }
    const start = end;
    end += writeEvent(job.work.event, events, start);
    const { identity } = job.work;
    jobs.push(start, end, identity === null ? null : JSON.stringify(identity));
  }
  return { texts, jobs, events: events.buffer, slot };
}

/** Unpacks jobs; their events are views of the message's buffer. */
export function unpackWork({ texts, jobs, events }: WorkMessage): Work[] {
  const batch: Work[] = [];
  const text = (at: number): string => String(texts[Number(jobs[at])]);
  for (let i = 0; i < jobs.length; i += FIELDS) {
    const work: AskWork = {
      at: jobs[i] as number,
      jti: jobs[i + 1] as string,
      known: {
        action: text(i + 2),
        context: text(i + 3),
        ledger: text(i + 4),
        resource: text(i + 5),
        subject: text(i + 6),
      },
      source: text(i + 7),
    };
    const start = jobs[i + 8] as number;
    if (start === NO_EVENT) {
      batch.push({ ask: 'read', work: { ...work, entry: jobs[i + 10] as ReadEntry } });
      continue;
    }
    const event = new Uint8Array(events, start, (jobs[i + 9] as number) - start);
    const identity = jobs[i + 10] as string | null;
    const parsed = identity === null ? null : (JSON.parse(identity) as WriteIdentity);
    batch.push({ ask: 'append', work: { ...work, event, identity: parsed } });
  }
  return batch;
}

/** Bytes that a job's event takes. */
export function eventBytes(job: Work): number {
  if (job.ask === 'read') return 0;
  const { event } = job.work;
  return typeof event === 'string' ? Buffer.byteLength(event) : event.length;
}

/** Packs outcomes. */
export function packOutcomes(outcomes: readonly Outcome[]): OutcomeMessage {
  const texts: (string | null)[] = [];
  const short = outcomes.map((outcome) => {
    if (outcome.outcome !== 'decided') {
      texts.push(null, null);
      return outcome;
    }
    if ('recordLine' in outcome) {
      texts.push(outcome.prefix, outcome.recordLine);
      return { ...outcome, prefix: null, recordLine: null };
    }
    texts.push(outcome.prefix, outcome.record);
    return { ...outcome, prefix: null, record: null };
  });
  return { outcomes: JSON.stringify(short), texts };
}

/** Unpacks outcomes. */
export function unpackOutcomes({ outcomes, texts }: OutcomeMessage): Outcome[] {
  const unpacked = JSON.parse(outcomes) as Record<string, unknown>[];
  unpacked.forEach((outcome, index) => {
    if (outcome['outcome'] !== 'decided') return;
    outcome['prefix'] = texts[2 * index];
    outcome['recordLine' in outcome ? 'recordLine' : 'record'] = texts[2 * index + 1];
  });
  return unpacked as unknown as Outcome[];
}

function writeEvent(event: Uint8Array | string, target: Uint8Array, start: number): number {
  if (typeof event === 'string') {
    return Buffer.from(target.buffer).write(event, start, 'utf8');
  }
  target.set(event, start);
  return event.length;
}
