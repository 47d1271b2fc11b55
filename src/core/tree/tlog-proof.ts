/** One entry's inclusion and the checkpoint that it is included in, as one text file (C2SP tlog-proof). */
import { parseBase64, toBase64 } from '../platform/bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { MalformedError } from '../errors.ts';
import { parseSha256Hash } from './hash.ts';
import type { Sha256Hash } from './hash.ts';
import { PATH_HASHES_MAX } from './proof.ts';
import { parseSignedNote } from './signed-note.ts';
import { parseDecimal, parseLeafIndex } from './tree.ts';
import type { LeafIndex } from './tree.ts';

/** A proof as a file holds it. Nothing is verified yet: not the path, not the checkpoint's signatures. */
export interface TlogProof {
  readonly index: LeafIndex;
  /** Inclusion path, leaf side first. */
  readonly path: readonly Sha256Hash[];
  /** A whole signed note, verbatim, with whatever cosignatures it has. */
  readonly checkpoint: string;
  /** Bytes for the application, never empty. No signature covers them. */
  readonly extra?: Uint8Array;
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** The text form of a proof. @throws {@link MalformedError} for what {@link parseTlogProof} would refuse. */
export function formatTlogProof({ index, path, checkpoint, extra }: TlogProof): string {
  const lines = [
    FIRST_LINE,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...path.map(toBase64),
  ];
  const text = `${lines.join('\n')}\n\n${checkpoint}`;
  parseTlogProof(text);
  return text;
}

/**
 * Parses the text form of a proof; its checkpoint is well-formed, too.
 * @throws {@link MalformedError} `malformed_tlog_proof`, and as the parsers of its parts.
 */
export function parseTlogProof(text: string): TlogProof {
  const border = text.indexOf('\n\n');
  const [first, ...lines] = text.slice(0, Math.max(border, 0)).split('\n');
  const extra = lines[0]?.startsWith('extra ') === true ? lines.shift()?.slice(6) : undefined;
  const [index = '', ...path] = lines;
  const isShaped = first === FIRST_LINE && extra !== '' && index.startsWith('index ');
  if (!isShaped || path.length > PATH_HASHES_MAX) {
    throw new MalformedError('text is not a tlog-proof', 'malformed_tlog_proof');
  }
  const checkpoint = text.slice(border + 2);
  parseCheckpoint(parseSignedNote(checkpoint).text);
  return {
    index: parseLeafIndex(parseDecimal(index.slice(6))),
    path: path.map((line) => parseSha256Hash(parseBase64(line))),
    checkpoint,
    ...(extra === undefined ? {} : { extra: parseBase64(extra) }),
  };
}
