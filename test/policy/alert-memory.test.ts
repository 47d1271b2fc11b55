/** What a caller can fill the memory of the rules with, and what is heard all the same. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { RecentFacts } from '../../src/policy/alert/facts.ts';
import { AlertJob } from '../../src/policy/alert/job.ts';
import type { AlertAnswer } from '../../src/policy/alert/job.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import { PolicyError } from '../../src/policy/contract/policy-error.ts';
import { buildAlertPolicy } from '../support/alert-policy.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const ENTRYPOINTS = ['stele/alert', 'stele/fact'];

/** Asks about events, a millisecond apart. */
function asking(job: AlertJob): (event: JsonObject) => AlertAnswer {
  let index = 0;
  return (event) => {
    index += 1;
    const ms = NOW + index;
    const subject = { type: 'user', id: 'mal', properties: {} };
    const input = { subject, event, time: { ms, rfc3339: new Date(ms).toISOString() } };
    const [jti, key] = ['01890a5d-ac96-774b-bcce-b302099a8057', 'A'.repeat(43)];
    const rest = { result: null, source: null, sealed: [] };
    const record = canonicalJson({ v: 1, jti, key, input, ...rest });
    return job.ask({
      entry: { kind: 'event', id: 'x', index, allow: true },
      ...{ at: ms, record, past: false },
    });
  };
}

describe('a caller that fetches things of long names before its export', () => {
  let engine: PolicyEngine;
  let inputBytes: number;
  beforeAll(async () => {
    const { compiled } = (await buildAlertPolicy()).prepared;
    engine = new PolicyEngine(compiled);
    ({ inputBytes } = compiled.limits);
  }, 60_000);

  const fetched = (secretId: string): JsonObject => ({
    ...{ eventVersion: '1.08', eventSource: 'secretsmanager.amazonaws.com', awsRegion: 'x' },
    ...{ eventName: 'GetSecretValue', sourceIPAddress: '192.0.2.1', userAgent: 'tool' },
    userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::1:user/mal' },
    requestParameters: { secretId },
  });

  test.each([
    ['1,700 characters of three bytes', '漢'.repeat(1700)],
    ['500 characters of three bytes', '漢'.repeat(500)],
  ])(
    'does not silence mass_export with %s',
    (_, name) => {
      const ask = asking(
        new AlertJob(engine, { entrypoints: ENTRYPOINTS, inputBytes }, new RecentFacts()),
      );
      const filled = Array.from({ length: 90 }, () => ask(fetched(name)).failed);
      expect(filled).toEqual(Array.from({ length: 90 }, () => null));
      const answers = Array.from({ length: 12 }, (__, one) => ask(fetched(`secret ${one}`)));
      expect(answers.map((answer) => answer.failed)).toEqual(answers.map(() => null));
      expect(answers.flatMap(({ alerts }) => alerts).length).toBeGreaterThan(0);
    },
    60_000,
  );
});

describe('an engine with room for less than what is kept', () => {
  const INPUT_BYTES = 20_000;
  interface Asked {
    readonly event: { readonly n: number; readonly fails?: boolean };
    readonly recent: readonly { readonly n: number }[];
  }

  /** Keeps 1 KB of each entry, in characters of three bytes, and tells what it was handed. */
  const evaluator: Evaluator = {
    evaluate: (entrypoint, input): JsonValue => {
      if (Buffer.byteLength(input) > INPUT_BYTES)
        throw new PolicyError('policy_error', 'too large');
      const { event, recent } = JSON.parse(input) as Asked;
      if (entrypoint === 'stele/fact') return { actor: 'a', n: event.n, text: '漢'.repeat(330) };
      if (event.fails === true && recent.length > 0) throw new PolicyError('policy_error', 'no');
      return [{ severity: 'low', title: `handed ${recent.map(({ n }) => n).join(' ')}` }];
    },
  };
  const policy = { entrypoints: ENTRYPOINTS, inputBytes: INPUT_BYTES };
  const range = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, one) => one + from).join(' ');

  test.each([
    ['a small entry is asked about with the newest of it', {}, range(11, 30)],
    ['a large entry is asked about with fewer', { text: 'x'.repeat(10_000) }, range(21, 30)],
    ['the largest entry is asked about with none', { text: 'x'.repeat(19_300) }, ''],
  ])('%s', (_, more, handed) => {
    const ask = asking(new AlertJob(evaluator, policy, new RecentFacts()));
    for (let n = 0; n < 30; n += 1) ask({ n });
    expect(ask({ n: 30, ...more })).toMatchObject({
      alerts: [{ severity: 'low', title: `handed ${handed}` }],
      failed: null,
    });
  });

  test('an entry at which it fails for what was kept is asked about alone, and counted', () => {
    const ask = asking(new AlertJob(evaluator, policy, new RecentFacts()));
    ask({ n: 0 });
    expect(ask({ n: 1, fails: true })).toMatchObject({
      alerts: [{ severity: 'low', title: 'handed ' }],
      failed: 'policy_error',
    });
  });
});
