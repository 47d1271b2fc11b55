/** A replay as an event of the ledger: who approves a policy can see that it was made, and what came of it. */
import { sha256Base64Url } from '#platform';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { SteleError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { REPLAY_EVENT } from '../../ledger/log/replay-report.ts';
import { appendLines } from '../entry/append.ts';
import type { Connection } from '../client.ts';
import type { ReplayReport } from './report.ts';

/** Where a report stands in a ledger. */
export interface RecordedReport {
  /** Id of the entry. */
  readonly id: string;
  /** SHA-256 of the RFC 8785 form of the report as `--json` prints it, without this member; base64url. */
  readonly sha256: string;
}

/** Groups of changes in the event; the report itself has all, and the numbers of entries. */
const GROUPS_MAX = 50;

/**
 * Appends an event about a report, sealed.
 *
 * @throws {@link SteleError} `report_not_recorded` where the policy denies it to this caller; those of the gateway.
 */
export async function recordReport(
  connection: Connection,
  report: ReplayReport,
): Promise<RecordedReport> {
  const sha256 = sha256Base64Url(canonicalJson(report as unknown as JsonValue));
  const line = JSON.stringify(eventOf(report, sha256));
  const [answer] = await appendLines(connection, [line], { ack: 'sealed' });
  if (answer?.id !== undefined && answer.status < 300) return { id: answer.id, sha256 };
  const why = [answer?.code, answer?.detail, ...(answer?.reasons ?? [])];
  const words = why.filter((text) => text !== undefined).join('; ');
  throw new SteleError('report_not_recorded', `the gateway took no report: ${words}`, {
    disposition: 'fix-input',
  });
}

function eventOf(report: ReplayReport, sha256: string): object {
  const { verdict, origin, entries, read, candidate, decisions, identical } = report;
  const { changed, flips, errors, masked, changes, notReplayed, gates } = report;
  return {
    type: REPLAY_EVENT,
    source: 'stele',
    outcome: verdict === 'pass' ? 'success' : 'failure',
    candidate,
    ...{ origin, entries, read, decisions, identical, changed, flips, errors, masked },
    gates,
    changes: changes
      .slice(0, GROUPS_MAX)
      .map(({ kind, detail, count }) => ({ kind, detail, count })),
    not_replayed: notReplayed.slice(0, GROUPS_MAX).map(({ reason, count }) => ({ reason, count })),
    report_sha256: sha256,
  };
}
