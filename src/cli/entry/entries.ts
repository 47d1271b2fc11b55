import type { Command } from 'commander';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';
import { contextOf } from '../context.ts';
import type { Output, Progress } from '../output.ts';
import { numberOf } from '../option-values.ts';
import { PageWalk, WALK_MINUTES_DEFAULT, WALK_MINUTES_MAX } from '../page-walk.ts';
import { entryLine } from './text.ts';
import { malformed } from '../option-values.ts';

/** Flags; each but the last few is a parameter of the API. */
interface Flags {
  readonly kind?: readonly string[];
  readonly class?: readonly string[];
  readonly label?: readonly string[];
  readonly where?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly newest?: true;
  readonly count?: true;
  readonly limit: string;
  readonly all?: true;
  readonly minutes: string;
  readonly after?: string;
  readonly purpose?: string;
}

/** Entries of one request. */
const PAGE_ENTRIES = 100;
/** Where nothing else is said. */
const LIMIT_DEFAULT = '50';

/** `stele entries`: a search, page after page, in what the policy lets this caller see. */
export function entriesCommand(declared: Command): void {
  declared
    .option('--where <condition...>', 'all of these: /input/event/user/id:eq:alice (see below)')
    .option('--kind <kind...>', 'any of these: event, denial, access, policy …')
    .option('--class <class...>', 'any of these retention classes')
    .option('--label <name:value...>', 'all of these labels')
    .option('--from <time>', 'admitted at this time or later: RFC 3339 or epoch milliseconds')
    .option('--to <time>', 'admitted before this time')
    .option('--newest', 'from the newest to the oldest')
    .option('--count', 'how many, without the entries')
    .option('--limit <n>', 'entries at most', LIMIT_DEFAULT)
    .option('--all', 'all entries')
    .option('--minutes <n>', 'end where the gateway takes longer', WALK_MINUTES_DEFAULT)
    .option('--after <cursor>', 'go on where a search ended; the conditions stay the same')
    .option('--purpose <text>', 'what you read for, where the policy wants to know')
    .addHelpText(
      'after',
      '\nA condition is <pointer>:<operator>:<operand>, with eq, ne, lt, le, gt, ge, prefix, contains or exists, and * for any\nmember or element. It is asked of what you may see.\n\nExamples:\n  stele entries --newest --limit 10\n  stele entries --kind event --where /input/event/userIdentity/*:contains:alice --count\n  stele --json entries --all | jq .record.input.event\n\nWith --json one entry a line.',
    )
    .action(async (flags: Flags, command: Command) => {
      const { output, connection } = contextOf(command);
      const most = mostOf(flags);
      const walk = new PageWalk(numberOf(flags.minutes, '--minutes', 'minutes', WALK_MINUTES_MAX));
      const bar = barOf(flags, output);
      let [count, after] = [0, flags.after ?? null];
      try {
        do {
          walk.assertTime();
          const text = await pageOf(connection, flags, { after, most: most - count });
          const page = walk.take(text);
          for (const item of (page.items ?? []) as readonly JsonObject[]) {
            output.result(item, entryLine(item, process.stdout.columns));
          }
          for (const index of page.unreadable) output.note(`leaf ${index} cannot be read`);
          count += page.count;
          after = page.next;
          bar?.update(walk.scanned, page.size);
        } while (after !== null && count < most);
      } catch (error) {
        if (after !== null) output.note(`to go on from here: --after ${after}`);
        throw error;
      } finally {
        bar?.stop();
      }
      if (flags.count === true)
        output.result({ count, scanned: walk.scanned, after }, String(count));
      else noteEnd(output, after, count, walk.scanned);
    });
}

/** None where entries are drawn as they come: the terminal is theirs. */
function barOf({ count }: Flags, output: Output): Progress | null {
  return count === true || !process.stdout.isTTY ? output.progress('leaves', null) : null;
}

/** What is said of a search besides what it found. */
function noteEnd(output: Output, after: string | null, count: number, scanned: number): void {
  if (after !== null) output.note(`there may be more: --after ${after}`);
  else if (count === 0) output.note(`none of ${scanned} entries that were looked at`);
}

/** How many entries are wanted. @throws {@link SteleError} `option_malformed`. */
function mostOf({ all, count, limit }: Flags): number {
  if (!/^[1-9][0-9]{0,8}$/.test(limit)) {
    throw malformed('--limit is a whole number above 0');
  }
  return all === true || count === true ? Infinity : Number(limit);
}

async function pageOf(
  connection: Connection,
  flags: Flags,
  { after, most }: { readonly after: string | null; readonly most: number },
): Promise<string> {
  const query = new URLSearchParams();
  for (const name of ['kind', 'class', 'label', 'where'] as const) {
    for (const value of flags[name] ?? []) query.append(name, value);
  }
  const { from, to, newest, count, purpose } = flags;
  if (from !== undefined) query.set('from', from);
  if (to !== undefined) query.set('to', to);
  if (newest === true) query.set('order', 'newest');
  if (count === true) query.set('only', 'count');
  query.set('limit', String(Math.min(most, PAGE_ENTRIES)));
  if (after !== null) query.set('after', after);
  const response = await call(connection, {
    path: `entries?${query.toString()}`,
    accept: 'application/json',
    ...(purpose === undefined ? {} : { headers: { 'stele-purpose': purpose } }),
  });
  return response.text();
}
