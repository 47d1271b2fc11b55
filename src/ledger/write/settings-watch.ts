import { isTransient } from '../context/retry.ts';
import type { LedgerContext } from '../context/context.ts';
import { SETTINGS_LOOK_MS } from '../context/limits.ts';

/**
 * Looks now and then whether the bucket is still set as it was probed at the start. Nothing that is sealed is lost by a
 * changed setting, so the ledger goes on; but whoever runs it has to know, before the next start is refused.
 */
export class SettingsWatch {
  readonly #context: Pick<LedgerContext, 'store' | 'clock' | 'genesis' | 'finding'>;
  #lookedAtMs: number;

  constructor(context: Pick<LedgerContext, 'store' | 'clock' | 'genesis' | 'finding'>) {
    this.#context = context;
    this.#lookedAtMs = context.clock();
  }

  /** Looks when it is time to. A store that does not answer is for others to notice. */
  async check(): Promise<void> {
    const { store, clock, genesis, finding } = this.#context;
    const waited = clock() - this.#lookedAtMs;
    // A store that keeps no locks is not probed either. A clock that was set back must not stop the looking.
    if (genesis.weakStore || (waited >= 0 && waited < SETTINGS_LOOK_MS)) return;
    this.#lookedAtMs = clock();
    try {
      const { versioning, objectLock, defaultRetention } = await store.probing.settings();
      // Every tile and checkpoint is then locked for as long.
      if (defaultRetention === 'present') finding('default_retention', {});
      if (versioning === 'disabled') finding('versioning_off', {});
      if (objectLock === 'disabled') finding('object_lock_off', {});
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
  }
}
