/**
 * Whether an entry says in clear what its record says: a leaf that claims `allow` over a result that denied would
 * otherwise pass every hash.
 */
import { canonicalJson } from '../json/canonical-json.ts';
import type { EntryPayload, PolicyOutcome } from '../entry/payload.ts';
import { isJsonObject } from '../json/json-pointer.ts';
import { lookUp } from './open-disclosures.ts';
import type { OpenedRecord } from './open-disclosures.ts';
import type { JsonValue } from '../json/strict-json.ts';

/** The verdict on one fact or on all; `unverifiable` where what decides it is hidden. */
export type AgreementVerdict = 'agrees' | 'disagrees' | 'unverifiable';

/** One fact of the leaf, compared. */
export interface AgreementDetail {
  /** The member of the payload. */
  readonly fact: 'pol.allow' | 'pol.entrypoint' | 'withheld' | 'ret.class' | 'lbl' | 'kind' | 'at';
  readonly verdict: AgreementVerdict;
}

/** All facts, and the worst of their verdicts. */
export interface Agreement {
  readonly verdict: AgreementVerdict;
  readonly details: readonly AgreementDetail[];
}

const READ = 'stele/read';

/** Which rule is asked about what. */
const ENTRYPOINT_OF_ACTION: ReadonlyMap<JsonValue, string> = new Map([
  ['entry.append', 'stele/append'],
  ['entry.read', READ],
  ['entry.proof', READ],
  ['ledger.read', READ],
  ['log.read', READ],
  ['consistency.read', READ],
  ['policy.activate', 'stele/admin'],
]);

/** The value at a place, or why there is none. */
type Found = { readonly value: JsonValue } | 'absent' | 'hidden';

/**
 * Compares the facts of a leaf with what was disclosed of its record.
 *
 * @param fallbackClass - Genesis' class for what names none; left out, such a class is unverifiable.
 * @returns Facts of entries that no policy decided are not compared: `details` is then empty and the verdict
 *   `agrees`.
 */
export function checkAgreement(
  payload: EntryPayload,
  opened: OpenedRecord,
  fallbackClass?: string,
): Agreement {
  if (payload.pol === undefined || payload._sd === undefined) {
    return { verdict: 'agrees', details: [] };
  }
  const { pol } = payload;
  const allow = compareAllow(pol, find(opened, '/result/allow'));
  const details: AgreementDetail[] = [
    { fact: 'pol.allow', verdict: allow },
    {
      fact: 'pol.entrypoint',
      verdict: compareEntrypoint(pol, find(opened, '/input/action/name')),
    },
    { fact: 'withheld', verdict: compareWithheld(pol, find(opened, '/input/withheld')) },
    {
      fact: 'ret.class',
      verdict: compareClass(payload, find(opened, '/result/class'), fallbackClass),
    },
    { fact: 'lbl', verdict: compareLabels(payload, opened) },
    { fact: 'kind', verdict: compareKind(payload, pol.allow, allow) },
    { fact: 'at', verdict: compareTime(payload.at, find(opened, '/input/time/ms')) },
  ];
  return { verdict: worst(details), details };
}

/**
 * Whatever is not `true` denies, also a result that is no object. After a failure the result was not followed,
 * whatever it says, and nothing is allowed.
 */
function compareAllow({ allow, err }: PolicyOutcome, found: Found): AgreementVerdict {
  if (err !== undefined) return verdictOf(!allow);
  if (found === 'hidden') return 'unverifiable';
  return verdictOf(allow === (found !== 'absent' && found.value === true));
}

/** Only of what was denied is the event left out; what was allowed is stored, or nobody could decide it again. */
function compareWithheld({ allow }: PolicyOutcome, found: Found): AgreementVerdict {
  if (!allow || found === 'absent') return 'agrees';
  return found === 'hidden' ? 'unverifiable' : 'disagrees';
}

/** An action is asked of one rule, or a read that is open to everybody would vouch for a write. */
function compareEntrypoint({ entrypoint }: PolicyOutcome, action: Found): AgreementVerdict {
  if (action === 'hidden') return 'unverifiable';
  const asked = action === 'absent' ? undefined : ENTRYPOINT_OF_ACTION.get(action.value);
  // Later versions have more actions.
  return verdictOf(asked === undefined || asked === entrypoint);
}

/** After a failure the class may be the fallback, whatever the result says. */
function compareClass(
  { ret, pol }: EntryPayload,
  found: Found,
  fallbackClass: string | undefined,
): AgreementVerdict {
  if (found === 'hidden') return 'unverifiable';
  if (found !== 'absent' && found.value === ret.class) return 'agrees';
  if (found !== 'absent' && pol?.err === undefined) return 'disagrees';
  return fallbackClass === undefined ? 'unverifiable' : verdictOf(ret.class === fallbackClass);
}

function compareLabels(payload: EntryPayload, opened: OpenedRecord): AgreementVerdict {
  const found = find(opened, '/result/labels');
  if (found === 'hidden') return 'unverifiable';
  const claimed = canonicalJson(payload.lbl ?? {});
  // After a failure the result was not followed: no label is the other right answer.
  if (payload.pol?.err !== undefined && claimed === '{}') return 'agrees';
  if (found === 'absent') return verdictOf(claimed === '{}');
  if (!isJsonObject(found.value)) return 'disagrees';
  // Labels may be hidden one by one; those that are disclosed have to be in the leaf all the same.
  const complete = (opened.hidden.get('/result/labels') ?? 0) === 0;
  if (complete) return verdictOf(canonicalJson(found.value) === claimed);
  const shown = Object.entries(found.value);
  return shown.every(([name, label]) => payload.lbl?.[name] === label)
    ? 'unverifiable'
    : 'disagrees';
}

/** Kinds that stand for an outcome follow from `allow`, and so are as certain as that. */
function compareKind(
  { kind }: EntryPayload,
  allow: boolean,
  verdict: AgreementVerdict,
): AgreementVerdict {
  if (kind !== 'event' && kind !== 'denial') return 'agrees';
  return (kind === 'event') === allow ? verdict : 'disagrees';
}

function compareTime(at: number, found: Found): AgreementVerdict {
  if (found === 'hidden') return 'unverifiable';
  return verdictOf(found !== 'absent' && found.value === at);
}

function find(opened: OpenedRecord, pointer: string): Found {
  const found = lookUp(opened, pointer);
  return found.presence === 'present' ? { value: found.value } : found.presence;
}

function verdictOf(agrees: boolean): AgreementVerdict {
  return agrees ? 'agrees' : 'disagrees';
}

function worst(details: readonly AgreementDetail[]): AgreementVerdict {
  if (details.some(({ verdict }) => verdict === 'disagrees')) return 'disagrees';
  return details.some(({ verdict }) => verdict === 'unverifiable') ? 'unverifiable' : 'agrees';
}
