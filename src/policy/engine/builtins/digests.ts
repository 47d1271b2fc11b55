/** Digests over the UTF-8 bytes of texts, in lower-case hexadecimal. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { RegoValue } from '../../contract/rego-value.ts';
import type { BuiltinCall } from './builtin.ts';
import { family } from './builtin.ts';
import { bytesOf } from './bytes.ts';
import { textOf } from './operand.ts';

/** Host functions of digests. */
export const DIGESTS = family(1, {
  'crypto.md5': digest('md5'),
  'crypto.sha1': digest('sha1'),
  'crypto.sha256': digest('sha256'),
  'crypto.hmac.md5': hmac('md5'),
  'crypto.hmac.sha1': hmac('sha1'),
  'crypto.hmac.sha256': hmac('sha256'),
  'crypto.hmac.sha512': hmac('sha512'),
  'crypto.hmac.equal': (one, other) => isSame(one, other),
});

function digest(algorithm: string): BuiltinCall {
  return (text) =>
    createHash(algorithm)
      .update(bytesOf(textOf(text)))
      .digest('hex');
}

function hmac(algorithm: string): BuiltinCall {
  return (message, key) =>
    createHmac(algorithm, bytesOf(textOf(key)))
      .update(bytesOf(textOf(message)))
      .digest('hex');
}

function isSame(one: RegoValue | undefined, other: RegoValue | undefined): boolean {
  const left = bytesOf(textOf(one));
  const right = bytesOf(textOf(other));
  return left.length === right.length && timingSafeEqual(left, right);
}
