/**
 * The published checkpoint against the log. It is a hint that nobody has to believe; but somebody may have been shown
 * it, and where a key of the log signed it, the log is bound by it.
 */
import { equalBytes, utf8Text } from '../../core/platform/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../../core/tree/checkpoint.ts';
import type { Checkpoint } from '../../core/tree/checkpoint.ts';
import { MalformedError } from '../../core/errors.ts';
import { finding } from '../../core/verify/findings.ts';
import type { Finding, FindingCode } from '../../core/verify/findings.ts';
import { EMPTY_ROOT } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import type { Acceptance, LogState } from '../../core/log/state.ts';
import { step } from '../../core/verify/report.ts';
import type { Step, StepVerdict } from '../../core/verify/report.ts';
import { caughtMalformed } from '../../core/entry/schema.ts';
import { parseSignedNote, parseVkey, verifierOf } from '../../core/tree/signed-note.ts';
import type { NoteVerifier } from '../../core/tree/signed-note.ts';
import { edgeRoot, extendEdge } from '../../core/tree/tree.ts';
import type { RightEdge } from '../../core/tree/tree.ts';
import type { FsckContext } from './objects.ts';
import { NOTE_BYTES_MAX } from '../context/limits.ts';

/** A note that says that it is a checkpoint of this log. */
interface PublishedNote {
  readonly note: string;
  readonly checkpoint: Checkpoint;
  /** Whether a key from elsewhere signed it; else the keys that the log vouches for have to. */
  readonly isAnchored: boolean;
}

/** What was found of the published checkpoint. */
export interface PublishedReport {
  readonly findings: readonly Finding[];
  readonly step: Step;
}

const STEP = 'published_checkpoint';

/** Judges the published checkpoint while the log streams by. */
export class PublishedCheck {
  readonly #key: string;
  readonly #origin: string;
  /** Keys from elsewhere. */
  readonly #anchors: readonly NoteVerifier[];
  readonly #published: PublishedNote | null;
  readonly #fault: string | null;
  /** The root of the log at the published size, once it is reached. */
  #root: Sha256Hash | null;

  private constructor(
    context: FsckContext,
    origin: string,
    anchors: readonly NoteVerifier[],
    read: PublishedNote | string | null,
  ) {
    this.#key = context.keys.checkpoint;
    this.#origin = origin;
    this.#anchors = anchors;
    this.#published = typeof read === 'string' ? null : read;
    this.#fault = typeof read === 'string' ? read : null;
    this.#root = this.size === 0 ? EMPTY_ROOT : null;
  }

  /**
   * @param anchors - Keys from elsewhere. Another gateway than theirs may have published last: its key is then one that a
   *   batch has named, certified by the root.
   */
  static async read(
    context: FsckContext,
    origin: string,
    anchors: readonly NoteVerifier[],
  ): Promise<PublishedCheck> {
    const range = { start: 0, end: NOTE_BYTES_MAX };
    const found = await context.store.get(context.keys.checkpoint, { range });
    return new PublishedCheck(context, origin, anchors, found && open(found.bytes));

    function open(bytes: Uint8Array): PublishedNote | string {
      try {
        const note = utf8Text(bytes);
        const checkpoint = parseCheckpoint(parseSignedNote(note).text);
        const isAnchored = anchors.length > 0 && isSigned(note, origin, anchors);
        return { note, checkpoint, isAnchored };
      } catch (error) {
        return describe(error);
      }
    }
  }

  /** The size that it claims; null where there is none to be used. */
  get size(): number | null {
    return this.#published?.checkpoint.size ?? null;
  }

  /** The note, where a key from elsewhere signed it: it binds the log. */
  get anchored(): readonly string[] {
    return this.#published?.isAnchored === true ? [this.#published.note] : [];
  }

  /** Takes the next batch, with the tree before it. */
  add(before: RightEdge, { leafHashes, state }: Acceptance): void {
    const { size } = this;
    if (size === null || size <= before.size || size > state.size) return;
    this.#root = edgeRoot(extendEdge(before, leafHashes.slice(0, size - before.size)));
  }

  /** Judges it against the whole log. */
  finish(state: LogState): PublishedReport {
    if (this.#fault !== null) return this.#failed('bad_checkpoint', this.#fault);
    if (this.#published === null) {
      return { findings: [], step: step(STEP, 'not_checked', 'nothing is published') };
    }
    const { note, checkpoint, isAnchored } = this.#published;
    const keys = isAnchored ? this.#anchors : keysOf(state, checkpoint.size);
    let signed: boolean;
    try {
      signed = isSigned(note, this.#origin, keys);
    } catch (error) {
      return this.#failed('bad_checkpoint', describe(error));
    }
    const { size } = checkpoint;
    if (!signed && this.#anchors.length > 0) {
      return this.#failed('bad_checkpoint', 'note_unverified: signed by no key of the log');
    }
    if (this.#root === null) {
      const detail = `size ${size}, the log has ${state.size}`;
      return this.#failed(signed ? 'tail_cut' : 'bad_checkpoint', detail);
    }
    if (!equalBytes(this.#root, checkpoint.root)) {
      return this.#failed(signed ? 'fork' : 'bad_checkpoint', `another root at size ${size}`);
    }
    const verdict: StepVerdict = signed ? 'pass' : 'unverifiable';
    const by = signed ? 'by a key of the log' : 'by a key that no batch has vouched for';
    return { findings: [], step: step(STEP, verdict, `size ${size}, signed ${by}`) };
  }

  #failed(code: FindingCode, detail: string): PublishedReport {
    // What a key from elsewhere signed is one of the known checkpoints, and is reported as such.
    const told = this.anchored.length > 0;
    const found = finding(code, { key: this.#key }, `published: ${detail}`);
    return { findings: told ? [] : [found], step: step(STEP, 'fail', detail) };
  }
}

/** The checkpoint keys that the log itself vouches for, at a size. */
export function keysOf(state: LogState, size: number): NoteVerifier[] {
  return [...state.keys.entries()].flatMap(([, { certificate, status, until }]) => {
    if (certificate?.use !== 'checkpoint' || status === 'revoked') return [];
    return until === null || size <= until ? [verifierOf(parseVkey(certificate.vkey))] : [];
  });
}

/**
 * Whether one of the keys signed a note. One that no key signed may be of a newer key, which no batch has named yet.
 * @throws {@link MalformedError} when it is of another log, or a signature of a key does not verify.
 */
export function isSigned(note: string, origin: string, keys: readonly NoteVerifier[]): boolean {
  const { origin: named } = parseCheckpoint(parseSignedNote(note).text);
  if (named !== origin) throw new MalformedError(`is of ${named}, want ${origin}`, 'other_origin');
  try {
    openCheckpoint(note, origin, keys);
    return true;
  } catch (error) {
    const malformed = caughtMalformed(error);
    if (malformed.code === 'note_unverified') return false;
    throw malformed;
  }
}

function describe(error: unknown): string {
  const { code, message } = caughtMalformed(error);
  return `${code}: ${message}`;
}
