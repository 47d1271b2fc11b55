/**
 * Genesis: the one object that says what a ledger is. Its hash is in every entry and every batch, so nothing of it can
 * be exchanged later; what may change is changed by `config` entries. `docs/formats.md`, "Genesis".
 */
import { z } from 'zod';
import { sha256 } from '#platform';
import { parseBase64Url, toBase64Url, utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../json/canonical-json.ts';
import { MalformedError } from '../errors.ts';
import { parseSha256Hash } from '../tree/hash.ts';
import type { Sha256Hash } from '../tree/hash.ts';
import { jwkThumbprint, parsePublicJwk } from '../json/jws.ts';
import type { JwsSigner } from '../json/jws.ts';
import { refuseNewer } from '../json/newer-format.ts';
import {
  applySchema,
  ApprovalJws,
  Base64Url32,
  ClassName,
  Count,
  EpochMs,
  Origin,
  PublicJwkSchema,
  RetentionMode,
} from '../entry/schema.ts';
import { makeStatement, openStatement } from './statement.ts';
import type { JsonValue } from '../json/strict-json.ts';

/** `typ` of the signatures of a genesis object. */
export const GENESIS_TYP = 'stele-genesis+jwt';

/** Largest genesis object that is read at all. */
export const GENESIS_BYTES_MAX = 1_048_576;

/** The line end behind a header, and the length before a leaf. */
const FRAMING_BYTES = 3;

/**
 * A retention class: a record of it is kept at least `days` (null: until an event says from when) and at most
 * `maxDays`. `ground` says why personal data may stand in a class that is not erasable.
 */
export const RetentionClassSchema = z.strictObject({
  mode: RetentionMode,
  days: z.int().min(0).max(36_500).nullable(),
  maxDays: z.exactOptional(z.int().min(0).max(36_500)),
  erasable: z.boolean(),
  ground: z.string().max(1024).nullable(),
});

/**
 * Bounds that are rules of validity: a batch beyond them is void, whoever signed it. Bytes and counts. The least that is
 * let through always leaves room for a batch that undoes it: three certificates, each signed by 16 root keys, are 45,000
 * bytes of header, and beside a header of full length there is room for a leaf of full length.
 */
export const LimitsSchema = z
  .strictObject({
    batchEntries: z.int().min(1).max(32_768),
    batchBytes: z.int().min(262_144).max(1_073_741_824),
    headerBytes: z.int().min(65_536).max(16_777_216),
    entryBytes: z.int().min(1024).max(65_535),
  })
  .refine((limits) => limits.batchBytes >= limits.headerBytes + limits.entryBytes + FRAMING_BYTES, {
    error: 'has no room for a header and a leaf',
    path: ['batchBytes'],
  });

/** The keys that certify others, and commitments to those that may follow them. */
export const RootSetSchema = z
  .strictObject({
    threshold: z.int().min(1).max(16),
    keys: z.array(PublicJwkSchema).min(1).max(16),
    next: z.array(Base64Url32).max(16),
  })
  .refine((roots) => roots.threshold <= roots.keys.length, {
    error: 'threshold is above the number of keys',
    path: ['threshold'],
  });

/** What a `config` entry may change later. */
export const configurable = {
  roots: RootSetSchema,
  classes: z.record(ClassName, RetentionClassSchema),
  fallbackClass: ClassName,
  labels: z.array(z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/)).max(256),
  limits: LimitsSchema,
  maxSealMs: z.int().min(1),
  maxDecisionMs: z.int().min(1),
  heartbeatMs: z.int().min(1000),
  batchLock: z.strictObject({ mode: RetentionMode, days: z.int().min(0).max(36_500) }),
};

/** Schema of the payload of genesis. */
export const GenesisSchema = z.strictObject({
  v: z.literal(1),
  crit: z.array(z.string()).max(0),
  origin: Origin,
  hash: z.literal('sha-256'),
  algs: z.tuple([z.literal('Ed25519'), z.literal('ES256')]),
  ...configurable,
  policy: z.strictObject({ id: Base64Url32, approvals: z.array(ApprovalJws).max(32) }).nullable(),
  weakStore: z.boolean(),
  predecessor: z
    .strictObject({ origin: Origin, genesis: Base64Url32, size: Count, root: Base64Url32 })
    .nullable(),
  time: EpochMs,
});

/** Schema of the genesis object: a JWS of the payload in the general JSON form (RFC 7515 §7.2.1). */
export const GenesisObjectSchema = z.strictObject({
  payload: z.string(),
  signatures: z
    .array(z.strictObject({ protected: z.string(), signature: z.string() }))
    .min(1)
    .max(16),
});

/** What genesis says. */
export type GenesisFields = z.infer<typeof GenesisSchema>;

/** What is given to make one; the rest has one value in this version. */
export type GenesisDraft = Omit<GenesisFields, 'v' | 'crit' | 'hash' | 'algs'>;

/** A retention class of the ledger's table. */
export type RetentionClass = z.infer<typeof RetentionClassSchema>;

/** The limits that are rules of validity. */
export type LedgerLimits = z.infer<typeof LimitsSchema>;

/** A verified genesis object. Verified by its own keys: that it is the right one, its hash has to say. */
export type Genesis = Omit<GenesisFields, 'hash'> & {
  /** SHA-256 of the object's bytes. */
  readonly hash: Sha256Hash;
  /** The same in base64url, as entries and batches carry it. */
  readonly gen: string;
  readonly bytes: Uint8Array;
};

/**
 * Makes the genesis object.
 *
 * @param signers - Root keys of `fields`, at least the threshold of them.
 * @throws {@link MalformedError} whatever {@link parseGenesis} would say of the result.
 */
export async function makeGenesis(
  fields: GenesisDraft,
  signers: readonly JwsSigner[],
): Promise<Uint8Array> {
  const payload = { v: 1, crit: [], hash: 'sha-256', algs: ['Ed25519', 'ES256'], ...fields };
  const statement = await makeStatement(GENESIS_TYP, payload, signers);
  const bytes = utf8Bytes(
    canonicalJson({
      payload: toBase64Url(utf8Bytes(canonicalJson(payload))),
      signatures: statement.map((jws) => ({
        protected: jws.slice(0, jws.indexOf('.')),
        signature: jws.slice(jws.lastIndexOf('.') + 1),
      })),
    }),
  );
  parseGenesis(bytes);
  return bytes;
}

/**
 * Parses and verifies a genesis object: byte-equal to its canonical form, closed, and signed by at least the
 * threshold of the very root keys that it names.
 *
 * @throws {@link MalformedError} `bad_genesis`, `unsupported_version`, `unsupported_critical`, or a code of the
 *   parsers below it.
 */
export function parseGenesis(bytes: Uint8Array): Genesis {
  if (bytes.length > GENESIS_BYTES_MAX) throw badGenesis(`is ${bytes.length} bytes`);
  const text = utf8Text(bytes);
  const object = applySchema(
    GenesisObjectSchema,
    parseCanonicalJson(text),
    'genesis object',
    'bad_genesis',
  );
  const value = parseCanonicalJson(utf8Text(parseBase64Url(object.payload)));
  refuseNewer(value, 'genesis');
  const fields = applySchema(GenesisSchema, value, 'genesis', 'bad_genesis');
  checkRootSet(fields.roots);
  if (!Object.hasOwn(fields.classes, fields.fallbackClass)) {
    throw badGenesis('names a fallback class that it does not have');
  }
  const statement = object.signatures.map(
    (part) => `${part.protected}.${object.payload}.${part.signature}`,
  );
  openStatement(statement, GENESIS_TYP, fields.roots);
  const hash = parseSha256Hash(sha256(bytes));
  return { ...fields, hash, gen: toBase64Url(hash), bytes };
}

/** Root keys are sound and distinct. @throws {@link MalformedError} `bad_genesis` or `bad_jwk`. */
export function checkRootSet(roots: GenesisFields['roots']): void {
  const kids = roots.keys.map((jwk) => jwkThumbprint(parsePublicJwk(jwk as unknown as JsonValue)));
  if (new Set(kids).size !== kids.length) throw badGenesis('has a root key twice');
}

function badGenesis(what: string): MalformedError {
  return new MalformedError(`genesis ${what}`, 'bad_genesis');
}
