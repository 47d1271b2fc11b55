import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { Caller } from '../../keys/caller.ts';
import { ANONYMOUS } from '../../keys/caller.ts';

/**
 * Whether a caller is who wrote an entry: the same subject, of the same type and issuer, for two issuers may both know an
 * `alice`. Strangers own nothing, for they are not one. Only the answer reaches the policy and the record of a read
 * (docs/decisions/0009).
 *
 * @param input - Of the entry's record; undefined where there is none, as for entries of the system itself.
 */
export function isOwner(caller: Caller, input: JsonValue | undefined): boolean {
  const author = input !== undefined && isJsonObject(input) ? input['subject'] : undefined;
  if (author === undefined || !isJsonObject(author) || caller === ANONYMOUS) return false;
  const { type, id, properties } = caller.subject;
  const of = author['properties'];
  const issuer = of !== undefined && isJsonObject(of) ? of['issuer'] : undefined;
  return (
    id !== '' &&
    author['id'] === id &&
    author['type'] === type &&
    issuer !== undefined &&
    issuer === properties['issuer']
  );
}
