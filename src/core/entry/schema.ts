/**
 * The words from which the closed schemas of all formats are made, and the one way to apply a schema. A schema checks
 * shape; what needs a key, a hash or another object stands with the format it belongs to.
 */
import { z } from 'zod';
import { PATTERNS } from './payload.ts';
import { MalformedError } from '../errors.ts';
import { formatPointer } from '../json/json-pointer.ts';

/** Base64url of 16 bytes: 22 characters, of which the last has four bits that must be zero. */
export const Base64Url16 = z.string().regex(PATTERNS.id);

/** Base64url of 32 bytes: 43 characters, of which the last has two bits that must be zero. */
export const Base64Url32 = z.string().regex(PATTERNS.hash);

/** Base64url of 64 bytes, a signature: 86 characters. */
export const Base64Url64 = z.string().regex(/^[A-Za-z0-9_-]{85}[AQgw]$/);

/** A count, size, index or sequence number: 0..2⁵³-1. */
export const Count = z.int().min(0);

/** Epoch milliseconds. */
export const EpochMs = z.int().min(0);

/** Epoch milliseconds of a whole second, as object locks have them. */
export const LockTime = z.int().min(0).multipleOf(1000);

/** A compact JWS (RFC 7515 §3.1) whose parts are not yet judged. */
export const CompactJws = z
  .string()
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/)
  .max(65_535);

/**
 * An approval: a compact JWS, its payload attached or detached (RFC 7515 appendix F), by a key of whoever approves.
 * What it has to say is the policy's affair.
 */
export const ApprovalJws = z
  .string()
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/)
  .max(16_384);

/** The same payload signed by several keys: compact JWS, one a key. */
export const StatementSchema = z.array(CompactJws).min(1).max(32);

/** A ledger's origin: the first line of its checkpoints and the name of its note keys; schema-less URL, no `+`. */
export const Origin = z.string().regex(PATTERNS.origin);

/** Identity of a writer, born with its journal folder; or of one boot of it. */
export const WriterId = Base64Url16.describe('of a writer or boot');

/**
 * A person as the organisation names one for ever: an identifier, never a name or an address, for it stands in the log.
 */
export const Person = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/);

/** A stable word for machines: `lower_snake_case`. */
export const Code = z.string().regex(PATTERNS.code);

/** Name of a retention class. */
export const ClassName = z.string().regex(PATTERNS.class);

/** Version of an object as its store names it; empty where it is not known. */
export const VersionId = z.string().max(1024);

/** Key of an object inside the store. */
export const ObjectKey = z.string().min(1).max(1024);

/** How an object is locked (S3 Object Lock); `none` is not locked at all. */
export const RetentionMode = z.enum(['compliance', 'governance', 'none']);

/** A short text for people. Never personal data: it stands in the log for ever. */
export const Note = z.string().max(1024);

/** Signature algorithms of keys (RFC 9864 for the first, RFC 7518 for the second). */
export const Algorithm = z.enum(['Ed25519', 'ES256']);

/** A public key as JWK (RFC 7517), with its required members only, so that it has one thumbprint (RFC 7638). */
export const PublicJwkSchema = z.discriminatedUnion('kty', [
  z.strictObject({ crv: z.literal('Ed25519'), kty: z.literal('OKP'), x: Base64Url32 }),
  z.strictObject({ crv: z.literal('P-256'), kty: z.literal('EC'), x: Base64Url32, y: Base64Url32 }),
]);

/**
 * Applies a schema to a parsed JSON value.
 *
 * @param what - Names the thing in the message ("batch header").
 * @returns The value itself, typed: what was signed is what is used.
 * @throws {@link MalformedError} `code`, with the RFC 6901 pointer of the first fault.
 */
export function applySchema<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  code: string,
): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return value as z.infer<S>;
  const { message, path } = result.error.issues.reduce((first) => first);
  throw new MalformedError(`${what}: ${message}`, code, formatPointer(path.map(String)));
}

/** The malformed thing that was caught; anything else is our own bug and goes on up. */
export function caughtMalformed(error: unknown): MalformedError {
  if (error instanceof MalformedError) return error;
  throw error;
}
