/**
 * Objects of a ledger that nothing in its log names: records could lie there of which no entry speaks, locked and out
 * of sight. Harmless to what the log proves, so a notice. A listing is a hint: it shows what is not hidden.
 */
import type { Batch } from '../../core/log/batch.ts';
import { MalformedError } from '../../core/errors.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding } from '../../core/verify/findings.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { LogState } from '../../core/log/state.ts';
import { parseTilePath, TILE_WIDTH } from '../../core/tree/tile.ts';
import { isObjectKey } from '../../storage/object-keys.ts';
import type { FsckContext } from './objects.ts';
import { listPages } from './slots.ts';

/** As many are named; whoever puts a million there is not to have a million findings. */
const NAMED_MAX = 100;

/** An object of a run of the start-up probe. */
const PROBE = /^[0-9a-f]{32}\/(single|race|path|path\/below)$/;

/** Remembers what the log names while it streams by, and holds the store's listing against it. */
export class NamedObjects {
  readonly #context: FsckContext;
  /** Keys of payload objects, without their common prefix. */
  readonly #payloads = new Set<string>();
  readonly #policies = new Set<string>();

  constructor(context: FsckContext, genesis: Genesis) {
    this.#context = context;
    if (genesis.policy !== null) this.#policies.add(genesis.policy.id);
  }

  /** Takes the next batch. */
  add({ header, entries }: Pick<Batch, 'header' | 'entries'>): void {
    for (const { key } of [...header.payloads, ...header.orphans]) {
      this.#payloads.add(this.#within(key, this.#context.keys.payloadPrefix) ?? '');
    }
    for (const { payload } of entries) {
      if (payload.pol?.id != null) this.#policies.add(payload.pol.id);
      const id = payload.kind === 'policy' ? payload.ctl?.['id'] : undefined;
      if (typeof id === 'string') this.#policies.add(id);
    }
  }

  /** Names what is listed and not named, up to a few; what is young may be on its way into the log. */
  async finish(state: LogState): Promise<Finding[]> {
    const { store, keys, now } = this.#context;
    const found: Finding[] = [];
    for await (const page of listPages(store, keys.prefix)) {
      for (const key of page) {
        if (this.#isKnown(key, state)) continue;
        // Such a key is none of ours, young or old, and nobody asks a store for it.
        const head = isObjectKey(key) ? await store.head(key) : UNASKED;
        if (head === null || head.lastModified > now - state.config.maxSealMs) continue;
        const at = { key: escaped(key) };
        if (found.length === NAMED_MAX) {
          const more = finding('unnamed_object', at, `and more, after ${NAMED_MAX} others`);
          return [...found, more];
        }
        const detail = head === UNASKED ? 'under a key that no ledger uses' : `${head.size} bytes`;
        found.push(finding('unnamed_object', at, detail));
      }
    }
    return found;
  }

  #isKnown(key: string, state: LogState): boolean {
    const { keys } = this.#context;
    // Batches are judged slot by slot, and behind the last.
    if (key === keys.genesis || key === keys.checkpoint || keys.parseBatch(key) !== null)
      return true;
    const payload = this.#within(key, keys.payloadPrefix);
    if (payload !== null) return this.#payloads.has(payload);
    const policy = this.#within(key, `${keys.prefix}policy/`);
    if (policy !== null) return this.#policies.has(policy.slice(0, policy.indexOf('/')));
    const probe = this.#within(key, `${keys.prefix}probe/`);
    if (probe !== null) return PROBE.test(probe);
    return isTileOf(state.size, key.slice(keys.prefix.length));
  }

  #within(key: string, prefix: string): string | null {
    return key.startsWith(prefix) ? key.slice(prefix.length) : null;
  }
}

/** Of an object that is not asked for: as old as anything. */
const UNASKED = { lastModified: -Infinity, size: 0 };

/** A key as it can be shown: whatever else somebody put into a name moves no cursor and hides no text. */
function escaped(key: string): string {
  return key.replace(
    /[^!-~]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Whether a path is that of a tile or entry bundle, full or partial, of a tree of that size or of a smaller one. */
function isTileOf(size: number, path: string): boolean {
  try {
    const parsed = parseTilePath(path);
    const { level, index, width } = parsed.kind === 'tile' ? parsed.tile : { level: 0, ...parsed };
    return index * TILE_WIDTH + width <= Math.floor(size / TILE_WIDTH ** level);
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}
