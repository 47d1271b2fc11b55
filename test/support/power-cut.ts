/**
 * A disk whose power can be cut: an ext4 image mounted by loop, shut down without flushing its log, then mounted again.
 * What reached the device is there, the rest is gone. A SIGKILL leaves the page cache and says nothing about fsync.
 * Needs root, the right to mount, and python3 for one system call.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** EXT4_IOC_SHUTDOWN with the flag "no log flush". */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
`;

/** A mounted image. */
export interface CuttableDisk {
  /** Where it is mounted. */
  readonly folder: string;
  /** Cuts the power: from here on every write fails, and what was not synced is lost. */
  cut(): void;
  /** Mounts what is left. Processes that used the disk must be gone. */
  remount(): void;
  close(): Promise<void>;
}

/** Why power cannot be cut on this machine, or null when it can. */
export async function whyNoPowerCut(): Promise<string | null> {
  if (process.platform !== 'linux') return 'skipped: power cuts: not Linux';
  if (process.getuid?.() !== 0) return 'skipped: power cuts: not root';
  try {
    const disk = await openCuttableDisk(16);
    try {
      disk.cut();
      disk.remount();
    } finally {
      await disk.close();
    }
    return null;
  } catch {
    return 'skipped: power cuts: mounting an image, or shutting it down, is not permitted';
  }
}

/** Makes and mounts an image of so many megabytes. */
export async function openCuttableDisk(megabytes: number): Promise<CuttableDisk> {
  const base = await fs.mkdtemp(path.join(os.tmpdir(), 'stele-disk-'));
  const image = path.join(base, 'image');
  const folder = path.join(base, 'mounted');
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const mount = (): void => {
    run('mount', '-o', 'loop', image, folder);
  };
  await fs.mkdir(folder);
  run('truncate', '-s', `${megabytes}M`, image);
  run('mkfs.ext4', '-q', '-F', image);
  try {
    mount();
  } catch (error) {
    await fs.rm(base, { recursive: true });
    throw error;
  }
  return {
    folder,
    cut: () => {
      run('python3', '-c', SHUTDOWN, folder);
    },
    remount: () => {
      run('umount', folder);
      mount();
    },
    close: async () => {
      run('umount', folder);
      await fs.rm(base, { recursive: true });
    },
  };
}
