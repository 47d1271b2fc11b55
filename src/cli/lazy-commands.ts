/** Commands whose modules are loaded when they are called: nobody waits for a gateway to read one entry. */
import { Help } from 'commander';
import type { Command } from 'commander';

/** Which of the options that every command takes mean something to a command; `gateway` includes `settings`. */
export type Hears = 'json' | 'settings' | 'gateway';

/** A command before anybody called it. */
export interface LazyCommand {
  readonly name: string;
  readonly summary: string;
  readonly hears: Hears;
  /** Loads what declares its arguments, options and action. */
  readonly load: () => Promise<(declared: Command) => void>;
}

const settings = ['json', 'config', 'set', 'ledger'];
const heard: Readonly<Record<Hears, ReadonlySet<string>>> = {
  json: new Set(['json']),
  settings: new Set(settings),
  gateway: new Set([...settings, 'url', 'key']),
};
const hearing = new WeakMap<Command, Hears>();
const plainHelp = new Help();
plainHelp.showGlobalOptions = true;

/** For `configureHelp`: a command's help names an option of all commands only where it means something. */
export const helpOfHeard = {
  showGlobalOptions: true,
  visibleGlobalOptions: (command: Command) => {
    const names = heard[hearing.get(command) ?? 'gateway'];
    return plainHelp
      .visibleGlobalOptions(command)
      .filter((option) => names.has(option.attributeName()));
  },
};

/** Adds commands by name and summary, and a `help` that loads the one it is asked about. */
export function addLazily(parent: Command, rows: readonly LazyCommand[]): void {
  const loads = new Map<Command, LazyCommand['load']>();
  for (const { name, summary, hears, load } of rows) {
    const command = parent.command(name).description(summary);
    hearing.set(command, hears);
    loads.set(command, load);
  }
  parent.hook('preSubcommand', async (_parent, command) => {
    const load = loads.get(command);
    loads.delete(command);
    if (load !== undefined) (await load())(command);
  });
  // Commander's own prints what is there already, which is a name and a summary.
  parent
    .helpCommand(false)
    .command('help')
    .argument('[command...]')
    .description('display help for a command')
    .helpOption(false)
    .action(async (words: string[]) => {
      const path = parent.parent === null ? words : [parent.name(), ...words];
      await (parent.parent ?? parent).parseAsync([...path, '--help'], { from: 'user' });
    });
}
