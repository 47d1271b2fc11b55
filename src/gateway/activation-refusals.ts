/** What becomes of a change of policy that is refused: an entry, as far as the caller has room for it, and a problem. */
import type { ApprovedChange } from '../core/approval.ts';
import type { DecidedActivation } from '../policy/admin.ts';
import type { Asker } from './asker.ts';
import type { CallerBudget } from './caller-budget.ts';
import { isProblemCode } from './codes.ts';
import type { ServedLedger } from './components.ts';
import { ProblemError } from './problem.ts';

/** About what the entry of a refusal takes. */
const REFUSAL_BYTES = 1_024;

/** What they work with. */
export interface RefusalParts {
  readonly served: Pick<ServedLedger, 'ledger'>;
  readonly budget: CallerBudget;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** See above. */
export class ActivationRefusals {
  readonly #parts: RefusalParts;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** A denial of the policy in charge, with its record. */
  async denied({ caller }: Asker, decided: DecidedActivation): Promise<ProblemError> {
    const code = decided.err ?? 'denied';
    const reasons = { reasons: decided.reasons };
    const known = isProblemCode(code) ? code : 'denied';
    const bytes = decided.prefix.length + decided.record.length;
    const { budget, served } = this.#parts;
    if (!budget.take(caller, decided.at, bytes)) return new ProblemError(known, reasons);
    const [receipt] = await served.ledger.append([decided]);
    return new ProblemError(known, { ...reasons, decision: receipt?.jti ?? decided.jti });
  }

  /**
   * What no policy was asked for is an entry of the system itself.
   * @param change - As far as it is known by then.
   */
  async refuse(
    { caller }: Asker,
    change: ApprovedChange | null,
    code: string,
    detail?: string,
  ): Promise<ProblemError> {
    const { budget, clock, served } = this.#parts;
    const known = isProblemCode(code) ? code : 'activation_malformed';
    const facts = detail === undefined ? {} : { detail };
    if (!budget.take(caller, clock(), REFUSAL_BYTES)) return new ProblemError(known, facts);
    const receipt = await served.ledger.appendSystem('policy', {
      ...{ act: 'reject', code, approvals: [], grace: null, activation: null, revision: null },
      id: change?.id ?? null,
      digest: change?.digest ?? null,
      previous: change?.previous ?? null,
      signer: change?.signer ?? null,
    });
    return new ProblemError(known, { ...facts, decision: receipt.jti });
  }
}
