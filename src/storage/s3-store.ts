import {
  GetObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type {
  GetObjectCommandOutput,
  HeadObjectCommandOutput,
  PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { parseBase64, toBase64 } from '../core/platform/bytes.ts';
import { parseSha256Hash } from '../core/tree/hash.ts';
import type { Sha256Hash } from '../core/tree/hash.ts';
import { sha256 } from '#platform';
import {
  ObjectMissingError,
  ObjectTooLargeError,
  RetentionRefusedError,
  StoreDeniedError,
  StoreUnavailableError,
} from './errors.ts';
import { assertKeyPrefix, assertObjectKey } from './object-keys.ts';
import { OBJECT_BYTES_MAX } from './object-store.ts';
import type * as port from './object-store.ts';
import { assertRetention, coversRetention, mayFollow } from './retention.ts';
import { makeS3Clients } from './s3-clients.ts';
import type { S3Clients, S3Settings } from './s3-clients.ts';
import { failureOf, isAbsence, s3ReadError, s3WriteError } from './s3-errors.ts';
import { listKeys, listKeyVersions } from './s3-listing.ts';
import { s3Probing } from './s3-probing.ts';

/**
 * Makes a store of a bucket. Opens no connection yet: the probe is the first to talk.
 *
 * @throws {@link StoreDeniedError} for settings that contradict themselves.
 */
export function openS3Store(settings: S3Settings): S3Store {
  return new S3Store(settings);
}

/**
 * A bucket of S3, or of a store that speaks it, with versioning and Object Lock.
 *
 * Durable as far as the store is: AWS is before it answers; of the compatible servers that were
 * tried none survives a power cut by itself, and nothing here can see that. Writes are sent once,
 * with their SHA-256, which the store checks, and with explicit lock headers: the default of a
 * bucket is never relied on.
 */
export class S3Store implements port.ObjectStore {
  readonly kind = 's3';
  readonly probing: port.StoreProbing;
  readonly #clients: S3Clients;
  readonly #bucket: string;
  #now: number | null = null;

  constructor(settings: S3Settings) {
    this.#bucket = settings.bucket;
    this.#clients = makeS3Clients(settings, (epochMs) => {
      this.#now = epochMs;
    });
    this.probing = s3Probing(this.#clients.bulk, settings.bucket);
  }

  async putNew(
    key: string,
    bytes: Uint8Array,
    options: port.PutOptions,
  ): Promise<{ readonly versionId: string }> {
    assertObjectKey(key);
    if (options.retention !== null) assertRetention(options.retention);
    const command = new PutObjectCommand({
      ...this.#body(key, bytes, options),
      ...lockHeaders(options.retention),
      IfNoneMatch: '*',
    });
    try {
      const answer = await this.#clients.commit.send(command);
      // A bucket without versions names none; the probe refuses such a bucket.
      return { versionId: answer.VersionId ?? 'null' };
    } catch (error) {
      throw s3WriteError(error, key, 'if-none-match');
    }
  }

  async head(key: string, versionId?: string): Promise<port.ObjectHead | null> {
    assertObjectKey(key);
    const command = new HeadObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      VersionId: versionId,
      ChecksumMode: 'ENABLED',
    });
    try {
      const answer = await this.#clients.bulk.send(command);
      if (answer.DeleteMarker === true) return null;
      const head = toHead(key, answer);
      if (head.retention !== null || versionId === undefined) return head;
      // One server shows the lock of a version that is not the current one only when asked for
      // nothing else.
      return { ...head, retention: await this.#retentionOf(key, versionId) };
    } catch (error) {
      if (!isAbsence(error, versionId !== undefined)) throw s3ReadError(error, `head of ${key}`);
      if (failureOf(error).status === 400) await this.#assertAbsent(key, versionId);
      return null;
    }
  }

  async get(key: string, options: port.GetOptions = {}): Promise<port.StoredObject | null> {
    assertObjectKey(key);
    const { versionId, range } = options;
    if (range !== undefined && range.end <= range.start) return this.#empty(key, versionId);
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      VersionId: versionId,
      Range: range === undefined ? undefined : `bytes=${range.start}-${range.end - 1}`,
    });
    try {
      const answer = await this.#clients.bulk.send(command);
      const bytes = await bodyOf(key, answer);
      return { bytes, versionId: answer.VersionId ?? 'null', etag: answer.ETag ?? '' };
    } catch (error) {
      if (failureOf(error).status === 416) return this.#empty(key, versionId);
      if (isAbsence(error, versionId !== undefined)) return null;
      throw s3ReadError(error, `get of ${key}`);
    }
  }

  async listVersions(key: string): Promise<readonly port.ObjectVersion[]> {
    assertObjectKey(key);
    try {
      return await listKeyVersions(this.#clients.bulk, this.#bucket, key);
    } catch (error) {
      throw s3ReadError(error, `versions of ${key}`);
    }
  }

  async list(prefix: string, options: port.ListOptions = {}): Promise<readonly string[]> {
    assertKeyPrefix(prefix);
    try {
      return await listKeys(this.#clients.bulk, this.#bucket, prefix, options);
    } catch (error) {
      throw s3ReadError(error, `list of ${prefix}`);
    }
  }

  async extendRetention(key: string, versionId: string, wanted: port.Retention): Promise<void> {
    assertRetention(wanted);
    const head = await this.head(key, versionId);
    if (head === null) throw new ObjectMissingError(key, versionId);
    if (coversRetention(head.retention, wanted)) return;
    // Looked at first, for a store says the same to a lock that must not shrink and to a missing
    // right.
    if (!mayFollow(head.retention, wanted)) {
      throw new RetentionRefusedError(`lock of ${key} cannot become ${wanted.mode}`);
    }
    const command = new PutObjectRetentionCommand({
      Bucket: this.#bucket,
      Key: key,
      VersionId: versionId,
      Retention: { Mode: s3Mode(wanted), RetainUntilDate: new Date(wanted.until) },
    });
    try {
      await this.#clients.bulk.send(command);
    } catch (error) {
      if (failureOf(error).status === 400) {
        throw new RetentionRefusedError(`lock of ${key} until ${wanted.until}`, error);
      }
      throw s3ReadError(error, `lock of ${key}`);
    }
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    options: port.ReplaceOptions,
  ): Promise<{ readonly etag: string }> {
    assertObjectKey(key);
    const command = new PutObjectCommand({
      ...this.#body(key, bytes, options),
      ...(options.etag === null ? { IfNoneMatch: '*' } : { IfMatch: options.etag }),
    });
    try {
      const answer = await this.#clients.commit.send(command);
      return { etag: answer.ETag ?? '' };
    } catch (error) {
      throw s3WriteError(error, key, 'if-match');
    }
  }

  now(): number | null {
    return this.#now;
  }

  async close(): Promise<void> {
    this.#clients.commit.destroy();
    this.#clients.bulk.destroy();
    return Promise.resolve();
  }

  /**
   * The answer to a HEAD has no body and so no code: a 400 can be an id that was never given, and an old session just
   * as well. The answer to a GET says which.
   *
   * @throws {@link StoreUnavailableError} when it is there all the same, or it cannot be told.
   */
  async #assertAbsent(key: string, versionId: string | undefined): Promise<void> {
    const target = { Bucket: this.#bucket, Key: key, VersionId: versionId, Range: 'bytes=0-0' };
    try {
      const { Body: body } = await this.#clients.bulk.send(new GetObjectCommand(target));
      discard(body);
    } catch (error) {
      if (isAbsence(error, versionId !== undefined)) return;
      if (failureOf(error).status !== 416) throw s3ReadError(error, `head of ${key}`);
    }
    throw new StoreUnavailableError(`head of ${key}: 400, and it is there`);
  }

  /** A Buffer and its known hash: a stream would go out in pieces that many stores refuse. */
  #body(
    key: string,
    bytes: Uint8Array,
    options: { readonly contentType: string; readonly cacheControl?: string },
  ): PutObjectCommandInput {
    return {
      Bucket: this.#bucket,
      Key: key,
      Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ContentLength: bytes.length,
      ContentType: options.contentType,
      CacheControl: options.cacheControl,
      // Both: the value alone goes out without the header that makes a store check it.
      ChecksumAlgorithm: 'SHA256',
      ChecksumSHA256: toBase64(sha256(bytes)),
    };
  }

  /**
   * The lock of one version by the call that is about nothing else; null where there is none to be
   * seen.
   */
  async #retentionOf(key: string, versionId: string): Promise<port.Retention | null> {
    const target = { Bucket: this.#bucket, Key: key, VersionId: versionId };
    try {
      const answer = await this.#clients.bulk.send(new GetObjectRetentionCommand(target));
      const { Mode: mode, RetainUntilDate: until } = answer.Retention ?? {};
      return toRetention(mode, until);
    } catch (error) {
      const failure = s3ReadError(error, `lock of ${key}`);
      // Refused, or none there. A store that is only busy has not said that there is none.
      if (failure instanceof StoreDeniedError) return null;
      throw failure;
    }
  }

  async #empty(key: string, versionId: string | undefined): Promise<port.StoredObject | null> {
    const head = await this.head(key, versionId);
    if (head === null) return null;
    return { bytes: new Uint8Array(), versionId: head.versionId, etag: head.etag };
  }
}

/** The whole body of an answer, of the length that it announced. */
async function bodyOf(
  key: string,
  { Body: body, ContentLength: length }: GetObjectCommandOutput,
): Promise<Uint8Array> {
  if (length !== undefined && length > OBJECT_BYTES_MAX) {
    discard(body);
    throw new ObjectTooLargeError(key, length);
  }
  const bytes = (await body?.transformToByteArray()) ?? new Uint8Array();
  if (length !== undefined && length !== bytes.length) {
    throw new StoreUnavailableError(`get of ${key}: ${bytes.length} of ${length} bytes came`);
  }
  return bytes;
}

/** A body that nobody wants: its socket is given up. */
function discard(body: unknown): void {
  if (body instanceof Readable) body.destroy();
}

function lockHeaders(retention: port.Retention | null): Partial<PutObjectCommandInput> {
  if (retention === null) return {};
  return {
    ObjectLockMode: s3Mode(retention),
    ObjectLockRetainUntilDate: new Date(retention.until),
  };
}

function s3Mode(retention: port.Retention): 'COMPLIANCE' | 'GOVERNANCE' {
  return retention.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

function toHead(key: string, answer: HeadObjectCommandOutput): port.ObjectHead {
  return {
    key,
    versionId: answer.VersionId ?? 'null',
    size: answer.ContentLength ?? 0,
    etag: answer.ETag ?? '',
    sha256: toHash(answer.ChecksumSHA256),
    retention: toRetention(answer.ObjectLockMode, answer.ObjectLockRetainUntilDate),
    lastModified: answer.LastModified?.getTime() ?? 0,
  };
}

function toRetention(mode: string | undefined, until: Date | undefined): port.Retention | null {
  if (until === undefined || (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE')) return null;
  return { mode: mode === 'COMPLIANCE' ? 'compliance' : 'governance', until: until.getTime() };
}

/**
 * A multipart object's checksum is of another kind (it ends in its number of parts): then none is
 * known.
 */
function toHash(checksum: string | undefined): Sha256Hash | null {
  if (checksum === undefined) return null;
  try {
    return parseSha256Hash(parseBase64(checksum));
  } catch {
    return null;
  }
}
