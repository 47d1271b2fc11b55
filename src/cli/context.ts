import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { SteleError } from '../core/errors.ts';
import { baseUrl } from './address.ts';
import type { Connection } from './client.ts';
import { resolveConfiguration } from './settings/configuration.ts';
import type { Configuration } from './settings/configuration.ts';
import { createOutput } from './output.ts';
import type { Output } from './output.ts';
import { malformed } from './option-values.ts';

/** Flags that every command knows. */
interface GlobalFlags {
  readonly json?: boolean;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly ledger?: string;
  readonly url?: string;
  readonly key?: string;
}

/** What a command gets: how to talk, what holds, whom to call. */
export interface CommandContext {
  readonly output: Output;
  readonly configuration: Configuration;
  /** The gateway that a client command talks to. */
  readonly connection: Connection;
}

/**
 * Reads flags, environment and file into one context.
 * @param defaults - What this command would rather have where nobody said anything.
 * @throws {@link SteleError} `configuration_invalid`.
 */
export function contextOf(
  command: Command,
  defaults: Readonly<Record<string, unknown>> = {},
): CommandContext {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const path = flags.config ?? process.env['STELE_CONFIG'];
  const configuration = resolveConfiguration({
    flags: { ...assignments(flags.set ?? []), ...named(flags) },
    environment: process.env,
    defaults,
    ...(path === undefined ? {} : { file: readConfigurationFile(path) }),
  });
  return {
    output: createOutput({ json: flags.json === true }),
    configuration,
    connection: {
      url:
        flags.url === undefined
          ? baseUrl(configuration.text('listen.host'), configuration.text('listen.port'))
          : gatewayUrl(flags.url),
      ledger: configuration.text('ledger'),
      token: flags.key ?? process.env['STELE_KEY'] ?? null,
    },
  };
}

function gatewayUrl(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return text.replace(/\/$/, '');
  throw malformed(`--url ${text} is no http or https URL`);
}

function named(flags: GlobalFlags): Record<string, string> {
  return flags.ledger === undefined ? {} : { ledger: flags.ledger };
}

function assignments(given: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const text of given) {
    const at = text.indexOf('=');
    if (at <= 0) {
      throw new SteleError('configuration_invalid', `--set ${text} is not key=value`, {
        disposition: 'fix-configuration',
      });
    }
    flags[text.slice(0, at)] = text.slice(at + 1);
  }
  return flags;
}

function readConfigurationFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SteleError('configuration_invalid', `the configuration file ${path} cannot be read`, {
      disposition: 'fix-configuration',
      cause,
    });
  }
}
