/** `stele verify --reexecute`: every recorded decision, made again by the archived policy that made it. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Entry } from '../core/entry.ts';
import { finding, hasViolation } from '../core/findings.ts';
import type { Finding } from '../core/findings.ts';
import type { OpenedRecord } from '../core/open-disclosures.ts';
import { step } from '../core/report.ts';
import type { Report, ReportVerdict, StepVerdict } from '../core/report.ts';
import { History } from '../ledger/history.ts';
import { readArchivedPolicy } from '../ledger/policy-archive.ts';
import { PolicyEngine } from '../policy/engine.ts';
import { BundleError } from '../policy/policy-error.ts';
import { cannot, decisionOfView, reexecute } from '../policy/reexecute.ts';
import type { Reexecution } from '../policy/reexecute.ts';
import type { LeafFacts } from '../policy/replay.ts';
import { ReplayPool } from '../policy/replay-pool.ts';
import type { ReplayAnswer } from '../policy/replay-pool.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { stageArchived } from './open-policy.ts';
import type { Output } from './output.ts';
import { factsOf, walkDecisions } from './replay-walk.ts';

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
 * @param range - First and last index.
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
  const fetchPolicy = async (id: string): Promise<string | undefined> => {
    const staged = await archived(store, ledger, id);
    if (typeof staged !== 'string') pool.add(id, staged.prepared.compiled);
    else if (staged.startsWith(ALTERED)) findings.push(finding('policy_altered', {}, staged));
    return typeof staged === 'string' ? staged : undefined;
  };
  try {
    const decisions = await walkDecisions(
      {
        history: await History.open(store, ledger),
        pool,
        isWanted: ({ index }) => index >= range[0] && index <= range[1],
        provide: async (id) => {
          const found = known.get(id) ?? fetchPolicy(id);
          known.set(id, found);
          return found;
        },
        refuse: (leaf, why) => {
          tally.note(leaf.index, cannot(why));
        },
      },
      output,
    );
    return withReexecution(report, tally.result(decisions), findings);
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
  policies: (id: string) => Promise<StagedPolicy | string>,
): Promise<ReexecutedReport> {
  const { entry, opened } = report;
  const leaf = entry === null ? null : factsOf(entry, index);
  const findings: Finding[] = [];
  const tally = new Tally();
  if (leaf !== null) {
    const again = await onceMore(leaf, opened, policies);
    if (again.detail.startsWith(ALTERED)) {
      findings.push(finding('policy_altered', { index }, again.detail));
    }
    tally.note(index, again);
  }
  return withReexecution(report, tally.result(leaf === null ? 0 : 1), findings);
}

/** A policy of the archive, or why it cannot be had. */
export async function archived(
  store: ObjectStore,
  ledger: string,
  id: string,
): Promise<StagedPolicy | string> {
  const bytes = await readArchivedPolicy(store, ledger, { id, digest: null });
  if (bytes === null) return `policy ${id} is not archived`;
  return stagedAs(bytes, id, `${ALTERED}${id} is not what its identity says: it`);
}

/** A policy out of a bundle file, which has to be the one of its name. */
export async function policyOfFile(path: string, id: string): Promise<StagedPolicy | string> {
  return stagedAs(new Uint8Array(await readFile(path)), id, path);
}

async function stagedAs(
  bytes: Uint8Array,
  id: string,
  subject: string,
): Promise<StagedPolicy | string> {
  try {
    const staged = await stageArchived(bytes);
    const { id: found } = staged.prepared.identity;
    return found === id ? staged : `${subject} makes policy ${found}, not ${id}`;
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    // That it was slow here says nothing about it.
    if (error.code === 'bundle_not_ready') return `policy ${id}: ${error.message}`;
    return `${subject} makes no policy: ${error.message}`;
  }
}

const ALTERED = 'the archive of policy ';

async function onceMore(
  leaf: LeafFacts,
  opened: OpenedRecord | null,
  policies: (id: string) => Promise<StagedPolicy | string>,
): Promise<Reexecution> {
  if (opened === null) return cannot('nothing of its record is at hand');
  const { entrypoint, err, policy } = leaf;
  const decision = decisionOfView({ entrypoint, ...(err === undefined ? {} : { err }) }, opened);
  if ('verdict' in decision) return decision;
  if (policy === null) return cannot('no policy decided');
  const staged = await policies(policy);
  if (typeof staged === 'string') return cannot(staged);
  return reexecute(new PolicyEngine(staged.prepared.compiled), decision);
}

function withReexecution(
  report: Report,
  result: ReexecutionResult,
  altered: readonly Finding[],
): ReexecutedReport {
  const { decisions, identical, different, notReexecutable } = result;
  const cannotCount = notReexecutable.reduce((sum, { count }) => sum + count, 0);
  const reasons = notReexecutable.map(({ reason, count }) => `${count} not: ${reason}`);
  const detail = [
    `${identical} of ${decisions} identical`,
    ...(different.length === 0 ? [] : [`${different.length} DIFFERENT`]),
    ...reasons,
  ].join('; ');
  const found = different
    .slice(0, FINDINGS_LISTED)
    .map((one) => finding('not_reproduced', { index: one.index }, one.detail));
  const findings = [...report.findings, ...altered, ...found];
  const failed = different.length > 0 || altered.length > 0;
  const passed = identical > 0 || decisions === 0;
  const verdict = failed ? 'fail' : passed ? 'pass' : 'unverifiable';
  const says =
    cannotCount === 0
      ? 'Every decision gives the same result when its policy is run on its input again.'
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

  add({ identical, outcomes }: ReplayAnswer): void {
    this.#identical += identical;
    for (const { index, ...outcome } of outcomes) this.note(index, outcome);
  }

  note(index: number, { verdict, detail }: Reexecution): void {
    if (verdict === 'identical') this.#identical += 1;
    else if (verdict === 'different') this.#different.push({ index, detail });
    else {
      const one = this.#reasons.get(detail) ?? { reason: detail, count: 0, entries: [] };
      one.count += 1;
      if (one.entries.length < ENTRIES_NAMED) one.entries.push(index);
      this.#reasons.set(detail, one);
    }
  }

  result(decisions: number): ReexecutionResult {
    const different = this.#different.sort((a, b) => a.index - b.index);
    const notReexecutable = [...this.#reasons.values()];
    return { decisions, identical: this.#identical, different, notReexecutable };
  }
}
