import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { casesOf, tryCase } from '../../../src/policy/bundle/cases.ts';
import { PolicyEngine } from '../../../src/policy/engine/engine.ts';
import { DEFAULT_BUNDLE, policyOf } from './support.ts';

describe('a golden case, tried for its author', () => {
  let engine: PolicyEngine;
  beforeAll(async () => {
    engine = new PolicyEngine((await policyOf(DEFAULT_BUNDLE)).compiled);
  });
  const file = readFileSync('rego/cases/append.json');
  const [first] = casesOf(new Map([['cases/append.json', file]]));

  test('that gets what it wants says nothing', () => {
    expect(tryCase(engine, first!)).toBeNull();
  });

  test('that wants something else says what it got', () => {
    const failure = tryCase(engine, { ...first!, want: { allow: false } });
    expect(failure).toMatchObject({ got: { allow: true }, err: null });
  });

  test('of an entrypoint that the policy has not fails', () => {
    const failure = tryCase(engine, { ...first!, entrypoint: 'stele/none' });
    expect(failure).toMatchObject({ got: null, err: 'policy_undefined' });
  });

  test('whose answer the gateway would not take fails, whatever it wants', () => {
    const evaluator = { evaluate: () => ({ allow: true }) };
    const failure = tryCase(evaluator, { ...first!, want: { allow: true } });
    expect(failure).toMatchObject({ err: 'policy_bad_output' });
  });
});
