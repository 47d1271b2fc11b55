/** Policy bundles for tests: taken apart, changed, packed, signed. */
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { SIGNATURES_FILE, signBundleFiles } from '../../src/keys/bundle-signatures.ts';
import { verificationKey } from '../../src/keys/verification-keys.ts';
import type { VerificationKey } from '../../src/keys/verification-keys.ts';
import type { PrivateKey } from '../../src/keys/key-files.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { prependFiles } from '../../src/policy/bundle/archive.ts';

/** Files by name, without leading slash. */
export type Files = Map<string, Uint8Array>;

/** The committed bundle, as it is. */
export const defaultArchive = (): Buffer => readFileSync('bundles/default/bundle.tar.gz');

export const defaultFiles = async (): Promise<Files> => unpackBundle(defaultArchive());

/** Names may be anything: nothing is checked. */
export async function pack(files: Iterable<readonly [string, Uint8Array]>): Promise<Uint8Array> {
  const entries = [...files].map(([name, body]) => ({
    header: { name: `/${name}`, size: body.length, type: 'file' as const, mtime: new Date(0) },
    body,
  }));
  return gzipSync(await packTar(entries));
}

/** The archive with its signature in front. */
export async function sign(
  archive: Uint8Array,
  key: PrivateKey,
  { scope = '', added = new Map() }: { scope?: string; added?: Files } = {},
): Promise<Uint8Array> {
  const files = new Map([...(await unpackBundle(archive)), ...added]);
  const signature = await signBundleFiles(files, key, scope);
  return prependFiles(archive, new Map([...added, [SIGNATURES_FILE, signature]]));
}

/** A key of one kind, as it signs and as it verifies. */
export interface TestKey {
  readonly signing: PrivateKey;
  readonly verifying: VerificationKey;
  readonly publicPem: string;
  readonly privatePem: string;
}

export async function makeKey(kind: 'ed25519' | 'p256' = 'ed25519'): Promise<TestKey> {
  const pair =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return keyOf(pair.publicKey, pair.privateKey);
}

async function keyOf(publicKey: KeyObject, privateKey: KeyObject): Promise<TestKey> {
  const jwk = publicKey.export({ format: 'jwk' });
  const { crv, kty, x, y } = jwk as Record<string, string>;
  const signing =
    crv === 'Ed25519'
      ? { alg: 'Ed25519', key: privateKey, jwk: { crv, kty, x } }
      : { alg: 'ES256', key: privateKey, jwk: { crv, kty, x, y } };
  return {
    signing: signing as PrivateKey,
    verifying: await verificationKey(publicKey, 'test'),
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** A change of one JSON file. */
export function changed(
  files: Files,
  name: string,
  change: (value: Record<string, unknown>) => unknown,
): Files {
  const value = JSON.parse(Buffer.from(files.get(name)!).toString()) as Record<string, unknown>;
  return new Map(files).set(name, Buffer.from(JSON.stringify(change(value))));
}
