import { SteleError } from '../../core/errors.ts';
import { StoreDeniedError, StoreUnavailableError } from '../../storage/errors.ts';
import { NotTakenError } from './errors.ts';
import { RETRY_MS_MAX, RETRY_MS_MIN } from './limits.ts';

/** Whether waiting may cure it: the store or a signer is away, or somebody can be told to give rights back. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StoreUnavailableError || error instanceof StoreDeniedError) return true;
  return error instanceof NotTakenError;
}

/** Whether it was ended because the ledger closes: nothing failed. */
export function isClosing(error: unknown): boolean {
  return error instanceof NotTakenError && error.code === 'closing';
}

/** What a failure that waiting may cure is called in the status. */
export function faultOf(error: unknown): string {
  return error instanceof SteleError ? error.code : 'store_unavailable';
}

/** How long to wait after this many failures in a row, ms: full jitter, so that writers that met do not meet again. */
export function retryMs(random: (bytes: number) => Uint8Array, failures: number): number {
  const [a = 0, b = 0] = random(2);
  const bound = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, 10));
  return (bound * (a * 256 + b + 1)) / 65_536;
}
