/** Collections: what OPA's module leaves to its host. */
import { RegoNumber, RegoObject, RegoSet, isArray, isEqual } from '../../contract/rego-value.ts';
import type { RegoValue } from '../../contract/rego-value.ts';
import { BuiltinLimitError, family } from './builtin.ts';
import { fail, integerOf, membersOf, objectOf } from './operand.ts';

/** Elements that one call may make; as many as fit the largest value. */
const ELEMENTS_MAX = 100_000;

/** Host functions of objects, numbers and graphs. */
export const OBJECTS = family(1, {
  'object.subset': (whole, part) => isSubset(whole, part),
  'numbers.range_step': (from, to, step) => range(integerOf(from), integerOf(to), integerOf(step)),
  'graph.reachable_paths': (graph, start) => new Paths(objectOf(graph)).from(membersOf(start)),
});

function isSubset(whole: RegoValue | undefined, part: RegoValue | undefined): boolean {
  if (whole instanceof RegoObject && part instanceof RegoObject) return hasMembers(whole, part);
  if (whole instanceof RegoSet && part instanceof RegoSet)
    return part.items.every((item) => whole.has(item));
  if (isArray(whole) && isArray(part)) return hasRun(whole, part);
  if (isArray(whole) && part instanceof RegoSet) return hasEach(whole, part);
  return fail();
}

function hasMembers(whole: RegoObject, part: RegoObject): boolean {
  return part.entries.every(([key, value]) => {
    const other = whole.get(key);
    if (other === undefined) return false;
    if (isEqual(other, value)) return true;
    if (other instanceof RegoObject && value instanceof RegoObject) return hasMembers(other, value);
    if (other instanceof RegoSet && value instanceof RegoSet) {
      return value.items.every((item) => other.has(item));
    }
    return isArray(other) && isArray(value) && hasRun(other, value);
  });
}

/** OPA counts every member of the array that is in the set, also a second time, and needs one at least. */
function hasEach(whole: readonly RegoValue[], part: RegoSet): boolean {
  let unmatched = part.items.length;
  return whole.some((item) => {
    if (part.has(item)) unmatched--;
    return unmatched === 0;
  });
}

/** OPA's search for `part` as a run in `whole`, which goes on after a mismatch without going back. */
function hasRun(whole: readonly RegoValue[], part: readonly RegoValue[]): boolean {
  if (part.length > whole.length) return false;
  let start = 0;
  let matched = 0;
  while (matched < part.length) {
    const item = whole[start + matched];
    if (item === undefined) return false;
    if (isEqual(item, part[matched] as RegoValue)) matched++;
    else {
      start++;
      matched = 0;
    }
  }
  return true;
}

function range(from: bigint, to: bigint, step: bigint): RegoValue[] {
  if (step <= 0n) fail();
  const distance = from <= to ? to - from : from - to;
  if (distance / step >= ELEMENTS_MAX) throw new BuiltinLimitError('range is too long');
  const towards = from <= to ? step : -step;
  const count = Number(distance / step) + 1;
  return Array.from({ length: count }, (_, i) => RegoNumber.of(from + towards * BigInt(i)));
}

/** Every path from the first nodes to an end, to a node that is not in the graph, or to where it would come back. */
class Paths {
  readonly #graph: RegoObject;
  readonly #found: RegoValue[][] = [];
  #length = 0;

  constructor(graph: RegoObject) {
    this.#graph = graph;
  }

  from(nodes: readonly RegoValue[]): RegoSet {
    for (const node of nodes) {
      if (this.#graph.get(node) === undefined) continue;
      const next = this.#next(node);
      if (next.length === 0) this.#add([node]);
      // OPA does not look for a way back in the first step.
      for (const neighbor of next) this.#extend([node], neighbor);
    }
    return new RegoSet(this.#found);
  }

  #extend(path: readonly RegoValue[], node: RegoValue): void {
    if (this.#graph.get(node) === undefined) {
      this.#add(path);
      return;
    }
    const longer = [...path, node];
    const next = this.#next(node);
    if (next.length === 0) this.#add(longer);
    for (const neighbor of next) {
      if (longer.some((passed) => isEqual(passed, neighbor))) this.#add(longer);
      else this.#extend(longer, neighbor);
    }
  }

  #next(node: RegoValue): readonly RegoValue[] {
    const edges = this.#graph.get(node);
    if (edges instanceof RegoSet) return edges.items;
    return isArray(edges) ? edges : [];
  }

  /** Paths multiply with every fork, so their nodes are counted. */
  #add(path: readonly RegoValue[]): void {
    this.#length += path.length;
    if (this.#length > ELEMENTS_MAX) throw new BuiltinLimitError('too many paths');
    this.#found.push([...path]);
  }
}
