/**
 * What a policy may answer, as closed schemas (design section 4). A result that is not exactly one of these shapes
 * is `policy_bad_output`, which denies: an unknown member is a misspelt one, and a misspelt `mask` stores a secret.
 */
import { z } from 'zod';
import type { Select } from '../core/redact.ts';

/** Why a decision is a denial although, or because, the policy gave no usable answer. `pol.err` of the entry. */
export const DENIAL_CODES = [
  'policy_error',
  'policy_timeout',
  'policy_undefined',
  'policy_bad_output',
  'engine_unavailable',
  'engine_overloaded',
  'mask_unstable',
  'class_unknown',
  'erasure_unavailable',
  'hold_unavailable',
] as const;

/** One of {@link DENIAL_CODES}. */
export type DenialCode = (typeof DENIAL_CODES)[number];

/** The rules that a bundle has to answer, as OPA writes entrypoints. */
export const ENTRYPOINTS = { append: 'stele/append', read: 'stele/read' } as const;

/** What is being asked for: `action.name` of the input. The list for authors is in `rego/README.md`. */
export const ACTIONS = [
  'entry.append',
  'entry.read',
  'entry.proof',
  'ledger.read',
  'log.read',
  'consistency.read',
] as const;

/** One of {@link ACTIONS}. */
export type ActionName = (typeof ACTIONS)[number];

/** Bounds on a result, so that a policy cannot fill the ledger: each is far above what a person would read. */
const REASONS_MAX = 64;
const REASON_CHARACTERS_MAX = 1024;
const POINTERS_MAX = 256;
const POINTER_CHARACTERS_MAX = 1024;
const NAME_CHARACTERS_MAX = 64;

const pointer = z
  .string()
  .max(POINTER_CHARACTERS_MAX)
  .regex(/^\/(?:input|result|source)(?:\/(?:[^~/]|~0|~1)*)*$/u);
/** A mask reaches what the caller sent and the request's context; never what identifies the decision. */
const maskPointer = pointer.regex(/^\/input\/(?:event|context)(?:\/|$)/u);
const pointers = z.array(pointer).max(POINTERS_MAX);
const reasons = z.array(z.string().max(REASON_CHARACTERS_MAX)).max(REASONS_MAX);
const name = z.string().min(1).max(NAME_CHARACTERS_MAX);

/** The states of a write that a policy or a caller can wait for, weakest first. */
export const ACKS = ['durable', 'sealed', 'witnessed'] as const;

/** One of {@link ACKS}. */
export type Ack = (typeof ACKS)[number];

/**
 * Answer of `stele/append`. `class` is required with `allow`, optional in a denial (absent: genesis' fallback class).
 * `mask` names what is never stored, by pointers into the record (`/input/event/...`, `*` matches any member).
 */
export const appendResultSchema = z
  .strictObject({
    allow: z.boolean(),
    reasons,
    class: name.optional(),
    ack: z.enum(ACKS).optional(),
    labels: z.record(name, z.string()).optional(),
    mask: z.array(maskPointer).max(POINTERS_MAX).optional(),
    erasure: z
      .array(z.strictObject({ subject: z.string().min(1).max(256), pointers: pointers.min(1) }))
      .max(NAME_CHARACTERS_MAX)
      .optional(),
    hold: z.boolean().optional(),
  })
  .refine((result) => !result.allow || result.class !== undefined, {
    message: 'an allowed append names a class',
    path: ['class'],
  });

/** Parsed answer of `stele/append`. */
export type AppendResult = Readonly<z.infer<typeof appendResultSchema>>;

/**
 * Answer of `stele/read`: `redact` (all but these) or `disclose` (only these), never both; neither: the leaf alone.
 * Pointers as in `mask`, over `/input`, `/result` and `/source`. `record: false` leaves the read out of the log.
 */
export const readResultSchema = z
  .strictObject({
    allow: z.boolean(),
    reasons,
    redact: pointers.optional(),
    disclose: pointers.optional(),
    record: z.boolean().optional(),
  })
  .refine((result) => result.redact === undefined || result.disclose === undefined, {
    message: 'a read is redacted or disclosed, not both',
    path: ['redact'],
  });

/** Parsed answer of `stele/read`. */
export type ReadResult = Readonly<z.infer<typeof readResultSchema>>;

/** @returns what an allowed read discloses, as core's `selectDisclosures` takes it. */
export function selectOf(result: ReadResult): Select {
  if (result.redact !== undefined) return { redact: result.redact };
  if (result.disclose !== undefined) return { disclose: result.disclose };
  return 'leaf';
}
