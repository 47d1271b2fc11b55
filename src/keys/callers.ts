import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ApiKeys } from './api-keys.ts';
import { ANONYMOUS, CallerError } from './caller.ts';
import type { Caller, VerifiedCaller } from './caller.ts';
import type { FollowedFile } from './followed-file.ts';
import type { TokenVerifier } from './tokens.ts';

/** What {@link Callers} needs. */
export interface CallersComponents {
  /** `null`: no JWT is accepted. */
  readonly tokens: TokenVerifier | null;
  /** `null`: no API key is accepted. */
  readonly apiKeys: Pick<ApiKeys, 'find'> | null;
  /** Files that these come from, for whoever asks how they are. */
  readonly files?: readonly Pick<FollowedFile<unknown>, 'name' | 'fault'>[];
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** See each member. */
export interface CallersSettings {
  /** Whether no credentials at all means an anonymous subject. It has no default: somebody has to say it. */
  readonly anonymous: boolean;
  /**
   * How many verified tokens are remembered, 0 to 1,000,000. Fewer: a signature check (75 to 220 us) for each request
   * of a caller that fell out. More: about 600 bytes of memory each.
   *
   * @defaultValue 10,000
   */
  readonly tokenCacheEntries: number;
  /**
   * Longest time in milliseconds that a verified token is believed without looking at the JWKS again, 0 to 3,600,000; its
   * own expiry comes first. Shorter: more checks. Longer: a key that left the JWKS is believed for longer.
   *
   * @defaultValue 300,000
   */
  readonly tokenCacheMs: number;
}

/** Defaults of {@link CallersSettings}, without the one that must be said. */
export const callersDefaults = Object.freeze({ tokenCacheEntries: 10_000, tokenCacheMs: 300_000 });

/** Longest credential that is looked at: larger ones are not tokens, and hashing them is work for a stranger. */
const CREDENTIAL_CHARACTERS_MAX = 8_192;
/** RFC 6750 §2.1: the scheme, one space, `b64token`. */
const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i;

/** Tells who calls from the `Authorization` header: a JWT, an API key, or nobody. */
export class Callers {
  readonly #components: CallersComponents;
  readonly #settings: CallersSettings;
  readonly #verified: LRUCache<string, VerifiedCaller> | null;

  constructor(components: CallersComponents, settings: CallersSettings) {
    this.#components = components;
    this.#settings = settings;
    const { tokenCacheEntries } = settings;
    this.#verified = tokenCacheEntries === 0 ? null : new LRUCache({ max: tokenCacheEntries });
  }

  /**
   * The caller at once where it is remembered, a promise where a signature has to be checked. The cache holds hashes of
   * tokens, never tokens.
   *
   * @param authorization - The header's value; `undefined` when there was none.
   * @throws {@link CallerError}, also as a rejection; {@link SteleError} `caller_keys_unavailable` when the JWKS cannot
   *   be had, which is not the caller's fault.
   */
  identify(authorization: string | undefined): Caller | Promise<Caller> {
    if (authorization === undefined) {
      if (this.#settings.anonymous) return ANONYMOUS;
      throw new CallerError('credentials_missing', 'this needs an Authorization header');
    }
    if (authorization.length > CREDENTIAL_CHARACTERS_MAX) {
      throw new CallerError(
        'credentials_malformed',
        `the Authorization header has ${authorization.length} characters, want at most ${CREDENTIAL_CHARACTERS_MAX}`,
      );
    }
    const credential = BEARER.exec(authorization)?.[1];
    if (credential === undefined) {
      throw new CallerError('credentials_malformed', 'Authorization is not "Bearer" and one token');
    }
    const digest = hash('sha256', credential, 'base64url');
    const known = this.#verified?.get(digest);
    if (known !== undefined && known.until > this.#components.clock()) return known.caller;
    return looksLikeJwt(credential)
      ? this.#verifyToken(credential, digest)
      : this.#findKey(credential, digest);
  }

  /** The files that callers are known from, and why what stands in one now does not hold; null where it does. */
  get files(): readonly { readonly name: string; readonly fault: string | null }[] {
    return this.#components.files ?? [];
  }

  /** Forgets what was verified: the keys that it was verified with are others now. */
  forget(): void {
    this.#verified?.clear();
  }

  async #verifyToken(token: string, digest: string): Promise<Caller> {
    const { tokens, clock } = this.#components;
    if (tokens === null) throw new CallerError('token_invalid', 'this gateway takes no JWT');
    const verified = await tokens.verify(token, digest);
    const until = Math.min(verified.until, clock() + this.#settings.tokenCacheMs);
    this.#verified?.set(digest, { caller: verified.caller, until });
    return verified.caller;
  }

  #findKey(secret: string, digest: string): Caller {
    const found = this.#components.apiKeys?.find(secret, digest, this.#components.clock());
    if (found === undefined) throw new CallerError('api_key_unknown', 'no such API key');
    return found;
  }
}

/** A compact JWS has two dots; an API key of ours has none. */
function looksLikeJwt(credential: string): boolean {
  return credential.includes('.');
}
