/** Verification of a log that is served as C2SP tlog-tiles: what any stranger with its URL and key can check. */
import { concatBytes, equalBytes, toBase64Url } from '../../core/platform/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../../core/tree/checkpoint.ts';
import type { Checkpoint } from '../../core/tree/checkpoint.ts';
import { checkControl } from '../../core/ledger/ctl.ts';
import { parseEntry } from '../../core/entry/entry.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { hashLeaf, parseLeafHash } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import { step, verdictOf } from '../../core/verify/report.ts';
import type { Report, Step } from '../../core/verify/report.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../../core/tree/signed-note.ts';
import {
  entryBundlePath,
  parseEntryBundle,
  parseTile,
  TILE_WIDTH,
  tilePath,
} from '../../core/tree/tile.ts';
import { edgeRoot, emptyEdge, extendEdge } from '../../core/tree/tree.ts';
import { NOTE_BYTES_MAX, TILE_BYTES_MAX } from '../../ledger/context/limits.ts';
import type { Output } from '../output.ts';

/** For one answer as a whole, ms: 16 MiB over a slow line, and no end to be waited for in vain. */
const FETCH_MS_MAX = 60_000;

/**
 * Reads every entry bundle of the log at `url` and holds the tree over them against its checkpoint.
 * @param vkeys - Keys of the log from somewhere else: of any gateway that may answer. None: the signature cannot be judged.
 */
export async function verifyServedLog(
  url: string,
  vkeys: readonly string[],
  output: Output,
): Promise<Report> {
  const base = url.replace(/\/$/, '');
  const note = new TextDecoder().decode(await read(`${base}/checkpoint`, NOTE_BYTES_MAX));
  const steps: Step[] = [];
  const checkpoint = readCheckpoint(note, vkeys, steps);
  await checkTree(base, checkpoint, steps, output);
  const entries = steps.some(({ name, verdict }) => name === 'tree' && verdict === 'pass');
  return {
    verdict: verdictOf(steps, [], ['tree'], vkeys.length > 0),
    steps,
    findings: [],
    establishes: entries
      ? [`The ${checkpoint.size} entries served are exactly those of the checkpoint.`]
      : [],
    doesNotEstablish: [
      'That what the entries say is true.',
      'When anything happened: times are claims of the gateways, without a token or a witness.',
      'Who signed each entry: certificates stand in the batches; verify the store for that.',
      'That others are shown the same log: keep the checkpoint, and compare.',
    ],
  };
}

function readCheckpoint(note: string, vkeys: readonly string[], steps: Step[]): Checkpoint {
  const keys = vkeys.map(parseVkey);
  const [first] = keys;
  if (first === undefined) {
    const checkpoint = parseCheckpoint(parseSignedNote(note).text);
    steps.push(step('checkpoint', 'unverifiable', `size ${checkpoint.size}, no key was given`));
    return checkpoint;
  }
  const { checkpoint } = openCheckpoint(note, first.name, keys.map(verifierOf));
  steps.push(step('checkpoint', 'pass', `size ${checkpoint.size} of ${checkpoint.origin}`));
  return checkpoint;
}

async function checkTree(
  base: string,
  { size, root, origin }: Checkpoint,
  steps: Step[],
  output: Output,
): Promise<void> {
  const bar = output.progress('entries', size);
  const bundles: Bundle[] = [];
  let edge = emptyEdge();
  let malformed = 0;
  try {
    for (let first = 0; first < size; first += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, size - first);
      const leaves = await readBundle(base, first / TILE_WIDTH, width);
      if (leaves?.length !== width) {
        const path = entryBundlePath(first / TILE_WIDTH, width);
        const what = leaves === null ? 'is not served' : 'is no bundle of as many entries';
        steps.push(step('tree', leaves === null ? 'unverifiable' : 'fail', `${path} ${what}`));
        return;
      }
      malformed += leaves.filter((leaf) => !isEntryOf(leaf, origin)).length;
      const hashes = leaves.map(hashLeaf);
      bundles.push({ width, root: edgeRoot(extendEdge(emptyEdge(), hashes)) });
      edge = extendEdge(edge, hashes);
      bar.update(edge.size);
    }
  } finally {
    bar.stop();
  }
  const same = equalBytes(edgeRoot(edge), root);
  const over = `root ${toBase64Url(root)} over ${size} entries`;
  const detail = same ? over : `${over}: ${await differing(base, bundles)}`;
  steps.push(step('tree', same ? 'pass' : 'fail', detail));
  steps.push(
    step(
      'entries',
      malformed === 0 ? 'pass' : 'fail',
      malformed === 0 ? 'all are entries of this log' : `${malformed} are no entries of this log`,
    ),
  );
}

/** What a bundle folds to, for a closer look where the whole is not the tree of the checkpoint. */
interface Bundle {
  readonly width: number;
  readonly root: Sha256Hash;
}

/** Which bundle and tile do not belong together: one of the two was changed. */
async function differing(base: string, bundles: readonly Bundle[]): Promise<string> {
  for (const [index, { width, root }] of bundles.entries()) {
    const path = tilePath({ level: 0, index, width });
    const bytes = await readOf(base, path, tilePath({ level: 0, index, width: TILE_WIDTH }));
    const hashes = bytes && orNone(() => parseTile(bytes).slice(0, width));
    const tile = extendEdge(emptyEdge(), (hashes ?? []).map(parseLeafHash));
    if (equalBytes(edgeRoot(tile), root)) continue;
    return `${entryBundlePath(index, width)} and ${path} do not agree`;
  }
  return 'the entries served are of another tree';
}

/** A bundle; null where it is not served, and no entries where it is none. */
async function readBundle(
  base: string,
  index: number,
  width: number,
): Promise<Uint8Array[] | null> {
  const full = entryBundlePath(index, TILE_WIDTH);
  const bytes = await readOf(base, entryBundlePath(index, width), full);
  return bytes && orNone(() => parseEntryBundle(bytes).slice(0, width));
}

/** The partial file, or the full one where the partial is gone (C2SP tlog-tiles, Partial Tiles). */
async function readOf(base: string, partial: string, full: string): Promise<Uint8Array | null> {
  const bytes = await tryRead(`${base}/${partial}`, TILE_BYTES_MAX);
  return bytes ?? (partial === full ? null : tryRead(`${base}/${full}`, TILE_BYTES_MAX));
}

function orNone<T>(parse: () => T[]): T[] {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MalformedError) return [];
    throw error;
  }
}

function isEntryOf(leaf: Uint8Array, origin: string): boolean {
  try {
    return parseEntry(leaf, checkControl).payload.iss === origin;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

async function tryRead(url: string, bytesMax: number): Promise<Uint8Array | null> {
  const signal = AbortSignal.timeout(FETCH_MS_MAX);
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    throw unreachable(`${url} does not answer`, cause);
  });
  if (response.status === 404) return null;
  if (!response.ok) {
    throw unreachable(
      `${url} answered ${response.status}${response.status === 401 ? ': this log is not open to strangers; verify its store, or have callers.anonymous set' : ''}`,
    );
  }
  return bodyOf(url, response, bytesMax);
}

/** The body, as far as anything has bytes that a log serves there: who serves it is not trusted. */
async function bodyOf(url: string, { body }: Response, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
      size += part.length;
      // To leave the loop gives the rest of the body up.
      if (size > bytesMax) break;
      parts.push(part);
    }
  } catch (cause) {
    throw unreachable(`${url} broke off its answer, or took too long`, cause);
  }
  if (size <= bytesMax) return concatBytes(...parts);
  throw new SteleError('log_oversize', `${url} has more than ${bytesMax} bytes`, {
    disposition: 'fix-input',
  });
}

function unreachable(message: string, cause?: unknown): SteleError {
  return new SteleError('log_unreachable', message, { disposition: 'retry', cause });
}

async function read(url: string, bytesMax: number): Promise<Uint8Array> {
  const bytes = await tryRead(url, bytesMax);
  if (bytes !== null) return bytes;
  throw unreachable(`${url} is missing: is this the URL of a log?`);
}
