/** What a replay is asked for, as it was typed. */
import { parsePointer } from '../../core/json/json-pointer.ts';
import type { LeafFacts } from '../../policy/replay/replay.ts';
import type { Condition } from '../../policy/replay/pool.ts';
import { malformed, numberOf } from '../option-values.ts';
import { WALK_MINUTES_MAX } from '../page-walk.ts';

/** The options of `stele policy replay` that choose and that judge. */
export interface ReplayFlags {
  readonly from?: string;
  readonly to?: string;
  readonly where: readonly string[];
  readonly sample?: string;
  readonly maxFlips?: string;
  readonly maxErrors: string;
  readonly maxChanges?: string;
  readonly maxUnreplayed?: string;
  readonly allowEmpty?: boolean;
  readonly minutes: string;
}

/** What of a ledger is replayed, and what is let through. */
export interface ReplayOptions {
  /** The first and the last index that may be wanted, where that is known without a look at the entry. */
  readonly indices: readonly [number, number];
  readonly isWanted: (leaf: LeafFacts) => boolean;
  readonly where: readonly Condition[];
  readonly maxFlips: number | null;
  readonly maxErrors: number | null;
  readonly maxChanges: number | null;
  readonly maxUnreplayed: number | null;
  /** Whether a replay of no decision at all may pass. */
  readonly allowEmpty: boolean;
  /** After how many minutes a gateway that has not come to an end is left. */
  readonly minutes: number;
  readonly vkeys?: readonly string[];
  readonly checkpoints?: readonly string[];
}

/** Reads options as they were typed. @throws {@link SteleError} `option_malformed`. */
export function optionsOf(flags: ReplayFlags): ReplayOptions {
  const from = placeOf('--from', flags.from);
  const to = placeOf('--to', flags.to);
  const sample = countOf('--sample', flags.sample) ?? 1;
  if (sample < 1) throw malformed('--sample wants 1 or more');
  if (from?.index !== undefined && to?.index !== undefined && to.index < from.index) {
    throw malformed('--to is before --from');
  }
  return {
    indices: [from?.index ?? 0, to?.index ?? Number.MAX_SAFE_INTEGER],
    isWanted: (leaf) =>
      (from === null || from.of(leaf) >= from.value) &&
      (to === null || to.of(leaf) <= to.value) &&
      isSampled(leaf, sample),
    where: flags.where.map(conditionOf),
    maxFlips: countOf('--max-flips', flags.maxFlips),
    maxErrors: countOf('--max-errors', flags.maxErrors),
    maxChanges: countOf('--max-changes', flags.maxChanges),
    maxUnreplayed: countOf('--max-unreplayed', flags.maxUnreplayed),
    allowEmpty: flags.allowEmpty === true,
    minutes: numberOf(flags.minutes, '--minutes', 'minutes', WALK_MINUTES_MAX),
  };
}

interface Place {
  readonly value: number;
  readonly of: (leaf: LeafFacts) => number;
  /** The index, where it is one. */
  readonly index?: number;
}

function placeOf(option: string, text: string | undefined): Place | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,15}$/.test(text)) {
    return { value: Number(text), of: ({ index }) => index, index: Number(text) };
  }
  const time = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw malformed(`${option} wants an index or a time as in 2026-01-31`);
  return { value: time, of: ({ at }) => at };
}

function countOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[0-9]{1,15}$/.test(text)) throw malformed(`${option} wants a whole number`);
  return Number(text);
}

function conditionOf(text: string): Condition {
  const at = text.indexOf('=');
  const pointer = text.slice(0, Math.max(at, 0));
  if (!/^\/(?:input|result|source)(?:\/|$)/.test(pointer)) {
    throw malformed('--where wants a pointer into the record, as in /input/event/eventName=Get');
  }
  parsePointer(pointer);
  return { pointer, text: text.slice(at + 1) };
}

/** By the random end of its id: the same ones in every replay of one log. */
function isSampled({ jti }: LeafFacts, sample: number): boolean {
  return sample === 1 || Number.parseInt(jti.slice(-12), 16) % sample === 0;
}
