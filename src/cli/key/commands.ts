import type { Command } from 'commander';
import { addLazily } from '../lazy-commands.ts';
import type { LazyCommand } from '../lazy-commands.ts';

/** Each in a file of its own. */
const commands: readonly LazyCommand[] = [
  {
    name: 'list',
    summary: 'every key that the log has named, whose it is and whether it still holds',
    hears: 'settings',
    load: async () => (await import('./list.ts')).keyListCommand,
  },
  {
    name: 'retire',
    summary: 'end a key: what it signed stays good; by the root key, sealed by a gateway',
    hears: 'gateway',
    load: async () => (await import('./statement.ts')).keyRetireCommand,
  },
  {
    name: 'revoke',
    summary: 'end a key that somebody else may have: it is believed no more, for ever',
    hears: 'gateway',
    load: async () => (await import('./statement.ts')).keyRevokeCommand,
  },
  {
    name: 'send',
    summary: 'send a statement that was made where the root key is',
    hears: 'gateway',
    load: async () => (await import('./statement.ts')).keySendCommand,
  },
];

/** `stele key`: the life of the keys that the root certifies. */
export function keyCommand(declared: Command): void {
  declared.addHelpText('after', '\nStart here:\n  stele key list');
  addLazily(declared, commands);
}
