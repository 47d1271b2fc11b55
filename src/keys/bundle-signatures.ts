/**
 * `.signatures.json` of a policy bundle: one compact JWS whose payload lists every other file with its digest. OPA,
 * "Bundles", section "Signing"; native OPA verifies what is made here, and the other way round.
 */
import { CompactSign, compactVerify, decodeProtectedHeader, errors } from 'jose';
import { z } from 'zod';
import { utf8Bytes, utf8Text } from '../core/platform/bytes.ts';
import { SteleError } from '../core/errors.ts';
import { jwkThumbprint } from '../core/json/jws.ts';
import { parseStrictJson } from '../core/json/strict-json.ts';
import { BUNDLE_DIGEST, bundleFileDigest } from './bundle-digest.ts';
import type { PrivateKey } from './key-files.ts';
import type { BundleAlgorithm, VerificationKey } from './verification-keys.ts';

/** Where the signature of a bundle stands in it. */
export const SIGNATURES_FILE = '.signatures.json';

/** Why the signature of a bundle was refused. Stable. */
export type SignatureCode =
  | 'bundle_unsigned'
  | 'bundle_signature_malformed'
  | 'bundle_signature_untrusted'
  | 'bundle_scope_mismatch'
  | 'bundle_file_unsigned'
  | 'bundle_file_missing'
  | 'bundle_file_altered';

/** A bundle that is not what somebody trusted signed. Nothing of it may decide. */
export class BundleSignatureError extends SteleError {
  declare readonly code: SignatureCode;

  constructor(code: SignatureCode, message: string, cause?: unknown) {
    super(code, message, {
      disposition: 'fix-configuration',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** Files by name, without leading slash. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

const SIGNING_ALGORITHMS: Readonly<Record<PrivateKey['alg'], BundleAlgorithm>> = {
  Ed25519: 'EdDSA',
  ES256: 'ES256',
};
/** One line for each of 512 files. */
const SIGNATURES_BYTES_MAX = 1_048_576;
const limits = {
  bytes: SIGNATURES_BYTES_MAX,
  depth: 8,
  members: 16_384,
  stringLength: SIGNATURES_BYTES_MAX,
};

const signaturesSchema = z.strictObject({
  signatures: z.array(z.string()).length(1),
  /** What OPA writes where no plugin of its own signed. */
  plugin: z.literal('_default').optional(),
});
/** `keyid`, `iat` and `iss` are OPA's to carry and nothing here believes them. */
const claimsSchema = z.looseObject({
  files: z.array(z.strictObject({ name: z.string(), hash: z.string(), algorithm: z.string() })),
  scope: z.string().optional(),
});

/**
 * Signs a bundle's files. With Ed25519 the same files give the same bytes; no time is in it.
 *
 * @param files - All of them; one named {@link SIGNATURES_FILE} is left out.
 * @param scope - What the bundle is for, as the verifier's configuration names it; empty for none.
 * @returns The bytes of {@link SIGNATURES_FILE}.
 */
export async function signBundleFiles(
  files: BundleFiles,
  key: PrivateKey,
  scope = '',
): Promise<Uint8Array> {
  const names = [...files.keys()].filter((name) => name !== SIGNATURES_FILE).sort();
  const listed = names.map((name) => ({
    name,
    hash: bundleFileDigest(name, files.get(name) ?? new Uint8Array(0), BUNDLE_DIGEST),
    algorithm: BUNDLE_DIGEST,
  }));
  const kid = jwkThumbprint(key.jwk);
  const claims = { files: listed, keyid: kid, ...(scope === '' ? {} : { scope }) };
  const jws = await new CompactSign(utf8Bytes(JSON.stringify(claims)))
    .setProtectedHeader({ alg: SIGNING_ALGORITHMS[key.alg], kid, typ: 'JWT' })
    .sign(key.key);
  return utf8Bytes(`${JSON.stringify({ signatures: [jws] }, null, 1)}\n`);
}

/** The key that a signature names, which nobody has verified; null where there is none that can be read. */
export function namedSigner(files: BundleFiles): string | null {
  const bytes = files.get(SIGNATURES_FILE);
  if (bytes === undefined) return null;
  try {
    return decodeProtectedHeader(signatureOf(bytes)).kid ?? null;
  } catch {
    return null;
  }
}

/** Verifies bundles against keys that are trusted alike. */
export class BundleVerifier {
  readonly #keys: readonly VerificationKey[];
  readonly #scope: string | null;

  /** @param scope - What a signature has to be for, exactly; empty: for nothing in particular; null: for anything. */
  constructor(keys: readonly VerificationKey[], scope: string | null = '') {
    this.#keys = keys;
    this.#scope = scope;
  }

  /**
   * Checks that one of the keys signed these files, all of them and no other.
   *
   * @returns the thumbprint of the key.
   * @throws {@link BundleSignatureError}
   */
  async verify(files: BundleFiles): Promise<string> {
    const bytes = files.get(SIGNATURES_FILE);
    if (bytes === undefined) {
      throw new BundleSignatureError('bundle_unsigned', `bundle has no ${SIGNATURES_FILE}`);
    }
    const { claims, kid } = await this.#open(signatureOf(bytes));
    if (this.#scope !== null && (claims.scope ?? '') !== this.#scope) {
      const message = `bundle is signed for scope "${claims.scope ?? ''}", want "${this.#scope}"`;
      throw new BundleSignatureError('bundle_scope_mismatch', message);
    }
    checkFiles(files, claims.files);
    return kid;
  }

  /** The key decides about the algorithm; the header is only compared with it. */
  async #open(jws: string): Promise<{ claims: z.infer<typeof claimsSchema>; kid: string }> {
    for (const { alg, key, kid } of this.#keys) {
      try {
        const { payload } = await compactVerify(jws, key, { algorithms: names(alg) });
        return { claims: parseAs(claimsSchema, payload, 'payload of the signature'), kid };
      } catch (error) {
        if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error;
      }
    }
    throw new BundleSignatureError(
      'bundle_signature_untrusted',
      `bundle is signed by none of the ${this.#keys.length} keys that are trusted: send the author’s certificate (--author), or list the key in policy.keys`,
    );
  }
}

/** RFC 9864 gave Ed25519 a name of its own. */
function names(alg: BundleAlgorithm): string[] {
  return alg === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [alg];
}

function signatureOf(bytes: Uint8Array): string {
  return parseAs(signaturesSchema, bytes, SIGNATURES_FILE).signatures[0] ?? '';
}

function parseAs<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  try {
    return schema.parse(parseStrictJson(utf8Text(bytes), limits, 'signed'));
  } catch (cause) {
    throw new BundleSignatureError(
      'bundle_signature_malformed',
      `${what} is not of its schema`,
      cause,
    );
  }
}

/** Both ways: what is signed is there as it was signed, and what is there is signed. */
function checkFiles(files: BundleFiles, listed: z.infer<typeof claimsSchema>['files']): void {
  const unseen = new Set(files.keys());
  unseen.delete(SIGNATURES_FILE);
  for (const { name, hash, algorithm } of listed) {
    const bytes = files.get(name);
    if (bytes === undefined || name === SIGNATURES_FILE) {
      throw new BundleSignatureError('bundle_file_missing', `bundle has no ${name}`);
    }
    if (!unseen.delete(name)) {
      throw new BundleSignatureError('bundle_signature_malformed', `signature lists ${name} twice`);
    }
    if (digestOf(name, bytes, algorithm) !== hash) {
      throw new BundleSignatureError('bundle_file_altered', `${name} is not what was signed`);
    }
  }
  for (const name of unseen) {
    throw new BundleSignatureError('bundle_file_unsigned', `signature does not list ${name}`);
  }
}

function digestOf(name: string, bytes: Uint8Array, algorithm: string): string {
  let digest: string | null;
  try {
    digest = bundleFileDigest(name, bytes, algorithm);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'no JSON';
    const message = `${name} is no document that may be signed: ${why}`;
    throw new BundleSignatureError('bundle_file_altered', message, cause);
  }
  if (digest !== null) return digest;
  const message = `${name} is signed by its ${algorithm} digest, which is not accepted`;
  throw new BundleSignatureError('bundle_signature_malformed', message);
}
