import { SteleError } from '../../../core/errors.ts';

/**
 * Where bundles come from. Nothing that comes from there is trusted: signatures and limits are the staging's affair.
 *
 * For implementers: remember what was given last, and give it once. One call of `fetch` or `pause` at a time.
 */
export interface BundleSource {
  /** What this is, for logs and reports; holds no credential. */
  readonly name: string;
  /** Whether `fetch` itself waits for something new, so that no pause is wanted between two calls. */
  readonly waits: boolean;
  /**
   * Gets the bundle if it is another than the last one given.
   *
   * @returns the bundle file; null when there is nothing new.
   * @throws {@link SourceError}; what was given last is then forgotten or not, and the next call gives what is there.
   */
  fetch(signal: AbortSignal): Promise<Uint8Array | null>;
  /** Waits for `ms`, or less where the source knows sooner that there is something new. Never rejects. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Lets go of sockets and watchers. May be called twice. */
  close(): Promise<void>;
}

/** Why a bundle could not be fetched. Stable. */
export type SourceCode =
  | 'source_unreachable'
  | 'source_refused'
  | 'bundle_missing'
  | 'source_slow'
  | 'source_redirected'
  | 'source_oversize';

/** No bundle could be fetched. What decides goes on deciding. */
export class SourceError extends SteleError {
  declare readonly code: SourceCode;

  constructor(code: SourceCode, message: string, cause?: unknown) {
    super(code, message, { disposition: 'retry', ...(cause === undefined ? {} : { cause }) });
  }
}

/** Waits, or until one of the signals says stop. */
export async function sleep(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  if (ms <= 0 || signals.some(({ aborted }) => aborted)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener('abort', done);
  });
}
