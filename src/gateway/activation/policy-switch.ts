import { SteleError } from '../../core/errors.ts';
import type {
  ChargedPolicy,
  Evaluate,
  NamedSigner,
  PolicySwitch,
} from '../../ledger/context/components.ts';
import { identityFault } from '../../policy/bundle/archived.ts';
import type { EvaluateOnce } from '../../policy/decide/one-shot.ts';
import { PolicyError } from '../../policy/contract/policy-error.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ReadyPolicy, SwapPool } from '../../policy/pool/swap-pool.ts';

/** What a switch works with. */
export interface SwitchParts {
  readonly pool: SwapPool;
  /** Stages a bundle of the archive, which is known by its digest and needs no signature again. */
  readonly stage: (archive: Uint8Array) => Promise<StagedPolicy>;
  /** Why a bundle is not signed as its activation says; undefined where it is. */
  readonly signerFault: (archive: Uint8Array, named: NamedSigner) => Promise<string | undefined>;
  readonly evaluate: EvaluateOnce;
}

/** Times that a decision is made again on a machine that is too busy for it. */
const TRIES = 3;

/** Makes the policies that the log puts in charge decide in a pool. */
export class PoolSwitch implements PolicySwitch {
  readonly #parts: SwitchParts;
  /** Staged for an activation that is asked here: not to be done twice. */
  #kept: StagedPolicy | null = null;
  #ready: { readonly id: string; readonly workers: ReadyPolicy } | null = null;

  constructor(parts: SwitchParts) {
    this.#parts = parts;
  }

  /** Remembers a policy that is about to be activated. */
  keep(staged: StagedPolicy): void {
    this.#kept = staged;
  }

  async ready(policy: ChargedPolicy): Promise<() => void> {
    const { id } = policy;
    const { pool } = this.#parts;
    await this.#checkSigner(policy);
    if (pool.policy?.id === id) return () => undefined;
    if (this.#ready !== null && this.#ready.id !== id) {
      await this.#ready.workers.drop();
      this.#ready = null;
    }
    this.#ready ??= { id, workers: await pool.ready((await this.#staged(policy)).prepared) };
    const { workers } = this.#ready;
    return () => {
      if (this.#ready?.workers !== workers) return;
      this.#ready = null;
      this.#kept = null;
      workers.swap();
    };
  }

  async open(policy: ChargedPolicy): Promise<Evaluate> {
    const { pool, evaluate } = this.#parts;
    await this.#checkSigner(policy);
    const running = pool.prepared?.identity.id === policy.id ? pool.prepared : null;
    const { compiled } = running ?? (await this.#staged(policy)).prepared;
    return async (entrypoint, input) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await evaluate(compiled, entrypoint, input);
        } catch (error) {
          const isSlow = error instanceof PolicyError && error.code === 'policy_timeout';
          if (!isSlow || tries === TRIES) throw error;
        }
      }
    };
  }

  /** Whoever sealed the activation may have named another author, so that the true one could approve. */
  async #checkSigner({ index, archive, ...named }: ChargedPolicy): Promise<void> {
    if (index === null || archive === null) return;
    const fault = await this.#parts.signerFault(archive, named);
    if (fault !== undefined) throw halted('policy_signer_other', fault);
  }

  async #staged({ id, digest, signer, archive }: ChargedPolicy): Promise<StagedPolicy> {
    const kept = this.#kept;
    const isKept = kept?.prepared.identity.id === id && kept.digest === digest;
    if (isKept && kept.signer === signer) return kept;
    if (archive === null) {
      throw halted('policy_archive_missing', `the bundle of policy ${id} is not in the archive`);
    }
    const staged = await this.#parts.stage(archive);
    const fault = identityFault(staged, id, digest);
    if (fault === undefined) return staged;
    if (fault.code === 'policy_altered') throw halted('policy_archive_altered', fault.detail);
    // Unchanged, but what this engine would answer is not what that policy answers (docs/decisions/0011-*).
    throw halted('policy_engine_version', fault.detail);
  }
}

function halted(code: string, message: string): SteleError {
  return new SteleError(code, message, { disposition: 'halt' });
}
