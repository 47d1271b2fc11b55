import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { StoreUnavailableError, StoreDeniedError } from '../../src/storage/errors.ts';
import { PROBE_CHECKS, probeStore, StoreProbeError } from '../../src/storage/probe.ts';
import type { ProbeCheck, ProbeReport } from '../../src/storage/probe.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openS3Store } from '../../src/storage/s3-store.ts';
import { startLyingProxy } from '../support/lying-proxy.ts';
import type { Lie } from '../support/lying-proxy.ts';
import { startS3Server, whyNoServer } from '../support/s3-servers.ts';
import type { S3Server } from '../support/s3-servers.ts';

const probe = async (store: ObjectStore): Promise<ProbeReport> =>
  probeStore(store, {
    prefix: 'demo/',
    random: (count) => randomBytes(count),
    clock: () => Date.now(),
  });

async function failedChecks(store: ObjectStore): Promise<readonly ProbeCheck[]> {
  try {
    await probe(store);
    return [];
  } catch (error) {
    if (!(error instanceof StoreProbeError)) throw error;
    const failed = error.report.checks.filter(({ verdict }) => verdict === 'failed');
    for (const { check } of failed) expect(error.message).toContain(check);
    expect(error).toMatchObject({ code: 'store_probe_failed', disposition: 'fix-configuration' });
    return failed.map(({ check }) => check);
  }
}

// The strict server takes a second for each race; the other shows that the verdicts are not its peculiarities.
const kinds = ['versitygw', 'seaweedfs'] as const;
for (const kind of kinds) {
  const reason = whyNoServer(kind);
  (reason === null ? describe : describe.skip)(reason ?? `the probe in front of ${kind}`, () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3Server(kind);
    }, 240_000);
    afterAll(async () => {
      await server.stop();
    });

    // prettier-ignore
    test.each<[Lie, readonly ProbeCheck[]]>([
        // What the store does wrong  What the probe names, at least
        ['none',                      []],
        ['drops_condition',           ['create_again', 'concurrent_creates', 'versions']],
        ['drops_locks',               ['lock_echoed', 'lock_enforced']],
        ['claims_locks',              ['lock_enforced']],
        ['names_no_version',          ['create', 'versions']],
        ['forgets_versions',          ['overwrite']],
        ['wrong_clock',               ['clock_skew']],
        ['tears_bodies',              ['versions']],
      ])('a store that %s is refused for %j', async (lie, want) => {
        const proxy = await startLyingProxy(server, lie);
        const store = openS3Store(server.settings({ endpoint: proxy.endpoint }));
        try {
          const failed = await failedChecks(store);
          expect(failed).toEqual(expect.arrayContaining([...want]));
          if (want.length === 0) expect(failed).toEqual([]);
        } finally {
          await store.close();
          await proxy.close();
        }
      }, 60_000);

    test('a bucket without Object Lock is refused, and the error says what to do', async () => {
      await server.createBucket('bare', { objectLock: false });
      const store = server.openStore({ bucket: 'bare' });
      const error: unknown = await probe(store).catch((thrown: unknown) => thrown);
      await store.close();
      expect(error).toBeInstanceOf(StoreProbeError);
      expect((error as Error).message).toMatch(/object_lock \(off: make a bucket with Object Lock/);
    }, 60_000);

    test.each([
      ['a bucket that is not there', { bucket: 'missing' }, 'store.bucket'],
      ['a wrong secret', { secretAccessKey: 'wrong' }, 'store.secretAccessKey'],
      ['an unknown access key', { accessKeyId: 'nobody' }, 'store.accessKeyId'],
    ])('%s is a refusal, not a verdict, and says what to do', async (_, changes, words) => {
      const store = server.openStore(changes);
      const error: unknown = await probe(store).catch((thrown: unknown) => thrown);
      await store.close();
      expect(error).toBeInstanceOf(StoreDeniedError);
      expect((error as Error).message).toContain(words);
    });

    test('a server that does not answer is unavailable, not refused', async () => {
      const store = server.openStore({ endpoint: 'http://127.0.0.1:9', requestTimeoutMs: 500 });
      await expect(probe(store)).rejects.toBeInstanceOf(StoreUnavailableError);
      await store.close();
    });

    test('the report lists every check once, in order', async () => {
      const store = server.openStore();
      const report = await probe(store);
      await store.close();
      expect(report.checks.map(({ check }) => check)).toEqual([...PROBE_CHECKS]);
      const apart = report.checks.find(({ check }) => check === 'keys_apart');
      // Both keep keys as paths: no fault, and worth knowing.
      expect(apart).toMatchObject({
        verdict: 'advisory',
        detail: expect.stringContaining('keys as paths'),
      });
    });
  });
}
