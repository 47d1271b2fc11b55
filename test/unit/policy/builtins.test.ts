/** The host functions: what they answered OPA's conformance cases, and what nobody means well with. */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { BuiltinLimitError } from '../../../src/policy/engine/builtins/builtin.ts';
import { HOST_BUILTINS } from '../../../src/policy/engine/builtins/index.ts';
import { BuiltinFailure } from '../../../src/policy/engine/builtins/operand.ts';
import { REFUSED_BUILTINS } from '../../../src/toolchain/refused-builtins.ts';
import { formatJson, formatRego, parseRego } from '../../../src/policy/contract/rego-text.ts';
import { compareValues, isEqual } from '../../../src/policy/contract/rego-value.ts';
import type { RegoValue } from '../../../src/policy/contract/rego-value.ts';

interface Call {
  readonly name: string;
  readonly version: number;
  readonly args: readonly string[];
  readonly result?: string;
}

const calls = readFileSync('test/policy/fixtures/host-calls.ndjson', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Call);
const allowed = (
  JSON.parse(readFileSync('rego/capabilities.json', 'utf8')) as { builtins: { name: string }[] }
).builtins.map(({ name }) => name);

/** Calls a host function with arguments in Rego's notation. @returns its answer, `undefined` or `limit`. */
function call(name: string, ...args: string[]): string {
  try {
    const values: RegoValue[] = args.map(parseRego);
    return formatRego(HOST_BUILTINS.get(name)!.call(...values));
  } catch (error) {
    if (error instanceof BuiltinFailure) return 'undefined';
    if (error instanceof BuiltinLimitError) return 'limit';
    throw error;
  }
}

describe('the conformance cases', () => {
  test('are answered as they were recorded, or the function has another version', () => {
    for (const { name, version, args, result } of calls) {
      expect([name, HOST_BUILTINS.get(name)?.version]).toEqual([name, version]);
      const answer = call(name, ...args);
      expect([name, args, answer === 'limit' ? 'undefined' : answer]).toEqual([
        name,
        args,
        result ?? 'undefined',
      ]);
    }
    expect(calls.length).toBeGreaterThan(400);
  });

  test('ask every host function, but one for the clock too and one that writes YAML again', () => {
    const asked = new Set(calls.map(({ name }) => name));
    expect([...HOST_BUILTINS.keys()].filter((name) => !asked.has(name)).sort()).toEqual([
      'time.diff',
      'yaml.unmarshal',
    ]);
    const document = JSON.stringify('{"Statement": [{"Effect": "Allow", "n": 1.50}]}');
    expect(call('yaml.unmarshal', document)).toBe('{"Statement":[{"Effect":"Allow","n":1.5}]}');
    expect(call('yaml.unmarshal', '"[1,2"')).toBe('undefined');
    expect(call('time.diff', '1795410000123456789', '951782400000000000')).toBe('[26,8,23,5,0,0]');
  });

  test('leave nothing both allowed and refused', () => {
    expect(allowed.filter((name) => REFUSED_BUILTINS.has(name))).toEqual([]);
    expect([...HOST_BUILTINS.keys()].filter((name) => !allowed.includes(name))).toEqual([]);
  });
});

/** A word of a million characters, and a list that a policy might build. */
const LONG = JSON.stringify('a'.repeat(1_000_000));
const MANY = JSON.stringify(Array.from({ length: 50_000 }, (_, i) => `x${i}`));
/** Of processor time, which a busy machine does not lengthen as it does what a clock shows. */
const IN_TIME_MS = 2000;

describe('a hostile argument', () => {
  test.each([
    ['regex.find_n', ['"(a+)+$"', JSON.stringify(`${'a'.repeat(5000)}b`), '-1']],
    ['regex.find_n', ['"(((a?){30}){30})b"', '"aaaa"', '1']],
    ['regex.split', ['"(x+x+)+y"', JSON.stringify('x'.repeat(5000))]],
    ['regex.replace', [JSON.stringify('a'.repeat(10_000)), '"a*"', '"$0$0"']],
    ['regex.find_n', ['"("', '"a"', '1']],
    ['regex.template_match', ['"<<<"', '"a"', '"<"', '">"']],
    ['net.cidr_expand', ['"::/0"']],
    ['net.cidr_expand', ['"10.0.0.0/8"']],
    ['numbers.range_step', ['0', '1e30', '1']],
    ['sprintf', ['"%1000000000d"', '[1]']],
    ['sprintf', ['"%9999d%9999d%9999d"', '[1,2,3]']],
    ['sprintf', [JSON.stringify('%v'.repeat(100_000)), '[]']],
    ['sprintf', ['"%.9999f"', '[1e300]']],
    ['units.parse', ['"1e999999"']],
    ['units.parse_bytes', ['"9e999999gb"']],
    ['strings.any_prefix_match', [MANY, MANY]],
    ['strings.any_suffix_match', [MANY, MANY]],
    ['strings.split_n', [LONG, '""', '3']],
    ['strings.count', [LONG, '"a"']],
    ['indexof_n', [JSON.stringify('a'.repeat(50_000)), '"a"']],
    ['urlquery.decode_object', [JSON.stringify('&'.repeat(100_000))]],
    ['object.subset', [MANY, MANY]],
    ['crypto.sha256', [LONG]],
    ['semver.compare', [JSON.stringify(`1.0.0-${'1.'.repeat(50_000)}1`), '"1.0.0-1"']],
    ['time.add_date', ['0', '999999999999', '0', '0']],
    ['json.marshal_with_options', [LONG, '{"pretty": true}']],
  ])('of %s ends in time', (name, args) => {
    const started = process.cpuUsage();
    call(name, ...args);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(IN_TIME_MS);
  });

  test('of many forks makes no more paths than fit', () => {
    const nodes = Array.from({ length: 30 }, (_, i) => `"${i}": ["${i + 1}a", "${i + 1}b"]`);
    const sides = Array.from({ length: 30 }, (_, i) =>
      ['a', 'b'].map((side) => `"${i + 1}${side}": ["${i + 2}a", "${i + 2}b"]`).join(', '),
    );
    const graph = `{${[...nodes, ...sides].join(', ')}}`;
    expect(call('graph.reachable_paths', graph, '["0"]')).toBe('limit');
  });
});

describe('a limit', () => {
  test.each([
    ['hex.decode', ['"ff"']],
    ['urlquery.decode', ['"%ff"']],
    ['net.cidr_merge', ['["::ffff:1.2.3.0/120"]']],
    ['sprintf', ['"%x"', '[1.5]']],
    ['time.format', ['[0, "Europe/Paris", ""]']],
    ['time.parse_duration_ns', ['"1d"']],
    ['yaml.unmarshal', ['"a: b"']],
    ['yaml.unmarshal', ['"{a: b}"']],
    ['yaml.unmarshal', ['"{\\"a\\": 1, \\"a\\": 2}"']],
    ['yaml.unmarshal', ['"[12345678901234567890]"']],
    ['yaml.unmarshal', ['"{\\"<<\\": {}}"']],
  ])('of %s is said, not guessed around', (name, args) => {
    expect(call(name, ...args)).toBe('limit');
  });
});

describe('numbers', () => {
  test.each([
    [
      'sprintf',
      ['"%d %v"', '[12345678901234567890, 18446744073709551616]'],
      '12345678901234567890',
    ],
    ['sprintf', ['"%.2f"', '[2.675]'], '2.67'],
    ['sprintf', ['"%.0f %.0f"', '[0.5, 1.5]'], '0 2'],
    ['sprintf', ['"%v"', '[1000000.0]'], '1e+06'],
    ['sprintf', ['"%5d|%-5d|%05d"', '[42, 42, -42]'], '   42|42   |-0042'],
    ['sprintf', ['"%s %d"', '["a"]'], '%!d(MISSING)'],
    ['sprintf', ['"%d"', '["a", 1]'], '%!d(string=a)%!(EXTRA int64=1)'],
    ['sprintf', ['"%v"', '[{3, 1, {"b": 1, "a": set()}}]'], '{1, 3, {"a": set(), "b": 1}}'],
  ])('of %s are printed as Go does: %j', (name, args, part) => {
    expect(JSON.parse(call(name, ...args))).toContain(part);
  });

  test('in nanoseconds keep every digit', () => {
    const time = call('time.parse_rfc3339_ns', '"2026-11-23T05:00:00.123456789Z"');
    expect(time).toBe('1795410000123456789');
    expect(call('time.format', time)).toBe('"2026-11-23T05:00:00.123456789Z"');
    expect(call('time.format', `[${time}, "UTC", "RFC1123Z"]`)).toBe(
      '"Mon, 23 Nov 2026 05:00:00 +0000"',
    );
    expect(call('time.weekday', time)).toBe('"Monday"');
  });
});

describe("Rego's values", () => {
  test.each([
    ['{3, 1, 2, 1.0}', '{1,2,3}'],
    ['{"a": {1: set()}, [1]: .5}', '{"a":{1:set()},[1]:0.5}'],
    ['[null, true, "\\u0000\\"", -1e-7]', '[null,true,"\\u0000\\"",-1e-7]'],
    ['{}', '{}'],
    ['{{}}', '{{}}'],
  ])('%s are read and written', (text, written) => {
    expect(formatRego(parseRego(text))).toBe(written);
  });

  test('are in the order of OPA', () => {
    const order =
      'null false true -1 0.5 1 10000000000000000000000001 "" "a" "\uffff" "\u{1f600}" [] [1] {} {"a":1} set() {1}';
    const values = order.split(' ').map(parseRego);
    expect(values.toReversed().sort(compareValues).map(formatRego)).toEqual(values.map(formatRego));
  });

  test('are equal by what they are worth, however many digits that takes', () => {
    expect(isEqual(parseRego('1.0'), parseRego('1'))).toBe(true);
    expect(isEqual(parseRego('1e2'), parseRego('100'))).toBe(true);
    expect(isEqual(parseRego('9007199254740993'), parseRego('9007199254740992'))).toBe(false);
    expect(isEqual(parseRego('1e400'), parseRego('1e401'))).toBe(false);
    expect(isEqual(parseRego('1e999999999'), parseRego('2e999999999'))).toBe(false);
  });

  test('become the JSON of OPA', () => {
    expect(formatJson(parseRego('{{"b", "a"}: {2, 1}, "x": [set()]}'))).toBe(
      '{"x":[[]],"[\\"a\\",\\"b\\"]":[1,2]}',
    );
  });

  test.each(['', '{', '[1', '"a', '{1: }', 'nul', '1 2', '{1, 2: 3}', '-', '+1'])(
    '%j are none',
    (text) => {
      expect(() => parseRego(text)).toThrow(SyntaxError);
    },
  );

  test('are no deeper than is read without risk', () => {
    expect(() => parseRego('['.repeat(100_000))).toThrow(RangeError);
  });
});
