import type { JournalFiles } from '../context/files.ts';

/**
 * A file of the journal, and how many of its records still need it: entries not known to be in the log, plans of
 * payload objects not known to be named by it. Removed when it has ended and nothing holds it.
 */
export class Segment {
  readonly path: string;
  readonly #files: JournalFiles;
  #held = 0;
  #ended = false;

  constructor(files: JournalFiles, path: string) {
    this.#files = files;
    this.path = path;
  }

  /** Counts records that need this file. */
  hold(records: number): void {
    this.#held += records;
  }

  /** Lets go of records: their entries were seen in a committed batch, or will be journalled anew. */
  release(records = 1): void {
    this.#held -= records;
    this.#trim();
  }

  /** Nothing more will be written to it. */
  end(): void {
    this.#ended = true;
    this.#trim();
  }

  #trim(): void {
    if (!this.#ended || this.#held > 0) return;
    // A failure leaves a file whose entries are all in the log: the next start finds that out and removes it.
    this.#files.remove(this.path).catch(() => undefined);
  }
}
