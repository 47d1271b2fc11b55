/** Commands whose arguments may be ids: base64url begins with a dash once in 64 times, and is no option for that. */
import { Command } from 'commander';
import type { ParseOptionsResult } from 'commander';

/** 32 bytes in base64url: a key id, a policy, a digest. */
const ID = /^-[A-Za-z0-9_-]{42}$/;
/** No argument of a process can hold it. */
const SHIELD = '\u0000';

/** A command that takes an id for what it is. */
export class IdCommand extends Command {
  override createCommand(name?: string): Command {
    return new IdCommand(name);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    // Behind an option it may be its value, which is taken as it is.
    const shielded = args.map((word, at) =>
      ID.test(word) && args[at - 1]?.startsWith('-') !== true ? SHIELD + word : word,
    );
    const { operands, unknown } = super.parseOptions(shielded);
    return { operands: operands.map(bare), unknown: unknown.map(bare) };
  }
}

function bare(word: string): string {
  return word.startsWith(SHIELD) ? word.slice(SHIELD.length) : word;
}
