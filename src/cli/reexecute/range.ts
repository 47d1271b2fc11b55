/** `stele verify --reexecute`: every recorded decision, made again by the archived policy that made it. */
import { availableParallelism } from 'node:os';
import type { Entry } from '../../core/entry/entry.ts';
import { finding, hasViolation } from '../../core/verify/findings.ts';
import type { Finding, FindingPlace } from '../../core/verify/findings.ts';
import type { OpenedRecord } from '../../core/record/open-disclosures.ts';
import { step } from '../../core/verify/report.ts';
import type { Report, ReportVerdict, StepVerdict } from '../../core/verify/report.ts';
import { History } from '../../ledger/fsck/history.ts';
import { cannot, decisionOfView } from '../../policy/decide/reexecute.ts';
import type { Reexecution } from '../../policy/decide/reexecute.ts';
import type { LeafFacts } from '../../policy/replay/replay.ts';
import { ReplayPool } from '../../policy/replay/pool.ts';
import type { ReplayAnswer } from '../../policy/replay/pool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { archived } from './archived-policy.ts';
import type { ArchivedPolicy, NoPolicy } from './archived-policy.ts';
import type { Output } from '../output.ts';
import { reexecuteOnce } from './once.ts';
import { endOf, factsOf, walkDecisions } from '../replay/walk.ts';

/** Why decisions could not be made again: a reason, how many, and the first of them. */
export interface Unrepeated {
  readonly reason: string;
  count: number;
  readonly entries: number[];
}

/** What came of all decisions that were to be made again. */
export interface ReexecutionResult {
  readonly decisions: number;
  readonly identical: number;
  readonly different: readonly { readonly index: number; readonly detail: string }[];
  readonly notReexecutable: readonly Unrepeated[];
  /** How many of those the log says were allowed: whether they were, is open. */
  readonly allowedUnrepeated: number;
}

/** A report with what came of the decisions. */
export type ReexecutedReport = Report & { readonly reexecution: ReexecutionResult };

/** Entries named for each reason; all are counted. */
const ENTRIES_NAMED = 100;
/** A decision takes a fraction of a millisecond; a machine may be very busy. */
const DEADLINE_MS = 10_000;
/** Findings of one kind that are listed; all are counted. */
const FINDINGS_LISTED = 1000;

/**
 * Makes decisions of a ledger again, from its store alone, and adds what came of it to the report on the ledger.
 *
 * @param range - First and last index; the last is `Number.MAX_SAFE_INTEGER` where the whole ledger is meant.
 */
export async function reexecuteStore(
  { store, ledger }: { readonly store: ObjectStore; readonly ledger: string },
  report: Report,
  range: readonly [number, number],
  output: Output,
): Promise<ReexecutedReport> {
  const tally = new Tally();
  const findings: Finding[] = [];
  const pool = new ReplayPool({
    mode: 'reexecute',
    where: [],
    threads: Math.max(1, availableParallelism()),
    deadlineMs: DEADLINE_MS,
    candidate: null,
    onAnswer: (answer) => {
      tally.add(answer);
    },
  });
  const known = new Map<string, Promise<string | undefined>>();
  const history = await History.open(store, ledger);
  const fetchPolicy = async (id: string): Promise<string | undefined> => {
    const found = await archived({ store, ledger }, id, history.bundleDigest(id));
    if ('prepared' in found) pool.add(id, found.prepared.compiled);
    else findings.push(...findingsOf(found, {}));
    return 'prepared' in found ? undefined : found.why;
  };
  try {
    const decisions = await walkDecisions(
      {
        history,
        pool,
        isWanted: ({ index }) => index >= range[0] && index <= range[1],
        provide: async (id) => {
          const found = known.get(id) ?? fetchPolicy(id);
          known.set(id, found);
          return found;
        },
        refuse: (leaf, why) => {
          tally.note(leaf, cannot(why));
        },
      },
      output,
    );
    const isAll = range[1] === Number.MAX_SAFE_INTEGER;
    const { size } = history.head;
    return withReexecution(report, tally.result(decisions), {
      findings,
      isAll,
      scope: scopeOf(range),
      ...(isAll || range[1] < size ? {} : { end: endOf(size) }),
    });
  } finally {
    await pool.close();
  }
}

/**
 * Makes the decision of one proven entry again.
 *
 * @param policies - Where its policy is: `null` where it is not.
 */
export async function reexecuteEntry(
  report: Report & { readonly entry: Entry | null; readonly opened: OpenedRecord | null },
  index: number,
  policies: (id: string) => Promise<ArchivedPolicy>,
): Promise<ReexecutedReport> {
  const { entry, opened } = report;
  const leaf = entry === null ? null : factsOf(entry, index);
  const findings: Finding[] = [];
  const tally = new Tally();
  if (leaf !== null) {
    const { again, missing } = await onceMore(leaf, opened, policies);
    if (missing !== null) findings.push(...findingsOf(missing, { index }));
    tally.note(leaf, again);
  }
  const result = tally.result(leaf === null ? 0 : 1);
  const scope = { subject: 'The decision of this entry', detail: '' };
  return withReexecution(report, result, { findings, isAll: false, scope });
}

async function onceMore(
  leaf: LeafFacts,
  opened: OpenedRecord | null,
  policies: (id: string) => Promise<ArchivedPolicy>,
): Promise<{ readonly again: Reexecution; readonly missing: NoPolicy | null }> {
  const unable = (why: string) => ({ again: cannot(why), missing: null });
  if (opened === null) return unable('nothing of its record is at hand');
  const { entrypoint, err, policy } = leaf;
  const decision = decisionOfView({ entrypoint, ...(err === undefined ? {} : { err }) }, opened);
  if ('verdict' in decision) return { again: decision, missing: null };
  if (policy === null) return unable('no policy decided');
  const found = await policies(policy);
  if (!('prepared' in found)) return { again: cannot(found.why), missing: found };
  return { again: await reexecuteOnce(found, decision), missing: null };
}

function findingsOf({ finding: code, why }: NoPolicy, at: FindingPlace): Finding[] {
  return code === null ? [] : [finding(code, at, why)];
}

/** Of which entries the decisions were made again: nothing is said of the others. */
interface Scope {
  readonly subject: string;
  readonly detail: string;
}

function scopeOf([first, last]: readonly [number, number]): Scope {
  if (first === 0 && last === Number.MAX_SAFE_INTEGER) {
    return { subject: 'Every decision', detail: '' };
  }
  const words = first === last ? `entry ${first}` : `the entries ${first} to ${last}`;
  return { subject: `Every decision of ${words}`, detail: `, of ${words}` };
}

/** What a set of decisions was to be. */
interface Wanted {
  /** About the policies. */
  readonly findings: readonly Finding[];
  readonly isAll: boolean;
  readonly scope: Scope;
  /** Where the log ends, in words, where entries behind that were asked for. */
  readonly end?: string;
}

function withReexecution(
  report: Report,
  result: ReexecutionResult,
  { findings: policies, isAll, scope, end }: Wanted,
): ReexecutedReport {
  const { decisions, identical, different, notReexecutable, allowedUnrepeated } = result;
  const cannotCount = notReexecutable.reduce((sum, { count }) => sum + count, 0);
  const reasons = notReexecutable.map(({ reason, count }) => `${count} not: ${reason}`);
  const detail = [
    decisions === 0
      ? 'no decision to make again'
      : `${identical} of ${decisions} identical${scope.detail}`,
    ...(different.length === 0 ? [] : [`${different.length} DIFFERENT`]),
    ...reasons,
    ...(end === undefined ? [] : [end]),
  ].join('; ');
  const found = different
    .slice(0, FINDINGS_LISTED)
    .map((one) => finding('not_reproduced', { index: one.index }, one.detail));
  const findings = [...report.findings, ...policies, ...found];
  const failed = different.length > 0 || hasViolation(policies);
  // A ledger may be without decisions; who names entries wants theirs.
  const some = identical > 0 || (isAll && decisions === 0);
  const verdict = verdictOn(failed, end === undefined && some && allowedUnrepeated === 0);
  const says =
    cannotCount === 0
      ? `${scope.subject} gives the same result when its policy is run on its input again.`
      : 'The decisions counted as identical give the same result when they are made again.';
  return {
    ...report,
    verdict: hasViolation(findings) ? 'invalid' : verdictWith(report.verdict, verdict),
    steps: [...report.steps, step('reexecution', verdict, detail)],
    findings,
    establishes:
      verdict === 'pass' && decisions > 0 ? [...report.establishes, says] : report.establishes,
    reexecution: result,
  };
}

function verdictOn(failed: boolean, passed: boolean): StepVerdict {
  if (failed) return 'fail';
  return passed ? 'pass' : 'unverifiable';
}

/** What was asked for and could not be done at all must not end as if it had been. */
function verdictWith(before: ReportVerdict, step: StepVerdict): ReportVerdict {
  const stood = before === 'valid' || before === 'self_attested';
  return stood && step === 'unverifiable' ? 'incomplete' : before;
}

/** Counts what came of decisions, and names some. */
class Tally {
  readonly #different: { readonly index: number; readonly detail: string }[] = [];
  readonly #reasons = new Map<string, Unrepeated>();
  #identical = 0;
  #allowedUnrepeated = 0;

  add({ identical, outcomes }: ReplayAnswer): void {
    this.#identical += identical;
    for (const outcome of outcomes) this.note(outcome, outcome);
  }

  note(
    { index, allow }: { readonly index: number; readonly allow: boolean },
    { verdict, detail }: Reexecution,
  ): void {
    if (verdict === 'identical') this.#identical += 1;
    else if (verdict === 'different') this.#different.push({ index, detail });
    else {
      const one = this.#reasons.get(detail) ?? { reason: detail, count: 0, entries: [] };
      one.count += 1;
      if (one.entries.length < ENTRIES_NAMED) one.entries.push(index);
      this.#reasons.set(detail, one);
      if (allow) this.#allowedUnrepeated += 1;
    }
  }

  result(decisions: number): ReexecutionResult {
    const different = this.#different.sort((a, b) => a.index - b.index);
    const notReexecutable = [...this.#reasons.values()];
    const allowedUnrepeated = this.#allowedUnrepeated;
    return { decisions, identical: this.#identical, different, notReexecutable, allowedUnrepeated };
  }
}
