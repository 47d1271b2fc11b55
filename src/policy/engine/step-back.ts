import { constants, getPriority, setPriority } from 'node:os';

/** Takes a lower priority for this thread. On Linux 0 is this thread; elsewhere it would be the whole process. */
export function stepBack(): void {
  if (process.platform !== 'linux') return;
  const { PRIORITY_BELOW_NORMAL: step, PRIORITY_LOW: lowest } = constants.priority;
  setPriority(0, Math.min(getPriority(0) + step, lowest));
}
