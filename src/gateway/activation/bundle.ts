/** The bundle of a change: the one that was sent, of the source or of the archive, and what staging makes of it. */
import type { ApprovedChange } from '../../core/ledger/approval.ts';
import { SteleError } from '../../core/errors.ts';
import { sha256Base64Url } from '#platform';
import { ENTRYPOINTS } from '../../policy/contract/decision.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ActivationRequest } from './approvals.ts';
import type { ActivationRefusals } from './refusals.ts';
import type { Asker } from '../context/asker.ts';
import type { PolicyChanges, ServedLedger, SubmittedFrom } from '../context/components.ts';

/** Finds and stages bundles; what is none, or not the one that was approved, is refused with an entry. */
export class ActivationBundles {
  readonly #served: ServedLedger;
  readonly #refusals: ActivationRefusals;

  constructor(served: ServedLedger, refusals: ActivationRefusals) {
    this.#served = served;
    this.#refusals = refusals;
  }

  /** Work with the archive; one that was altered refuses the change. */
  async ofArchive<T>(asker: Asker, change: ApprovedChange, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isAltered = error instanceof SteleError && error.code === 'policy_archive_altered';
      throw isAltered
        ? await this.#refusals.refuse(asker, change, error.code, error.message)
        : error;
    }
  }

  /** One policy has one bundle in the archive: signed otherwise, or with other cases, it is another file. */
  async checkArchived(asker: Asker, change: ApprovedChange, archive: Uint8Array): Promise<void> {
    const { ledger } = this.#served;
    const held = await this.ofArchive(asker, change, async () => ledger.archivedDigest(change.id));
    if (held === null || held === sha256Base64Url(archive)) return;
    const detail = `the archive has this policy as bundle ${held}`;
    throw await this.#refusals.refuse(asker, change, 'policy_archived_otherwise', detail);
  }

  /** The bundle that was sent, or else the one that the archive or the source of bundles has. */
  async find(
    asker: Asker,
    { bundle }: ActivationRequest,
    change: ApprovedChange,
  ): Promise<{ readonly archive: Uint8Array; readonly isArchived: boolean }> {
    if (bundle !== null) return { archive: bundle, isArchived: false };
    const candidate = this.#served.feed?.status.candidate ?? null;
    if (candidate?.digest === change.digest) {
      return { archive: candidate.archive, isArchived: false };
    }
    const { ledger } = this.#served;
    const { id } = change;
    const archived = await this.ofArchive(asker, change, async () => ledger.archivedPolicy(id));
    if (archived !== null) return { archive: archived, isArchived: true };
    const source =
      this.#served.feed === null ? 'it follows no source of bundles' : 'nor has its source';
    const detail = `no bundle was sent, the archive has none of this policy, ${source}`;
    throw await this.#refusals.refuse(asker, change, 'policy_unknown', detail);
  }

  /** Stages it, and holds it against what was approved. */
  async stage(
    asker: Asker,
    parts: {
      readonly changes: PolicyChanges;
      readonly change: ApprovedChange;
      readonly archive: Uint8Array;
      readonly from: SubmittedFrom;
    },
  ): Promise<StagedPolicy> {
    const { changes, change, archive, from } = parts;
    let staged: StagedPolicy;
    try {
      staged = await changes.stage(archive, from);
    } catch (error) {
      if (!(error instanceof SteleError)) throw error;
      throw await this.#refusals.refuse(
        asker,
        change,
        'bundle_refused',
        `${error.code}: ${error.message}`,
      );
    }
    const { id, entrypoints } = staged.prepared.identity;
    if (id !== change.id || staged.digest !== change.digest) {
      const both = `the bundle makes policy ${id}, approved was ${change.id}`;
      throw await this.#refusals.refuse(asker, change, 'approval_other', both);
    }
    // Nobody could ever put another one in charge.
    if (!entrypoints.includes(ENTRYPOINTS.admin)) {
      throw await this.#refusals.refuse(asker, change, 'policy_without_admin');
    }
    return staged;
  }
}
