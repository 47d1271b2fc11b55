import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8Bytes, utf8Text } from '../../core/platform/bytes.ts';
import { HaltError } from '../context/errors.ts';
import { absentAsNull, hasCode } from '../context/files.ts';
import type { JournalFiles } from '../context/files.ts';

/** Who holds a folder: a process of this machine since it was booted, and a token of this very holder. */
interface Holder {
  readonly pid: number;
  /** When the process started and which boot of the machine that was; empty where the system does not say. */
  readonly started: string;
  readonly token: string;
}

/** A held folder. */
export interface FolderLock {
  /** Whether the lock still names this holder. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Takes a writer's folder for this process, also from one that died without letting go.
 *
 * This is a courtesy, not what keeps entries safe: processes that do not see each other (two containers on one volume)
 * get past it. What keeps them safe is that a later boot renames the segments it takes over, and that every batch is
 * learnt by hash.
 *
 * @throws {@link HaltError} `folder_in_use` while a live process of this machine holds it.
 */
export async function lockFolder(
  files: JournalFiles,
  folder: string,
  token: string,
): Promise<FolderLock> {
  const path = join(folder, 'lock');
  const holder: Holder = { pid: process.pid, started: await startedAt(process.pid), token };
  for (;;) {
    if (await created(files, path, holder)) break;
    const other = parseHolder(await files.read(path));
    if (other !== null && (await isAlive(other))) {
      const message = `process ${other.pid} has this writer's folder open: it serves the ledger already`;
      throw new HaltError('folder_in_use', message);
    }
    await files.remove(path);
  }
  const isHeld = async (): Promise<boolean> => parseHolder(await files.read(path))?.token === token;
  return {
    isHeld,
    release: async () => {
      if (await isHeld()) await files.remove(path);
    },
  };
}

async function created(files: JournalFiles, path: string, holder: Holder): Promise<boolean> {
  try {
    const file = await files.create(path);
    await file.write(utf8Bytes(JSON.stringify(holder)));
    await file.close();
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** What is not a holder is left over from a crash in the middle of taking the lock. */
function parseHolder(bytes: Uint8Array | null): Holder | null {
  if (bytes === null) return null;
  try {
    const value = JSON.parse(utf8Text(bytes)) as Partial<Holder> | null;
    const { pid, started, token } = value ?? {};
    if (pid === undefined || started === undefined || token === undefined) return null;
    return { pid, started, token };
  } catch {
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (!hasCode(error, 'EPERM')) return false;
  }
  return (await startedAt(holder.pid)) === holder.started;
}

/** Process numbers come round again; with the time of start and the boot of the machine they name one process. */
async function startedAt(pid: number): Promise<string> {
  const stat = await absentAsNull(readFile(`/proc/${pid}/stat`, 'latin1')).catch(() => null);
  const boot = await absentAsNull(readFile('/proc/sys/kernel/random/boot_id', 'latin1'));
  if (stat === null || boot === null) return '';
  // Field 22, counted behind the command's name, which may hold anything but ends at the last parenthesis.
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${boot.trim()}:${ticks}`;
}
