import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { generateApiKey, parseApiKeys } from '../keys/api-keys.ts';
import type { ApiKeySpec } from '../keys/api-keys.ts';
import { MalformedError, SteleError } from '../core/errors.ts';
import { contextOf } from './context.ts';
import { exists, homeOf } from './home.ts';

/** Roles that the default policy grants something to; `rego/README.md` says what. */
export const DEFAULT_ROLES = ['service', 'auditor', 'admin'] as const;

/** A caller that is to get a key. */
export interface NewCaller {
  readonly id: string;
  readonly type: string;
  readonly roles: readonly string[];
}

/** `stele keygen`: an API key for a caller. The file keeps its hash only. */
export function keygenCommand(declared: Command): void {
  declared
    .requiredOption('--id <id>', 'who the caller is')
    .option('--type <type>', 'subject type', 'service')
    .option(
      '--role <role...>',
      `roles, as the policy knows them; the default policy: ${DEFAULT_ROLES.join(', ')}`,
      [],
    )
    .addHelpText(
      'after',
      '\nExample:\n  stele keygen --id billing --role service\nA running gateway takes it within seconds. To take a key back, remove it from the file.',
    )
    .action(async (options: { id: string; type: string; role: string[] }, command: Command) => {
      const { output, configuration } = contextOf(command);
      const path = homeOf(configuration).apiKeys;
      const key = await addCaller(path, {
        id: options.id,
        type: options.type,
        roles: options.role,
      });
      output.note(`kept as a hash in ${path}`);
      const isDefault = configuration.optionalText('policy.bundle') === null;
      const doubt = roleDoubt(options.role, isDefault);
      if (doubt !== null) output.note(`warning: ${doubt}`);
      output.result({ id: options.id, key }, key);
    });
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
  const keys: ApiKeySpec[] = (await exists(path))
    ? parseApiKeys(await readFile(path, 'utf8'), path)
    : [];
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
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.draft`;
  await writeFile(draft, stringify({ keys: [...keys, added] }), { mode: 0o600, flush: true });
  await rename(draft, path);
  return key;
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
