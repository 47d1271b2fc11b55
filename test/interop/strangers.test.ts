/**
 * The whole line: real events go in at one end, and tools that this project did not write verify them at the other,
 * from the running gateway and from the store alone.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startGateway } from '../support/gateway-process.ts';
import type { GatewayProcess, LedgerFacts } from '../support/gateway-process.ts';
import { askFsck, askSdJwt, askSumdb } from '../support/judges.ts';
import { startS3Server, whyNoServer } from '../support/s3-servers.ts';
import type { S3Server } from '../support/s3-servers.ts';
import { needs, projectRoot } from '../support/tools.ts';

const LEDGER = 'strangers';
const LINES = 100;

interface Accepted {
  readonly id: string;
}

/** Where a ledger lives, and how a stranger gets at its published view with no gateway running. */
interface Ground {
  readonly settings: Readonly<Record<string, string>>;
  /** A folder with the static view in it. */
  readonly view: () => Promise<string>;
  readonly close: () => Promise<void>;
}

const grounds: Readonly<Record<string, (folder: string) => Promise<Ground>>> = {
  files: async (folder) =>
    Promise.resolve({
      settings: { 'store.path': join(folder, 'store') },
      view: async () => Promise.resolve(join(folder, 'store', LEDGER)),
      close: async () => Promise.resolve(),
    }),
  versitygw: async (folder) => onServer(await startS3Server('versitygw'), folder),
  seaweedfs: async (folder) => onServer(await startS3Server('seaweedfs'), folder),
};

function onServer(server: S3Server, folder: string): Ground {
  const { bucket, endpoint, accessKeyId, secretAccessKey } = server;
  return {
    settings: {
      'store.kind': 's3',
      'store.bucket': bucket,
      'store.endpoint': endpoint,
      'store.accessKeyId': accessKeyId,
      'store.secretAccessKey': secretAccessKey,
    },
    view: async () => {
      const view = join(folder, 'view');
      await copyView(server, view);
      return view;
    },
    close: async () => server.stop(),
  };
}

/** Copies checkpoint and tiles out of a bucket, as any S3 client would. */
async function copyView(server: S3Server, view: string): Promise<void> {
  const { bucket, endpoint, region, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const keys = [`${LEDGER}/checkpoint`];
  let after: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: `${LEDGER}/tile/`,
        ContinuationToken: after,
      }),
    );
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    after = page.NextContinuationToken;
  } while (after !== undefined);
  for (const key of keys) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const file = join(view, key.slice(LEDGER.length + 1));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, (await Body?.transformToByteArray()) ?? '');
  }
  client.destroy();
}

async function realEvents(): Promise<string[]> {
  const packed = await readFile(join(projectRoot, 'test/data/cloudtrail/events.ndjson.gz'));
  return gunzipSync(packed).toString().trim().split('\n');
}

describe.each(Object.keys(grounds))('a ledger of 2,000 real events on %s', (kind) => {
  if (kind !== 'files' && whyNoServer(kind as 'versitygw') !== null) {
    test.skip(`needs ${kind}: strangers verify what is on it`, () => undefined);
    return;
  }
  let folder = '';
  let ground: Ground;
  let gateway: GatewayProcess;
  let facts: LedgerFacts;
  let events: string[];
  let early: string;
  const accepted: Accepted[] = [];

  const text = async (path: string, options = {}): Promise<string> => {
    const answer = await gateway.fetch(path, options);
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    return answer.text();
  };
  const entryPath = (at: number): string => `/v1/ledgers/${LEDGER}/entries/${accepted[at]!.id}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stele-strangers-'));
    ground = await grounds[kind]!(folder);
    gateway = await startGateway(LEDGER, join(folder, 'data'), {
      ...ground.settings,
      'policy.deadlineMs': '1000', // The machine may be busy with other tests; speed is not judged here.
    });
    events = await realEvents();
    early = join(folder, 'early.checkpoint');
    for (let at = 0; at < events.length; at += LINES) {
      const body = `${events.slice(at, at + LINES).join('\n')}\n`;
      const path = `/v1/ledgers/${LEDGER}/entries`;
      const answers = await text(path, { as: 'service', body, type: 'application/x-ndjson' });
      accepted.push(
        ...answers
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Accepted),
      );
      if (at === 500) await writeFile(early, await text(`/log/${LEDGER}/checkpoint`));
    }
    await text(`${entryPath(events.length - 1)}/proof?wait=10s`, { as: 'service' });
    facts = JSON.parse(await text(`/v1/ledgers/${LEDGER}`)) as LedgerFacts;
  }, 180_000);

  afterAll(async () => {
    await gateway.stop().catch(() => undefined);
    await ground.close();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test('every event was accepted', () => {
    expect(accepted.filter(({ id }) => typeof id !== 'string')).toEqual([]);
    expect(accepted).toHaveLength(events.length);
    expect(facts.size).toBeGreaterThanOrEqual(events.length);
  });

  needs('fsck', 'Tessera rebuilds the log that the gateway serves', (fsck) => {
    test('Tessera’s fsck rebuilds the log that the gateway serves', async () => {
      const judgement = await askFsck(fsck, `${gateway.url}/log/${LEDGER}`, facts.vkeys[0]!);
      expect(judgement).toMatchObject({ accepted: true });
      expect(judgement.size).toBeGreaterThanOrEqual(events.length);
    });
  });

  needs('sumdb', 'sumdb verifies the log that the gateway serves', (sumdb) => {
    test('sumdb verifies each tile, each leaf’s inclusion, and that an earlier head is extended', async () => {
      const log = `${gateway.url}/log/${LEDGER}`;
      const report = await askSumdb(sumdb, { log, vkey: facts.vkeys[0]!, older: early });
      expect(report).toMatchObject({ ok: true, inclusion: report.size });
      expect(report.leaves).toBeGreaterThanOrEqual(events.length);
      expect(report.consistency?.from).toBeLessThan(report.size);
    });

    test.each([0, 777, 1999])('sumdb verifies the tlog-proof of event %d', async (at) => {
      const [proof, leaf] = [join(folder, 'asked.tlog-proof'), join(folder, 'asked.leaf')];
      const options = { as: 'service', accept: 'text/plain' };
      await writeFile(proof, await text(`${entryPath(at)}/proof?wait=10s`, options));
      const full = await text(entryPath(at), { as: 'service', accept: 'application/sd-jwt' });
      await writeFile(leaf, full.split('~')[0]!);
      const report = await askSumdb(sumdb, { vkey: facts.vkeys[0]!, proof, leaf });
      expect(report).toMatchObject({ ok: true, proof: { relation: 'none' } });
    });
  });

  needs('python', 'Python opens entries that the gateway answers', (python) => {
    const sdJwt = async (at: number, as: string): Promise<string> =>
      text(entryPath(at), { as, accept: 'application/sd-jwt' });

    test.each([0, 777, 1999])('Python’s sd-jwt opens event %d whole, for its owner', async (at) => {
      const report = await askSdJwt(python, await sdJwt(at, 'service'), facts.jwks);
      expect(report).toMatchObject({ ok: true, payload: { kind: 'event', jti: accepted[at]!.id } });
      const input = report.payload?.['input'] as { event: unknown };
      expect(input.event).toEqual(JSON.parse(events[at]!));
    });

    test('Python’s sd-jwt opens what an auditor may see of it, and nothing else is in it', async () => {
      const [whole, redacted] = [await sdJwt(0, 'service'), await sdJwt(0, 'auditor')];
      const [all, some] = [whole, redacted].map((each) => each.split('~').length);
      expect(some).toBeLessThan(all!);
      const report = await askSdJwt(python, redacted, facts.jwks);
      expect(report).toMatchObject({ ok: true, payload: { jti: accepted[0]!.id } });
      const input = report.payload?.['input'] as { event: Record<string, unknown> };
      const names = Object.keys(JSON.parse(events[0]!) as object);
      expect(Object.keys(input.event).length).toBeLessThan(names.length);
      expect(names).toEqual(expect.arrayContaining(Object.keys(input.event)));
    });
  });

  describe('with no gateway running', () => {
    let view = '';
    let size = 0;

    beforeAll(async () => {
      await gateway.stop();
      view = await ground.view();
      size = Number((await readFile(join(view, 'checkpoint'), 'utf8')).split('\n')[1]);
    }, 120_000);

    test('the published head covers all that was ever served', () => {
      expect(size).toBeGreaterThan(facts.size);
    });

    needs('fsck', 'Tessera rebuilds the published static view', (fsck) => {
      test('Tessera’s fsck rebuilds the published static view', async () => {
        expect(await askFsck(fsck, view, facts.vkeys[0]!)).toMatchObject({ accepted: true, size });
      });
    });

    needs('sumdb', 'sumdb verifies the published static view', (sumdb) => {
      test('sumdb verifies it, and that it extends what the gateway served', async () => {
        const vkey = facts.vkeys[0]!;
        const report = await askSumdb(sumdb, { log: view, vkey, older: early });
        expect(report).toMatchObject({ ok: true, size, inclusion: size });
      });
    });
  });
});
