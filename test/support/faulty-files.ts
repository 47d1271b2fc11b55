import { journalFiles } from '../../src/ledger/context/files.ts';
import type { AppendFile, JournalFiles } from '../../src/ledger/context/files.ts';

/** An operation of the journal's file system that can be made to fail. */
export type FileOperation = 'create' | 'write' | 'sync' | 'syncFolder' | 'rename' | 'remove';

/** The real file system with faults: the `at`-th call of an operation (0 for the next) fails with this code. */
export class FaultyFiles {
  readonly files: JournalFiles;
  /** Calls of each operation so far. */
  readonly calls: Partial<Record<FileOperation, number>> = {};
  readonly #faults: { operation: FileOperation; at: number; code: string; part: number }[] = [];

  constructor(inner: JournalFiles = journalFiles) {
    this.files = {
      ...inner,
      create: async (path) => {
        this.#step('create');
        return this.#faulty(await inner.create(path));
      },
      rename: async (from, to) => {
        this.#step('rename');
        return inner.rename(from, to);
      },
      remove: async (path) => {
        this.#step('remove');
        return inner.remove(path);
      },
      syncFolder: async (path) => {
        this.#step('syncFolder');
        return inner.syncFolder(path);
      },
    };
  }

  /** Plans a fault. `part` of the bytes of a failing write reach the file all the same. */
  fail(operation: FileOperation, code: string, options: { at?: number; part?: number } = {}): void {
    const at = (this.calls[operation] ?? 0) + (options.at ?? 0);
    this.#faults.push({ operation, code, at, part: options.part ?? 0 });
  }

  #step(operation: FileOperation): void {
    const fault = this.#fault(operation);
    if (fault !== undefined) throw failure(fault.code);
  }

  #fault(operation: FileOperation) {
    const call = this.calls[operation] ?? 0;
    this.calls[operation] = call + 1;
    return this.#faults.find((fault) => fault.operation === operation && fault.at === call);
  }

  #faulty(file: AppendFile): AppendFile {
    return {
      ...file,
      write: async (bytes) => {
        const fault = this.#fault('write');
        if (fault === undefined) return file.write(bytes);
        await file.write(bytes.subarray(0, Math.floor(bytes.length * fault.part)));
        throw failure(fault.code);
      },
      sync: async () => {
        this.#step('sync');
        return file.sync();
      },
    };
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
