/** Files that somebody hands to the verifier: what they are not is said in words, for nobody has checked them yet. */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { SteleError } from '../../core/errors.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import { parseBase64Url } from '../../core/platform/bytes.ts';
import { parsePublicJwk } from '../../core/json/jws.ts';
import type { PublicJwk } from '../../core/json/jws.ts';
import { parseVkey } from '../../core/tree/signed-note.ts';
import type { Statement } from '../../core/ledger/statement.ts';

/** What a verifier got from somewhere else, as it was typed. */
export interface TypedAnchors {
  readonly vkey?: readonly string[];
  readonly genesis?: string;
}

/** Bytes of one file of a proof: the largest entry has some 2 MB, and a text in memory has 512 MB at most. */
const EVIDENCE_BYTES_MAX = 268_435_456;

const jwksSchema = z.looseObject({ keys: z.array(z.record(z.string(), z.json())) });
const statementsSchema = z.array(z.array(z.string()).min(1));

/** Of an option that may be given again: several gateways of one ledger have a checkpoint key each. */
export function collected(text: string, before: readonly string[] | undefined): readonly string[] {
  // A key given twice is one key.
  return [...new Set([...(before ?? []), text])];
}

/** @throws {@link SteleError} `vkey_malformed`, `genesis_malformed`: a slip of the pen is no verdict on a log. */
export function checkAnchors({ vkey, genesis }: TypedAnchors): void {
  for (const each of vkey ?? []) {
    understood('vkey_malformed', '--vkey is no key of a log, as `stele init` prints it', () =>
      parseVkey(each),
    );
  }
  if (genesis !== undefined) {
    understood('genesis_malformed', '--genesis is no SHA-256 in base64url (43 characters)', () =>
      parseSha256Hash(parseBase64Url(genesis)),
    );
  }
}

/** A file of a proof. @throws {@link SteleError} `evidence_too_large`. */
export async function readEvidenceFile(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size <= EVIDENCE_BYTES_MAX) return readFile(path);
  const message = `${path} has ${size} bytes, and at most ${EVIDENCE_BYTES_MAX} are read: nothing was judged`;
  throw new SteleError('evidence_too_large', message, { disposition: 'fix-configuration' });
}

/** Certificates, as `stele prove` writes them. @throws {@link SteleError} `certificates_malformed`. */
export async function readStatements(path: string): Promise<readonly Statement[]> {
  const text = (await readEvidenceFile(path)).toString('utf8');
  return understood(
    'certificates_malformed',
    `${path} has no certificates, as \`stele prove\` writes them`,
    () => statementsSchema.parse(JSON.parse(text)),
  );
}

/** Keys of entry signers. @throws {@link SteleError} `jwks_malformed`. */
export async function readKeys(path: string): Promise<readonly PublicJwk[]> {
  const text = (await readEvidenceFile(path)).toString('utf8');
  return understood('jwks_malformed', `${path} is no JWKS of Ed25519 or P-256 keys`, () =>
    jwksSchema.parse(JSON.parse(text)).keys.map(bareJwk),
  );
}

/** The members that identify a public key; a JWKS carries others beside them. */
function bareJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
  const named = ['crv', 'kty', 'x', 'y'].flatMap((name) => {
    const value = jwk[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return parsePublicJwk(Object.fromEntries(named) as Parameters<typeof parsePublicJwk>[0]);
}

function understood<T>(code: string, words: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new SteleError(code, words, { disposition: 'fix-configuration', cause });
  }
}
