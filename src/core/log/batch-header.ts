/** The signed first line of a batch object: its closed schema and its parser. `docs/formats.md`, "Batch object". */
import { z } from 'zod';
import { sha256Base64Url } from '#platform';
import { canonicalJson } from '../json/canonical-json.ts';
import { parseJws } from '../json/jws.ts';
import type { ParsedJws } from '../json/jws.ts';
import { refuseNewer } from '../json/newer-format.ts';
import {
  applySchema,
  Base64Url16,
  Base64Url32,
  ClassName,
  Count,
  EpochMs,
  LockTime,
  ObjectKey,
  Origin,
  RetentionMode,
  StatementSchema,
  VersionId,
  WriterId,
} from '../entry/schema.ts';

/** `typ` of a batch header. */
export const BATCH_TYP = 'stele-batch+jwt';

/** A version on a batch key that is no valid batch. `sha256` is null where it is too large to be read at all. */
export const VoidSlotSchema = z.strictObject({
  number: Count,
  versionId: VersionId,
  size: Count,
  sha256: Base64Url32.nullable(),
});

/** An object with the hash of its stored bytes, and how it is locked. */
const stored = {
  key: ObjectKey,
  versionId: VersionId,
  size: Count,
  sha256: Base64Url32,
  class: ClassName,
  mode: RetentionMode,
  retainUntil: LockTime.nullable(),
};

/** A payload object: records of one class, as a series of gzip members. See `payload-object.ts`. */
export const PayloadReferenceSchema = z.strictObject({
  ...stored,
  members: z.array(z.tuple([Count, Count])).min(1),
});

/**
 * A payload object that was uploaded for a plan that never became a batch: nothing refers to it, but it holds records,
 * and goes when its class ends, like any other.
 */
export const OrphanSchema = z.strictObject(stored);

/** Consecutive leaves of one boot: `first` and `last` are the numbers of its first and last leaf here. */
export const RunSchema = z.strictObject({
  writer: WriterId,
  boot: WriterId,
  first: Count,
  last: Count,
});

/** Schema of a batch header's payload. */
export const BatchHeaderSchema = z.strictObject({
  v: z.literal(1),
  crit: z.array(z.string()).max(0),
  origin: Origin,
  gen: Base64Url32,
  number: Count,
  id: Base64Url16,
  writer: z.strictObject({ id: WriterId, boot: WriterId }),
  certs: z.array(StatementSchema).min(1),
  previous: z.strictObject({
    number: z.int().min(-1),
    sha256: Base64Url32,
    versionId: VersionId,
  }),
  voids: z.strictObject({ first: Count, count: z.int().min(1), digest: Base64Url32 }).nullable(),
  first: Count,
  count: Count,
  size: Count,
  root: Base64Url32,
  edge: z.array(Base64Url32).max(53),
  runs: z.array(RunSchema),
  control: z.array(Count),
  sections: z.array(
    z.strictObject({ kind: z.literal('inline'), count: z.int().min(1), sha256: Base64Url32 }),
  ),
  payloads: z.array(PayloadReferenceSchema),
  orphans: z.array(OrphanSchema),
  late: z.array(Count),
  checkpoints: z.array(z.string().max(65_535)),
  time: EpochMs,
  mode: RetentionMode,
  retainUntil: LockTime.nullable(),
  final: z.boolean(),
});

/** What a batch header says. */
export type BatchHeader = z.infer<typeof BatchHeaderSchema>;

/** A version on a batch key that is no valid batch. */
export type VoidSlot = z.infer<typeof VoidSlotSchema>;

/** A payload object as a batch refers to it. */
export type PayloadReference = z.infer<typeof PayloadReferenceSchema>;

/** An uploaded object that nothing refers to. */
export type Orphan = z.infer<typeof OrphanSchema>;

/** Consecutive leaves of one boot. */
export type Run = z.infer<typeof RunSchema>;

/**
 * Parses a header line. Neither its signature nor anything that it says is verified.
 * @throws {@link MalformedError} `bad_batch_header`, `unsupported_version`, `unsupported_critical`, or a code of
 *   {@link parseJws}.
 */
export function parseBatchHeader(line: string): { jws: ParsedJws; header: BatchHeader } {
  const jws = parseJws(line, BATCH_TYP);
  refuseNewer(jws.payload, 'batch header');
  return {
    jws,
    header: applySchema(BatchHeaderSchema, jws.payload, 'batch header', 'bad_batch_header'),
  };
}

/**
 * What a header's `voids.digest` commits to: SHA-256 over the canonical JSON of the slots in ascending order of their
 * numbers, base64url.
 */
export function voidsDigest(voids: readonly VoidSlot[]): string {
  const slots = voids.map(({ number, versionId, size, sha256 }) => ({
    number,
    versionId,
    size,
    sha256,
  }));
  return sha256Base64Url(canonicalJson(slots));
}
