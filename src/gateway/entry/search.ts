/** What a search asks for, parsed. */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import type { z } from 'zod';
import { parsePredicate } from './predicate.ts';
import type { Predicate } from './predicate.ts';
import { ProblemError } from '../context/problem.ts';
import type { searchQuerySchema } from '../schema/requests.ts';

/** Conditions on entries; one that is absent lets all pass, and all that are there have to be met. */
export interface Search {
  readonly order: 'oldest' | 'newest';
  readonly only: 'count' | undefined;
  /** Admission, epoch ms; `to` is excluded. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Any of these. */
  readonly kind: readonly string[] | undefined;
  readonly class: readonly string[] | undefined;
  /** All of these. */
  readonly label: readonly (readonly [name: string, value: string])[] | undefined;
  readonly predicates: readonly Predicate[];
  /** Whether there is any condition. */
  readonly isFiltered: boolean;
  /** The same for the policy and the log; its canonical text names the search in cursors. */
  readonly facts: JsonObject;
  readonly text: string;
}

/** @throws {@link ProblemError} `bad_parameter`. */
export function searchOf(query: z.infer<typeof searchQuerySchema>): Search {
  const { order, only, from, to, kind, class: classes, label, where } = query;
  if (from !== undefined && to !== undefined && to <= from) {
    throw new ProblemError('bad_parameter', { detail: 'to: is not after from' });
  }
  const conditions = { class: classes, from, kind, label, to, where };
  const given = Object.entries({ ...conditions, only }).filter(([, value]) => value !== undefined);
  const facts = { ...Object.fromEntries(given), order } as JsonObject;
  return {
    ...{ order, only, from, to, kind, class: classes },
    label: label?.map(labelOf),
    predicates: (where ?? []).map(parsePredicate),
    isFiltered: Object.values(conditions).some((value) => value !== undefined),
    facts,
    text: canonicalJson(facts),
  };
}

/** The first colon ends the name: names of labels have none. */
function labelOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon > 0) return [text.slice(0, colon), text.slice(colon + 1)];
  throw new ProblemError('bad_parameter', { detail: 'label: want <name>:<value>' });
}
