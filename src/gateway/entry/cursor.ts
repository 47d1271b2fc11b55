import { timingSafeEqual } from 'node:crypto';
import { hmacSha256, sha256Base64Url } from '#platform';
import { parseBase64Url, toBase64Url, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { MalformedError } from '../../core/errors.ts';
import type { LedgerSecret } from '../../keys/ledger-secret.ts';
import { ProblemError } from '../context/problem.ts';

/** Where a search goes on. */
export interface Place {
  /** Tree size to which all of its pages are pinned. */
  readonly size: number;
  /** Leaf index: the next one, or in a search from the newest the one after the next. */
  readonly position: number;
}

/**
 * Cursors of a ledger's searches. They hold nothing that a page does not say, and give no right: every entry of every page
 * is decided for who asks. Authentic all the same, so that a search is over one tree and one query to its end.
 */
export class Cursors {
  readonly #secret: LedgerSecret;
  readonly #gen: string;

  /** @param secret - Which all gateways of the ledger have. @param gen - Base64url hash of its genesis. */
  constructor(secret: LedgerSecret, gen: string) {
    this.#secret = secret;
    this.#gen = gen;
  }

  /** @param query - Canonical text of what is searched for. */
  make({ size, position }: Place, query: string): string {
    const text = canonicalJson([1, size, position, sha256Base64Url(query)]);
    return `${toBase64Url(utf8Bytes(text))}.${toBase64Url(this.#mac(text))}`;
  }

  /** @throws {@link ProblemError} `cursor_invalid` for one of another ledger or query, or that was changed. */
  parse(cursor: string, query: string): Place {
    try {
      const [encoded = '', mac = '', ...rest] = cursor.split('.');
      const text = utf8Text(parseBase64Url(encoded));
      const [given, own] = [parseBase64Url(mac), this.#mac(text)];
      const isOurs = given.length === own.length && timingSafeEqual(given, own);
      if (!isOurs || rest.length > 0) throw new ProblemError('cursor_invalid');
      const [, size, position, of] = JSON.parse(text) as [number, number, number, string];
      if (of !== sha256Base64Url(query)) throw new ProblemError('cursor_invalid');
      return { size, position };
    } catch (error) {
      if (error instanceof MalformedError) throw new ProblemError('cursor_invalid');
      throw error;
    }
  }

  #mac(text: string): Uint8Array {
    return hmacSha256(this.#secret.key, utf8Bytes(`stele/cursor/1\n${this.#gen}\n${text}`));
  }
}
