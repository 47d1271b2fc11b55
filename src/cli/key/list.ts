import type { Command } from 'commander';
import { keyHistory } from '../../ledger/fsck/key-history.ts';
import type { KeyHistory, KeyLife } from '../../ledger/fsck/key-history.ts';
import { contextOf } from '../context.ts';
import type { Configuration } from '../settings/configuration.ts';
import { openStore } from '../open/store.ts';

/** `stele key list`: the keys of a ledger, read from the store and verified; no gateway is asked. */
export function keyListCommand(declared: Command): void {
  declared
    .option('--vkey <vkey>', 'checkpoint key of the log, from somewhere else than the store')
    .action(async (flags: { vkey?: string }, command: Command) => {
      const { configuration, output } = contextOf(command);
      const history = await keysOf(configuration, flags.vkey);
      const lines = history.keys.map(lineOf);
      output.result(history, [...lines, `log ${history.verdict}`].join('\n'));
    });
}

/** Reads the keys of the configured ledger from its store. */
export async function keysOf(configuration: Configuration, vkey?: string): Promise<KeyHistory> {
  const store = await openStore(configuration);
  try {
    const anchors = vkey === undefined ? {} : { vkeys: [vkey] };
    return await keyHistory(store, configuration.text('ledger'), anchors);
  } finally {
    await store.close();
  }
}

function lineOf({ kid, status, use, holder, last }: KeyLife): string {
  const position = last === null ? '' : `  last ${last.boot}/${last.seq}`;
  return `${kid}  ${status.padEnd(9)}  ${(use ?? '-').padEnd(10)}  ${holder ?? '-'}${position}`;
}
