/**
 * No key signs two histories (design 3.5 step 6): what the checkpoint key last signed is kept on this disk, synced
 * before the signature leaves, and nothing is signed that is not proven to extend it.
 */
import { dirname, join } from 'node:path';
import {
  equalBytes,
  parseBase64Url,
  toBase64Url,
  utf8Bytes,
  utf8Text,
} from '../../core/platform/bytes.ts';
import { formatCheckpoint } from '../../core/tree/checkpoint.ts';
import { assert } from '../../core/errors.ts';
import { parseSha256Hash } from '../../core/tree/hash.ts';
import type { Sha256Hash } from '../../core/tree/hash.ts';
import { verifyConsistency } from '../../core/tree/proof.ts';
import { formatSignedNote } from '../../core/tree/signed-note.ts';
import type { NoteSigner } from '../../core/tree/signed-note.ts';
import { parseTreeSize } from '../../core/tree/tree.ts';
import type { TreeHead } from '../../core/tree/tree.ts';
import { HaltError } from '../context/errors.ts';
import type { AppendFile, JournalFiles } from '../context/files.ts';
import { HEADS_BYTES_MAX } from '../context/limits.ts';
import type { SignedHead } from '../context/receipt.ts';
import { writeWhole } from '../journal/writer-folder.ts';

/** Gives the consistency path between two sizes of the log as it is known now. */
export type ProveExtension = (from: number, to: number) => Promise<readonly Sha256Hash[]>;

/** What a guard works with. */
export interface GuardParts {
  readonly files: JournalFiles;
  /** Folder of the heads of this writer. */
  readonly folder: string;
  readonly signer: NoteSigner;
  readonly origin: string;
  readonly prove: ProveExtension;
}

/** Signs checkpoints of one log with one key. Calls must not overlap. */
export class SignerGuard {
  readonly #parts: GuardParts;
  #last: TreeHead | null = null;
  #file: { readonly append: AppendFile; readonly path: string; bytes: number } | null = null;
  #fileNumber = 0;
  /** Files of earlier processes: they go once their last head stands in one of ours. */
  #old: string[] = [];
  #loaded = false;
  /** Whether the folder says, outside of that of the heads, that the key has signed here. */
  #marked = false;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /**
   * Reads what the key has signed here before. A folder without it has signed nothing, unless it says otherwise.
   * @throws {@link HaltError} `heads_lost`: without its heads the key could sign a second history.
   */
  async load(): Promise<void> {
    if (this.#loaded) return;
    const { files, folder, signer } = this.#parts;
    const prefix = `${signer.id}-`;
    const names = (await files.list(folder)).filter((name) => name.startsWith(prefix));
    for (const name of names) {
      const path = join(folder, name);
      for (const head of parseHeads(path, (await files.read(path)) ?? new Uint8Array())) {
        if (this.#last === null || head.size > this.#last.size) this.#last = head;
      }
    }
    this.#marked = (await files.read(this.#mark.path)) !== null;
    if (this.#marked && this.#last === null) {
      throw lost(`${folder} has none of the heads that ${signer.id} has signed`);
    }
    this.#fileNumber = Math.max(-1, ...names.map((name) => Number(name.slice(prefix.length)))) + 1;
    this.#old = names.map((name) => join(folder, name));
    this.#loaded = true;
  }

  /** The last head that this key signed, or that somebody showed to be signed; null for none. */
  get last(): TreeHead | null {
    return this.#last;
  }

  /** Makes sure that the log as it is now extends what was signed. @throws {@link HaltError} `head_conflict`. */
  async check(current: TreeHead): Promise<void> {
    if (this.#last !== null) await this.#assertExtends(this.#last, current);
  }

  /**
   * Takes note of a head that a key of this log has signed elsewhere: published, or held by a witness. From here on
   * it must be extended, too.
   *
   * @throws {@link HaltError} `head_conflict` when the two are not of one history.
   */
  async witness(head: TreeHead, current: TreeHead): Promise<void> {
    await this.#assertExtends(head, current);
    if (this.#last === null || head.size > this.#last.size) this.#last = head;
  }

  /**
   * Signs a head that extends the last one.
   * @throws {@link HaltError} `head_conflict` when it does not: a forked or rolled back store, or a bug. Nothing is signed.
   */
  async sign(head: TreeHead): Promise<SignedHead> {
    assert(this.#loaded, 'a guard knows what was signed before');
    await this.check(head);
    // Durable first: a signature that left before a crash must not be forgotten by it.
    await this.#record(head);
    this.#last = head;
    const { origin, signer } = this.#parts;
    const text = formatCheckpoint({ origin, ...head, extensions: [] });
    const note = formatSignedNote(text, [await signer.sign(text)]);
    return { ...head, note };
  }

  async close(): Promise<void> {
    await this.#file?.append.close();
    this.#file = null;
  }

  async #assertExtends(older: TreeHead, newer: TreeHead): Promise<void> {
    if (newer.size < older.size) {
      const sizes = `signed at ${older.size}, now ${newer.size}`;
      throw new HaltError('head_conflict', `the log is shorter than a head of it: ${sizes}`);
    }
    const same = newer.size === older.size && equalBytes(newer.root, older.root);
    if (same) return;
    const path = await this.#parts.prove(older.size, newer.size);
    if (!verifyConsistency({ path }, older, newer).ok) {
      throw new HaltError(
        'head_conflict',
        `the log of size ${newer.size} is not the one signed before`,
      );
    }
  }

  async #record(head: TreeHead): Promise<void> {
    const line = utf8Bytes(`${JSON.stringify([head.size, toBase64Url(head.root)])}\n`);
    try {
      const file = await this.#openFile();
      await file.append.write(line);
      await file.append.sync();
      file.bytes += line.length;
      await this.#keepMark();
      for (const path of this.#old.splice(0)) await this.#parts.files.remove(path);
    } catch (cause) {
      // As with the journal: a sync is never tried again.
      throw new HaltError('journal_failed', 'the last signed head could not be kept', cause);
    }
  }

  get #mark() {
    const { folder, signer } = this.#parts;
    const name = `signed-${signer.id}`;
    return { name, folder: dirname(folder), path: join(dirname(folder), name) };
  }

  /** After the first head: a crash before it leaves a folder that has signed nothing. */
  async #keepMark(): Promise<void> {
    if (this.#marked) return;
    const { name, folder } = this.#mark;
    await writeWhole(this.#parts.files, folder, name, utf8Bytes(`${this.#parts.signer.vkey}\n`));
    this.#marked = true;
  }

  async #openFile() {
    if (this.#file !== null && this.#file.bytes < HEADS_BYTES_MAX) return this.#file;
    if (this.#file !== null) {
      await this.#file.append.close();
      this.#old.push(this.#file.path);
    }
    const { files, folder, signer } = this.#parts;
    const path = join(folder, `${signer.id}-${String(this.#fileNumber)}`);
    const append = await files.create(path);
    await files.syncFolder(folder);
    this.#fileNumber += 1;
    this.#file = { append, path, bytes: 0 };
    return this.#file;
  }
}

/** A line that was cut off was not synced, so its head was not signed. */
function parseHeads(path: string, bytes: Uint8Array): TreeHead[] {
  try {
    const lines = utf8Text(bytes).split('\n').slice(0, -1);
    return lines.map((line) => {
      const [size, root] = JSON.parse(line) as [number, string];
      return { size: parseTreeSize(size), root: parseSha256Hash(parseBase64Url(root)) };
    });
  } catch (cause) {
    throw lost(`${path} has a line that is no signed head`, cause);
  }
}

function lost(what: string, cause?: unknown): HaltError {
  const cure = 'restore it, or join the ledger as a new writer with a new checkpoint key';
  return new HaltError('heads_lost', `${what}: ${cure}`, cause);
}
