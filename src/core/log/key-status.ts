/**
 * Which keys may speak at a position of the log: check 3 of validity. Status follows from `key` entries of earlier
 * batches, never from a time, which a thief can write as he likes. `docs/formats.md`, "Keys".
 */
import { sha256Base64Url } from '#platform';
import type { BatchHeader } from './batch-header.ts';
import type { Entry } from '../entry/entry.ts';
import { MalformedError } from '../errors.ts';
import { authorityOf } from '../ledger/config.ts';
import { bootHead } from '../ledger/log-position.ts';
import type { KeyRecord, LogState } from '../ledger/log-position.ts';
import type { PersistentMap } from '../ledger/persistent-map.ts';
import { parseCertificate } from '../ledger/statement.ts';
import type { Certificate, Statement } from '../ledger/statement.ts';

/** Certificates by kid. */
export type Certificates = ReadonlyMap<string, Certificate>;

/**
 * Verifies the certificates of a batch. A key has one certificate for ever: another one for the same key, which would
 * move it to another writer or use, is refused.
 *
 * @throws {@link MalformedError} `bad_certificate` or a code of {@link parseCertificate}.
 */
export function readCertificates(state: LogState, statements: readonly Statement[]): Certificates {
  const authority = authorityOf(state.genesis, state.config);
  const certificates = new Map<string, Certificate>();
  for (const statement of statements) {
    const certificate =
      // Spares the signatures of a statement that was verified before under the same roots.
      state.verified.get(statementIdentity(statement)) ?? parseCertificate(statement, authority);
    const { kid } = certificate;
    const known = state.keys.get(kid)?.certificate ?? null;
    if (known !== null && purposeOf(known) !== purposeOf(certificate)) {
      throw new MalformedError(`key ${kid} was certified for another purpose`, 'bad_certificate');
    }
    if (certificates.has(kid)) {
      throw new MalformedError(`key ${kid} has two certificates`, 'bad_certificate');
    }
    certificates.set(kid, certificate);
  }
  return certificates;
}

/** The keys with those that a batch brings. What the root has said of one before stands. */
export function withCertificates(
  known: PersistentMap<KeyRecord>,
  certificates: Certificates,
): PersistentMap<KeyRecord> {
  let keys = known;
  for (const [kid, certificate] of certificates) {
    const record = keys.get(kid);
    if (record === undefined) {
      keys = keys.with(kid, { kid, status: 'certified', certificate, final: null, until: null });
    } else if (record.certificate === null) {
      keys = keys.with(kid, { ...record, certificate });
    }
  }
  return keys;
}

/** Why a header's key may not sign this batch; undefined where it may. */
export function refuseHeaderKey(
  state: LogState,
  header: BatchHeader,
  kid: string,
  certificates: Certificates,
): string | undefined {
  const certificate = certificates.get(kid);
  if (certificate?.use !== 'writer') return `header key ${kid} is no writer key`;
  if (certificate.writer !== header.writer.id) return `header key ${kid} is of another writer`;
  const status = state.keys.get(kid)?.status ?? 'certified';
  return status === 'certified' ? undefined : `header key ${kid} is ${status}`;
}

/**
 * Why a leaf may not stand in this batch because of its key; undefined where it may. A leaf of a retired key may when
 * `late` lists it and it is not after the key's final position; `late` lists nothing else.
 */
export function refuseLeafKey(
  state: LogState,
  entry: Pick<Entry, 'header' | 'payload'>,
  late: boolean,
  certificates: Certificates,
): string | undefined {
  const { kid, alg } = entry.header;
  const { wtr } = entry.payload;
  const certificate = certificates.get(kid);
  if (certificate === undefined) return `key ${kid} has no certificate`;
  if (certificate.use !== 'writer') return `key ${kid} is no writer key`;
  if (certificate.writer !== wtr.id) return `key ${kid} is of another writer`;
  if (certificate.alg !== alg) return `key ${kid} is for ${certificate.alg}`;
  const record = state.keys.get(kid);
  if (record?.status === 'revoked') return `key ${kid} is revoked`;
  if (record?.status !== 'retired') return late ? `key ${kid} is not retired` : undefined;
  if (!late) return `key ${kid} is retired and the leaf is not listed as late`;
  return isBeforeFinal(state, record, wtr) ? undefined : `key ${kid} was retired before this leaf`;
}

/** Whether the key of a leaf is retired, so that the leaf has to be listed in `late`. */
export function isRetired(state: LogState, kid: string): boolean {
  return state.keys.get(kid)?.status === 'retired';
}

/**
 * Whether (boot, seq) is at or before a retired key's final position. Boots are in the order in which they first
 * appear in the log; one that has not appeared comes after all that have.
 */
export function isBeforeFinal(
  state: LogState,
  record: Pick<KeyRecord, 'final'>,
  wtr: { readonly id: string; readonly boot: string; readonly seq: number },
): boolean {
  const { final } = record;
  if (final === null) return false;
  if (wtr.boot === final.boot) return wtr.seq <= final.seq;
  const order = bootHead(state, wtr.id, wtr.boot)?.order;
  const finalOrder = bootHead(state, wtr.id, final.boot)?.order ?? Number.POSITIVE_INFINITY;
  return order !== undefined && order < finalOrder;
}

/** Identifies a statement by its very text, under whatever roots. */
export function statementIdentity(statement: Statement): string {
  return sha256Base64Url(statement.join('\n'));
}

/** What a certificate ties its key to. */
function purposeOf(certificate: Certificate): string {
  if (certificate.use === 'writer') return certificate.writer;
  return certificate.use === 'checkpoint'
    ? certificate.vkey
    : `${certificate.use} ${certificate.person}`;
}
