// A small ext4 file system in a file, mounted by loop, whose power can be cut.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

const tools = resolve(import.meta.dirname, '../../.tools');
const cutter = join(tools, 'bin/powercut');

function attempt(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status === 0) return null;
  return done.error?.message ?? `${command}: ${`${done.stdout}${done.stderr}`.trim()}`;
}

function must(command, args) {
  const failure = attempt(command, args);
  if (failure !== null) throw new Error(failure);
}

/** Compiles the cutter once. @returns {string | null} why it cannot be had */
function prepareCutter() {
  const source = join(import.meta.dirname, 'powercut.c');
  if (existsSync(cutter) && statSync(cutter).mtimeMs >= statSync(source).mtimeMs) return null;
  mkdirSync(join(tools, 'bin'), { recursive: true });
  // Under another name first: two runs may come here at once.
  const fresh = `${cutter}.${process.pid}`;
  const failure = attempt('cc', ['-O1', '-o', fresh, source]);
  if (failure === null) renameSync(fresh, cutter);
  return failure;
}

/**
 * Makes the image and mounts it.
 *
 * @param {number} megabytes sparse: only what is written takes room
 * @returns {{image: object} | {skipped: string}} `skipped` says in words why this machine cannot
 */
export function makeImage(megabytes) {
  if (process.platform !== 'linux') return { skipped: 'cannot mount: not Linux' };
  const uncut = prepareCutter();
  if (uncut !== null) return { skipped: `cannot compile powercut.c: ${uncut}` };
  const folder = join(tools, 'powercut', `${process.pid}`);
  const file = join(folder, 'disk.img');
  const mount = join(folder, 'mnt');
  mkdirSync(mount, { recursive: true });
  const descriptor = openSync(file, 'w');
  ftruncateSync(descriptor, megabytes * 1024 * 1024);
  closeSync(descriptor);
  const image = {
    mount,
    /** Stops a process and then the device, as a power cut does. Every later call on it fails until `restore`. */
    cut: (pid) => must(cutter, [mount, String(pid)]),
    /** Switches the machine on again: what the file system recovers is there. */
    restore: () => {
      must('umount', [mount]);
      must('mount', ['-o', 'loop', file, mount]);
    },
    dispose: () => {
      // Lazily where somebody still has it open.
      if (existsSync(folder) && attempt('umount', [mount]) !== null)
        attempt('umount', ['-l', mount]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  process.once('exit', image.dispose);
  process.once('SIGINT', () => process.exit(130));
  const failure =
    attempt('mkfs.ext4', ['-q', '-F', file]) ?? attempt('mount', ['-o', 'loop', file, mount]);
  if (failure === null) return { image };
  rmSync(folder, { recursive: true, force: true });
  return { skipped: `cannot mount: ${failure}` };
}
