/** The report on a whole ledger: what it was asked, its steps that only a store can show, and what its end says. */
import { finding } from '../../core/verify/findings.ts';
import type { Finding, FindingCode } from '../../core/verify/findings.ts';
import type { LogState } from '../../core/log/state.ts';
import { step } from '../../core/verify/report.ts';
import type { Report, Step } from '../../core/verify/report.ts';
import type { OpenExecutable } from './policies.ts';
import type { FsckContext } from './objects.ts';

/** What the checker got elsewhere, and how much it is to look at. */
export interface FsckOptions {
  /** Checkpoint keys of the log, from a source that is not the store. */
  readonly vkeys?: readonly string[];
  /** Signed notes that somebody kept: nothing of what they cover may be missing or changed. */
  readonly checkpoints?: readonly string[];
  /** Hash of genesis, base64url, from elsewhere. */
  readonly gen?: string;
  /** Default true: read every payload object and open every record. Versions and locks are looked at in any case. */
  readonly records?: boolean;
  /** Default true: compare the published tiles and entry bundles. */
  readonly view?: boolean;
  /** Opens archived policies. Default: they are not looked at. */
  readonly policies?: OpenExecutable;
  /** Epoch ms: what has to be locked still. */
  readonly now: number;
  /** Called after each batch with the leaves so far, its number, and how many batches a listing showed. */
  readonly progress?: (entries: number, batch: number, batches: number) => void;
}

/** A report with the sizes that it speaks of. */
export interface FsckReport extends Report {
  readonly origin: string;
  readonly entries: number;
  readonly batches: number;
  readonly root: string;
  readonly records: number;
}

/** Whether every key that is written once has one version. @param state - What the log had at its end. */
export function versionStep(findings: readonly Finding[], state: LogState): Step {
  const count = countOf(findings, ['extra_version', 'delete_marker', 'missing_object']);
  return count === 0
    ? step('object_versions', 'pass', `${objectsOf(state)} checked, no findings`)
    : step('object_versions', 'fail', `${count} found`);
}

/** Whether what was declared locked is. The file store keeps dates that nobody who owns its folder has to heed. */
export function lockStep(
  findings: readonly Finding[],
  { locks, store }: FsckContext,
  state: LogState,
): Step {
  if (!locks) return step('locks', 'not_checked', 'genesis says that the store keeps none');
  const count = countOf(findings, ['missing_lock', 'short_lock']);
  if (count > 0) return step('locks', 'fail', `${count} found`);
  const long = countOf(findings, ['long_lock']);
  const more = long === 0 ? 'no findings' : `${long} locked for more than declared`;
  return store.kind === 'file'
    ? step('locks', 'not_checked', 'this store keeps no locks; the dates in its files are right')
    : step('locks', 'pass', `${objectsOf(state)} checked, ${more}`);
}

function objectsOf({ number }: LogState): string {
  return `genesis, ${number + 1} batches and what they name`;
}

/** Whether the records open their entries. */
export function recordStep(
  findings: readonly Finding[],
  { open }: FsckContext,
  { opened, ended }: { readonly opened: number; readonly ended: number },
): Step {
  const count = countOf(findings, ['payload_mismatch', 'record_mismatch', 'disagreement']);
  if (!open && count === 0) return step('records', 'not_checked', 'left out by option');
  const gone = ended === 0 ? '' : `, ${ended} of ended classes gone`;
  return step('records', count === 0 ? 'pass' : 'fail', `${opened} opened in full${gone}`);
}

/**
 * A log that goes on seals a heartbeat; one that stopped long ago was left, or its tail was cut.
 * @param now - Epoch ms.
 */
export function silence(state: LogState, now: number): Finding[] {
  const { heartbeatMs, maxSealMs } = state.config;
  const silent = now - state.time;
  if (state.final || silent <= heartbeatMs + maxSealMs) return [];
  const open = [...state.boots.entries()].filter(([, head]) => head.end === null).length;
  const at = { batch: state.number, index: state.size };
  return [finding('silent_period', at, `${silent} ms to now; boots not closed: ${open}`)];
}

/** The report on a ledger whose genesis says nothing: there is no history to speak of. */
export function withoutGenesis(findings: readonly Finding[], why: string): FsckReport {
  return {
    verdict: 'invalid',
    steps: [step('genesis', 'fail', why)],
    findings,
    establishes: [],
    doesNotEstablish: ['Anything: all of a log hangs on its genesis.'],
    origin: '',
    entries: 0,
    batches: 0,
    root: '',
    records: 0,
  };
}

function countOf(findings: readonly Finding[], codes: readonly FindingCode[]): number {
  return findings.filter(({ code }) => codes.includes(code)).length;
}
