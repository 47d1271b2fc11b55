/** The keys of a log and what became of them, from the store alone. */
import type { CertificateFields } from '../../core/ledger/statement.ts';
import type { LogState } from '../../core/log/state.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { History } from './history.ts';
import type { HistoryAnchors } from './history.ts';

/** The last entry that a key signed. */
export interface KeyPosition {
  readonly boot: string;
  readonly seq: number;
}

/** One key that the log has named. */
export interface KeyLife {
  readonly kid: string;
  readonly status: 'certified' | 'retired' | 'revoked';
  /** Null for a key that ended before any certificate of it was seen. */
  readonly use: CertificateFields['use'] | null;
  /** Writer id, vkey or person. */
  readonly holder: string | null;
  /** Of the entries in the log; null where it signed none. */
  readonly last: KeyPosition | null;
}

/** The keys of a ledger as the log ends. */
export interface KeyHistory {
  /** SHA-256 of genesis, base64url. */
  readonly gen: string;
  /** How many root keys have to sign what is said of a key. */
  readonly threshold: number;
  readonly keys: readonly KeyLife[];
  /** What is worth of it. */
  readonly verdict: string;
}

/** Reads and verifies the whole log. @throws what {@link History.open} does, and the store's errors. */
export async function keyHistory(
  store: ObjectStore,
  ledger: string,
  anchors: HistoryAnchors = {},
): Promise<KeyHistory> {
  const history = await History.open(store, ledger, anchors);
  const last = new Map<string, KeyPosition>();
  for await (const { batch } of history.batches(() => false)) {
    for (const { header, payload } of batch.entries) {
      const { boot, seq } = payload.wtr;
      last.set(header.kid, { boot, seq });
    }
  }
  const { state } = history;
  const keys = [...state.keys.entries()].map(([kid, record]) => lifeOf(kid, record, last.get(kid)));
  const { gen } = state.genesis;
  return { gen, threshold: state.config.roots.threshold, keys, verdict: history.report().verdict };
}

type KeyRecord = NonNullable<ReturnType<LogState['keys']['get']>>;

function lifeOf(
  kid: string,
  { status, certificate }: KeyRecord,
  last: KeyPosition | undefined,
): KeyLife {
  const use = certificate?.use ?? null;
  return { kid, status, use, holder: holderOf(certificate), last: last ?? null };
}

function holderOf(certificate: CertificateFields | null): string | null {
  if (certificate === null) return null;
  if (certificate.use === 'writer') return certificate.writer;
  return certificate.use === 'checkpoint' ? certificate.vkey : certificate.person;
}
