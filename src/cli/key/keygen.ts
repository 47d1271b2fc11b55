import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { generateApiKey, parseApiKeys } from '../../keys/api-keys.ts';
import type { ApiKeySpec } from '../../keys/api-keys.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { contextOf } from '../context.ts';
import { exists, homeOf } from '../open/home.ts';

/** Roles that the default policy grants something to; `rego/README.md` says what. */
export const DEFAULT_ROLES = ['service', 'auditor', 'admin'] as const;

/** A caller that is to get a key. */
export interface NewCaller {
  readonly id: string;
  readonly type: string;
  readonly roles: readonly string[];
}

interface KeygenFlags {
  readonly id?: string;
  readonly type: string;
  readonly role: readonly string[];
  readonly list?: boolean;
  readonly remove?: string;
}

/** `stele keygen`: an API key for a caller. The file keeps its hash only. */
export function keygenCommand(declared: Command): void {
  declared
    .option('--id <id>', 'who the caller is')
    .option('--type <type>', 'subject type', 'service')
    .option(
      '--role <role...>',
      `roles, as the policy knows them; the default policy: ${DEFAULT_ROLES.join(', ')}`,
      [],
    )
    .option('--list', 'instead: the callers that have a key, without the keys')
    .option('--remove <id>', 'instead: take the key of a caller back')
    .addHelpText(
      'after',
      '\nExamples:\n  stele keygen --id billing --role service\n  stele keygen --list\n  stele keygen --remove billing\nA running gateway follows within seconds.',
    )
    .action(async (flags: KeygenFlags, command: Command) => {
      const { configuration } = contextOf(command);
      const path = homeOf(configuration).apiKeys;
      if (flags.list === true) return listCallers(path, command);
      if (flags.remove !== undefined) return removeCaller(path, flags.remove, command);
      return makeKey(path, flags, command);
    });
}

async function makeKey(path: string, flags: KeygenFlags, command: Command): Promise<void> {
  const { configuration, output } = contextOf(command);
  const { id, type, role: roles } = flags;
  if (id === undefined) {
    const code = 'commander.missingMandatoryOptionValue';
    command.error("error: required option '--id <id>' not specified", { code });
  }
  const key = await addCaller(path, { id, type, roles });
  output.note(`kept as a hash in ${path}`);
  const isDefault = configuration.optionalText('policy.bundle') === null;
  const doubt = roleDoubt(roles, isDefault);
  if (doubt !== null) output.note(`warning: ${doubt}`);
  output.result({ id, key }, key);
}

async function listCallers(path: string, command: Command): Promise<void> {
  const { output } = contextOf(command);
  const callers = (await readKeys(path)).map(({ id, subject, roles = [], expires = null }) => {
    return { id, type: subject.type, subject: subject.id, roles, expires };
  });
  const lines = callers.map(({ id, type, subject, roles, expires }) => {
    const until = expires === null ? '' : `  until ${expires}`;
    return `${id}  ${type} ${subject}  ${roles.join(', ') || 'no role'}${until}`;
  });
  if (callers.length === 0) output.note(`no caller has a key in ${path}`);
  output.result({ callers }, lines.join('\n'));
}

async function removeCaller(path: string, id: string, command: Command): Promise<void> {
  const { output } = contextOf(command);
  const keys = await readKeys(path);
  const left = keys.filter((each) => each.id !== id);
  if (left.length === keys.length) {
    throw new SteleError('caller_unknown', `${path} has no key ${id}: see stele keygen --list`, {
      disposition: 'fix-input',
    });
  }
  await writeKeys(path, left);
  output.note(`a running gateway refuses it within seconds`);
  output.result({ removed: id }, `${id} is taken out of ${path}`);
}

/** What keeps a key from opening anything, or null. Of a policy of one's own only its author knows the roles. */
function roleDoubt(roles: readonly string[], isDefault: boolean): string | null {
  if (roles.length === 0) return 'no --role was given: policies mostly deny whoever has none';
  const known: readonly string[] = DEFAULT_ROLES;
  const strange = roles.find((role) => !known.includes(role));
  if (!isDefault || strange === undefined) return null;
  return `the default policy knows no role ${strange}: it knows ${known.join(', ')}`;
}

/**
 * Adds a caller to an API key file, whole or not at all, and returns the key, which is nowhere else.
 * @throws {@link SteleError} `caller_exists`, `option_malformed`.
 */
export async function addCaller(
  path: string,
  caller: NewCaller,
  made = generateApiKey(),
): Promise<string> {
  const keys = await readKeys(path);
  const { key, sha256 } = made;
  if (keys.some((each) => each.id === caller.id && each.sha256 === sha256)) return key;
  if (keys.some((each) => each.id === caller.id)) {
    throw new SteleError('caller_exists', `${path} has a key ${caller.id} already`, {
      disposition: 'fix-input',
    });
  }
  const added: ApiKeySpec = {
    id: caller.id,
    sha256,
    subject: { type: caller.type, id: caller.id, properties: {} },
    roles: [...caller.roles],
  };
  checkSpec(added);
  await writeKeys(path, [...keys, added]);
  return key;
}

async function readKeys(path: string): Promise<ApiKeySpec[]> {
  return (await exists(path)) ? parseApiKeys(await readFile(path, 'utf8'), path) : [];
}

/** Whole or not at all: a gateway may be reading it. */
async function writeKeys(path: string, keys: readonly ApiKeySpec[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.draft`;
  await writeFile(draft, stringify({ keys }), { mode: 0o600, flush: true });
  await rename(draft, path);
}

/** A file with one bad key opens nothing any more, to nobody: so it is read before it is written. */
function checkSpec(spec: ApiKeySpec): void {
  try {
    parseApiKeys(stringify({ keys: [spec] }), 'the new key');
  } catch (cause) {
    const message = cause instanceof MalformedError ? cause.message : String(cause);
    throw new SteleError('option_malformed', message, { disposition: 'fix-configuration', cause });
  }
}
