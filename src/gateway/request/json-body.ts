import type { z } from 'zod';
import { formatPointer } from '../../core/json/json-pointer.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonLimits } from '../../core/json/strict-json.ts';
import { readBody } from './body.ts';
import type { ProblemCode } from '../context/codes.ts';
import { STRANGER_CHANGE_BYTES_MAX } from '../context/limits.ts';
import { ownerOf } from '../quota/shares.ts';
import { mediaTypeOf } from './media-type.ts';
import type { Admitted } from './pipeline.ts';
import { ProblemError } from '../context/problem.ts';

const JSON_TYPE = 'application/json';
/** Containers inside each other, and members, of a request: a list of lists of texts. */
const DEPTH = 4;
const MEMBERS = 4_096;

/**
 * Reads a request that is one small JSON object. A stranger's is at most {@link STRANGER_CHANGE_BYTES_MAX} long.
 *
 * @param atMost - Where it is less than `bodyBytesMax`: bytes.
 * @param shape - Where the request holds an event: what an event may be.
 * @throws {@link ProblemError} `media_type_unsupported`, `code` with detail and pointer, and those of the body.
 */
export async function readJsonBody<Schema extends z.ZodType>(
  admitted: Admitted,
  schema: Schema,
  code: ProblemCode,
  atMost = Infinity,
  shape: Pick<JsonLimits, 'depth' | 'members'> = { depth: DEPTH, members: MEMBERS },
): Promise<z.infer<Schema>> {
  if (mediaTypeOf(admitted.request.headers['content-type']) !== JSON_TYPE) {
    throw new ProblemError('media_type_unsupported', { headers: ['Accept-Post', JSON_TYPE] });
  }
  const { bodyBytesMax, bodyMs: ms } = admitted.gateway.settings;
  const { stranger } = ownerOf(admitted.asker.caller);
  const most = stranger ? STRANGER_CHANGE_BYTES_MAX : Infinity;
  const bytesMax = Math.min(bodyBytesMax, atMost, most);
  const text = await readBody(admitted, { bytesMax, ms });
  await admitted.desk.turnOf(admitted.asker)(text.length);
  const limits = { ...shape, bytes: bytesMax, stringLength: bytesMax };
  const parsed = schema.safeParse(parsedJson(text, limits, code));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const pointer = formatPointer((issue?.path ?? []).map(String));
  throw new ProblemError(code, { detail: issue?.message ?? '', pointer });
}

function parsedJson(text: string, limits: JsonLimits, code: ProblemCode): unknown {
  try {
    return parseStrictJson(text, limits);
  } catch (error) {
    const { message, pointer } = caughtMalformed(error);
    throw new ProblemError(code, {
      detail: message,
      ...(pointer === undefined ? {} : { pointer }),
    });
  }
}
