import { caughtMalformed } from '../../core/schema.ts';
import { parseStrictJson } from '../../core/strict-json.ts';
import type { Statement } from '../../core/statement.ts';
import { jsonAnswer } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { queryOf } from '../arrival.ts';
import { readBody } from '../body.ts';
import { KEY_STATEMENT_BYTES_MAX } from '../limits.ts';
import { mediaTypeOf } from '../media-type.ts';
import { writeRoute } from '../pipeline.ts';
import type { Admitted } from '../pipeline.ts';
import { ProblemError } from '../problem.ts';
import { keyStatementSchema, noQuerySchema } from '../schemas.ts';

const JSON_TYPE = 'application/json';
/** Containers inside each other, and members: a list of texts. */
const DEPTH = 3;
const MEMBERS = 64;

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
  if (mediaTypeOf(admitted.request.headers['content-type']) !== JSON_TYPE) {
    throw new ProblemError('media_type_unsupported', { headers: ['Accept-Post', JSON_TYPE] });
  }
  const bytes = KEY_STATEMENT_BYTES_MAX;
  const text = await readBody(admitted, {
    bytesMax: bytes,
    ms: admitted.gateway.settings.bodyMs,
  });
  const limits = { bytes, depth: DEPTH, members: MEMBERS, stringLength: bytes };
  const parsed = keyStatementSchema.safeParse(parsedJson(text, limits));
  if (parsed.success) return parsed.data.statement;
  const issue = parsed.error.issues[0];
  const pointer = `/${(issue?.path ?? []).map(String).join('/')}`;
  throw new ProblemError('statement_malformed', { detail: issue?.message ?? '', pointer });
}

function parsedJson(text: string, limits: Parameters<typeof parseStrictJson>[1]): unknown {
  try {
    return parseStrictJson(text, limits);
  } catch (error) {
    throw new ProblemError('statement_malformed', { detail: caughtMalformed(error).message });
  }
}
