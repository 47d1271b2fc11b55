/** The keys of a log that outsiders verify with: those of all its writers, as far as the log is learnt, and our own. */
import type { LogState } from '../../core/log/state.ts';
import type { Certificate, Statement } from '../../core/ledger/statement.ts';
import type { LedgerContext } from '../context/context.ts';

/** Public keys in the forms that verifiers of each kind take. */
export interface LogKeys {
  /** C2SP verifier keys of checkpoints; the own one first. */
  readonly vkeys: readonly string[];
  /** Keys that sign entries, as a JWKS (RFC 7517); the own one first. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}

type OwnKeys = Pick<LedgerContext, 'writerCert' | 'checkpointCert'>;

/** Certificates of all keys that a batch has named, and of the own ones. */
export function certificatesOf(own: OwnKeys, state: LogState): Statement[] {
  const all = certified(own, state).map(({ statement }) => statement);
  return [...new Map(all.map((statement) => [statement.join(), statement])).values()];
}

/** Keys that may be believed: a retired one for what it signed before, a revoked one for nothing. */
export function logKeys(own: OwnKeys, state: LogState): LogKeys {
  const good = certified(own, state).filter(({ kid }) => state.keys.get(kid)?.status !== 'revoked');
  const distinct = [...new Map(good.map((certificate) => [certificate.kid, certificate])).values()];
  return {
    vkeys: distinct.flatMap((each) => (each.use === 'checkpoint' ? [each.vkey] : [])),
    jwks: {
      keys: distinct.flatMap(({ use, kid, alg, jwk }) => {
        return use === 'writer' ? [{ ...jwk, kid, alg, use: 'sig' }] : [];
      }),
    },
  };
}

function certified({ writerCert, checkpointCert }: OwnKeys, state: LogState): Certificate[] {
  const named = [...state.keys.entries()].flatMap(([, { certificate }]) => certificate ?? []);
  return [writerCert, checkpointCert, ...named];
}
