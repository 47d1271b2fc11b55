/** What decides for a gateway. `in-process.ts` is the simplest one; `worker-pool.ts` the one that can stop a policy. */
import type { PolicyIdentity } from '../bundle/identity.ts';
import { knownTexts, textOf } from '../decide/input.ts';
import type { AppendOutcome, AppendJob, ReadJob, ReadOutcome } from '../decide/jobs.ts';
import type { AppendWork, AskWork, ReadWork } from '../decide/decide.ts';

/**
 * Decides appends and reads by one policy. For implementers: every job gets exactly one outcome; whatever fails about the
 * policy is a decided denial with its entry, never an error. For callers: a promise rejects only when the pool is closed
 * or a bug was met.
 */
export interface PolicyPool {
  /** Null where no policy could be loaded; then everything is denied with `engine_unavailable`. */
  readonly policy: PolicyIdentity | null;
  /** Decides events by `stele/append`. @returns outcomes in the order of the jobs. */
  append(jobs: readonly AppendJob[]): Promise<AppendOutcome[]>;
  /** Decides accesses by `stele/read`. @returns outcomes in the order of the jobs. */
  read(jobs: readonly ReadJob[]): Promise<ReadOutcome[]>;
  /** Lets what was asked be answered, then stops. */
  close(): Promise<void>;
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The form of an append that a decider takes. @param texts - Of objects that do not change. */
export function appendWork(job: AppendJob, texts: WeakMap<object, string>): AppendWork {
  const { event, identity } = job;
  const text = typeof event === 'string' ? escapeLoneSurrogates(event) : event;
  return { ...askWork(job, texts), event: text, identity };
}

/** The form of a read that a decider takes. */
export function readWork(job: ReadJob, texts: WeakMap<object, string>): ReadWork {
  return { ...askWork(job, texts), entry: job.entry ?? 'as_decided' };
}

function askWork(job: AppendJob | ReadJob, texts: WeakMap<object, string>): AskWork {
  const { at, jti, known, source } = job;
  return { at, jti, known: knownTexts(known, texts), source: textOf(source, texts) };
}

/** Half a surrogate pair has no UTF-8 form and would cross as another character; escaped, the parser refuses it. */
function escapeLoneSurrogates(text: string): string {
  if ((text as string & { isWellFormed(): boolean }).isWellFormed()) return text;
  return text.replace(LONE_SURROGATE, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
}
