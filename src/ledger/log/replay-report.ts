/** The entry of a replay that an approval names: whether it is one, of the policy that was approved. */
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { StoredRecord } from '../../core/record/record.ts';

/** `type` of the event that `stele policy replay --record` appends. */
export const REPLAY_EVENT = 'policy.replay';

/**
 * Why an entry is not the report of a replay of this bundle.
 *
 * @param kind - Of the entry; what was denied is no `event`.
 * @param record - Null where it is gone, or was not read.
 * @returns undefined where it is.
 */
export function reportFault(
  kind: string,
  record: Pick<StoredRecord, 'input'> | null,
  { id, digest }: { readonly id: string; readonly digest: string },
): string | undefined {
  if (kind !== 'event') return 'it is no event';
  if (record === null) return 'its record cannot be read';
  const event = isJsonObject(record.input) ? record.input['event'] : null;
  if (!isJsonObject(event) || event['type'] !== REPLAY_EVENT) return 'it is no report of a replay';
  const candidate = isJsonObject(event['candidate']) ? event['candidate'] : {};
  if (candidate['policy'] === id && candidate['digest'] === digest) return undefined;
  return 'it is of another bundle';
}
