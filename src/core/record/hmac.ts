/**
 * What a record says of bytes that it does not hold: an HMAC under its key, so that only whoever has the record can
 * confirm them. A bare digest would let every reader of it try out what is hidden from them. docs/formats.md, section 5.
 */
import { hmacSha256 } from '#platform';
import { concatBytes, toBase64Url, utf8Bytes } from '../platform/bytes.ts';

/** Which bytes: those of the event as it arrived, or the RFC 8785 text of an event that was withheld. */
export type CommittedBytes = 'raw' | 'withheld';

/**
 * `source.raw_hmac` or `input.withheld.hmac` of a record.
 *
 * @param record - Its id, and its key of 32 bytes.
 * @param bytes - A text stands for its UTF-8.
 * @returns Base64url, 43 characters.
 * @throws {@link MalformedError} `lone_surrogate`.
 */
export function recordHmac(
  what: CommittedBytes,
  { jti, key }: { readonly jti: string; readonly key: Uint8Array },
  bytes: Uint8Array | string,
): string {
  const message = typeof bytes === 'string' ? utf8Bytes(bytes) : bytes;
  const text = concatBytes(utf8Bytes(`stele/${what}/1\n${jti}\n`), message);
  return toBase64Url(hmacSha256(key, text));
}
