import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { signerFault } from '../../../src/cli/open/policy.ts';
import { jwkThumbprint } from '../../../src/core/json/jws.ts';
import { PoolSwitch } from '../../../src/gateway/activation/policy-switch.ts';
import { signBundleFiles } from '../../../src/keys/bundle-signatures.ts';
import { generateKey } from '../../../src/keys/key-files.ts';
import type { PrivateKey } from '../../../src/keys/key-files.ts';
import { evaluateOnce } from '../../../src/policy/decide/one-shot.ts';
import { identityFault } from '../../../src/policy/bundle/archived.ts';
import { unpackBundle } from '../../../src/policy/bundle/bundle.ts';
import type { PreparedPolicy } from '../../../src/policy/bundle/prepare.ts';
import type { StagedPolicy } from '../../../src/policy/bundle/staged.ts';
import { SwapPool } from '../../../src/policy/pool/swap-pool.ts';
import type { OpenPool } from '../../../src/policy/pool/swap-pool.ts';
import { packBundle } from '../../support/policy-world.ts';
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
  const noFault = async (): Promise<undefined> => Promise.resolve(undefined);
  const policies = new PoolSwitch({
    pool: await SwapPool.open(none),
    stage,
    signerFault: noFault,
    evaluate: evaluateOnce,
  });
  const archive = new Uint8Array();
  const charged = { id: 'x', index: 1, digest, archive, signer: null, author: null };
  await expect(policies.ready(charged)).rejects.toMatchObject({ code, disposition: 'halt' });
});

describe('the signer that an activation names', () => {
  const wil = generateKey();
  const dan = generateKey();
  const kid = (key: PrivateKey): string => jwkThumbprint(key.jwk);
  let bare: Uint8Array;
  let signed: Uint8Array;

  beforeAll(async () => {
    const files = new Map(await unpackBundle(readFileSync('bundles/default/bundle.tar.gz')));
    bare = await packBundle(files);
    files.set('.signatures.json', await signBundleFiles(files, wil, 'any scope'));
    signed = await packBundle(files);
  });

  test.each([
    ['who signed it', () => signed, kid(wil), wil.jwk, undefined],
    ['nobody, and nobody did', () => bare, null, null, undefined],
    ['nobody, and somebody did', () => signed, null, null, /none of the 0 keys/],
    ['somebody, and nobody did', () => bare, kid(wil), wil.jwk, /^nobody signed/],
    ['somebody else', () => signed, kid(dan), dan.jwk, /none of the 1 keys/],
    ['another by the key of who did', () => signed, kid(dan), wil.jwk, /its activation says/],
  ])('is %s', async (_what, archive, signer, author, fault) => {
    const said = await signerFault(archive(), { signer, author });
    if (fault === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(fault);
  });

  test('is not looked for in what cannot be unpacked', async () => {
    const named = { signer: null, author: null };
    await expect(signerFault(new Uint8Array(9), named)).rejects.toMatchObject({
      code: 'bundle_invalid',
    });
  });
});
