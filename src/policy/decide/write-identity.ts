/** Under which name a repeated write is known, without telling the log that name (design 3.1, Identity). */
import { hmacSha256 } from '#platform';
import { toBase64Url, utf8Bytes } from '../../core/platform/bytes.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { WriteIdentity } from './jobs.ts';

/** The ledger's secret, which every writer of it has; it makes identities unguessable for readers of the log. */
export interface LedgerSecret {
  /** Names the secret, so that it can be replaced; `[A-Za-z0-9_-]`, at most 64. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** `idk` of an entry: which caller, scheme and key. The same for every writer of the ledger. */
export function identityDigest(secret: LedgerSecret, identity: WriteIdentity): string {
  const { issuer, subject, scheme, key } = identity;
  return digest(secret, `stele/idk/1\n${canonicalJson([issuer, subject, scheme, key])}`);
}

/** `idb` of an entry: which body, before masking. @param event - RFC 8785 text of the event. */
export function bodyDigest(secret: LedgerSecret, event: string): string {
  return digest(secret, `stele/idb/1\n${event}`);
}

function digest(secret: LedgerSecret, text: string): string {
  return `${secret.id}.${toBase64Url(hmacSha256(secret.key, utf8Bytes(text)))}`;
}
