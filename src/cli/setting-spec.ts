import type { z } from 'zod';

/** Where a setting's value came from. */
export type SettingOrigin = 'flag' | 'environment' | 'file' | 'default';

/** One setting: its place in the YAML file, its type, and what a reader should know. */
export interface SettingSpec {
  /** Dotted path, for instance `store.kind`; the environment name is made from it. */
  readonly key: string;
  readonly schema: z.ZodType;
  readonly fallback: unknown;
  /** Unit, meaning, and what goes wrong at either extreme. */
  readonly help: string;
  readonly secret?: boolean;
}
