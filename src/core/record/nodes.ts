/**
 * The tree of what can be disclosed one by one: a record's three parts, and below each the members of objects down
 * to the part's depth. Arrays, scalars, empty objects and whatever is deeper are whole. Specification:
 * docs/formats.md, Disclosures.
 */
import { canonicalNames } from '../json/canonical-json.ts';
import { assert, MalformedError } from '../errors.ts';
import { isJsonObject, parsePointer } from '../json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../json/strict-json.ts';

/** The parts of a record, in the order in which their nodes are counted. */
export const PART_NAMES = ['input', 'result', 'source'] as const;

/** A part of a record. */
export type PartName = (typeof PART_NAMES)[number];

/** What the policy was given, what it answered, and where the event came from. */
export type RecordParts = Readonly<Record<PartName, JsonValue>>;

/** How deep each part is disclosable; 1 is the part as a whole. At most 9. */
export type PartDepths = Readonly<Record<PartName, number>>;

/** Three levels show a member of the event; deeper ones would cost a hash each for little. */
export const DEFAULT_DEPTHS: PartDepths = { input: 3, result: 3, source: 3 };

/**
 * Nodes under a key of their own. With `digests`, parallel to `pointers`, the values are absent from the parts;
 * without, they are in place.
 */
export interface SealedPointers {
  readonly pointers: readonly string[];
  readonly digests?: readonly string[];
}

/** One thing that can be disclosed. */
export interface RecordNode {
  readonly name: string;
  /** Undefined where it is sealed and not at hand; its `digest` is then given. */
  readonly value: JsonValue | undefined;
  /** In canonical order; none where the value is whole. */
  readonly children: RecordNode[];
  /** 0, or one more than the index of the sealed set. */
  readonly stream: number;
  /** The how-manieth node of its stream, from 0. */
  readonly saltIndex: number;
  /** Empty until made. */
  digest: string;
  /** Base64url of salt, name and value; empty until made, and for good where the value is not at hand. */
  disclosure: string;
}

/** The nodes of one record. */
export interface RecordTree {
  /** One for each part. */
  readonly parts: readonly RecordNode[];
  /** All nodes, each before its children. */
  readonly preOrder: readonly RecordNode[];
  /** Nodes of each stream whose values are at hand. */
  readonly streamCounts: readonly number[];
  /** Of each sealed set the nodes at its pointers, in their order. */
  readonly sealed: readonly (readonly RecordNode[])[];
}

interface SealedTarget {
  readonly stream: number;
  /** Where the node is put, when it is met. */
  readonly nodes: RecordNode[];
  readonly position: number;
  /** Empty where the value is at hand. */
  readonly digest: string;
}

/** Where sealed pointers lead; a leaf of it stands for one pointer. */
interface SealedPlace {
  readonly below: Map<string, SealedPlace>;
  target: SealedTarget | undefined;
}

/** Formats depths as `dsc` has them: scheme 1, then one digit a part. */
export function formatDsc(depths: PartDepths): string {
  return `1:${depths.input}.${depths.result}.${depths.source}`;
}

/** Parses `dsc`. @throws {@link MalformedError} code `bad_dsc`. */
export function parseDsc(text: string): PartDepths {
  const match = /^1:([1-9])\.([1-9])\.([1-9])$/.exec(text);
  if (match === null) throw new MalformedError('disclosure scheme is not known', 'bad_dsc');
  return { input: Number(match[1]), result: Number(match[2]), source: Number(match[3]) };
}

/**
 * Lays out the nodes of a record; nothing is hashed.
 *
 * @param parts - Of strict JSON: names that SD-JWT reserves were refused below the nodes.
 * @throws {@link MalformedError} code `not_a_node` for a sealed pointer that is at no node below a part, or at, above
 *   or below another; `reserved_member`.
 */
export function layOutRecord(
  parts: RecordParts,
  depths: PartDepths,
  sealed: readonly SealedPointers[] = [],
): RecordTree {
  const layout = new Layout(sealed);
  const nodes = PART_NAMES.map((name) => {
    const value = parts[name];
    if (isJsonObject(value) && Object.hasOwn(value, '_sd_alg')) throw reservedName('_sd_alg');
    return layout.add(name, value, depths[name] - 1, 0, layout.places?.below.get(name));
  });
  return layout.finish(nodes);
}

class Layout {
  readonly places: SealedPlace | undefined;
  readonly #preOrder: RecordNode[] = [];
  readonly #counts: number[];
  readonly #sealed: RecordNode[][] = [];
  #expected = 0;

  constructor(sealed: readonly SealedPointers[]) {
    this.#counts = [0, ...sealed.map(() => 0)];
    this.places = sealed.length === 0 ? undefined : this.#plan(sealed);
  }

  /** @param levels - How many levels of nodes may follow below this one. */
  add(
    name: string,
    value: JsonValue | undefined,
    levels: number,
    stream: number,
    place: SealedPlace | undefined,
  ): RecordNode {
    const target = place?.target;
    const own = target?.stream ?? stream;
    const digest = target?.digest ?? '';
    const saltIndex = digest === '' ? this.#take(own) : -1;
    const node = { name, value, children: [], stream: own, saltIndex, digest, disclosure: '' };
    this.#preOrder.push(node);
    if (target !== undefined) {
      target.nodes[target.position] = node;
      this.#expected--;
    }
    if (levels > 0 && isJsonObject(value)) this.#addMembers(node, value, levels, place);
    return node;
  }

  finish(parts: readonly RecordNode[]): RecordTree {
    if (this.#expected !== 0) throw notANode('sealed pointer is at no node');
    const [preOrder, sealed] = [this.#preOrder, this.#sealed];
    return { parts, preOrder, streamCounts: this.#counts, sealed };
  }

  #addMembers(
    node: RecordNode,
    value: JsonObject,
    levels: number,
    place: SealedPlace | undefined,
  ): void {
    const names = canonicalNames(value);
    if (place !== undefined) addHiddenNames(names, place);
    for (const name of names) {
      if (name === '_sd' || name === '...' || name === '__proto__') throw reservedName(name);
      const below = place?.below.get(name);
      const hidden = below?.target !== undefined && below.target.digest !== '';
      if (hidden && Object.hasOwn(value, name)) throw notANode('sealed value is in clear as well');
      const member = hidden ? undefined : value[name];
      node.children.push(this.add(name, member, levels - 1, node.stream, below));
    }
  }

  #take(stream: number): number {
    const index = this.#counts[stream];
    assert(index !== undefined, 'every node is of a stream');
    this.#counts[stream] = index + 1;
    return index;
  }

  #plan(sealed: readonly SealedPointers[]): SealedPlace {
    const root: SealedPlace = { below: new Map(), target: undefined };
    for (const { pointers, digests } of sealed) {
      const nodes: RecordNode[] = [];
      const stream = this.#sealed.push(nodes);
      pointers.forEach((pointer, position) => {
        const tokens = parsePointer(pointer);
        if (tokens.length < 2) throw notANode('a part cannot be sealed as a whole');
        const place = descend(root, tokens);
        if (place.below.size > 0 || place.target !== undefined) throw overlap();
        place.target = { stream, nodes, position, digest: digests?.[position] ?? '' };
        this.#expected++;
      });
    }
    return root;
  }
}

function descend(root: SealedPlace, tokens: readonly string[]): SealedPlace {
  let place = root;
  for (const token of tokens) {
    if (place.target !== undefined) throw overlap();
    let next = place.below.get(token);
    if (next === undefined) {
      next = { below: new Map(), target: undefined };
      place.below.set(token, next);
    }
    place = next;
  }
  return place;
}

/** Adds the members of an object that are sealed and not in it, and keeps canonical order. */
function addHiddenNames(names: string[], place: SealedPlace): void {
  for (const [name, { target }] of place.below) {
    if (target !== undefined && target.digest !== '' && !names.includes(name)) names.push(name);
  }
  names.sort();
}

function overlap(): MalformedError {
  return notANode('sealed pointer is at or below another');
}

function notANode(message: string): MalformedError {
  return new MalformedError(message, 'not_a_node');
}

/** The refusal of a member name that SD-JWT has a meaning for (RFC 9901 §4.1). */
export function reservedName(name: string): MalformedError {
  return new MalformedError(`member name ${name} is reserved`, 'reserved_member');
}
