/** An entry as readers get it: what the policy is told of it, and what of it is shown. The same alone and in a page. */
import { parseDsc } from '../../core/record/disclosure.ts';
import { entryBytes, parseEntry } from '../../core/entry/entry.ts';
import type { EntryPayload } from '../../core/entry/entry.ts';
import { discloseStored, parseRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { selectDisclosures } from '../../core/record/redact.ts';
import type { Selection } from '../../core/record/redact.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { Caller } from '../../keys/caller.ts';
import type { FoundEntry } from '../../ledger/context/receipt.ts';
import type { DecidedRead, KnownFacts } from '../../policy/decide/jobs.ts';
import { isOwner } from './ownership.ts';

/** An entry with what its leaf says in clear, and its record where there is one. */
export interface OpenEntry extends FoundEntry {
  readonly payload: EntryPayload;
  readonly opened: StoredRecord | null;
}

/** Parses what the ledger gave. */
export function openEntry(found: FoundEntry): OpenEntry {
  const { payload } = parseEntry(entryBytes(found.jws));
  return { ...found, payload, opened: found.record === null ? null : parseRecord(found.record) };
}

/** What an entry weighs in turns: reading it, and disclosing it, grow with its record. */
export function weightOf({ jws, record }: Pick<FoundEntry, 'jws' | 'record'>): number {
  return jws.length + (record?.length ?? 0);
}

/** What a policy may know of an entry before it decides who sees it: its leaf, and whether the caller wrote it. */
export function entryResource(found: OpenEntry, caller: Caller): KnownFacts['resource'] {
  const { payload, index, opened } = found;
  return {
    type: 'entry',
    id: found.jti,
    properties: {
      kind: payload.kind,
      class: payload.ret.class,
      labels: payload.lbl ?? {},
      at: payload.at,
      index,
      owned: isOwner(caller, opened?.input),
    },
  };
}

/** What the policy discloses of a record; null where there is none. */
export function discloseEntry(
  { opened, payload }: OpenEntry,
  { select }: Pick<DecidedRead, 'select'>,
): Selection | null {
  if (opened === null || payload.dsc === undefined) return null;
  return selectDisclosures(discloseStored(opened, parseDsc(payload.dsc)), select);
}

/** The disclosures that go with an answer: none where the policy lets its reader see, and not prove. */
export function disclosuresOf(
  selection: Selection | null,
  { obligations }: Pick<DecidedRead, 'obligations'>,
): readonly string[] {
  return obligations.includes('view_only') ? [] : (selection?.disclosures ?? []);
}

/** An entry as JSON. */
export function entryView(
  found: OpenEntry,
  selection: Selection | null,
  decided: Pick<DecidedRead, 'obligations'>,
): JsonObject {
  const { jti, index, state, payload, jws } = found;
  return {
    id: jti,
    index,
    state,
    kind: payload.kind,
    at: payload.at,
    payload: payload as unknown as JsonObject,
    record: selection?.view ?? null,
    // How many, not which: names of hidden members are hidden too.
    hidden: selection?.hidden.length ?? 0,
    obligations: decided.obligations,
    entry: jws,
    disclosures: disclosuresOf(selection, decided),
  };
}
