/** Which approvals put a policy in charge, and why others do not. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  approvalFacts,
  approvalRefusals,
  makeApproval,
  parseApproval,
} from '../../../src/core/ledger/approval.ts';
import type { Approval } from '../../../src/core/ledger/approval.ts';
import { findingsOf } from '../../../src/core/verify/batch-findings.ts';
import { signJws } from '../../../src/core/json/jws.ts';
import { applyBatch } from '../../../src/core/log/state.ts';
import { LogVerification } from '../../../src/core/verify/verify.ts';
import { makeCertificate, makeKeyStatement } from '../../../src/core/ledger/statement.ts';
import type { KeyStatement } from '../../../src/core/ledger/statement.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json/strict-json.ts';
import {
  approvalOf,
  approvedActivation,
  bootFacts,
  EXPIRY,
  idOf,
  MiniLog,
  personOf,
  signerOf,
  START,
} from '../../golden/support.ts';
import type { EntryChanges, TestWriter } from '../../golden/support.ts';

const two = idOf('policy two', 32);
const three = idOf('policy three', 32);

let log: MiniLog;
let w: TestWriter;

beforeEach(async () => {
  log = await MiniLog.create();
  w = await log.writer('one');
  await log.seal(w, [await log.entry(w, 'boot', bootFacts(log))]);
});

/** Seals an activation. @returns what is found about it. */
async function activate(ctl: JsonObject): Promise<string[]> {
  const before = log.state;
  const { batch } = log.apply(await log.batch(w, [await log.entry(w, 'policy', { ctl })]));
  return findingsOf(before, batch).map(({ code, detail }) => `${code}: ${detail}`);
}

/** A good activation but for what `change` makes of it. */
async function changed(
  change: (facts: Record<string, JsonValue>) => JsonObject | Promise<JsonObject>,
  id = two,
): Promise<string[]> {
  return activate(await change({ ...(await approvedActivation(log, id)) }));
}

/** Approves `facts` as a person who is certified as told. */
async function approve(
  facts: JsonObject,
  person: string,
  fields: Partial<Approval> = {},
  key = `approver ${person}`,
): Promise<string> {
  const { id, digest, previous } = facts as unknown as Approval;
  const signer = signerOf(key);
  return approvalOf(log, { person, signer }, { id, digest, previous, ...fields });
}

async function revoke(kid: string, act: 'revoke' | 'retire'): Promise<void> {
  const end = act === 'revoke' ? { act, reason: 'stolen' } : { act, final: null };
  const says = { v: 1, gen: log.genesis.gen, kid, use: 'approver', ...end };
  const statement = await makeKeyStatement(says as KeyStatement, log.roots);
  await log.seal(w, [await log.entry(w, 'key', { ctl: { statement } })]);
}

test('two people who did not write the bundle put it in charge', async () => {
  expect(await changed((facts) => facts)).toEqual([]);
  expect(log.state.activePolicy).toBe(two);
});

test('an approval is parsed to what was signed', async () => {
  const { approvals } = await approvedActivation(log, two);
  const { jws, approval } = parseApproval((approvals as string[])[0]!);
  expect(jws.header.kid).toBe(signerOf('approver ann').kid);
  expect(approval).toMatchObject({ v: 1, person: 'ann', id: two, expiry: EXPIRY });
});

test('an approval may name the replay that its approver has seen', async () => {
  const named = async (f: JsonObject, person: string) => approve(f, person, { report: 0 });
  const both = async (f: JsonObject) => [await named(f, 'ann'), await named(f, 'ben')];
  expect(await changed(async (f) => ({ ...f, approvals: await both(f) }))).toEqual([]);
  expect(log.state.activePolicy).toBe(two);
  const approvers = [
    { person: 'ann', kid: 'a', expiry: 1, report: 0 },
    { person: 'ben', kid: 'b', expiry: 2 },
  ];
  expect(approvalFacts(approvers)).toEqual([
    { person: 'ann', kid: 'a', expiry_ms: 1, report: 0 },
    { person: 'ben', kid: 'b', expiry_ms: 2 },
  ]);
});

const gone = (facts: JsonObject): Record<string, JsonValue> => ({ ...facts });

type Row = readonly [string, (facts: Record<string, JsonValue>) => Promise<JsonObject>, string];

const refused: readonly Row[] = [
  ['none at all', async (f) => Promise.resolve({ ...f, approvals: [] }), 'approvals_missing'],
  [
    'none at all, although none is said to be needed',
    async (f) => Promise.resolve({ ...f, approvals: [], needed: 0 }),
    'approvals_missing',
  ],
  [
    'fewer than the policy in charge asked for',
    async (f) => Promise.resolve({ ...f, needed: 3 }),
    'approvals_missing',
  ],
  [
    'an approval of another bundle',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { digest: idOf('other', 32) })] }),
    'approval_other',
  ],
  [
    'a certificate that is brought twice',
    async (f) => {
      const [first, ...rest] = f['certificates'] as JsonValue[];
      return Promise.resolve({ ...f, certificates: [first!, first!, ...rest] });
    },
    'approver_unknown',
  ],
  [
    'an approval of another policy',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { id: three })] }),
    'approval_other',
  ],
  [
    'an approval to follow on another policy',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { previous: three })] }),
    'approval_other',
  ],
  [
    'an approval of another ledger',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { gen: idOf('other', 32) })] }),
    'approval_other',
  ],
  [
    'an approval of another kind of change',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { change: 'break_glass' })] }),
    'approval_other',
  ],
  [
    'an approval that names as report what is not before it',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { report: 1_000_000 })] }),
    'report_other',
  ],
  [
    'an expired approval',
    async (f) => ({ ...f, approvals: [await approve(f, 'ann', { expiry: START })] }),
    'approval_expired',
  ],
  [
    'the author’s own approval, by the key that signed the bundle',
    async (f) => {
      const cert = await personOf(log, 'cid', 'author');
      const own = await approvalOf(log, cert, f as unknown as Approval);
      return { ...f, approvals: [own] };
    },
    'approver_unknown',
  ],
  [
    'the author’s own approval, by another key of the same person',
    async (f) => {
      const cid = await personOf(log, 'cid');
      const certificates = [...(f['certificates'] as JsonValue[]), [...cid.cert]];
      return { ...f, certificates, approvals: [await approve(f, 'cid')] };
    },
    'approval_own',
  ],
  [
    'one approval twice',
    async (f) => {
      const once = (f['approvals'] as string[])[0]!;
      return Promise.resolve({ ...f, approvals: [once, once] });
    },
    'approval_duplicate',
  ],
  [
    'one person twice under two keys',
    async (f) => {
      const second = await personOf(log, 'ann', 'approver', 'approver ann again');
      const certificates = [...(f['certificates'] as JsonValue[]), [...second.cert]];
      const approvals = [
        (f['approvals'] as string[])[0]!,
        await approve(f, 'ann', {}, 'approver ann again'),
      ];
      return { ...f, certificates, approvals };
    },
    'approval_duplicate',
  ],
  [
    'a key that nobody certified',
    async (f) => ({ ...f, approvals: [await approve(f, 'eve')] }),
    'approver_unknown',
  ],
  [
    'a key that somebody else than the root certified',
    async (f) => {
      const thief = { genesis: log.genesis, roots: [signerOf('thief')] };
      const eve = await personOf(thief, 'eve');
      return { ...f, certificates: [[...eve.cert]], approvals: [await approve(f, 'eve')] };
    },
    'approver_unknown',
  ],
  [
    'a key of the root for another ledger',
    async (f) => {
      const { jwk } = signerOf('approver eve');
      const fields = { gen: idOf('other', 32), use: 'approver' as const, jwk, person: 'eve' };
      const cert = await makeCertificate(fields, log.roots);
      return { ...f, certificates: [[...cert]], approvals: [await approve(f, 'eve')] };
    },
    'approver_unknown',
  ],
  [
    'a key that is certified to write batches',
    async (f) => ({
      ...f,
      certificates: [[...w.cert]],
      approvals: [await approve(f, 'one', {}, 'writer one')],
    }),
    'approver_unknown',
  ],
  [
    'a key of one person in the name of another',
    async (f) => ({ ...f, approvals: [await approve(f, 'ben', {}, 'approver ann')] }),
    'approver_unknown',
  ],
  [
    'a signature by another key',
    async (f) => {
      const [first = ''] = f['approvals'] as string[];
      const [head, body] = first.split('.');
      const [, , seal] = (await approve(f, 'ann', { expiry: EXPIRY + 1 })).split('.');
      return { ...f, approvals: [`${head}.${body}.${seal}`] };
    },
    'approval_signature',
  ],
  [
    'an approval with its payload detached',
    async (f) => {
      const [head, , seal] = (await approve(f, 'ann')).split('.');
      return { ...f, approvals: [`${head}..${seal}`] };
    },
    'approval_malformed',
  ],
  [
    'an approval with a member more',
    async (f) => {
      const { approval } = parseApproval(await approve(f, 'ann'));
      const more = { ...approval, x: 1 };
      const ann = signerOf('approver ann');
      return { ...f, approvals: [await signJws('stele-approval+jwt', more, ann)] };
    },
    'approval_malformed',
  ],
  [
    'something else that an approver signed',
    async (f) => {
      const { approval } = parseApproval(await approve(f, 'ann'));
      return { ...f, approvals: [await signJws('jwt', approval, signerOf('approver ann'))] };
    },
    'approval_malformed',
  ],
  [
    'a bundle by an author that nobody vouches for',
    async (f) => Promise.resolve({ ...f, signer: signerOf('a stranger').kid }),
    'author_unknown',
  ],
  [
    'an emergency without a reason',
    async () => approvedActivation(log, two, { change: 'break_glass' }),
    'reason_missing',
  ],
  [
    'a rollback to what was never in charge',
    async () => approvedActivation(log, two, { change: 'rollback' }),
    'change_mismatch',
  ],
];

describe('an activation has no effect with', () => {
  test.each(refused)('%s', async (_, change, code) => {
    const found = await changed(change);
    expect(found).toEqual([expect.stringMatching(new RegExp(`^bad_approval: ${code}: `))]);
    expect(log.state.activePolicy).toBe(log.genesis.policy!.id);
  });

  test('the policy that is in charge already', async () => {
    const [found] = await changed((facts) => facts, log.genesis.policy!.id);
    expect(found).toMatch(/activation of the policy that is in charge/);
  });

  test('no policy named', async () => {
    for (const missing of ['id', 'digest']) {
      const [found] = await changed((facts) => ({ ...facts, [missing]: null }));
      expect(found).toMatch(/activation names no policy/);
    }
  });

  test.each([
    ['revoke', 'revoked'],
    ['retire', 'retired'],
  ] as const)('a key that was %sd', async (act, status) => {
    await revoke(signerOf('approver ann').kid, act);
    const [found] = await changed(gone);
    expect(found).toMatch(`bad_approval: approver_withdrawn: `);
    expect(found).toMatch(status);
  });

  test('approvals that put a policy in charge before, when it comes back', async () => {
    const one = log.genesis.policy!.id;
    const first = await approvedActivation(log, two);
    await activate(first);
    expect(await activate(await approvedActivation(log, one, { change: 'rollback' }))).toEqual([]);
    // As of a gateway that was cut off, and seals it when it has been made elsewhere and taken back.
    expect(await activate({ ...first })).toEqual([
      expect.stringMatching(/^no_effect: its approvals are those of the activation \d+$/),
    ]);
    const fresh = await approve(first, 'ann', { expiry: EXPIRY + 2 });
    expect(
      await activate({ ...first, approvals: [fresh, (first['approvals'] as string[])[1]!] }),
    ).toEqual([expect.stringMatching(/^bad_approval: change_mismatch: /)]);
    const back = await approvedActivation(log, two, { change: 'rollback' });
    expect(await activate(back)).toEqual([]);
    const again = await approvedActivation(log, one, { change: 'rollback' });
    const late = { change: 'rollback', expiry: EXPIRY + 1 } as const;
    const approvals = [await approve(again, 'ann', late), await approve(again, 'ben', late)];
    expect(await activate({ ...again, approvals })).toEqual([]);
    expect(await activate(back)).toEqual([expect.stringMatching(/^no_effect: its approvals are /)]);
    const mixed = [await approve(back, 'ann', late), (back['approvals'] as string[])[1]!];
    expect(await activate({ ...back, approvals: mixed })).toEqual([
      expect.stringMatching(/^bad_approval: approval_used: /),
    ]);
  });

  test('a key that was certified to another person before', async () => {
    await activate(await approvedActivation(log, two));
    const { jwk } = signerOf('approver ann');
    const cert = await makeCertificate(
      { gen: log.genesis.gen, use: 'approver', jwk, person: 'dan' },
      log.roots,
    );
    const facts = await approvedActivation(log, three);
    const own = await approve(facts, 'dan', {}, 'approver ann');
    const found = await activate({
      ...facts,
      signer: null,
      needed: 1,
      approvals: [own],
      certificates: [[...cert]],
    });
    expect(found).toEqual([expect.stringMatching(/approver_unknown: .*another purpose/)]);
  });
});

test('every refusal has a test', () => {
  const tested = new Set(refused.map(([, , code]) => code));
  const elsewhere = ['approver_withdrawn', 'approval_used'];
  expect([...tested, ...elsewhere].sort()).toEqual([...approvalRefusals].sort());
});

test('an approval of a later format by an approver means stop', async () => {
  const facts = await approvedActivation(log, two);
  const { approval } = parseApproval(await approve(facts, 'ann'));
  const later = { ...approval, v: 2, and: 'more' } as JsonValue;
  const text = await signJws('stele-approval+jwt', later, signerOf('approver ann'));
  const leaf = await log.entry(w, 'policy', { ctl: { ...facts, approvals: [text] } });
  const bytes = await log.batch(w, [leaf]);
  expect(() => log.apply(bytes)).toThrow(/version 2/);
});

test('the same, by nobody in particular, means nothing', async () => {
  const facts = await approvedActivation(log, two);
  const later = { ...parseApproval(await approve(facts, 'eve')).approval, v: 2 } as JsonValue;
  const text = await signJws('stele-approval+jwt', later, signerOf('approver eve'));
  expect(await activate({ ...facts, approvals: [text] })).toEqual([
    expect.stringMatching(/^bad_approval: approver_unknown: /),
  ]);
});

test('what was made is what is parsed', async () => {
  const fields = parseApproval(await approve(await approvedActivation(log, two), 'ann')).approval;
  expect(parseApproval(await makeApproval(fields, signerOf('x'))).approval).toEqual(fields);
});

test('the key of an approver never becomes the key of a writer', async () => {
  await activate(await approvedActivation(log, two));
  const { jwk } = signerOf('approver ann');
  const fields = { gen: log.genesis.gen, use: 'writer' as const, jwk, writer: w.id };
  const cert = await makeCertificate(fields, log.roots);
  const bytes = await log.batch(w, [], { certs: [w.cert, cert] });
  expect(applyBatch(log.state, bytes, 'v')).toMatchObject({
    reason: 'invalid_key',
    detail: expect.stringContaining('another purpose'),
  });
});

test('breaking the glass is found until the log has its alert, of the highest severity', async () => {
  const batches: Uint8Array[] = [];
  const one = await MiniLog.create();
  const writer = await one.writer('one');
  const add = async (kind: 'boot' | 'policy' | 'alert', changes: EntryChanges): Promise<number> => {
    const entry = await one.entry(writer, kind, changes);
    const { batch } = one.apply(await one.batch(writer, [entry]));
    batches.push(batch.bytes);
    return batch.header.first;
  };
  const found = (): (number | undefined)[] => {
    const verification = new LogVerification(one.genesis.bytes);
    for (const [number, bytes] of batches.entries()) {
      verification.add(bytes, { number, versionId: `v${number}` });
    }
    const { findings } = verification.report();
    return findings.flatMap(({ code, at }) => (code === 'alert_missing' ? [at.index] : []));
  };
  await add('boot', bootFacts(one));
  const glass = { change: 'break_glass', reason: 'fire' } as const;
  const source = await add('policy', { ctl: await approvedActivation(one, two, glass) });
  expect(found()).toEqual([source]);
  const policy = one.genesis.policy!.id;
  const alert = { source, policy, title: 'policy changed by breaking the glass' };
  await add('alert', { ctl: { ...alert, severity: 'high' } });
  await add('alert', { ctl: { ...alert, source: 0, severity: 'critical' } });
  expect(found()).toEqual([source]);
  await add('alert', { ctl: { ...alert, severity: 'critical' } });
  expect(found()).toEqual([]);
});
