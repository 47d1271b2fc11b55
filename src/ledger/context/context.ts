import type { Genesis } from '../../core/ledger/genesis.ts';
import type { JwsSigner } from '../../core/json/jws.ts';
import type { NoteSigner } from '../../core/tree/signed-note.ts';
import type { Certificate } from '../../core/ledger/statement.ts';
import type { ObjectKeys } from '../../storage/object-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { LedgerLog, LedgerSettings, PolicySwitch, Sleep } from './components.ts';
import type { JournalFiles } from './files.ts';

/** What the parts of one open ledger share. */
export interface LedgerContext {
  readonly store: ObjectStore;
  readonly keys: ObjectKeys;
  readonly genesis: Genesis;
  /** Has to succeed before the log is learnt; throws what the store does, and what halts. */
  readonly prepare: () => Promise<void>;
  readonly settings: LedgerSettings;
  /** Epoch ms of this machine. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly sleep: Sleep;
  readonly log: LedgerLog;
  readonly files: JournalFiles;
  /** Null where nobody switches policies here. */
  readonly policies: PolicySwitch | null;
  readonly writer: string;
  readonly writerSigner: JwsSigner;
  readonly writerCert: Certificate;
  readonly checkpointSigner: NoteSigner;
  readonly checkpointCert: Certificate;
  /** Counts and logs something found that needs a person, without stopping: a code of the specification. */
  readonly finding: (code: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * The later of this machine's and the store's clock: lock dates are judged by the store's, and a machine that is
 * behind must not shorten them.
 */
export function lockClock({ store, clock }: Pick<LedgerContext, 'store' | 'clock'>): number {
  return Math.max(clock(), store.now() ?? 0);
}
