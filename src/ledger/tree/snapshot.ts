/**
 * What this process has learnt of the log, kept beside its journal, so that a start need not read the log from its
 * beginning. A convenience of this disk: it is believed only if the store has the very batch that it ends with, and
 * without it a start does the same, slower.
 */
import { parseBase64Url, toBase64Url, utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import type { Genesis } from '../../core/ledger/genesis.ts';
import type { LogState } from '../../core/log/state.ts';
import { PersistentMap } from '../../core/ledger/persistent-map.ts';
import { sha256Base64Url } from '#platform';
import type { AdmissionRun } from '../log/admission-times.ts';
import type { JournalFiles } from '../context/files.ts';
import type { TileImage } from './tiles.ts';
import { join } from 'node:path';
import { writeWhole } from '../journal/writer-folder.ts';

/** A log at a position, with the right edge of its tiles and the times of its entries. */
export interface Snapshot {
  readonly state: LogState;
  readonly tiles: TileImage;
  readonly admitted: readonly AdmissionRun[];
}

/** Grows with every change of what a {@link Snapshot} holds: those of another number are not read. */
export const SNAPSHOT_FORMAT = 6;

const FILE = 'learnt';

/** Writes a snapshot, whole or not at all. */
export async function saveSnapshot(
  files: JournalFiles,
  folder: string,
  { state, tiles, admitted }: Snapshot,
): Promise<void> {
  // Genesis is read from its own place.
  const { genesis, ...rest } = state;
  const body = JSON.stringify({
    format: SNAPSHOT_FORMAT,
    gen: genesis.gen,
    state: plain(rest),
    tiles: plain(tiles),
    admitted,
  });
  await writeWhole(files, folder, FILE, utf8Bytes(`${sha256Base64Url(body)}\n${body}`));
}

/** @returns null when there is none, or none that is whole, of this format and of this ledger. */
export async function loadSnapshot(
  files: JournalFiles,
  folder: string,
  genesis: Genesis,
): Promise<Snapshot | null> {
  const bytes = await files.read(join(folder, FILE));
  if (bytes === null) return null;
  try {
    const [hash, body = ''] = utf8Text(bytes).split('\n');
    if (sha256Base64Url(body) !== hash) return null;
    const { format, gen, state, tiles, admitted } = JSON.parse(body) as Record<string, unknown>;
    if (format !== SNAPSHOT_FORMAT || gen !== genesis.gen) return null;
    const rest = rich(state) as Omit<LogState, 'genesis'>;
    return {
      state: { ...rest, genesis },
      tiles: rich(tiles) as TileImage,
      admitted: admitted as readonly AdmissionRun[],
    };
  } catch {
    // Whatever is wrong with it, the log itself is in the store.
    return null;
  }
}

/** As JSON: maps and bytes become objects with one member that no other object here has. */
function plain(value: unknown): unknown {
  if (value instanceof PersistentMap) {
    return { $map: [...value.entries()].map(([key, each]) => [key, plain(each)]) };
  }
  if (value instanceof Uint8Array) return { $bytes: toBase64Url(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function rich(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rich);
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value) return richBytes(String(value.$bytes));
  if ('$map' in value) {
    let map = PersistentMap.empty<unknown>();
    for (const [key, each] of value.$map as [string, unknown][]) map = map.with(key, rich(each));
    return map;
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rich(each)]));
}

function richBytes(text: string): Uint8Array {
  const bytes = parseBase64Url(text);
  return bytes.length === 32 ? parseSha256Hash(bytes) : bytes;
}
