import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { MalformedError } from '../core/errors.ts';
import { formatPointer } from '../core/json/json-pointer.ts';
import type { Caller } from './caller.ts';
import { FollowedFile } from './followed-file.ts';

/** Marks a string as an API key of ours, so that scanners of leaked secrets find it. */
const API_KEY_PREFIX = 'stele_';
const API_KEY_PATTERN = /^stele_[A-Za-z0-9_-]{43}$/;
/** Nobody else vouches for the callers of an API key file: they are known to this gateway alone. */
const API_KEY_ISSUER = null;

const apiKeySchema = z.strictObject({
  /** Names the key in entries and logs; not secret. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  /** base64url SHA-256 of the whole key. */
  sha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  subject: z.strictObject({
    type: z.string().min(1).max(64),
    id: z.string().min(1).max(256),
    properties: z.record(z.string().min(1).max(64), z.json()).default({}),
  }),
  roles: z.array(z.string().min(1).max(64)).max(64).default([]),
  /** RFC 3339. None: for ever. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
const apiKeyFileSchema = z.strictObject({ keys: z.array(apiKeySchema).max(10_000) });

/** One line of an API key file. */
export type ApiKeySpec = z.input<typeof apiKeySchema>;

interface KnownKey {
  readonly digest: Buffer;
  readonly expires: number;
  readonly caller: Caller;
}

/** Makes a new API key: 32 random bytes after a fixed prefix. Show it once; keep only its hash. */
export function generateApiKey(): { readonly key: string; readonly sha256: string } {
  const key = `${API_KEY_PREFIX}${randomBytes(32).toString('base64url')}`;
  return { key, sha256: hash('sha256', key, 'base64url') };
}

/** The callers of an API key file. Keys are known by their hash only. */
export class ApiKeys {
  readonly #byPrefix = new Map<string, KnownKey[]>();

  constructor(keys: readonly ApiKeySpec[]) {
    for (const spec of keys) {
      const parsed = apiKeySchema.parse(spec);
      const bucket = this.#byPrefix.get(parsed.sha256.slice(0, 4)) ?? [];
      bucket.push(knownKey(parsed));
      this.#byPrefix.set(parsed.sha256.slice(0, 4), bucket);
    }
  }

  /**
   * The caller behind a key. The table is entered with a part of the key's hash and compared in constant time, so timing
   * tells nothing about a key that is not known already.
   *
   * @param digest - base64url SHA-256 of `secret`.
   * @returns `undefined` when unknown or expired: a stranger is not told which.
   */
  find(secret: string, digest: string, now: number): Caller | undefined {
    if (!API_KEY_PATTERN.test(secret)) return undefined;
    const given = Buffer.from(digest, 'base64url');
    let found: KnownKey | undefined;
    for (const known of this.#byPrefix.get(digest.slice(0, 4)) ?? []) {
      if (timingSafeEqual(known.digest, given)) found = known;
    }
    return found !== undefined && found.expires > now ? found.caller : undefined;
  }
}

/** An API key file that is followed: what is added or taken out of it holds without a restart. */
export function apiKeyFile(path: string): FollowedFile<ApiKeys> {
  return new FollowedFile('api_keys', path, (text) => new ApiKeys(parseApiKeys(text, path)));
}

/**
 * Parses the text of an API key file: YAML or JSON, `keys: [{id, sha256, subject: {type, id}, roles}]`, closed.
 * @throws {@link MalformedError} `api_key_file_malformed` with a pointer.
 */
export function parseApiKeys(text: string, where: string): ApiKeySpec[] {
  const document = parseDocument(text, { uniqueKeys: true, strict: true });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    const line = fault.linePos?.[0].line ?? 0;
    throw new MalformedError(`${where}: not YAML, line ${line}`, 'api_key_file_malformed');
  }
  const parsed = apiKeyFileSchema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const pointer = formatPointer((issue?.path ?? []).map(String));
    throw new MalformedError(
      `${where}: ${issue?.message ?? 'malformed'}${pointer === '' ? '' : ` at ${pointer}`}`,
      'api_key_file_malformed',
      pointer,
    );
  }
  const { keys } = parsed.data;
  refuseDoubles(
    keys.map((key) => key.id),
    where,
    'id',
  );
  refuseDoubles(
    keys.map((key) => key.sha256),
    where,
    'sha256',
  );
  refuseTwoTypes(keys, where);
  return keys;
}

/** Budgets and repeated writes go by a caller's id: two that differ in type alone would be taken for one. */
function refuseTwoTypes(
  keys: readonly { subject: { type: string; id: string } }[],
  where: string,
): void {
  const types = new Map<string, string>();
  for (const [index, { subject }] of keys.entries()) {
    const known = types.get(subject.id) ?? subject.type;
    types.set(subject.id, known);
    if (known === subject.type) continue;
    const pointer = `/keys/${index}/subject`;
    const message = `${where}: ${pointer} has the id of a ${known}, and another type`;
    throw new MalformedError(message, 'api_key_file_malformed', pointer);
  }
}

function refuseDoubles(values: readonly string[], where: string, member: string): void {
  const twice = values.findIndex((value, index) => values.indexOf(value) !== index);
  if (twice === -1) return;
  const pointer = `/keys/${twice}/${member}`;
  throw new MalformedError(
    `${where}: ${pointer} is there twice`,
    'api_key_file_malformed',
    pointer,
  );
}

function knownKey(spec: z.output<typeof apiKeySchema>): KnownKey {
  const { id, sha256, subject, roles, expires } = spec;
  return {
    digest: Buffer.from(sha256, 'base64url'),
    expires: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
    caller: {
      subject: {
        type: subject.type,
        id: subject.id,
        properties: { ...subject.properties, issuer: API_KEY_ISSUER, roles },
      },
      auth: {
        method: 'api_key',
        issuer: API_KEY_ISSUER,
        subject: subject.id,
        key_id: id,
        token_sha256: sha256,
      },
    },
  };
}
