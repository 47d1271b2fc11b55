import type { AppendFile, JournalFiles } from '../../src/ledger/context/files.ts';

interface Inode {
  readonly identity: string;
  bytes: Uint8Array;
  /** How much of it is on the disk. */
  synced: number;
}

/**
 * A disk in memory that keeps the rules of a real one: bytes are safe once the file was synced, names once their folder
 * was. `cut` is a power cut, after which only what is safe is there.
 */
export class MemoryDisk {
  /** Names as running processes see them. */
  #names = new Map<string, Inode>();
  /** Names as the disk has them. */
  #safe = new Map<string, Inode>();
  #made = 0;

  readonly files: JournalFiles = {
    makeFolder: async () => Promise.resolve(),
    create: async (path) => {
      if (this.#names.has(path)) throw failure('EEXIST');
      this.#made += 1;
      const inode = { identity: `memory:${this.#made}`, bytes: new Uint8Array(), synced: 0 };
      this.#names.set(path, inode);
      return Promise.resolve(this.#open(inode));
    },
    list: async (path) =>
      Promise.resolve(
        [...this.#names.keys()]
          .filter((name) => folderOf(name) === path)
          .map((name) => name.slice(path.length + 1)),
      ),
    read: async (path) => Promise.resolve(this.#names.get(path)?.bytes.slice() ?? null),
    rename: async (from, to) => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw failure('ENOENT');
      this.#names.delete(from);
      this.#names.set(to, inode);
      return Promise.resolve();
    },
    remove: async (path) => {
      this.#names.delete(path);
      return Promise.resolve();
    },
    syncFolder: async (path) => {
      for (const name of this.#safe.keys()) if (folderOf(name) === path) this.#safe.delete(name);
      for (const [name, inode] of this.#names) {
        if (folderOf(name) === path) this.#safe.set(name, inode);
      }
      return Promise.resolve();
    },
    identity: (path) => this.#names.get(path)?.identity ?? null,
  };

  /**
   * Cuts the power: unsynced names and bytes are gone.
   * @param keep - How many of the unsynced bytes of a file reached the disk all the same: a torn write.
   */
  cut(keep: (unsynced: number) => number = () => 0): void {
    const survivors = [...this.#safe].map(([name, inode]): [string, Inode] => {
      const length = inode.synced + keep(inode.bytes.length - inode.synced);
      this.#made += 1;
      const bytes = inode.bytes.slice(0, length);
      return [name, { identity: `memory:${this.#made}`, bytes, synced: length }];
    });
    this.#names = new Map(survivors);
    this.#safe = new Map(survivors);
  }

  /** A copy of a folder under another name, as a backup or a machine image has it. */
  copy(from: string, to: string): void {
    for (const [name, { bytes }] of [...this.#names]) {
      if (!name.startsWith(`${from}/`)) continue;
      this.#made += 1;
      const inode = {
        identity: `memory:${this.#made}`,
        bytes: bytes.slice(),
        synced: bytes.length,
      };
      this.#names.set(to + name.slice(from.length), inode);
      this.#safe.set(to + name.slice(from.length), inode);
    }
  }

  #open(inode: Inode): AppendFile {
    return {
      identity: inode.identity,
      write: async (bytes) => {
        const grown = new Uint8Array(inode.bytes.length + bytes.length);
        grown.set(inode.bytes);
        grown.set(bytes, inode.bytes.length);
        inode.bytes = grown;
        return Promise.resolve();
      },
      sync: async () => {
        inode.synced = inode.bytes.length;
        return Promise.resolve();
      },
      close: async () => Promise.resolve(),
    };
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
