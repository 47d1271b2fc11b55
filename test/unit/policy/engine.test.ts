/** The evaluator against modules that misbehave: every way out is a typed error, and none of them poisons the next. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { DEFAULT_HYGIENE, limitsFor, PolicyEngine } from '../../../src/policy/engine/engine.ts';
import { PolicyError } from '../../../src/policy/contract/policy-error.ts';
import type { PreparedPolicy } from '../../../src/policy/bundle/prepare.ts';
import { compileModule } from '../../../src/policy/engine/wasm-module.ts';
import { DEFAULT_BUNDLE, HOSTILE_BUNDLE, policyOf } from './support.ts';

let hostile: PreparedPolicy;
let standard: PreparedPolicy;
beforeAll(async () => {
  hostile = await policyOf(HOSTILE_BUNDLE);
  standard = await policyOf(DEFAULT_BUNDLE);
});

const APPEND = 'stele/append';
const inputOf = (what: string): string => canonicalJson({ event: { do: what } });
const allowed = { allow: true, reasons: [], class: 'standard' };

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'no error';
  } catch (error) {
    return error instanceof PolicyError ? error.code : `foreign: ${String(error)}`;
  }
}

describe('an evaluation', () => {
  test.each([
    ['a rule without a value', inputOf('nothing'), 'policy_undefined'],
    ['a rule with two values', inputOf('conflict'), 'policy_error'],
    ['a policy that fills its memory', inputOf('flood'), 'policy_error'],
    ['a number that is not exact', inputOf('large number'), 'policy_bad_output'],
    ['a member that SD-JWT reserves', inputOf('reserved'), 'policy_bad_output'],
    ['a member that SD-JWT reserves at the top', inputOf('reserved top'), 'policy_bad_output'],
    ['a text that is not UTF-8', inputOf('bytes'), 'policy_error'],
    ['nesting that overflows the stack', '['.repeat(60_000) + ']'.repeat(60_000), 'policy_error'],
    ['half a surrogate pair', '{"event":{"do":"\ud800"}}', 'policy_error'],
    ['half a surrogate pair, escaped', '{"event":{"do":"\\ud800"}}', 'policy_error'],
    ['an empty input', '', 'policy_error'],
    ['an input beyond the limit', canonicalJson('a'.repeat(400_000)), 'policy_error'],
  ])('of %s ends in its code, and the next one is right', (_, input, code) => {
    const engine = new PolicyEngine(hostile.compiled);
    expect(codeOf(() => engine.evaluate(APPEND, input))).toBe(code);
    expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
  });

  test('takes entrypoints by name only', () => {
    const engine = new PolicyEngine(hostile.compiled);
    for (const name of ['', '0', 'stele', 'constructor', '__proto__', 'stele/append ']) {
      expect(codeOf(() => engine.evaluate(name, inputOf('x')))).toBe('policy_undefined');
    }
  });

  test.each<[string, JsonValue]>([
    ['false', false],
    ['zero', 0],
    ['an empty text', ''],
    ['null', null],
  ])('sees an event that is %s', (_, event) => {
    const engine = new PolicyEngine(standard.compiled);
    const input = { ...appendInput, event };
    expect(engine.evaluate(APPEND, canonicalJson(input))).toMatchObject({ allow: true });
    expect(codeOf(() => engine.evaluate(APPEND, canonicalJson(event)))).toBe('no error');
  });

  test('of nothing but false denies: a falsy input is an input', () => {
    const engine = new PolicyEngine(standard.compiled);
    expect(engine.evaluate(APPEND, 'false')).toMatchObject({ allow: false });
  });

  test('keeps texts as they are', () => {
    const engine = new PolicyEngine(hostile.compiled);
    const text = 'ä \u0000 \u2028 \ud83d\ude00 "\\/ \u007f';
    const input = canonicalJson({ event: { do: 'long label', text } });
    expect(engine.evaluate(APPEND, input)).toMatchObject({ labels: { source: text } });
  });

  test('takes no answer for another, of however many it remembers', () => {
    const engine = new PolicyEngine(hostile.compiled);
    const asked = (text: string): JsonValue =>
      engine.evaluate(APPEND, canonicalJson({ event: { do: 'long label', text } }));
    const texts = Array.from({ length: 600 }, (_, i) => `${i}`.repeat(i % 7 === 0 ? 2000 : 1));
    for (const text of [...texts, ...texts]) {
      expect(asked(text)).toMatchObject({ labels: { source: text } });
    }
    // The same object: what is made of an answer is made once.
    expect(asked('x')).toBe(asked('x'));
  });
});

const appendInput = {
  action: { name: 'entry.append' },
  resource: { type: 'ledger', id: 'l', properties: {} },
  subject: { type: 'service', id: 's', properties: { roles: ['service'] } },
};

describe('an instance', () => {
  test('is not used again after an abort, so a thousand of them do no harm', () => {
    const engine = new PolicyEngine(hostile.compiled);
    for (let i = 0; i < 1000; i++) {
      expect(codeOf(() => engine.evaluate(APPEND, inputOf('conflict')))).toBe('policy_error');
    }
    expect(engine.instances).toBe(1000);
    expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
  });

  test('is kept where nothing went wrong', () => {
    const engine = new PolicyEngine(hostile.compiled);
    for (let i = 0; i < 100; i++) engine.evaluate(APPEND, inputOf('x'));
    expect(codeOf(() => engine.evaluate(APPEND, inputOf('nothing')))).toBe('policy_undefined');
    expect(engine.instances).toBe(1);
  });

  test('is thrown away after so many evaluations', () => {
    const engine = new PolicyEngine(hostile.compiled, { ...DEFAULT_HYGIENE, evaluations: 10 });
    for (let i = 0; i < 31; i++) expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
    expect(engine.instances).toBe(4);
  });

  test('is thrown away once its memory grew past the watermark', () => {
    const engine = new PolicyEngine(hostile.compiled, { ...DEFAULT_HYGIENE, watermarkBytes: 1e6 });
    const large = canonicalJson({ event: { list: 'ab'.repeat(40_000).split('') } });
    engine.evaluate(APPEND, inputOf('x'));
    expect(engine.instances).toBe(1);
    engine.evaluate(APPEND, large);
    expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
    expect(engine.instances).toBe(2);
  });

  test('never has more memory than its maximum', () => {
    const limits = { ...limitsFor(0), memoryPages: 40 };
    const engine = new PolicyEngine({ ...hostile.compiled, limits });
    const large = canonicalJson({ event: { list: 'ab'.repeat(40_000).split('') } });
    expect(codeOf(() => engine.evaluate(APPEND, large))).toBe('policy_error');
    expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
  });

  test('answers only so much', () => {
    const limits = { ...limitsFor(0), resultBytes: 200 };
    const engine = new PolicyEngine({ ...hostile.compiled, limits });
    const input = canonicalJson({ event: { do: 'long label', text: 'a'.repeat(300) } });
    expect(codeOf(() => engine.evaluate(APPEND, input))).toBe('policy_bad_output');
    expect(engine.evaluate(APPEND, inputOf('x'))).toEqual(allowed);
  });
});

describe('a module', () => {
  /** `(module (import "env" NAME (func)))` and nothing else. */
  const importing = (name: string): Uint8Array =>
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 4, 1, 0x60, 0, 0],
      ...[2, 5 + 3 + name.length, 1, 3, ...Buffer.from('env'), name.length, ...Buffer.from(name)],
      ...[0, 0],
    ]);

  test.each([
    ['is not WebAssembly', Uint8Array.from([1, 2, 3]), /not WebAssembly/],
    ['has imports of its own', importing('fetch'), /imports env.fetch/],
    ['prints', importing('opa_println'), /imports env.opa_println/],
    ['has no ABI', Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), /no opa_eval/],
  ])('that %s may not decide', (_, bytes, message) => {
    expect(() => compileModule(bytes)).toThrow(message);
  });

  test('with data that does not load may not decide', () => {
    expect(() => new PolicyEngine({ ...hostile.compiled, data: '{"a":' })).toThrow(
      expect.objectContaining({ code: 'bundle_invalid' }),
    );
  });

  test('with too little memory may not decide', () => {
    const limits = { ...limitsFor(0), memoryPages: 1 };
    expect(() => new PolicyEngine({ ...hostile.compiled, limits })).toThrow(
      expect.objectContaining({ code: 'bundle_invalid' }),
    );
  });

  test('that calls functions of its host may not decide', async () => {
    await expect(policyOf('test/policy/fixtures/foreign.tar.gz')).rejects.toMatchObject({
      code: 'bundle_invalid',
      message: expect.stringMatching(/built-ins that the engine has not: uri.parse/),
    });
  });

  test('that does not answer everything may not decide', async () => {
    await expect(policyOf('test/policy/fixtures/half.tar.gz')).rejects.toMatchObject({
      code: 'bundle_invalid',
      message: expect.stringMatching(/no entrypoint stele\/read/),
    });
  });

  test('says what it is', () => {
    const { facts } = new PolicyEngine(standard.compiled);
    expect(facts).toEqual({
      entrypoints: ['stele/admin', 'stele/append', 'stele/read'],
      builtins: ['sprintf'],
      abi: '1.3',
    });
  });
});
