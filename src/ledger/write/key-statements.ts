/** What the root says about keys, before it becomes an entry: here, where somebody can still be told what is wrong. */
import { SteleError } from '../../core/errors.ts';
import { authorityOf } from '../../core/ledger/config.ts';
import type { LogState } from '../../core/log/state.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { parseKeyStatement } from '../../core/ledger/statement.ts';
import type { KeyStatement, Statement } from '../../core/ledger/statement.ts';
import type { LedgerContext } from '../context/context.ts';

/**
 * Reads a statement of the root about a key, as the log would at its end.
 *
 * @throws {@link SteleError} `statement_refused` when the root keys have not signed it, or it is of another ledger or
 *   kind of key; `key_settled` when the key has ended already; `key_in_use` when this process signs with it: what it
 *   has acknowledged and not sealed could never be sealed.
 */
export function readKeyStatement(
  own: Pick<LedgerContext, 'genesis' | 'writerCert' | 'checkpointCert'>,
  state: LogState,
  statement: Statement,
): KeyStatement {
  const says = verified(own, state, statement);
  const { act, kid, use } = says;
  const { status = 'certified', certificate = null } = state.keys.get(kid) ?? {};
  if (certificate !== null && certificate.use !== use) {
    throw refused('statement_refused', `key ${kid} is certified as ${certificate.use}`);
  }
  if (status === 'revoked' || (status === 'retired' && act !== 'revoke')) {
    throw refused('key_settled', `key ${kid} is ${status} already`);
  }
  if (act !== 'certify' && (kid === own.writerCert.kid || kid === own.checkpointCert.kid)) {
    const cure = 'give this gateway another one first, or send it to another gateway';
    throw refused('key_in_use', `this gateway signs with key ${kid}: ${cure}`);
  }
  return says;
}

function verified(
  { genesis }: Pick<LedgerContext, 'genesis'>,
  { config }: LogState,
  statement: Statement,
): KeyStatement {
  try {
    return parseKeyStatement(statement, authorityOf(genesis, config));
  } catch (error) {
    throw refused('statement_refused', caughtMalformed(error).message);
  }
}

function refused(code: string, message: string): SteleError {
  return new SteleError(code, message, { disposition: 'fix-input', durability: 'not-durable' });
}
