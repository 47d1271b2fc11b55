/** Verification of a log that is served as C2SP tlog-tiles: what any stranger with its URL and key can check. */
import { toBase64Url } from '../core/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../core/checkpoint.ts';
import type { Checkpoint } from '../core/checkpoint.ts';
import { checkControl } from '../core/ctl.ts';
import { parseEntry } from '../core/entry.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import { hashLeaf } from '../core/hash.ts';
import { step, verdictOf } from '../core/report.ts';
import type { Report, Step } from '../core/report.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../core/signed-note.ts';
import { entryBundlePath, parseEntryBundle, TILE_WIDTH } from '../core/tile.ts';
import { edgeRoot, emptyEdge, extendEdge } from '../core/tree.ts';
import { equalBytes } from '../core/bytes.ts';
import type { Output } from './output.ts';

/**
 * Reads every entry bundle of the log at `url` and holds the tree over them against its checkpoint.
 * @param vkey - Key of the log from somewhere else; null: the signature cannot be judged.
 */
export async function verifyServedLog(
  url: string,
  vkey: string | null,
  output: Output,
): Promise<Report> {
  const base = url.replace(/\/$/, '');
  const note = new TextDecoder().decode(await read(`${base}/checkpoint`));
  const steps: Step[] = [];
  const checkpoint = readCheckpoint(note, vkey, steps);
  await checkTree(base, checkpoint, steps, output);
  const entries = steps.some(({ name, verdict }) => name === 'tree' && verdict === 'pass');
  return {
    verdict: verdictOf(steps, [], ['tree'], vkey !== null),
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

function readCheckpoint(note: string, vkey: string | null, steps: Step[]): Checkpoint {
  if (vkey === null) {
    const checkpoint = parseCheckpoint(parseSignedNote(note).text);
    steps.push(step('checkpoint', 'unverifiable', `size ${checkpoint.size}, no key was given`));
    return checkpoint;
  }
  const key = parseVkey(vkey);
  const { checkpoint } = openCheckpoint(note, key.name, [verifierOf(key)]);
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
  let edge = emptyEdge();
  let malformed = 0;
  try {
    for (let first = 0; first < size; first += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, size - first);
      const leaves = await readBundle(base, first / TILE_WIDTH, width);
      malformed += leaves.filter((leaf) => !isEntryOf(leaf, origin)).length;
      edge = extendEdge(edge, leaves.map(hashLeaf));
      bar.update(edge.size);
    }
  } finally {
    bar.stop();
  }
  const same = edge.size === size && equalBytes(edgeRoot(edge), root);
  steps.push(
    step('tree', same ? 'pass' : 'fail', `root ${toBase64Url(root)} over ${size} entries`),
  );
  steps.push(
    step(
      'entries',
      malformed === 0 ? 'pass' : 'fail',
      malformed === 0 ? 'all are entries of this log' : `${malformed} are no entries of this log`,
    ),
  );
}

/** The partial bundle, or the full one where the partial is gone (C2SP tlog-tiles, Partial Tiles). */
async function readBundle(base: string, index: number, width: number): Promise<Uint8Array[]> {
  const partial = `${base}/${entryBundlePath(index, width)}`;
  const full = `${base}/${entryBundlePath(index, TILE_WIDTH)}`;
  const bytes =
    width === TILE_WIDTH ? await read(full) : ((await tryRead(partial)) ?? (await read(full)));
  return parseEntryBundle(bytes).slice(0, width);
}

function isEntryOf(leaf: Uint8Array, origin: string): boolean {
  try {
    return parseEntry(leaf, checkControl).payload.iss === origin;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

async function tryRead(url: string): Promise<Uint8Array | null> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new SteleError('log_unreachable', `${url} does not answer`, {
      disposition: 'retry',
      cause,
    });
  }
  if (response.status === 404) return null;
  if (!response.ok) {
    throw new SteleError(
      'log_unreachable',
      `${url} answered ${response.status}${response.status === 401 ? ': this log is not open to strangers; verify its store, or have callers.anonymous set' : ''}`,
      {
        disposition: 'retry',
      },
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function read(url: string): Promise<Uint8Array> {
  const bytes = await tryRead(url);
  if (bytes !== null) return bytes;
  throw new SteleError('log_unreachable', `${url} is missing`, { disposition: 'fix-input' });
}
