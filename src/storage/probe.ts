/**
 * The start-up probe: does this store honour what the ledger stands on? Many stores accept
 * `If-None-Match: *` and do not act on it, or keep lock dates that nobody enforces; such a store
 * loses acknowledged entries in silence.
 *
 * It cannot see everything: a missing fsync, a second master, an administrator with another key.
 */
import { SteleError } from '../core/errors.ts';
import { equalBytes, toHex, utf8Bytes } from '../core/platform/bytes.ts';
import {
  ObjectExistsError,
  StoreConflictError,
  StoreDeniedError,
  StoreUnavailableError,
} from './errors.ts';
import type { ObjectStore, Retention } from './object-store.ts';
import { coversRetention, wholeSecond } from './retention.ts';

/** What is probed, in this order. The names are public: reports and documentation use them. */
export const PROBE_CHECKS = [
  'versioning',
  'object_lock',
  'no_default_retention',
  'create',
  'clock_skew',
  'create_again',
  'concurrent_creates',
  'versions',
  'checksum',
  'lock_echoed',
  'lock_enforced',
  'overwrite',
  'keys_apart',
] as const;
export type ProbeCheck = (typeof PROBE_CHECKS)[number];

/**
 * The outcome of one check. `advisory`: not shown to be wrong, and not shown to be right either.
 */
export interface ProbeFinding {
  readonly check: ProbeCheck;
  readonly verdict: 'passed' | 'advisory' | 'failed';
  readonly detail: string;
}

/** What the probe found: every check once, in order. */
export interface ProbeReport {
  readonly checks: readonly ProbeFinding[];
}

/** What the probe needs from outside. */
export interface ProbeComponents {
  /** The ledger's prefix, ending in `/`; the probe's objects go under `<prefix>probe/<random>/`. */
  readonly prefix: string;
  /** Unpredictable bytes, that many. */
  readonly random: (bytes: number) => Uint8Array;
  /** This machine's clock, epoch ms. */
  readonly clock: () => number;
}

/**
 * The store does not keep a promise that the ledger needs. The message names every failed check.
 */
export class StoreProbeError extends SteleError {
  readonly report: ProbeReport;

  constructor(report: ProbeReport) {
    const failed = report.checks.filter(({ verdict }) => verdict === 'failed');
    const list = failed.map(({ check, detail }) => `${check} (${detail})`).join('; ');
    super('store_probe_failed', `the store does not keep its promises: ${list}`, {
      disposition: 'fix-configuration',
    });
    this.report = report;
  }
}

/** Creates at one moment. Some honest servers take a second for each more. */
const RACERS = 4;
/** The probe's own locks: long enough to be shown, short enough to leave little behind. */
const LOCK_MS = 86_400_000;
/** Milliseconds. Beyond a minute, lock dates and promises of time mean different things to gateway and store. */
export const CLOCK_SKEW_MAX_MS = 60_000;
/** How often an unknown outcome is sent again before the store counts as unavailable. */
const ATTEMPTS = 5;

const WANTED =
  'make a bucket with Object Lock, which turns versioning on, and without a default retention';

type Outcome = Pick<ProbeFinding, 'verdict' | 'detail'>;

const passed: Outcome = { verdict: 'passed', detail: '' };
const failed = (detail: string): Outcome => ({ verdict: 'failed', detail });
const advisory = (detail: string): Outcome => ({ verdict: 'advisory', detail });

/**
 * Tries a store under a fresh prefix: about 27 requests and a few small objects, locked for a day.
 *
 * @throws {@link StoreProbeError} when a check failed; the ledger must not be opened then. It ends with the check that
 *   was refused, if the reason was among those before.
 * @throws {@link StoreUnavailableError} when the store does not answer, and {@link
 *   StoreDeniedError} when it refuses the very first create: nothing is known about it then.
 */
export async function probeStore(
  store: ObjectStore,
  components: ProbeComponents,
): Promise<ProbeReport> {
  const probe = new Probe(store, components);
  const checks: ProbeFinding[] = [];
  const report = { checks };
  for (const check of PROBE_CHECKS) {
    try {
      checks.push({ check, ...(await outcomeOf(probe, check)) });
    } catch (error) {
      // A refusal whose reason was seen before: that the bucket has no Object Lock says more.
      const isExplained = checks.some(({ verdict }) => verdict === 'failed');
      throw isExplained && error instanceof StoreDeniedError ? new StoreProbeError(report) : error;
    }
  }
  if (checks.some(({ verdict }) => verdict === 'failed')) throw new StoreProbeError(report);
  return report;
}

/**
 * A refusal after the first create is a finding: the same caller was permitted to do the like
 * before.
 */
async function outcomeOf(probe: Probe, check: ProbeCheck): Promise<Outcome> {
  try {
    return await probe.run(check);
  } catch (error) {
    if (probe.hasCreated && error instanceof StoreDeniedError) return failed(error.message);
    throw error;
  }
}

/** One run: two keys, and the object of record on the first. */
class Probe {
  readonly #store: ObjectStore;
  readonly #clock: () => number;
  readonly #key: string;
  readonly #raceKey: string;
  readonly #pathKey: string;
  readonly #bytes: Uint8Array;
  #retention: Retention | null = null;
  #versionId = '';
  #hasCreated = false;

  constructor(store: ObjectStore, { prefix, random, clock }: ProbeComponents) {
    const id = toHex(random(16));
    this.#store = store;
    this.#clock = clock;
    this.#key = `${prefix}probe/${id}/single`;
    this.#raceKey = `${prefix}probe/${id}/race`;
    this.#pathKey = `${prefix}probe/${id}/path`;
    this.#bytes = utf8Bytes(`probe ${id}\n`);
  }

  /** Whether the first create was answered. */
  get hasCreated(): boolean {
    return this.#hasCreated;
  }

  async run(check: ProbeCheck): Promise<Outcome> {
    switch (check) {
      case 'versioning':
      case 'object_lock':
      case 'no_default_retention':
        return this.#settings(check);
      case 'create':
        return this.#create();
      case 'clock_skew':
        return this.#clockSkew();
      case 'create_again':
        return this.#createAgain();
      case 'concurrent_creates':
        return this.#race();
      case 'versions':
        return this.#versions();
      case 'checksum':
        return this.#checksum();
      case 'lock_echoed':
        return this.#lockEchoed();
      case 'lock_enforced':
        return this.#lockEnforced();
      case 'overwrite':
        return this.#overwrite();
      case 'keys_apart':
        return this.#keysApart();
    }
  }

  async #settings(check: 'versioning' | 'object_lock' | 'no_default_retention'): Promise<Outcome> {
    const settings = await this.#store.probing.settings();
    const { versioning, objectLock, defaultRetention } = settings;
    const found = { versioning, object_lock: objectLock, no_default_retention: defaultRetention }[
      check
    ];
    if (found === 'disabled') return failed(`off: ${WANTED}`);
    if (found === 'present') return failed(`the bucket has a default retention: ${WANTED}`);
    if (found === 'unknown') return advisory('the caller may not read this setting');
    if (found === 'advisory') return advisory('recorded and not enforced: not WORM');
    return passed;
  }

  async #create(): Promise<Outcome> {
    // The store's clock may be ahead: the lock must end a day after the later of the two. A listing, for a refused
    // one says why, and a refused HEAD has no words.
    await this.#store.listVersions(this.#key);
    const until = wholeSecond(Math.max(this.#clock(), this.#store.now() ?? 0) + LOCK_MS);
    this.#retention = { mode: 'compliance', until };
    const answer = await this.#put(this.#key, this.#bytes);
    this.#hasCreated = true;
    if (answer === null) return failed('a key that nobody used is taken');
    this.#versionId = answer;
    if (answer === '' || answer === 'null') return failed('a create names no version');
    return passed;
  }

  #clockSkew(): Outcome {
    const now = this.#store.now();
    if (now === null) return advisory('the store tells no time');
    const skew = Math.round(now - this.#clock());
    return Math.abs(skew) <= CLOCK_SKEW_MAX_MS
      ? passed
      : failed(`the store's clock is ${skew} ms from this machine's, at most ${CLOCK_SKEW_MAX_MS}`);
  }

  async #createAgain(): Promise<Outcome> {
    const answer = await this.#put(this.#key, utf8Bytes('second\n'));
    if (answer !== null) return failed('If-None-Match is not honoured: a second create succeeded');
    return passed;
  }

  async #race(): Promise<Outcome> {
    const racers = Array.from({ length: RACERS }, (_, racer) => utf8Bytes(`racer ${racer}\n`));
    const answers = await Promise.all(racers.map(async (bytes) => this.#put(this.#raceKey, bytes)));
    const versions = await this.#store.listVersions(this.#raceKey);
    const winners = answers.filter((answer) => answer !== null);
    if (winners.length > 1) return failed(`${winners.length} of ${RACERS} creates won one key`);
    if (versions.length !== 1) return failed(`${versions.length} versions after a race, want 1`);
    // After an unknown outcome the winner can look like a loser to itself; the stored bytes decide.
    const stored = await this.#store.get(this.#raceKey);
    const winner = racers[answers.findIndex((answer) => answer !== null)];
    if (stored === null) return failed('nothing is there after a race');
    const isWinners = winner === undefined || equalBytes(winner, stored.bytes);
    return isWinners ? passed : failed('a loser of the race is stored');
  }

  async #versions(): Promise<Outcome> {
    const versions = await this.#store.listVersions(this.#key);
    const oldest = versions.at(0);
    if (versions.length !== 1) return failed(`${versions.length} versions listed, want 1`);
    if (oldest?.versionId !== this.#versionId) {
      return failed('the listing names another version than the create');
    }
    return this.#isOfRecord();
  }

  async #checksum(): Promise<Outcome> {
    const head = await this.#store.head(this.#key, this.#versionId);
    if (head === null) return failed('the version is not there');
    if (head.size !== this.#bytes.length) return failed(`size ${head.size} of what was put`);
    return head.sha256 === null ? advisory('the store keeps no SHA-256') : passed;
  }

  async #lockEchoed(): Promise<Outcome> {
    const head = await this.#store.head(this.#key, this.#versionId);
    const wanted = this.#retention;
    if (wanted === null || head?.retention == null) {
      return failed('a locked create shows no lock, or the caller may not see locks');
    }
    if (!coversRetention(head.retention, wanted)) {
      const { mode, until } = head.retention;
      return failed(`lock is ${mode} until ${until}, want ${wanted.mode} until ${wanted.until}`);
    }
    return passed;
  }

  async #lockEnforced(): Promise<Outcome> {
    const answer = await this.#store.probing.tryDeleteVersion(this.#key, this.#versionId);
    if (answer === 'deleted') return failed('a locked version could be deleted');
    return this.#isOfRecord();
  }

  /** A newer version is no fault; one that takes the place of the oldest is. */
  async #overwrite(): Promise<Outcome> {
    const answer = await this.#store.probing.tryOverwrite(this.#key, utf8Bytes('overwritten\n'));
    if (answer === 'refused') return passed;
    const versions = await this.#store.listVersions(this.#key);
    if (versions.length < 2) return failed('an overwrite made no newer version');
    if (versions.at(0)?.versionId !== this.#versionId) {
      return failed('an overwrite is listed before the version of record');
    }
    return this.#isOfRecord();
  }

  /** Stores that keep keys as paths have either an object under a name or others below it, whoever comes first. */
  async #keysApart(): Promise<Outcome> {
    const options = { retention: null, contentType: 'text/plain' };
    await this.#store.putNew(`${this.#pathKey}/below`, this.#bytes, options);
    try {
      await this.#store.putNew(this.#pathKey, this.#bytes, options);
      return passed;
    } catch (error) {
      // 409, or that a folder on the key is taken for an object.
      if (!(error instanceof StoreConflictError || error instanceof ObjectExistsError)) throw error;
      return advisory(
        'the store keeps keys as paths: whoever can put objects can stop the ledger with a folder where a file has to be, or the other way round; let nobody but the gateways put any',
      );
    }
  }

  async #isOfRecord(): Promise<Outcome> {
    const read = await this.#store.get(this.#key, { versionId: this.#versionId });
    if (read === null) return failed('the version cannot be read by its id');
    return equalBytes(read.bytes, this.#bytes) ? passed : failed('the version has other bytes');
  }

  /**
   * Creates with repetition of unknown outcomes. @returns the version id, or null when the key was
   * taken.
   */
  async #put(key: string, bytes: Uint8Array): Promise<string | null> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const options = { retention: this.#retention, contentType: 'text/plain' };
        return (await this.#store.putNew(key, bytes, options)).versionId;
      } catch (error) {
        if (error instanceof ObjectExistsError) return null;
        if (!(error instanceof StoreUnavailableError) || attempt >= ATTEMPTS) throw error;
      }
    }
  }
}
