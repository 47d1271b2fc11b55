/**
 * An immutable map from text to values: a trie of the keys' characters with shared branches. Adding to a map of a
 * million costs a few small copies and leaves the old map as it was, so that a state of the log can be kept, tried
 * and thrown away. Keys here are random identifiers; a branch has at most 64 children.
 */

interface Leaf<V> {
  readonly key: string;
  readonly value: V;
}
type Branch<V> = ReadonlyMap<string, Node<V>>;
type Node<V> = Leaf<V> | Branch<V>;

/** An immutable map; {@link PersistentMap.with} makes a new one. */
export class PersistentMap<V> {
  readonly size: number;
  readonly #root: Branch<V>;

  private constructor(root: Branch<V>, size: number) {
    this.#root = root;
    this.size = size;
  }

  /** The map without keys. */
  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(new Map(), 0);
  }

  /** The value of a key, or undefined. */
  get(key: string): V | undefined {
    let node: Node<V> | undefined = this.#root;
    for (let depth = 0; isBranch(node); depth += 1) node = node.get(key.charAt(depth));
    return node?.key === key ? node.value : undefined;
  }

  /** A map that has also `key`, or another value for it. Costs the key's depth, not the map's size. */
  with(key: string, value: V): PersistentMap<V> {
    const grown = this.get(key) === undefined ? 1 : 0;
    return new PersistentMap(insert(this.#root, { key, value }, 0), this.size + grown);
  }

  /** All keys and values, in no order that means anything. */
  *entries(): Generator<readonly [string, V]> {
    yield* walk(this.#root);
  }
}

function insert<V>(branch: Branch<V>, leaf: Leaf<V>, depth: number): Branch<V> {
  const step = leaf.key.charAt(depth);
  const child = branch.get(step);
  if (child === undefined) return new Map(branch).set(step, leaf);
  if (isBranch(child)) return new Map(branch).set(step, insert(child, leaf, depth + 1));
  if (child.key === leaf.key) return new Map(branch).set(step, leaf);
  // Two keys that agree so far: a branch between them. Keys that end here step by the empty text.
  const between = new Map<string, Node<V>>([[child.key.charAt(depth + 1), child]]);
  return new Map(branch).set(step, insert(between, leaf, depth + 1));
}

function* walk<V>(branch: Branch<V>): Generator<readonly [string, V]> {
  for (const node of branch.values()) {
    if (isBranch(node)) yield* walk(node);
    else yield [node.key, node.value];
  }
}

function isBranch<V>(node: Node<V> | undefined): node is Branch<V> {
  return node instanceof Map;
}
