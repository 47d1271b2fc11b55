import { z } from 'zod';

/** Where a setting's value came from. */
export type SettingOrigin = 'flag' | 'environment' | 'file' | 'default';

/** One setting: its place in the YAML file, its type, and what a reader should know. */
export interface SettingSpec {
  /** Dotted path, for instance `store.kind`; the environment name is made from it. */
  readonly key: string;
  readonly schema: z.ZodType;
  /** What the schema takes, in words: "a whole number from 0 to 65535". */
  readonly want: string;
  readonly fallback: unknown;
  /** Unit, meaning, and what goes wrong at either extreme. */
  readonly help: string;
  readonly secret?: boolean;
}

/** A type of settings: what takes them, and in words. */
export type SettingType = Pick<SettingSpec, 'schema' | 'want'>;

/** Any text. */
export const text: SettingType = { schema: z.string().min(1), want: 'a text' };

/** Any text, or nothing. */
export const optionalText: SettingType = { schema: z.string().min(1).nullable(), want: 'a text' };

/** `true` or `false`, also as a word. */
export const yesNo: SettingType = {
  schema: z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')]),
  want: 'true or false',
};

/** A whole number within bounds, also as digits. */
export function whole(min: number, max: number): SettingType {
  const digits = z
    .string()
    .regex(/^-?[0-9]{1,16}$/)
    .transform(Number);
  return {
    schema: z.union([z.number(), digits]).pipe(z.int().min(min).max(max)),
    want: `a whole number from ${min} to ${max}`,
  };
}

/** One of some words. */
export function oneOf(words: readonly [string, ...string[]]): SettingType {
  return { schema: z.enum(words), want: `one of ${words.join(', ')}` };
}
