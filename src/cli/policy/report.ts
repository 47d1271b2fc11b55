/** The replay that an approver has seen, as its approval names it. */
import { readFile } from 'node:fs/promises';
import { sha256Base64Url } from '#platform';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { SteleError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { reportFault } from '../../ledger/log/replay-report.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';

/** An index, or an id. */
const ENTRY = /^(?:\d{1,15}|[0-9a-f]{8}-[0-9a-f-]{27})$/;

/** What of an entry is used here; `Entry` of the API. */
interface EntryView {
  readonly index: number | null;
  readonly kind: string;
  /** Null where nothing of it is disclosed. */
  readonly record: { readonly input?: JsonValue } | null;
}

/**
 * Finds the entry of a report and looks whether it is of the bundle that is approved.
 *
 * @param text - Leaf index, id, or the file that `stele --json policy replay --record` wrote.
 * @returns its leaf index.
 * @throws {@link SteleError} `report_other`; those of the gateway.
 */
export async function reportOf(
  connection: Connection,
  text: string,
  named: { readonly id: string; readonly digest: string },
): Promise<number> {
  const file = ENTRY.test(text) ? null : await recordedIn(text);
  const entry = file?.id ?? text;
  const response = await call(connection, { path: `entries/${entry}` });
  const { index, kind, record } = (await response.json()) as EntryView;
  const input = record?.input ?? null;
  const fault = index === null ? 'it is not sealed yet' : reportFault(kind, { input }, named);
  if (fault !== undefined) throw other(`entry ${entry}: ${fault}`);
  if (file !== null && file.sha256 !== digestIn(input)) throw other(`${text} is another report`);
  return Number(index);
}

function digestIn(input: JsonValue): JsonValue | undefined {
  const event = isJsonObject(input) ? input['event'] : null;
  return isJsonObject(event) ? event['report_sha256'] : undefined;
}

async function recordedIn(path: string): Promise<{ readonly id: string; readonly sha256: string }> {
  const report = JSON.parse(await readFile(path, 'utf8')) as JsonObject;
  const { recorded, ...rest } = report;
  const id = isJsonObject(recorded) ? recorded['id'] : undefined;
  if (typeof id !== 'string') throw other(`${path} does not say which entry it is: use --record`);
  return { id, sha256: sha256Base64Url(canonicalJson(rest)) };
}

function other(message: string): SteleError {
  return new SteleError('report_other', message, { disposition: 'fix-input' });
}
