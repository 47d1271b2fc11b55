/**
 * What a search asks of a record: `<pointer>:<operator>[:<operand>]`, as `/input/event/user/id:eq:alice`. It is asked of
 * what its reader may see and of nothing else, and is met only by a value that is there: no operator can be met by what
 * is hidden, for to a search hidden and absent are one.
 */
import { isJsonObject, parsePointer } from '../../core/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { WHERE_CHARACTERS_MAX } from '../context/limits.ts';
import { ProblemError } from '../context/problem.ts';

/** One condition. */
export interface Predicate {
  /** Of the pointer; `*` is any member or element. */
  readonly tokens: readonly string[];
  readonly test: (value: JsonValue) => boolean;
}

type Ask = (value: string | number | boolean | null, operand: string) => boolean;

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

const OPERATORS: Readonly<Record<string, Ask>> = {
  eq: equals,
  ne: (value, operand) => !equals(value, operand),
  lt: (value, operand) => compare(value, operand, (order) => order < 0),
  le: (value, operand) => compare(value, operand, (order) => order <= 0),
  gt: (value, operand) => compare(value, operand, (order) => order > 0),
  ge: (value, operand) => compare(value, operand, (order) => order >= 0),
  prefix: (value, operand) => typeof value === 'string' && value.startsWith(operand),
  contains: (value, operand) => typeof value === 'string' && value.includes(operand),
};

/** The first operator ends the pointer, so a name may hold colons. */
const FORM = new RegExp(
  `^(/(?:input|result|source)(?:/.*?)?):(?:(exists)|(${Object.keys(OPERATORS).join('|')}):(.*))$`,
  's',
);

/** Parses a condition. @throws {@link ProblemError} `bad_parameter`. */
export function parsePredicate(text: string): Predicate {
  const [, pointer = '', exists, operator = '', operand = ''] = FORM.exec(text) ?? [];
  const ask = OPERATORS[operator];
  if (text.length > WHERE_CHARACTERS_MAX || /~(?![01])/.test(pointer)) throw malformed();
  if (exists === undefined && ask === undefined) throw malformed();
  const test = (value: JsonValue): boolean => {
    if (ask === undefined) return true;
    return (typeof value !== 'object' || value === null) && ask(value, operand);
  };
  return { tokens: parsePointer(pointer), test };
}

/** Whether a view of a record meets a condition. */
export function meets(view: JsonObject, { tokens, test }: Predicate): boolean {
  return reaches(view, tokens, 0, test);
}

function reaches(
  value: JsonValue,
  tokens: readonly string[],
  at: number,
  test: Predicate['test'],
): boolean {
  const token = tokens[at];
  if (token === undefined) return test(value);
  if (typeof value !== 'object' || value === null) return false;
  if (token === '*') {
    return Object.values(value).some((member) => reaches(member, tokens, at + 1, test));
  }
  const isPlace = isJsonObject(value) || /^(?:0|[1-9][0-9]*)$/.test(token);
  if (!isPlace || !Object.hasOwn(value, token)) return false;
  return reaches((value as JsonObject)[token] as JsonValue, tokens, at + 1, test);
}

/** An operand has no type: it is the text that a value has, or the number that it is. */
function equals(value: string | number | boolean | null, operand: string): boolean {
  if (typeof value === 'number') return NUMBER.test(operand) && Number(operand) === value;
  return String(value) === operand;
}

/** Numbers by their size; texts by their UTF-16 code units, which puts RFC 3339 times of one offset in order. */
function compare(
  value: string | number | boolean | null,
  operand: string,
  holds: (order: number) => boolean,
): boolean {
  if (typeof value === 'number') return NUMBER.test(operand) && holds(value - Number(operand));
  if (typeof value !== 'string') return false;
  return holds(value < operand ? -1 : Number(value > operand));
}

function malformed(): ProblemError {
  const operators = [...Object.keys(OPERATORS), 'exists'].join(', ');
  return new ProblemError('bad_parameter', {
    detail: `where: want <pointer>:<operator>:<operand> with a pointer below /input, /result or /source and one of ${operators}`,
  });
}
