import { parse } from 'yaml';
import { SteleError } from '../../core/errors.ts';
import { environmentName, settingsTable } from './table.ts';
import type { SettingOrigin, SettingSpec } from './spec.ts';
import { suggest } from './suggest.ts';

const specs = settingsTable;

/** One resolved setting. */
export interface Setting {
  readonly value: unknown;
  readonly origin: SettingOrigin;
}

/** What was said, by source; the first that names a key wins. */
export interface ConfigurationSources {
  /** Dotted keys to text, from `--set` and the named flags. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text of the YAML file, if one was given. */
  readonly file?: string;
  /** Defaults of one command that differ from the table's. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** Every setting with its value and where it came from. */
export class Configuration {
  readonly settings: ReadonlyMap<string, Setting>;

  constructor(settings: ReadonlyMap<string, Setting>) {
    this.settings = settings;
  }

  #value(key: string): unknown {
    return this.settings.get(key)?.value;
  }

  text(key: string): string {
    return String(this.#value(key));
  }

  optionalText(key: string): string | null {
    const value = this.#value(key);
    return typeof value === 'string' ? value : null;
  }

  whole(key: string): number {
    return Number(this.#value(key));
  }

  flag(key: string): boolean {
    return this.#value(key) === true;
  }
}

/**
 * Resolves flags over environment over file over defaults.
 *
 * @throws {@link SteleError} `configuration_invalid`, naming every fault at once.
 */
export function resolveConfiguration(sources: ConfigurationSources): Configuration {
  const faults: string[] = [];
  const file = flatten(parseYaml(sources.file ?? '', faults));
  const known = specs.map((spec) => spec.key);
  for (const key of [...Object.keys(sources.flags), ...file.keys()]) {
    if (!known.includes(key)) faults.push(unknownKey(key, known));
  }
  faults.push(...unknownEnvironment(sources.environment));
  const settings = new Map<string, Setting>();
  for (const spec of specs) settings.set(spec.key, resolve(spec, sources, file, faults));
  if (faults.length > 0) {
    throw new SteleError('configuration_invalid', faults.join('; '), {
      disposition: 'fix-configuration',
    });
  }
  return new Configuration(settings);
}

function resolve(
  spec: SettingSpec,
  sources: ConfigurationSources,
  file: ReadonlyMap<string, unknown>,
  faults: string[],
): Setting {
  const said = firstSaid(spec, sources, file);
  if (said === null) {
    return { value: sources.defaults?.[spec.key] ?? spec.fallback, origin: 'default' };
  }
  const parsed = spec.schema.safeParse(said.value);
  if (parsed.success) return { value: parsed.data, origin: said.origin };
  const shown = spec.secret === true ? '(hidden)' : JSON.stringify(said.value);
  faults.push(`${spec.key} from the ${said.origin} is ${shown}, want ${spec.want}`);
  return { value: spec.fallback, origin: 'default' };
}

function firstSaid(
  spec: SettingSpec,
  sources: ConfigurationSources,
  file: ReadonlyMap<string, unknown>,
): Setting | null {
  const flag = Object.hasOwn(sources.flags, spec.key) ? sources.flags[spec.key] : undefined;
  if (flag !== undefined) return { value: flag, origin: 'flag' };
  const variable = sources.environment[environmentName(spec.key)];
  if (variable !== undefined) return { value: variable, origin: 'environment' };
  return file.has(spec.key) ? { value: file.get(spec.key), origin: 'file' } : null;
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = suggest(key, known);
  return `unknown setting ${key}${near === null ? '' : `, did you mean ${near}?`}`;
}

/** Variables of ours that name nothing: a misspelt secret must not be ignored in silence. */
function unknownEnvironment(environment: ConfigurationSources['environment']): string[] {
  const known = [...specs.map((spec) => environmentName(spec.key)), 'STELE_CONFIG', 'STELE_KEY'];
  return Object.keys(environment)
    .filter((name) => name.startsWith('STELE_') && !known.includes(name))
    .map((name) => unknownKey(name, known));
}

function parseYaml(text: string, faults: string[]): unknown {
  try {
    return parse(text, { uniqueKeys: true, maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    faults.push(
      `the configuration file is not YAML: ${(cause as Error).message.split('\n')[0] ?? ''}`,
    );
    return null;
  }
}

/** `{store: {kind: 'file'}}` to `store.kind`: a branch is a setting only where the table has none below it. */
function flatten(value: unknown, prefix = ''): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  if (typeof value !== 'object' || value === null) return flat;
  for (const [name, member] of Object.entries(value)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) {
      for (const [inner, leaf] of flatten(member, key)) flat.set(inner, leaf);
    } else {
      flat.set(key, member);
    }
  }
  return flat;
}
