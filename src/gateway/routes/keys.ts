import type { Statement } from '../../core/ledger/statement.ts';
import { jsonAnswer } from '../request/answer.ts';
import type { Answer } from '../request/answer.ts';
import { queryOf } from '../request/arrival.ts';
import { readJsonBody } from '../request/json-body.ts';
import { KEY_STATEMENT_BYTES_MAX } from '../context/limits.ts';
import { writeRoute } from '../request/pipeline.ts';
import type { Admitted } from '../request/pipeline.ts';
import { keyStatementSchema, noQuerySchema } from '../schema/requests.ts';

/** Containers inside each other, and members: a list of texts. */
const SHAPE = { depth: 3, members: 64 };

/** `POST /v1/ledgers/{ledger}/keys`: what the root says about a key becomes an entry. */
export const keysRoute = writeRoute(
  { name: 'keys', path: '/v1/ledgers/:ledger/keys' },
  async (admitted): Promise<Answer> => {
    queryOf(admitted.request, noQuerySchema);
    const statement = await readStatement(admitted);
    const { desk, asker } = admitted;
    const { jti, jws, index } = await desk.appendKeyStatement(asker, statement);
    const { name } = desk.served;
    const place = index === null ? { state: 'durable' } : { state: 'sealed', index };
    return jsonAnswer(index === null ? 202 : 201, { id: jti, ledger: name, ...place, entry: jws }, [
      'Location',
      `/v1/ledgers/${name}/entries/${jti}`,
    ]);
  },
  'key.change',
);

async function readStatement(admitted: Admitted): Promise<Statement> {
  const [code, bytes] = ['statement_malformed', KEY_STATEMENT_BYTES_MAX] as const;
  const { statement } = await readJsonBody(admitted, keyStatementSchema, code, bytes, SHAPE);
  return statement;
}
