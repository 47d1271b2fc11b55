import { MalformedError } from '../core/errors.ts';

/**
 * Digits in the number of a batch key: enough for every safe integer, and keys sort as numbers do.
 */
const BATCH_DIGITS = 20;

const KEY_CHARS_MAX = 1024;
/** A file name holds 255 bytes; the file store adds a version to it. */
const SEGMENT_CHARS_MAX = 200;
/**
 * Characters that mean nothing to S3, to file systems, to URLs and to query engines, in this place.
 */
const SEGMENT = /^[A-Za-z0-9_=+-][A-Za-z0-9_=+.-]*$/;
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

/** Where each object of one ledger lives (design, section 3.4). All values are whole keys. */
export interface ObjectKeys {
  /** The prefix of everything below, ending in `/`. */
  readonly prefix: string;
  readonly genesis: string;
  readonly checkpoint: string;
  readonly batchPrefix: string;
  readonly payloadPrefix: string;
  /** Batch `number`, 0 for the first. */
  readonly batch: (number: number) => string;
  /**
   * Records of one class: `date` is YYYY-MM-DD (UTC), `id` a random plan id. Named for tools that
   * query in place.
   */
  readonly payload: (retentionClass: string, date: string, id: string) => string;
  /** A file of an archived policy. */
  readonly policy: (id: string, name: string) => string;
  /** A tile or entry bundle by its C2SP path, which begins with `tile/`. */
  readonly tile: (path: string) => string;
  /** An object of one run of the start-up probe. */
  readonly probe: (id: string, name: string) => string;
  /** The number in a batch key of this ledger; null for any other key. */
  readonly parseBatch: (key: string) => number | null;
}

/**
 * Checks that a key is one that every store can hold: at most 1024 ASCII characters, segments of
 * letters, digits and `_=+.-` joined by `/`, none empty, none over 200 characters, none beginning
 * with a dot.
 *
 * @throws {@link MalformedError} `object_key`.
 */
export function assertObjectKey(key: string): void {
  if (key.length > KEY_CHARS_MAX) {
    throw new MalformedError(`key of ${key.length} characters, at most 1024`, 'object_key');
  }
  for (const segment of key.split('/')) {
    if (segment.length > SEGMENT_CHARS_MAX || !SEGMENT.test(segment)) {
      throw new MalformedError(`key segment ${JSON.stringify(segment.slice(0, 40))}`, 'object_key');
    }
  }
}

/** Whether a key is one of those. */
export function isObjectKey(key: string): boolean {
  try {
    assertObjectKey(key);
    return true;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

/**
 * Checks the beginning of a key, which may end inside a segment or behind a slash; empty for all keys.
 *
 * @throws {@link MalformedError} `object_key`.
 */
export function assertKeyPrefix(prefix: string): void {
  // Between two segments, the next one could be anything.
  assertObjectKey(prefix === '' || prefix.endsWith('/') ? `${prefix}0` : prefix);
}

/**
 * Makes the keys of the ledger named `ledger`.
 *
 * @param ledger - Lower-case letters, digits, `_` and `-`, at most 63.
 * @throws {@link MalformedError} `object_key` for a name that is not so, also from the functions
 *   returned.
 */
export function objectKeys(ledger: string): ObjectKeys {
  named(ledger, NAME, 'ledger name');
  const prefix = `${ledger}/`;
  const batchPrefix = `${prefix}batch/`;
  const payloadPrefix = `${prefix}payload/`;
  return {
    prefix,
    genesis: `${prefix}meta/genesis.json`,
    checkpoint: `${prefix}checkpoint`,
    batchPrefix,
    payloadPrefix,
    batch: (number) => batchPrefix + batchDigits(number),
    payload: (retentionClass, date, id) =>
      `${payloadPrefix}class=${named(retentionClass, NAME, 'class')}/date=${named(date, DATE, 'date')}` +
      `/${named(id, SEGMENT, 'plan id')}.ndjson.gz`,
    policy: (id, name) =>
      `${prefix}policy/${named(id, SEGMENT, 'policy id')}/${named(name, SEGMENT, 'file name')}`,
    tile: (path) => checked(prefix + (path.startsWith('tile/') ? path : `tile/${path}`)),
    probe: (id, name) =>
      `${prefix}probe/${named(id, SEGMENT, 'probe id')}/${named(name, SEGMENT, 'name')}`,
    parseBatch: (key) => parseBatchKey(key, batchPrefix),
  };
}

function batchDigits(number: number): string {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new MalformedError(`batch number ${number}`, 'object_key');
  }
  return String(number).padStart(BATCH_DIGITS, '0');
}

function parseBatchKey(key: string, batchPrefix: string): number | null {
  if (!key.startsWith(batchPrefix)) return null;
  const digits = key.slice(batchPrefix.length);
  if (digits.length !== BATCH_DIGITS || !/^[0-9]+$/.test(digits)) return null;
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : null;
}

function named(text: string, pattern: RegExp, what: string): string {
  if (!pattern.test(text) || text.length > SEGMENT_CHARS_MAX) {
    throw new MalformedError(`${what} ${JSON.stringify(text.slice(0, 40))}`, 'object_key');
  }
  return text;
}

function checked(key: string): string {
  assertObjectKey(key);
  return key;
}
