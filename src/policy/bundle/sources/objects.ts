import { sleep, SourceError } from './source.ts';
import type { BundleSource } from './source.ts';

/** What is asked of an object store; whoever composes the gateway has one. Rejects when it cannot be reached. */
export interface BundleObjects {
  /** All keys that begin with `prefix` and can be asked for, ascending. */
  list(prefix: string): Promise<readonly string[]>;
  /** What the object is at present; null when there is none. `etag` changes with its bytes. */
  head(key: string): Promise<{ readonly etag: string; readonly size: number } | null>;
  /** At most `maxBytes` of it from its beginning, and what they were read from; null when there is none. */
  get(
    key: string,
    maxBytes: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly etag: string } | null>;
  close(): Promise<void>;
}

/** Plain data that says where bundles are in a store. */
export interface ObjectSourceSettings {
  /** For people: `s3://bucket/policies/`. */
  readonly name: string;
  /**
   * Of the keys below it that end in `.tar.gz` the last one counts: name them by date or number. Where it is such a key
   * itself, that one counts and no other.
   */
  readonly prefix: string;
  /** Largest bundle in bytes. */
  readonly maxBytes: number;
  /** Milliseconds for one look, with its download. */
  readonly timeoutMs: number;
}

const SUFFIX = '.tar.gz';

/** Bundles below a prefix of an object store: the one whose key is the last, or the one that the prefix names. */
export class ObjectSource implements BundleSource {
  readonly name: string;
  readonly waits = false;
  readonly #objects: BundleObjects;
  readonly #settings: ObjectSourceSettings;
  #given = '';

  constructor(objects: BundleObjects, settings: ObjectSourceSettings) {
    this.#objects = objects;
    this.#settings = settings;
    this.name = settings.name;
  }

  async fetch(signal: AbortSignal): Promise<Uint8Array | null> {
    const { timeoutMs } = this.#settings;
    const ended = new AbortController();
    const late = sleep(timeoutMs, signal, ended.signal).then(() => {
      if (signal.aborted || ended.signal.aborted) return null;
      throw new SourceError('source_slow', `${this.name} took longer than ${timeoutMs} ms`);
    });
    try {
      const found = await Promise.race([this.#newest(), late]);
      if (found === null) return null;
      this.#given = found.mark;
      return found.bytes;
    } finally {
      ended.abort();
    }
  }

  async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, signal);
  }

  async close(): Promise<void> {
    await this.#objects.close();
  }

  async #newest(): Promise<{ bytes: Uint8Array; mark: string } | null> {
    const { prefix, maxBytes } = this.#settings;
    const keys = await this.#ask(async () => this.#objects.list(prefix));
    const bundles = keys.filter((each) => each.endsWith(SUFFIX));
    const key = bundles.find((each) => each === prefix) ?? bundles.at(-1);
    if (key === undefined) {
      throw new SourceError('bundle_missing', `${this.name} holds no ${SUFFIX}`);
    }
    const head = await this.#ask(async () => this.#objects.head(key));
    if (head === null) throw new SourceError('bundle_missing', `${key} has gone`);
    if (`${key} ${head.etag}` === this.#given) return null;
    if (head.size > maxBytes) throw oversize(key, maxBytes);
    const found = await this.#ask(async () => this.#objects.get(key, maxBytes + 1));
    if (found === null) throw new SourceError('bundle_missing', `${key} has gone`);
    if (found.bytes.length > maxBytes) throw oversize(key, maxBytes);
    return { bytes: found.bytes, mark: `${key} ${found.etag}` };
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      throw new SourceError('source_unreachable', `${this.name} cannot be read`, cause);
    }
  }
}

function oversize(key: string, maxBytes: number): SourceError {
  return new SourceError('source_oversize', `${key} is larger than ${maxBytes} bytes`);
}
