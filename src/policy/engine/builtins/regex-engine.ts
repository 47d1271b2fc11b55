/**
 * RE2 in JavaScript. Patterns come from policies and from what callers send, so they never reach the engine of the
 * language, which takes exponential time for some. Loaded when it is first needed.
 */
import { createRequire } from 'node:module';
import { fail } from './operand.ts';

/** Where a match and its groups begin and end, in code units; -1 for a group that took no part. */
export type Spans = readonly (readonly [number, number])[];

/** A compiled pattern. */
export interface Pattern {
  /** Whether it matches anywhere. */
  matches(text: string): boolean;
  /** At most that many matches one after the other, all when negative; as Go finds them. */
  find(text: string, limit: number): Spans[];
  readonly groups: readonly string[];
}

interface Re2Matcher {
  find(start?: number): boolean;
  groupCount(): number;
  start(group?: number): number;
  end(group?: number): number;
}

interface Re2Pattern {
  matcher(text: string): Re2Matcher;
  namedGroups(): Readonly<Record<string, number>>;
}

interface Re2Package {
  readonly RE2JS: { compile(pattern: string): Re2Pattern };
}

const require = createRequire(import.meta.url);
/** Patterns are few and come again; compiling one costs up to a millisecond. */
const REMEMBERED_MAX = 100;
const remembered = new Map<string, Pattern>();
let loaded: Re2Package | undefined;

/** Compiles a pattern of Go's syntax. Undefined when it is none. */
export function compilePattern(source: string): Pattern {
  const found = remembered.get(source);
  if (found !== undefined) return found;
  const pattern = patternOf(compile(source));
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.set(source, pattern);
  return pattern;
}

function compile(source: string): Re2Pattern {
  loaded ??= require('re2js') as Re2Package;
  try {
    return loaded.RE2JS.compile(source);
  } catch (error) {
    if (error instanceof Error && error.name.startsWith('RE2JS')) fail();
    throw error;
  }
}

function patternOf(compiled: Re2Pattern): Pattern {
  const names: string[] = [];
  for (const [name, group] of Object.entries(compiled.namedGroups())) names[group] = name;
  return {
    matches: (text) => compiled.matcher(text).find(),
    find: (text, limit) => findAll(compiled, text, limit),
    groups: names,
  };
}

/** Go's walk: an empty match right after a match does not count. */
function findAll(compiled: Re2Pattern, text: string, limit: number): Spans[] {
  const matcher = compiled.matcher(text);
  const found: Spans[] = [];
  let previous = -1;
  while ((limit < 0 || found.length < limit) && matcher.find()) {
    const spans = spansOf(matcher);
    const [start, end] = spans[0] ?? [0, 0];
    if (start === end && start === previous) continue;
    previous = end;
    found.push(spans);
  }
  return found;
}

function spansOf(matcher: Re2Matcher): Spans {
  return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => [
    matcher.start(group),
    matcher.end(group),
  ]);
}
