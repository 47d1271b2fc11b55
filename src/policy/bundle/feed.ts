import { sha256Base64Url } from '#platform';
import { SteleError } from '../../core/errors.ts';
import { sleep } from './sources/source.ts';
import type { BundleSource } from './sources/source.ts';
import type { StagedPolicy } from './staged.ts';

/** A bundle, or a look for one, that came to nothing. */
export interface FeedFailure {
  /** Stable: of a source, of a signature, of a bundle. */
  readonly code: string;
  readonly message: string;
  /** SHA-256 of the bundle file that was refused, base64url; null when none was fetched. */
  readonly digest: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a feed has done so far. */
export interface FeedStatus {
  /** Where bundles come from. */
  readonly source: string;
  /** The newest bundle that passed its staging; null before the first. It decides nothing before it is activated. */
  readonly candidate: StagedPolicy | null;
  /** Why the last look came to nothing; null where it was in order. */
  readonly failure: FeedFailure | null;
  /** Epoch milliseconds of the last look that the source answered; null before the first. */
  readonly lookedAt: number | null;
  /** Bundles staged since the start. */
  readonly staged: number;
  /** Bundles refused since the start. */
  readonly refused: number;
  /** Looks that failed since the start. */
  readonly failed: number;
}

/** What a feed tells, as it happens. Must not throw. */
export interface FeedEvents {
  /** A bundle passed its staging and is the candidate now. */
  staged(policy: StagedPolicy): void;
  /** A bundle was refused; the same one is not told again until another came between. */
  refused(failure: FeedFailure): void;
  /** A look failed; told once for each code in a row. */
  failed(failure: FeedFailure): void;
}

/** What a feed is made of. */
export interface FeedParts {
  readonly source: BundleSource;
  /** Takes a bundle through its staging; rejects soon once it is told to stop. */
  readonly stage: (archive: Uint8Array, signal: AbortSignal) => Promise<StagedPolicy>;
  readonly events: FeedEvents;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** A number from 0 to 1, for jitter. */
  readonly chance: () => number;
}

/** Plain data that says how often a feed looks; milliseconds. */
export interface FeedSettings {
  /** Between two looks at least, and at most: the gap is drawn between them, so that many gateways spread out. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** First wait after a failure; doubled with each further one, up to `maxDelayMs`. */
const RETRY_MS = 500;
/** Between two looks at a source that waits by itself: one that answers at once must not spin this loop. */
const WAITING_GAP_MS = 1000;
const DOUBLINGS_MAX = 16;
/** Times that a bundle is staged that does not become ready. */
const TRIES_MAX = 3;

/** Looks for bundles and stages them, one after the other, until it is closed. A failure keeps what was there. */
export class PolicyFeed {
  readonly #parts: FeedParts;
  readonly #settings: FeedSettings;
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  #status: FeedStatus;
  /** Failures in a row. */
  #streak = 0;
  #lastDigest: string | null = null;
  #again: Uint8Array | null = null;

  constructor(parts: FeedParts, settings: FeedSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#status = {
      source: parts.source.name,
      candidate: null,
      failure: null,
      lookedAt: null,
      staged: 0,
      refused: 0,
      failed: 0,
    };
  }

  get status(): FeedStatus {
    return this.#status;
  }

  /** Looks once now. @returns what it has staged; null where there is nothing new, or what there is was refused. */
  async look(): Promise<StagedPolicy | null> {
    const { source, clock } = this.#parts;
    let archive: Uint8Array | null;
    try {
      archive = await source.fetch(this.#closing.signal);
    } catch (error) {
      this.#fail(error);
      return null;
    }
    if (this.#closing.signal.aborted) return null;
    this.#status = { ...this.#status, lookedAt: clock() };
    const again = archive ?? this.#again;
    if (again !== null) return this.#take(again);
    this.#streak = 0;
    // A source that has come back is in order again; a bundle that was refused still stands there.
    if (this.#status.failure?.digest === null) this.#status = { ...this.#status, failure: null };
    return null;
  }

  /** Begins to look now and then. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops; a staging under way is waited for. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#parts.source.close();
  }

  async #run(): Promise<void> {
    const { source } = this.#parts;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const began = performance.now();
      await this.look();
      const { failure } = this.#status;
      if (failure !== null && failure.digest === null) await sleep(this.#retryMs(), signal);
      else if (failure !== null && this.#streak > 0) await source.pause(this.#retryMs(), signal);
      else if (source.waits) await sleep(WAITING_GAP_MS - (performance.now() - began), signal);
      else await source.pause(this.#delayMs(), signal);
    }
  }

  async #take(archive: Uint8Array): Promise<StagedPolicy | null> {
    const digest = sha256Base64Url(archive);
    // The same bytes again: what was said of them stands.
    if (digest === this.#lastDigest) return null;
    try {
      const candidate = await this.#parts.stage(archive, this.#closing.signal);
      this.#lastDigest = digest;
      this.#again = null;
      this.#streak = 0;
      this.#status = {
        ...this.#status,
        candidate,
        failure: null,
        staged: this.#status.staged + 1,
      };
      this.#parts.events.staged(candidate);
      return candidate;
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#refuse(error, digest, archive);
      return null;
    }
  }

  #refuse(error: unknown, digest: string, archive: Uint8Array): void {
    const failure = this.#failureOf(error, digest);
    this.#streak++;
    // What was only too slow is tried again: the machine may have been busy. Everything else stays as it is.
    const again = failure.code === 'bundle_not_ready' && this.#streak < TRIES_MAX;
    this.#again = again ? archive : null;
    this.#lastDigest = again ? null : digest;
    this.#status = { ...this.#status, failure, refused: this.#status.refused + 1 };
    this.#parts.events.refused(failure);
  }

  #fail(error: unknown): void {
    const failure = this.#failureOf(error, null);
    const known = this.#status.failure;
    this.#streak++;
    this.#status = { ...this.#status, failure, failed: this.#status.failed + 1 };
    if (known?.code !== failure.code) this.#parts.events.failed(failure);
  }

  #failureOf(error: unknown, digest: string | null): FeedFailure {
    const at = this.#parts.clock();
    if (error instanceof SteleError)
      return { code: error.code, message: error.message, digest, at };
    const message = error instanceof Error ? error.message : 'unknown failure';
    return { code: 'staging_failed', message, digest, at };
  }

  #retryMs(): number {
    const full = RETRY_MS * 2 ** Math.min(this.#streak - 1, DOUBLINGS_MAX);
    return Math.min(full, this.#settings.maxDelayMs) * (0.5 + this.#parts.chance() / 2);
  }

  #delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.#settings;
    return minDelayMs + (maxDelayMs - minDelayMs) * this.#parts.chance();
  }
}
