/**
 * Which disclosures a reader gets. What is hidden is rounded up to the node around it, what is shown is rounded down
 * to the nodes inside it, so that an inexact pointer never shows more than it says.
 */
import type { DisclosedRecord } from './disclosure.ts';
import { escapeToken, isJsonObject, parsePointer } from '../json/json-pointer.ts';
import { layOutRecord } from './nodes.ts';
import type { PartDepths, RecordNode, RecordParts } from './nodes.ts';
import type { JsonObject, JsonValue } from '../json/strict-json.ts';

/**
 * What a reader may see: everything, the leaf alone, all but some places, or some places only. Places are JSON
 * pointers from the record (`/input/event/actor`) in which a token `*` is every name of its level.
 */
export type Select =
  | 'all'
  | 'leaf'
  | { readonly redact: readonly string[] }
  | { readonly disclose: readonly string[] };

/** What a reader gets. */
export interface Selection {
  /** Each after the disclosure of the object that it is in. */
  readonly disclosures: readonly string[];
  /** The same as JSON: what is hidden is absent. */
  readonly view: JsonObject;
  /** Pointers of what is hidden, outermost only, in canonical order. For whoever may know the names. */
  readonly hidden: readonly string[];
}

/**
 * Selects the disclosures of a record.
 *
 * Hidden: every node that a redaction names, the node around a place inside a whole value, and whatever is sealed
 * and not at hand. A pointer to nothing hides nothing, but a name where an array, a text or a number stands hides that:
 * its author took it for an object.
 *
 * @throws {@link MalformedError} code `bad_pointer`.
 */
export function selectDisclosures(record: DisclosedRecord, select: Select): Selection {
  const nodes = record.parts;
  const marked = new Set<RecordNode>();
  if (typeof select === 'object' && 'redact' in select) {
    for (const pointer of select.redact) mark(nodes, parsePointer(pointer), 'up', marked);
    return present(nodes, (node) => !marked.has(node) && node.disclosure !== '');
  }
  if (select === 'leaf') return present(nodes, () => false);
  const pointers = select === 'all' ? [''] : select.disclose;
  for (const pointer of pointers) mark(nodes, parsePointer(pointer), 'down', marked);
  const shown = new Set<RecordNode>();
  for (const node of nodes) addWithParents(node, false, marked, shown);
  return present(nodes, (node) => shown.has(node));
}

/** The disclosures of a record that a reader gets, parents first. */
export function disclosuresFor(record: DisclosedRecord, select: Select): readonly string[] {
  return selectDisclosures(record, select).disclosures;
}

/**
 * The pointers of the nodes that cover some places: each place rounded up, wildcards written out, none below another.
 * What an erasure names goes through here before it is sealed.
 *
 * @throws {@link MalformedError} code `bad_pointer`.
 */
export function coverPointers(
  parts: RecordParts,
  depth: PartDepths,
  pointers: readonly string[],
): string[] {
  const tree = layOutRecord(parts, depth);
  const marked = new Set<RecordNode>();
  for (const pointer of pointers) mark(tree.parts, parsePointer(pointer), 'up', marked);
  return [...present(tree.parts, (node) => !marked.has(node)).hidden];
}

/** Marks the nodes at a place; with `up` also the whole value that the place is inside of. */
function mark(
  nodes: readonly RecordNode[],
  tokens: readonly string[],
  rounding: 'up' | 'down',
  marked: Set<RecordNode>,
): void {
  const [token, ...rest] = tokens;
  for (const node of nodes) {
    if (token !== undefined && token !== '*' && token !== node.name) continue;
    if (rest.length === 0) marked.add(node);
    else if (node.children.length > 0) mark(node.children, rest, rounding, marked);
    else if (rounding === 'up' && leadsInto(node.value, rest, token)) marked.add(node);
  }
}

/**
 * Whether a place inside a whole value exists, or is meant by somebody who took what stands there for an object.
 *
 * @param by - The token that led to the value: who wrote `*` took nothing for anything.
 */
function leadsInto(
  value: JsonValue | undefined,
  tokens: readonly string[],
  by: string | undefined,
): boolean {
  const [token, ...rest] = tokens;
  if (value === undefined) return false;
  if (token === undefined) return true;
  if (Array.isArray(value)) {
    const elements = value as readonly JsonValue[];
    if (token === '*') return elements.some((element) => leadsInto(element, rest, token));
    return /^(?:0|[1-9][0-9]*)$/.test(token)
      ? leadsInto(elements[Number(token)], rest, token)
      : true;
  }
  if (!isJsonObject(value))
    return by !== '*' && (typeof value === 'string' || typeof value === 'number');
  if (token === '*') return Object.values(value).some((member) => leadsInto(member, rest, token));
  return leadsInto(Object.hasOwn(value, token) ? value[token] : undefined, rest, token);
}

/** Collects what is marked with everything below it and everything around it. @returns whether anything was. */
function addWithParents(
  node: RecordNode,
  inside: boolean,
  marked: ReadonlySet<RecordNode>,
  shown: Set<RecordNode>,
): boolean {
  if (node.disclosure === '') return false;
  const within = inside || marked.has(node);
  let any = within;
  for (const child of node.children) {
    if (addWithParents(child, within, marked, shown)) any = true;
  }
  if (any) shown.add(node);
  return any;
}

function present(nodes: readonly RecordNode[], isShown: (node: RecordNode) => boolean): Selection {
  const disclosures: string[] = [];
  const hidden: string[] = [];
  const visit = (level: readonly RecordNode[], pointer: string): JsonObject => {
    const view: Record<string, JsonValue> = {};
    for (const node of level) {
      const place = `${pointer}/${escapeToken(node.name)}`;
      if (!isShown(node)) {
        hidden.push(place);
        continue;
      }
      disclosures.push(node.disclosure);
      if (node.children.length > 0) view[node.name] = visit(node.children, place);
      else if (node.value !== undefined) view[node.name] = node.value;
    }
    return view;
  };
  return { view: visit(nodes, ''), disclosures, hidden };
}
