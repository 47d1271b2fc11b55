/** Attacks on the life cycle of policies: refused by the gateway, and found where a writer that went bad did them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { signJws } from '../../src/core/json/jws.ts';
import { stageSubmitted } from '../../src/cli/open/policy.ts';
import { resolveConfiguration } from '../../src/cli/settings/configuration.ts';
import { makeCertificate, makeKeyStatement } from '../../src/core/ledger/statement.ts';
import type { FsckReport } from '../../src/ledger/fsck/fsck.ts';
import { signBundleFiles } from '../../src/keys/bundle-signatures.ts';
import { generateKey } from '../../src/keys/key-files.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import { jwsSigner } from '../../src/keys/signers.ts';
import { packBundle, PolicyWorld } from '../support/policy-world.ts';
import type { Activation, Bundle, Person } from '../support/policy-world.ts';

let w: PolicyWorld;
let [ann, ben, cid, eve]: Person[] = [];
let author: Person;
/** Good in every way but that nobody has activated it. */
let next: Bundle;
let report: FsckReport;
/** Leaf index of what a bad writer sealed, by the name of its row. */
const forged = new Map<string, number>();

beforeAll(async () => {
  w = await PolicyWorld.open();
  [ann, ben, cid] = await Promise.all(['ann', 'ben', 'cid'].map(async (name) => w.person(name)));
  author = await w.person('cid', 'author');
  eve = { ...(await w.person('eve')), cert: ann!.cert };
  next = await w.bundle('next');
}, 240_000);

afterAll(async () => {
  await w.close();
});

interface Row {
  readonly name: string;
  /** Of the answer; the same stands in the finding. */
  readonly code: string;
  readonly make: () => Promise<Activation>;
  /** What the bundle in the request is; default `next`. */
  readonly bundle?: () => Promise<Bundle>;
}

const good = async (): Promise<Activation> => w.request(next, [ann!, ben!]);
const byAnn = async (changes: Parameters<PolicyWorld['approve']>[2]): Promise<Activation> => {
  const [one, two] = [await w.approve(ann!, next, changes), await w.approve(ben!, next)];
  return { ...(await good()), approvals: [one, two] };
};
const other = 'A'.repeat(43);

const rows: readonly Row[] = [
  {
    name: 'no approval at all',
    code: 'approvals_missing',
    make: async () => ({ ...(await good()), approvals: [] }),
  },
  {
    name: 'an approval by a key that nobody certified',
    code: 'approver_unknown',
    make: async () => ({ ...(await good()), approvals: [await w.approve(eve!, next)] }),
  },
  {
    name: 'an approver certified by somebody else than the root',
    code: 'approver_unknown',
    make: async () => {
      const { jwk } = eve!.signer;
      const fields = { gen: w.genesis.gen, use: 'approver' as const, jwk, person: 'eve' };
      const cert = await makeCertificate(fields, [jwsSigner(generateKey())]);
      return { ...(await good()), approvals: [await w.approve(eve!, next)], certificates: [cert] };
    },
  },
  {
    name: 'an approver of another ledger of the same root',
    code: 'approver_unknown',
    make: async () => {
      const { jwk } = eve!.signer;
      const fields = { gen: other, use: 'approver' as const, jwk, person: 'eve' };
      const cert = await makeCertificate(fields, [w.root]);
      return { ...(await good()), approvals: [await w.approve(eve!, next)], certificates: [cert] };
    },
  },
  {
    name: 'an approval in the name of somebody else',
    code: 'approver_unknown',
    make: async () => byAnn({ person: 'ben' }),
  },
  {
    name: 'the key of an author as an approver',
    code: 'approver_unknown',
    make: async () => ({
      ...(await good()),
      approvals: [await w.approve(author, next)],
      certificates: [author.cert],
    }),
  },
  {
    name: 'an approval with the signature of another',
    code: 'approval_signature',
    make: async () => {
      const request = await good();
      const [one = '', two = ''] = request['approvals'] as string[];
      const seal = two.slice(two.lastIndexOf('.'));
      return { ...request, approvals: [one.slice(0, one.lastIndexOf('.')) + seal, two] };
    },
  },
  {
    name: 'an approval of another bundle',
    code: 'approval_other',
    make: async () => byAnn({ digest: other }),
  },
  {
    name: 'an approval of another ledger',
    code: 'approval_other',
    make: async () => byAnn({ gen: other }),
  },
  {
    name: 'an approval to follow on another policy',
    code: 'approval_other',
    make: async () => byAnn({ previous: other }),
  },
  {
    name: 'an approval of an emergency for an everyday change',
    code: 'approval_other',
    make: async () => byAnn({ change: 'break_glass' }),
  },
  {
    name: 'an approval whose time is over',
    code: 'approval_expired',
    make: async () => byAnn({ expiry: Date.now() - 1 }),
  },
  {
    name: 'one approval twice',
    code: 'approval_duplicate',
    make: async () => {
      const one = await w.approve(ann!, next);
      return { ...(await good()), approvals: [one, one] };
    },
  },
  {
    name: 'one person under two keys',
    code: 'approval_duplicate',
    make: async () => {
      const again = await w.person('ann');
      return w.request(next, [ann!, again]);
    },
  },
  {
    name: 'an approval with its payload detached',
    code: 'approval_malformed',
    make: async () => {
      const [head, , seal] = (await w.approve(ann!, next)).split('.');
      return { ...(await good()), approvals: [`${head}..${seal}`] };
    },
  },
  {
    name: 'something else that an approver signed',
    code: 'approval_malformed',
    make: async () => ({
      ...(await good()),
      approvals: [await signJws('jwt', { id: next.id }, ann!.signer)],
    }),
  },
  {
    name: 'breaking the glass without a reason',
    code: 'reason_missing',
    make: async () => w.request(next, [ann!], { change: 'break_glass' }),
  },
  {
    name: 'a rollback to what was never in charge',
    code: 'change_mismatch',
    make: async () => w.request(next, [ann!, ben!], { change: 'rollback' }),
  },
  {
    name: 'a key that the root has withdrawn',
    code: 'approver_withdrawn',
    make: async () => {
      const gone = await w.person('gone');
      const { kid } = gone.signer;
      const says = {
        ...{ v: 1 as const, gen: w.genesis.gen, kid, use: 'approver' as const },
        ...{ act: 'revoke' as const, reason: 'stolen' },
      };
      const statement = await makeKeyStatement(says, [w.root]);
      await (
        await w.gateway.ledger.appendSystem('key', { statement })
      ).sealed;
      return w.request(next, [gone, ben!]);
    },
  },
  {
    name: 'the author of a bundle approves it, with another key',
    code: 'approval_own',
    bundle: async () => w.bundle('own', () => undefined, author.key),
    make: async () => {
      const own = await w.bundle('own', () => undefined, author.key);
      const request = await w.request(own, [ann!, cid!]);
      const certificates = [...(request['certificates'] as unknown[]), author.cert];
      return { ...request, certificates };
    },
  },
];

/** Seals an activation with nobody asked: what a writer's key can do. */
async function forge(row: Row, request: Activation): Promise<void> {
  const { id, digest } = (await row.bundle?.()) ?? next;
  const writer = row.code === 'approval_own' ? author : w.author;
  const signer = writer.signer.kid;
  const { approvals, change = 'update' } = request;
  const sent = request['certificates'] as unknown[];
  const certificates = sent.includes(writer.cert) ? sent : [...sent, writer.cert];
  const receipt = await w.gateway.ledger.appendSystem('policy', {
    ...{ act: 'activate', id, digest, revision: null, previous: w.active, signer },
    ...{ approvals, certificates, change, needed: 2, grace: 0, activation: null },
  });
  forged.set(row.name, (await receipt.sealed).index);
}

describe('the gateway refuses, and says so in the log', () => {
  test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const before = w.active;
    const request = await row.make();
    const { status, body } = await w.activate(request);
    expect([body['code'], status >= 400 && status < 500]).toEqual([row.code, true]);
    const entry = await w.gateway.ledger.entry(String(body['decision']));
    const payload = Buffer.from(entry!.jws.split('.')[1]!, 'base64url').toString();
    expect(JSON.parse(payload)).toMatchObject({
      kind: 'policy',
      ctl: { act: 'reject', code: row.code },
    });
    await forge(row, request);
    expect(w.active).toBe(before);
  });

  test('a caller without the role, with all approvals', async () => {
    const { status, body } = await w.activate(await good(), w.keys.service);
    expect([status, body['code']]).toEqual([403, 'denied']);
    expect(body['reasons']).toEqual(['no role of the caller may change the policy']);
  });

  test('fewer approvals than the policy in charge asks for', async () => {
    const { status, body } = await w.activate(await w.request(next, [ann!]));
    expect([status, body['code']]).toEqual([403, 'denied']);
    expect(body['reasons']).toEqual(['this change needs approvals: 2']);
  });

  test('a grace of a year', async () => {
    const { status, body } = await w.activate({ ...(await good()), grace_ms: 31_536_000_000 });
    expect([status, body['code']]).toEqual([403, 'denied']);
  });

  test('a request that is no activation', async () => {
    const { body } = await w.activate({ ...(await good()), force: true });
    expect(body['code']).toBe('activation_malformed');
  });

  const archives: readonly (readonly [string, string, () => Promise<Uint8Array>])[] = [
    [
      'a bundle with other data under the same module',
      'approval_other',
      async () => (await w.bundle('swapped')).archive,
    ],
    [
      'a bundle that unpacks to more than memory has',
      'bundle_refused',
      async () => Promise.resolve(new Uint8Array(gzipSync(Buffer.alloc(80 * 1024 * 1024)))),
    ],
    [
      'a bundle with a path that leads out of it',
      'bundle_refused',
      async () => packBundle(new Map([['../../etc/cron.d/x', new Uint8Array(1)]])),
    ],
    [
      'a bundle with a link in it',
      'bundle_refused',
      async () => {
        const header = { name: '/data.json', size: 0, type: 'symlink' as const };
        const linked = await packTar([{ header: { ...header, linkname: '/etc/passwd' } }]);
        return new Uint8Array(gzipSync(linked));
      },
    ],
    [
      'a bundle whose module is none',
      'bundle_refused',
      async () => packed((files) => files.set('policy.wasm', new Uint8Array([0, 97, 115, 109]))),
    ],
    [
      'a bundle whose manifest promises another entrypoint',
      'bundle_refused',
      async () =>
        packed((files) => {
          const text = Buffer.from(files.get('.manifest')!).toString();
          const changed = text.replaceAll('stele/admin', 'stele/root');
          files.set('.manifest', new Uint8Array(Buffer.from(changed)));
        }),
    ],
    [
      'a bundle signed by a key that is not its author’s',
      'bundle_refused',
      async () => (await w.bundle('thief', () => undefined, generateKey())).archive,
    ],
  ];

  /** The default bundle changed into what makes no policy. */
  async function packed(change: (files: Map<string, Uint8Array>) => void): Promise<Uint8Array> {
    const files = new Map(await unpackBundle(readFileSync('bundles/default/bundle.tar.gz')));
    change(files);
    files.set('.signatures.json', await signBundleFiles(files, w.author.key));
    return packBundle(files);
  }

  test.each(archives)('%s, although approved', async (_, code, make) => {
    const archive = await make();
    const digest = createHash('sha256').update(archive).digest('base64url');
    const request = await w.request({ archive, id: other, digest, revision: null }, [ann!, ben!]);
    const { body } = await w.activate(request);
    expect([body['code'], w.active]).toEqual([code, w.genesis.policy!.id]);
  });

  test('a bundle that nobody signed: its author took the signature off, to approve it himself', async () => {
    const signed = await w.bundle('bare', () => undefined, author.key);
    const bare = await w.bundle('bare', () => undefined, null);
    expect(bare.id).toBe(signed.id);
    const { status, body } = await w.activate(await w.request(bare, [ann!, cid!]));
    expect([status, body['code']]).toEqual([422, 'bundle_refused']);
    expect(body['detail']).toMatch(/^bundle_unsigned: /);
    // Where the operator takes such bundles, the policy in charge has the last word: see its cases.
    const flags = { 'policy.unsigned': 'true' };
    const taken = resolveConfiguration({ flags, environment: {} });
    const from = { authors: [], isArchived: false };
    expect((await stageSubmitted(bare.archive, from, taken)).signer).toBeNull();
    await expect(stageSubmitted(signed.archive, from, taken)).rejects.toMatchObject({
      code: 'bundle_signature_untrusted',
    });
  });
});

describe('afterwards, from the store alone', () => {
  let used: Activation;

  beforeAll(async () => {
    used = await good();
    expect((await w.activate(used)).status).toBe(201);
    expect((await w.post('entries?ack=sealed', { n: 1 })).status).toBe(201);
  }, 240_000);

  test('an approval that was used is not good again, for the way back or another time', async () => {
    expect((await w.activate(used)).body['code']).toBe('policy_active_already');
    const first = { id: w.genesis.policy!.id, digest: '' };
    const archive = (await w.gateway.ledger.archivedPolicy(first.id))!;
    const one = await w.named(archive);
    const back = await w.request(one, [ann!, ben!], { change: 'rollback' });
    expect((await w.activate({ ...back, bundle: undefined })).status).toBe(201);
    expect((await w.activate(used)).body['code']).toBe('change_mismatch');
    expect((await w.activate({ ...used, change: 'rollback' })).body['code']).toBe('approval_other');
    const again = await w.request(next, [ann!, ben!], { change: 'rollback' });
    expect((await w.activate(again)).status).toBe(201);
    const second = await w.request(one, [ann!, ben!], { change: 'rollback' });
    expect((await w.activate({ ...second, bundle: undefined })).status).toBe(201);
    expect((await w.activate(again)).body['code']).toBe('approval_used');
  });

  test('an activation with all approvals that the policy in charge was not asked about', async () => {
    const another = await w.bundle('another');
    const { approvals, certificates } = await w.request(another, [ann!]);
    await w.gateway.ledger.archivePolicy(another.id, another.archive);
    const receipt = await w.gateway.ledger.appendSystem('policy', {
      ...{ act: 'activate', id: another.id, digest: another.digest, revision: another.revision },
      ...{ previous: w.active, signer: w.author.signer.kid, approvals, certificates },
      ...{ needed: 1, grace: 0 },
      activation: null,
    });
    forged.set('undecided', (await receipt.sealed).index);
    expect(w.active).not.toBe(another.id);
  });

  test('a policy that a writer adopts by itself', async () => {
    const receipt = await w.gateway.ledger.appendSystem('policy', {
      ...{ act: 'adopt', id: other, digest: null, revision: null, previous: w.active },
      ...{ signer: null, approvals: [], grace: null, activation: 0 },
    });
    forged.set('adopted', (await receipt.sealed).index);
    await w.restart();
    report = await w.check();
    expect(report.verdict).toBe('invalid');
    const at = report.findings.find(({ at: { index } }) => index === forged.get('adopted'));
    expect(at?.code).toBe('not_activated');
  });

  test.each(rows.map((row) => [row.name, row] as const))('%s is found', (_, row) => {
    const found = report.findings.filter(({ at }) => at.index === forged.get(row.name));
    expect(found.map(({ code, detail }) => [code, detail.split(':')[0]])).toEqual([
      ['bad_approval', row.code],
    ]);
  });

  test('what was not decided is found, although all batches are approved', () => {
    const found = report.findings.filter(({ at }) => at.index === forged.get('undecided'));
    expect(found.map(({ code, detail }) => [code, detail.split(':')[0]])).toEqual([
      ['bad_approval', 'undecided'],
    ]);
  });

  test('and nothing else is', () => {
    const known = new Set(forged.values());
    const rest = report.findings.filter(({ at }) => !known.has(at.index ?? -1));
    expect(rest).toEqual([]);
    expect(known.size).toBe(rows.length + 2);
  });
});
