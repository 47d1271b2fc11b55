/** The text that a log signs: origin, size and root of its tree (C2SP tlog-checkpoint). */
import { parseBase64, toBase64, utf8Bytes } from '../platform/bytes.ts';
import { MalformedError } from '../errors.ts';
import { parseSha256Hash } from './hash.ts';
import { isNoteText, openNote } from './signed-note.ts';
import type { NoteVerifier, OpenedNote } from './signed-note.ts';
import { parseDecimal, parseTreeSize } from './tree.ts';
import type { TreeHead } from './tree.ts';

/** A tree head as its log names it. Unsigned: a {@link openCheckpoint | note} carries the signatures. */
export interface Checkpoint extends TreeHead {
  /** The log's identity, for ever: 1..255 bytes on one line. */
  readonly origin: string;
  /** Further lines. Stele writes none: not every cosignature covers them. */
  readonly extensions: readonly string[];
}

/** A checkpoint whose log has signed it, and by whom else it was signed. */
export interface OpenedCheckpoint extends OpenedNote {
  readonly checkpoint: Checkpoint;
}

/** Longest origin: what the one length byte of an ML-DSA cosignature holds. */
const ORIGIN_BYTES_MAX = 255;

/** The note text of a checkpoint. @throws {@link MalformedError} `malformed_checkpoint` for lines that cannot be. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const lines = [origin, String(size), toBase64(root), ...extensions];
  const text = `${lines.join('\n')}\n`;
  if (parseCheckpoint(text).extensions.length !== extensions.length) {
    throw new MalformedError('line of a checkpoint has a line end', 'malformed_checkpoint');
  }
  return text;
}

/**
 * Parses the text of a checkpoint, as {@link parseSignedNote} or {@link openNote} gives it. That a tree of size 0 has
 * the root of nothing is for {@link verifyConsistency} to say.
 *
 * @throws {@link MalformedError} `malformed_checkpoint`, `malformed_number` also for a size above 2⁵³-1.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n');
  const extensions = rest.slice(0, -1);
  const isLines = isNoteText(text) && rest.length > 0 && !extensions.includes('');
  if (!isLines || origin === '' || utf8Bytes(origin).length > ORIGIN_BYTES_MAX) {
    throw new MalformedError('checkpoint is not origin, size and root', 'malformed_checkpoint');
  }
  return {
    origin,
    size: parseTreeSize(parseDecimal(size)),
    root: parseSha256Hash(parseBase64(root)),
    extensions,
  };
}

/**
 * Opens a signed checkpoint of one log: the origin is as wanted, and a key of that name has signed.
 *
 * @param verifiers - The log's own keys, whose name is the origin, and any cosigners'.
 * @throws {@link MalformedError} `other_origin`, `note_unverified` also when only cosigners have signed, and as
 *   {@link openNote} and {@link parseCheckpoint}.
 */
export function openCheckpoint(
  note: string,
  origin: string,
  verifiers: readonly NoteVerifier[],
): OpenedCheckpoint {
  const opened = openNote(note, verifiers);
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint.origin !== origin) {
    const message = `checkpoint is of ${checkpoint.origin}, want ${origin}`;
    throw new MalformedError(message, 'other_origin');
  }
  if (!opened.verified.some(({ name }) => name === origin)) {
    throw new MalformedError('checkpoint is not signed by its log', 'note_unverified');
  }
  return { ...opened, checkpoint };
}
