/**
 * Root statements: the same payload signed by enough distinct root keys. Certificates of the keys of writers, checkpoints
 * and people, and what the root says in the log about keys, configuration and lost journals. `docs/formats.md`, "Root statements".
 */
import { z } from 'zod';
import { parseBase64Url } from '../platform/bytes.ts';
import { MalformedError } from '../errors.ts';
import {
  algorithmOf,
  jwkThumbprint,
  parseJws,
  parsePublicJwk,
  signJws,
  verifyJws,
} from '../json/jws.ts';
import type { JwsSigner, PublicJwk } from '../json/jws.ts';
import { refuseNewer } from '../json/newer-format.ts';
import {
  Algorithm,
  applySchema,
  Base64Url32,
  Code,
  Count,
  Person,
  PublicJwkSchema,
  StatementSchema,
  WriterId,
} from '../entry/schema.ts';
import { formatVkey, KEY_TYPES } from '../tree/signed-note.ts';
import type { JsonValue } from '../json/strict-json.ts';

/** One payload, signed by several root keys: compact JWS ascending by `kid`. */
export type Statement = readonly string[];

/** The keys that certify others: `threshold` of them speak for the root. */
export interface RootSet {
  readonly threshold: number;
  readonly keys: readonly PublicJwk[];
  /** RFC 7638 thumbprint of each key that may follow them; nobody knows the keys yet. */
  readonly next: readonly string[];
}

/** In whose name a statement is read: the ledger and its root keys at this position of the log. */
export interface Authority {
  readonly origin: string;
  /** SHA-256 of the genesis object, base64url. */
  readonly gen: string;
  readonly roots: RootSet;
}

/** `typ` of each kind of statement, so that none can stand for another. */
export const statementTypes = {
  certificate: 'stele-cert+jwt',
  key: 'stele-key+jwt',
  config: 'stele-config+jwt',
  gap: 'stele-gap+jwt',
} as const;

const certified = {
  v: z.literal(1),
  gen: Base64Url32,
  alg: Algorithm,
  kid: Base64Url32,
  jwk: PublicJwkSchema,
};

/** Schema of a certificate's payload. */
export const CertificateSchema = z.discriminatedUnion('use', [
  z.strictObject({ ...certified, use: z.literal('writer'), writer: WriterId }),
  z.strictObject({ ...certified, use: z.literal('checkpoint'), vkey: z.string().max(1024) }),
  z.strictObject({ ...certified, use: z.literal('approver'), person: Person }),
  z.strictObject({ ...certified, use: z.literal('author'), person: Person }),
]);

const keyAct = { v: z.literal(1), gen: Base64Url32, kid: Base64Url32 };
const use = z.enum(['writer', 'checkpoint', 'approver', 'author']);

/**
 * Schema of the payload of a `key` entry's statement. `final` is the last (boot, seq) that a retired writer key
 * signed; null for any other key, or where it signed nothing.
 */
export const KeyStatementSchema = z.discriminatedUnion('act', [
  z.strictObject({ ...keyAct, act: z.literal('certify'), use, certificate: StatementSchema }),
  z.strictObject({
    ...keyAct,
    act: z.literal('retire'),
    use,
    final: z.strictObject({ boot: WriterId, seq: Count }).nullable(),
  }),
  z.strictObject({ ...keyAct, act: z.literal('revoke'), use, reason: Code }),
]);

/** Schema of the payload of a `gap` entry's statement: the root says what a lost journal will never bring. */
export const GapStatementSchema = z.strictObject({
  v: z.literal(1),
  gen: Base64Url32,
  writer: WriterId,
  boot: WriterId,
  first: Count,
  last: Count.nullable(),
  reason: Code,
});

/** What a certificate says. */
export type CertificateFields = z.infer<typeof CertificateSchema>;

/** A key that the root vouches for, verified. */
export type Certificate = CertificateFields & { readonly statement: Statement };

/** What the root says about a key. */
export type KeyStatement = z.infer<typeof KeyStatementSchema>;

/** What the root says about a lost journal. */
export type GapStatement = z.infer<typeof GapStatementSchema>;

/** Signs a payload with each signer. Whether they are enough, the reader judges. */
export async function makeStatement(
  typ: string,
  payload: JsonValue,
  signers: readonly JwsSigner[],
): Promise<Statement> {
  const ordered = [...signers].sort((a, b) => (a.kid < b.kid ? -1 : 1));
  return Promise.all(ordered.map(async (signer) => signJws(typ, payload, signer)));
}

/**
 * Verifies a statement: same payload in all, kids strictly ascending, each a root key and each signature good, and at
 * least the threshold of them. One bad signature refuses the whole.
 *
 * @returns The payload, authentic but not yet held against a schema.
 * @throws {@link MalformedError} `bad_statement`, or a code of {@link parseJws}.
 */
export function openStatement(statement: Statement, typ: string, roots: RootSet): JsonValue {
  const signed = statement.map((text) => parseJws(text, typ));
  const [first] = signed;
  if (first === undefined) throw badStatement('statement has no signature');
  const body = payloadSegment(first.signingInput);
  let previous = '';
  for (const jws of signed) {
    if (jws.header.kid <= previous) throw badStatement('kids are not strictly ascending');
    if (payloadSegment(jws.signingInput) !== body) throw badStatement('payloads differ');
    const key = roots.keys.find((jwk) => jwkThumbprint(jwk) === jws.header.kid);
    if (key === undefined) throw badStatement(`${jws.header.kid} is not a root key`);
    if (!verifyJws(jws, key, algorithmOf(key))) {
      throw badStatement(`signature of ${jws.header.kid} does not verify`);
    }
    previous = jws.header.kid;
  }
  if (signed.length < roots.threshold) {
    throw badStatement(`${signed.length} root keys signed, want ${roots.threshold}`);
  }
  return first.payload;
}

/** Makes a certificate. `kid` and `alg` follow from the key. */
export async function makeCertificate(
  fields:
    | { gen: string; use: 'writer'; jwk: PublicJwk; writer: string }
    | { gen: string; use: 'checkpoint'; jwk: PublicJwk; vkey: string }
    | { gen: string; use: 'approver' | 'author'; jwk: PublicJwk; person: string },
  roots: readonly JwsSigner[],
): Promise<Statement> {
  const { jwk } = fields;
  const payload = { v: 1, ...fields, kid: jwkThumbprint(jwk), alg: algorithmOf(jwk) };
  return makeStatement(statementTypes.certificate, payload as unknown as JsonValue, roots);
}

/**
 * Verifies a certificate: signed by the root of this ledger, for a key that is sound (Ed25519 canonical and of prime
 * order), is the one that `kid` names and is no root key. Its status in the log is another matter: `key-status.ts`.
 *
 * @throws {@link MalformedError} `bad_certificate`, `bad_statement`, `bad_jwk`, or a code of {@link parseJws}.
 */
export function parseCertificate(statement: Statement, authority: Authority): Certificate {
  const value = openStatement(statement, statementTypes.certificate, authority.roots);
  refuseNewer(value, 'certificate');
  const fields = applySchema(CertificateSchema, value, 'certificate', 'bad_certificate');
  const jwk = parsePublicJwk(fields.jwk);
  if (fields.gen !== authority.gen) throw badCertificate('is of another ledger');
  if (fields.kid !== jwkThumbprint(jwk)) throw badCertificate('kid is not the thumbprint of jwk');
  if (fields.alg !== algorithmOf(jwk)) throw badCertificate('alg is not the one of jwk');
  if (authority.roots.keys.some((root) => jwkThumbprint(root) === fields.kid)) {
    throw badCertificate('is of a root key');
  }
  if (fields.use === 'checkpoint' && fields.vkey !== vkeyOf(authority.origin, jwk)) {
    throw badCertificate('has a vkey that is not its key under the name of the origin');
  }
  return { ...fields, statement };
}

/** Makes the statement of a `key` entry. */
export async function makeKeyStatement(
  fields: KeyStatement,
  roots: readonly JwsSigner[],
): Promise<Statement> {
  return makeStatement(statementTypes.key, fields, roots);
}

/**
 * Verifies the statement of a `key` entry. A certification holds a certificate of its own, which is verified too.
 * @throws {@link MalformedError} `bad_statement` or another.
 */
export function parseKeyStatement(statement: Statement, authority: Authority): KeyStatement {
  const value = openStatement(statement, statementTypes.key, authority.roots);
  refuseNewer(value, 'key statement');
  const fields = applySchema(KeyStatementSchema, value, 'key statement', 'bad_statement');
  if (fields.gen !== authority.gen) throw badStatement('key statement is of another ledger');
  if (fields.act === 'certify') {
    const certificate = parseCertificate(fields.certificate, authority);
    if (certificate.kid !== fields.kid || certificate.use !== fields.use) {
      throw badStatement('key statement and its certificate name different keys');
    }
  }
  return fields;
}

/** Makes the statement of a `gap` entry. */
export async function makeGapStatement(
  fields: GapStatement,
  roots: readonly JwsSigner[],
): Promise<Statement> {
  return makeStatement(statementTypes.gap, fields, roots);
}

/** Verifies the statement of a `gap` entry. @throws {@link MalformedError} `bad_statement` or another. */
export function parseGapStatement(statement: Statement, authority: Authority): GapStatement {
  const value = openStatement(statement, statementTypes.gap, authority.roots);
  refuseNewer(value, 'gap statement');
  const fields = applySchema(GapStatementSchema, value, 'gap statement', 'bad_statement');
  if (fields.gen !== authority.gen) throw badStatement('gap statement is of another ledger');
  return fields;
}

/**
 * The text form of a checkpoint key: of type Ed25519, under the name of the log's origin (C2SP tlog-checkpoint). Null
 * for a key of another kind, which signs no notes in this version.
 */
export function vkeyOf(origin: string, jwk: PublicJwk): string | null {
  if (jwk.kty !== 'OKP') return null;
  return formatVkey(origin, KEY_TYPES.ed25519, parseBase64Url(jwk.x));
}

function payloadSegment(signingInput: string): string {
  return signingInput.slice(signingInput.indexOf('.') + 1);
}

function badStatement(message: string): MalformedError {
  return new MalformedError(message, 'bad_statement');
}

function badCertificate(what: string): MalformedError {
  return new MalformedError(`certificate ${what}`, 'bad_certificate');
}
