/** Semantic versions (SemVer 2.0.0) as OPA reads them: a leading `v` is let through, build metadata does not count. */
import { RegoNumber } from '../../contract/rego-value.ts';
import { family } from './builtin.ts';
import { fail, textOf } from './operand.ts';

/** Host functions of versions. */
export const SEMVER = family(1, {
  'semver.is_valid': (version) => typeof version === 'string' && parse(version) !== null,
  'semver.compare': (a, b) =>
    RegoNumber.of(compare(parse(textOf(a)) ?? fail(), parse(textOf(b)) ?? fail())),
});

interface Version {
  readonly numbers: readonly bigint[];
  /** Identifiers of the pre-release, none for a release. */
  readonly pre: readonly string[];
}

const INT64_MAX = 2n ** 63n - 1n;
const IDENTIFIERS = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/;

function parse(text: string): Version | null {
  const [rest, metadata] = cut(text.startsWith('v') ? text.slice(1) : text, '+');
  if (metadata !== undefined && !IDENTIFIERS.test(metadata)) return null;
  const [core, pre] = cut(rest, '-');
  if (pre !== undefined && !IDENTIFIERS.test(pre)) return null;
  const identifiers = pre?.split('.') ?? [];
  if (identifiers.some((identifier) => /^0\d+$/.test(identifier))) return null;
  const digits = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(core);
  if (digits === null) return null;
  const numbers = digits.slice(1).map(BigInt);
  return numbers.some((number) => number > INT64_MAX) ? null : { numbers, pre: identifiers };
}

function cut(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function compare(a: Version, b: Version): number {
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] ?? 0n;
    if (number !== other) return number > other ? 1 : -1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) {
    return Math.sign(b.pre.length - a.pre.length);
  }
  for (const [i, identifier] of a.pre.entries()) {
    const other = b.pre[i];
    if (other === undefined) return 1;
    const order = compareIdentifiers(identifier, other);
    if (order !== 0) return order;
  }
  return Math.sign(a.pre.length - b.pre.length);
}

function compareIdentifiers(a: string, b: string): number {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== null && right !== null) return left === right ? 0 : left > right ? 1 : -1;
  if (left !== null || right !== null) return left === null ? 1 : -1;
  return a === b ? 0 : a > b ? 1 : -1;
}

/** OPA counts no further than 64 bits. */
function numeric(identifier: string): bigint | null {
  if (!/^\d+$/.test(identifier)) return null;
  const number = identifier.length > 19 ? INT64_MAX : BigInt(identifier);
  return number > INT64_MAX ? INT64_MAX : number;
}
