/** What a feed makes of what its source gives: one candidate, one failure, and pauses in between. */
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { PolicyFeed } from '../../../src/policy/bundle/feed.ts';
import type { FeedFailure } from '../../../src/policy/bundle/feed.ts';
import { BundleError } from '../../../src/policy/contract/policy-error.ts';
import type { BundleCode } from '../../../src/policy/contract/policy-error.ts';
import { SourceError } from '../../../src/policy/bundle/sources/source.ts';
import type { BundleSource } from '../../../src/policy/bundle/sources/source.ts';
import type { StagedPolicy } from '../../../src/policy/bundle/staged.ts';

type Step = string | null | SourceError;

const digestOf = (bundle: string): string =>
  createHash('sha256').update(bundle).digest('base64url');
const lost = (): SourceError => new SourceError('source_unreachable', 'away');

/** A source that gives what it is told, then nothing; pauses do not last. */
function world(steps: Step[], { waits = false } = {}) {
  const told: [string, string][] = [];
  const pauses: number[] = [];
  const source: BundleSource = {
    name: 'test',
    waits,
    fetch: async () => {
      const step = steps.shift() ?? null;
      if (step instanceof SourceError) return Promise.reject(step);
      return Promise.resolve(step === null ? null : new Uint8Array(Buffer.from(step)));
    },
    pause: async (ms) => {
      pauses.push(Math.round(ms));
      return new Promise((resolve) => setTimeout(resolve, 1));
    },
    close: async () => Promise.resolve(),
  };
  const stage = async (archive: Uint8Array): Promise<StagedPolicy> => {
    const bundle = Buffer.from(archive).toString();
    if (bundle.startsWith('bundle_')) {
      return Promise.reject(new BundleError(bundle, undefined, bundle.split(' ')[0] as BundleCode));
    }
    if (bundle === 'bug') return Promise.reject(new TypeError('a bug'));
    return Promise.resolve({ digest: digestOf(bundle), archive } as StagedPolicy);
  };
  const tell =
    (what: string) =>
    ({ code, digest }: FeedFailure): void => {
      told.push([what, digest === null ? code : `${code} ${digest}`]);
    };
  const events = {
    staged: ({ digest }: StagedPolicy) => told.push(['staged', digest]),
    refused: tell('refused'),
    failed: tell('failed'),
  };
  const feed = new PolicyFeed(
    { source, stage, events, clock: () => 1000, chance: () => 1 },
    { minDelayMs: 2000, maxDelayMs: 4000 },
  );
  const look = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await feed.look();
  };
  return { feed, look, told, pauses, source };
}

afterEach(() => {
  jest.useRealTimers();
});

describe('a feed', () => {
  test('has a candidate once a bundle was staged, and the newest of several', async () => {
    const { feed, look, told } = world(['one', null, 'two']);
    expect(feed.status).toMatchObject({ source: 'test', candidate: null, lookedAt: null });
    await look(3);
    expect(told).toEqual([
      ['staged', digestOf('one')],
      ['staged', digestOf('two')],
    ]);
    expect(feed.status).toMatchObject({ staged: 2, refused: 0, failed: 0, lookedAt: 1000 });
    expect(feed.status.candidate?.digest).toBe(digestOf('two'));
  });

  test('keeps its candidate when the next bundle is refused, and says which and why', async () => {
    const { feed, look, told } = world(['one', 'bundle_invalid x']);
    await look(2);
    expect(feed.status.candidate?.digest).toBe(digestOf('one'));
    const digest = digestOf('bundle_invalid x');
    expect(feed.status.failure).toMatchObject({ code: 'bundle_invalid', digest, at: 1000 });
    expect(told.at(-1)).toEqual(['refused', `bundle_invalid ${digest}`]);
  });

  test('says once of the same bytes what it thinks of them', async () => {
    const { look, told, feed } = world([
      'bundle_invalid',
      'bundle_invalid',
      null,
      'bundle_invalid',
    ]);
    await look(4);
    expect(told).toHaveLength(1);
    expect(feed.status.failure?.code).toBe('bundle_invalid');
  });

  test('that is shown the good bundle again after a bad one is in order again', async () => {
    const { look, feed } = world(['one', 'bundle_invalid', 'one']);
    await look(3);
    expect(feed.status).toMatchObject({ failure: null, staged: 2 });
  });

  test('stages again what was not ready, and gives up after three times', async () => {
    const { look, told, feed } = world(['bundle_not_ready', null, null, null, null]);
    await look(5);
    expect(told.map(([what]) => what)).toEqual(['refused', 'refused', 'refused']);
    expect(feed.status.failure?.code).toBe('bundle_not_ready');
  });

  test('tells a source that is away once, and is in order when it is back', async () => {
    const { look, told, feed } = world([lost(), lost(), null, lost()]);
    await look(2);
    expect(feed.status).toMatchObject({ failed: 2, failure: { code: 'source_unreachable' } });
    await look(1);
    expect(feed.status.failure).toBeNull();
    await look(1);
    expect(told).toHaveLength(2);
  });

  test('that is away still shows the candidate', async () => {
    const { look, feed } = world(['one', lost()]);
    await look(2);
    expect(feed.status.candidate?.digest).toBe(digestOf('one'));
  });

  test('takes a bug of the staging for a refusal, and goes on', async () => {
    const { look, feed } = world(['bug', 'one']);
    await look(1);
    expect(feed.status.failure).toMatchObject({ code: 'staging_failed' });
    await look(1);
    expect(feed.status.failure).toBeNull();
  });
});

describe('the pauses of a feed', () => {
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('are drawn between the two that are set', async () => {
    const { feed, pauses } = world(['one', null, null]);
    feed.start();
    feed.start();
    await until(() => pauses.length >= 3);
    await feed.close();
    expect(pauses.slice(0, 3)).toEqual([4000, 4000, 4000]);
  });

  test('grow while every bundle is refused, up to the longest, and no further', async () => {
    const bad = Array.from({ length: 6 }, (_, n) => `bundle_invalid ${n}`);
    const { feed, pauses } = world([...bad, null]);
    feed.start();
    await until(() => pauses.length >= 7);
    await feed.close();
    expect(pauses.slice(0, 7)).toEqual([500, 1000, 2000, 4000, 4000, 4000, 4000]);
  });

  test('of a source that is away are not cut short by it', async () => {
    const { feed, pauses } = world([lost(), 'one']);
    feed.start();
    await until(() => feed.status.staged === 1);
    await feed.close();
    expect(pauses.filter((ms) => ms < 4000)).toEqual([]);
  });

  test('of a source that waits are short, and not so short that the loop spins', async () => {
    const { feed, pauses, look } = world(['one'], { waits: true });
    feed.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await feed.close();
    expect(pauses).toEqual([]);
    expect(feed.status.lookedAt).toBe(1000);
    await look(1);
    expect(feed.status.staged).toBe(1);
  });
});
