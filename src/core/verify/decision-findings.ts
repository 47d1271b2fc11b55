/**
 * What a leaf by itself must say of the decision behind it: events, reads and denials were decided by a policy and have
 * a record, and their kind is the outcome's. A writer that skips its policy cannot hide behind an entry of the system.
 */
import type { Batch } from '../log/batch.ts';
import { plainKinds } from '../ledger/ctl.ts';
import { finding } from './findings.ts';
import type { Finding } from './findings.ts';

const DECIDED: ReadonlySet<string> = new Set(plainKinds);

/** Findings of the leaves that only a decision can have made. Section 10 of docs/formats.md. */
export function decisionFindings({ header, entries }: Batch): Finding[] {
  return entries.flatMap(({ payload: { kind, pol, _sd } }, offset) => {
    if (!DECIDED.has(kind)) return [];
    const at = { batch: header.number, index: header.first + offset };
    const found: Finding[] = [];
    if (pol === undefined) found.push(finding('not_adopted', at, `${kind} that nothing decided`));
    // Whoever may read the public part of a log may not write for that.
    if (kind === 'event' && pol !== undefined && pol.entrypoint !== 'stele/append') {
      found.push(finding('disagreement', at, 'kind and entrypoint'));
    }
    if (_sd !== undefined) return found;
    // With a record, its result says whether the kind is right.
    found.push(finding('record_mismatch', at, `${kind} commits to no record`));
    const contradicts = pol !== undefined && CLAIMS.get(kind) === !pol.allow;
    return contradicts ? [...found, finding('disagreement', at, 'kind')] : found;
  });
}

/** Kinds that say how it was decided. */
const CLAIMS: ReadonlyMap<string, boolean> = new Map([
  ['event', true],
  ['denial', false],
]);
