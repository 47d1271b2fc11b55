/** Changes of policy on which something gives way: time, the root, another change, the archive, the store, the process. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlFacts } from '../../src/core/ledger/ctl.ts';
import { parseEntry } from '../../src/core/entry/entry.ts';
import { SteleError } from '../../src/core/errors.ts';
import { makeKeyStatement } from '../../src/core/ledger/statement.ts';
import { PolicyWorld } from '../support/policy-world.ts';
import type { Activation, Person } from '../support/policy-world.ts';

type Answer = Awaited<ReturnType<PolicyWorld['activate']>>;

const HOUR_MS = 3_600_000;
let w: PolicyWorld;
let ann: Person;
let ben: Person;

beforeAll(async () => {
  w = await PolicyWorld.open();
  [ann, ben] = [await w.person('ann'), await w.person('ben')];
}, 240_000);

afterAll(async () => {
  await w.close();
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** The code of a refusal, once it is seen that its entry says the same. */
async function refusedWith({ status, body }: Answer): Promise<unknown> {
  expect(status).toBeGreaterThanOrEqual(400);
  const entry = await w.gateway.ledger.entry(String(body['decision']));
  const { payload } = parseEntry(Buffer.from(entry!.jws));
  expect(controlFacts('policy', payload.ctl)).toMatchObject({ act: 'reject', code: body['code'] });
  return body['code'];
}

async function alerts(world: PolicyWorld, source: number): Promise<number> {
  const { treeSize } = world.gateway.ledger.status();
  let found = 0;
  for (let index = source; index < treeSize; index += 1) {
    const entry = await world.gateway.ledger.entry(index);
    const { kind, ctl } = parseEntry(Buffer.from(entry!.jws)).payload;
    if (kind === 'alert' && controlFacts('alert', ctl).source === source) found += 1;
  }
  return found;
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await done()) return;
    await sleep(25);
  }
  throw new Error('it never came to be');
}

/** What happens while the bundle is put into the archive: after the decision, and before the entry. */
function meanwhile(work: () => Promise<unknown>): void {
  const { ledger } = w.gateway;
  const archive = ledger.archivePolicy.bind(ledger);
  jest.spyOn(ledger, 'archivePolicy').mockImplementationOnce(async (id, bytes) => {
    await archive(id, bytes);
    await work();
  });
}

describe('an honest gateway seals no activation that does not stand where it is sealed', () => {
  test.each([
    ['ends before the bundle can be staged', 30_000, 'approval_expired'],
    ['is good for a year', 365 * 24 * HOUR_MS, 'approval_too_long'],
  ])('an approval that %s is refused at once', async (_, ms, code) => {
    const bundle = await w.bundle('times');
    const request = await w.request(bundle, [ann, ben], { expiry: Date.now() + ms });
    expect(await refusedWith(await w.activate(request))).toBe(code);
  });

  test('a key that the root withdraws while the bundle is archived approves nothing', async () => {
    const gone = await w.person('gone');
    meanwhile(async () => {
      const { kid } = gone.signer;
      const says = { v: 1 as const, gen: w.genesis.gen, kid, use: 'approver' as const };
      const revoked = { ...says, act: 'revoke' as const, reason: 'stolen' };
      const statement = await makeKeyStatement(revoked, [w.root]);
      await (
        await w.gateway.ledger.appendSystem('key', { statement })
      ).sealed;
    });
    const answer = await w.activate(await w.request(await w.bundle('late'), [gone, ben]));
    expect(await refusedWith(answer)).toBe('approver_withdrawn');
  });

  test('a change that another gateway seals meanwhile comes first', async () => {
    const { ledger } = w.gateway;
    const { active, ...rest } = ledger.policy();
    meanwhile(async () => {
      const other = { ...active!, id: 'another' };
      jest.spyOn(ledger, 'policy').mockReturnValueOnce({ ...rest, active: other });
      return Promise.resolve();
    });
    const answer = await w.activate(await w.request(await w.bundle('second'), [ann, ben]));
    expect(await refusedWith(answer)).toBe('activation_lost');
  });
});

describe('whatever is refused leaves an entry', () => {
  test('the policy that is in charge', async () => {
    const { id } = w.genesis.policy!;
    const archive = (await w.gateway.ledger.archivedPolicy(id))!;
    const again = await w.request(await w.named(archive), [ann, ben]);
    expect(await refusedWith(await w.activate(again))).toBe('policy_active_already');
    // With the approvals of last time another bundle is not in charge, and there is something to do.
    const { bundle } = await w.request(await w.bundle('forgotten'), [ann, ben]);
    expect(await refusedWith(await w.activate({ ...again, bundle }))).toBe('approval_other');
  });

  test('a body that is no request', async () => {
    const answer = await w.activate({ force: true });
    expect(await refusedWith(answer)).toBe('activation_malformed');
    expect(answer.body['pointer']).toBeDefined();
  });

  test('an archive that somebody has altered', async () => {
    const error = new SteleError('policy_archive_altered', 'altered', { disposition: 'halt' });
    jest.spyOn(w.gateway.ledger, 'archivedDigest').mockRejectedValueOnce(error);
    const answer = await w.activate(await w.request(await w.bundle('kept'), [ann, ben]));
    expect(await refusedWith(answer)).toBe('policy_archive_altered');
  });

  test('a second change while one is prepared, beside which the glass can be broken', async () => {
    const { ledger } = w.gateway;
    const digest = ledger.archivedDigest.bind(ledger);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const isHeld = new Promise<void>((resolve) => {
      jest.spyOn(ledger, 'archivedDigest').mockImplementationOnce(async (id) => {
        resolve();
        await held;
        return digest(id);
      });
    });
    const [slow, other] = [await w.bundle('slow'), await w.bundle('other')];
    const first = w.activate(await w.request(slow, [ann, ben]));
    await isHeld;
    const second = await w.activate(await w.request(other, [ann, ben]));
    expect(await refusedWith(second)).toBe('activation_in_progress');
    const request = await w.request(other, [ann], { change: 'break_glass' });
    const glass = await w.activate({ ...request, reason: 'fire' });
    expect([glass.status, w.active]).toEqual([201, other.id]);
    go();
    expect(await refusedWith(await first)).toBe('activation_lost');
  });
});

test('a policy that the archive has in another bundle is refused by the name of that bundle', async () => {
  const cid = await w.person('cid', 'author');
  const [bare, signed] = [await w.bundle('own'), await w.bundle('own', undefined, cid.key)];
  expect(signed.id).toBe(bare.id);
  expect((await w.activate(await w.request(bare, [ann, ben]))).status).toBe(201);
  expect((await w.activate(await w.request(await w.bundle('two'), [ann, ben]))).status).toBe(201);
  const request: Activation = await w.request(signed, [ann, ben], { change: 'rollback' });
  const certificates = [...(request['certificates'] as unknown[]), cid.cert];
  const answer = await w.activate({ ...request, certificates });
  expect(await refusedWith(answer)).toBe('policy_archived_otherwise');
  expect(answer.body).toMatchObject({ status: 409, durability: 'not-durable' });
  expect(answer.body['detail']).toContain(bare.digest);
  const right = await w.request(bare, [ann, ben], { change: 'rollback' });
  expect((await w.activate({ ...right, bundle: undefined })).status).toBe(201);
});

test('after all that the log is valid, and nothing is found in it', async () => {
  await w.restart();
  const report = await w.check();
  expect([report.verdict, report.findings]).toEqual(['valid', []]);
}, 120_000);

describe('breaking the glass makes an alert', () => {
  let slow: PolicyWorld;

  beforeAll(async () => {
    slow = await PolicyWorld.open({ 'gateway.sealWaitMs': '100', 'sealing.intervalMs': '700' });
  }, 240_000);

  afterAll(async () => {
    await slow.close();
  });

  async function breakGlass(name: string): Promise<Answer> {
    const one = await slow.person(`${name}-approver`);
    const request = await slow.request(await slow.bundle(name), [one], { change: 'break_glass' });
    return slow.activate({ ...request, reason: 'fire' });
  }
  const source = (): number => slow.gateway.ledger.policy().active!.index!;

  test('when the seal is slower than the caller waits for', async () => {
    const { ledger } = slow.gateway;
    const append = ledger.append.bind(ledger);
    jest.spyOn(ledger, 'append').mockImplementationOnce(async (drafts) => {
      const [receipt] = await append(drafts);
      const late = receipt!.sealed.then(async (place) => {
        await sleep(500);
        return place;
      });
      return [{ ...receipt!, sealed: late }];
    });
    const { status, body } = await breakGlass('first');
    expect([status, body['index']]).toEqual([202, null]);
    await until(() => slow.active !== slow.genesis.policy!.id);
    await until(async () => (await alerts(slow, source())) === 1);
  });

  test('when the process ends between the two', async () => {
    const before = slow.active;
    await breakGlass('second');
    // The activation is durable and not sealed: closing seals it, and takes no alert behind it.
    await slow.restart();
    expect(slow.active).not.toBe(before);
    await until(async () => (await alerts(slow, source())) === 1);
    const report = await slow.check();
    expect([report.verdict, report.findings]).toEqual(['valid', []]);
  });
});
