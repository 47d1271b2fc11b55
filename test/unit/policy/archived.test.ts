import { beforeAll, expect, test } from '@jest/globals';
import { PoolSwitch } from '../../../src/gateway/policy-switch.ts';
import { identityFault } from '../../../src/policy/archived.ts';
import type { PreparedPolicy } from '../../../src/policy/prepare.ts';
import type { StagedPolicy } from '../../../src/policy/staged.ts';
import { SwapPool } from '../../../src/policy/swap-pool.ts';
import type { OpenPool } from '../../../src/policy/swap-pool.ts';
import { DEFAULT_BUNDLE, policyOf } from './support.ts';

const DIGEST = 'D'.repeat(43);
let prepared: PreparedPolicy;
beforeAll(async () => {
  prepared = await policyOf(DEFAULT_BUNDLE);
});

/** Nothing is asked of it. */
const none: OpenPool = async () =>
  Promise.resolve({ policy: null } as Awaited<ReturnType<OpenPool>>);

const made = (): string => prepared.identity.id;
const former = (): string => Object.values(prepared.former)[0] ?? '';

test.each([
  ['that makes its policy', made, null, undefined],
  ['that makes another, of which the log says no digest', () => 'x', null, 'policy_altered'],
  ['that makes another, and has another digest', () => 'x', 'other', 'policy_altered'],
  ['that makes another, and has its digest', () => 'x', DIGEST, 'engine_version'],
  ['of which an earlier engine made its policy', former, null, 'engine_version'],
])('a bundle %s', (_what, id, digest, code) => {
  expect(identityFault({ prepared, digest: DIGEST }, id(), digest)?.code).toBe(code);
});

test.each([
  ['was changed', null, 'policy_archive_altered'],
  ['is of another engine', DIGEST, 'policy_engine_version'],
])('a gateway does not decide by an archived bundle that %s', async (_what, digest, code) => {
  const staged: StagedPolicy = {
    ...{ prepared, digest: DIGEST, revision: null, signer: null },
    archive: new Uint8Array(),
  };
  const stage = async (): Promise<StagedPolicy> => Promise.resolve(staged);
  const policies = new PoolSwitch({ pool: await SwapPool.open(none), stage });
  const charged = { id: 'x', index: 1, digest, archive: new Uint8Array() };
  await expect(policies.ready(charged)).rejects.toMatchObject({ code, disposition: 'halt' });
});
