/** What a verified proof shows, in sentences, and what nobody should read into it. */

/** What a verification came to know. */
export interface ProofClaims {
  /** Names of the steps that passed. */
  readonly passed: ReadonlySet<string>;
  /** Whether a key or hash of the caller's own holds the whole. */
  readonly anchored: boolean;
  /** Whether the key of the entry is of a certificate, and not merely published. */
  readonly certified: boolean;
  readonly origin: string;
  readonly size: number;
  readonly index: number;
  /** Earliest time of a witness, epoch ms. */
  readonly witnessedMs: number | null;
  /** Disclosures that were given. */
  readonly disclosed: number;
  /** Digests that were not disclosed. */
  readonly hidden: number;
}

/** Largest time that a calendar date can be given to (ECMA-262, Time Values and Time Range). */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** What follows from the steps that passed. */
export function proofEstablishes(claims: ProofClaims): string[] {
  const { passed, index, origin, size, witnessedMs } = claims;
  const signer = claims.certified
    ? 'A gateway that the root keys of this genesis certified signed the entry.'
    : 'The holder of the published entry key signed the entry.';
  return sentences([
    [
      passed.has('inclusion'),
      `These bytes are entry ${index} of the log ${origin}, as it stood at ${size} entries.`,
    ],
    [passed.has('entry_signature'), signer],
    [
      passed.has('disclosures') && claims.disclosed > 0,
      'What is disclosed is what the entry committed to when it was signed.',
    ],
    [passed.has('full_opening'), 'No name of the record has a second value.'],
    [
      passed.has('witnesses'),
      'The witnesses saw this tree as the continuation of all that they saw before.',
    ],
    [
      witnessedMs !== null,
      `The entry existed at ${formatTime(witnessedMs ?? 0)}, by the clock of a witness.`,
    ],
  ]);
}

/** What does not follow, whatever passed. */
export function proofDoesNotEstablish(claims: ProofClaims): string[] {
  const { passed, anchored, hidden } = claims;
  return sentences([
    [anchored, 'Who holds the keys: that rests on how you came by the trusted key or hash.'],
    [
      !anchored,
      'Whose log this is: every key came with the proof. Compare the key or the genesis hash with one that you got elsewhere.',
    ],
    [true, 'That what the entry says is true: only that it was said, and put in the log.'],
    [true, 'That nothing else happened: completeness needs the whole log.'],
    [!passed.has('entry_signature'), 'Who made the entry: its key was not at hand.'],
    [
      passed.has('entry_signature'),
      'That the key of the entry was in use at this position: the whole log shows that.',
    ],
    [
      claims.witnessedMs === null,
      'When: all times are claims of the gateway, without a token or a witness.',
    ],
    [
      !passed.has('witnesses'),
      'That everybody is shown the same log: that takes witnesses or a comparison.',
    ],
    [
      !passed.has('full_opening'),
      'That no name has a second, hidden value: that takes the full record.',
    ],
    [hidden > 0, `What the ${hidden} hidden digests stand for.`],
  ]);
}

function sentences(rows: readonly (readonly [boolean, string])[]): string[] {
  return rows.flatMap(([said, sentence]) => (said ? [sentence] : []));
}

/** RFC 3339, UTC; the bare number for what no calendar reaches. */
function formatTime(ms: number): string {
  return ms > DATE_MS_MAX ? `${ms} ms` : new Date(ms).toISOString();
}
