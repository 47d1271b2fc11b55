/** From bytes that came from somewhere to a policy that may be activated: every check that does not need the log. */
import { Worker } from 'node:worker_threads';
import { sha256Base64Url } from '#platform';
import { DEFAULT_BUNDLE_LIMITS, refuseDelta, unpackBundle } from './bundle.ts';
import type { BundleLimits } from './bundle.ts';
import { BundleError } from '../contract/policy-error.ts';
import type { StageAnswer, StageStart } from './stage-worker.ts';
import type { StagedPolicy } from './staged.ts';

/**
 * Says who signed a bundle's files.
 *
 * @returns thumbprint of the key; null only where unsigned bundles are taken.
 * @throws {@link SteleError} when nobody did who is trusted.
 */
export type SignatureCheck = (files: ReadonlyMap<string, Uint8Array>) => Promise<string | null>;

/** Plain data that says how staging goes. */
export interface StageSettings {
  readonly limits: BundleLimits;
  /** Milliseconds for everything that runs of the bundle; then its worker is ended. */
  readonly stageMs: number;
  /** The compiled worker program. Default: beside this file, or in `dist` when this runs as source. */
  readonly workerUrl: URL;
  /** Ends the staging before its time. */
  readonly signal: AbortSignal;
}

/** Enough for ten thousand cases on a busy machine, and little for a person who waits. */
const STAGE_MS = 30_000;
/** MiB of JavaScript heap: data at its limit, parsed. WebAssembly memory has its own maximum. */
const HEAP_MB = 1024;

const defaults: StageSettings = {
  limits: DEFAULT_BUNDLE_LIMITS,
  stageMs: STAGE_MS,
  workerUrl: new URL(
    import.meta.url.endsWith('.ts')
      ? '../../../dist/policy/bundle/stage-worker.js'
      : './stage-worker.js',
    import.meta.url,
  ),
  signal: new AbortController().signal,
};

/**
 * Takes a bundle through its staging: unpacked within limits, its signature verified, then read, compiled, started,
 * warmed and its golden cases run, in a thread that is ended when it takes too long. Nothing of the bundle runs on this
 * thread, and nothing of it runs before its signature is verified.
 *
 * @param archive - The bundle file; not to be changed any more.
 * @throws {@link BundleError}, and what `check` throws. The bundle then may not decide.
 */
export async function stageBundle(
  archive: Uint8Array,
  check: SignatureCheck,
  settings: Partial<StageSettings> = {},
): Promise<StagedPolicy> {
  const all = { ...defaults, ...settings };
  const files = await unpackBundle(archive, all.limits);
  refuseDelta(files);
  const signer = await check(files);
  const answer = await tryInWorker({ archive, limits: all.limits }, all);
  if (!('prepared' in answer)) throw new BundleError(answer.message, undefined, answer.code);
  const { prepared } = answer;
  const { revision } = prepared.identity;
  return {
    prepared,
    digest: sha256Base64Url(archive),
    revision: revision === '' ? null : revision,
    signer,
    archive,
  };
}

async function tryInWorker(start: StageStart, settings: StageSettings): Promise<StageAnswer> {
  const { signal, stageMs, workerUrl } = settings;
  const worker = new Worker(workerUrl, {
    workerData: start,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    env: {},
  });
  let timer: NodeJS.Timeout | undefined;
  let giveUp: (() => void) | undefined;
  try {
    return await new Promise<StageAnswer>((resolve, reject) => {
      giveUp = (): void => {
        reject(notReady('was given up'));
      };
      signal.addEventListener('abort', giveUp);
      if (signal.aborted) giveUp();
      timer = setTimeout(() => {
        reject(notReady(`was not ready in ${stageMs} ms`));
      }, stageMs);
      worker.once('message', resolve);
      worker.once('error', (error: Error) => {
        reject(notReady(`ended its worker: ${error.message}`));
      });
      worker.once('exit', () => {
        reject(notReady('ended its worker'));
      });
    });
  } finally {
    clearTimeout(timer);
    if (giveUp !== undefined) signal.removeEventListener('abort', giveUp);
    await worker.terminate();
  }
}

function notReady(what: string): BundleError {
  return new BundleError(`bundle ${what}`, undefined, 'bundle_not_ready');
}
