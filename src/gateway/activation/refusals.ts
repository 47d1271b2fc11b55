/** What becomes of a change of policy that is refused: an entry, as far as the caller has room for it, and a problem. */
import type { ApprovedChange } from '../../core/ledger/approval.ts';
import { assert } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { refusedActivation } from '../../policy/decide/admin.ts';
import type { DecidedActivation } from '../../policy/decide/admin.ts';
import type { DecideSettings } from '../../policy/decide/decide.ts';
import { ENTRYPOINTS } from '../../policy/contract/decision.ts';
import type { Asker } from '../context/asker.ts';
import type { CallerBudget } from '../quota/caller-budget.ts';
import { isProblemCode } from '../context/codes.ts';
import type { ServedLedger } from '../context/components.ts';
import type { EntryIds } from '../entry/ids.ts';
import { ProblemError } from '../context/problem.ts';
import type { Summary } from '../context/summary.ts';

const ACTION = 'policy.activate';
/** Characters of the words that the record of a refusal has: some of them are a bundle's. */
const DETAIL_CHARACTERS_MAX = 1_024;

/** What they work with. */
export interface RefusalParts {
  readonly served: Pick<ServedLedger, 'name' | 'ledger'>;
  readonly budget: CallerBudget;
  /** Counts what the caller has no room for. */
  readonly summary: Pick<Summary, 'count'>;
  readonly ids: EntryIds;
  /** That many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** What an entry is composed by; absent where no policy can be changed, so that nothing is refused here. */
  readonly decide: DecideSettings | undefined;
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
    if (!budget.take(caller, decided.at, bytes)) {
      this.#count(decided.err ?? 'over_budget');
      return new ProblemError(known, reasons);
    }
    const [receipt] = await served.ledger.append([decided]);
    return new ProblemError(known, { ...reasons, decision: receipt?.jti ?? decided.jti });
  }

  /**
   * What no policy was asked for is an entry without a decision, whose record names the caller.
   * @param change - As far as it is known by then.
   */
  async refuse(
    asker: Asker,
    change: ApprovedChange | null,
    code: string,
    detail?: string,
  ): Promise<ProblemError> {
    const { budget, served } = this.#parts;
    const known = isProblemCode(code) ? code : 'activation_malformed';
    const facts = detail === undefined ? {} : { detail };
    const draft = this.#compose(asker, change, code, detail ?? null);
    if (!budget.take(asker.caller, draft.at, draft.prefix.length + draft.record.length)) {
      this.#count(code);
      return new ProblemError(known, facts);
    }
    await served.ledger.append([draft]);
    return new ProblemError(known, { ...facts, decision: draft.jti });
  }

  #count(code: string): void {
    this.#parts.summary.count({
      entrypoint: ENTRYPOINTS.admin,
      action: ACTION,
      allow: false,
      code,
    });
  }

  #compose(
    { caller, context }: Asker,
    change: ApprovedChange | null,
    code: string,
    detail: string | null,
  ): ReturnType<typeof refusedActivation> {
    const { served, ids, random, decide } = this.#parts;
    assert(decide !== undefined, 'a policy that nobody can change is refused to nobody');
    const { id = null, digest = null, previous = null, signer = null } = change ?? {};
    const named = { digest, previous, signer };
    const properties: JsonObject = {
      ...{ ...named, code, change: change?.change ?? null, reason: change?.reason ?? null },
      detail: detail === null ? null : wellFormed(detail),
    };
    const { name, ledger } = served;
    return refusedActivation(
      {
        ...ids.next(),
        known: {
          subject: caller.subject,
          action: { name: ACTION },
          resource: { type: 'policy', id: id ?? '', properties },
          context,
          ledger: { name, origin: ledger.genesis.origin },
        },
        source: { media_type: 'application/json', auth: caller.auth, producer: null },
      },
      {
        ...{ act: 'reject', code, approvals: [], grace: null, activation: null, revision: null },
        ...{ ...named, id },
      },
      decide,
      random,
    );
  }
}

/** The beginning of a text, without the half of a pair at its end. */
function wellFormed(text: string): string {
  return Buffer.from(text.slice(0, DETAIL_CHARACTERS_MAX)).toString();
}
