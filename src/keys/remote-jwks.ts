/**
 * Keys of an issuer that publishes them at a URL. Anybody can send a token that nobody knows: it must not become a
 * request of ours, least of all to a server in trouble, nor take good tokens along.
 */
import { errors } from 'jose';
import type { JWTVerifyGetKey } from 'jose';
import { concatBytes, utf8Text } from '../core/platform/bytes.ts';
import { SteleError } from '../core/errors.ts';

/** Milliseconds for one request, to the last byte of its answer. */
const ANSWER_MS_MAX = 3_000;
/** An unknown `kid` asks the URL again, at most this often in milliseconds. */
const COOLDOWN_MS = 30_000;
/** After a request that failed nothing is asked for these milliseconds, whoever wants to know. */
const FAILURE_MS = 10_000;
/** Keys older than these milliseconds are fetched again before they are used, so that a withdrawn key stops counting. */
const AGE_MS_MAX = 600_000;
/** Milliseconds for which keys count while they cannot be fetched: who keeps us from the URL keeps a stolen key alive so long. */
const OUTAGE_AGE_MS_MAX = 3_600_000;

/** What {@link RemoteJwks} needs. */
export interface RemoteJwksParts {
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Bytes of an answer that are read. */
  readonly bytesMax: number;
  /** Makes keys of the text; throws what is wrong with it. */
  readonly parse: (text: string) => JWTVerifyGetKey;
}

/** The keys behind one URL, fetched as they are needed. */
export class RemoteJwks {
  readonly #url: URL;
  readonly #parts: RemoteJwksParts;
  #good: { readonly keys: JWTVerifyGetKey; readonly sinceMs: number } | null = null;
  #failed: { readonly error: SteleError; readonly sinceMs: number } | null = null;
  #asking: Promise<JWTVerifyGetKey> | null = null;

  constructor(url: URL, parts: RemoteJwksParts) {
    this.#url = url;
    this.#parts = parts;
  }

  /**
   * The key of a token.
   * @throws {@link SteleError} `caller_keys_unavailable` where it cannot be known whether there is one; jose's own
   *   errors where there is none, or more than one.
   */
  async find(...asked: Parameters<JWTVerifyGetKey>): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    const keys = await this.#current();
    try {
      return await keys(...asked);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || this.#isYounger(COOLDOWN_MS)) throw error;
      return (await this.#ask())(...asked);
    }
  }

  /** Keys that are young enough; in an outage, the last good ones. */
  async #current(): Promise<JWTVerifyGetKey> {
    if (this.#good !== null && this.#isYounger(AGE_MS_MAX)) return this.#good.keys;
    try {
      return await this.#ask();
    } catch (error) {
      if (this.#good === null || !this.#isYounger(OUTAGE_AGE_MS_MAX)) throw error;
      return this.#good.keys;
    }
  }

  #isYounger(ageMs: number): boolean {
    return this.#good !== null && this.#isWithin(this.#good.sinceMs, ageMs);
  }

  /** A clock that was put back makes nothing last longer. */
  #isWithin(sinceMs: number, ms: number): boolean {
    const past = this.#parts.clock() - sinceMs;
    return past >= 0 && past < ms;
  }

  /** One request at a time, and none for a while after one that failed. */
  async #ask(): Promise<JWTVerifyGetKey> {
    const failed = this.#failed;
    if (failed !== null && this.#isWithin(failed.sinceMs, FAILURE_MS)) throw failed.error;
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #fetch(): Promise<JWTVerifyGetKey> {
    const { clock, parse } = this.#parts;
    try {
      const keys = parse(utf8Text(await this.#read()));
      this.#good = { keys, sinceMs: clock() };
      this.#failed = null;
      return keys;
    } catch (cause) {
      const error = unavailable(cause);
      this.#failed = { error, sinceMs: clock() };
      throw error;
    }
  }

  /** Never more than may be, whatever the server says that it sends, and unpacked to whatever. */
  async #read(): Promise<Uint8Array> {
    const { bytesMax } = this.#parts;
    const response = await fetch(this.#url, {
      headers: { accept: 'application/jwk-set+json, application/json', 'user-agent': 'stele' },
      // The place is configured, and so is who vouches for it.
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the URL answers ${response.status}`);
    }
    const parts: Uint8Array[] = [];
    let bytes = 0;
    // Leaving the loop cancels the answer.
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += part.length;
      if (bytes > bytesMax) throw new Error(`the URL sends more than ${bytesMax} bytes`);
      parts.push(part);
    }
    return concatBytes(...parts);
  }
}

function unavailable(cause: unknown): SteleError {
  return new SteleError('caller_keys_unavailable', 'the keys that check tokens cannot be had', {
    disposition: 'retry',
    cause,
  });
}
